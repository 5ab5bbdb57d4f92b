"""The result of one image: decision, score, quality, and the risk at the chosen prevalence."""

import streamlit as st

from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.triage.decision import Assessment
from skinlens.triage.pipeline import Assessed
from skinlens.triage.risk import SETTINGS, Meaning, meaning, percent
from skinlens.triage.wording import rates_sentence
from skinlens.ui import session
from skinlens.ui.charts import score_bar
from skinlens.ui.model import LoadedModel

ICONS = {
    "refer": ":material/north:",
    "uncertain": ":material/question_mark:",
    "low": ":material/south:",
    "rejected": ":material/block:",
}
# None: a percentage that the user types.
PREVALENCES = {
    **{f"{percent(share)}: {setting}": share for setting, share in SETTINGS.items()},
    "Other percentage": None,
}
_POINT_HELP = (
    "How readily the model refers a lesion. Screening misses the fewest cancers; specialist raises the fewest false "
    "alarms."
)


def choose_point(card: ModelCard) -> OperatingPoint:
    """Return the operating point to assess at; the user has a choice only where the model has several."""
    names = [point.name for point in card.operating_points]
    if len(names) == 1:
        return card.point()
    name = st.segmented_control(
        "Operating point", names, default=card.default_point, required=True, key=session.POINT, help=_POINT_HELP
    )
    return card.point(name)


def choose_prevalence() -> float:
    """Return the share of malignant lesions where the image comes from, in (0, 1)."""
    setting = st.selectbox("How many lesions are malignant where you work?", list(PREVALENCES), key="prevalence")
    known = PREVALENCES[setting]
    if known is not None:
        return known
    return st.number_input("Malignant lesions, %", 0.1, 99.0, 5.0, 0.5, key="own-prevalence") / 100


def show_result(result: Assessed, assessment: Assessment, model: LoadedModel) -> Meaning:
    """Show quality, decision, score and risk of an image that may be assessed.

    Returns:
        The risk at the prevalence that the user chose.
    """
    _show_quality(result, assessment)
    _show_score(result, assessment, model)
    with st.container(border=True):
        risk = meaning(assessment, model.card, choose_prevalence())
        with st.container(gap="xsmall"):
            for sentence in risk.sentences():
                st.text(sentence)
    return risk


def show_rejected(result: Assessed, assessment: Assessment) -> None:
    """Say why an image was rejected and what to do, and let the user override that with a reason."""
    with st.container(border=True):
        st.markdown(f"##### {ICONS[assessment.decision]} {assessment.headline}")
        for reason in assessment.reasons:
            st.text(reason)
    if not assessment.has_result:
        return
    with st.form(f"override-{result.image.sha256}"):
        reason = st.text_input("Your reason for assessing it anyway", max_chars=200)
        st.caption("Your reason is shown with the result and printed in the PDF.")
        if not st.form_submit_button("Assess anyway", width="stretch"):
            return
        if reason.strip():
            session.keep_override(result, reason)
            st.rerun()
        st.warning("Enter a reason first.", icon=":material/edit:")


def _show_quality(result: Assessed, assessment: Assessment) -> None:
    """Show what speaks against the image before anything that was read from it."""
    for sentence in assessment.quality_sentences:
        st.caption(sentence)
    if assessment.override:
        st.warning("Assessed against advice. The reasons are listed below.", icon=":material/block:")
        st.button("Withdraw the assessment", on_click=session.keep_override, args=(result, ""), width="stretch")


def _show_score(result: Assessed, assessment: Assessment, model: LoadedModel) -> None:
    """Show the decision, the score on its bar, and what is known about the threshold."""
    prediction, point = result.prediction, assessment.point
    with st.container(border=True):
        st.markdown(f"##### {ICONS[assessment.decision]} {assessment.headline}")
        st.metric(
            assessment.score_name.capitalize(),
            f"{prediction.score:.2f}",
            help="From 0 to 1. Higher means more suspicious.",
        )
        figure = score_bar(
            prediction.score,
            point.threshold,
            name=assessment.score_name,
            band=None if point.band is None else (point.band.low, point.band.high),
            theme=st.context.theme.type or "light",
        )
        st.plotly_chart(figure, config={"displayModeBar": False}, alt=assessment.reasons[0], key="score")
        with st.container(gap="xsmall"):
            for reason in (*assessment.reasons, assessment.stability_sentence):
                st.text(reason)
        st.caption(rates_sentence(point, shown=1))
    st.caption(f"{model.card.shown_name} {model.card.version} on {model.runs_on}, {prediction.milliseconds:.0f} ms")

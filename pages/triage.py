"""Single-image triage: drop an image, read the score, see what the model looked at, take the PDF."""

from collections.abc import Callable
from datetime import datetime

import streamlit as st

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.store import current_user
from skinlens.explain.heatmap import record_overlay
from skinlens.imaging.image import ImageRejectedError
from skinlens.report.fonts import missing_characters
from skinlens.report.pdf import case_pdf
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.runtime.prediction import GateSummary
from skinlens.triage.case import CaseFacts, CaseRecord
from skinlens.triage.decision import Assessment
from skinlens.triage.risk import LESION_CLINIC, PRIMARY_CARE, Meaning, meaning, percent
from skinlens.triage.wording import rates_sentence
from skinlens.ui import session
from skinlens.ui.case_store import case_store
from skinlens.ui.charts import score_bar
from skinlens.ui.model import LoadedModel, model_or_sentence
from skinlens.ui.pdf_button import pdf_button
from skinlens.ui.quality_table import quality_table
from skinlens.ui.router import require_router
from skinlens.ui.session import Result
from skinlens.ui.viewer import original_alone, side_by_side

SEXES = ("female", "male", "other")
ICONS = {
    "refer": ":material/north:",
    "uncertain": ":material/question_mark:",
    "low": ":material/south:",
    "rejected": ":material/block:",
}
# None: a number of the user's own.
PREVALENCES = {
    f"{percent(PRIMARY_CARE)}: primary care": PRIMARY_CARE,
    f"{percent(LESION_CLINIC)}: pigmented-lesion clinic": LESION_CLINIC,
    "Another share": None,
}
POINT_HELP = "How much it takes to call an image worrying: screening misses least, specialist alarms least."


def choose_image(model: LoadedModel) -> bool:
    """Receive an upload or draw an example; a refused file gets its sentence (and a False) and the page goes on."""
    drop, example = st.columns([3, 1], vertical_alignment="bottom")
    upload = drop.file_uploader("Drop a dermoscopic image here, or browse", key=session.uploader_key())
    if example.button("Try a synthetic example", icon=":material/draw:", width="stretch", on_click=session.clear):
        session.receive_synthetic(session.next_synthetic_number(), model)
    elif upload is not None:
        return receive_upload(upload.getvalue(), upload.name, model)
    return True


def receive_upload(content: bytes, name: str, model: LoadedModel) -> bool:
    """Whether the file could be used; if not, it says why."""
    try:
        session.receive(content, name, model)
    except ImageRejectedError as refusal:
        session.drop_result()
        st.error("This file could not be used.", icon=":material/block:")
        st.text(str(refusal))
        return False
    return True


def show_result(result: Result, model: LoadedModel) -> None:
    """The image's name, both views, the score, the case facts and the PDF."""
    assessment = result.at(choose_point(model.card), override=session.override(result))
    if result.image.synthetic:
        st.warning("Synthetic example: a drawn image, not a patient.", icon=":material/draw:")
    views, verdict = st.columns([2.05, 1])
    rejected = assessment.decision == "rejected"
    with views:
        if rejected:
            original_alone(result)
        else:
            side_by_side(result)
        facts = case_facts(result)
    with verdict:
        if rejected:
            show_refusal(result, assessment)
            found = None
        else:
            show_quality(result, assessment)
            show_score(result, assessment, model)
            found = show_meaning(assessment, model)
        offer_pdf(result, assessment, facts, found, model)
    show_details(result, assessment, model)


def show_refusal(result: Result, assessment: Assessment) -> None:
    """Why the image is not judged, what to do about it, and a way past it for who has a reason."""
    with st.container(border=True):
        st.markdown(f"##### {ICONS[assessment.decision]} {assessment.headline}")
        for reason in assessment.reasons:
            st.text(reason)
    if not assessment.has_result:
        return
    with st.form(f"override-{result.image.sha256}"):
        reason = st.text_input("Your reason to have it judged all the same", max_chars=200)
        st.caption("The reason is shown with the result and printed in the summary.")
        if not st.form_submit_button("Judge it all the same", width="stretch"):
            return
        if reason.strip():
            session.keep_override(result, reason)
            st.rerun()
        st.warning("Without a reason it is not judged.", icon=":material/edit:")


def show_quality(result: Result, assessment: Assessment) -> None:
    """What speaks against the image, before anything that was read from it."""
    for sentence in assessment.quality_sentences:
        st.caption(sentence)
    if assessment.override:
        st.warning("Judged against the program's advice; see the reasons.", icon=":material/block:")
        st.button("Do not judge it after all", on_click=session.keep_override, args=(result, ""), width="stretch")


def choose_point(card: ModelCard) -> OperatingPoint:
    """The operating point to judge at; a choice only where the model has several."""
    names = [point.name for point in card.operating_points]
    if len(names) == 1:
        return card.point()
    name = st.segmented_control(
        "Operating point", names, default=card.default_point, required=True, key=session.POINT, help=POINT_HELP
    )
    return card.point(name)


def choose_prevalence() -> float:
    """Share of malignant lesions where the image comes from."""
    setting = st.selectbox("How many lesions are malignant where you work?", list(PREVALENCES), key="prevalence")
    known = PREVALENCES[setting]
    if known is not None:
        return known
    return st.number_input("Malignant lesions, %", 0.1, 99.0, 5.0, 0.5, key="own-prevalence") / 100


def show_meaning(assessment: Assessment, model: LoadedModel) -> Meaning:
    """What the result comes to at a prevalence, in words."""
    with st.container(border=True):
        found = meaning(assessment, model.card, choose_prevalence())
        with st.container(gap="xsmall"):
            for sentence in found.sentences():
                st.text(sentence)
    return found


def show_score(result: Result, assessment: Assessment, model: LoadedModel) -> None:
    """The decision in words, the score on its bar, and what is known about the threshold."""
    prediction, point = result.prediction, assessment.point
    with st.container(border=True):
        st.markdown(f"##### {ICONS[assessment.decision]} {assessment.headline}")
        st.metric(
            assessment.score_name.capitalize(), f"{prediction.score:.2f}", help="From 0 to 1; higher is more worrying."
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


def case_facts(result: Result) -> CaseFacts:
    """What the user types about this image; the widgets belong to the image, so facts never move to another."""
    key = result.image.sha256
    with st.container(border=True):
        st.markdown("**Case**, all optional; leave out names and dates of birth")
        case_id, age, sex, site = st.columns([1.3, 0.8, 0.9, 1.4])
        years = age.number_input("Age", 0, 120, None, key=f"age-{key}")
        return CaseFacts(
            case_id=case_id.text_input("Pseudonymous id", key=f"id-{key}", max_chars=60),
            age="" if years is None else str(years),
            sex=sex.selectbox("Sex", SEXES, None, placeholder="", key=f"sex-{key}") or "",
            site=site.text_input("Body site", key=f"site-{key}", max_chars=80),
            note=st.text_input("Note", key=f"note-{key}", max_chars=4000),
        )


def offer_pdf(
    result: Result, assessment: Assessment, facts: CaseFacts, found: Meaning | None, model: LoadedModel
) -> None:
    """The PDF, made when it is asked for; characters that it cannot show are named before."""
    lacking = missing_characters("\n".join((facts.case_id, facts.site, facts.note)))
    if lacking:
        st.warning("The PDF cannot show these characters and marks their places:", icon=":material/font_download_off:")
        st.text(" ".join(lacking))

    def made_record() -> CaseRecord:
        drawn = record_overlay(result.image.pixels, result.heatmap)
        return CaseRecord(result.image, drawn, assessment, facts, datetime.now().astimezone(), found)

    pdf_button(lambda: case_pdf(made_record(), model.card).content, result.image.sha256)
    save_case(made_record, model, None if found is None else found.prevalence)
    st.button("Remove image", icon=":material/close:", on_click=session.clear, width="stretch")


def save_case(made_record: Callable[[], CaseRecord], model: LoadedModel, prevalence: float | None) -> None:
    """Keep the case, with or without the image."""
    with st.popover("Save case", icon=":material/save:", width="stretch"):
        st.caption(
            "The result, what you typed and the image's SHA-256 are kept in a database of your own, under the "
            "pseudonymous id. See the page Cases."
        )
        pixels = st.checkbox("Keep the image too")
        if not st.button("Save", type="primary"):
            return
        try:
            case_store().save(
                made_record(), model.card, actor=current_user(), keep_pixels=pixels, prevalence=prevalence
            )
        except CaseStoreError as error:
            st.error("Not saved.", icon=":material/error:")
            st.text(str(error))
        else:
            st.success("Saved.", icon=":material/check:")


def fusion(gate: GateSummary | None) -> str:
    """How the model mixed its two branches, if it has two."""
    if gate is None:
        return "This model has one branch and fuses nothing."
    return f"Share of the mid-level branch in the fusion: mean {gate.mean:.2f}, from {gate.low:.2f} to {gate.high:.2f}"


def show_details(result: Result, assessment: Assessment, model: LoadedModel) -> None:
    """Checks and provenance, for those who want them."""
    image, prediction = result.image, result.prediction
    turned = () if result.stability is None else result.stability.scores
    orientations = ", ".join(f"{score:.3f}" for score in turned)
    scores = f"Score, unrounded: {prediction.score!r}\nScores turned and mirrored: {orientations}\n"
    with st.expander("Details: image quality, model, fusion"):
        st.dataframe(quality_table(result.admission, model.card.ood), hide_index=True, width="stretch")
        st.text(
            f"Image: {image.name}, {image.width} x {image.height} px\n"
            f"SHA-256 of the file: {image.sha256}\n"
            f"Model: {prediction.model.name} {prediction.model.version}, weights SHA-256 {prediction.model.sha256}\n"
            f"Ran on: {prediction.provider}, {prediction.milliseconds:.1f} ms\n"
            f"{'' if assessment.decision == 'rejected' else scores}"
            f"Operating point: {assessment.point.name}; {assessment.point.chosen_on}\n"
            f"{rates_sentence(assessment.point)}\n"
            f"{fusion(prediction.gate)}\n"
            f"Heatmap: full evidence is {model.card.heatmap.scale:g}, {model.card.heatmap.chosen_on}"
        )


def page() -> None:
    """The page in its states: no model, nothing yet, result."""
    model = model_or_sentence()
    if model is None:
        return
    usable = choose_image(model)
    result = session.current()
    if result is not None:
        show_result(result, model)
    elif usable:
        st.info(
            "Nothing to show yet. Images stay on this computer and are dropped when the browser session ends.",
            icon=":material/lock:",
        )


require_router()
page()

"""The result of one image: the question of prevalence, decision and risk, the operating points and what they cost."""

import streamlit as st

from skinlens.imaging.frames import frame_note
from skinlens.imaging.image import LesionImage, name_in_words
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.translation import gettext as _
from skinlens.translation import in_language, marked, numbers_in
from skinlens.triage.decision import Assessment
from skinlens.triage.pipeline import Assessed
from skinlens.triage.risk import SETTINGS, Meaning, Outlook, one_in, outlook_of, percent, share_words
from skinlens.triage.wording import LOW_SENTENCE, NO_RATES, UNCALIBRATED, UNCERTAIN_SENTENCE, score_sentence
from skinlens.ui import session
from skinlens.ui.entered import restore
from skinlens.ui.stability_check import StabilityCheck

PRELIMINARY_ICON = ":material/hourglass_top:"
ICONS = {
    "refer": ":material/north:",
    "uncertain": ":material/question_mark:",
    "low": ":material/south:",
    "rejected": ":material/block:",
}
OTHER = marked("Other percentage")
# None: a percentage that the user types.
PREVALENCES = {**{f"{percent(share)}: {setting}": share for setting, share in SETTINGS.items()}, OTHER: None}
_PREVALENCE, _OWN = "prevalence", "own-prevalence"


def _setting(option: str) -> str:
    """Return a choice of the prevalence as it is shown."""
    share, _mark, setting = option.partition(": ")
    return f"{numbers_in(share)}: {_(setting)}" if setting else _(option)


def is_admitted(result: Assessed) -> bool:
    """Return whether an image may be assessed, so that rates measured on other images hold for it."""
    admission = result.admission
    return result.assessment.has_result and (admission is None or not admission.rejected)


def choose_prevalence() -> float:
    """Return the share of malignant lesions where the image comes from, in (0, 1); the choice stays for all images."""
    for key in (_PREVALENCE, _OWN):
        restore(key)
    setting = st.selectbox(
        _("How many are malignant where you work?"), list(PREVALENCES), format_func=_setting, key=_PREVALENCE
    )
    share = PREVALENCES[setting]
    if share is None:
        st.session_state.setdefault(_OWN, 5.0)
        share = st.number_input(_("Malignant lesions, %"), 0.1, 99.0, step=0.5, key=_OWN) / 100
    return share


def point_in_use(card: ModelCard) -> OperatingPoint:
    """Return the operating point of the Triage page: the chosen one where the model has it, else the model's own."""
    restore(session.POINT)
    chosen = st.session_state.get(session.POINT)
    if chosen not in {point.name for point in card.operating_points}:
        # Of another model.
        st.session_state.pop(session.POINT, None)
        return card.point()
    return card.point(chosen)


def choose_point(card: ModelCard, prevalence: float | None) -> OperatingPoint:
    """Return the operating point to assess at; the user has a choice only where the model has several.

    Args:
        card: Of the model.
        prevalence: Where the consequences of each point are shown for; None shows none.
    """
    points = {point.name: point for point in card.operating_points}
    if len(points) == 1:
        return card.point()
    st.session_state[session.POINT] = point_in_use(card).name
    outlooks = [None if prevalence is None else outlook_of(point, prevalence) for point in points.values()]
    name = st.radio(
        _("How cautious? Of 1,000 lesions:"),
        list(points),
        format_func=_,
        captions=["" if outlook is None else _in_short(outlook) for outlook in outlooks],
        key=session.POINT,
        help=_(
            "How readily the model refers a lesion. Screening misses the fewest cancers; specialist raises the fewest "
            "false alarms. The numbers are for 1,000 lesions where you work."
        ),
    )
    return card.point(name)


def _in_short(outlook: Outlook) -> str:
    """Return the consequences of a point for 1,000 lesions on one line of the column."""
    return _("{referred} referred, {found} found, {missed} missed").format(
        **{name: in_language(count) for name, count in outlook.counts().items()}
    )


def show_name(result: Assessed) -> None:
    """Show which file the result belongs to, with a way to another image of it and one to take it off the page."""
    several = session.frames_to_choose(result) > 1
    name, *between, remove = st.columns([1.4, 1, 1] if several else [2.4, 1], vertical_alignment="center")
    name.text(name_in_words(result.image.name or _("No name"), result.image.frame, result.image.frames))
    for place in between:
        with place:
            _choose_frame(result)
    remove.button(_("Remove image"), icon=":material/close:", on_click=session.clear, width="stretch")
    if result.image.synthetic:
        st.warning(_("Synthetic example: a drawn image, not a patient."), icon=":material/draw:")


def show_notes(image: LesionImage) -> None:
    """Show what had to be done to read the file; which image of it this is stands beside its name."""
    named = {*frame_note(image.frame, image.frames), *frame_note(image.frame, image.frames, pages=True)}
    for number, note in enumerate(image.notes):
        if note not in named:
            with st.container(horizontal=True, gap="small", key=f"note-{number}"):
                st.markdown(":material/info:", width="content")
                st.text(in_language(note), width="stretch")


def _choose_frame(result: Assessed) -> None:
    """Let the user choose which image of a file with several is assessed."""
    key = f"frame-{result.image.identity}"

    def take() -> None:
        session.take_frame(int(st.session_state[key]) - 1)

    st.session_state[key] = result.image.frame + 1
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.text(_("Frame"), width="content")
        st.number_input(
            _("Frame to assess"),
            1,
            session.frames_to_choose(result),
            step=1,
            key=key,
            on_change=take,
            width=110,
            label_visibility="collapsed",
        )


def show_verdict(
    result: Assessed, assessment: Assessment, risk: Meaning | None, check: StabilityCheck | None = None
) -> None:
    """Show decision and risk, and what limits both.

    Args:
        result: The image and its prediction.
        assessment: Of that prediction.
        risk: From `triage.risk.meaning`.
        check: Of a first result, whose decision is shown as preliminary where it may still change; None for a
            complete one.
    """
    with st.container(border=True, gap="xsmall", key="verdict"):
        _show_headline(assessment, preliminary=result.may_change(assessment))
        if assessment.decision == "rejected":
            for reason in assessment.reasons:
                st.text(in_language(reason))
            if check is not None and check.failed:
                _show_check(check)
        elif assessment.override:
            _show_against_advice(result, assessment)
            _show_check(check)
        else:
            _show_risk(assessment, risk, check)
    if assessment.decision == "rejected" and assessment.has_result:
        _offer_override(result)


def _show_headline(assessment: Assessment, *, preliminary: bool) -> None:
    """Show the decision, in one line and as high whether it is preliminary or not, so that nothing below moves."""
    icon, headline = ICONS["rejected" if assessment.override else assessment.decision], in_language(assessment.headline)
    if preliminary:
        icon, headline = PRELIMINARY_ICON, _("Preliminary: {decision}").format(decision=headline)
    with st.container(key="preliminary" if preliminary else "decision"):
        st.markdown(f"## {icon} {headline}")


def _show_risk(assessment: Assessment, risk: Meaning | None, check: StabilityCheck | None) -> None:
    """Show the risk at the prevalence, the threshold in the same terms, and how far both can be trusted."""
    if risk is not None and risk.risk is not None and risk.risk.value is not None:
        threshold = in_language(risk.threshold_words)
        st.metric(
            _("Risk if {prevalence} are malignant").format(prevalence=numbers_in(percent(risk.prevalence))),
            in_language(one_in(risk.risk.value)),
            help=_(
                "The chance that a lesion with this result is malignant, with its 95 % interval. It follows from "
                "held-out images with about the same result."
            ),
        )
        st.text(f"{in_language(share_words(risk.risk))}. {threshold[:1].upper()}{threshold[1:]}.")
    else:
        st.text(_(UNCALIBRATED))
    sentences = {"low": LOW_SENTENCE, "uncertain": UNCERTAIN_SENTENCE}
    if assessment.decision in sentences:
        st.text(_(sentences[assessment.decision]))
    _show_check(check)
    if assessment.stability_sentence:
        st.caption(in_language(assessment.stability_sentence))
    for each in assessment.quality_sentences:
        st.caption(in_language(each))


def _show_check(check: StabilityCheck | None) -> None:
    """Say that a first result is being checked, where its stability will stand; or that the check failed."""
    if check is None:
        return
    if not check.failed:
        st.caption(_("Checking eight orientations ..."))
        return
    st.warning(
        _("The check in eight orientations failed, so the result cannot be saved."),
        icon=":material/error:",
    )
    st.button(_("Check again"), on_click=session.check_again, width="stretch", key="check-again")


def _show_against_advice(result: Assessed, assessment: Assessment) -> None:
    """Show what the model says of a rejected image, and why that counts for little."""
    st.text(in_language(assessment.explanation))
    st.text(_(NO_RATES))
    # The score stands under Details.
    raw = score_sentence(assessment.prediction.score, assessment.point)
    for reason in assessment.reasons:
        if reason != raw:
            st.text(in_language(reason))
    st.button(_("Withdraw the assessment"), on_click=session.keep_override, args=(result, ""), width="stretch")


def _offer_override(result: Assessed) -> None:
    """Let the user have a rejected image assessed for a reason."""
    with st.form(f"override-{result.image.identity}"):
        reason = st.text_input(_("Your reason for assessing it anyway"), max_chars=200)
        st.caption(_("Your reason is shown with the result and printed in the PDF."))
        if not st.form_submit_button(_("Assess anyway"), width="stretch"):
            return
        if reason.strip():
            session.keep_override(result, reason)
            st.rerun()
        st.warning(_("Enter a reason first."), icon=":material/edit:")

"""The review of one image: image and heatmap, result, the reviewer's verdict, and the patient's other images."""

from collections.abc import Callable, Sequence
from datetime import datetime

import streamlit as st

from skinlens.batch.errors import BatchError
from skinlens.batch.reopen import assessment_again, image_again, read_again, record_again
from skinlens.batch.schema import Review, RunImage
from skinlens.batch.store import BatchStore
from skinlens.batch.summary import facts_in_words, verdicts_in_words
from skinlens.batch.table import Entry
from skinlens.batch.ugly_duckling import patients, rank_ugly_ducklings, same_lesion
from skinlens.cases.errors import CaseStoreError
from skinlens.explain.heatmap import evidence_sentence, heatmap_of, overlay
from skinlens.imaging.image import ImageRejectedError, Pixels
from skinlens.imaging.preprocess import fitted
from skinlens.report.pdf import case_pdf
from skinlens.runtime.card import ModelCard
from skinlens.storage.verdict import Verdict
from skinlens.triage.case import CaseRecord
from skinlens.triage.decision import Assessment
from skinlens.ui import session
from skinlens.ui.batch.results import FOLLOW, Shown
from skinlens.ui.batch.start import AT
from skinlens.ui.case_store import case_store
from skinlens.ui.model import LoadedModel
from skinlens.ui.pdf_button import pdf_button
from skinlens.ui.verdicts import VERDICTS

_SIDE = 640
_CONFLICT = "batch-conflict"
_FAILURE = "batch-failure"
_DRAWN = "batch-drawn"
_KEYS: dict[Verdict, str] = {"benign": "B", "malignant": "M", "unsure": "U", "not judgeable": "N"}
_STRIP = 3


def current(shown: Shown) -> Entry | None:
    """Return the image in review: the last one chosen if the filter shows it, else the first; None without any."""
    at = st.session_state.get(AT)
    by_number = {entry.number: entry for entry in shown.listed}
    return by_number.get(-1 if at is None else at) or next(iter(shown.listed), None)


def go_to(number: int) -> None:
    """Review an image from the next rerun onward."""
    st.session_state[AT] = number
    st.session_state[FOLLOW] = True
    st.session_state.pop(_CONFLICT, None)


def forget_image() -> None:
    """Drop the pixels that the page holds."""
    st.session_state.pop(_DRAWN, None)


def unsaved_verdict() -> bool:
    """Return whether the last verdict could not be saved, and forget that it could not."""
    return bool(st.session_state.pop(_FAILURE, ""))


def review_pane(store: BatchStore, shown: Shown, entry: Entry, model: LoadedModel) -> None:
    """Show an image, its result unless that is hidden, and the reviewer's verdict.

    Args:
        store: The run.
        shown: From `choose`.
        entry: The image.
        model: In use on the Triage page, where the image can be opened.

    Raises:
        BatchError: If the image's record cannot be read.
    """
    _steps(shown, entry)
    row = store.image(entry.number)
    hidden = shown.hides(entry)
    assessment = None if row.state != "judged" else assessment_again(row, store.card(), shown.point)
    st.text(entry.line.relative)
    if assessment is not None and not hidden:
        score = (
            "" if assessment.decision == "rejected" else f", {assessment.score_name} {assessment.prediction.score:.2f}"
        )
        st.markdown(f"**{assessment.headline}{score}**")
    available = _show_pair(store, row, assessment, hidden=hidden)
    if row.state == "unreadable":
        st.warning(row.sentence, icon=":material/block:")
    if row.state != "waiting" and entry.line.is_image:
        _ask_for_verdict(store, shown, entry)
    if assessment is not None and not hidden:
        _show_result(assessment)
    _show_patient(store, shown, entry, hidden=hidden)
    if assessment is not None and not hidden:
        _offer_summary_and_case(store, shown, entry, row, model, available=available)


def _steps(shown: Shown, entry: Entry) -> None:
    numbers = [each.number for each in shown.listed]
    at = numbers.index(entry.number)
    back, place, onward = st.columns([1, 1.4, 1], vertical_alignment="center")
    back.button(
        "Previous",
        shortcut="Left",
        disabled=at == 0,
        on_click=go_to,
        args=(numbers[max(0, at - 1)],),
        width="stretch",
        key="batch-previous",
    )
    place.caption(f"{at + 1:,} of {len(numbers):,}")
    onward.button(
        "Next",
        shortcut="Right",
        disabled=at == len(numbers) - 1,
        on_click=go_to,
        args=(numbers[min(len(numbers) - 1, at + 1)],),
        width="stretch",
        key="batch-next",
    )


def _show_pair(store: BatchStore, row: RunImage, assessment: Assessment | None, *, hidden: bool) -> bool:
    """Show image and heatmap; return whether the image is available, which a summary or a case needs."""
    try:
        pixels = _pixels(store, row) if row.file is not None and row.state == "judged" else None
    except BatchError as error:
        st.warning("The image cannot be shown.", icon=":material/broken_image:")
        st.text(str(error))
        if row.path != row.relative:
            st.text(f"Expected at {row.path}")
        return False
    if pixels is None:
        return False
    left, right = st.columns(2)
    left.image(pixels, caption="Original", width="stretch", alt="The image as it was assessed.")
    if assessment is None or hidden or assessment.decision == "rejected":
        return True
    heatmap = heatmap_of(assessment.prediction, store.card())
    right.image(
        overlay(pixels, heatmap),
        caption="What the model looked at",
        width="stretch",
        alt=f"The image with the heatmap: {evidence_sentence(heatmap)}",
    )
    return True


def _pixels(store: BatchStore, row: RunImage) -> Pixels:
    """Return the image at the size of the pane; the last one is kept, since every click draws it again."""
    key = (store.id, row.number)
    known = st.session_state.get(_DRAWN)
    if known is not None and known[0] == key:
        kept: Pixels = known[1]
        return kept
    pixels = fitted(image_again(row).pixels, _SIDE)
    st.session_state[_DRAWN] = (key, pixels)
    return pixels


def _show_result(assessment: Assessment) -> None:
    with st.container(border=True, gap="xsmall"):
        stability = () if assessment.decision == "rejected" else (assessment.stability_sentence,)
        for sentence in (*assessment.reasons, *stability, *assessment.quality_sentences):
            if sentence:
                st.text(sentence)


def _ask_for_verdict(store: BatchStore, shown: Shown, entry: Entry) -> None:
    with st.container(border=True):
        st.markdown("**Your verdict**")
        for sentence in verdicts_in_words(entry):
            st.text(sentence)
        st.text_input("Remark", max_chars=1000, key=_note_key(store, entry))
        conflict: Review | None = st.session_state.get(_CONFLICT)
        if conflict is not None and conflict.number == entry.number:
            st.warning(
                "Another reviewer has given a verdict in the meantime. Press again to add yours.",
                icon=":material/group:",
            )
            st.text(f"{conflict.actor}: {VERDICTS[conflict.verdict]}. {conflict.note}")
        failure = st.session_state.pop(_FAILURE, "")
        if failure:
            st.error("Your verdict was not saved.", icon=":material/error:")
            st.text(failure)
        with st.container(horizontal=True, gap="small"):
            for verdict, words in VERDICTS.items():
                st.button(
                    words.capitalize(),
                    shortcut=_KEYS[verdict],
                    key=f"batch-verdict-{verdict}",
                    on_click=_save_verdict,
                    args=(store, shown, entry, verdict),
                )


def _note_key(store: BatchStore, entry: Entry) -> str:
    return f"batch-note-{store.id}-{entry.number}"


def _save_verdict(store: BatchStore, shown: Shown, entry: Entry, verdict: Verdict) -> None:
    """Save a verdict and go to the next image; after a blind verdict stay, to show the model's result."""
    known = st.session_state.pop(_CONFLICT, None) or entry.last_review
    hidden = shown.hides(entry)
    try:
        other = store.review(
            entry.number,
            verdict,
            note=st.session_state.get(_note_key(store, entry), ""),
            blind=hidden,
            actor=shown.reviewer,
            seen=None if known is None else known.id,
        )
    except BatchError as error:
        st.session_state[_FAILURE] = str(error)
        return
    if other is not None:
        st.session_state[_CONFLICT] = other
        return
    numbers = [each.number for each in shown.listed]
    at = numbers.index(entry.number)
    go_to(numbers[at] if hidden or at + 1 == len(numbers) else numbers[at + 1])


def _show_patient(store: BatchStore, shown: Shown, entry: Entry, *, hidden: bool) -> None:
    """Show the case facts of the image, and the patient's other images."""
    # The ground truth would reveal what a blind reviewer is asked.
    known = [f"{label}: {text}" for label, text in facts_in_words(entry) if not (hidden and label == "Ground truth")]
    if known:
        st.text("\n".join(known))
    group = patients(shown.every).get(entry.facts.case_id, [])
    if len(group) < 2:
        return
    with st.expander(f"This patient's {len(group)} images"):
        if not hidden:
            _show_ugly_duckling(store, entry, group)
        lesion = same_lesion(entry, group)
        if len(lesion) > 1:
            st.markdown("**The same lesion over time**")
            _show_thumbnails(store, shown, lesion)
        others = [other for other in group if other not in lesion]
        if others:
            st.markdown("**Other lesions**")
            _show_thumbnails(store, shown, others)


def _show_ugly_duckling(store: BatchStore, entry: Entry, group: Sequence[Entry]) -> None:
    ranks = rank_ugly_ducklings(group, store.features([each.number for each in group]))
    for place in ranks:
        if place.number == entry.number:
            st.text(place.sentence())
    if ranks and ranks[0].number != entry.number:
        name = next(each.line.relative for each in group if each.number == ranks[0].number)
        st.text(f"The image that differs most: {name}")


def _show_thumbnails(store: BatchStore, shown: Shown, group: Sequence[Entry]) -> None:
    small = store.thumbnails([each.number for each in group])
    for start in range(0, len(group), _STRIP):
        for place, each in zip(st.columns(_STRIP), group[start : start + _STRIP], strict=False):
            with place:
                if each.number in small:
                    st.image(small[each.number], width="stretch", alt=f"{each.line.relative}, small")
                known = [text for text in (each.facts.lesion, each.facts.date) if text]
                st.text("\n".join(known or [each.line.relative]))
                if not shown.hides(each) and each.line.score is not None and each.outcome != "rejected":
                    st.text(f"{each.line.score:.2f}")
                st.button("Open", key=f"batch-look-{each.number}", on_click=go_to, args=(each.number,))


def _offer_summary_and_case(
    store: BatchStore, shown: Shown, entry: Entry, row: RunImage, model: LoadedModel, *, available: bool
) -> None:
    """Offer the PDF, the case and the Triage page; none of them without the image."""
    card = store.card()

    def record() -> CaseRecord:
        return record_again(row, card, shown.point, entry.facts, created=datetime.now().astimezone())

    pdf_button(lambda: case_pdf(record(), card).content, row.sha256, disabled=not available)
    without = "The case facts have no case_id for this image." if available else "The image file is not available."
    with st.container(horizontal=True):
        save = st.button(
            "Save case",
            icon=":material/save:",
            disabled=not (available and entry.facts.case_id),
            help=None if available and entry.facts.case_id else without,
        )
        triage = st.button("Open in Triage", icon=":material/dermatology:", disabled=not available)
    if save:
        _save(record, card, shown.reviewer)
    if triage:
        _to_triage(row, entry, model)


def _save(record: Callable[[], CaseRecord], card: ModelCard, reviewer: str) -> None:
    try:
        case_store().save(record(), card, actor=reviewer)
    except (BatchError, CaseStoreError) as error:
        st.error("The case was not saved.", icon=":material/error:")
        st.text(str(error))
    else:
        st.toast("Saved. The Cases page lists it.", icon=":material/check:")


def _to_triage(row: RunImage, entry: Entry, model: LoadedModel) -> None:
    try:
        session.receive(read_again(row), entry.line.relative.rpartition("/")[2], model)
    except (BatchError, ImageRejectedError) as error:
        st.error("The image cannot be opened.", icon=":material/error:")
        st.text(str(error))
        return
    st.switch_page("pages/triage.py")

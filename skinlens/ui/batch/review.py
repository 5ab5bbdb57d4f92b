"""The review of one image after another: verdict bar, image and heatmap, result, and the patient's other images."""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count

import streamlit as st

from skinlens.batch.errors import BatchError, SeenByOtherError
from skinlens.batch.reopen import assessment_again, read_again, record_again
from skinlens.batch.schema import Review, RunImage
from skinlens.batch.store import BatchStore
from skinlens.batch.summary import facts_in_words, second_in_words, verdicts_in_words
from skinlens.batch.table import Entry, second_point, shortened_at_the_front
from skinlens.batch.ugly_duckling import patients, rank_ugly_ducklings, same_lesion
from skinlens.cases.errors import CaseStoreError
from skinlens.imaging.frames import with_frame
from skinlens.imaging.image import ImageRejectedError, identity_of
from skinlens.report.pdf import case_pdf
from skinlens.runtime.card import ModelCard
from skinlens.storage.verdict import Verdict
from skinlens.translation import current_language, error_in_language, in_language, ngettext, number
from skinlens.translation import gettext as _
from skinlens.triage.case import CaseRecord
from skinlens.triage.decision import Assessment
from skinlens.triage.pipeline import Assessed
from skinlens.ui import session
from skinlens.ui.batch.images import Ready, read_ahead, ready
from skinlens.ui.batch.results import BLIND, FOLLOW, Shown
from skinlens.ui.batch.start import AT, GIVEN, QUEUE
from skinlens.ui.batch.steps import go_to_step
from skinlens.ui.batch.to_triage import carry_facts
from skinlens.ui.case_store import case_store
from skinlens.ui.component import own_component
from skinlens.ui.entered import restore
from skinlens.ui.model import LoadedModel, loaded_model, released_names
from skinlens.ui.pdf_button import pdf_button
from skinlens.ui.second import assessed_by
from skinlens.ui.verdicts import VERDICTS
from skinlens.ui.viewer import accept, alone, pair

# In place of an image's number, after the last one.
END = -1
_HEIGHT = 430
_NAME_LENGTH = 60
_CONFLICT = "batch-conflict"
_FAILURE = "batch-failure"
_NEW_QUEUE = "batch-new-queue"
_KEYS: dict[Verdict, str] = {"benign": "B", "malignant": "M", "unsure": "U", "not judgeable": "N"}
_UNDO, _NOTE = "Z", "E"
_BLINK = "H"
_STRIP = 6
# Tells the keys that the page has answered, whatever the answer was.
_answers = count()


def is_reviewing() -> bool:
    """Return whether single images are in view instead of the list."""
    return QUEUE in st.session_state


def begin(shown: Shown, number: int | None = None) -> None:
    """Review the listed images one after another, in the order in which they are listed now.

    Args:
        shown: From `results.view`.
        number: The image to begin with; None for the first without a verdict of this reviewer.
    """
    # A file that could not be read is in the row only if somebody asked for it: there is nothing to say about it.
    st.session_state[QUEUE] = tuple(
        entry.number for entry in shown.listed if entry.line.is_assessed or entry.number == number
    )
    go_to(_first_without_verdict(shown) if number is None else number)


def back_to_list() -> None:
    """Show the list again, at the page of the image that was in view."""
    st.session_state.pop(QUEUE, None)
    st.session_state[FOLLOW] = True


def current(shown: Shown) -> Entry | None:
    """Return the image in review; None after the last one, or where there is none."""
    at = st.session_state.get(AT, END)
    return {entry.number: entry for entry in shown.every}.get(at)


def go_to(number: int) -> None:
    """Review an image from the next rerun onward, or show the end with `END`."""
    st.session_state[AT] = number
    st.session_state.pop(_CONFLICT, None)


def unsaved_verdict() -> bool:
    """Return whether the last verdict could not be saved, and forget that it could not."""
    return bool(st.session_state.pop(_FAILURE, ""))


def review_mode(store: BatchStore, shown: Shown, model: LoadedModel) -> None:
    """Show the image in review with its verdict bar, or that the review is done.

    Args:
        store: The run.
        shown: From `results.view`.
        model: In use on the Triage page, where the image can be opened.
    """
    if st.session_state.pop(_NEW_QUEUE, False) and shown.blind:
        # The order and the filter of before would reveal results.
        begin(shown, st.session_state.get(AT, END))
    entry = current(shown)
    _head(shown, entry)
    _bar(store, shown, entry)
    if entry is None:
        _show_end(shown)
        return
    try:
        _show_image(store, shown, entry, model)
    except BatchError as error:
        st.error(_("This image cannot be shown."), icon=":material/error:")
        st.text(error_in_language(error))
    queue = _queue()
    at = queue.index(entry.number) if entry.number in queue else -1
    every = {each.number: each for each in shown.every}
    soon = [number for number in queue[at + 1 : at + 2] if every[number].line.is_assessed]
    read_ahead(store, soon)


def _queue() -> tuple[int, ...]:
    queue: tuple[int, ...] = st.session_state.get(QUEUE, ())
    return queue


def _head(shown: Shown, entry: Entry | None) -> None:
    queue = _queue()
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.button(_("Back to the list"), icon=":material/list:", on_click=back_to_list, key="batch-to-list")
        if entry is not None:
            place = queue.index(entry.number) + 1 if entry.number in queue else 0
            st.markdown(_("Image {n} of {total}").format(n=number(place), total=number(len(queue))), width="content")
            st.text(shortened_at_the_front(entry.line.shown_name, _NAME_LENGTH), width="content")
        # The summary of the step holds the whole run; here it is about what is gone through.
        by_number = {each.number: each for each in shown.every}
        done = sum(shown.is_reviewed(by_number[number]) for number in queue if number in by_number)
        total = sum(by_number[number].line.is_assessed for number in queue if number in by_number)
        st.markdown(_("**{n} of {total} reviewed**").format(n=number(done), total=number(total)), width="content")
        st.toggle(
            _("Blind reading"), key=restore(BLIND, default=False), help=blind_help(), on_change=_ask_for_new_queue
        )


def _ask_for_new_queue() -> None:
    st.session_state[_NEW_QUEUE] = True


def blind_help() -> str:
    """Return what blind reading is."""
    return _("Hides the model's result of an image until you have given your own verdict.")


def _bar(store: BatchStore, shown: Shown, entry: Entry | None) -> None:
    """Draw the verdict bar, which stays in view while the page is scrolled."""
    keys: dict[str, str] = {}
    with st.container(key="batch-bar"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if entry is not None and entry.line.is_assessed:
                keys |= _verdict_buttons(store, shown, entry)
            keys |= _undo_button(store)
            keys |= _steps(entry)
            _offer_keys(store, entry, keys)
        if entry is not None and entry.line.is_assessed:
            _ask_for_note(store, entry)
        elif entry is not None:
            st.warning(
                _("This file was not assessed, so it takes no verdict.")
                if entry.outcome == "unreadable"
                else _("This image is not assessed yet."),
                icon=":material/block:",
            )


def _verdict_buttons(store: BatchStore, shown: Shown, entry: Entry) -> dict[str, str]:
    """Draw a button for each verdict; return their keys.

    Their names hold the image's number: a press that comes late, when the next image is in view, is nobody's verdict.
    """
    keys = {}
    for verdict, words in VERDICTS.items():
        name = f"batch-verdict-{_KEYS[verdict].lower()}-{entry.number}"
        st.button(
            f"{_(words).capitalize()} ({_KEYS[verdict]})",
            key=name,
            type="secondary",
            on_click=_save_verdict,
            args=(store, shown, entry, verdict),
        )
        keys[_KEYS[verdict].lower()] = name
    return keys


def _undo_button(store: BatchStore) -> dict[str, str]:
    given = st.session_state.get(GIVEN, [])
    name = f"batch-undo-{len(given)}"
    st.button(
        _("Undo ({key})").format(key=_UNDO),
        key=name,
        disabled=not given,
        on_click=_undo,
        args=(store,),
        help=_("Takes your last verdict back and returns to its image."),
    )
    return {_UNDO.lower(): name}


def _steps(entry: Entry | None) -> dict[str, str]:
    queue = _queue()
    at = len(queue) if entry is None or entry.number not in queue else queue.index(entry.number)
    before = queue[at - 1] if at else END
    after = queue[at + 1] if at + 1 < len(queue) else END
    st.button(
        _("Previous"),
        icon=":material/arrow_back:",
        key=f"batch-previous-{at}",
        disabled=at == 0,
        on_click=go_to,
        args=(before,),
    )
    st.button(
        _("Next"),
        icon=":material/arrow_forward:",
        key=f"batch-next-{at}",
        disabled=at == len(queue),
        on_click=go_to,
        args=(after,),
    )
    return {"arrowleft": f"batch-previous-{at}", "arrowright": f"batch-next-{at}"}


def _offer_keys(store: BatchStore, entry: Entry | None, keys: dict[str, str]) -> None:
    rows = [(key, _(VERDICTS[verdict])) for verdict, key in _KEYS.items()]
    rows += [
        (_UNDO, _("take the last verdict back")),
        ("→", _("next image")),
        ("←", _("previous image")),
        (_NOTE, _("write a note")),
        ("Esc", _("leave the note")),
        (_BLINK, _("hide the heatmap while it is held, in the image")),
        ("?", _("show or hide these keys")),
    ]
    own_component("keys")(
        key="batch-keys",
        data={
            "keys": keys,
            "token": next(_answers),
            "note": "" if entry is None else f".st-key-{_note_key(store, entry)}",
            "noteKey": _NOTE.lower(),
            "open": _("Keys (?)"),
            "title": _("Keys"),
            "close": _("Close"),
            "rows": rows,
        },
        height="content",
        width="content",
    )


def _ask_for_note(store: BatchStore, entry: Entry) -> None:
    st.text_input(
        _("Note"),
        max_chars=1000,
        key=_note_key(store, entry),
        placeholder=_("Note (E), saved with the verdict"),
        label_visibility="collapsed",
    )
    for sentence in verdicts_in_words(entry):
        st.text(in_language(sentence))
    conflict: Review | None = st.session_state.get(_CONFLICT)
    if conflict is not None and conflict.number == entry.number:
        st.warning(
            _("Another reviewer has given a verdict in the meantime. Press again to add yours."),
            icon=":material/group:",
        )
        st.text(f"{conflict.actor}: {_(VERDICTS[conflict.verdict])}. {conflict.note}")
    failure = st.session_state.pop(_FAILURE, "")
    if failure:
        st.error(_("Your verdict was not saved."), icon=":material/error:")
        st.text(in_language(failure))


def _note_key(store: BatchStore, entry: Entry) -> str:
    return f"batch-note-{store.id}-{entry.number}"


def _save_verdict(store: BatchStore, shown: Shown, entry: Entry, verdict: Verdict) -> None:
    """Save a verdict and go to the next image; after a blind verdict stay, to show the model's result."""
    known = st.session_state.pop(_CONFLICT, None) or entry.last_review
    hidden = shown.hides(entry)
    try:
        kept = store.review(
            entry.number,
            verdict,
            note=st.session_state.get(_note_key(store, entry), ""),
            blind=hidden,
            actor=shown.reviewer,
            seen=None if known is None else known.id,
        )
    except SeenByOtherError as other:
        st.session_state[_CONFLICT] = other.review
        return
    except BatchError as error:
        st.session_state[_FAILURE] = str(error)
        return
    st.session_state.setdefault(GIVEN, []).append((kept.id, entry.number, kept.note))
    queue = _queue()
    after = queue[queue.index(entry.number) + 1 :] if entry.number in queue else ()
    go_to(entry.number if hidden else next(iter(after), END))


def _undo(store: BatchStore) -> None:
    """Take this session's last verdict back and return to its image, with the note that was saved."""
    given = st.session_state.get(GIVEN, [])
    if not given:
        return
    review, number, note = given[-1]
    try:
        store.withdraw(review)
    except BatchError as error:
        st.session_state[_FAILURE] = str(error)
        return
    given.pop()
    go_to(number)
    st.session_state[f"batch-note-{store.id}-{number}"] = note


def _show_end(shown: Shown) -> None:
    """Say that the last image is done, and what is left."""
    by_number = {entry.number: entry for entry in shown.every}
    queue = [by_number[number] for number in _queue() if number in by_number]
    left = [entry for entry in queue if entry.line.is_assessed and not shown.is_reviewed(entry)]
    if left:
        sentence = ngettext(
            "This was the last image. {n} image has no verdict of yours yet.",
            "This was the last image. {n} images have no verdict of yours yet.",
            len(left),
        )
        st.info(sentence.format(n=number(len(left))), icon=":material/flag:")
    else:
        sentence = ngettext(
            "Done. The image in this list is reviewed.", "Done. All {n} images in this list are reviewed.", len(queue)
        )
        st.success(sentence.format(n=number(len(queue))), icon=":material/check_circle:")
    with st.container(horizontal=True):
        if left:
            st.button(
                _("Go to the first of them"),
                type="primary",
                key="batch-to-left",
                on_click=go_to,
                args=(left[0].number,),
            )
        st.button(
            _("Go on to export"),
            type="secondary" if left else "primary",
            key="batch-to-export",
            on_click=go_to_step,
            args=("export",),
        )


def _first_without_verdict(shown: Shown) -> int:
    waiting = [entry.number for entry in shown.listed if entry.line.is_assessed and not shown.is_reviewed(entry)]
    return next(iter((*waiting, *_queue())), END)


def _show_image(store: BatchStore, shown: Shown, entry: Entry, model: LoadedModel) -> None:
    """Show the image, its result unless that is hidden, and what else is known.

    Raises:
        BatchError: If the image's record cannot be read.
    """
    row, card = store.image(entry.number), store.card()
    if not entry.line.is_assessed:
        st.text(in_language(entry.line.sentence))
        _show_patient(store, shown, entry, hidden=False)
        return
    hidden = shown.hides(entry)
    assessment = assessment_again(row, card, shown.point)
    if not hidden:
        _headline(store, entry, assessment)
    opened = _ready(store, row)
    if opened is not None:
        accept(opened.prepared)
        result = Assessed(opened.image, assessment, card)
        if hidden:
            alone(result.image, key="batch-viewer", height=_HEIGHT)
        else:
            other = _other(store, shown, entry, result)
            pair(result, key="batch-viewer", height=_HEIGHT, assessment=assessment, other=other, blink=_BLINK)
    if not hidden:
        _show_result(assessment)
    _show_patient(store, shown, entry, hidden=hidden)
    if not hidden:
        _offer_summary_and_case(store, shown, entry, row, model, available=opened is not None)


def _headline(store: BatchStore, entry: Entry, assessment: Assessment) -> None:
    score = (
        ""
        if assessment.decision == "rejected"
        else f", {_(assessment.score_name)} {number(assessment.prediction.score, '.2f')}"
    )
    st.markdown(f"**{in_language(assessment.headline)}{score}**")
    second = store.second_card()
    if second is not None and (sentence := second_in_words(entry, second.shown_name)):
        # The name of a model that was not released is a user's.
        st.text(in_language(sentence))


def _ready(store: BatchStore, row: RunImage) -> Ready | None:
    """Return the image; where it is not to be had, say why and return None."""
    try:
        return ready(store, row.number)
    except BatchError as error:
        st.warning(_("The image cannot be shown."), icon=":material/broken_image:")
        st.text(error_in_language(error))
        if row.path != with_frame(row.relative, row.frame or 0):
            st.text(_("Expected at {path}").format(path=row.path))
        return None


def _other(store: BatchStore, shown: Shown, entry: Entry, result: Assessed) -> Callable[[], Assessed] | None:
    """Return what gives another model's result on the image; None where there is no other model.

    A second model of the run has its result already; else one that is released is asked.
    """
    second = store.second_card()
    if second is None:
        others = [name for name in released_names() if name != store.card().name]
        return (lambda: assessed_by(result, loaded_model(others[0]))) if others else None
    if entry.second is None:
        return None

    def kept() -> Assessed:
        row = store.second_result(entry.number)
        assert row is not None  # noqa: S101 - the entry has a decision from it
        return Assessed(result.image, assessment_again(row, second, second_point(second, shown.point)), second)

    return kept


def _show_result(assessment: Assessment) -> None:
    stability = () if assessment.decision == "rejected" else (assessment.stability_sentence,)
    with st.container(border=True, gap="xsmall"):
        for sentence in (*assessment.reasons, *stability, *assessment.quality_sentences):
            if sentence:
                st.text(in_language(sentence))


def _show_patient(store: BatchStore, shown: Shown, entry: Entry, *, hidden: bool) -> None:
    """Show the case facts of the image, and the patient's other images."""
    # The ground truth would reveal what a blind reviewer is asked.
    known = [f"{label}: {text}" for label, text in facts_in_words(entry, without_label=hidden)]
    if known:
        st.text(" · ".join(known))
    group = patients(shown.every).get(entry.facts.case_id, [])
    if len(group) < 2:
        return
    with st.expander(_("This patient's {n} images").format(n=len(group))):
        if not hidden:
            _show_ugly_duckling(store, entry, group)
        lesion = same_lesion(entry, group)
        if len(lesion) > 1:
            st.markdown(_("**The same lesion over time**"))
            _show_thumbnails(store, shown, lesion)
        others = [other for other in group if other not in lesion]
        if others:
            st.markdown(_("**Other lesions**"))
            _show_thumbnails(store, shown, others)


def _show_ugly_duckling(store: BatchStore, entry: Entry, group: Sequence[Entry]) -> None:
    ranks = rank_ugly_ducklings(group, store.features([each.number for each in group]))
    for place in ranks:
        if place.number == entry.number:
            st.text(in_language(place.sentence()))
    if ranks and ranks[0].number != entry.number:
        name = next(each.line.shown_name for each in group if each.number == ranks[0].number)
        st.text(_("The image that differs most: {name}").format(name=name))


def _show_thumbnails(store: BatchStore, shown: Shown, group: Sequence[Entry]) -> None:
    small = store.thumbnails([each.number for each in group])
    for start in range(0, len(group), _STRIP):
        for place, each in zip(st.columns(_STRIP), group[start : start + _STRIP], strict=False):
            with place:
                if each.number in small:
                    alt = _("{name}, small").format(name=each.line.shown_name)
                    st.image(small[each.number], width="stretch", alt=alt)
                known = [text for text in (each.facts.lesion, each.facts.date) if text]
                st.text("\n".join(known or [shown.names[each.number]]))
                if not shown.hides(each) and each.line.score is not None and each.outcome != "rejected":
                    st.text(number(each.line.score, ".2f"))
                st.button(_("Open"), key=f"batch-look-{each.number}", on_click=go_to, args=(each.number,))


def _offer_summary_and_case(
    store: BatchStore, shown: Shown, entry: Entry, row: RunImage, model: LoadedModel, *, available: bool
) -> None:
    """Offer the PDF, the case and the Triage page; none of them without the image."""
    card = store.card()

    def record() -> CaseRecord:
        return record_again(row, card, shown.point, entry.facts, created=datetime.now().astimezone())

    without = (
        _("The case facts have no case_id for this image.") if available else _("The image file is not available.")
    )
    with st.container(horizontal=True):
        save = st.button(
            _("Save case"),
            icon=":material/save:",
            disabled=not (available and entry.facts.case_id),
            help=None if available and entry.facts.case_id else without,
        )
        triage = st.button(_("Open in Triage"), icon=":material/dermatology:", disabled=not available)
        # Of the visitor: the button's thread draws no page.
        code = current_language()
        pdf_button(
            lambda: case_pdf(record(), card, code=code).content,
            identity_of(row.sha256, row.frame or 0),
            disabled=not available,
        )
    if save:
        _save(record, card, shown.reviewer)
    if triage:
        _to_triage(row, entry, model)


def _save(record: Callable[[], CaseRecord], card: ModelCard, reviewer: str) -> None:
    try:
        case_store().save(record(), card, actor=reviewer)
    except (BatchError, CaseStoreError) as error:
        st.error(_("The case was not saved."), icon=":material/error:")
        st.text(error_in_language(error))
    else:
        st.toast(_("Saved. The Cases page lists it."), icon=":material/check:")


def _to_triage(row: RunImage, entry: Entry, model: LoadedModel) -> None:
    try:
        name = entry.line.relative.rpartition("/")[2]
        session.receive(read_again(row), name, model, frame=entry.line.frame)
    except (BatchError, ImageRejectedError) as error:
        st.error(_("The image cannot be opened."), icon=":material/error:")
        st.text(error_in_language(error))
        return
    carry_facts(identity_of(row.sha256, entry.line.frame), entry.facts)
    st.switch_page("pages/triage.py")

"""One saved case: images, result, readers' verdicts, the lesion at other dates, and the PDF."""

import streamlit as st

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.records import card_of, facts_of
from skinlens.cases.reopen import PixelsNotKeptError, reopen
from skinlens.cases.schema import Assessment
from skinlens.cases.store import CaseStore, current_user
from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError
from skinlens.report.pdf import case_pdf
from skinlens.triage.case import CaseRecord
from skinlens.triage.wording import HEADLINES
from skinlens.ui.pdf_button import pdf_button
from skinlens.ui.verdicts import VERDICTS


def show_case(store: CaseStore, case_id: str) -> None:
    """Lay out one case.

    Raises:
        CaseStoreError: If the case is gone or cannot be read.
    """
    row = store.assessment(case_id)
    lesion = row.image.lesion
    st.markdown("#### Case")
    st.text(f"{lesion.patient.pseudonym}, {lesion.label}: {row.image.name}")
    images, reading = st.columns([2.05, 1])
    with images:
        record = _record(store, row)
        if record is not None:
            _show_pair(record)
        _show_other_dates(store, row)
    with reading:
        _show_result(row)
        _ask_for_verdict(store, row)
        if record is not None:
            pdf_button(lambda: case_pdf(record, card_of(row)).content, row.image.sha256)


def _record(store: CaseStore, row: Assessment) -> CaseRecord | None:
    """Return the case with its image; if that was not saved, ask for the file, and return None until it is there."""
    try:
        return reopen(store, row)
    except PixelsNotKeptError:
        upload = st.file_uploader(
            "The image was not saved. Drop its file here to see it and to make the PDF again.",
            key=f"original-{row.id}",
        )
    if upload is None:
        return None
    try:
        return reopen(store, row, original=decode(upload.getvalue(), name=upload.name))
    except (ImageRejectedError, CaseStoreError) as error:
        st.error("This file cannot be used.", icon=":material/block:")
        st.text(str(error))
        return None


def _show_pair(record: CaseRecord) -> None:
    """Show image and heatmap; a rejected image alone."""
    left, right = st.columns(2)
    left.image(record.image.pixels, caption="Original", width="stretch", alt="The image as it was assessed.")
    if record.assessment.decision != "rejected":
        right.image(
            record.overlay, caption="What the model looked at", width="stretch", alt="The image with the heatmap."
        )


def _show_result(row: Assessment) -> None:
    """Show the result in the words of the day on which it was saved."""
    with st.container(border=True):
        st.markdown(f"##### {HEADLINES[row.decision]}")
        if row.decision != "rejected":
            st.metric(row.score_name.capitalize(), f"{row.score:.2f}")
        for reason in row.reasons:
            st.text(reason)
        facts = facts_of(row)
        for name, value in (("Age", facts.age), ("Sex", facts.sex), ("Note", facts.note)):
            if value:
                st.text(f"{name}: {value}")
        card = card_of(row)
        st.caption(f"{card.shown_name} {card.version}, saved {row.created.astimezone():%Y-%m-%d %H:%M}")


def _ask_for_verdict(store: CaseStore, row: Assessment) -> None:
    """List readers' verdicts so far, with a form for one more."""
    with st.form(f"review-{row.id}", clear_on_submit=True, border=True):
        st.markdown("**Your verdict**")
        for review in row.reviews:
            when, verdict = f"{review.created.astimezone():%Y-%m-%d %H:%M}", VERDICTS[review.verdict]
            st.text(f"{when} {review.actor}: {verdict}. {review.note}")
        chosen = st.radio(
            "Verdict",
            list(VERDICTS),
            index=None,
            horizontal=True,
            format_func=VERDICTS.__getitem__,
            label_visibility="collapsed",
        )
        note = st.text_input("Remark", max_chars=1000)
        if st.form_submit_button("Save verdict", width="stretch"):
            if chosen is None:
                st.warning("Choose a verdict first.", icon=":material/edit:")
            else:
                store.review(row.id, chosen, note=note, blind=False, actor=current_user())
                st.rerun()


def _show_other_dates(store: CaseStore, row: Assessment) -> None:
    """Show the lesion at another date beside this one."""
    others = [other for other in store.of_lesion(row.image.lesion_id) if other.id != row.id]
    if not others:
        return
    st.markdown("**The same lesion at another date**")
    chosen = st.selectbox(
        "Compare with",
        others,
        format_func=lambda other: f"{other.created.astimezone():%Y-%m-%d %H:%M}: {HEADLINES[other.decision].lower()}",
        key=f"other-{row.id}",
    )
    left, right = st.columns(2)
    for place, one in ((left, row), (right, chosen)):
        pixels = store.pixels.read(one.image_id)
        when = f"{one.created.astimezone():%Y-%m-%d}, {one.score_name} {one.score:.2f}"
        if pixels is None:
            place.info(f"{when}; the image was not saved.")
        else:
            place.image(pixels, caption=when, width="stretch", alt=f"The lesion, {when}.")

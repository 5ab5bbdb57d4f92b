"""Cases: search, open, follow a lesion over time, review, make the summary again, delete, check."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.records import card_of, facts_of
from skinlens.cases.reopen import PixelsNotKeptError, reopen
from skinlens.cases.schema import Assessment, Verdict
from skinlens.cases.store import CaseLine, CaseStore, current_user
from skinlens.cases.verify import verify
from skinlens.cases.verify_pdf import check_summary
from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError
from skinlens.report.pdf import case_pdf
from skinlens.report.read_pdf import NotASummaryError
from skinlens.triage.case import CaseRecord
from skinlens.triage.wording import HEADLINES
from skinlens.ui.case_store import case_store, cases_place
from skinlens.ui.pdf_button import pdf_button
from skinlens.ui.router import require_router

DECISIONS: dict[str | None, str] = {None: "all", **{name: said.lower() for name, said in HEADLINES.items()}}
VERDICTS: tuple[Verdict, ...] = ("benign", "malignant", "unsure", "not judgeable")
SHOWN = 200
OPEN = "open-case"


def found_cases(store: CaseStore) -> None:
    """Search and list; a click on a line opens it."""
    words, decision = st.columns([2, 1.4])
    searched = words.text_input("Search patient, lesion, image or note", key="case-words")
    wanted = decision.selectbox("Decision", list(DECISIONS), format_func=DECISIONS.__getitem__, key="case-decision")
    found = store.search(searched, decision=wanted, limit=SHOWN)
    if not found.total:
        st.info(
            "No case is kept that fits." if searched or wanted else "No case is kept yet. Save one on the Triage page.",
            icon=":material/folder_open:",
        )
        return
    chosen = st.dataframe(
        case_table(found.lines),
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key="case-list",
    )
    st.caption(f"{len(found.lines)} of {found.total} cases, the latest first. Click on the left of a line to open it.")
    rows = chosen["selection"]["rows"]
    if rows:
        st.session_state[OPEN] = found.lines[rows[0]].id


def case_table(lines: Sequence[CaseLine]) -> pd.DataFrame:
    """One line a case, for a reader."""
    return pd.DataFrame(
        {
            "Saved": f"{line.created.astimezone():%Y-%m-%d %H:%M}",
            "Patient": line.patient,
            "Lesion": line.lesion,
            "Image": line.image_name,
            "Decision": HEADLINES[line.decision],
            "Score": round(line.score, 2),
            "Your verdict": line.last_verdict,
        }
        for line in lines
    )


def open_case(store: CaseStore, case_id: str) -> None:
    """One case: image and heatmap, result, reviews, the lesion's other dates, summary."""
    row = store.assessment(case_id)
    lesion = row.image.lesion
    st.markdown("#### Case")
    st.text(f"{lesion.patient.pseudonym}, {lesion.label}: {row.image.name}")
    views, verdict = st.columns([2.05, 1])
    with views:
        record = shown_record(store, row)
        other_dates(store, row)
    with verdict:
        result(row)
        reviews(store, row)
        if record is not None:
            pdf_button(lambda: case_pdf(record, card_of(row)).content, row.image.sha256)


def shown_record(store: CaseStore, row: Assessment) -> CaseRecord | None:
    """The case with its image, drawn; without kept pixels it asks for the file."""
    try:
        record = reopen(store, row)
    except PixelsNotKeptError:
        found = with_original(store, row)
        if found is None:
            return None
        record = found
    pair(record)
    return record


def with_original(store: CaseStore, row: Assessment) -> CaseRecord | None:
    """The case with the file that the user drops, if it is the right one."""
    upload = st.file_uploader(
        "The image itself is not kept. Drop its file here to see it, and to make the summary again.",
        key=f"original-{row.id}",
    )
    if upload is None:
        return None
    try:
        return reopen(store, row, original=decode(upload.getvalue(), name=upload.name))
    except (ImageRejectedError, CaseStoreError) as error:
        st.error("This file could not be used.", icon=":material/block:")
        st.text(str(error))
        return None


def pair(record: CaseRecord) -> None:
    """Image and heatmap; a refused image alone."""
    left, right = st.columns(2)
    left.image(record.image.pixels, caption="Original", width="stretch", alt="The image as it was judged.")
    if record.assessment.decision != "rejected":
        right.image(
            record.overlay, caption="What the model looked at", width="stretch", alt="The image with the heatmap."
        )


def result(row: Assessment) -> None:
    """What was said, as it was said then."""
    with st.container(border=True):
        st.markdown(f"##### {HEADLINES[row.decision]}")
        if row.decision != "rejected":
            st.metric(row.score_name.capitalize(), f"{row.score:.2f}")
        for reason in row.reasons:
            st.text(reason)
        facts = facts_of(row)
        given = {"age": facts.age, "sex": facts.sex, "note": facts.note}
        for name, value in given.items():
            if value:
                st.text(f"{name.capitalize()}: {value}")
        card = card_of(row)
        st.caption(f"{card.shown_name} {card.version}, saved {row.created.astimezone():%Y-%m-%d %H:%M}")


def reviews(store: CaseStore, row: Assessment) -> None:
    """Verdicts of people so far, and a form for one more."""
    with st.form(f"review-{row.id}", clear_on_submit=True, border=True):
        st.markdown("**Your verdict**")
        for review in row.reviews:
            st.text(f"{review.created.astimezone():%Y-%m-%d %H:%M} {review.actor}: {review.verdict}. {review.note}")
        verdict = st.radio("Verdict", VERDICTS, index=None, horizontal=True, label_visibility="collapsed")
        note = st.text_input("Remark", max_chars=1000)
        if st.form_submit_button("Save verdict", width="stretch"):
            if verdict is None:
                st.warning("Choose a verdict first.", icon=":material/edit:")
            else:
                store.review(row.id, verdict, note=note, blind=False, actor=current_user())
                st.rerun()


def other_dates(store: CaseStore, row: Assessment) -> None:
    """The same lesion at another date beside this one."""
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
            place.info(f"{when}; the image is not kept.")
        else:
            place.image(pixels, caption=when, width="stretch", alt=f"The lesion, {when}.")


def keeping(store: CaseStore) -> None:
    """Checking everything, backups, and deleting a patient."""
    with st.expander("Check, back up, delete"):
        verify_summary(store)
        if st.button("Check that nothing was changed", icon=":material/verified:"):
            checked = verify(store)
            if checked.findings:
                st.error(f"{len(checked.findings)} things are not as they were written:", icon=":material/error:")
                for finding in checked.findings:
                    st.text(finding)
            else:
                st.success(f"{checked.rows} rows and {checked.entries} log entries are as they were written.")
            st.text(f"The log ends with {checked.head}")
        st.caption("Backups are made on the command line: python -m skinlens cases backup FILE.zip")
        delete_patient(store)


def verify_summary(store: CaseStore) -> None:
    """Compare a PDF with the cases that are kept."""
    upload = st.file_uploader("Does a case summary agree with the record? Drop the PDF here.", key="summary")
    if upload is None:
        return
    try:
        found = check_summary(store, upload.getvalue())
    except NotASummaryError as error:
        st.error("This file could not be used.", icon=":material/block:")
        st.text(str(error))
        return
    if not found.agrees:
        st.error("It does not agree with the record.", icon=":material/gpp_bad:")
    elif found.exact is False:
        st.warning("Image, model and result agree; something else differs.", icon=":material/gpp_maybe:")
    else:
        st.success("It agrees with the record.", icon=":material/verified:")
    for sentence in found.sentences:
        st.text(sentence)


def delete_patient(store: CaseStore) -> None:
    """Erase a patient for good, after the pseudonym was typed."""
    with st.form("delete", clear_on_submit=True, border=False):
        st.markdown("**Delete a patient** with every lesion, image, result and verdict. This cannot be undone.")
        typed = st.text_input("Type the pseudonymous id to delete")
        if st.form_submit_button("Delete for good", icon=":material/delete_forever:") and typed.strip():
            try:
                erased = store.erase(" ".join(typed.split()), actor=current_user())
            except CaseStoreError as error:
                st.error("Nothing was deleted.", icon=":material/error:")
                st.text(str(error))
            else:
                st.session_state.pop(OPEN, None)
                st.success(f"Deleted: {erased} rows. The log keeps that it was done, and no more.")


def page() -> None:
    """The page in its states: no database, no case, cases, one open."""
    st.subheader("Cases", anchor=False)
    try:
        store = case_store()
        found_cases(store)
        if OPEN in st.session_state:
            open_case(store, st.session_state[OPEN])
        keeping(store)
    except CaseStoreError as error:
        st.session_state.pop(OPEN, None)
        cannot_be_used(error)


def cannot_be_used(error: CaseStoreError) -> None:
    """Why there are no cases on the page, what that means, and the way on."""
    st.error("The cases cannot be used.", icon=":material/error:")
    st.text(str(error))
    try:
        st.text(f"The cases are kept in {cases_place()}.")
    except CaseStoreError:
        # The settings do not say where, which is what the error tells.
        return
    st.caption(
        "Nothing was changed. Images can still be judged, but no case can be saved until this is mended. A backup is "
        "restored on the command line, after the damaged file was moved away: "
        "python -m skinlens cases restore FILE.zip"
    )
    st.button("Try again", icon=":material/refresh:")


require_router()
page()

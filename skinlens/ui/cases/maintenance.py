"""Maintenance of the saved cases: check a PDF, check for alterations, delete a patient."""

import streamlit as st

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.store import CaseStore, current_user
from skinlens.cases.verify import verify
from skinlens.cases.verify_pdf import check_summary
from skinlens.report.read_pdf import NotASummaryError
from skinlens.ui.cases.listing import OPEN


def show_maintenance(store: CaseStore) -> None:
    """Show every kind of maintenance, folded."""
    with st.expander("Check, back up, delete"):
        _check_pdf(store)
        if st.button("Check for alterations", icon=":material/verified:"):
            _check_records(store)
        st.caption("To back up all cases, run this command: python -m skinlens cases backup FILE.zip")
        _delete_patient(store)


def _check_pdf(store: CaseStore) -> None:
    """Compare a PDF with the case that it was made from."""
    upload = st.file_uploader("Drop a PDF here to compare it with its saved case", key="summary")
    if upload is None:
        return
    try:
        checked = check_summary(store, upload.getvalue())
    except NotASummaryError as error:
        st.error("This file cannot be used.", icon=":material/block:")
        st.text(str(error))
        return
    if not checked.agrees:
        st.error("The PDF does not agree with the saved case.", icon=":material/gpp_bad:")
    elif checked.exact is False:
        st.warning("Image, model and result agree. Something else differs.", icon=":material/gpp_maybe:")
    else:
        st.success("The PDF agrees with the saved case.", icon=":material/verified:")
    for sentence in checked.sentences:
        st.text(sentence)


def _check_records(store: CaseStore) -> None:
    checked = verify(store)
    altered = len(checked.findings)
    if altered:
        records = "1 record has" if altered == 1 else f"{altered} records have"
        st.error(f"{records} been altered:", icon=":material/error:")
        for finding in checked.findings:
            st.text(finding)
    else:
        st.success(f"No alterations: {checked.rows} records and {checked.entries} log entries were checked.")
    st.text(f"Digest of the log: {checked.head}")
    st.caption(
        "Write the digest down. This command then shows that no earlier entry was changed: "
        "python -m skinlens cases verify --head DIGEST"
    )


def _delete_patient(store: CaseStore) -> None:
    """Delete a patient permanently once the pseudonym was typed."""
    with st.form("delete", clear_on_submit=True, border=False):
        st.markdown("**Delete a patient** with every lesion, image, result and verdict. This cannot be undone.")
        typed = st.text_input("Type the pseudonymous id to delete")
        if st.form_submit_button("Delete permanently", icon=":material/delete_forever:") and typed.strip():
            try:
                erased = store.erase(" ".join(typed.split()), actor=current_user())
            except CaseStoreError as error:
                st.error("Nothing was deleted.", icon=":material/error:")
                st.text(str(error))
            else:
                st.session_state.pop(OPEN, None)
                st.success(f"Deleted {erased} records. The log states only that they were deleted.")

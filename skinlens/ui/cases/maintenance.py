"""Maintenance of the saved cases: check a PDF, read the log, check for alterations, delete a patient."""

import pandas as pd
import streamlit as st

from skinlens.cases.audit import AuditLine, read_log
from skinlens.cases.errors import CaseStoreError
from skinlens.cases.store import CaseStore, current_user
from skinlens.cases.verify import verify
from skinlens.cases.verify_pdf import check_summary
from skinlens.report.read_pdf import NotASummaryError
from skinlens.translation import error_in_language, marked, ngettext
from skinlens.translation import gettext as _
from skinlens.ui.cases.deletion import deleted_in_words, what_stays
from skinlens.ui.cases.listing import OPEN

_LOG_PAGE = 100
_ACTIONS = {"created": marked("saved"), "erased": marked("deleted"), "removed": marked("removed a leftover")}
_KINDS = {
    "patient": marked("patient"),
    "lesion": marked("lesion"),
    "image": marked("image"),
    "pixels": marked("pixels of the image"),
    "model": marked("model card"),
    "assessment": marked("case"),
    "review": marked("reader's verdict"),
    "image file": marked("image file without a case"),
}


def show_maintenance(store: CaseStore) -> None:
    """Show every kind of maintenance, folded."""
    with st.expander(_("Audit log: who saved and deleted what")):
        _show_log(store)
    with st.expander(_("Check, back up, delete")):
        _check_pdf(store)
        if st.button(_("Check for alterations"), icon=":material/verified:"):
            _check_records(store)
        st.caption(_("To back up all cases, run this command:") + " python -m skinlens cases backup FILE.zip")
        _delete_patient(store)


def _show_log(store: CaseStore) -> None:
    """Show the log, the latest entries first; older ones on request."""
    shown = st.session_state.get("log-shown", _LOG_PAGE)
    page = read_log(store, limit=shown)
    if not page.total:
        st.caption(_("The log is empty."))
        return
    st.dataframe(log_table(page.lines), hide_index=True, width="stretch", key="case-list-log")
    st.caption(
        ngettext("{shown} of {n} entry.", "{shown} of {n} entries, the latest first.", page.total).format(
            shown=len(page.lines), n=page.total
        )
        + " "
        + _("Each entry is chained to the one before, so that a later change shows.")
        + " "
        + _("The log does not keep what was deleted, only that it was.")
    )
    if len(page.lines) < page.total and st.button(_("Show older entries")):
        st.session_state["log-shown"] = shown + _LOG_PAGE
        st.rerun()


def log_table(lines: tuple[AuditLine, ...]) -> pd.DataFrame:
    """Tabulate entries of the log, one row each, in the order given.

    Returns:
        Columns No., When (local time), Who, Did, What, Patient, Lesion and Digest (its first digits), their titles in
        the reader's language; Patient and Lesion are "" for what has been deleted since.
    """
    return pd.DataFrame(
        {
            _("No."): line.number,
            _("When"): f"{line.moment.astimezone():%Y-%m-%d %H:%M:%S}",
            _("Who"): line.actor,
            _("Did"): _(_ACTIONS.get(line.action, line.action)),
            _("What"): _(_KINDS.get(line.kind, line.kind)),
            _("Patient"): line.patient,
            _("Lesion"): line.lesion,
            _("Digest"): line.link[:12],
        }
        for line in lines
    )


def _check_pdf(store: CaseStore) -> None:
    """Compare a PDF with the case that it was made from."""
    upload = st.file_uploader(_("Drop a PDF here to compare it with its saved case"), key="summary")
    if upload is None:
        return
    try:
        checked = check_summary(store, upload.getvalue())
    except NotASummaryError as error:
        st.error(_("This file cannot be used."), icon=":material/block:")
        st.text(error_in_language(error))
        return
    if not checked.agrees:
        st.error(_("The PDF does not agree with the saved case."), icon=":material/gpp_bad:")
    elif checked.exact is False:
        st.warning(_("Image, model and result agree. Something else differs."), icon=":material/gpp_maybe:")
    else:
        st.success(_("The PDF agrees with the saved case."), icon=":material/verified:")
    for sentence in checked.sentences:
        st.text(sentence)


def _check_records(store: CaseStore) -> None:
    checked = verify(store)
    altered = len(checked.findings)
    if altered:
        st.error(
            ngettext("{n} record has been altered:", "{n} records have been altered:", altered).format(n=altered),
            icon=":material/error:",
        )
        for finding in checked.findings:
            st.text(finding)
    else:
        st.success(
            _("No alterations: {rows} records and {entries} log entries were checked.").format(
                rows=checked.rows, entries=checked.entries
            )
        )
    st.text(_("Digest of the log: {digest}").format(digest=checked.head))
    st.caption(
        _("Write the digest down. This command then shows that no earlier entry was changed:")
        + " python -m skinlens cases verify --head DIGEST"
    )


def _delete_patient(store: CaseStore) -> None:
    """Delete a patient permanently once the pseudonym was typed."""
    with st.form("delete", clear_on_submit=True, border=False):
        st.markdown(_("**Delete a patient** with every lesion, image, result and verdict. This cannot be undone."))
        typed = st.text_input(_("Type the pseudonymous id to delete"))
        if st.form_submit_button(_("Delete permanently"), icon=":material/delete_forever:") and typed.strip():
            pseudonym = " ".join(typed.split())
            digests = {row.image.received_sha256 for row in store.of_patient(pseudonym)}
            try:
                erased = store.erase(pseudonym, actor=current_user())
            except CaseStoreError as error:
                st.error(_("Nothing was deleted."), icon=":material/error:")
                st.text(error_in_language(error))
            else:
                st.session_state.pop(OPEN, None)
                st.success(deleted_in_words(erased))
                for sentence in what_stays(digests, pseudonym):
                    st.text(sentence)

"""Saved cases: search, open, follow a lesion over time, give a verdict, make the PDF again, delete, read the log."""

import streamlit as st

from skinlens.cases.errors import CaseStoreError
from skinlens.translation import error_in_language
from skinlens.translation import gettext as _
from skinlens.ui.case_store import case_store, cases_place
from skinlens.ui.cases.case import show_case
from skinlens.ui.cases.listing import OPEN, show_cases
from skinlens.ui.cases.maintenance import show_maintenance
from skinlens.ui.router import require_router


def page() -> None:
    """The page in its states: no database, no case, cases, one open."""
    st.title(_("Cases"), anchor=False)
    try:
        store = case_store()
        show_cases(store)
        if OPEN in st.session_state:
            show_case(store, st.session_state[OPEN])
        show_maintenance(store)
    except CaseStoreError as error:
        st.session_state.pop(OPEN, None)
        show_failure(error)


def show_failure(error: CaseStoreError) -> None:
    """Say why there are no cases, what that means, and what to do."""
    st.error(_("The cases cannot be opened."), icon=":material/error:")
    st.text(error_in_language(error))
    try:
        st.text(_("The cases are stored in {place}.").format(place=cases_place()))
    except CaseStoreError:
        # The settings do not say where, and the error above says so.
        return
    st.caption(
        _(
            "Nothing was changed. You can still assess images, but you cannot save cases. To restore a backup, move "
            "the damaged file away and run this command:"
        )
        + " python -m skinlens cases restore FILE.zip"
    )
    st.button(_("Try again"), icon=":material/refresh:")


require_router()
page()

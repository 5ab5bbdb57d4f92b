"""The case store of this program, opened once for all browser sessions."""

import streamlit as st

from skinlens.cases.location import data_folder, database_url
from skinlens.cases.store import CaseStore, open_store


def case_store() -> CaseStore:
    """The store where the user's settings say.

    Raises:
        CaseStoreError: If it cannot be opened; the next call tries again.
    """
    return _open(database_url().render_as_string(hide_password=False), str(data_folder()))


@st.cache_resource(show_spinner=False, max_entries=2, on_release=lambda store: store.engine.dispose())
def _open(url: str, folder: str) -> CaseStore:  # noqa: ARG001 - the cache's key
    return open_store()

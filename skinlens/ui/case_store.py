"""The case store of this program, opened once for all browser sessions."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.location import PIXELS, database_url
from skinlens.cases.pixels import PixelFolder
from skinlens.cases.store import CaseStore, open_store
from skinlens.storage.location import data_folder, file_identity


@dataclass(frozen=True)
class _Opened:
    """A store, and which file its cases lay in when it was opened; None for a server."""

    store: CaseStore
    file: tuple[int, int] | None


def case_store() -> CaseStore:
    """The store where the user's settings say; a file that was put in place of an earlier one is opened afresh.

    Raises:
        CaseStoreError: If it cannot be opened, or its file is gone; the next call tries again.
    """
    key = (database_url().render_as_string(hide_password=False), str(data_folder()))
    opened = _open(*key)
    found = _file()
    if found == opened.file:
        return opened.store
    # An open connection would go on with the file that is gone, and lose every case that is saved.
    opened.store.engine.dispose()
    if found is None:
        raise CaseStoreError("The file of the cases is gone. Put it back, or start SkinLens again for an empty one.")
    _open.clear(*key)
    return _open(*key).store


def tidy_at_start() -> None:
    """Open the store if an interrupted save or deletion has left something, which opening it deletes.

    An error is no matter for a page that shows no cases: those that do tell it.
    """
    if PixelFolder(data_folder() / PIXELS).marked():
        with suppress(CaseStoreError):
            case_store()


def cases_place() -> str:
    """Where the cases are kept, for a reader; raises CaseStoreError if the settings do not say."""
    url = database_url()
    return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)


@st.cache_resource(show_spinner=False, max_entries=2, on_release=lambda opened: opened.store.engine.dispose())
def _open(url: str, folder: str) -> _Opened:  # noqa: ARG001 - the cache's key
    return _Opened(open_store(), _file())


def _file() -> tuple[int, int] | None:
    url = database_url()
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    try:
        return file_identity(Path(url.database))
    except OSError:
        return None

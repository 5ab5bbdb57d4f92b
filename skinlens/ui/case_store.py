"""The case store of this program, opened once for all browser sessions."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.location import PIXELS, database_url
from skinlens.cases.pixels import PixelFolder
from skinlens.storage.location import data_folder, file_identity

if TYPE_CHECKING:
    from skinlens.cases.store import CaseStore


@dataclass(frozen=True)
class _Opened:
    """A store, and the identity of its file when it was opened; None for a database server."""

    store: "CaseStore"
    file: tuple[int, int] | None


def case_store() -> "CaseStore":
    """Return the store of the user's settings; a file that was replaced meanwhile is opened again.

    Raises:
        CaseStoreError: If it cannot be opened, or its file is gone; the next call tries again.
    """
    key = (database_url().render_as_string(hide_password=False), str(data_folder()))
    opened = _open(*key)
    store = _file()
    if store == opened.file:
        return opened.store
    # An open connection would keep writing to the file that is gone, and lose every case.
    opened.store.engine.dispose()
    if store is None:
        raise CaseStoreError("The file of the cases is gone. Put it back, or start SkinLens again for an empty one.")
    _open.clear(*key)
    return _open(*key).store


def tidy_at_start() -> None:
    """Open the store if an interrupted save or deletion has left images behind; opening it deletes them.

    Errors are left to the pages that show cases.
    """
    if PixelFolder(data_folder() / PIXELS).marked():
        with suppress(CaseStoreError):
            case_store()


def cases_place() -> str:
    """Return where the cases are stored, for a reader; raises CaseStoreError if the settings do not say."""
    url = database_url()
    return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)


@st.cache_resource(show_spinner=False, max_entries=2, on_release=lambda opened: opened.store.engine.dispose())
def _open(url: str, folder: str) -> _Opened:  # noqa: ARG001 - the cache's key
    # The first page is there long before the database libraries are.
    from skinlens.cases.store import open_store

    return _Opened(open_store(), _file())


def _file() -> tuple[int, int] | None:
    url = database_url()
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    try:
        return file_identity(Path(url.database))
    except OSError:
        return None

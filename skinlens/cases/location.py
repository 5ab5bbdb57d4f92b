"""Where cases are kept: a folder of the user's own, or a database that SKINLENS_DB_URL names."""

import os
from pathlib import Path

from platformdirs import user_data_path
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from skinlens.cases.errors import CaseStoreError
from skinlens.storage.private import private_folder

URL_VARIABLE = "SKINLENS_DB_URL"
FOLDER_VARIABLE = "SKINLENS_HOME"
DATABASE = "cases.sqlite"
PIXELS = "pixels"
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "sqlite": "sqlite"}


def file_identity(path: Path) -> tuple[int, int]:
    """Which file lies at a path now: another one after it was replaced; raises OSError if there is none."""
    found = path.stat()
    return found.st_dev, found.st_ino


def data_folder() -> Path:
    """The folder for everything that SkinLens keeps: SKINLENS_HOME, or the user's data folder of this system."""
    return Path(os.environ.get(FOLDER_VARIABLE) or user_data_path("skinlens", appauthor=False))


def own_folder(path: Path) -> Path:
    """Make a folder that SkinLens writes to, for its owner alone, and close the data folder if it lies in there.

    Args:
        path: Of SkinLens alone: where others could enter it, it is closed.

    Returns:
        The same path.

    Raises:
        OSError: If it cannot be made.
    """
    home = data_folder().absolute()
    if path.absolute().is_relative_to(home):
        private_folder(home)
    return private_folder(path)


def database_url() -> URL:
    """SKINLENS_DB_URL, or a SQLite file in `data_folder`.

    Raises:
        CaseStoreError: If SKINLENS_DB_URL is no URL of SQLite or PostgreSQL.
    """
    given = os.environ.get(URL_VARIABLE)
    if not given:
        return URL.create("sqlite", database=str(data_folder() / DATABASE))
    try:
        url = make_url(given)
    except ArgumentError as error:
        raise CaseStoreError(f"{URL_VARIABLE} is not the URL of a database.") from error
    backend = url.get_backend_name()
    if backend not in _DRIVERS:
        raise CaseStoreError(f"{URL_VARIABLE} must name SQLite or PostgreSQL, not {backend}.")
    return url.set(drivername=_DRIVERS[backend])

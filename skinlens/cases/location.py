"""The database of the cases: a file in the data folder, or the one that SKINLENS_DB_URL names."""

import os
from typing import TYPE_CHECKING

from skinlens.cases.errors import CaseStoreError
from skinlens.storage.location import data_folder
from skinlens.translation import sentence

if TYPE_CHECKING:
    from sqlalchemy import URL

URL_VARIABLE = "SKINLENS_DB_URL"
DATABASE = "cases.sqlite"
PIXELS = "pixels"
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "sqlite": "sqlite"}


def database_url() -> "URL":
    """Return SKINLENS_DB_URL, or the URL of a SQLite file in `storage.location.data_folder`.

    Raises:
        CaseStoreError: If SKINLENS_DB_URL is no URL of SQLite or PostgreSQL; the message does not repeat it, since it
            may hold a password.
    """
    # Half a second to import, which whoever only asks for a folder need not wait for.
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError

    given = os.environ.get(URL_VARIABLE)
    if not given:
        return URL.create("sqlite", database=str(data_folder() / DATABASE))
    try:
        url = make_url(given)
    except ArgumentError as error:
        raise CaseStoreError(sentence("{variable} is not the URL of a database.", variable=URL_VARIABLE)) from error
    backend = url.get_backend_name()
    if backend not in _DRIVERS:
        raise CaseStoreError(
            sentence(
                "{variable} must name SQLite or PostgreSQL, not {backend}.", variable=URL_VARIABLE, backend=backend
            )
        )
    return url.set(drivername=_DRIVERS[backend])

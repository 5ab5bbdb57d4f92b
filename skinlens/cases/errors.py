"""What can go wrong with the case store, in sentences for people."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from skinlens.errors import SkinLensError


class CaseStoreError(SkinLensError):
    """Cases cannot be read or kept; nothing that was already saved is lost, and nothing is half saved."""


class CaseNotFoundError(CaseStoreError):
    """There is no such case (any more)."""


# Parts of the messages of SQLite and of libpq, in lower case, and what to say instead.
_CAUSES = {
    "database is locked": "another program is writing to it. Try again in a moment",
    "database or disk is full": "the disk is full. Make room and try again",
    "no space left on device": "the disk is full. Make room and try again",
    "readonly database": "it may only be read. Check its permissions",
    "unable to open database": "it cannot be opened. Check the folder and its permissions",
    "disk i/o error": "the disk reports an error",
    "file is not a database": "the file is damaged or not a SkinLens database. Restore it from a backup",
    "malformed": "the file is damaged. Restore it from a backup",
    "connection refused": "the database server does not answer",
    "password authentication failed": "the database server refuses the password",
}


@contextmanager
def told(what: str, kind: type[Exception] = CaseStoreError) -> Iterator[None]:
    """Turn an error of the database or the disk into a sentence.

    Args:
        what: What was tried, as in "The case could not be saved".
        kind: What to raise in place of any such error.

    Raises:
        CaseStoreError: Or whatever `kind` is.
    """
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise kind(f"{what}: {_cause(error)}.") from error


def _cause(error: Exception) -> str:
    text = str(error.orig if isinstance(error, DBAPIError) else error).lower()
    for part, said in _CAUSES.items():
        if part in text:
            return said
    if isinstance(error, OSError):
        return error.strerror or "the disk reports an error"
    kind = "does not answer as it should" if isinstance(error, OperationalError) else "refuses what was asked of it"
    return f"the database {kind} ({type(error).__name__})"

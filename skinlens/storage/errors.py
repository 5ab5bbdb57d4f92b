"""Errors of a database or a disk as sentences for people."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

# Parts of the messages of SQLite and of libpq, in lower case, and what to write instead.
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
    "password authentication failed": "the database server rejects the password",
}


@contextmanager
def explained(failure: str, kind: type[Exception]) -> Iterator[None]:
    """Turn an error of the database or the disk into a sentence; every other exception passes unchanged.

    Args:
        failure: What went wrong, without a full stop, as in "The case could not be saved".
        kind: What to raise instead; its message is `failure` and the cause.

    Raises:
        Exception: Of `kind`, from any `SQLAlchemyError` or `OSError`.

    Examples:
        >>> with explained("The table could not be read", ValueError):
        ...     raise OSError(28, "No space left on device")
        Traceback (most recent call last):
        ...
        ValueError: The table could not be read: the disk is full. Make room and try again.
    """
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise kind(f"{failure}: {_cause(error)}.") from error


def _cause(error: Exception) -> str:
    # The message of SQLAlchemy itself repeats the statement and its values, which may be a patient's.
    text = str(error.orig if isinstance(error, DBAPIError) else error).lower()
    for part, sentence in _CAUSES.items():
        if part in text:
            return sentence
    if isinstance(error, OSError):
        return error.strerror or "the disk reports an error"
    kind = "does not answer as it should" if isinstance(error, OperationalError) else "rejects the statement"
    return f"the database {kind} ({type(error).__name__})"

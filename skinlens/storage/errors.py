"""Errors of a database or a disk as sentences for people."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from skinlens.translation import marked, sentence

# Parts of the messages of SQLite and of libpq, in lower case, and what to write instead.
_CAUSES = {
    "database is locked": marked("another program is writing to it. Try again in a moment"),
    "database or disk is full": marked("the disk is full. Make room and try again"),
    "no space left on device": marked("the disk is full. Make room and try again"),
    "readonly database": marked("it may only be read. Check its permissions"),
    "unable to open database": marked("it cannot be opened. Check the folder and its permissions"),
    "disk i/o error": marked("the disk reports an error"),
    "file is not a database": marked("the file is damaged or not a SkinLens database. Restore it from a backup"),
    "malformed": marked("the file is damaged. Restore it from a backup"),
    "connection refused": marked("the database server does not answer"),
    "password authentication failed": marked("the database server rejects the password"),
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
        raise kind(sentence("{failure}: {cause}.", failure=failure, cause=_cause(error))) from error


def _cause(error: Exception) -> str:
    # The message of SQLAlchemy itself repeats the statement and its values, which may be a patient's.
    text = str(error.orig if isinstance(error, DBAPIError) else error).lower()
    for part, cause in _CAUSES.items():
        if part in text:
            return cause
    if isinstance(error, OSError):
        return error.strerror or marked("the disk reports an error")
    kind = type(error).__name__
    if isinstance(error, OperationalError):
        return sentence("the database does not answer as it should ({kind})", kind=kind)
    return sentence("the database rejects the statement ({kind})", kind=kind)

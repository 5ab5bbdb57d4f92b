"""The base of every error whose message is for a person, with the exit status of a command that ends in it."""

from typing import ClassVar


class SkinLensError(Exception):
    """Something a person can act on: the message says what happened, to which file, and what to do.

    The command line prints the message alone and ends with the status; any other exception is a defect and is shown
    in full.

    Attributes:
        exit_status: 1 if a result cannot be had or written, 2 if what the command was given cannot be used.

    Examples:
        >>> class TableError(SkinLensError):
        ...     exit_status = 2
        >>> try:
        ...     raise TableError("cells.csv lacks the column path")
        ... except SkinLensError as error:
        ...     print(f"{error} (status {error.exit_status})")
        cells.csv lacks the column path (status 2)
    """

    exit_status: ClassVar[int] = 1


class OutputError(SkinLensError):
    """A result cannot be written."""


class UsageError(SkinLensError, ValueError):
    """The command was called with arguments that do not go together or cannot be used."""

    exit_status = 2

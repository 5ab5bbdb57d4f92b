"""Which errors are meant for people, and the exit status of each."""

_STATUS = {
    "AnotherImageError": 1,
    "DestinationError": 1,
    "ModelFileError": 1,
    "NotASummaryError": 2,
    "OutputError": 1,
    "ParityError": 1,
    "PixelsNotKeptError": 1,
    "ResultError": 1,
    "CaseNotFoundError": 1,
    "CaseStoreError": 1,
    "CheckpointError": 2,
    "CsvFileError": 2,
    "ImageRejectedError": 2,
    "ManifestError": 2,
    "MarkError": 2,
    "RecipeError": 2,
    "SelectionError": 2,
    "SourceError": 2,
    "StartError": 2,
    "UnusableFileError": 2,
    "UsageError": 2,
}


class OutputError(RuntimeError):
    """A result cannot be written."""


class UsageError(ValueError):
    """The command was called with words that do not go together."""


def exit_status(error: Exception) -> int | None:
    """The status for an error with a message for people; None for a defect, which should be seen in full.

    Compared by name, since most of these types live in modules that a given command never imports.
    """
    return _STATUS.get(type(error).__name__)

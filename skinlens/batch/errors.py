"""What can go wrong with a run, in sentences for people."""

from skinlens.errors import SkinLensError


class BatchError(SkinLensError):
    """A run cannot be read, written or continued; nothing of it that was saved is lost."""

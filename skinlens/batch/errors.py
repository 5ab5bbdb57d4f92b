"""What can go wrong with a run, in sentences for people."""


class BatchError(RuntimeError):
    """A run cannot be read, written or gone on with; nothing of it that was saved is lost."""

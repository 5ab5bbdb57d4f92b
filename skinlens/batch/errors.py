"""What can go wrong with a run, in sentences for people."""

from typing import TYPE_CHECKING

from skinlens.errors import SkinLensError
from skinlens.translation import marked

if TYPE_CHECKING:
    from skinlens.batch.schema import Review


class BatchError(SkinLensError):
    """A run cannot be read, written or continued; nothing of it that was saved is lost."""


class SeenByOtherError(BatchError):
    """Another reviewer has given a verdict that this one has not seen yet.

    Attributes:
        review: That verdict.
    """

    def __init__(self, review: "Review") -> None:
        super().__init__(marked("Another reviewer has given a verdict in the meantime."))
        self.review = review

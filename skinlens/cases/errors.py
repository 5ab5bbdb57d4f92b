"""Errors of the case store, as sentences for people."""

from skinlens.errors import SkinLensError


class CaseStoreError(SkinLensError):
    """Cases cannot be read or kept; nothing that was already saved is lost, and nothing is half saved."""


class AlreadySavedError(CaseStoreError):
    """The same image with the same result and the same facts is saved already.

    Attributes:
        case_id: The case that holds it.
    """

    def __init__(self, sentence: str, case_id: str) -> None:
        super().__init__(sentence)
        self.case_id = case_id


class CaseNotFoundError(CaseStoreError):
    """There is no such case (any more)."""

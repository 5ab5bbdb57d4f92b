"""Errors of the case store, as sentences for people."""

from skinlens.errors import SkinLensError


class CaseStoreError(SkinLensError):
    """Cases cannot be read or kept; nothing that was already saved is lost, and nothing is half saved."""


class CaseNotFoundError(CaseStoreError):
    """There is no such case (any more)."""

"""Errors of the case store, as sentences for people."""


class CaseStoreError(RuntimeError):
    """Cases cannot be read or kept; nothing that was already saved is lost, and nothing is half saved."""


class CaseNotFoundError(CaseStoreError):
    """There is no such case (any more)."""

"""A run as the Batch page shows it."""

from skinlens.batch.facts import Matched
from skinlens.batch.store import BatchStore
from skinlens.batch.table import entries
from skinlens.ui.batch.results import Shown


def shown(store: BatchStore, *, blind: bool = False, reviewer: str = "me") -> Shown:
    """A run as the page shows it, in the order of the run."""
    point = store.card().point()
    every = entries(store.lines(), point, facts={}, reviews=store.reviews())
    return Shown(every, every, point, blind, reviewer, Matched({}, (), ()), "", (store.id, *store.stamp()))

"""A run as the Batch page shows it."""

from skinlens.batch.facts import Matched
from skinlens.batch.store import BatchStore
from skinlens.batch.table import entries, short_names
from skinlens.ui.batch.results import Shown


def shown(store: BatchStore, *, blind: bool = False, reviewer: str = "me") -> Shown:
    """A run as the page shows it, in the order of the run."""
    point, lines = store.card().point(), store.lines()
    every = entries(lines, point, facts={}, reviews=store.reviews())
    stamp, names = (store.id, *store.stamp()), short_names(lines)
    return Shown(every, every, point, blind, reviewer, Matched({}, (), ()), "", stamp, names)

"""Which rows an epoch shows: each once, or evened out over origins and labels, the same for a seed and an epoch."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch.utils.data import Sampler

from skinlens.training.manifest import cells

# Epoch, row and, where a row may come several times an epoch, the how-manieth time this is.
Draw = tuple[int, ...]

Weights = npt.NDArray[np.float64]


def row_weights(rows: pd.DataFrame, balance: float, *, even_labels: bool = False) -> Weights:
    """How often to draw each row so that its cell of origin and label is drawn as often as it should be.

    Args:
        rows: N rows; with `origin` and `label` unless `balance` is 0.
        balance: A cell of n rows is drawn from in proportion to `n ** (1 - balance)`.
        even_labels: Whether it is origins of n rows that are drawn from so, and the labels of an origin as often as one
            another, so that the origin says nothing about the label.

    Returns:
        `(N,)`, positive, with the sum 1; equal within a cell.

    Raises:
        ManifestError: If rows have no origin.
    """
    if balance == 0 and not even_labels:
        return np.full(len(rows), 1 / len(rows))
    cell = cells(rows)
    size = cell.map(cell.value_counts()).to_numpy(np.float64)
    if even_labels:
        origin = rows["origin"].map(rows["origin"].value_counts()).to_numpy(np.float64)
        labels = rows.groupby("origin")["label"].transform("nunique").to_numpy(np.float64)
        weights = origin ** np.float64(1 - balance) / (labels * size)
    else:
        weights = size ** np.float64(-balance)
    return np.asarray(weights / weights.sum(), np.float64)


class EpochSampler(Sampler[Draw]):
    """A shuffle that depends on seed and epoch alone, dealt out evenly to the processes of a distributed run.

    The last rows of a shuffle that do not fill a batch on every process are left out of that epoch.
    """

    def __init__(
        self, rows: int, *, seed: int, batch_size: int, rank: int = 0, world: int = 1, images: int | None = None
    ) -> None:
        self.rows, self.seed, self.rank, self.world = rows, seed, rank, world
        self.batches = (rows if images is None else images) // (batch_size * world)
        self.per_process = self.batches * batch_size
        self.epoch = 0

    def __len__(self) -> int:
        return self.per_process

    def __iter__(self) -> Iterator[Draw]:
        draws = self._draws(np.random.default_rng([self.seed, self.epoch]))
        yield from draws[self.rank : self.per_process * self.world : self.world]

    def _draws(self, generator: np.random.Generator) -> list[Draw]:
        """Those of every process."""
        return [(self.epoch, int(row)) for row in generator.permutation(self.rows)]


class BalancedSampler(EpochSampler):
    """As many draws an epoch as `EpochSampler`, but each row as often as its weight says.

    Systematic sampling: a row of weight w comes w times the number of draws, rounded down or up at random so that the
    mean is right. Rows of one weight lie side by side, so that the draws of all cells of one size are exact to one too.

    Args:
        weights: `(N,)`, from `row_weights`.
        seed: With the epoch it decides everything.
        batch_size: Of one process.
        rank: Of this process.
        world: Number of processes.
        images: Images that an epoch shows; None: as many as there are rows.
    """

    def __init__(
        self, weights: Weights, *, seed: int, batch_size: int, rank: int = 0, world: int = 1, images: int | None = None
    ) -> None:
        super().__init__(len(weights), seed=seed, batch_size=batch_size, rank=rank, world=world, images=images)
        self.weights = weights

    def _draws(self, generator: np.random.Generator) -> list[Draw]:
        total = self.per_process * self.world
        order = generator.permutation(self.rows)
        # Stable, so that rows of one weight stay shuffled among themselves.
        order = order[np.argsort(self.weights[order], kind="stable")]
        reach = np.cumsum(self.weights[order])
        # One random offset for all, then even steps: each row comes its share of times, to one.
        places = np.searchsorted(reach / reach[-1] * total, np.arange(total) + generator.random(), side="right")
        rows = pd.Series(order[np.minimum(places, self.rows - 1)])
        repeats = rows.groupby(rows).cumcount()
        return [(self.epoch, int(rows[n]), int(repeats[n])) for n in generator.permutation(total)]

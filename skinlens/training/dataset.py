"""Pictures for training and for scoring a fold, decoded by the same code as a clinician's upload."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler
from torchvision.transforms import v2

from skinlens.imaging.decode import decode
from skinlens.imaging.image import Pixels
from skinlens.imaging.preprocess import Preprocessing, to_input
from skinlens.training.augment import seeded

Draw = tuple[int, int]


class DecodedRows:
    """The rows' pictures, each decoded once and kept as long as a memory budget lasts.

    Args:
        rows: With `file` and `malignant`.
        budget_bytes: What may be kept; the rest is decoded anew each time.
    """

    def __init__(self, rows: pd.DataFrame, budget_bytes: int = 6 * 2**30) -> None:
        self.files = [Path(file) for file in rows["file"]]
        self.labels = [int(value) for value in rows["malignant"]]
        self._kept: dict[int, Pixels] = {}
        self._left = budget_bytes

    def __len__(self) -> int:
        return len(self.files)

    def pixels(self, index: int) -> Pixels:
        """RGB uint8 `(H, W, 3)`.

        Raises:
            ImageRefusedError: If the file is not a usable picture.
        """
        if index in self._kept:
            return self._kept[index]
        pixels = decode(self.files[index]).pixels
        if pixels.nbytes <= self._left:
            self._kept[index] = pixels
            self._left -= pixels.nbytes
        return pixels

    def warm(self) -> None:
        """Decode everything that the budget allows, so that forked workers share it."""
        for index in range(len(self)):
            if self._left <= 0:
                return
            self.pixels(index)


class TrainingPictures(Dataset[tuple[Tensor, int]]):
    """Augmented pictures, uint8 `(size, size, 3)`; an item is asked for by (epoch, row) so that it can be repeated."""

    def __init__(self, rows: DecodedRows, augmentation: v2.Compose, seed: int) -> None:
        self.rows = rows
        self.augmentation = augmentation
        self.seed = seed

    def __getitem__(self, draw: Draw) -> tuple[Tensor, int]:
        epoch, index = draw
        # A copy, since kept pixels are read-only and torch wants to own what it may write to.
        picture = torch.from_numpy(self.rows.pixels(index).copy()).permute(2, 0, 1)
        draw_seed = int(np.random.SeedSequence([self.seed, epoch, index]).generate_state(1)[0])
        augmented = seeded(self.augmentation, picture, draw_seed)
        return augmented.permute(1, 2, 0).contiguous(), self.rows.labels[index]


class ScoringPictures(Dataset[Tensor]):
    """Pictures exactly as at run time: decoded and brought to the model's input, uint8 `(size, size, 3)`."""

    def __init__(self, rows: DecodedRows, preprocessing: Preprocessing) -> None:
        self.rows = rows
        self.preprocessing = preprocessing

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(to_input(self.rows.pixels(index), self.preprocessing).copy())


class EpochSampler(Sampler[Draw]):
    """A shuffle that depends on seed and epoch alone, dealt out evenly to the processes of a distributed run.

    The last rows of a shuffle that do not fill a batch on every process are left out of that epoch.
    """

    def __init__(self, rows: int, *, seed: int, batch_size: int, rank: int = 0, world: int = 1) -> None:
        self.rows, self.seed, self.rank, self.world = rows, seed, rank, world
        self.batches = rows // (batch_size * world)
        self.per_process = self.batches * batch_size
        self.epoch = 0

    def __len__(self) -> int:
        return self.per_process

    def __iter__(self) -> Iterator[Draw]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.rows)
        for index in order[self.rank : self.per_process * self.world : self.world]:
            yield self.epoch, int(index)

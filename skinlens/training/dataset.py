"""Images for training and for scoring a fold, decoded by the same code as a clinician's upload."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TypeVar

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from skinlens.imaging.blanking import central_ellipse, fill_lesion
from skinlens.imaging.decode import decode_trusted
from skinlens.imaging.image import Pixels
from skinlens.imaging.outlines import Outline, read_outline
from skinlens.imaging.preprocess import Preprocessing, resize, to_input
from skinlens.training.augment import seeded
from skinlens.training.sampling import Draw

_Raster = TypeVar("_Raster", Pixels, Outline)

# Lesions are filled in at this side: half of what the shortcut tests take, and four times as quick.
_SKIN_SIDE = 56

# So many rows are read at a time, before it is looked whether there is room for more.
_READ_AHEAD = 256
_READERS = 4


class DecodedRows:
    """The rows' images and outlines, each decoded once and kept as long as a memory budget lasts.

    Args:
        rows: With `file` and `malignant`, and perhaps `outline_file`.
        budget_bytes: What may be kept; the rest is decoded anew each time.
        side: Short side to which larger images are shrunk, their shape kept; None takes them as they are.
        outlines: Whether the outlines are wanted; if not, no row has one.
        skins: Whether images without their lesions will be asked for often, so that they are worth keeping.
    """

    def __init__(
        self,
        rows: pd.DataFrame,
        budget_bytes: int = 6 * 2**30,
        *,
        side: int | None = None,
        outlines: bool = False,
        skins: bool = False,
    ) -> None:
        self.files = [Path(file) for file in rows["file"]]
        self.labels = [int(value) for value in rows["malignant"]]
        wanted = rows["outline_file"] if outlines and "outline_file" in rows else [None] * len(rows)
        self.outline_files = [Path(file) if isinstance(file, str) else None for file in wanted]
        self._side, self._keeps_skins = side, skins
        self._kept: dict[int, Pixels] = {}
        self._kept_outlines: dict[int, Outline] = {}
        self._kept_skins: dict[int, Pixels] = {}
        self._left = budget_bytes
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.files)

    def pixels(self, index: int) -> Pixels:
        """RGB uint8 `(H, W, 3)`.

        Raises:
            ImageRejectedError: If the file is not a usable image.
        """
        if index in self._kept:
            return self._kept[index]
        return self._keep(self._kept, index, _shrunk(decode_trusted(self.files[index]).pixels, self._side))

    def outline(self, index: int) -> Outline | None:
        """True on the lesion, `(H, W)` of the image; None for a row without an outline.

        Raises:
            ImageRejectedError: If a file is not a usable image.
        """
        file = self.outline_files[index]
        if file is None or index in self._kept_outlines:
            return self._kept_outlines.get(index)
        height, width = self.pixels(index).shape[:2]
        return self._keep(self._kept_outlines, index, read_outline(file, height=height, width=width))

    def skin(self, index: int) -> Pixels:
        """The image without its lesion, RGB uint8 `(H, W, 3)`: filled in along its outline, or a central ellipse.

        Raises:
            ImageRejectedError: If a file is not a usable image.
        """
        if index in self._kept_skins:
            return self._kept_skins[index]
        pixels, traced = self.pixels(index), self.outline(index)
        hidden = central_ellipse(*pixels.shape[:2]) if traced is None else traced
        skin = fill_lesion(pixels, hidden, side=_SKIN_SIDE)
        skin.setflags(write=False)
        return self._keep(self._kept_skins, index, skin) if self._keeps_skins else skin

    def warm(self) -> None:
        """Make everything ready that the budget allows, on several cores, so that forked workers share it."""
        # One thread each: the pool is what shares out the cores.
        cv2.setNumThreads(1)
        with ThreadPoolExecutor(min(_READERS, os.cpu_count() or 1)) as pool:
            for first in range(0, len(self), _READ_AHEAD):
                if self._left <= 0:
                    return
                rows: Iterable[int] = range(first, min(first + _READ_AHEAD, len(self)))
                for _ in pool.map(self.skin if self._keeps_skins else self._read, rows):
                    pass

    def _read(self, index: int) -> None:
        self.pixels(index)
        self.outline(index)

    def _keep(self, kept: dict[int, _Raster], index: int, raster: _Raster) -> _Raster:
        with self._lock:
            if index not in kept and raster.nbytes <= self._left:
                kept[index] = raster
                self._left -= raster.nbytes
        return raster


class TrainingImages(Dataset[tuple[Tensor, int]]):
    """Augmented images, uint8 `(size, size, 3)`; an item is asked for by its draw so that it can be repeated."""

    def __init__(self, rows: DecodedRows, augmentation: v2.Compose, seed: int) -> None:
        self.rows = rows
        self.augmentation = augmentation
        self.seed = seed

    def __getitem__(self, draw: Draw) -> tuple[Tensor, int]:
        index = draw[1]
        # A copy, since kept pixels are read-only and torch wants to own what it may write to.
        image = torch.from_numpy(self.rows.pixels(index).copy()).permute(2, 0, 1)
        draw_seed = int(np.random.SeedSequence([self.seed, *draw]).generate_state(1)[0])
        augmented = seeded(self.augmentation, image, draw_seed)
        return augmented.permute(1, 2, 0).contiguous(), self.rows.labels[index]


class ScoringImages(Dataset[Tensor]):
    """Images exactly as at run time: decoded and brought to the model's input, uint8 `(size, size, 3)`."""

    def __init__(self, rows: DecodedRows, preprocessing: Preprocessing) -> None:
        self.rows = rows
        self.preprocessing = preprocessing

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(to_input(self.rows.pixels(index), self.preprocessing).copy())


def _shrunk(pixels: Pixels, side: int | None) -> Pixels:
    """The image with its short side at most `side`."""
    height, width = pixels.shape[:2]
    if side is None or min(height, width) <= side:
        return pixels
    factor = side / min(height, width)
    smaller = resize(pixels, height=round(height * factor), width=round(width * factor))
    smaller.setflags(write=False)
    return smaller

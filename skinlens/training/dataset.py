"""Images for training and for scoring a fold, decoded by the same code as a clinician's upload."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset

from skinlens.imaging.blanking import central_ellipse, fill_lesion
from skinlens.imaging.decode import decode_trusted
from skinlens.imaging.image import Pixels
from skinlens.imaging.outlines import Outline, read_outline
from skinlens.imaging.preprocess import Preprocessing, resize, to_input
from skinlens.training.sampling import Draw, Weights
from skinlens.training.segmentation import UNKNOWN
from skinlens.training.transforms.background import SKIN_SIDE, RemoveLesion, outline_shares
from skinlens.training.transforms.sample import Compose, Donor, Sample

_Raster = TypeVar("_Raster", Pixels, Outline)

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
        """Return a row's image, decoded once and kept as the budget allows.

        Args:
            index: Number of the row.

        Returns:
            RGB uint8 `(H, W, 3)`, read-only; its short side is at most the wanted one.

        Raises:
            ImageRejectedError: If the file is not a usable image.
        """
        if index in self._kept:
            return self._kept[index]
        pixels = decode_trusted(self.files[index]).pixels
        height, width = pixels.shape[:2]
        if self._side is not None and min(height, width) > self._side:
            factor = self._side / min(height, width)
            pixels = resize(pixels, height=round(height * factor), width=round(width * factor))
            pixels.setflags(write=False)
        return self._keep(self._kept, index, pixels)

    def outline(self, index: int) -> Outline | None:
        """Return a row's traced outline, at the size of its image.

        Args:
            index: Number of the row.

        Returns:
            `(H, W)`, true on the lesion; None for a row without an outline.

        Raises:
            ImageRejectedError: If a file is not a usable image.
        """
        file = self.outline_files[index]
        if file is None or index in self._kept_outlines:
            return self._kept_outlines.get(index)
        height, width = self.pixels(index).shape[:2]
        return self._keep(self._kept_outlines, index, read_outline(file, height=height, width=width))

    def skin(self, index: int) -> Pixels:
        """Return a row's image without its lesion: filled in along its outline, or along a central ellipse.

        Args:
            index: Number of the row.

        Returns:
            RGB uint8 `(H, W, 3)`, read-only.

        Raises:
            ImageRejectedError: If a file is not a usable image.
        """
        if index in self._kept_skins:
            return self._kept_skins[index]
        pixels, traced = self.pixels(index), self.outline(index)
        hidden = central_ellipse(*pixels.shape[:2]) if traced is None else traced
        skin = fill_lesion(pixels, hidden, side=SKIN_SIDE)
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
            # Two threads may have read the same row; it is counted once.
            if index not in kept and raster.nbytes <= self._left:
                kept[index] = raster
                self._left -= raster.nbytes
        return raster


class TrainingImages(Dataset[tuple[Tensor, ...]]):
    """Augmented images with their labels and, if asked for, traced outlines.

    An item is asked for by its draw, and depends on the draw and the seed alone. It holds

    - the image, uint8 `(size, size, 3)`;
    - its label, int64 0 or 1; with `RemoveLesion` among the transforms float32, 0.5 for an image without its lesion;
    - with `datasets`, the number of its dataset, int64; -1 where the label is soft, since then no dataset gave it;
    - with `outlines`, its traced outline, uint8 `(size, size)`: 1 on the lesion, 0 off it, and `UNKNOWN` throughout if
      there is none.

    Args:
        rows: The training rows.
        weights: `(N,)`, how often each is drawn.
        transforms: From `Recipe.compose`.
        seed: Of the run.
        outlines: Whether items have an outline.
        datasets: `(N,)`, the number of each row's dataset; None: items have none.
    """

    def __init__(
        self,
        rows: DecodedRows,
        weights: Weights,
        transforms: Compose,
        *,
        seed: int,
        outlines: bool = False,
        datasets: npt.NDArray[np.int64] | None = None,
    ) -> None:
        self.rows, self.transforms, self.seed, self.outlines = rows, transforms, seed, outlines
        self.datasets = datasets
        self.outline_shares = outline_shares([file is not None for file in rows.outline_files], rows.labels, weights)
        self._reach = np.cumsum(weights) / np.sum(weights)
        removed = (one.share for one in transforms.transforms if isinstance(one, RemoveLesion))
        self._label_type = torch.float32 if any(removed) else torch.int64

    def __getitem__(self, draw: Draw) -> tuple[Tensor, ...]:
        generator = np.random.default_rng([self.seed, *draw])
        sample = self.transforms(self.sample(draw[1], generator), generator)
        pixels = sample.pixels
        # Pixels that are kept are read-only, and torch wants to own what it may write to.
        image = torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy())
        label = torch.tensor(sample.label, dtype=self._label_type)
        item = [image, label]
        if self.datasets is not None:
            item.append(torch.tensor(self.datasets[draw[1]] if sample.label in (0.0, 1.0) else -1))
        if self.outlines:
            known = np.full(pixels.shape[:2], UNKNOWN) if sample.traced is None else sample.traced.astype(np.uint8)
            item.append(torch.from_numpy(known))
        return tuple(item)

    def sample(self, row: int, generator: np.random.Generator) -> Sample:
        """Return a row before any transform, with the draws that are made before anything is known about it.

        Args:
            row: Its number.
            generator: Three numbers are drawn: which background transform is applied, whether to cut along the traced
                outline, and the donor. The same state gives every row the same choice and the same donor.
        """
        choice, cut, reach = generator.random(3)
        donor = min(int(np.searchsorted(self._reach, reach, side="right")), len(self._reach) - 1)
        pixels, traced = self.rows.pixels(row), self.rows.outline(row)
        use_traced = traced is not None and cut < self.outline_shares[row]
        return Sample(
            pixels,
            traced if use_traced and traced is not None else central_ellipse(*pixels.shape[:2]),
            traced,
            label=float(self.rows.labels[row]),
            choice=float(choice),
            skin=partial(self.rows.skin, row),
            donor=Donor(partial(self.rows.pixels, donor), partial(self.rows.skin, donor)),
        )


class ScoringImages(Dataset[Tensor]):
    """Images exactly as at run time: decoded and brought to the model's input, uint8 `(size, size, 3)`."""

    def __init__(self, rows: DecodedRows, preprocessing: Preprocessing) -> None:
        self.rows = rows
        self.preprocessing = preprocessing

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(to_input(self.rows.pixels(index), self.preprocessing).copy())

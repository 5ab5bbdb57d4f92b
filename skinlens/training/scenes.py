"""Training images by way of scenes: surroundings, placement and camera, with the outline following the lesion."""

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from skinlens.training.camera import photographed
from skinlens.training.dataset import DecodedRows
from skinlens.training.recipe import Augmentation
from skinlens.training.sampling import Draw, Weights
from skinlens.training.scene import Scene, placed
from skinlens.training.segmentation import UNKNOWN
from skinlens.training.surroundings import Surroundings


class TrainingScenes(Dataset[tuple[Tensor, ...]]):
    """Augmented images, uint8 `(size, size, 3)`, with their labels and, if asked for, traced outlines.

    An item is asked for by its draw, on which alone, and the seed, it depends. A label is 0 or 1; where the recipe
    withholds lesions it is a float, 0.5 for an image without its lesion. An outline is uint8 `(size, size)`, 1 on
    the lesion and 0 off it, and `UNKNOWN` throughout where none was traced.

    Args:
        rows: The training rows.
        weights: `(N,)`, how often each is drawn.
        recipe: What may happen to an image.
        size: Side of what comes out, in pixels.
        seed: Of the run.
        outlines: Whether items have an outline.
    """

    def __init__(
        self, rows: DecodedRows, weights: Weights, recipe: Augmentation, *, size: int, seed: int, outlines: bool
    ) -> None:
        self.rows, self.recipe, self.size, self.seed, self.outlines = rows, recipe, size, seed, outlines
        self.surroundings = Surroundings(rows, weights, recipe)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, ...]:
        row = draw[1]
        generator = np.random.default_rng([self.seed, *draw])
        scene = placed(self.surroundings.scene(row, generator), self.recipe, self.size, generator)
        pixels = photographed(scene.pixels, scene.outline, self.recipe, generator)
        # A copy where nothing was done, since kept pixels are read-only and torch wants to own what it may write to.
        image = torch.from_numpy(pixels if pixels.flags.writeable else pixels.copy())
        label = self._label(row, scene)
        if not self.outlines:
            return image, label
        known = np.full(pixels.shape[:2], UNKNOWN) if scene.traced is None else scene.traced.astype(np.uint8)
        return image, label, torch.from_numpy(known)

    def _label(self, row: int, scene: Scene) -> Tensor:
        label = self.rows.labels[row]
        if not self.recipe.withhold_share:
            return torch.tensor(label)
        return torch.tensor(0.5 if scene.withheld else float(label))

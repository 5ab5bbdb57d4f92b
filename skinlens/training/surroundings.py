"""A lesion before other skin: training images whose background cannot decide.

Most benign images have a traced outline and most malignant ones have none, so that a treatment that shows whether
there was an outline would give the label away. Therefore

- whether an image is altered, and how, is drawn with the same chances for every row;
- a row without an outline is cut along a central ellipse, and a row that has one is cut along the ellipse too, so often
  that the share of images cut along an outline is the same for both labels (`traced_chances`);
- the skin that a lesion is laid onto comes from any row, of whatever label, drawn as the sampler draws rows;
- an image whose lesion is withheld is taught as either label to the same extent, whichever it had.

What this cannot do: outlines all come from one archive, so that within it (or outside of it) the cut may still hint at
the label. Equal shares within each cell of origin and label would mean that no outline is ever used.
"""

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from skinlens.imaging.blanking import FRAME, central_ellipse, lay_over, paint_lesion
from skinlens.imaging.image import Pixels
from skinlens.imaging.outlines import Outline
from skinlens.imaging.preprocess import resize
from skinlens.training.dataset import DecodedRows
from skinlens.training.recipe import Augmentation
from skinlens.training.sampling import Weights
from skinlens.training.scene import Scene

# Sigma of the blur around a lesion, as a share of each side: no hair, ruler or pore is left.
_BLUR = 0.08

Alteration = Literal["swap", "blur", "erase", "withhold"]


def traced_chances(has_outline: npt.ArrayLike, malignant: npt.ArrayLike, weights: Weights) -> Weights:
    """How often to use each row's outline, so that the label cannot be told from whether one was used.

    Args:
        has_outline: `(N,)`, whether a row has an outline.
        malignant: `(N,)`, 0 or 1.
        weights: `(N,)`, how often each row is drawn.

    Returns:
        `(N,)` in [0, 1]; 0 for a row without an outline. Weighed by how often rows are drawn, its mean over the benign
        rows is that over the malignant ones, and as large as it can be.
    """
    has, label = np.asarray(has_outline, np.bool_), np.asarray(malignant)
    shares = {value: np.average(has[label == value], weights=weights[label == value]) for value in np.unique(label)}
    lowest = min(shares.values())
    return np.array([lowest / shares[value] if one else 0.0 for one, value in zip(has, label, strict=True)])


class Surroundings:
    """Draws a row's scene: its image, perhaps altered around the lesion, and what is taken for the lesion.

    Args:
        images: The training rows.
        weights: `(N,)`, how often each is drawn.
        recipe: Which alterations happen how often.
    """

    def __init__(self, images: DecodedRows, weights: Weights, recipe: Augmentation) -> None:
        self.images, self.recipe = images, recipe
        has_outline = [file is not None for file in images.outline_files]
        self.traced_chances = traced_chances(has_outline, images.labels, weights)
        self._reach = np.cumsum(weights) / np.sum(weights)

    def scene(self, row: int, generator: np.random.Generator) -> Scene:
        """The scene of a row; the same state of the generator gives the same one."""
        alteration, use_traced, donor = self.draw(row, generator)
        pixels, traced = self.images.pixels(row), self.images.outline(row)
        outline = traced if traced is not None and use_traced else central_ellipse(*pixels.shape[:2])
        if alteration == "withhold":
            # Nothing is drawn where nothing hangs on it, so that a recipe without the entry makes the same images.
            if self.recipe.withhold_flat and generator.random() < self.recipe.withhold_flat:
                hidden = outline if traced is None else outline | traced
                return Scene(paint_lesion(pixels, hidden), outline, withheld=True)
            return Scene(self.images.skin(row), outline, withheld=True)
        if alteration is not None:
            pixels = self._altered(pixels, outline, alteration, donor)
        return Scene(pixels, outline, traced)

    def draw(self, row: int, generator: np.random.Generator) -> tuple[Alteration | None, bool, int]:
        """What happens to a row: the alteration, whether along its outline, and the row that gives the skin."""
        first, second, third = generator.random(3)
        donor = int(np.searchsorted(self._reach, third, side="right"))
        return self._alteration(first), bool(second < self.traced_chances[row]), min(donor, len(self._reach) - 1)

    def _alteration(self, chance: float) -> Alteration | None:
        shares: Sequence[tuple[Alteration, float]] = (
            ("swap", self.recipe.swap_share),
            ("blur", self.recipe.background_blur_share),
            ("erase", self.recipe.background_erase_share),
            ("withhold", self.recipe.withhold_share),
        )
        for alteration, share in shares:
            if chance < share:
                return alteration
            chance -= share
        return None

    def _altered(self, pixels: Pixels, outline: Outline, alteration: Alteration, donor: int) -> Pixels:
        if alteration == "blur":
            return lay_over(pixels, outline, _blurred(pixels))
        if alteration == "erase":
            return lay_over(pixels, outline, np.broadcast_to(_rim_colour(self.images.pixels(donor)), pixels.shape))
        height, width = outline.shape
        return lay_over(pixels, outline, resize(self.images.skin(donor), height=height, width=width))


def _blurred(pixels: Pixels) -> Pixels:
    """Blur by `_BLUR`, in an image an eighth as large, where that is quick and looks the same."""
    height, width = pixels.shape[:2]
    small = cv2.resize(pixels, (max(8, width // 8), max(8, height // 8)), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), sigmaX=_BLUR * small.shape[1], sigmaY=_BLUR * small.shape[0])
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _rim_colour(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """The middle colour of the outer frame: that of another image says nothing about this one."""
    bottom, right = (max(1, round(FRAME * side)) for side in pixels.shape[:2])
    rim = np.concatenate(
        [pixels[:bottom].reshape(-1, 3), pixels[-bottom:].reshape(-1, 3), pixels[:, :right].reshape(-1, 3)]
    )
    return np.median(rim, axis=0).astype(np.uint8)

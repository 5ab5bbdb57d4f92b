"""Background transforms: the lesion on other skin, or the skin without its lesion.

They keep a network from learning the label from what is around the lesion. Most benign images have a traced outline
and most malignant ones have none, so that a change that shows whether there was an outline would give the label away.
Therefore:

- The four transforms that replace, blur or fill the background or remove the lesion share one draw, `Sample.choice`,
  made before anything is known about the row: at most one is applied, equally often to every row.
- A row without an outline is cut along a central ellipse. A row with one is cut along the ellipse too, often enough
  that the share of images cut along a traced outline is the same for both labels (`outline_shares`).
- The skin under a replaced background comes from any row, whatever its label, drawn as the sampler draws rows.
- An image without its lesion gets the soft label 0.5, whichever label it had.

Limit: traced outlines all come from one dataset, so within it the cut may still hint at the label. Equal shares in
each cell of dataset and label would mean that no outline is ever used.
"""

import math
from abc import abstractmethod
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from skinlens.imaging.blanking import FRAME, fill_lesion, lay_over, paint_lesion
from skinlens.imaging.preprocess import resize
from skinlens.training.transforms.sample import Donor, Sample, Share, Transform

# Lesions are filled in at this side: half of what the shortcut tests take, and four times as quick.
SKIN_SIDE = 56

# Sigma of the blur around a lesion, as a share of each side: no hair, ruler or pore is left.
_BLUR = 0.08

SOFT_LABEL = 0.5

Shares = npt.NDArray[np.float64]


def outline_shares(has_outline: npt.ArrayLike, malignant: npt.ArrayLike, weights: Shares) -> Shares:
    """Return how often to use each row's outline, so that using one says nothing about the label.

    Args:
        has_outline: `(N,)`, whether a row has an outline.
        malignant: `(N,)`, 0 or 1.
        weights: `(N,)`, how often each row is drawn.

    Returns:
        `(N,)` in [0, 1]; 0 for a row without an outline. Weighted by how often rows are drawn, its mean over benign
        rows equals that over malignant rows, and is as large as possible.

    Example:
        >>> outline_shares([True, True, True, False], [0, 0, 1, 1], np.full(4, 0.25)).tolist()
        [0.5, 0.5, 1.0, 0.0]
    """
    has, label = np.asarray(has_outline, np.bool_), np.asarray(malignant)
    shares = {value: np.average(has[label == value], weights=weights[label == value]) for value in np.unique(label)}
    lowest = min(shares.values())
    return np.array([lowest / shares[value] if one else 0.0 for one, value in zip(has, label, strict=True)])


class BackgroundTransform(Transform):
    """One of the transforms of which at most one is applied to a sample.

    It is applied if `Sample.choice` is below its share; otherwise it subtracts its share from the choice, for the next.

    Attributes:
        share: Probability that it is applied; those of a recipe add up to at most 1.
    """

    share: Share = 1.0

    @property
    def needs_outline(self) -> bool:
        """Whether it may be applied at all: each cuts along the outline."""
        return self.share > 0

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the changed sample, which no other background transform will change; or the same one, unchanged."""
        if sample.choice >= self.share:
            return replace(sample, choice=sample.choice - self.share)
        return replace(self.change(sample, generator), choice=math.inf)

    @abstractmethod
    def change(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the sample with other pixels, in any case."""


class ReplaceBackground(BackgroundTransform):
    """Lay the lesion onto the skin of another image (`Sample.donor`), softly cut out along its outline.

    Attributes:
        share: Probability that it is applied.

    Example:
        >>> from skinlens.imaging.synthetic import draw_pixels
        >>> image, other = (draw_pixels(seed, height=64, width=80) for seed in (0, 1))
        >>> outline = np.zeros((64, 80), bool)
        >>> outline[20:40, 30:50] = True
        >>> sample = Sample(image, outline, donor=Donor(pixels=lambda: other, skin=lambda: other))
        >>> replaced = ReplaceBackground()(sample, np.random.default_rng(0)).pixels
        >>> bool((replaced[outline] == image[outline]).all()), bool((replaced[0] == other[0]).all())
        (True, True)
    """

    name: Literal["replace_background"] = "replace_background"

    def change(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the lesion on the donor's skin; nothing more is random about it.

        Raises:
            ValueError: If the sample has no donor.
        """
        del generator
        height, width = sample.outline.shape
        skin = resize(_donor(sample).skin(), height=height, width=width)
        return replace(sample, pixels=lay_over(sample.pixels, sample.outline, skin))


class BlurBackground(BackgroundTransform):
    """Blur everything around the lesion by a Gaussian of 8 % of each side: colour stays, hair and rulers do not.

    Attributes:
        share: Probability that it is applied.

    Example:
        >>> noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        >>> blurred = BlurBackground()(Sample(noise, np.zeros((64, 64), bool)), np.random.default_rng(0)).pixels
        >>> bool(blurred.std() < 0.2 * noise.std())
        True
    """

    name: Literal["blur_background"] = "blur_background"

    def change(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the lesion on its own skin, blurred; nothing is random about it."""
        del generator
        height, width = sample.pixels.shape[:2]
        # At an eighth of the size the blur is quick and looks the same.
        small = cv2.resize(sample.pixels, (max(8, width // 8), max(8, height // 8)), interpolation=cv2.INTER_AREA)
        soft = cv2.GaussianBlur(small, (0, 0), sigmaX=_BLUR * small.shape[1], sigmaY=_BLUR * small.shape[0])
        skin = np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        return replace(sample, pixels=lay_over(sample.pixels, sample.outline, skin))


class FillBackground(BackgroundTransform):
    """Fill everything around the lesion with one colour: the median of another image's frame.

    The colour of another image (`Sample.donor`) says nothing about this one.

    Attributes:
        share: Probability that it is applied.

    Example:
        >>> image, other = np.full((64, 64, 3), 90, np.uint8), np.full((64, 64, 3), 180, np.uint8)
        >>> sample = Sample(image, np.zeros((64, 64), bool), donor=Donor(pixels=lambda: other, skin=lambda: other))
        >>> np.unique(FillBackground()(sample, np.random.default_rng(0)).pixels).tolist()
        [180]
    """

    name: Literal["fill_background"] = "fill_background"

    def change(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the lesion on one colour; nothing more is random about it.

        Raises:
            ValueError: If the sample has no donor.
        """
        del generator
        pixels = _donor(sample).pixels()
        bottom, right = (max(1, round(FRAME * side)) for side in pixels.shape[:2])
        frame = np.concatenate(
            [pixels[:bottom].reshape(-1, 3), pixels[-bottom:].reshape(-1, 3), pixels[:, :right].reshape(-1, 3)]
        )
        colour = np.broadcast_to(np.median(frame, axis=0).astype(np.uint8), sample.pixels.shape)
        return replace(sample, pixels=lay_over(sample.pixels, sample.outline, colour))


class RemoveLesion(BackgroundTransform):
    """Remove the lesion and set the soft label 0.5: without a lesion nothing should be predicted.

    The lesion is filled in from the skin around it (Telea 2004), or painted over in one colour.

    Attributes:
        share: Probability that it is applied.
        flat: Share of those that are painted over in one colour.

    Example:
        >>> from skinlens.imaging.synthetic import draw_pixels
        >>> outline = np.zeros((64, 80), bool)
        >>> outline[20:40, 30:50] = True
        >>> sample = Sample(draw_pixels(0, height=64, width=80), outline, traced=outline, label=1.0)
        >>> removed = RemoveLesion()(sample, np.random.default_rng(0))
        >>> removed.label, removed.traced
        (0.5, None)
    """

    name: Literal["remove_lesion"] = "remove_lesion"
    flat: Share = 0.0

    def change(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the skin without the lesion and its traced outline, with the soft label."""
        traced = sample.outline if sample.traced is None else sample.traced
        if self.flat and generator.random() < self.flat:
            pixels = paint_lesion(sample.pixels, sample.outline | traced)
        elif sample.skin is not None:
            pixels = sample.skin()
        else:
            pixels = fill_lesion(sample.pixels, traced, side=SKIN_SIDE)
        return replace(sample, pixels=pixels, traced=None, label=SOFT_LABEL)


class EraseRectangle(Transform):
    """Paint a random rectangle in a random colour, though never over the lesion (random erasing, arXiv 1708.04896).

    Its area is uniform in 2 to 25 % of the image, its height over width is `exp(u)`, `u` uniform in [-1, 1].

    Attributes:
        share: Probability that it is applied.

    Example:
        >>> sample = Sample(np.zeros((64, 64, 3), np.uint8), np.ones((64, 64), bool))
        >>> int(EraseRectangle()(sample, np.random.default_rng(0)).pixels.max())
        0
    """

    name: Literal["erase_rectangle"] = "erase_rectangle"
    share: Share = 1.0

    @property
    def needs_outline(self) -> bool:
        """Whether it may be applied at all: the lesion is spared."""
        return self.share > 0

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the sample with a rectangle painted over, or the same one."""
        if not self.share or generator.random() >= self.share:
            return sample
        height, width = sample.outline.shape
        area, ratio = generator.uniform(0.02, 0.25) * height * width, np.exp(generator.uniform(-1, 1))
        tall, wide = min(height, round(float(np.sqrt(area * ratio)))), min(width, round(float(np.sqrt(area / ratio))))
        top, left = generator.integers(height - tall + 1), generator.integers(width - wide + 1)
        part = slice(top, top + tall), slice(left, left + wide)
        erased = sample.pixels.copy()
        erased[part][~sample.outline[part]] = generator.integers(0, 256, 3, np.uint8)
        return replace(sample, pixels=erased)


def _donor(sample: Sample) -> Donor:
    if sample.donor is None:
        raise ValueError("the sample has no donor whose skin or colour could be taken")
    return sample.donor

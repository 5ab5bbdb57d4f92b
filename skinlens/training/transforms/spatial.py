"""Spatial transforms: flips, turns, shifts, crops and resizing. The outline always follows the image."""

from typing import Annotated, Literal, Self

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from skinlens.imaging.outlines import Outline, resize_outline
from skinlens.imaging.preprocess import resize
from skinlens.training.transforms.sample import Sample, Share, Side, Transform

# A crop round a lesion is this many times as long and wide as the lesion's bounding box.
_LESION_MARGIN = (1.2, 2.5)


class HorizontalFlip(Transform):
    """Mirror left and right: pixel `(y, x)` becomes `(y, W - 1 - x)`.

    Applied twice it is the identity.

    Attributes:
        share: Probability of a flip.

    Example:
        >>> import numpy as np
        >>> pixels = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
        >>> sample = Sample(pixels, np.array([[True, False]]))
        >>> flipped = HorizontalFlip(share=1.0)(sample, np.random.default_rng(0))
        >>> flipped.pixels[0].tolist(), flipped.outline[0].tolist()
        ([[3, 4, 5], [0, 1, 2]], [False, True])
    """

    name: Literal["horizontal_flip"] = "horizontal_flip"
    share: Share = 0.5

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the flipped sample, or the same one."""
        if not self.share or generator.random() >= self.share:
            return sample
        return sample.moved(
            lambda pixels: np.ascontiguousarray(pixels[:, ::-1]), lambda mask: np.ascontiguousarray(mask[:, ::-1])
        )


class VerticalFlip(Transform):
    """Mirror top and bottom: pixel `(y, x)` becomes `(H - 1 - y, x)`.

    Applied twice it is the identity.

    Attributes:
        share: Probability of a flip.

    Example:
        >>> import numpy as np
        >>> sample = Sample(np.zeros((2, 1, 3), np.uint8), np.array([[True], [False]]))
        >>> VerticalFlip(share=1.0)(sample, np.random.default_rng(0)).outline[:, 0].tolist()
        [False, True]
    """

    name: Literal["vertical_flip"] = "vertical_flip"
    share: Share = 0.5

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the flipped sample, or the same one."""
        if not self.share or generator.random() >= self.share:
            return sample
        return sample.moved(
            lambda pixels: np.ascontiguousarray(pixels[::-1]), lambda mask: np.ascontiguousarray(mask[::-1])
        )


class QuarterTurn(Transform):
    """Turn anticlockwise by 0, 90, 180 or 270 degrees, each equally likely; odd multiples swap height and width.

    Example:
        >>> import numpy as np
        >>> sample = Sample(np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60), bool))
        >>> sorted({QuarterTurn()(sample, np.random.default_rng(seed)).pixels.shape for seed in range(9)})
        [(40, 60, 3), (60, 40, 3)]
    """

    name: Literal["quarter_turn"] = "quarter_turn"

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the turned sample."""
        turns = int(generator.integers(4))
        if not turns:
            return sample
        return sample.moved(
            lambda pixels: np.ascontiguousarray(np.rot90(pixels, turns)),
            lambda mask: np.ascontiguousarray(np.rot90(mask, turns)),
        )


class Affine(Transform):
    """Turn about the centre and shift; what comes into view is mirrored at the border.

    The angle is uniform in [-degrees, degrees], the shift along each axis uniform in [-shift, shift] times the side.

    Attributes:
        degrees: Largest turn, 0 to 180 degrees.
        shift: Largest shift along each axis, as a share of that side.

    Example:
        >>> import numpy as np
        >>> sample = Sample(np.full((40, 60, 3), 200, np.uint8), np.zeros((40, 60), bool))
        >>> turned = Affine(degrees=180.0, shift=0.1)(sample, np.random.default_rng(0))
        >>> turned.pixels.shape, int(turned.pixels.min())
        ((40, 60, 3), 200)
    """

    name: Literal["affine"] = "affine"
    degrees: Annotated[float, Field(ge=0.0, le=180.0)] = 0.0
    shift: Share = 0.0

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the turned and shifted sample, of the same shape; the same one if both parameters are 0."""
        if not self.degrees and not self.shift:
            return sample
        height, width = sample.pixels.shape[:2]
        angle = generator.uniform(-self.degrees, self.degrees)
        move = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
        move = np.asarray(move, np.float64)
        move[:, 2] += generator.uniform(-self.shift, self.shift, 2) * np.array([width, height])

        def warp(raster: npt.NDArray[np.uint8], interpolation: int) -> npt.NDArray[np.uint8]:
            warped = cv2.warpAffine(
                raster, move, (width, height), flags=interpolation, borderMode=cv2.BORDER_REFLECT_101
            )
            return np.asarray(warped, np.uint8)

        return sample.moved(
            lambda pixels: warp(pixels, cv2.INTER_LINEAR),
            lambda mask: warp(mask.astype(np.uint8), cv2.INTER_NEAREST).astype(np.bool_),
        )


class Crop(Transform):
    """Keep a random rectangle of the image.

    Its area is uniform in [area, 1] times the image's. Its aspect (width over height) is `aspect ** u`, `u` uniform in
    [-1, 1]. A crop that would reach beyond the image is shrunk to fit and keeps its aspect.

    Attributes:
        area: Smallest area, as a share of the image.
        aspect: Largest aspect (1.25: between 4:5 and 5:4).
        squash: Largest relative stretch of one side against the other, beside `aspect`. Above 0, half of the crops have
            the image's own aspect instead of a square one, as when a whole image is squashed to a square.
        lesion_share: Probability of a crop round the lesion instead: all of it and a random margin.

    Example:
        >>> import numpy as np
        >>> sample = Sample(np.zeros((100, 100, 3), np.uint8), np.zeros((100, 100), bool))
        >>> height, width, _ = Crop(area=0.5)(sample, np.random.default_rng(0)).pixels.shape
        >>> height == width, 0.49 < height * width / 100**2 < 1
        (True, True)
    """

    name: Literal["crop"] = "crop"
    area: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    aspect: Annotated[float, Field(ge=1.0)] = 1.0
    squash: Share = 0.0
    lesion_share: Share = 0.0

    @property
    def needs_outline(self) -> bool:
        """Whether some crops are made round the lesion."""
        return self.lesion_share > 0

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the cropped sample."""
        top, left, height, width = self._window(sample.outline, generator)
        if (height, width) == sample.outline.shape:
            return sample
        rows, columns = slice(top, top + height), slice(left, left + width)
        return sample.moved(
            lambda pixels: np.ascontiguousarray(pixels[rows, columns]),
            lambda mask: np.ascontiguousarray(mask[rows, columns]),
        )

    def _window(self, outline: Outline, generator: np.random.Generator) -> tuple[int, int, int, int]:
        """Return top, left, height and width of the crop."""
        round_lesion = self.lesion_share and generator.random() < self.lesion_share
        # A lesion that was moved out of view leaves nothing to crop round.
        if round_lesion and outline.any():
            left, top, box_width, box_height = cv2.boundingRect(outline.astype(np.uint8))
            margin = generator.uniform(*_LESION_MARGIN)
            rows = _longer_piece(top, box_height, outline.shape[0], margin, generator)
            columns = _longer_piece(left, box_width, outline.shape[1], margin, generator)
            return rows[0], columns[0], rows[1], columns[1]
        height, width = outline.shape
        if self.area == 1 and self.aspect == 1 and not self.squash:
            return 0, 0, height, width
        area = generator.uniform(self.area, 1) * height * width
        ratio = _power(self.aspect, generator)
        if self.squash:
            frame = width / height if generator.random() < 0.5 else 1.0
            ratio *= frame * _power(1 + self.squash, generator)
        wide, tall = float(np.sqrt(area * ratio)), float(np.sqrt(area / ratio))
        shrunk = min(1.0, width / wide, height / tall)
        crop_width, crop_height = max(1, round(wide * shrunk)), max(1, round(tall * shrunk))
        top, left = generator.integers(height - crop_height + 1), generator.integers(width - crop_width + 1)
        return int(top), int(left), crop_height, crop_width


class Resize(Transform):
    """Resize to a square, whatever the aspect, as the model's input is made at run time.

    A recipe lists it once and leaves out `side`: the schedule decides, epoch by epoch. Intensity transforms listed
    after it see the size that the network sees.

    Attributes:
        side: Height and width of the result in pixels, 32 to 1,024.

    Example:
        >>> import numpy as np
        >>> sample = Sample(np.zeros((90, 120, 3), np.uint8), np.zeros((90, 120), bool))
        >>> Resize(side=64)(sample, np.random.default_rng(0)).outline.shape
        (64, 64)
    """

    name: Literal["resize"] = "resize"
    side: Side | None = None

    def at(self, side: int) -> Self:
        """Return the transform with this side, unless it already has one."""
        return self if self.side is not None else self.model_copy(update={"side": side})

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the sample as `(side, side)`.

        Raises:
            ValueError: If no side was given.
        """
        del generator
        side = self.side
        if side is None:
            raise ValueError("Resize has no side: give one, or take the transforms from Recipe.compose")
        return sample.moved(
            lambda pixels: resize(pixels, height=side, width=side),
            lambda mask: resize_outline(mask, height=side, width=side),
        )


def _power(largest: float, generator: np.random.Generator) -> float:
    """Return `largest ** u` with `u` uniform in [-1, 1]."""
    return float(np.exp(generator.uniform(-1, 1) * np.log(largest)))


def _longer_piece(
    start: int, length: int, whole: int, margin: float, generator: np.random.Generator
) -> tuple[int, int]:
    """Return start and length of a piece of `range(whole)` that holds the given one and is `margin` times as long."""
    longer = min(whole, round(margin * length))
    earliest, latest = max(0, start + length - longer), min(start, whole - longer)
    return int(generator.integers(earliest, latest + 1)), longer

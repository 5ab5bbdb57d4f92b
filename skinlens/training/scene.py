"""An image with its lesion's outline, and how a training image comes to be placed and framed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from skinlens.imaging.image import Pixels
from skinlens.imaging.outlines import Outline, resize_outline
from skinlens.imaging.preprocess import resize
from skinlens.training.recipe import Augmentation

# A crop round a lesion is so many times as long and wide as the lesion's box.
_LESION_CROP = (1.2, 2.5)

_Raster = TypeVar("_Raster", Pixels, Outline)


@dataclass(frozen=True)
class Scene:
    """An image and where its lesion is.

    Attributes:
        pixels: RGB uint8, `(H, W, 3)`.
        outline: `(H, W)`, true on what is to be treated as the lesion: its traced outline, or a central ellipse.
        traced: `(H, W)`, true on the lesion as it was traced; None where nobody did, or the lesion was taken out.
        withheld: Whether the lesion was taken out, so that nothing here tells its label.
    """

    pixels: Pixels
    outline: Outline
    traced: Outline | None = None
    withheld: bool = False

    def moved(self, image: Callable[[Pixels], Pixels], mask: Callable[[Outline], Outline]) -> "Scene":
        """The scene after the same move of the image and its masks."""
        traced = None if self.traced is None else mask(self.traced)
        # One mask is often both, and need not be moved twice.
        outline = traced if self.traced is self.outline and traced is not None else mask(self.outline)
        return Scene(image(self.pixels), outline, traced, self.withheld)


def placed(scene: Scene, recipe: Augmentation, size: int, generator: np.random.Generator) -> Scene:
    """Flip, turn, shift, crop and resize a scene to `size` x `size`, as the recipe allows."""
    scene = _turned(_flipped(scene, recipe, generator), recipe, generator)
    top, left, height, width = _window(scene, recipe, generator)
    rows, columns = slice(top, top + height), slice(left, left + width)
    return scene.moved(
        lambda pixels: resize(np.ascontiguousarray(pixels[rows, columns]), height=size, width=size),
        lambda mask: resize_outline(np.ascontiguousarray(mask[rows, columns]), height=size, width=size),
    )


def _flipped(scene: Scene, recipe: Augmentation, generator: np.random.Generator) -> Scene:
    across = bool(recipe.flip and generator.random() < 0.5)
    down = bool(recipe.flip_vertical and generator.random() < 0.5)
    turns = int(generator.integers(4)) if recipe.quarter_turns else 0

    def move(raster: _Raster) -> _Raster:
        flipped = raster[:: -1 if down else 1, :: -1 if across else 1]
        return np.ascontiguousarray(np.rot90(flipped, turns))

    return scene.moved(move, move) if across or down or turns else scene


def _turned(scene: Scene, recipe: Augmentation, generator: np.random.Generator) -> Scene:
    """Turn and shift, what comes into view mirrored at the border."""
    if not recipe.rotation and not recipe.shift:
        return scene
    height, width = scene.pixels.shape[:2]
    angle = generator.uniform(-recipe.rotation, recipe.rotation)
    move = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
    move = np.asarray(move, np.float64)
    move[:, 2] += generator.uniform(-recipe.shift, recipe.shift, 2) * np.array([width, height])

    def warp(raster: npt.NDArray[np.uint8], interpolation: int) -> npt.NDArray[np.uint8]:
        turned = cv2.warpAffine(raster, move, (width, height), flags=interpolation, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(turned, np.uint8)

    return scene.moved(
        lambda pixels: warp(pixels, cv2.INTER_LINEAR),
        lambda mask: warp(mask.astype(np.uint8), cv2.INTER_NEAREST).astype(np.bool_),
    )


def _window(scene: Scene, recipe: Augmentation, generator: np.random.Generator) -> tuple[int, int, int, int]:
    """Top, left, height and width of the crop."""
    to_lesion = recipe.crop_to_lesion_share and generator.random() < recipe.crop_to_lesion_share
    if to_lesion and scene.outline.any():
        return _window_round(scene.outline, generator)
    height, width = scene.outline.shape
    if recipe.crop_area == 1 and recipe.aspect == 1 and not recipe.squash:
        return 0, 0, height, width
    area = generator.uniform(recipe.crop_area, 1) * height * width
    ratio = _stretch(recipe.aspect, generator)
    if recipe.squash:
        frame = width / height if generator.random() < 0.5 else 1.0
        ratio *= frame * _stretch(1 + recipe.squash, generator)
    wide, tall = float(np.sqrt(area * ratio)), float(np.sqrt(area / ratio))
    # A crop that reaches beyond the image gives up area rather than its aspect.
    shrunk = min(1.0, width / wide, height / tall)
    crop_width, crop_height = max(1, round(wide * shrunk)), max(1, round(tall * shrunk))
    top, left = generator.integers(height - crop_height + 1), generator.integers(width - crop_width + 1)
    return int(top), int(left), crop_height, crop_width


def _stretch(largest: float, generator: np.random.Generator) -> float:
    return float(np.exp(generator.uniform(-1, 1) * np.log(largest)))


def _window_round(outline: Outline, generator: np.random.Generator) -> tuple[int, int, int, int]:
    """A crop that holds the whole lesion, with a random margin and the lesion anywhere in it."""
    left, top, box_width, box_height = cv2.boundingRect(outline.astype(np.uint8))
    margin = generator.uniform(*_LESION_CROP)
    rows = _stretch_of(top, box_height, outline.shape[0], margin, generator)
    columns = _stretch_of(left, box_width, outline.shape[1], margin, generator)
    return rows[0], columns[0], rows[1], columns[1]


def _stretch_of(start: int, length: int, whole: int, margin: float, generator: np.random.Generator) -> tuple[int, int]:
    """Start and length of a piece of `range(whole)` that holds the given one and is `margin` times as long."""
    longer = min(whole, round(margin * length))
    earliest, latest = max(0, start + length - longer), min(start, whole - longer)
    return int(generator.integers(earliest, latest + 1)), longer

"""What light, lens and file would have made of the same scene: the later half of augmentation, on NumPy and OpenCV."""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from skinlens.imaging.colour import shades_of_grey
from skinlens.imaging.image import Pixels
from skinlens.imaging.outlines import Outline
from skinlens.training.recipe import Augmentation

_LUMA = np.array((0.299, 0.587, 0.114))
_GREY = np.full(3, 1 / np.sqrt(3))
_BEST_JPEG = 95
_LOWEST_BLUR = 0.1

_Plane = npt.NDArray[np.float32]


def photographed(pixels: Pixels, outline: Outline, recipe: Augmentation, generator: np.random.Generator) -> Pixels:
    """An image under another light and lens, from another file.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.
        outline: `(H, W)`, true on the lesion, which is never painted over.
        recipe: What may happen.
        generator: Its state decides what does.

    Returns:
        A new image of that shape, or the same one where nothing happens.
    """

    def happens(share: float) -> bool:
        return bool(share and generator.random() < share)

    if happens(recipe.shades_of_grey_share):
        pixels = shades_of_grey(pixels)
    if happens(recipe.erase_share):
        pixels = _erased(pixels, outline, generator)
    pixels = _coloured(pixels, recipe, generator)
    if happens(recipe.vignette_share):
        pixels = _shaded(pixels, _vignette(pixels.shape[:2], generator))
    if happens(recipe.circle_share):
        pixels = _shaded(pixels, _round_field(pixels.shape[:2], generator))
    if recipe.blur and happens(recipe.blur_share):
        sigma = generator.uniform(min(_LOWEST_BLUR, recipe.blur), recipe.blur)
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)
    if recipe.resolution and happens(recipe.resolution_share):
        pixels = _coarse(pixels, float(generator.uniform(recipe.resolution, 1)))
    if recipe.noise and happens(recipe.noise_share):
        grain = generator.standard_normal(pixels.shape, np.float32) * np.float32(generator.uniform(0, recipe.noise))
        pixels = np.asarray(cv2.add(pixels, grain, dtype=cv2.CV_8U), np.uint8)
    if happens(recipe.jpeg_share):
        pixels = _recompressed(pixels, int(generator.integers(recipe.jpeg, _BEST_JPEG + 1)))
    return pixels


def _coloured(pixels: Pixels, recipe: Augmentation, generator: np.random.Generator) -> Pixels:
    """Brightness, cast, hue, saturation and contrast in one: all are affine in the colour."""
    if not (recipe.brightness or recipe.cast or recipe.hue or recipe.saturation or recipe.contrast):
        return pixels
    brightness, saturation, contrast = (
        1 + generator.uniform(-largest, largest) for largest in (recipe.brightness, recipe.saturation, recipe.contrast)
    )
    gains = brightness * (1 + generator.uniform(-recipe.cast, recipe.cast, 3))
    matrix = _hue_turn(2 * np.pi * generator.uniform(-recipe.hue, recipe.hue)) @ np.diag(gains)
    matrix = (saturation * np.eye(3) + (1 - saturation) * _LUMA) @ matrix
    # Contrast is about the image's own mean lightness, as it is by then.
    middle = _LUMA @ matrix @ np.array(cv2.mean(pixels)[:3])
    affine = np.column_stack([contrast * matrix, np.full(3, (1 - contrast) * middle)])
    return np.asarray(cv2.transform(pixels, affine), np.uint8)


def _hue_turn(angle: float) -> npt.NDArray[np.float64]:
    """The turn of RGB about the axis of greys (Rodrigues' formula), which leaves every grey as it is."""
    x, y, z = _GREY
    across = np.array(((0, -z, y), (z, 0, -x), (-y, x, 0)))
    return np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * across @ across


def _erased(pixels: Pixels, outline: Outline, generator: np.random.Generator) -> Pixels:
    """Paint a rectangle in one colour, though not over the lesion (random erasing, arXiv 1708.04896)."""
    height, width = outline.shape
    area, ratio = generator.uniform(0.02, 0.25) * height * width, np.exp(generator.uniform(-1, 1))
    tall, wide = min(height, round(float(np.sqrt(area * ratio)))), min(width, round(float(np.sqrt(area / ratio))))
    top, left = generator.integers(height - tall + 1), generator.integers(width - wide + 1)
    part = slice(top, top + tall), slice(left, left + wide)
    erased = pixels.copy()
    erased[part][~outline[part]] = generator.integers(0, 256, 3, np.uint8)
    return erased


@lru_cache(maxsize=8)
def _axes(shape: tuple[int, int]) -> tuple[_Plane, _Plane]:
    """Coordinates from -1 to 1 down and across."""
    height, width = shape
    return np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)[None, :]


def _vignette(shape: tuple[int, int], generator: np.random.Generator) -> _Plane:
    """Light that falls off softly outside a circle, as `skinlens.training.augment.Vignette` has it."""
    radius, softness = 0.95 + 0.4 * generator.random(), 0.02 + 0.2 * generator.random()
    floor = 0.5 * generator.random()
    return _disc(shape, radius, softness, generator) * np.float32(1 - floor) + np.float32(floor)


def _round_field(shape: tuple[int, int], generator: np.random.Generator) -> _Plane:
    """Light in the round field of view of a dermatoscope, black outside; an ellipse where the image was squashed."""
    radius, softness = generator.uniform(0.85, 1.25), generator.uniform(0.004, 0.03)
    return _disc(shape, radius, softness, generator, stretch=float(np.exp(generator.uniform(-0.3, 0.3))))


def _disc(
    shape: tuple[int, int], radius: float, softness: float, generator: np.random.Generator, *, stretch: float = 1.0
) -> _Plane:
    down, across = _axes(shape)
    centre = generator.uniform(-0.05, 0.05, 2).astype(np.float32)
    away = np.sqrt(((down - centre[0]) * np.float32(stretch)) ** 2 + ((across - centre[1]) / np.float32(stretch)) ** 2)
    # Beyond sixteen the logistic curve is 0 or 1 to seven digits, and the exponential still fits into 32 bits.
    steps = np.clip((np.float32(radius) - away) / np.float32(softness), -16, 16)
    return np.asarray(1 / (1 + np.exp(-steps)), np.float32)


def _shaded(pixels: Pixels, light: _Plane) -> Pixels:
    return np.asarray(cv2.multiply(pixels, cv2.merge([light] * 3), dtype=cv2.CV_8U), np.uint8)


def _coarse(pixels: Pixels, share: float) -> Pixels:
    """Shrink to a share of each side and bring back, as a thumbnail that somebody enlarged."""
    height, width = pixels.shape[:2]
    few = max(8, round(share * width)), max(8, round(share * height))
    small = cv2.resize(pixels, few, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _recompressed(pixels: Pixels, quality: int) -> Pixels:
    # The coder takes the channels for blue, green, red, and gives them back so.
    stored = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    read = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)

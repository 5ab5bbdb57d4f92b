"""Intensity transforms: light, colour, lens, sensor and file. Shapes and outlines stay as they are."""

from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Literal

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from skinlens.imaging.colour import shades_of_grey
from skinlens.imaging.image import Pixels
from skinlens.training.transforms.sample import PixelTransform, Sample, Share, Transform

_LUMA = np.array((0.299, 0.587, 0.114))
_GREY = np.full(3, 1 / np.sqrt(3))
_HIGHEST_QUALITY = 95
_LOWEST_SIGMA = 0.1
_SMALLEST_SIDE = 8

_Plane = npt.NDArray[np.float32]


class ShadesOfGrey(PixelTransform):
    """Take the colour of the light out of the image (Finlayson & Trezzi 2004); see `imaging.colour.shades_of_grey`.

    Attributes:
        share: Probability that it is applied.

    Example:
        >>> import numpy as np
        >>> reddish = np.full((8, 8, 3), (200, 160, 160), np.uint8)
        >>> r, g, b = ShadesOfGrey().change(reddish, np.random.default_rng(0))[0, 0].tolist()
        >>> r == g == b
        True
    """

    name: Literal["shades_of_grey"] = "shades_of_grey"

    def change(self, pixels: Pixels, generator: np.random.Generator) -> Pixels:
        """Return the image as if under white light; nothing is random about it."""
        del generator
        return shades_of_grey(pixels)


class ColourJitter(Transform):
    """Change brightness, white balance, hue, saturation and contrast in one affine map of the colour.

    With `b`, `s`, `c` uniform in 1 ± the largest change, `g` the channels' gains, uniform in 1 ± cast, `R` the turn
    about the axis of greys and `l` the luma weights (0.299, 0.587, 0.114):

        M = (s I + (1 - s) 1 l) R diag(b g)        colour' = c M colour + (1 - c) mean luma of M colour

    Attributes:
        brightness: Largest relative change, 0 to 1.
        contrast: Largest relative change, 0 to 1; about the image's mean luma.
        saturation: Largest relative change, 0 to 1.
        hue: Largest turn of the hue, as a share of the circle, 0 to 0.5.
        cast: Largest relative change of each colour channel, at least 0 and below 1.

    Example:
        >>> import numpy as np
        >>> grey = np.full((8, 8, 3), 100, np.uint8)
        >>> jitter = ColourJitter(saturation=0.5, hue=0.1)
        >>> np.unique(jitter.change(grey, np.random.default_rng(0))).tolist()
        [100]
    """

    name: Literal["colour_jitter"] = "colour_jitter"
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    hue: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    cast: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0

    def __call__(self, sample: Sample, generator: np.random.Generator) -> Sample:
        """Return the sample in other colours; the same one, and nothing drawn, if every largest change is 0."""
        if not (self.brightness or self.contrast or self.saturation or self.hue or self.cast):
            return sample
        return replace(sample, pixels=self.change(sample.pixels, generator))

    def change(self, pixels: Pixels, generator: np.random.Generator) -> Pixels:
        """Return the image with other colours, rounded and clipped to 0..255."""
        brightness, saturation, contrast = (
            1 + generator.uniform(-largest, largest) for largest in (self.brightness, self.saturation, self.contrast)
        )
        gains = brightness * (1 + generator.uniform(-self.cast, self.cast, 3))
        # The turn about the axis of greys (Rodrigues' formula), which leaves every grey as it is.
        angle = 2 * np.pi * generator.uniform(-self.hue, self.hue)
        x, y, z = _GREY
        across = np.array(((0, -z, y), (z, 0, -x), (-y, x, 0)))
        matrix = (np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * across @ across) @ np.diag(gains)
        matrix = (saturation * np.eye(3) + (1 - saturation) * _LUMA) @ matrix
        # Contrast is about the mean luma that the image has by then.
        middle = _LUMA @ matrix @ np.array(cv2.mean(pixels)[:3])
        affine = np.column_stack([contrast * matrix, np.full(3, (1 - contrast) * middle)])
        return np.asarray(cv2.transform(pixels, affine), np.uint8)


class Vignette(PixelTransform):
    """Darken softly outside a random circle, as light falls off towards the rim of a dermatoscope.

    Each pixel is multiplied by `f + (1 - f) / (1 + exp((d - r) / w))`: `d` its distance from the circle's centre in
    half sides, `r` uniform in [0.95, 1.35], the softness `w` in [0.02, 0.22], the floor `f` in [0, 0.5], the centre
    within 0.05 of the image's.

    Attributes:
        share: Probability that it is applied.

    Example:
        >>> import numpy as np
        >>> white = np.full((64, 64, 3), 255, np.uint8)
        >>> shaded = Vignette().change(white, np.random.default_rng(0))
        >>> bool(shaded[0, 0, 0] < shaded[32, 32, 0])
        True
    """

    name: Literal["vignette"] = "vignette"

    def change(self, pixels: Pixels, generator: np.random.Generator) -> Pixels:
        """Return the image, nowhere brighter than before."""
        radius, softness = 0.95 + 0.4 * generator.random(), 0.02 + 0.2 * generator.random()
        floor = 0.5 * generator.random()
        light = _disc(pixels.shape[:2], radius, softness, generator) * np.float32(1 - floor) + np.float32(floor)
        return _shaded(pixels, light)


class RoundField(PixelTransform):
    """Black out everything outside the round field of view of a dermatoscope; an ellipse if the image was squashed.

    As `Vignette` with the floor 0, `r` uniform in [0.85, 1.25], `w` in [0.004, 0.03], and the axes stretched by
    `exp(u)` and `exp(-u)`, `u` uniform in [-0.3, 0.3].

    Attributes:
        share: Probability that it is applied.

    Example:
        >>> import numpy as np
        >>> white = np.full((64, 64, 3), 255, np.uint8)
        >>> seen = RoundField().change(white, np.random.default_rng(0))
        >>> int(seen[32, 32, 0]), bool(seen[0, 0, 0] < 25)
        (255, True)
    """

    name: Literal["round_field"] = "round_field"

    def change(self, pixels: Pixels, generator: np.random.Generator) -> Pixels:
        """Return the image, black outside the field."""
        radius, softness = generator.uniform(0.85, 1.25), generator.uniform(0.004, 0.03)
        stretch = float(np.exp(generator.uniform(-0.3, 0.3)))
        return _shaded(pixels, _disc(pixels.shape[:2], radius, softness, generator, stretch=stretch))


class GaussianBlur(PixelTransform):
    """Blur by a Gaussian, as an image that is slightly out of focus.

    Its sigma is uniform in [0.1, sigma], or is `sigma` if that is below 0.1.

    Attributes:
        sigma: Largest sigma in pixels; 0 does nothing.
        share: Probability that it is applied.

    Example:
        >>> import numpy as np
        >>> noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
        >>> bool(GaussianBlur(sigma=3.0).change(noise, np.random.default_rng(0)).std() < noise.std())
        True
    """

    name: Literal["gaussian_blur"] = "gaussian_blur"
    sigma: Annotated[float, Field(ge=0.0)]

    @property
    def is_identity(self) -> bool:
        """Whether the largest sigma is 0."""
        return not self.sigma

    def change(self, pixels: Pixels, generator: np.random.Generator) -> Pixels:
        """Return the blurred image."""
        sigma = generator.uniform(min(_LOWEST_SIGMA, self.sigma), self.sigma)
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


class Downsample(PixelTransform):
    """Shrink the image and enlarge it again, as a thumbnail that somebody enlarged.

    Each side is multiplied by one factor, uniform in [smallest, 1], and never below 8 pixels.

    Attributes:
        smallest: Smallest factor, above 0, at most 1.
        share: Probability that it is applied.

    Example:
        >>> import numpy as np
        >>> noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
        >>> coarse = Downsample(smallest=0.3).change(noise, np.random.default_rng(0))
        >>> coarse.shape, bool(coarse.std() < noise.std())
        ((32, 32, 3), True)
    """

    name: Literal["downsample"] = "downsample"
    smallest: Annotated[float, Field(gt=0.0, le=1.0)]

    def change(self, pixels: Pixels, generator: np.random.Generator) -> Pixels:
        """Return the image with less detail."""
        factor = float(generator.uniform(self.smallest, 1))
        height, width = pixels.shape[:2]
        few = max(_SMALLEST_SIDE, round(factor * width)), max(_SMALLEST_SIDE, round(factor * height))
        small = cv2.resize(pixels, few, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


class GaussianNoise(PixelTransform):
    """Add independent Gaussian noise to every value, as a sensor does in poor light.

    Its sigma is uniform in [0, sigma]; the result is rounded and clipped to 0..255.

    Attributes:
        sigma: Largest sigma, in levels of 255; 0 does nothing, 64 is the most.
        share: Probability that it is applied.

    Example:
        >>> import numpy as np
        >>> grey = np.full((32, 32, 3), 128, np.uint8)
        >>> bool(0 < GaussianNoise(sigma=8.0).change(grey, np.random.default_rng(0)).std() < 9)
        True
    """

    name: Literal["gaussian_noise"] = "gaussian_noise"
    sigma: Annotated[float, Field(ge=0.0, le=64.0)]

    @property
    def is_identity(self) -> bool:
        """Whether the largest sigma is 0."""
        return not self.sigma

    def change(self, pixels: Pixels, generator: np.random.Generator) -> Pixels:
        """Return the noisy image."""
        grain = generator.standard_normal(pixels.shape, np.float32) * np.float32(generator.uniform(0, self.sigma))
        return np.asarray(cv2.add(pixels, grain, dtype=cv2.CV_8U), np.uint8)


class JpegCompression(PixelTransform):
    """Compress as JPEG and decode again, at a quality drawn from the whole numbers in [lowest, 95].

    Datasets differ in how hard their files are compressed; this takes away what that says about the label.

    Attributes:
        lowest: Lowest quality, 1 to 95.
        share: Probability that it is applied.

    Example:
        >>> import numpy as np
        >>> grey = np.full((32, 32, 3), 128, np.uint8)
        >>> np.unique(JpegCompression(lowest=40).change(grey, np.random.default_rng(0))).tolist()
        [128]
    """

    name: Literal["jpeg_compression"] = "jpeg_compression"
    lowest: Annotated[int, Field(ge=1, le=_HIGHEST_QUALITY)]

    def change(self, pixels: Pixels, generator: np.random.Generator) -> Pixels:
        """Return the image after one round of compression."""
        quality = int(generator.integers(self.lowest, _HIGHEST_QUALITY + 1))
        # OpenCV's coder takes and gives blue, green, red.
        blue_first = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        content = cv2.imencode(".jpg", blue_first, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        decoded = np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


@lru_cache(maxsize=8)
def _axes(shape: tuple[int, int]) -> tuple[_Plane, _Plane]:
    """Return coordinates from -1 to 1, `(H, 1)` down and `(1, W)` across."""
    height, width = shape
    return np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)[None, :]


def _disc(
    shape: tuple[int, int], radius: float, softness: float, generator: np.random.Generator, *, stretch: float = 1.0
) -> _Plane:
    """Return 1 inside a disc near the centre and 0 outside, with a logistic edge, `(H, W)`."""
    down, across = _axes(shape)
    centre = generator.uniform(-0.05, 0.05, 2).astype(np.float32)
    away = np.sqrt(((down - centre[0]) * np.float32(stretch)) ** 2 + ((across - centre[1]) / np.float32(stretch)) ** 2)
    # Beyond sixteen the logistic curve is 0 or 1 to seven digits, and the exponential still fits into 32 bits.
    steps = np.clip((np.float32(radius) - away) / np.float32(softness), -16, 16)
    return np.asarray(1 / (1 + np.exp(-steps)), np.float32)


def _shaded(pixels: Pixels, light: _Plane) -> Pixels:
    """Multiply every channel by a plane `(H, W)` in [0, 1]."""
    return np.asarray(cv2.multiply(pixels, cv2.merge([light] * 3), dtype=cv2.CV_8U), np.uint8)

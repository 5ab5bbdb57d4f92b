"""What a worse camera, light or grip would do to an image: seven corruptions in five strengths each."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from skinlens.imaging.image import Pixels
from skinlens.imaging.srgb import from_light, to_light

STRENGTHS = (1, 2, 3, 4, 5)

# Lengths are in pixels of an image whose short side has this length, and scale with it.
_REFERENCE_SIDE = 224

_HAIR_OPACITY = 0.85
_HAIR_COLOURS = ((38, 28, 22), (74, 52, 36))
_HAIR_POINTS = 24
# cv2 draws at fractions of a pixel when it is given coordinates in units of 2**-shift.
_SHIFT = 4

# Two directions at right angles to grey, along which a cast changes the colour and hardly the lightness.
_RED_CYAN = np.array((2.0, -1.0, -1.0)) / 2
_GREEN_MAGENTA = np.array((0.0, 1.0, -1.0)) * np.sqrt(3) / 2

# Where a vignette begins and ends; 1 is the middle of a side, 1.41 a corner.
_VIGNETTE = (0.6, 1.3)

_Apply = Callable[[Pixels, float, np.random.Generator], Pixels]


@dataclass(frozen=True)
class Corruption:
    """One way to make an image worse.

    Attributes:
        name: `blur`, `jpeg`, `brightness`, `colour_cast`, `hair`, `vignette` or `rotation`.
        levels: Its parameter at strengths 1 to 5.
        meaning: What the parameter is; `{}` stands for it.
        apply: RGB uint8 `(H, W, 3)`, the parameter and the image's own generator, to a new image.
    """

    name: str
    levels: tuple[float, float, float, float, float]
    meaning: str
    apply: _Apply

    def parameter(self, strength: int) -> str:
        """Say what a strength means, for a reader.

        Args:
            strength: 1 to 5.
        """
        return self.meaning.format(f"{self.levels[strength - 1]:g}")


def corrupt(pixels: Pixels, corruption: Corruption, strength: int, *, seed: int) -> Pixels:
    """Make an image worse.

    What chance decides (the sign of the brightness and of the rotation, the hue of the cast, the hairs) depends on the
    seed and the corruption but not on the strength: a higher strength of the same image is more of the same.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.
        corruption: One of `CORRUPTIONS`.
        strength: From 0, which changes nothing, to 5.
        seed: Of the image, from 0; it must not depend on the label.

    Returns:
        A new image of that shape.

    Raises:
        ValueError: If the strength is another.
    """
    if strength not in (0, *STRENGTHS):
        raise ValueError(f"strength must be a whole number from 0 to {STRENGTHS[-1]}, not {strength}")
    if strength == 0:
        return pixels.copy()
    # The name is part of the seed, so that adding a corruption leaves the others' draws as they are.
    generator = np.random.default_rng([seed, *corruption.name.encode()])
    return corruption.apply(pixels, corruption.levels[strength - 1], generator)


def _jpeg(pixels: Pixels, quality: float, _generator: np.random.Generator) -> Pixels:
    # OpenCV's order is BGR.
    stored = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def _brightness(pixels: Pixels, stops: float, generator: np.random.Generator) -> Pixels:
    """Expose longer or shorter: the light itself, sRGB decoded, is multiplied by 2 to the power of the stops."""
    light = to_light(np.arange(256) / 255) * 2.0 ** (_sign(generator) * stops)
    return _eight_bits(from_light(light) * 255)[pixels]


def _colour_cast(pixels: Pixels, amount: float, generator: np.random.Generator) -> Pixels:
    hue = generator.uniform(0, 2 * np.pi)
    gains = 1 + amount * (np.cos(hue) * _RED_CYAN + np.sin(hue) * _GREEN_MAGENTA)
    return _eight_bits(pixels * gains)


def _hair(pixels: Pixels, count: float, generator: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    cover = np.zeros((height, width), np.uint8)
    along = np.linspace(-0.5, 0.5, _HAIR_POINTS)
    colour = generator.uniform(*_HAIR_COLOURS)
    lean = generator.uniform(0, np.pi)
    for _ in range(int(count)):
        # A bent hair through a random point.
        middle = generator.uniform(0, 1, 2) * (width, height)
        length = generator.uniform(60, 200) * _scale(pixels)
        angle = lean + generator.normal(0, 0.5) + generator.normal(0, 0.8) * along
        path = (np.stack([np.cos(angle), np.sin(angle)], axis=1) * length / _HAIR_POINTS).cumsum(axis=0)
        path += middle - path[_HAIR_POINTS // 2]
        thickness = max(1, round(generator.uniform(0.6, 2.4) * _scale(pixels)))
        points = np.rint(path * 2**_SHIFT).astype(np.int32)
        cv2.polylines(cover, [points], False, 255, thickness, cv2.LINE_AA, _SHIFT)  # noqa: FBT003
    opacity = _HAIR_OPACITY * cover[..., None] / 255
    return _eight_bits(pixels * (1 - opacity) + colour * opacity)


def _vignette(pixels: Pixels, darkness: float, _generator: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    begins, ends = _VIGNETTE
    # Smoothstep: neither end of the vignette shows as a ring.
    part = np.clip((np.hypot(x, y) - begins) / (ends - begins), 0, 1)
    light = 1 - darkness * part**2 * (3 - 2 * part)
    return _eight_bits(pixels * light[..., None])


def _rotation(pixels: Pixels, degrees: float, generator: np.random.Generator) -> Pixels:
    """Turn about the middle; what comes into view at the corners is the image mirrored at its edge, never black."""
    height, width = pixels.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), _sign(generator) * degrees, 1.0)
    turned = cv2.warpAffine(pixels, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(turned, np.uint8)


def _sign(generator: np.random.Generator) -> int:
    return 1 if generator.random() < 0.5 else -1


def _scale(pixels: Pixels) -> float:
    return float(min(pixels.shape[:2]) / _REFERENCE_SIDE)


def _eight_bits(values: npt.NDArray[np.float64]) -> Pixels:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


CORRUPTIONS = (
    Corruption(
        "blur",
        (0.5, 1.0, 1.5, 2.5, 4.0),
        "Gaussian, sigma {} px at 224",
        lambda pixels, sigma, _: np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma * _scale(pixels)), np.uint8),
    ),
    Corruption("jpeg", (60, 40, 25, 15, 8), "JPEG quality {}", _jpeg),
    Corruption("brightness", (0.33, 0.67, 1.0, 1.5, 2.0), "exposure changed by {} EV, the sign by image", _brightness),
    Corruption(
        "colour_cast",
        (0.04, 0.08, 0.12, 0.18, 0.25),
        "channels weighted by up to 1 plus or minus {}, the hue by image",
        _colour_cast,
    ),
    Corruption("hair", (4, 8, 14, 22, 32), "{} dark hairs, 1 or 2 px wide at 224", _hair),
    Corruption("vignette", (0.2, 0.4, 0.6, 0.8, 1.0), "corners lose {} of their light", _vignette),
    Corruption("rotation", (5, 10, 20, 30, 45), "{} degrees, the sign by image, edges mirrored", _rotation),
)

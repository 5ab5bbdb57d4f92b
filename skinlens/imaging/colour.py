"""Shades of grey: the colour of the light estimated from an image, and taken out of it, for viewing."""

import cv2
import numpy as np
import numpy.typing as npt

from skinlens.imaging.image import Pixels
from skinlens.imaging.srgb import from_light, to_light

# The Minkowski norm that Finlayson & Trezzi found best.
NORM = 6.0
# Higher powers of the darkest light cannot be distinguished from 0.
_HIGHEST_NORM = 50

_LIGHT = to_light(np.arange(256) / 255)

Gains = npt.NDArray[np.float64]


def shades_of_grey(pixels: Pixels, *, norm: float = NORM) -> Pixels:
    """Show an image as if under white light (Finlayson & Trezzi 2004, "Shades of Grey and Colour Constancy").

    The image's light is taken to be grey on average, the average of each channel being its Minkowski norm; see
    `grey_gains`. What becomes brighter than white is cut off at white. Skin is not grey, so that healthy skin comes out
    paler and cooler than it is: this makes images comparable with each other, not true to life.

    Args:
        pixels: sRGB uint8, `(H, W, 3)`.
        norm: As for `grey_gains`.

    Returns:
        A new image of that shape.

    Raises:
        ValueError: As for `grey_gains`.
    """
    gains = grey_gains(pixels, norm=norm)
    tables = np.rint(np.clip(from_light(_LIGHT[:, None] * gains), 0, 1) * 255).astype(np.uint8)
    return np.asarray(cv2.LUT(pixels, tables[None]), np.uint8)


def grey_gains(pixels: Pixels, *, norm: float = NORM) -> Gains:
    """Compute what each channel's light is multiplied by so that all three have the same Minkowski mean.

    With `e` the Minkowski means `mean(light ** p) ** (1 / p)` of the channels, the gains are `|e| / sqrt(3) / e`: 1
    each for an image whose channels agree, and less for the channel that is too strong. `p = 1` is the grey-world rule,
    and as `p` grows it turns into the rule that the brightest is white.

    Args:
        pixels: sRGB uint8, `(H, W, 3)`.
        norm: `p`, from 1 to 50.

    Returns:
        `(3,)`, R, G and B; 1 for a channel that is black throughout.

    Raises:
        ValueError: If `norm` lies outside.
    """
    if not 1 <= norm <= _HIGHEST_NORM:
        raise ValueError(f"norm must lie in 1 to {_HIGHEST_NORM}, not {norm}")
    # Powers of 256 values weighed by how often they occur, instead of powers of every pixel.
    counts = np.stack([cv2.calcHist([pixels], [channel], None, [256], [0, 256]).ravel() for channel in range(3)])
    shares = counts.astype(np.float64) / counts.sum(axis=1, keepdims=True)
    light = (shares @ _LIGHT**norm) ** (1 / norm)
    level = np.sqrt((light**2).mean())
    return np.asarray(np.divide(level, light, out=np.ones(3), where=light > 0))

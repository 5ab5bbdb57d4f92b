"""Samples of any depth and any embedded profile to 8-bit sRGB, and sRGB to light and back."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from skinlens.imaging.image import Pixels

# A profile that moves no colour by more than this is sRGB under another name, and the pixels stay as they are.
_SRGB_TOLERANCE = 3
_ROWS_AT_ONCE = 256


def to_eight_bits(samples: npt.NDArray[Any], bits: int) -> Pixels:
    """Scale unsigned samples so that their full range becomes 0 to 255: `round(v * 255 / (2**bits - 1))`.

    Args:
        samples: Unsigned integers of any shape; values over the range count as its end.
        bits: How many bits of a sample are used, 1 to 16.

    Returns:
        uint8, same shape.
    """
    if bits == 8 and samples.dtype == np.uint8:
        return samples
    top = (1 << bits) - 1
    scaled = ((np.arange(top + 1, dtype=np.uint32) * 255 + top // 2) // top).astype(np.uint8)
    # A few rows at a time, so that the limited samples take no memory beside the samples and the result.
    result = np.empty(samples.shape, np.uint8)
    for first in range(0, len(samples), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        result[rows] = scaled[np.minimum(samples[rows], top)]
    return result


def to_light(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Undo the sRGB curve (IEC 61966-2-1).

    Args:
        code: Values in [0, 1] as stored, of any shape.

    Returns:
        Light in [0, 1], of that shape.
    """
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def from_light(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Apply the sRGB curve, the inverse of `to_light`.

    Args:
        light: From 0, of any shape; light over 1 gives values over 1.

    Returns:
        Values as they are stored, scaled to [0, 1].
    """
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert an RGB or CMYK image to sRGB by its embedded profile, where there is one that can be used.

    Args:
        image: Mode RGB or CMYK.
        profile: The embedded ICC profile; None, a broken one or one of another colour space is ignored.

    Returns:
        Mode RGB; the very pixels of `image` where it is RGB and the profile says sRGB.
    """
    transform = _transform(image.mode, profile) if profile else None
    if transform is not None and not (image.mode == "RGB" and _changes_nothing(transform)):
        return ImageCms.applyTransform(image, transform) or image
    return image if image.mode == "RGB" else image.convert("RGB")


def _transform(mode: str, profile: bytes) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != mode:
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        # A profile is an aid: an image with a broken one is shown as if it had none, as browsers do.
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    # 729 colours, evenly spread, stand for all of them.
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    moved = ImageCms.applyTransform(Image.fromarray(lattice), transform)
    return moved is not None and int(np.abs(np.asarray(moved).astype(int) - lattice).max()) <= _SRGB_TOLERANCE

"""Reduced copies of large images, for those who need few of their pixels."""

from dataclasses import replace

import numpy as np

from skinlens.imaging.image import Decoded
from skinlens.imaging.preprocess import resize

# What a JPEG decoder can divide both sides by while it decodes (the 8 x 8 blocks of ISO 10918-1).
_LARGEST = 8


def divisor(width: int, height: int, side: int | None) -> int:
    """Return by what both sides of an image can be divided: 1, 2, 4 or 8.

    Args:
        width: Columns in pixels.
        height: Rows in pixels.
        side: As many pixels stay on the short side at least; None keeps all.

    Example:
        >>> divisor(6000, 4000, 896), divisor(1024, 768, 896), divisor(6000, 4000, None)
        (4, 1, 1)
    """
    by = 1
    while side is not None and by < _LARGEST and min(width, height) >= 2 * by * side:
        by *= 2
    return by


def reduced(decoded: Decoded, side: int) -> Decoded:
    """Return a reduced copy of a large image, each pixel the mean of those that it stands for.

    Args:
        decoded: Of any size; one that is a reduced copy stays as it is.
        side: As for `divisor`.
    """
    height, width = decoded.pixels.shape[:2]
    by = divisor(width, height, side)
    if by == 1 or decoded.full_size is not None:
        return decoded
    pixels = resize(decoded.pixels, height=-(-height // by), width=-(-width // by))
    return replace(decoded, pixels=np.ascontiguousarray(pixels), full_size=(width, height))

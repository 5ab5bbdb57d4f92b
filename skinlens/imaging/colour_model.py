"""Whether three channels are RGB or YCbCr, by their pixels: labels in DICOM files are often stale."""

from typing import Literal

import numpy as np

from skinlens.imaging.image import Pixels

ColourModel = Literal["RGB", "YBR"]

# Of so many pixels, spread evenly over the image.
_PIXELS = 40_000
# On 1,200 training images of three sources and 400 other photographs, green and blue go together and vary about as much
# as red in 99 %; in YCbCr the two colours do neither, and lie about the middle, which stands for grey, in 97 %.
_TOGETHER, _SPREAD = 0.7, 0.6
_APART, _NARROW, _FROM_GREY = 0.4, 0.6, 50.0


def looks_like(samples: Pixels) -> ColourModel | None:
    """Say which colour model the pixels of a photograph speak for.

    In RGB the second and third channel rise and fall together and about as far as the first. In YCbCr they hold what
    differs from grey: they vary less than lightness, and fall where the other rises.

    Args:
        samples: uint8 `(H, W, 3)`, as stored.

    Returns:
        None if they speak for neither, as those of a drawing or of one colour.

    >>> grey = np.random.default_rng(0).integers(40, 200, (64, 64, 1))
    >>> looks_like((grey + np.array([40, 10, 0])).astype(np.uint8))
    'RGB'
    """
    flat = samples.reshape(-1, 3)
    chosen = flat[:: max(1, len(flat) // _PIXELS)].astype(np.float64)
    centred = chosen - chosen.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    if spread[0] < 1:
        return None
    # A channel that hardly varies correlates with nothing but its own rounding.
    scale = np.maximum(spread, 0.5)
    together = float((centred[:, 1] * centred[:, 2]).mean() / (scale[1] * scale[2]))
    share = float((spread[1] + spread[2]) / (2 * spread[0]))
    if together > _TOGETHER and share > _SPREAD:
        return "RGB"
    is_near_grey = bool((np.abs(chosen[:, 1:].mean(axis=0) - 128) < _FROM_GREY).all())
    if together < _APART and share < _NARROW and is_near_grey:
        return "YBR"
    return None

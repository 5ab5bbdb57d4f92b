"""The one definition of how pixels are brought to the model's input, read from the model card."""

from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from skinlens.imaging.image import Pixels

_Mean = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]
_Deviation = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=1e-3, le=1e3)]


class Preprocessing(BaseModel):
    """How a model wants its pixels; kept in its card and in the recipe that trained it.

    Attributes:
        size: Side of the square input, in pixels.
        geometry: `squash` resizes both sides to `size` whatever the aspect, so that nothing at the rim is lost.
        mean: Per channel (R, G, B), of pixels scaled to [0, 1].
        std: Per channel (R, G, B), of pixels scaled to [0, 1].
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(default=224, ge=32, le=1024, strict=True)
    geometry: Literal["squash"] = "squash"
    mean: tuple[_Mean, _Mean, _Mean] = (0.485, 0.456, 0.406)
    std: tuple[_Deviation, _Deviation, _Deviation] = (0.229, 0.224, 0.225)


def to_input(pixels: Pixels, preprocessing: Preprocessing) -> Pixels:
    """Resize an image to the model's input.

    Area averaging where both sides shrink, cubic interpolation otherwise; an image that already has the size is
    returned unchanged.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.
        preprocessing: From the model card or the recipe.

    Returns:
        RGB uint8, `(size, size, 3)`.
    """
    size = preprocessing.size
    return resize(pixels, height=size, width=size)


def resize(pixels: Pixels, *, height: int, width: int) -> Pixels:
    """Resize an image with the interpolation that suits the direction.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.
        height: Rows of the result.
        width: Columns of the result.

    Returns:
        RGB uint8, `(height, width, 3)`; the very array where it has that size.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    # Area averaging is no interpolation: enlarged by it, an image would show its pixels as blocks.
    shrinks = pixels.shape[0] >= height and pixels.shape[1] >= width
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=interpolation), dtype=np.uint8)


def fitted(pixels: Pixels, side: int, *, enlarge: bool = False) -> Pixels:
    """Resize an image to fit a square, its aspect kept.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.
        side: At most so wide and high, in pixels.
        enlarge: Bring the longer side of a smaller image to `side` too.

    Returns:
        RGB uint8, `(h, w, 3)`.

    Example:
        >>> fitted(np.zeros((100, 200, 3), np.uint8), 50).shape
        (25, 50, 3)
    """
    factor = side / max(pixels.shape[:2])
    if not enlarge:
        factor = min(1.0, factor)
    height, width = (max(1, round(length * factor)) for length in pixels.shape[:2])
    return resize(pixels, height=height, width=width)

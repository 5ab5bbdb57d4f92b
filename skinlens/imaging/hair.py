"""Hair found and taken out of an image, for viewing."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from skinlens.imaging.image import Pixels
from skinlens.imaging.lines import means_along
from skinlens.imaging.outlines import Outline, resize_outline
from skinlens.imaging.preprocess import resize

# Every image is searched at this short side, so that lengths mean the same and the time is bounded.
WORKING_SIDE = 448
# A very long image's long side is bounded too.
_LONGEST = 3 * WORKING_SIDE

# Lengths in pixels at the working size, tuned on drawn hairs: of the closing, wider than a hair; of the line across, so
# that a hair fills at most a part of it; of the line along, shorter than a hair is straight.
_CLOSING = 17
_ACROSS = 21
_ALONG = 29
_ORIENTATIONS = 12
# How much darker than the skin beside it, in grey levels.
_CONTRAST = 20
# Shares of the lines along and across a hair that lie on it.
_ON_ALONG = 0.8
_ON_ACROSS = 0.6
_SHORTEST = 40
_MARGIN = 2
_FILL_REACH = 4

_Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Shaved:
    """An image without its hairs.

    Attributes:
        pixels: RGB uint8, `(H, W, 3)`; outside `mask` the pixels as they were.
        mask: `(H, W)`, true where hair was found and filled in.
    """

    pixels: Pixels
    mask: Outline

    @property
    def share(self) -> float:
        """Of the image's pixels that are hair, in [0, 1]."""
        return float(self.mask.mean())


def remove_hair(pixels: Pixels) -> Shaved:
    """Take dark hairs out of an image, after DullRazor (Lee et al. 1997).

    Hairs are found by `find_hair` and filled in from beside them (Telea 2004), at the working size; only the filled-in
    pixels are brought back to the image's own size. What is filled in is made up: look at the original beside it.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.

    Returns:
        A new image of that shape and where it was changed.
    """
    height, width = pixels.shape[:2]
    small = to_working_size(pixels)
    hair = _find(small)
    mask = resize_outline(hair, height=height, width=width)
    if not hair.any():
        return Shaved(pixels.copy(), mask)
    filled = np.asarray(cv2.inpaint(small, hair.astype(np.uint8), _FILL_REACH, cv2.INPAINT_TELEA), np.uint8)
    shaved = pixels.copy()
    shaved[mask] = resize(filled, height=height, width=width)[mask]
    return Shaved(shaved, mask)


def find_hair(pixels: Pixels) -> Outline:
    """Find dark hairs.

    A pixel is dark if a grey-level closing by a short line, in any of twelve directions, lightens it (a black-hat, as
    in DullRazor). It is hair if a longer line through it lies on dark pixels in one direction and a short line across
    it leaves them; a pigment network, whose meshes are shorter, is not. Fair hairs, and hairs on a lesion as dark as
    they are, are not found; a ruler's long marks, scratches and the rims of bubbles may be.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.

    Returns:
        `(H, W)`, true on hair and a margin of about two pixels at a short side of 448.
    """
    height, width = pixels.shape[:2]
    return resize_outline(_find(to_working_size(pixels)), height=height, width=width)


def to_working_size(pixels: Pixels) -> Pixels:
    """Bring an image to the size at which hairs are searched, its aspect kept.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.

    Returns:
        RGB uint8, `(h, w, 3)` with a short side of `WORKING_SIDE`; a very long image becomes smaller.
    """
    height, width = pixels.shape[:2]
    scale = min(WORKING_SIDE / min(height, width), _LONGEST / max(height, width))
    return resize(pixels, height=max(1, round(height * scale)), width=max(1, round(width * scale)))


def _find(small: Pixels) -> Outline:
    """Hair in an image of the working size, `(H, W)`."""
    # How much the closing by a line lightens each pixel: the most of all directions.
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
    hats = [cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, line) for line in _lines(_CLOSING)]
    dark = np.asarray(np.maximum.reduce(hats), np.uint8) > _CONTRAST
    # On a line that is long in one direction and thin across it.
    along = means_along(dark.astype(np.uint8), _lines(_ALONG)) >= _ON_ALONG
    across = means_along(dark.astype(np.uint8), _lines(_ACROSS)) <= _ON_ACROSS
    # Half of the orientations further is the line at a right angle.
    strands = dark & (along & np.roll(across, _ORIENTATIONS // 2, axis=0)).any(axis=0)
    # Connected parts whose bounding box has a diagonal of at least the shortest hair; part 0 is what is no strand.
    _, parts, boxes, _ = cv2.connectedComponentsWithStats(strands.astype(np.uint8))
    kept = np.hypot(boxes[:, cv2.CC_STAT_WIDTH], boxes[:, cv2.CC_STAT_HEIGHT]) >= _SHORTEST
    kept[0] = False
    strands = np.asarray(kept[parts], np.bool_)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _MARGIN + 1, 2 * _MARGIN + 1))
    return np.asarray(cv2.dilate(strands.astype(np.uint8), disc), np.bool_)


def _lines(length: int) -> list[_Grey]:
    """Lines of a length in pixels through the middle of a square, in evenly spaced directions."""
    half = length // 2
    lines = []
    for turn in np.arange(_ORIENTATIONS) * np.pi / _ORIENTATIONS:
        line = np.zeros((length, length), np.uint8)
        x, y = round(half * np.cos(turn)), round(half * np.sin(turn))
        cv2.line(line, (half - x, half - y), (half + x, half + y), 1)
        lines.append(line)
    return lines

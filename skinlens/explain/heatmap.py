"""Heatmaps: a model's evidence on one fixed scale for all images, and drawn over the image.

The colour maps survive colour blindness and greyscale printing. Most images reach a third of the scale at their
strongest place, so that part of the scale gets most of the colours and of the cover: `shaded` and `cover` are the same
for every image, and nothing is stretched to an image's own range.
"""

from typing import Literal, get_args

import cv2
import numpy as np

from skinlens.imaging.image import Pixels
from skinlens.imaging.preprocess import fitted
from skinlens.runtime.card import ModelCard
from skinlens.runtime.prediction import Floats, Prediction, is_scale
from skinlens.translation import marked, sentence

ColourMap = Literal["viridis", "cividis", "inferno"]
Style = Literal["colour", "contour"]
COLOUR_MAPS: tuple[ColourMap, ...] = get_args(ColourMap)
STYLES: tuple[Style, ...] = get_args(Style)
RECORD_SIDE = 2048
CONTOUR_LEVELS = (0.1, 0.25, 0.5, 0.75)
# Below the first the evidence is called faint and is hard to see; from the others on it is moderate, and strong.
FAINT, MODERATE, STRONG = 0.15, 0.25, 0.75
# Evidence that is not covered at all, and the evidence from which on the cover is complete.
BARE, COVERED = 0.02, 0.3
# Below 1, so that the cover rises steeply at first.
COVER_POWER = 0.7

_CV2_MAPS = {"viridis": cv2.COLORMAP_VIRIDIS, "cividis": cv2.COLORMAP_CIVIDIS, "inferno": cv2.COLORMAP_INFERNO}


def heatmap_of(prediction: Prediction, card: ModelCard) -> Floats:
    """Return the heatmap of a prediction, on the fixed scale of its model's card.

    Returns:
        float32 `(size, size)` in [0, 1], `size` being the side of the model's input in pixels.
    """
    return scaled_heatmap(prediction.signed_map, scale=card.heatmap.scale, size=card.preprocessing.size)


def scaled_heatmap(signed: Floats, *, scale: float, size: int) -> Floats:
    """Return a signed evidence map as it is drawn: ReLU, the card's fixed scale, clipping, then bilinear resizing.

    Args:
        signed: Evidence for malignant against benign, `(h, w)`.
        scale: The value drawn as 1.0; the same for every image, so that weak evidence looks weak.
        size: Side of the result in pixels.

    Returns:
        float32 `(size, size)` in [0, 1]; all 0 if a number is not finite or the scale not above 0.

    >>> scaled_heatmap(np.array([[-1.0, 0.5], [1.0, 9.0]], np.float32), scale=2.0, size=2).tolist()
    [[0.0, 0.25], [0.5, 1.0]]
    """
    if not is_scale(scale) or not np.isfinite(signed).all():
        return np.zeros((size, size), np.float32)
    clipped = np.clip(signed / scale, 0.0, 1.0).astype(np.float32)
    return np.asarray(cv2.resize(clipped, (size, size), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def overlay(
    pixels: Pixels, heatmap: Floats, *, opacity: float = 0.6, colours: ColourMap = "viridis", style: Style = "colour"
) -> Pixels:
    """Draw a heatmap over its image.

    In the `colour` style `cover` says how much of a place is covered, so that places without evidence stay as they are
    and weak evidence can still be seen; in the `contour` style lines run where it passes each of `CONTOUR_LEVELS`.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.
        heatmap: In [0, 1], any size; stretched over the image.
        opacity: In [0, 1]; 0 returns the image.
        colours: Colour map of the evidence.
        style: Filled colour or contour lines.

    Returns:
        RGB uint8, `(H, W, 3)`.

    Raises:
        ValueError: If `opacity` is outside [0, 1].

    >>> skin = np.full((4, 6, 3), 200, np.uint8)
    >>> drawn = overlay(skin, np.ones((2, 2), np.float32))
    >>> drawn.shape, (overlay(skin, np.zeros((2, 2), np.float32)) == skin).all()
    ((4, 6, 3), np.True_)
    """
    if not 0.0 <= opacity <= 1.0:
        raise ValueError(f"opacity lies between 0 and 1, not {opacity}")
    evidence = stretched(heatmap, pixels.shape[0], pixels.shape[1])
    if style == "contour":
        return _blend(pixels, _with_contours(pixels, evidence, colours), np.full_like(evidence, opacity))
    return _blend(pixels, shaded(evidence, colours), np.float32(opacity) * cover(evidence))


def record_overlay(pixels: Pixels, heatmap: Floats) -> Pixels:
    """Return the overlay as it is kept in files and summaries: the default look, at most `RECORD_SIDE` wide or high."""
    return overlay(fitted(pixels, RECORD_SIDE), heatmap)


def coloured(evidence: Floats, colours: ColourMap) -> Pixels:
    """Return evidence `(H, W)` in [0, 1] as colours, RGB uint8 `(H, W, 3)`."""
    levels = np.round(255 * evidence).astype(np.uint8)
    return np.asarray(cv2.cvtColor(cv2.applyColorMap(levels, _CV2_MAPS[colours]), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def shaded(evidence: Floats, colours: ColourMap) -> Pixels:
    """Return evidence `(H, W)` in [0, 1] in the colours in which it is drawn, by its square root."""
    return coloured(np.sqrt(evidence, dtype=np.float32), colours)


def cover(evidence: Floats) -> Floats:
    """Return how much of the image evidence in [0, 1] hides at full opacity, in [0, 1].

    >>> [f"{share:.2f}" for share in cover(np.array([0.0, 0.02, 0.15, 0.3, 1.0], np.float32))]
    ['0.00', '0.00', '0.58', '1.00', '1.00']
    """
    share = np.clip((evidence - BARE) / (COVERED - BARE), 0.0, 1.0)
    return np.asarray(share**COVER_POWER, dtype=np.float32)


def legend(colours: ColourMap, *, width: int = 256, height: int = 12) -> Pixels:
    """Return a strip from no evidence (left) to the scale's full evidence (right), RGB uint8 `(height, width, 3)`."""
    return shaded(np.tile(np.linspace(0, 1, width, dtype=np.float32), (height, 1)), colours)


def stretched(heatmap: Floats, height: int, width: int) -> Floats:
    """Return the heatmap at an image's size, float32 `(height, width)` in [0, 1]."""
    return np.asarray(cv2.resize(heatmap, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def evidence_sentence(heatmap: Floats) -> str:
    """Return the heatmap in words, for readers who cannot see it: how strong, how spread and where."""
    peak = float(heatmap.max())
    if peak <= BARE:
        return sentence("There is hardly any evidence for malignancy on the common scale.")
    if peak < FAINT:
        return sentence("Little evidence on the common scale; switch to own scale to see where it lies.")
    row, column = np.unravel_index(int(heatmap.argmax()), heatmap.shape)
    place = _place(float(row) / heatmap.shape[0], float(column) / heatmap.shape[1])
    strength = marked("weak") if peak < MODERATE else marked("moderate") if peak < STRONG else marked("strong")
    return sentence(
        "The evidence is {strength}, highest {place}; {share} of the image carries at least half of it.",
        strength=sentence(strength),
        place=place,
        share=f"{float((heatmap >= 0.5 * peak).mean()):.0%}",
    )


def _place(row: float, column: float) -> str:
    """Return a place in words, from its shares of height and width."""
    down = 0 if row < 1 / 3 else 2 if row > 2 / 3 else 1
    across = 0 if column < 1 / 3 else 2 if column > 2 / 3 else 1
    return (
        (sentence("at the upper left"), sentence("at the upper centre"), sentence("at the upper right")),
        (sentence("at the middle left"), sentence("at the centre"), sentence("at the middle right")),
        (sentence("at the lower left"), sentence("at the lower centre"), sentence("at the lower right")),
    )[down][across]


def _blend(under: Pixels, over: Pixels, weight: Floats) -> Pixels:
    share = weight[:, :, None]
    return np.asarray(np.round(under * (1 - share) + over * share), dtype=np.uint8)


def _with_contours(pixels: Pixels, evidence: Floats, colours: ColourMap) -> Pixels:
    """Each line in its level's colour on a dark or light edge, so that it stands out on any skin."""
    drawn = np.ascontiguousarray(pixels).copy()
    thickness = max(1, round(min(pixels.shape[:2]) / 220))
    # Evidence that reaches the rim is continued behind it: no line may run along a rim where no level is crossed.
    beyond = thickness + 3
    for level in CONTOUR_LEVELS:
        reached = np.pad((evidence >= level).astype(np.uint8), beyond, mode="edge")
        lines, _ = cv2.findContours(reached, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE, offset=(-beyond, -beyond))
        colour = shaded(np.full((1, 1), level, np.float32), colours)[0, 0].tolist()
        edge = (0, 0, 0) if sum(colour) > 330 else (255, 255, 255)
        cv2.drawContours(drawn, lines, -1, edge, thickness + 2, cv2.LINE_AA)
        cv2.drawContours(drawn, lines, -1, colour, thickness, cv2.LINE_AA)
    return np.asarray(drawn, dtype=np.uint8)

"""How much of the evidence lies outside the lesion, by an estimate of the lesion's outline."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from skinlens.explain.heatmap import FAINT
from skinlens.imaging.image import Pixels
from skinlens.imaging.quality import lesion_region
from skinlens.runtime.prediction import Floats, is_scale
from skinlens.translation import sentence, together

# More than this share outside, with the strongest place, is a warning.
MOST = 0.5
# Less than this share is not worth a sentence.
WORTH_SAYING = 0.1

# An outline is drawn on pixels this many times finer than its region's.
_FINER = 4

_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class OutsideEvidence:
    """The evidence for malignancy outside the lesion.

    Attributes:
        share: Of the positive evidence, in [0, 1]; None if there is too little evidence to speak of a place.
        region: The estimated lesion, bool `(h, w)` with the aspect of the image.
        strongest_inside: Whether the place with the most evidence lies in the lesion.
    """

    share: float | None
    region: _Mask
    strongest_inside: bool = True

    @property
    def is_most(self) -> bool:
        """Whether more of the evidence lies outside the lesion than in it."""
        return self.share is not None and self.share > MOST

    def is_warning(self, *, low: bool) -> bool:
        """Return whether the model may have looked at something else.

        Args:
            low: Whether the model does not refer the lesion: the little evidence that it then has lies anywhere.
        """
        return self.is_most and not self.strongest_inside and not low

    def in_words(self, *, low: bool) -> str:
        """Return the share in words; "" if it is small or not known.

        Args:
            low: As for `is_warning`.
        """
        if self.share is None or self.share < WORTH_SAYING:
            return ""
        share = f"{self.share:.0%}"
        stated = sentence(
            "{share} of the evidence lies outside the lesion, by an estimate of its outline.", share=share
        )
        if self.is_warning(low=low):
            doubt = sentence("So does its strongest place: the model may have looked at something else.")
            return together(stated, doubt)
        if self.is_most and self.strongest_inside:
            return together(stated, sentence("Its strongest place lies in the lesion."))
        return stated


def outside_evidence(pixels: Pixels, signed_map: Floats, *, scale: float) -> OutsideEvidence | None:
    """Measure how much of a model's positive evidence lies outside the lesion.

    A cell of the map stands for a square of the image. Half a cell round the estimated lesion therefore still counts
    as lesion: evidence there may be about its border.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.
        signed_map: Evidence for malignant against benign, `(h, w)`, stretched over the image.
        scale: Of the model's heatmaps. Evidence that is faint on it everywhere has no share.

    Returns:
        None if no lesion stands out from the skin.
    """
    region = lesion_region(pixels)
    if region is None:
        return None
    height, width = region.shape
    rows, columns = signed_map.shape
    if not is_scale(scale) or not np.isfinite(signed_map).all() or float(signed_map.max()) < FAINT * scale:
        return OutsideEvidence(None, region)
    evidence = cv2.resize(np.clip(signed_map, 0, None), (width, height), interpolation=cv2.INTER_LINEAR)
    margin = np.ones((max(1, round(height / rows)), max(1, round(width / columns))), np.uint8)
    near = cv2.dilate(region.astype(np.uint8), margin).astype(np.bool_)
    share = float(evidence[~near].sum() / evidence.sum())
    return OutsideEvidence(share, region, bool(near[np.unravel_index(int(evidence.argmax()), near.shape)]))


def outline(region: _Mask) -> list[list[tuple[float, float]]]:
    """Return the outlines of a region as closed lines of points `(x, y)`, in shares of width and height."""
    height, width = (_FINER * side for side in region.shape)
    # Rounds the steps of the region's own pixels.
    fine = cv2.resize(region.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    smooth = (cv2.GaussianBlur(fine, (0, 0), _FINER) >= 0.5).astype(np.uint8)
    lines, _hierarchy = cv2.findContours(smooth, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    # Within a pixel of the finer grid.
    simple = (cv2.approxPolyDP(line, 1.0, closed=True)[:, 0] for line in lines if len(line) > 4 * _FINER)
    return [[((float(x) + 0.5) / width, (float(y) + 0.5) / height) for x, y in line] for line in simple]

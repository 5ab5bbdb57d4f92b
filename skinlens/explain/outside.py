"""How much of the evidence lies outside the lesion, by an estimate of the lesion's outline."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from skinlens.explain.heatmap import FAINT
from skinlens.imaging.image import Pixels
from skinlens.imaging.quality import lesion_region
from skinlens.runtime.prediction import Floats, is_scale
from skinlens.translation import gettext as _

# More than this share outside is a warning.
MOST = 0.5
# Less than this share is not worth a sentence.
WORTH_SAYING = 0.1

_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class OutsideEvidence:
    """The evidence for malignancy outside the lesion.

    Attributes:
        share: Of the positive evidence, in [0, 1]; None if there is too little evidence to speak of a place.
        region: The estimated lesion, bool `(h, w)` with the aspect of the image.
    """

    share: float | None
    region: _Mask

    @property
    def is_most(self) -> bool:
        """Whether more of the evidence lies outside the lesion than in it, which is a warning."""
        return self.share is not None and self.share > MOST

    @property
    def sentence(self) -> str:
        """The share in words; "" if it is small or not known."""
        if self.share is None or self.share < WORTH_SAYING:
            return ""
        stated = _("{share} of the evidence lies outside the lesion, by an estimate of its outline.").format(
            share=f"{self.share:.0%}"
        )
        return f"{stated} {_('The model may have looked at something else.')}" if self.is_most else stated


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
    return OutsideEvidence(_share(signed_map, region, scale), region)


def outline(region: _Mask) -> list[list[tuple[float, float]]]:
    """Return the outlines of a region as closed lines of points `(x, y)`, in shares of width and height."""
    height, width = region.shape
    lines, _hierarchy = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [
        [((float(x) + 0.5) / width, (float(y) + 0.5) / height) for x, y in line[:, 0]]
        for line in lines
        if len(line) > 2
    ]


def _share(signed_map: Floats, region: _Mask, scale: float) -> float | None:
    if not is_scale(scale) or not np.isfinite(signed_map).all() or float(signed_map.max()) < FAINT * scale:
        return None
    height, width = region.shape
    rows, columns = signed_map.shape
    evidence = cv2.resize(np.clip(signed_map, 0, None), (width, height), interpolation=cv2.INTER_LINEAR)
    margin = np.ones((max(1, round(height / rows)), max(1, round(width / columns))), np.uint8)
    near = cv2.dilate(region.astype(np.uint8), margin).astype(np.bool_)
    return float(evidence[~near].sum() / evidence.sum())

"""The tone of the skin around a lesion, estimated from an image."""

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from skinlens.imaging.hair import find_hair, to_working_size
from skinlens.imaging.image import Pixels
from skinlens.imaging.outlines import Outline, grow

ToneName = Literal["very light", "light", "intermediate", "tan", "brown", "dark"]
# From very light to dark.
TONES: tuple[ToneName, ...] = get_args(ToneName)
# Degrees; a tone begins above its limit, and dark is what lies at or below the last.
TONE_LIMITS = (55.0, 41.0, 28.0, 10.0, -30.0)

# The border: the outer part of the image, as a share of each side.
BORDER = 0.2
# Of the border's pixels, how many must be skin for an estimate.
LEAST_SKIN = 0.1

# The black around a lens: no channel reaches this; and how far its soft rim reaches, as a share of the side.
_BLACK = 50
_RIM = 0.03
# A darker part counts as the lesion if it differs in lightness by at least this; grown, since a lesion fades out.
_LESION_CONTRAST = 10.0
_LESION_MARGIN = 0.02

_Lab = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SkinTone:
    """An estimate of the skin's tone.

    Attributes:
        angle: Individual typology angle in degrees, higher for lighter skin; None where too little skin is to be seen,
            or a cast has made it blue.
        name: Its class; None likewise.
        skin: Share of the border's pixels that were taken for skin, in [0, 1].
    """

    angle: float | None
    name: ToneName | None
    skin: float


def skin_tone(pixels: Pixels) -> SkinTone:
    """Estimate the individual typology angle of the skin in an image's border (Chardon et al. 1991).

    The angle is `arctan((L* - 50) / b*)` of the median CIELAB colour (D65) of the border's pixels that are neither
    the black around a lens, nor hair, nor of the darker part of the image that is taken for the lesion. The classes
    are the usual ones of the literature, with limits at 55, 41, 28, 10 and -30 degrees.

    Its limits: the angle is defined for a calibrated colorimeter on skin that sees no sun. Here the camera, its white
    balance and its exposure are unknown; polarised light takes away the skin's reflection and reddens it; a colour cast
    moves b* and so the angle by tens of degrees; and sun, redness or the lesion itself may reach into the border. Where
    a lesion fills the image, its lighter part is taken for skin. The angle sorts images roughly, within images of
    one camera better than between cameras; it is neither a skin type (Fitzpatrick) nor anyone's ethnicity.

    Args:
        pixels: sRGB uint8, `(H, W, 3)`.

    Returns:
        The angle of the median colour, with its class; neither where too little skin is to be seen.
    """
    small = to_working_size(pixels)
    lab = np.asarray(cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)
    border = np.ones(small.shape[:2], np.bool_)
    height, width = small.shape[:2]
    top, left = max(1, round(BORDER * height)), max(1, round(BORDER * width))
    border[top:-top, left:-left] = False
    # What is neither black, hair nor lesion.
    seen = ~grow(small.max(axis=2) < _BLACK, _RIM) & ~find_hair(small)
    skin = border & seen & ~grow(_lesion(lab[..., 0], seen), _LESION_MARGIN)
    share = float(skin.sum() / border.sum())
    if share < LEAST_SKIN:
        return SkinTone(None, None, share)
    lightness, _, yellowness = np.median(lab[skin], axis=0)
    angle = typology_angle(float(lightness), float(yellowness))
    return SkinTone(angle, None if angle is None else tone_of(angle), share)


def typology_angle(lightness: float, yellowness: float) -> float | None:
    """Compute the individual typology angle: `arctan((L* - 50) / b*)` (Chardon et al. 1991).

    Args:
        lightness: CIELAB L*, 0 to 100.
        yellowness: CIELAB b*.

    Returns:
        In degrees, from -90 to 90; None for a b* of 0 or less, which is no colour of skin.

    Example:
        >>> round(typology_angle(70.0, 15.0))
        53
    """
    return float(np.degrees(np.arctan((lightness - 50) / yellowness))) if yellowness > 0 else None


def tone_of(angle: float) -> ToneName:
    """Return the class of an individual typology angle.

    Args:
        angle: In degrees.

    Example:
        >>> tone_of(48.0), tone_of(-40.0)
        ('light', 'dark')
    """
    return TONES[sum(angle <= limit for limit in TONE_LIMITS)]


def _lesion(lightness: npt.NDArray[np.float32], seen: Outline) -> Outline:
    """The darker part of what is seen by Otsu's threshold, if it is darker by enough; else nothing, `(H, W)`."""
    smooth = np.asarray(cv2.GaussianBlur(lightness, (0, 0), 2), np.float32)
    # Lightness runs to 100, and Otsu's threshold wants 8 bits.
    levels = np.rint(smooth[seen] * 2.55).astype(np.uint8)
    if not levels.size:
        return np.zeros_like(seen)
    limit = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0] / 2.55
    dark = seen & (smooth <= limit)
    light = seen & ~dark
    apart = dark.any() and light.any() and smooth[light].mean() - smooth[dark].mean() >= _LESION_CONTRAST
    return dark if apart else np.zeros_like(seen)

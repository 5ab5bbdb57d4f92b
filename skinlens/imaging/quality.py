"""Image quality: named checks on pixels alone, each with a value, a limit and a sentence of advice.

Every check looks at a copy whose longer side has `WORKING_SIDE` pixels, so that its value does not depend on the
camera's resolution and the time is the same for all. Only an image that nobody could assess, or one without any colour,
is a reason to reject; hair, ink, rulers, dark corners and a lesion cut off or not found are reasons to warn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from skinlens.imaging.image import Pixels
from skinlens.imaging.lines import means_along
from skinlens.imaging.preprocess import resize
from skinlens.translation import marked

# "refuse" is in databases: it means that the image is rejected.
Severity = Literal["refuse", "warn"]
CheckName = Literal[
    "blurred", "too_dark", "too_bright", "no_colour", "no_lesion", "cut_off", "hair", "ink", "ruler", "dark_corners"
]
_Field = npt.NDArray[np.float32]
_Mask = npt.NDArray[np.bool_]

WORKING_SIDE = 192
_MIN_SHORT_SIDE = 32
# Least share of a lesion that reaches into the middle half of each side.
_IN_THE_MIDDLE = 0.1
# How far a lesion's colour has faded, from its dark part (1) to the skin (0), where it ends, and by what share of its
# radius an outline that people draw lies further out. Both chosen on outlines of training images: docs/results.md.
_FADED = 0.4
_BORDER = 0.1
# Pixels: skin is looked for this far from the dark part, if there are that many of it.
_AWAY = 25
_LEAST_SKIN = 200
# In pixels at the working size; what is smaller is too coarse to measure.
_LEAST_DIAMETER = 8
# A round field: this much black around it, this share of its bounding box (a disc has 0.785), at most so wide for its
# height, and how much of its width and height is left without its rim.
_LEAST_BLACK = 0.1
_ROUND = (0.7, 0.93)
_OVAL = 1.5
_MIDDLE = 0.85
# Of a larger image, at least this many pixels in a row are averaged into one.
_SAMPLES = 4


@dataclass(frozen=True)
class Limits:
    """When a check fails.

    Attributes:
        low: True where values below the limits fail, false where values above them do.
        warn: The last value that passes.
        reject: The last value that only warns; None where nothing is rejected.
        unit: What the value is, for a reader.
        advice: One sentence: what to do about it.
    """

    low: bool
    warn: float
    reject: float | None
    unit: str
    advice: str

    def __post_init__(self) -> None:
        if self.reject is not None and (self.reject < self.warn) != self.low:
            raise ValueError(f"a rejection at {self.reject} would come before the warning at {self.warn}")

    def breached(self, value: float) -> tuple[float, Severity] | None:
        """Return the limit that a value fails, with what follows.

        Args:
            value: In the unit of the limits.

        Returns:
            The limit and its severity, the rejection before the warning; None where the value passes.
        """
        steps: tuple[tuple[float | None, Severity], ...] = ((self.reject, "refuse"), (self.warn, "warn"))
        for limit, severity in steps:
            if limit is not None and (value < limit if self.low else value > limit):
                return limit, severity
        return None


# Where the limits come from: values on a few hundred training images of all origins (isic3297 and extra, never a test
# row), on the same images made worse by `corruptions`, and on drawn lesions. A limit that rejects is beyond the
# most extreme of the unspoilt training images; one that warns at about their outermost percent, but for hair and dark
# corners, which many of them have, at what covers a tenth of the image.
LIMITS: dict[CheckName, Limits] = {
    # Sharp images: 1.0 to 4; blurred with sigma 4 px of 224: 0.2 to 0.6.
    "blurred": Limits(
        low=True, warn=0.80, reject=0.45, unit=marked("strength of fine detail, in grey values"),
        advice=marked("Hold the camera still, focus on the lesion, and take the image again."),
    ),
    # Training images: 120 to 250; darkened by two stops: from 88.
    "too_dark": Limits(
        low=True, warn=100.0, reject=50.0, unit=marked("brightness of the brightest tenth, of 255"),
        advice=marked("Switch the dermatoscope's light on, or expose longer."),
    ),
    # Training images: at most 0.09; two stops brighter: 0.45 and more.
    "too_bright": Limits(
        low=False, warn=0.15, reject=0.60, unit=marked("share of the image that is burnt out"),
        advice=marked("Expose for a shorter time, or take the reflection away with fluid or a polarised light."),
    ),
    # Training images: at least 4.4; X-rays and other grey images: under 0.1.
    "no_colour": Limits(
        low=True, warn=3.0, reject=1.5, unit=marked("colourfulness of the most colourful tenth (CIELAB chroma)"),
        advice=marked("Use a colour photograph; the model knows dermoscopy in colour only."),
    ),
    # Training images: from 6 on.
    "no_lesion": Limits(
        low=True, warn=6.0, reject=None, unit=marked("colour difference between lesion and skin (CIELAB)"),
        advice=marked("Check that the lesion is in the image and stands out from the skin."),
    ),
    "cut_off": Limits(
        low=False, warn=0.30, reject=None, unit=marked("share of the frame that the lesion touches"),
        advice=marked("Move back or centre the lesion, so that skin shows all round it."),
    ),
    "hair": Limits(
        low=False, warn=0.10, reject=None, unit=marked("share of the image under hair-like lines"),
        advice=marked("Part or clip the hair over the lesion, or flatten it with fluid."),
    ),
    "ink": Limits(
        low=False, warn=0.03, reject=None, unit=marked("share of the image in blue, violet or green of pens"),
        advice=marked("Take the image without pen marks where that is possible."),
    ),
    "ruler": Limits(
        low=False, warn=0.60, reject=None, unit=marked("regularity of fine marks along a straight line, 0 to 1"),
        advice=marked("Keep rulers and scales out of the part of the image that is assessed."),
    ),
    "dark_corners": Limits(
        low=False, warn=0.10, reject=None, unit=marked("share of the image that is black round the lens"),
        advice=marked("Crop the black corners away, or zoom in until the lens fills the frame."),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One property of an image against its limit.

    Attributes:
        name: What fails if it fails.
        value: What was measured, in the unit of `LIMITS[name]`.
        limit: The limit that is failed, or the one for a warning if none is.
        passed: Whether the value is within it.
        severity: What failing means: `refuse` for an unusable image, which is rejected, else `warn`.
        advice: One sentence: what to do if it fails.
    """

    name: CheckName
    value: float
    limit: float
    passed: bool
    severity: Severity
    advice: str


@dataclass(frozen=True)
class Quality:
    """Every check of one image, in the order of `LIMITS`."""

    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed, whether they reject or warn."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def rejecting(self) -> tuple[Check, ...]:
        """The failed checks for which the image is rejected."""
        return tuple(check for check in self.failed if check.severity == "refuse")


def assess_quality(pixels: Pixels) -> Quality:
    """Measure every check on an image.

    Args:
        pixels: RGB uint8, `(H, W, 3)`, of any size.

    Returns:
        A check for each entry of `LIMITS`, in their order, whether it passed or not.

    >>> from skinlens.imaging.synthetic import draw_pixels
    >>> pixels = draw_pixels(0)
    >>> assess_quality(pixels).rejecting
    ()
    >>> [check.name for check in assess_quality(pixels // 8).rejecting]
    ['too_dark']
    """
    view = _View(_at_working_size(pixels))
    checks = []
    for name, measure in _MEASURES.items():
        limits, value = LIMITS[name], measure(view)
        breached = limits.breached(value)
        limit, severity = breached or (limits.warn, "warn")
        checks.append(Check(name, value, limit, breached is None, severity, limits.advice))
    return Quality(tuple(checks))


def lesion_region(pixels: Pixels, *, drawn: bool = True) -> npt.NDArray[np.bool_] | None:
    """Estimate which part of an image is the lesion: its largest dark part, near the middle, with its fading border.

    Thresholds find it, not a trained segmentation, so its outline is an estimate: docs/results.md says how good.

    Args:
        pixels: RGB uint8, `(H, W, 3)`, of any size.
        drawn: Whether the outline lies a little outside the last trace of pigment, as one that a person draws.

    Returns:
        bool, at the working size of the checks with the image's aspect; None if no lesion stands out from the skin,
        or if what does lies at the rim, as shadows do.

    >>> from skinlens.imaging.synthetic import draw_pixels
    >>> region = lesion_region(draw_pixels(0))
    >>> region.shape, bool(0.05 < region.mean() < 0.6)
    ((144, 192), True)
    """
    view = _View(_at_working_size(pixels))
    if LIMITS["no_lesion"].breached(_lesion_contrast(view)) is not None:
        return None
    height, width = view.lesion.shape
    middle = view.lesion[height // 4 : height - height // 4, width // 4 : width - width // 4]
    if middle.sum() < _IN_THE_MIDDLE * view.lesion.sum():
        return None
    return _as_drawn(_pigmented(view)) if drawn else _pigmented(view)


def lesion_diameter(pixels: Pixels, millimetres: float) -> float | None:
    """Estimate the largest diameter of a lesion in millimetres, by the outline of `lesion_region`.

    Args:
        pixels: RGB uint8, `(H, W, 3)`, of any size.
        millimetres: Width of a pixel on the skin.

    Returns:
        The longest distance between two points of its outline (Feret diameter); None without a lesion, or where it
        reaches the frame, beyond which it may go on.
    """
    region = lesion_region(pixels, drawn=False)
    if region is None:
        return None
    rim = np.concatenate([region[0], region[-1], region[:, 0], region[:, -1]])
    points = np.argwhere(region).astype(np.int32)
    if rim.any() or not len(points):
        return None
    # Of the hull, which has few points: all pairs.
    hull = cv2.convexHull(points)[:, 0].astype(np.float64)
    away = np.linalg.norm(hull[:, None] - hull[None], axis=2).max() + 1
    if away < _LEAST_DIAMETER:
        return None
    return float(away * max(pixels.shape[:2]) / max(region.shape) * millimetres)


def round_field(pixels: Pixels) -> tuple[slice, slice] | None:
    """Find the middle of a round field on black, as the adapter of a dermatoscope makes on a telephone.

    Args:
        pixels: RGB uint8, `(H, W, 3)`, of any size.

    Returns:
        Rows and columns of a rectangle within the field, whose corners alone may lie on its rim; None if there is no
        round field, or only its corners are cut off by the frame.

    >>> from skinlens.imaging.synthetic import draw_pixels
    >>> round_field(draw_pixels(0)) is None
    True
    """
    view = _View(_at_working_size(pixels))
    inside = ~view.outside
    if view.outside.mean() < _LEAST_BLACK or not inside.any():
        return None
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8))
    largest = 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax())
    left, top, width, height = (int(value) for value in statistics[largest][:4])
    field = (parts == largest)[top : top + height, left : left + width]
    corners = field[[0, 0, -1, -1], [0, -1, 0, -1]]
    low, high = _ROUND
    if corners.any() or not low <= float(field.mean()) <= high or not 1 / _OVAL <= width / height <= _OVAL:
        return None
    scale_y, scale_x = (full / small for full, small in zip(pixels.shape[:2], parts.shape, strict=True))
    rim = (1 - _MIDDLE) / 2
    rows = slice(round((top + rim * height) * scale_y), round((top + (1 - rim) * height) * scale_y))
    columns = slice(round((left + rim * width) * scale_x), round((left + (1 - rim) * width) * scale_x))
    return rows, columns


def _at_working_size(pixels: Pixels) -> Pixels:
    # Averaging every pixel of a large photograph would take longer than all checks; every n-th is enough to average.
    step = max(1, max(pixels.shape[:2]) // (_SAMPLES * WORKING_SIDE))
    pixels = np.ascontiguousarray(pixels[::step, ::step])
    scale = WORKING_SIDE / max(pixels.shape[:2])
    height, width = (max(_MIN_SHORT_SIDE, round(scale * side)) for side in pixels.shape[:2])
    return resize(pixels, height=height, width=width)


# RGB values: black round a lens lies under the first in every channel, burnt-out pixels reach the second in every one.
_BLACK = 48
_BURNT = 250
# The lens' soft rim, in pixels, is no part of what is measured.
_RIM = 9


class _View:
    """An image at the working size with what several checks need, each part computed once."""

    def __init__(self, rgb: Pixels) -> None:
        self.rgb = rgb
        self.grey: _Field = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
        scaled = rgb.astype(np.float32) / np.float32(255)
        self.lab: _Field = np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB), np.float32)

    @cached_property
    def outside(self) -> _Mask:
        """Black pixels that hang together with a corner: outside the lens."""
        black = (_of_channels(np.maximum, self.rgb) < _BLACK).astype(np.uint8)
        if not black[[0, 0, -1, -1], [0, -1, 0, -1]].any():
            return np.zeros(black.shape, np.bool_)
        _, parts = cv2.connectedComponents(black, connectivity=4)
        corners = parts[[0, 0, -1, -1], [0, -1, 0, -1]]
        return np.isin(parts, corners[corners > 0])

    @cached_property
    def inside(self) -> _Mask:
        """What the lens shows, without its rim; the whole image where that would leave nothing."""
        kernel = np.ones((_RIM, _RIM), np.uint8)
        inner = cv2.erode((~self.outside).astype(np.uint8), kernel, borderValue=1).astype(np.bool_)
        return inner if inner.any() else np.ones_like(inner)

    @cached_property
    def lesion(self) -> _Mask:
        """The largest part darker than Otsu's threshold of the smoothed lightness; parts in the middle count more."""
        smooth = cv2.GaussianBlur(self.lab[..., 0], (0, 0), 3)
        levels = np.clip(smooth * 2.55, 0, 255).astype(np.uint8)
        threshold, _ = cv2.threshold(levels[self.inside].reshape(-1, 1), 0, 255, cv2.THRESH_OTSU)
        dark = ((levels <= threshold) & self.inside).astype(np.uint8)
        count, parts = cv2.connectedComponents(cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)))
        weights = np.bincount(parts.ravel(), _nearness(*parts.shape).ravel(), count)
        # Part 0 is what is not dark.
        weights[0] = 0
        return np.asarray((parts == weights.argmax()) & (parts > 0))

    @cached_property
    def lines(self) -> _Field:
        """Thin dark structures: the black top-hat of the grey image (hair, ticks, pigment network)."""
        # Wider than a hair or a tick at the working size, narrower than what a lesion is made of.
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
        return np.asarray(cv2.morphologyEx(self.grey, cv2.MORPH_BLACKHAT, kernel), np.float32)


@lru_cache(maxsize=16)
def _nearness(height: int, width: int) -> _Field:
    """Weights of pixels by their distance from the middle, 1 there."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in (height, width))
    return np.asarray(np.exp(-1.5 * (y[:, None] ** 2 + x[None, :] ** 2)), np.float32)


def _of_channels(function: np.ufunc, rgb: Pixels) -> Pixels:
    """Least or greatest channel of each pixel; quicker than to reduce an axis of three."""
    red, green, blue = cv2.split(rgb)
    return np.asarray(function(function(red, green), blue))


def _mean_colour(lab: _Field, where: _Mask) -> npt.NDArray[np.float64]:
    return np.array(cv2.mean(lab, where.astype(np.uint8))[:3])


def _pigmented(view: _View) -> _Mask:
    """Grow the dark part of a lesion to where its colour has faded into the skin's.

    Otsu's threshold lies between the lesion's own shades as often as between lesion and skin.
    """
    around = cv2.dilate(view.lesion.astype(np.uint8), np.ones((_AWAY, _AWAY), np.uint8)).astype(np.bool_)
    skin = view.inside & ~around
    if skin.sum() < _LEAST_SKIN:
        skin = view.inside & ~view.lesion
    skin_colour, lesion_colour = np.median(view.lab[skin], axis=0), _mean_colour(view.lab, view.lesion)
    axis = lesion_colour - skin_colour
    smooth = cv2.GaussianBlur(view.lab, (0, 0), 2)
    # 0 at the colour of the skin, 1 at that of the dark part.
    along = (smooth - skin_colour) @ axis / max(float(axis @ axis), 1e-6)
    coloured = ((along > _FADED) & view.inside) | view.lesion
    opened = cv2.morphologyEx(coloured.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, parts = cv2.connectedComponents(opened)
    shared = np.bincount(parts[view.lesion], minlength=count)
    shared[0] = 0
    whole = parts == shared.argmax() if shared.any() else view.lesion
    # What skin shines through in the middle belongs to the lesion.
    _, holes = cv2.connectedComponents(np.pad(~whole, 1, constant_values=True).astype(np.uint8))
    return np.asarray((holes != holes[0, 0])[1:-1, 1:-1], np.bool_)


def _as_drawn(filled: _Mask) -> _Mask:
    """Move an outline outwards as far as people draw it round the last trace of pigment."""
    reach = max(1, round(_BORDER * float(np.sqrt(filled.sum() / np.pi))))
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(filled.astype(np.uint8), ellipse), np.bool_)


def _sharpness(view: _View) -> float:
    """Standard deviation of the Laplacian of Gaussian (Pech-Pacheco 2000, smoothed against noise)."""
    detail = cv2.Laplacian(cv2.GaussianBlur(view.grey, (0, 0), 1.0), cv2.CV_32F)
    return float(detail[view.inside].std())


def _lesion_contrast(view: _View) -> float:
    """Distance of the mean colours of lesion and skin; 0 without a lesion."""
    skin = view.inside & ~view.lesion
    if not view.lesion.any() or not skin.any():
        return 0.0
    return float(np.linalg.norm(_mean_colour(view.lab, view.lesion) - _mean_colour(view.lab, skin)))


def _frame_touched(view: _View) -> float:
    """Share of the outline of what the lens shows that the lesion lies on."""
    kernel = np.ones((3, 3), np.uint8)
    core = cv2.erode(view.inside.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    outline = view.inside & (core == 0)
    return float(view.lesion[outline].mean())


# A hair: its top-hat, averaged along a line of that many pixels, in grey values, and how far above other directions.
_HAIR_LENGTH = 25
_HAIR_CONTRAST = 10.0
_HAIR_STRAIGHTNESS = 2.2
_HAIR_DIRECTIONS = 8


def _line(direction: int) -> npt.NDArray[np.uint8]:
    line = np.zeros((_HAIR_LENGTH, _HAIR_LENGTH), np.uint8)
    middle, angle = _HAIR_LENGTH // 2, np.pi * direction / _HAIR_DIRECTIONS
    along = np.linspace(-middle, middle, 4 * _HAIR_LENGTH)
    line[np.rint(middle + along * np.sin(angle)).astype(int), np.rint(middle + along * np.cos(angle)).astype(int)] = 1
    return line


_LINES = tuple(_line(direction) for direction in range(_HAIR_DIRECTIONS))


def _hair_share(view: _View) -> float:
    """Share of pixels on thin, dark, straight lines: a top-hat, near DullRazor (Lee 1997), averaged along lines."""
    along = means_along(view.lines, _LINES)
    strongest = along.max(axis=0)
    hair = (strongest > _HAIR_CONTRAST) & (strongest > _HAIR_STRAIGHTNESS * along.mean(axis=0))
    return float(hair[view.inside].mean())


# A pen's ink in CIELAB: this much bluer than the image's median (and blue at all), or green at all.
_INK_BLUER = 14.0
_INK_BLUE = -6.0
_INK_GREEN = -12.0


def _ink_share(view: _View) -> float:
    green_red, blue_yellow = (view.lab[..., channel][view.inside] for channel in (1, 2))
    blue = (blue_yellow < _INK_BLUE) & (blue_yellow < np.median(blue_yellow) - _INK_BLUER)
    return float((blue | (green_red < _INK_GREEN)).mean())


# Ticks of a ruler: looked for in strips of this share of a side, at least this far apart, and this dark.
_STRIP = 1 / 8
_TICK_PERIOD = 4
_TICK_CONTRAST = 1.5
_TREND = 25


def _tick_regularity(view: _View) -> float:
    """Highest autocorrelation, beyond zero shift, of the dark marks along any strip parallel to a side."""
    repeats = [0.0]
    for lines in (view.lines, view.lines.T):
        depth = max(_TICK_PERIOD, round(_STRIP * lines.shape[0]))
        # Strips overlap by half, so that a row of ticks lies wholly in one of them.
        starts = np.arange(0, lines.shape[0] - depth + 1, max(1, depth // 2))
        sums = np.vstack([np.zeros(lines.shape[1]), lines.cumsum(axis=0, dtype=np.float64)])
        profiles = (sums[starts + depth] - sums[starts]) / depth
        profiles -= cv2.blur(profiles, (_TREND, 1))
        spreads = profiles.std(axis=1)
        repeats += [
            _regularity(profile, spread)
            for profile, spread in zip(profiles, spreads, strict=True)
            if spread >= _TICK_CONTRAST
        ]
    return max(repeats)


def _regularity(profile: npt.NDArray[np.float64], spread: float) -> float:
    # Divided by its value at zero shift: 1 for marks that repeat exactly.
    similarity = np.correlate(profile, profile, "full")[len(profile) - 1 :] / (len(profile) * spread**2)
    shifts = similarity[_TICK_PERIOD - 1 : len(profile) // 4]
    middle = shifts[1:-1]
    peaks = middle[(middle > shifts[:-2]) & (middle >= shifts[2:])]
    return float(np.clip(peaks.max(initial=0.0), 0.0, 1.0))


_MEASURES: dict[CheckName, Callable[[_View], float]] = {
    "blurred": _sharpness,
    "too_dark": lambda view: float(np.percentile(view.grey[view.inside], 90)),
    "too_bright": lambda view: float((_of_channels(np.minimum, view.rgb)[view.inside] >= _BURNT).mean()),
    "no_colour": lambda view: float(np.percentile(np.hypot(view.lab[..., 1], view.lab[..., 2])[view.inside], 90)),
    "no_lesion": _lesion_contrast,
    "cut_off": _frame_touched,
    "hair": _hair_share,
    "ink": _ink_share,
    "ruler": _tick_regularity,
    "dark_corners": lambda view: float(view.outside.mean()),
}

"""Duplicates in a set of images: the same bytes, the same pixels, or the same image in another crop, turn or quality.

A perceptual hash (small normalised colour thumbnails, compared in eight orientations, whole and cropped) proposes
pairs; each is then aligned by an affine transform (Evangelidis and Psarakis 2008, "ECC") and kept if its fine detail
correlates. Detail, not brightness: two moles on similar skin look alike when small, but their pores and hairs differ.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

# Of 213 pairs known to be one image 2 % lie below 0.80; of 4,000 unrelated look-alikes 0.1 % lie above 0.70.
LEAST_CORRELATION = 0.75
CANDIDATES_PER_IMAGE = 15
LEAST_LIKENESS = 0.6

_THUMBNAIL = 16
_GREY = 128
_ALIGNED = 64
# One image may be an enlarged middle of the other.
_CROPS = (1.0, 0.85)
_ORIENTATIONS = 8
_LEAST_OVERLAP = 0.3
_RIM = 4
_BLOCK = 512
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What of an image is compared.

    Attributes:
        thumbnails: The whole and its middle, each with mean 0 and length 1, float32 `(2, 16, 16, 3)`.
        grey: float32 `(128, 128)`, 0 to 255.
    """

    thumbnails: Floats
    grey: Floats


@dataclass(frozen=True)
class Candidate:
    """Two images that look alike when small.

    Attributes:
        first: Row of the one whose frame is kept.
        second: Row of the other, which is turned, and whose middle may be what the first shows.
        orientation: Quarter turns of the second, counter-clockwise; 4 more if it is mirrored first.
        crop: Share of the second's side that is compared.
    """

    first: int
    second: int
    orientation: int
    crop: float


@dataclass(frozen=True)
class Duplicate:
    """Two images that are one.

    Attributes:
        first: Row, the smaller one.
        second: Row.
        kind: `same_bytes`, `same_pixels` or `near`.
        orientation: As in `Candidate`; 0 for exact ones.
        correlation: Of the aligned fine detail, in [-1, 1]; 1 for exact ones.
    """

    first: int
    second: int
    kind: str
    orientation: int
    correlation: float


def fingerprint(pixels: Bytes) -> Fingerprint:
    """Compute what of an image is compared with others.

    Args:
        pixels: RGB uint8, `(H, W, 3)`.

    Returns:
        Thumbnails of the whole and its middle, and a grey image of 128 x 128.
    """
    side = 2 * _GREY
    square = np.asarray(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    grey = cv2.cvtColor(cv2.resize(square, (_GREY, _GREY), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    thumbnails = []
    for crop in _CROPS:
        cut = round(side * (1 - crop) / 2)
        middle = square[cut : side - cut, cut : side - cut]
        small = cv2.resize(middle, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32)
        # Without colour cast and brightness, which a second export changes.
        small -= small.mean(axis=(0, 1))
        thumbnails.append(small / max(float(np.linalg.norm(small)), 1e-6))
    return Fingerprint(np.stack(thumbnails), grey.astype(np.float32))


def exact_duplicates(digests: Sequence[Hashable], kind: str) -> list[Duplicate]:
    """List every pair of rows with equal digests.

    Args:
        digests: Of each row, `(N,)`.
        kind: What equal digests mean: `same_bytes` or `same_pixels`.

    Example:
        >>> [(each.first, each.second) for each in exact_duplicates(["a", "b", "a"], "same_bytes")]
        [(0, 2)]
    """
    rows: dict[Hashable, list[int]] = defaultdict(list)
    for row, digest in enumerate(digests):
        rows[digest].append(row)
    return [
        Duplicate(first, second, kind, 0, 1.0)
        for same in rows.values()
        for place, first in enumerate(same)
        for second in same[place + 1 :]
    ]


def candidates(prints: Sequence[Fingerprint]) -> list[Candidate]:
    """Propose for every image the others that look most like it, each pair once, in the alignment that fits best.

    Args:
        prints: N fingerprints; memory grows with N, time with N squared (3,297 take about 15 s).

    Returns:
        At most `CANDIDATES_PER_IMAGE` an image, of a likeness of at least `LEAST_LIKENESS`.
    """
    best: dict[tuple[int, int], tuple[float, Candidate]] = {}
    for likeness, match in _looking_alike(prints):
        key = (min(match.first, match.second), max(match.first, match.second))
        if key not in best or likeness > best[key][0]:
            best[key] = (likeness, match)
    return [match for _, (_, match) in sorted(best.items())]


def near_duplicates(prints: Sequence[Fingerprint], proposed: Iterable[Candidate]) -> Iterator[Duplicate | None]:
    """Align each proposed pair, and decide whether it is one image.

    Args:
        prints: N fingerprints.
        proposed: From `candidates`.

    Yields:
        For each pair in turn the duplicate that it turns out to be, or None.
    """
    for pair in proposed:
        correlation = aligned_correlation(prints[pair.first], prints[pair.second], pair.orientation, pair.crop)
        if correlation < LEAST_CORRELATION:
            yield None
            continue
        first, second = sorted((pair.first, pair.second))
        yield Duplicate(first, second, "near", pair.orientation, round(correlation, 4))


def aligned_correlation(first: Fingerprint, second: Fingerprint, orientation: int, crop: float) -> float:
    """Correlate two images' fine detail after the second has been turned, cropped and aligned.

    Args:
        first: The image whose frame is kept.
        second: The image that is turned.
        orientation: As in `Candidate`.
        crop: As in `Candidate`, where the alignment begins.

    Returns:
        In [-1, 1]; 0 if they cannot be aligned or hardly overlap.
    """
    turned = _oriented(second.grey, orientation)
    warp = _alignment(_coarse(first.grey), _coarse(turned), crop)
    if warp is None:
        return 0.0
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (_GREY, _GREY)
    detail = np.asarray(cv2.warpAffine(_detail(turned), warp, size, flags=flags), np.float32)
    covered = cv2.warpAffine(np.ones(size, np.float32), warp, size, flags=flags) > 0.999
    # The blur behind the detail has nothing to blur with at the rim.
    for edge in (np.s_[:_RIM], np.s_[-_RIM:]):
        covered[edge] = covered[:, edge] = False
    if covered.mean() < _LEAST_OVERLAP:
        return 0.0
    one = _detail(first.grey)[covered]
    other = detail[covered]
    one, other = one - one.mean(), other - other.mean()
    length = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / length if length > 0 else 0.0


def _oriented(image: Floats, orientation: int) -> Floats:
    """An image `(H, W, ...)`, mirrored if the orientation is 4 or more, then turned."""
    side = image[:, ::-1] if orientation >= _ORIENTATIONS // 2 else image
    return np.ascontiguousarray(np.rot90(side, orientation % 4))


def _looking_alike(prints: Sequence[Fingerprint]) -> Iterator[tuple[float, Candidate]]:
    """For each image those that look most like it, with the likeness and the alignment in which they do."""
    whole = np.stack([each.thumbnails[0] for each in prints]).reshape(len(prints), -1)
    # Every way in which the second of a pair is looked at: orientation, crop and thumbnails `(N, 768)`.
    ways = [
        (orientation, crop, np.stack([_oriented(each.thumbnails[number], orientation).ravel() for each in prints]))
        for number, crop in enumerate(_CROPS)
        for orientation in range(_ORIENTATIONS)
    ]
    most = min(CANDIDATES_PER_IMAGE, len(prints) - 1)
    # A block of rows at a time: the whole table of likenesses would take N squared numbers.
    for start in range(0, len(whole), _BLOCK):
        block = whole[start : start + _BLOCK]
        likeness = np.full((len(block), len(whole)), -1, np.float32)
        way = np.zeros(likeness.shape, np.int8)
        for number, (_, _, thumbnails) in enumerate(ways):
            match = block @ thumbnails.T
            closer = match > likeness
            likeness[closer], way[closer] = match[closer], number
        # An image is no duplicate of itself.
        likeness[np.arange(len(block)), start + np.arange(len(block))] = -1
        columns = np.argpartition(-likeness, most - 1, axis=1)[:, :most] if most > 0 else np.empty((0, 0), np.int64)
        for row, column in ((row, int(column)) for row, chosen in enumerate(columns) for column in chosen):
            if likeness[row, column] >= LEAST_LIKENESS:
                orientation, crop, _ = ways[way[row, column]]
                yield float(likeness[row, column]), Candidate(start + row, column, orientation, crop)


def _coarse(grey: Floats) -> Floats:
    small = cv2.resize(grey, (_ALIGNED, _ALIGNED), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), np.float32)


def _detail(grey: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.7) - cv2.GaussianBlur(grey, (0, 0), 4.0), np.float32)


def _alignment(first: Floats, second: Floats, crop: float) -> Floats | None:
    """The affine map from the first's positions to the second's, for images of the full grey size."""
    centre = (_ALIGNED - 1) / 2
    warp = np.array([[crop, 0, (1 - crop) * centre], [0, crop, (1 - crop) * centre]], np.float32)
    try:
        # OpenCV takes None for a mask, which its stubs leave out.
        _, match = cv2.findTransformECC(first, second, warp, cv2.MOTION_AFFINE, _STOP, None, 1)  # type: ignore[call-overload]
    except cv2.error:  # it does not converge on images that have nothing in common
        return None
    warp = np.asarray(match, np.float32)
    # Positions are pixel centres: x in the small image is 2 x + 0.5 in the large one.
    scale = _GREY // _ALIGNED
    half = (scale - 1) / 2
    offset = scale * warp[:, 2] + half - warp[:, :2] @ np.array([half, half], np.float32)
    return np.column_stack([warp[:, :2], offset]).astype(np.float32)

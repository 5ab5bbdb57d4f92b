"""The share of the evidence outside the lesion, on drawn lesions whose outline is known."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from skinlens.explain.outside import OutsideEvidence, outline, outside_evidence
from skinlens.imaging.quality import lesion_region

SIDE = 320


def drawn(centre: tuple[float, float] = (160, 160), radii: tuple[int, int] = (70, 50)) -> tuple[np.ndarray, np.ndarray]:
    """A dark ellipse on skin, and the pixels that it covers."""
    inside = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(inside, (round(centre[0]), round(centre[1])), radii, 20, 0, 360, 1, -1)
    noise = np.random.default_rng(3).normal(0, 3, (SIDE, SIDE, 1))
    skin, lesion = np.array([225, 180, 160.0]), np.array([95, 60, 50.0])
    pixels = np.where(inside[..., None] > 0, lesion, skin) + noise
    return np.clip(pixels, 0, 255).astype(np.uint8), inside > 0


def spot(row: int, column: int, size: int = 14) -> np.ndarray:
    """A signed map with evidence in one cell, and evidence against malignancy elsewhere."""
    evidence = np.full((size, size), -0.3, np.float32)
    evidence[row, column] = 1.0
    return evidence


# A drawn border is sharp. People draw an outline further out, where a real one has faded, and so does the estimate.
LEAST_SHARED = 0.75


def test_the_region_is_the_drawn_lesion_with_a_border() -> None:
    pixels, inside = drawn()
    region = lesion_region(pixels)
    assert region is not None
    true = cv2.resize(inside.astype(np.uint8), region.shape[::-1], interpolation=cv2.INTER_AREA) > 0
    assert (region & true).sum() / (region | true).sum() > LEAST_SHARED
    assert (region & true).sum() / true.sum() > 0.98


def test_bare_skin_has_no_region() -> None:
    pixels, _ = drawn(radii=(0, 0))
    assert lesion_region(np.full_like(pixels, (225, 180, 160))) is None
    assert outside_evidence(np.full_like(pixels, (225, 180, 160)), spot(7, 7), scale=1.0) is None


def test_a_shadow_at_the_rim_is_no_lesion() -> None:
    pixels = np.full((SIDE, SIDE, 3), (225, 180, 160), np.uint8)
    pixels[:, :60] //= 2
    assert lesion_region(pixels) is None


@pytest.mark.parametrize(
    ("place", "share", "strongest_inside"), [((7, 7), 0, True), ((1, 1), 1, False), ((12, 12), 1, False)]
)
def test_evidence_in_one_place_is_inside_or_outside(place: tuple[int, int], share: int, strongest_inside: bool) -> None:
    known = outside_evidence(drawn()[0], spot(*place), scale=1.0)
    assert known is not None
    assert known.share == pytest.approx(share, abs=0.02)
    assert known.strongest_inside == strongest_inside


def test_the_share_follows_the_lesion() -> None:
    """The same evidence, with the lesion moved under it and away from it."""
    shares = []
    for centre in ((110, 160), (160, 160), (210, 160)):
        known = outside_evidence(drawn(centre, (40, 40))[0], spot(7, 4), scale=1.0)
        assert known is not None
        assert known.share is not None
        shares.append(known.share)
    assert shares[0] < 0.05
    assert shares == sorted(shares)
    assert shares[2] > 0.95


def test_even_evidence_is_shared_out_by_area() -> None:
    pixels, inside = drawn(radii=(90, 90))
    known = outside_evidence(pixels, np.ones((14, 14), np.float32), scale=1.0)
    assert known is not None
    assert known.share is not None
    # Half a cell round the lesion and its border counts as lesion.
    radius = 1.1 * np.sqrt(inside.mean() / np.pi)
    assert known.share == pytest.approx(1 - np.pi * (radius + 0.5 / 14) ** 2, abs=0.05)


@pytest.mark.parametrize("signed", [np.full((14, 14), -1.0, np.float32), np.full((14, 14), 0.1, np.float32)])
def test_too_little_evidence_has_no_share(signed: npt.NDArray[np.float32]) -> None:
    known = outside_evidence(drawn()[0], signed, scale=1.0)
    assert known is not None
    assert known.share is None
    assert known.in_words(low=False) == ""
    assert not known.is_most


@pytest.mark.parametrize("scale", [0.0, float("nan"), -1.0])
def test_without_a_scale_there_is_no_share(scale: float) -> None:
    known = outside_evidence(drawn()[0], spot(7, 7), scale=scale)
    assert known is not None
    assert known.share is None


@pytest.mark.parametrize(
    ("share", "inside", "low", "warns", "end"),
    [
        (0.05, True, False, False, ""),
        (0.3, True, False, False, "30% of the evidence lies outside the lesion, by an estimate of its outline."),
        (0.5, False, False, False, "by an estimate of its outline."),
        (0.8, True, False, False, "Its strongest place lies in the lesion."),
        (0.8, False, False, True, "the model may have looked at something else."),
        (0.8, False, True, False, "by an estimate of its outline."),
    ],
)
def test_it_warns_where_most_and_the_strongest_lie_outside_a_lesion_that_is_referred(
    share: float, inside: bool, low: Any, warns: Any, end: str
) -> None:
    known = OutsideEvidence(share, np.ones((4, 4), np.bool_), inside)
    assert known.is_warning(low=low) == warns
    sentence = known.in_words(low=low)
    assert sentence.endswith(end)
    assert bool(sentence) == bool(end)


def test_a_fading_border_belongs_to_the_lesion() -> None:
    """A dark core in a lighter part, as outlines by people include it."""
    pixels, inside = drawn(radii=(90, 80))
    core = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(core, (160, 160), (45, 40), 20, 0, 360, 1, -1)
    pale = np.where((inside & (core == 0))[..., None], (165, 115, 95), pixels).astype(np.uint8)
    region = lesion_region(pale)
    assert region is not None
    true = cv2.resize(inside.astype(np.uint8), region.shape[::-1], interpolation=cv2.INTER_AREA) > 0
    assert (region & true).sum() / (region | true).sum() > 0.8


def test_the_outline_runs_round_the_lesion() -> None:
    pixels, inside = drawn()
    region = lesion_region(pixels)
    assert region is not None
    (line,) = outline(region)
    filled = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(filled, [np.round(SIDE * np.array(line)).astype(np.int32)], 1)
    assert ((filled > 0) & inside).sum() / ((filled > 0) | inside).sum() > LEAST_SHARED

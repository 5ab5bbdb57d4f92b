"""Duplicates: what is found in every orientation, crop and quality, and what is left alone."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from skinlens.imaging.synthetic import draw_pixels
from skinlens.studies.duplicates import (
    LEAST_CORRELATION,
    Candidate,
    Duplicate,
    aligned_correlation,
    candidates,
    exact_duplicates,
    fingerprint,
    near_duplicates,
)


@pytest.fixture(scope="module")
def lesions() -> list[npt.NDArray[np.uint8]]:
    return [draw_pixels(seed, height=240, width=240, malignant_look=seed % 2 == 1) for seed in range(12)]


def turned(pixels: npt.NDArray[np.uint8], orientation: int) -> npt.NDArray[np.uint8]:
    side = pixels[:, ::-1] if orientation >= 4 else pixels
    return np.ascontiguousarray(np.rot90(side, orientation % 4))


def recompressed(pixels: Any, quality: Any = 50) -> npt.NDArray[np.uint8]:
    return cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)  # type: ignore[return-value]


def cropped(pixels: npt.NDArray[np.uint8], share: float = 0.87) -> npt.NDArray[np.uint8]:
    cut = round(len(pixels) * (1 - share) / 2)
    return np.ascontiguousarray(pixels[cut:-cut, cut:-cut])


def brighter(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.clip(pixels * 1.15 + 8, 0, 255).astype(np.uint8)


def shifted(pixels: Any) -> Any:
    return np.ascontiguousarray(pixels[9:, :-9])


def found_among(images: list[npt.NDArray[np.uint8]]) -> list[Duplicate]:
    prints = [fingerprint(image) for image in images]
    return [pair for pair in near_duplicates(prints, candidates(prints)) if pair is not None]


@pytest.mark.parametrize("orientation", range(8))
def test_a_turned_copy_is_found_with_its_orientation(lesions: list[npt.NDArray[np.uint8]], orientation: int) -> None:
    (pair,) = found_among([*lesions, turned(lesions[3], orientation)])
    assert (pair.first, pair.second, pair.kind) == (3, 12, "near")
    # Told from either side: a quarter turn back undoes a quarter turn, a mirrored turn undoes itself.
    inverse = orientation if orientation >= 4 else (4 - orientation) % 4
    assert pair.orientation in {orientation, inverse}
    assert pair.correlation > 0.95


@pytest.mark.parametrize("change", [recompressed, cropped, brighter, shifted])
def test_a_changed_copy_is_found(lesions: list[npt.NDArray[np.uint8]], change: Callable[..., Any]) -> None:
    (pair,) = found_among([*lesions, change(lesions[5])])
    assert (pair.first, pair.second) == (5, 12)
    assert pair.correlation >= LEAST_CORRELATION


def test_all_changes_at_once_are_found(lesions: list[npt.NDArray[np.uint8]]) -> None:
    (pair,) = found_among([*lesions, turned(brighter(recompressed(cropped(lesions[8]), 70)), 6)])
    assert (pair.first, pair.second) == (8, 12)


def test_different_lesions_are_no_duplicates(lesions: list[npt.NDArray[np.uint8]]) -> None:
    assert found_among(lesions) == []


def test_the_middle_may_be_in_either_image(lesions: list[npt.NDArray[np.uint8]]) -> None:
    whole, middle = fingerprint(lesions[2]), fingerprint(cropped(lesions[2], 0.8))
    assert aligned_correlation(middle, whole, 0, 0.85) > LEAST_CORRELATION
    assert aligned_correlation(fingerprint(lesions[3]), whole, 0, 0.85) < 0.5


def test_correlation_is_that_of_the_detail_and_knows_no_brightness(lesions: list[npt.NDArray[np.uint8]]) -> None:
    one = fingerprint(lesions[0])
    assert aligned_correlation(one, one, 0, 1.0) == pytest.approx(1.0, abs=1e-3)
    assert aligned_correlation(one, fingerprint((lesions[0] * 0.6 + 20).astype(np.uint8)), 0, 1.0) > 0.95
    assert aligned_correlation(one, fingerprint(255 - lesions[0]), 0, 1.0) <= 0


def test_featureless_images_are_no_duplicates_of_anything(lesions: list[npt.NDArray[np.uint8]]) -> None:
    grey = np.full((100, 100, 3), 128, np.uint8)
    black = np.zeros((100, 120, 3), np.uint8)
    assert found_among([grey, black, grey.copy(), lesions[0]]) == []


def test_each_pair_is_proposed_once_and_no_image_with_itself(lesions: list[npt.NDArray[np.uint8]]) -> None:
    prints = [fingerprint(image) for image in [*lesions, lesions[0], turned(lesions[0], 2)]]
    proposed = candidates(prints)
    keys = [frozenset((pair.first, pair.second)) for pair in proposed]
    assert len(keys) == len(set(keys))
    assert all(len(key) == 2 for key in keys)
    assert frozenset((0, 12)) in keys
    assert all(isinstance(pair, Candidate) for pair in proposed)


def test_two_images_are_enough(lesions: list[npt.NDArray[np.uint8]]) -> None:
    assert len(found_among([lesions[0], lesions[0]])) == 1
    assert candidates([fingerprint(lesions[0])]) == []


def test_exact_duplicates_are_all_pairs_of_equal_digests() -> None:
    pairs = exact_duplicates(["a", "b", "a", "c", "a"], "same_bytes")
    assert {(pair.first, pair.second) for pair in pairs} == {(0, 2), (0, 4), (2, 4)}
    assert {(pair.kind, pair.correlation) for pair in pairs} == {("same_bytes", 1.0)}

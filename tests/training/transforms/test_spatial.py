"""Spatial transforms: inverses and identities, and the outline goes wherever its lesion goes."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skinlens.training.transforms.sample import Compose, Sample
from skinlens.training.transforms.spatial import Affine, Crop, HorizontalFlip, QuarterTurn, Resize, VerticalFlip

GEOMETRY = (
    HorizontalFlip(),
    VerticalFlip(),
    QuarterTurn(),
    Affine(degrees=180.0),
    Affine(shift=0.1),
    Affine(degrees=180.0, shift=0.1),
    Crop(area=0.5),
    Crop(aspect=1.25),
    Crop(squash=0.33),
    Crop(lesion_share=1.0),
    Crop(area=0.5, aspect=1.25, squash=0.33, lesion_share=0.3),
)


def kinds(samples: list[Sample]) -> set[bytes]:
    """Return the different images among these, as bytes."""
    return {sample.pixels.tobytes() for sample in samples}


@settings(max_examples=25, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 99))
@pytest.mark.parametrize("flip", [HorizontalFlip(share=1.0), VerticalFlip(share=1.0)], ids=lambda flip: flip.name)
def test_a_flip_is_its_own_inverse(flip: HorizontalFlip | VerticalFlip, height: int, width: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    sample = Sample(generator.integers(0, 256, (height, width, 3), np.uint8), generator.random((height, width)) < 0.5)
    once = flip(sample, generator)
    axis = 1 if flip.name == "horizontal_flip" else 0
    np.testing.assert_array_equal(once.pixels, np.flip(sample.pixels, axis))
    np.testing.assert_array_equal(once.outline, np.flip(sample.outline, axis))
    twice = flip(once, generator)
    np.testing.assert_array_equal(twice.pixels, sample.pixels)
    np.testing.assert_array_equal(twice.outline, sample.outline)


def test_flips_happen_half_of_the_time(noise: Sample, applied: Callable[..., Any]) -> None:
    for flip in (HorizontalFlip(), VerticalFlip()):
        flipped = [one is not noise for one in applied(flip, noise, 200)]
        # Binomial, n = 200, p = 0.5: five standard deviations are 0.18.
        assert abs(np.mean(flipped) - 0.5) < 0.18


def test_quarter_turns_only_permute_and_four_make_a_whole(noise: Sample, applied: Callable[..., Any]) -> None:
    turned = applied(QuarterTurn(), noise)
    assert kinds(turned) == {np.rot90(noise.pixels, k).tobytes() for k in range(4)}
    assert {one.pixels.shape[:2] for one in turned} == {(64, 72), (72, 64)}
    for one in turned:
        np.testing.assert_array_equal(np.sort(one.pixels, axis=None), np.sort(noise.pixels, axis=None))


@pytest.mark.parametrize("transform", [Affine(), Crop()], ids=lambda one: one.name)
def test_nothing_happens_unless_it_is_asked_for(transform: Affine | Crop, noise: Sample) -> None:
    assert transform(noise, np.random.default_rng(0)) is noise


def test_a_resize_to_its_own_size_changes_nothing() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (48, 48, 3), np.uint8)
    outline = np.random.default_rng(2).random((48, 48)) < 0.5
    resized = Resize(side=48)(Sample(pixels, outline), np.random.default_rng(0))
    np.testing.assert_array_equal(resized.pixels, pixels)
    np.testing.assert_array_equal(resized.outline, outline)


@pytest.mark.parametrize("transform", GEOMETRY, ids=repr)
def test_an_outline_follows_its_lesion(transform: Any, lesion: Callable[..., Any], applied: Callable[..., Any]) -> None:
    for moved in applied(Compose([transform, Resize(side=96)]), lesion(), 8):
        assert moved.pixels.shape == (96, 96, 3)
        assert ((moved.pixels[..., 0] > 127) != moved.outline).mean() < 0.02


def test_shifts_stay_within_their_share_of_the_side(applied: Callable[..., Any]) -> None:
    """The shift of an image whose red and green are its coordinates can be read off its middle."""
    ramp = np.arange(100, dtype=np.uint8)
    pixels = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], np.uint8(0)), axis=2)
    sample = Sample(pixels, np.zeros((100, 100), np.bool_))
    middles = np.array([one.pixels[50, 50, :2].astype(int) for one in applied(Affine(shift=0.1), sample, 60)]) - 50
    assert np.abs(middles).max() in (8, 9, 10)
    assert len(np.unique(middles, axis=0)) > 40


def test_a_turn_mirrors_the_border_instead_of_showing_black(applied: Callable[..., Any]) -> None:
    sample = Sample(np.full((50, 60, 3), 200, np.uint8), np.zeros((50, 60), np.bool_))
    assert all((one.pixels == 200).all() for one in applied(Affine(degrees=180.0, shift=0.2), sample, 6))


def test_a_crop_keeps_at_least_its_area_and_its_aspect(applied: Callable[..., Any]) -> None:
    sample = Sample(np.zeros((200, 200, 3), np.uint8), np.zeros((200, 200), np.bool_))
    shapes = np.array([one.outline.shape for one in applied(Crop(area=0.5, aspect=1.25), sample, 80)])
    areas, aspects = shapes.prod(axis=1) / 200**2, shapes[:, 1] / shapes[:, 0]
    assert 0.5 - 0.02 < areas.min() < 0.65
    assert 0.85 < areas.max() <= 1
    assert 1 / 1.25 - 0.02 < aspects.min() < 0.9
    assert 1.1 < aspects.max() < 1.25 + 0.02


@pytest.mark.parametrize("centre", [(40, 70), (14, 20), (75, 99)])
def test_a_crop_round_a_lesion_holds_all_of_it_and_shows_it_larger(
    centre: tuple[int, int], lesion: Callable[..., Any], applied: Callable[..., Any]
) -> None:
    sample = lesion(centre=centre)
    shares = []
    for one in applied(Compose([Crop(lesion_share=1.0), Resize(side=96)]), sample, 20):
        _, _, width, height = cv2.boundingRect(one.outline.astype(np.uint8))
        # The lesion fills its box as it did only if nothing of it is cut off.
        assert one.outline.sum() / (width * height) == pytest.approx(sample.outline.sum() / (29 * 41), rel=0.04)
        assert 1 / 2.6 < max(width, height) / 96 < 1 / 1.1
        shares.append(one.outline.mean())
    assert min(shares) > sample.outline.mean()
    assert max(shares) > 1.5 * min(shares)


def test_a_lesion_out_of_view_is_cropped_at_random() -> None:
    empty = Sample(np.zeros((50, 60, 3), np.uint8), np.zeros((50, 60), np.bool_))
    cropped = Crop(area=0.5, lesion_share=1.0)(empty, np.random.default_rng(0))
    assert 0.48 * 3000 < cropped.outline.size < 3000


def aspect_of(sample: Sample) -> float:
    """Return the width of the lesion's box over its height."""
    _, _, width, height = cv2.boundingRect(sample.outline.astype(np.uint8))
    return width / height


def test_a_squash_stretches_circles_both_ways_and_by_no_more_than_it_may(
    lesion: Callable[..., Any], applied: Callable[..., Any]
) -> None:
    circle = lesion(100, 100, (50, 50), (12, 12))
    aspects = [aspect_of(one) for one in applied(Compose([Crop(squash=0.33), Resize(side=200)]), circle, 60)]
    assert 1 / 1.33 - 0.06 < min(aspects) < 0.85
    assert 1.18 < max(aspects) < 1.33 + 0.06


def test_a_wide_image_is_sometimes_squashed_as_a_whole_and_sometimes_true_to_its_pixels(
    lesion: Callable[..., Any], applied: Callable[..., Any]
) -> None:
    circle = lesion(90, 120, (45, 60), (12, 12))
    aspects = [aspect_of(one) for one in applied(Compose([Crop(squash=0.01), Resize(side=180)]), circle, 30)]
    squashed, true = [a for a in aspects if a < 0.85], [a for a in aspects if a >= 0.85]
    assert min(len(squashed), len(true)) > 6
    assert squashed == pytest.approx([0.75] * len(squashed), abs=0.07)
    assert true == pytest.approx([1.0] * len(true), abs=0.07)

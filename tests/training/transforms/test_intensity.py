"""Intensity transforms: each does what its parameters say, and leaves outline and shape alone."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skinlens.training.transforms.intensity import (
    ColourJitter,
    Downsample,
    GaussianBlur,
    GaussianNoise,
    JpegCompression,
    RoundField,
    ShadesOfGrey,
    Vignette,
)
from skinlens.training.transforms.sample import Sample

LUMA = np.array((0.299, 0.587, 0.114))
EVERY = (
    ShadesOfGrey(),
    ColourJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05, cast=0.1),
    Vignette(),
    RoundField(),
    GaussianBlur(sigma=2.0),
    Downsample(smallest=0.3),
    GaussianNoise(sigma=9.0),
    JpegCompression(lowest=30),
)


def flat(level: int, height: int = 64, width: int = 72) -> Sample:
    return Sample(np.full((height, width, 3), level, np.uint8), np.zeros((height, width), np.bool_))


def images(samples: list[Sample]) -> list[npt.NDArray[np.float64]]:
    return [sample.pixels.astype(float) for sample in samples]


@pytest.mark.parametrize("transform", EVERY, ids=lambda one: one.name)
def test_pixels_change_and_nothing_else(transform: Any, noise: Sample, applied: Callable[..., Any]) -> None:
    for one in applied(transform, noise, 3):
        assert (one.pixels != noise.pixels).any()
        assert one.pixels.shape == noise.pixels.shape
        assert one.outline is noise.outline
        assert one.label == noise.label


@pytest.mark.parametrize("transform", [ColourJitter(), GaussianBlur(sigma=0.0), GaussianNoise(sigma=0.0)], ids=repr)
def test_strengths_of_0_are_the_identity_and_draw_nothing(
    transform: ColourJitter | GaussianBlur | GaussianNoise, noise: Sample
) -> None:
    generator = np.random.default_rng(0)
    assert transform(noise, generator) is noise
    assert generator.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize("transform", [one for one in EVERY if hasattr(one, "share")], ids=lambda one: one.name)
def test_a_share_is_a_share(transform: Any, noise: Sample, applied: Callable[..., Any]) -> None:
    some = transform.model_copy(update={"share": 0.3})
    touched = [one is not noise for one in applied(some, noise, 200)]
    # Binomial, n = 200, p = 0.3: six standard deviations are 0.19.
    assert abs(np.mean(touched) - 0.3) < 0.19


@settings(max_examples=40, deadline=None)
@given(level=st.integers(0, 255), seed=st.integers(0, 999))
@pytest.mark.parametrize(
    "transform",
    [
        *(ColourJitter(saturation=0.5), ColourJitter(hue=0.3), ColourJitter(contrast=0.5), ShadesOfGrey()),
        *(GaussianBlur(sigma=3.0), Downsample(smallest=0.2), JpegCompression(lowest=90)),
    ],
    ids=repr,
)
def test_an_even_grey_image_stays_as_it_is(transform: Any, level: int, seed: int) -> None:
    sample = flat(level, 24, 32)
    changed = transform(sample, np.random.default_rng(seed)).pixels
    assert np.abs(changed.astype(int) - level).max() <= 1


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999))
@pytest.mark.parametrize("transform", [Vignette(), RoundField()], ids=lambda one: one.name)
def test_shading_never_brightens_and_works_on_each_channel_alike(transform: Any, seed: int, noise: Sample) -> None:
    assert (transform(noise, np.random.default_rng(seed)).pixels <= noise.pixels).all()
    shaded = transform(flat(250, 96, 128), np.random.default_rng(seed)).pixels
    assert (shaded[..., 0] == shaded[..., 1]).all()
    assert shaded[40:56, 56:72].min() >= 240


def test_shades_of_grey_changes_nothing_the_second_time() -> None:
    """An image whose channels agree has no cast to take out."""
    cast = Sample(np.full((16, 16, 3), (180, 120, 90), np.uint8), np.zeros((16, 16), np.bool_))
    once = ShadesOfGrey()(cast, np.random.default_rng(0))
    twice = ShadesOfGrey()(once, np.random.default_rng(0))
    assert np.abs(once.pixels.astype(int) - twice.pixels).max() <= 1
    assert np.abs(once.pixels.astype(int) - cast.pixels).max() > 10


def test_brightness_scales_every_value_alike(applied: Callable[..., Any]) -> None:
    levels = [one[0, 0] / 100 for one in images(applied(ColourJitter(brightness=0.2), flat(100), 60))]
    assert np.ptp(levels, axis=1).max() < 0.02
    assert 0.79 < np.min(levels) < 0.85
    assert 1.15 < np.max(levels) < 1.21


def test_a_cast_weighs_channels(applied: Callable[..., Any]) -> None:
    gains = np.array([one[0, 0] / 100 for one in images(applied(ColourJitter(cast=0.2), flat(100), 60))])
    assert ((gains > 0.79) & (gains < 1.21)).all()
    assert gains.std(axis=0).min() > 0.07
    assert np.abs(np.corrcoef(gains.T)[np.triu_indices(3, 1)]).max() < 0.5


def test_a_third_of_a_hue_turn_moves_red_towards_green_or_blue(applied: Callable[..., Any]) -> None:
    red = Sample(np.full((16, 16, 3), (120, 0, 0), np.uint8), np.zeros((16, 16), np.bool_))
    turned = np.array([one[0, 0] for one in images(applied(ColourJitter(hue=1 / 3), red, 60))])
    assert turned[:, 1].max() > 100
    assert turned[:, 2].max() > 100


def test_contrast_keeps_the_mean_luma(noise: Sample, applied: Callable[..., Any]) -> None:
    calm = Sample(noise.pixels // 3 + 80, noise.outline)
    changed = images(applied(ColourJitter(contrast=0.4), calm, 12))
    assert all(abs((one @ LUMA).mean() - (calm.pixels @ LUMA).mean()) < 0.6 for one in changed)
    spreads = [one.std() for one in changed]
    assert max(spreads) > 1.2 * min(spreads)


def test_a_round_field_is_black_outside_and_changes_nothing_within(applied: Callable[..., Any]) -> None:
    for one in applied(RoundField(), flat(250, 96, 128), 30):
        assert one.pixels[[0, 0, -1, -1], [0, -1, 0, -1]].min() < 25
        assert one.pixels[40:56, 56:72].min() == 250


def test_a_vignette_darkens_softly(applied: Callable[..., Any]) -> None:
    darkest = []
    for one in applied(Vignette(), flat(250, 96, 128), 30):
        assert np.abs(np.diff(one.pixels[48, :, 0].astype(int))).max() < 60
        darkest.append(one.pixels.min())
    assert min(darkest) < 100


@pytest.mark.parametrize("transform", [Downsample(smallest=0.2), GaussianBlur(sigma=2.0)], ids=lambda one: one.name)
def test_lost_detail_smooths(transform: Downsample | GaussianBlur, noise: Sample, applied: Callable[..., Any]) -> None:
    def roughness(pixels: Any) -> Any:
        return np.abs(np.diff(pixels.astype(float), axis=1)).mean()

    smoothed = [roughness(one.pixels) for one in applied(transform, noise)]
    assert max(smoothed) <= roughness(noise.pixels) + 1e-9
    assert min(smoothed) < 0.35 * roughness(noise.pixels)


def test_a_downsample_of_1_is_the_identity(noise: Sample, applied: Callable[..., Any]) -> None:
    for one in applied(Downsample(smallest=1.0), noise, 3):
        np.testing.assert_array_equal(one.pixels, noise.pixels)


def test_noise_has_the_mean_zero_and_at_most_its_sigma(applied: Callable[..., Any]) -> None:
    off = [one - 128 for one in images(applied(GaussianNoise(sigma=10.0), flat(128), 30))]
    spreads = [one.std() for one in off]
    assert max(abs(one.mean()) for one in off) < 0.5
    assert 7 < max(spreads) < 10.5
    assert min(spreads) < 4


def test_jpeg_keeps_colours_where_they_are_and_harms_more_at_low_quality(
    noise: Sample, applied: Callable[..., Any]
) -> None:
    red = Sample(np.full((64, 72, 3), (200, 0, 0), np.uint8), noise.outline)
    assert all(np.abs(one - red.pixels).max() < 8 for one in images(applied(JpegCompression(lowest=30), red, 6)))

    smooth = Sample(np.asarray(cv2.GaussianBlur(noise.pixels, (0, 0), 4.0)), noise.outline)

    def worst(lowest: Any) -> Any:
        changed = images(applied(JpegCompression(lowest=lowest), smooth, 12))
        return max(np.abs(one - smooth.pixels).mean() for one in changed)

    assert worst(5) > 1.5 * worst(90) > 0

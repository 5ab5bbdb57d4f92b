"""Samples and compositions: order, identity, and what every transform must hold to."""

import copy
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from skinlens.imaging.blanking import central_ellipse
from skinlens.training.transforms.intensity import GaussianBlur, GaussianNoise
from skinlens.training.transforms.listed import ListedTransform
from skinlens.training.transforms.sample import Compose, Donor, Sample
from skinlens.training.transforms.spatial import HorizontalFlip, Resize, VerticalFlip

EVERY = get_args(get_args(ListedTransform)[0])
REQUIRED = {
    "gaussian_blur": {"sigma": 2.0},
    "downsample": {"smallest": 0.3},
    "gaussian_noise": {"sigma": 9.0},
    "jpeg_compression": {"lowest": 30},
    "resize": {"side": 48},
    "colour_jitter": {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.05, "cast": 0.1},
    "affine": {"degrees": 90.0, "shift": 0.1},
    "crop": {"area": 0.5, "aspect": 1.25, "squash": 0.2, "lesion_share": 0.3},
    "remove_lesion": {"flat": 0.5},
}


def made(transform: Any) -> Any:
    return transform(**REQUIRED.get(transform.model_fields["name"].default, {}))  # type: ignore[arg-type]


def drawn(height: int, width: int) -> Sample:
    generator = np.random.default_rng(1)
    pixels, other = (generator.integers(0, 256, (*size, 3), np.uint8) for size in ((height, width), (70, 50)))
    donor = Donor(pixels=lambda: other, skin=lambda: other)
    outline = central_ellipse(height, width)
    pixels.setflags(write=False)
    outline.setflags(write=False)
    return Sample(pixels, outline, outline, label=1.0, donor=donor)


@pytest.mark.parametrize("transform", EVERY, ids=lambda one: one.__name__)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(16, 90), width=st.integers(16, 90))
def test_every_transform_is_repeatable_and_keeps_its_input_and_its_types(
    transform: Any, seed: int, height: int, width: int
) -> None:
    sample = drawn(height, width)
    before = sample.pixels.copy(), sample.outline.copy()
    first, again = (made(transform)(sample, np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.outline, again.outline)
    assert first.label == again.label
    assert (first.pixels.dtype, first.outline.dtype) == (np.uint8, np.bool_)
    assert first.pixels.shape == (*first.outline.shape, 3)
    np.testing.assert_array_equal(sample.pixels, before[0])
    np.testing.assert_array_equal(sample.outline, before[1])


@pytest.mark.parametrize("transform", EVERY, ids=lambda one: one.__name__)
def test_every_transform_survives_its_record_and_takes_no_unknown_parameter(transform: Any) -> None:
    one = made(transform)
    assert transform.model_validate(one.model_dump(mode="json")) == one
    with pytest.raises(ValidationError, match="strength"):
        transform(**REQUIRED.get(one.name, {}), strength=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="positional"):
        transform(0.5)


@pytest.mark.parametrize(
    "transform", [one for one in EVERY if "share" in one.model_fields], ids=lambda one: one.__name__
)
def test_a_share_of_0_does_nothing_and_draws_nothing(transform: Any, noise: Sample) -> None:
    one = transform(**(REQUIRED.get(transform.model_fields["name"].default, {}) | {"share": 0.0}))
    generator = np.random.default_rng(0)
    result = one(noise, generator)
    assert result.pixels is noise.pixels
    assert result.outline is noise.outline
    assert generator.random() == np.random.default_rng(0).random()


def test_every_transform_has_a_name_of_its_own() -> None:
    names = [transform.model_fields["name"].default for transform in EVERY]
    assert len(set(names)) == len(EVERY) == 19


def test_a_composition_applies_its_transforms_in_order_with_one_generator(noise: Sample) -> None:
    steps = [HorizontalFlip(), GaussianNoise(sigma=5.0), GaussianBlur(sigma=2.0, share=0.5)]
    generator, expected = np.random.default_rng(3), noise
    for step in steps:
        expected = step(expected, generator)
    np.testing.assert_array_equal(Compose(steps)(noise, np.random.default_rng(3)).pixels, expected.pixels)
    swapped = Compose([*steps[1:], steps[0]])(noise, np.random.default_rng(3))
    assert (swapped.pixels != expected.pixels).any()


def test_an_empty_composition_is_the_identity(noise: Sample) -> None:
    assert Compose([])(noise, np.random.default_rng(0)) is noise


def test_only_resize_asks_for_the_side_of_an_epoch() -> None:
    flip, resize = VerticalFlip(), Resize()
    assert flip.at(64) is flip
    assert resize.at(64) == Resize(side=64)
    assert Resize(side=96).at(64) == Resize(side=96)
    with pytest.raises(ValueError, match="Resize has no side"):
        resize(Sample(np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.bool_)), np.random.default_rng(0))


def test_one_mask_is_moved_once_and_two_masks_alike(noise: Sample) -> None:
    moved = noise.moved(lambda pixels: pixels[::-1], lambda mask: mask[::-1])
    assert moved.outline is moved.traced
    other = Sample(noise.pixels, central_ellipse(64, 72), noise.traced)
    apart = other.moved(lambda pixels: pixels[::-1], lambda mask: mask[::-1])
    np.testing.assert_array_equal(apart.traced, moved.traced)
    assert (apart.outline != apart.traced).any()


def test_a_transform_cannot_be_changed() -> None:
    flip = HorizontalFlip()
    with pytest.raises(ValidationError, match="frozen"):
        flip.share = 1.0
    assert copy.copy(flip) == flip

"""The model's input: squashed to a square without losing the rim, and unchanged where it already fits."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from skinlens.imaging.preprocess import Preprocessing, resize, to_input
from skinlens.imaging.synthetic import draw_pixels

SHAPES = [(100, 100), (224, 500), (600, 400), (64, 900), (1000, 1000)]


@pytest.mark.parametrize("size", [96, 224])
def test_an_image_of_the_right_size_is_returned_unchanged(size: int) -> None:
    pixels = draw_pixels(1, height=size, width=size)
    assert to_input(pixels, Preprocessing(size=size)) is pixels


@pytest.mark.parametrize("shape", SHAPES)
def test_any_image_becomes_the_square(shape: tuple[int, int]) -> None:
    made = to_input(draw_pixels(2, height=shape[0], width=shape[1]), Preprocessing())
    assert made.shape == (224, 224, 3)
    assert made.dtype == np.uint8


@pytest.mark.parametrize("shape", SHAPES)
def test_a_constant_image_stays_constant(shape: tuple[int, int]) -> None:
    constant = np.full((*shape, 3), (201, 140, 99), np.uint8)
    assert (to_input(constant, Preprocessing()) == (201, 140, 99)).all()


@pytest.mark.parametrize("shape", [(448, 672), (300, 900), (112, 56)])
def test_both_sides_are_squashed_and_no_rim_is_lost(shape: tuple[int, int]) -> None:
    height, width = shape
    quarters = np.zeros((height, width, 3), np.uint8)
    quarters[: height // 2, : width // 2] = (255, 0, 0)
    quarters[: height // 2, width // 2 :] = (0, 255, 0)
    quarters[height // 2 :, : width // 2] = (0, 0, 255)
    made = to_input(quarters, Preprocessing())
    for (row, column), colour in {
        (0, 0): (255, 0, 0),
        (0, 223): (0, 255, 0),
        (223, 0): (0, 0, 255),
        (223, 223): (0, 0, 0),
        (105, 105): (255, 0, 0),
        (118, 118): (0, 0, 0),
    }.items():
        np.testing.assert_array_equal(made[row, column], colour)


def test_shrinking_by_a_whole_factor_is_the_mean_of_each_block() -> None:
    pixels = draw_pixels(3, height=448, width=672)
    blocks = pixels.reshape(224, 2, 224, 3, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(to_input(pixels, Preprocessing()), blocks, atol=0.51)


def test_shrinking_makes_no_false_pattern() -> None:
    # Lines of one pixel average to grey; picking pixels instead would leave stripes.
    lines = np.zeros((896, 896, 3), np.uint8)
    lines[::2] = 254
    assert (to_input(lines, Preprocessing()) == 127).all()


def test_an_image_made_larger_and_small_again_comes_back() -> None:
    pixels = draw_pixels(4, height=224, width=224)
    back = resize(resize(pixels, height=896, width=896), height=224, width=224)
    assert np.abs(back.astype(int) - pixels).mean() < 2


def test_an_image_smaller_in_one_direction_only_keeps_its_colour() -> None:
    pixels = draw_pixels(5, height=100, width=600)
    np.testing.assert_allclose(to_input(pixels, Preprocessing()).mean((0, 1)), pixels.mean((0, 1)), atol=1.5)


def test_the_input_is_not_written_to() -> None:
    pixels = draw_pixels(6, height=150, width=200)
    pixels.setflags(write=False)
    assert to_input(pixels, Preprocessing()).flags.writeable


@pytest.mark.parametrize("wrong", [{"size": 8}, {"size": 4096}, {"geometry": "crop"}, {"colour": "BGR"}])
def test_a_card_with_unknown_preprocessing_is_not_accepted(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Preprocessing(**wrong)

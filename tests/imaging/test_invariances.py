"""What resizing keeps, on whatever image: size, range, colour, symmetry."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from skinlens.imaging.preprocess import Preprocessing, fitted, resize, to_input
from tests.drawn_at_random import Pixels, pixels

SIDES = st.integers(1, 60)


@given(pixels(), SIDES, SIDES)
def test_the_size_is_what_was_asked_for(image: Pixels, height: int, width: int) -> None:
    made = resize(image, height=height, width=width)
    assert made.shape == (height, width, 3)
    assert made.dtype == np.uint8


@given(pixels(), st.integers(32, 64))
def test_the_input_is_a_square_and_a_second_time_changes_nothing(image: Pixels, size: int) -> None:
    preprocessing = Preprocessing(size=size)
    once = to_input(image, preprocessing)
    assert once.shape == (size, size, 3)
    assert to_input(once, preprocessing) is once


@given(pixels(), SIDES, SIDES)
def test_mirroring_before_or_after_is_the_same(image: Pixels, height: int, width: int) -> None:
    mirrored = resize(np.ascontiguousarray(image[:, ::-1]), height=height, width=width)[:, ::-1]
    # Weights are in fixed point, so that a rounding may fall the other way.
    assert np.abs(mirrored.astype(int) - resize(image, height=height, width=width)).max() <= 2


@given(pixels(), SIDES, SIDES)
def test_channels_do_not_mix(image: Pixels, height: int, width: int) -> None:
    swapped = resize(np.ascontiguousarray(image[..., ::-1]), height=height, width=width)
    np.testing.assert_array_equal(swapped[..., ::-1], resize(image, height=height, width=width))


@given(st.tuples(*[st.integers(0, 255)] * 3), st.tuples(SIDES, SIDES), SIDES, SIDES)
def test_one_colour_stays_one_colour(
    colour: tuple[int, int, int], shape: tuple[int, int], height: int, width: int
) -> None:
    plain = np.full((*shape, 3), colour, np.uint8)
    assert (resize(plain, height=height, width=width) == colour).all()


@given(pixels(), SIDES, st.booleans())
def test_fitting_keeps_the_aspect_and_the_limit(image: Pixels, side: int, enlarge: bool) -> None:
    made = fitted(image, side, enlarge=enlarge)
    longer, given_longer = max(made.shape[:2]), max(image.shape[:2])
    assert longer == (side if enlarge else min(side, given_longer))
    factor = longer / given_longer
    for now, before in zip(made.shape[:2], image.shape[:2], strict=True):
        assert abs(now - before * factor) <= 0.5 or now == 1

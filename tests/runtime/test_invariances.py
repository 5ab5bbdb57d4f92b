"""The eight orientations of whatever image are a group: turning or mirroring it first only reorders them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from skinlens.runtime.orientations import ORIENTATIONS, orientations
from tests.drawn_at_random import Pixels, pixels


def as_set(images: list[Pixels]) -> set[tuple[tuple[int, ...], bytes]]:
    return {(image.shape, image.tobytes()) for image in images}


@given(pixels(12), st.integers(0, ORIENTATIONS - 1))
def test_an_orientation_has_the_same_orientations(image: Pixels, at: int) -> None:
    assert as_set(orientations(orientations(image)[at])) == as_set(orientations(image))


@given(pixels(12))
def test_no_pixel_is_lost(image: Pixels) -> None:
    before = np.sort(image.reshape(-1, 3), axis=0)
    for turned in orientations(image):
        np.testing.assert_array_equal(np.sort(turned.reshape(-1, 3), axis=0), before)


@given(pixels(12))
def test_the_first_is_the_image(image: Pixels) -> None:
    np.testing.assert_array_equal(orientations(image)[0], image)

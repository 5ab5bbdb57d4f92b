"""What is changed for viewing, and what is said of it."""

import numpy as np

from skinlens.imaging.synthetic import draw_pixels
from skinlens.ui.enhanced import RETOUCHES, retouched


def test_each_says_that_the_model_judged_the_original() -> None:
    pixels = draw_pixels(3, height=240, width=320)
    before = pixels.copy()
    for how in RETOUCHES:
        changed = retouched(pixels, how)
        assert changed.pixels.shape == pixels.shape
        assert changed.sentence.endswith("the model judged the original.")
    assert np.array_equal(pixels, before)


def test_hair_that_is_not_there_is_not_filled_in() -> None:
    pixels = np.full((300, 300, 3), (200, 160, 140), np.uint8)
    changed = retouched(pixels, "hair removed")
    assert np.array_equal(changed.pixels, pixels)
    assert "no dark hair was found" in changed.sentence


def test_a_cast_is_taken_out() -> None:
    pixels = np.full((64, 64, 3), (120, 120, 120), np.uint8)
    cast = (pixels * (1.0, 0.8, 0.6)).astype(np.uint8)
    red, green, blue = retouched(cast, "colour cast removed").pixels[0, 0].astype(int)
    assert max(red, green, blue) - min(red, green, blue) <= 2

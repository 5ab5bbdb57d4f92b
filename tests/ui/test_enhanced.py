"""Images changed for viewing, and the sentences about them."""

import cv2
import numpy as np

from skinlens.imaging.synthetic import draw_pixels
from skinlens.ui.enhanced import ENHANCEMENTS, enhance


def test_each_says_that_the_model_assessed_the_original() -> None:
    pixels = draw_pixels(3, height=240, width=320)
    before = pixels.copy()
    for how in ENHANCEMENTS:
        changed = enhance(pixels, how)
        assert changed.pixels.shape == pixels.shape
        assert changed.sentence.endswith("the model assessed the original.")
    assert np.array_equal(pixels, before)


def test_without_hair_nothing_is_filled_in() -> None:
    pixels = np.full((300, 300, 3), (200, 160, 140), np.uint8)
    changed = enhance(pixels, "hair removed")
    assert np.array_equal(changed.pixels, pixels)
    assert changed.sentence.startswith("No dark hair was found.")


def test_hair_is_filled_in_and_its_share_is_stated() -> None:
    pixels = np.full((300, 300, 3), (200, 160, 140), np.uint8)
    for x in (40, 140, 240):
        cv2.line(pixels, (x, 10), (x + 30, 290), (40, 30, 30), 2, cv2.LINE_AA)
    changed = enhance(pixels, "hair removed")
    dark, left = ((shown.min(axis=2) < 100).sum() for shown in (pixels, changed.pixels))
    assert left < 0.1 * dark
    assert "% of the image is filled in" in changed.sentence


def test_a_colour_cast_is_removed() -> None:
    pixels = np.full((64, 64, 3), (120, 120, 120), np.uint8)
    cast = (pixels * (1.0, 0.8, 0.6)).astype(np.uint8)
    red, green, blue = enhance(cast, "colour corrected").pixels[0, 0].astype(int)
    assert max(red, green, blue) - min(red, green, blue) <= 2

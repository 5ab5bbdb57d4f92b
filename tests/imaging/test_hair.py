"""Hair removal against the same drawing without its hairs, which tells where they are and what lies under them."""

import time

import cv2
import numpy as np
import pytest

from skinlens.imaging.corruptions import CORRUPTIONS, corrupt
from skinlens.imaging.hair import find_hair, remove_hair
from skinlens.imaging.image import Pixels
from skinlens.imaging.synthetic import draw_pixels

HAIRS = next(corruption for corruption in CORRUPTIONS if corruption.name == "hair")
# Height, width, seed and look.
DRAWN = [(480, 640, 0, False), (480, 640, 1, True), (224, 224, 0, False), (224, 224, 5, True), (300, 200, 2, True)]
every_drawing = pytest.mark.parametrize(("height", "width", "seed", "malignant_look"), DRAWN)


def away(one: Pixels, other: Pixels) -> np.ndarray:
    """The largest difference of a channel, `(H, W)`."""
    return np.abs(one.astype(int) - other).max(axis=2)


@every_drawing
def test_a_hairless_lesion_is_left_almost_unchanged(height: int, width: int, seed: int, malignant_look: bool) -> None:
    bare = draw_pixels(seed, height=height, width=width, malignant_look=malignant_look, hairs=False)
    shaved = remove_hair(bare)
    assert shaved.share < 0.005
    assert away(shaved.pixels, bare).mean() < 0.1


@every_drawing
def test_drawn_hairs_are_found_and_what_lay_under_them_comes_back(
    height: int, width: int, seed: int, malignant_look: bool
) -> None:
    bare = draw_pixels(seed, height=height, width=width, malignant_look=malignant_look, hairs=False)
    hairy = corrupt(bare, HAIRS, 2, seed=seed)
    shaved, hidden = remove_hair(hairy), away(hairy, bare)
    assert shaved.mask[hidden > 40].mean() > 0.8
    assert away(shaved.pixels, bare).mean() < 0.5 * hidden.mean()
    near = cv2.dilate((hidden > 5).astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    assert (shaved.mask & ~near).mean() < 0.005, "skin taken for hair"


@pytest.mark.slow
def test_hairs_of_the_drawing_itself_are_found() -> None:
    """They are as faint as they are dark: most of what they hide comes back."""
    hidden, left = 0.0, 0.0
    for seed in range(6):
        bare, hairy = (draw_pixels(seed, hairs=hairs) for hairs in (False, True))
        hidden += float(away(hairy, bare).mean())
        left += float(away(remove_hair(hairy).pixels, bare).mean())
    assert hidden > 3
    assert left < 0.5 * hidden


def test_outside_the_mask_nothing_changes() -> None:
    hairy = corrupt(draw_pixels(4, height=300, width=410), HAIRS, 3, seed=1)
    before = hairy.copy()
    hairy.setflags(write=False)
    shaved = remove_hair(hairy)
    np.testing.assert_array_equal(hairy, before)
    np.testing.assert_array_equal(shaved.pixels[~shaved.mask], hairy[~shaved.mask])
    assert (shaved.pixels.shape, shaved.pixels.dtype) == (hairy.shape, np.uint8)
    np.testing.assert_array_equal(shaved.mask, find_hair(hairy))
    assert shaved.share == pytest.approx(shaved.mask.sum() / (300 * 410))


def test_more_hairs_are_a_larger_share() -> None:
    bare = draw_pixels(6, height=300, width=300, hairs=False)
    shares = [remove_hair(corrupt(bare, HAIRS, strength, seed=3)).share for strength in range(6)]
    assert shares == sorted(shares)
    assert shares[0] < 0.005
    assert shares[1] > 0.01


def test_a_turned_image_has_its_hairs_turned() -> None:
    hairy = corrupt(draw_pixels(2, height=224, width=224, hairs=False), HAIRS, 2, seed=2)
    found, turned = find_hair(hairy), find_hair(np.ascontiguousarray(np.rot90(hairy)))
    both = np.rot90(found) & turned
    assert both.sum() > 0.9 * max(found.sum(), turned.sum()) > 0


@pytest.mark.parametrize("shape", [(30, 40, 3), (64, 3000, 3), (1, 1, 3)])
def test_even_images_of_any_shape_have_none(shape: tuple[int, int, int]) -> None:
    shaved = remove_hair(np.full(shape, (200, 150, 140), np.uint8))
    assert shaved.mask.shape == shape[:2]
    assert shaved.share == 0


def test_dots_and_a_round_lesion_are_no_hair() -> None:
    pixels = np.full((448, 448, 3), (210, 160, 150), np.uint8)
    cv2.circle(pixels, (224, 224), 90, (110, 70, 50), cv2.FILLED)
    for x in range(30, 448, 40):
        cv2.circle(pixels, (x, 40), 5, (60, 40, 30), cv2.FILLED)
    assert not find_hair(pixels).any()


def test_twelve_megapixels_are_quick() -> None:
    large = np.asarray(cv2.resize(draw_pixels(3), (4000, 3000)), np.uint8)
    begun = time.process_time()
    shaved = remove_hair(large)
    assert time.process_time() - begun < 2
    assert shaved.pixels.shape == (3000, 4000, 3)

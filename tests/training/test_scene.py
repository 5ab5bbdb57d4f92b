"""Placement: the outline goes wherever its lesion goes, and a crop round a lesion holds all of it."""

import cv2
import numpy as np
import pytest

from skinlens.imaging.blanking import central_ellipse, paint_disc
from skinlens.training.recipe import Augmentation
from skinlens.training.scene import Scene, placed

GEOMETRY = {
    "flip": True,
    "flip_vertical": True,
    "quarter_turns": True,
    "rotation": 180.0,
    "shift": 0.1,
    "crop_area": 0.5,
    "aspect": 1.25,
    "squash": 0.33,
    "crop_to_lesion_share": 0.3,
}


def generator(seed=0):
    return np.random.default_rng(seed)


def recipe(**entries):
    return Augmentation(engine="opencv", **entries)


def lesion(height=90, width=120, centre=(40, 70), radius=(14, 20)):
    """A white ellipse on black, and its outline, so that the one can be read off the other."""
    y, x = np.ogrid[0:height, 0:width]
    outline = ((y - centre[0]) / radius[0]) ** 2 + ((x - centre[1]) / radius[1]) ** 2 <= 1
    pixels = np.repeat(255 * outline[..., None].astype(np.uint8), 3, axis=2)
    return Scene(pixels, outline, outline)


@pytest.mark.parametrize(("height", "width"), [(224, 224), (90, 120), (61, 40)])
def test_the_ellipse_is_the_disc_of_the_shortcut_tests(height, width):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    painted = (paint_disc(pixels) != pixels).any(axis=2)
    # Theirs is a share of the sides, this one of the outermost pixels' distance: they differ on the rim alone.
    assert (painted != central_ellipse(height, width)).mean() < 0.04


def test_nothing_asked_for_is_a_resize():
    scene = lesion(64, 64, (30, 30), (9, 9))
    found = placed(scene, recipe(), 64, generator())
    np.testing.assert_array_equal(found.pixels, scene.pixels)
    np.testing.assert_array_equal(found.outline, scene.outline)


@pytest.mark.parametrize("name", [None, *GEOMETRY])
def test_an_outline_follows_its_lesion(name):
    entries = GEOMETRY if name is None else {name: GEOMETRY[name] if name != "crop_to_lesion_share" else 1.0}
    for seed in range(12):
        found = placed(lesion(), recipe(**entries), 96, generator(seed))
        assert found.pixels.shape == (96, 96, 3)
        assert found.outline.shape == (96, 96)
        assert ((found.pixels[..., 0] > 127) != found.outline).mean() < 0.02


def test_two_masks_move_alike():
    scene = lesion()
    other = Scene(scene.pixels, central_ellipse(90, 120), scene.outline)
    for seed in range(6):
        found = placed(other, recipe(**(GEOMETRY | {"crop_to_lesion_share": 0})), 96, generator(seed))
        same = placed(scene, recipe(**(GEOMETRY | {"crop_to_lesion_share": 0})), 96, generator(seed))
        np.testing.assert_array_equal(found.traced, same.traced)
        np.testing.assert_array_equal(found.pixels, same.pixels)
        assert found.outline.sum() != found.traced.sum()


def test_the_same_generator_places_alike_and_another_does_not():
    first, again, other = (placed(lesion(), recipe(**GEOMETRY), 96, generator(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert (first.pixels != other.pixels).any()


@pytest.mark.parametrize("centre", [(40, 70), (14, 20), (75, 99)])
def test_a_crop_round_a_lesion_holds_all_of_it_and_shows_it_larger(centre):
    scene = lesion(centre=centre)
    shares = []
    for seed in range(20):
        found = placed(scene, recipe(crop_to_lesion_share=1.0), 96, generator(seed))
        _, _, width, height = cv2.boundingRect(found.outline.astype(np.uint8))
        # The lesion fills its box as it did only if nothing of it is cut off.
        assert found.outline.sum() / (width * height) == pytest.approx(scene.outline.sum() / (29 * 41), rel=0.04)
        assert 1 / 2.6 < max(width, height) / 96 < 1 / 1.1
        shares.append(found.outline.mean())
    assert min(shares) > scene.outline.mean()
    assert max(shares) > 1.5 * min(shares)


def test_a_lesion_that_was_turned_out_of_sight_is_cropped_at_random():
    empty = Scene(np.zeros((50, 60, 3), np.uint8), np.zeros((50, 60), np.bool_))
    assert placed(empty, recipe(crop_to_lesion_share=1.0), 32, generator()).pixels.shape == (32, 32, 3)


def test_a_turn_mirrors_the_border_instead_of_showing_black():
    scene = Scene(np.full((50, 60, 3), 200, np.uint8), np.zeros((50, 60), np.bool_))
    for seed in range(6):
        found = placed(scene, recipe(rotation=180.0, shift=0.2), 48, generator(seed))
        assert (found.pixels == 200).all()


def aspect_of(scene):
    """Width of the lesion's box over its height."""
    _, _, width, height = cv2.boundingRect(scene.outline.astype(np.uint8))
    return width / height


def test_a_squash_stretches_circles_both_ways_and_by_no_more_than_it_may():
    circle = lesion(100, 100, (50, 50), (12, 12))
    aspects = [aspect_of(placed(circle, recipe(squash=0.33), 200, generator(seed))) for seed in range(60)]
    assert 1 / 1.33 - 0.06 < min(aspects) < 0.85
    assert 1.18 < max(aspects) < 1.33 + 0.06


def test_a_wide_image_is_sometimes_squashed_as_a_whole_and_sometimes_true_to_its_pixels():
    circle = lesion(90, 120, (45, 60), (12, 12))
    aspects = [aspect_of(placed(circle, recipe(squash=0.01), 180, generator(seed))) for seed in range(30)]
    squashed, true = [a for a in aspects if a < 0.85], [a for a in aspects if a >= 0.85]
    assert min(len(squashed), len(true)) > 6
    assert squashed == pytest.approx([0.75] * len(squashed), abs=0.07)
    assert true == pytest.approx([1.0] * len(true), abs=0.07)

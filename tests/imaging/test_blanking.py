"""Painted and moved lesions: what has to be hidden is gone from the result, and nothing else changes."""

import numpy as np
import pytest

from skinlens.imaging.blanking import FRAME, move_lesion, paint_disc, paint_lesion
from skinlens.imaging.outlines import grow
from skinlens.imaging.synthetic import draw_pixels

SIZES = [(224, 224), (96, 96), (224, 300), (450, 600), (65, 301)]


def disc(height: int, width: int, radius: float) -> np.ndarray:
    """Pixels within a radius given in shares of the sides."""
    y, x = np.mgrid[0:height, 0:width]
    return np.hypot((y - (height - 1) / 2) / height, (x - (width - 1) / 2) / width) <= radius


def frame(height: int, width: int) -> np.ndarray:
    ring = np.ones((height, width), np.bool_)
    bottom, right = round(FRAME * height), round(FRAME * width)
    ring[bottom:-bottom, right:-right] = False
    return ring


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


class TestDisc:
    @pytest.mark.parametrize(("height", "width"), SIZES)
    def test_the_same_disc_in_the_mean_colour_of_the_frame(self, height: int, width: int) -> None:
        pixels = draw_pixels(3, height=height, width=width)
        painted, hidden = paint_disc(pixels), disc(height, width, 85 / 224)
        colour = np.rint(pixels[frame(height, width) & ~hidden].mean(axis=0))
        assert (painted[hidden] == colour).all()
        np.testing.assert_array_equal(painted[~hidden], pixels[~hidden])

    def test_at_224_it_has_the_radius_85_and_lies_within_the_frame(self) -> None:
        painted = (paint_disc(noise(224, 224)) != noise(224, 224)).any(axis=-1)
        y, x = np.nonzero(painted)
        assert (y.min(), y.max(), x.min(), x.max()) == (27, 196, 27, 196)
        assert painted.sum() == pytest.approx(np.pi * 85**2, rel=0.01)
        assert not (painted & frame(224, 224)).any()

    @pytest.mark.parametrize(("height", "width"), SIZES)
    def test_nothing_of_what_it_hides_can_be_read_off(self, height: int, width: int) -> None:
        pixels, hidden = noise(height, width), disc(height, width, 85 / 224)
        other = np.where(hidden[..., None], noise(height, width, seed=1), pixels)
        np.testing.assert_array_equal(paint_disc(pixels), paint_disc(other))

    def test_painting_twice_is_painting_once(self) -> None:
        once = paint_disc(draw_pixels(4, height=224, width=224))
        np.testing.assert_array_equal(paint_disc(once), once)


class TestLesion:
    OUTLINE = disc(200, 260, 0.2)

    def test_the_dilated_outline_is_painted_and_nothing_else(self) -> None:
        pixels = draw_pixels(5, height=200, width=260)
        painted, hidden = paint_lesion(pixels, self.OUTLINE), grow(self.OUTLINE, 8 / 224)
        assert len(np.unique(painted[hidden], axis=0)) == 1
        np.testing.assert_array_equal(painted[~hidden], pixels[~hidden])
        assert hidden.sum() > self.OUTLINE.sum()

    def test_nothing_of_the_lesion_can_be_read_off(self) -> None:
        pixels, hidden = noise(200, 260), grow(self.OUTLINE, 8 / 224)
        other = np.where(hidden[..., None], noise(200, 260, seed=1), pixels)
        np.testing.assert_array_equal(paint_lesion(pixels, self.OUTLINE), paint_lesion(other, self.OUTLINE))

    def test_a_lesion_that_covers_the_frame_takes_the_colour_of_what_is_left(self) -> None:
        pixels = np.full((100, 100, 3), (120, 60, 40), np.uint8)
        pixels[48:52, 48:52] = (230, 180, 160)
        outline = np.ones((100, 100), np.bool_)
        outline[40:60, 40:60] = False
        assert (paint_lesion(pixels, outline)[0, 0] == pixels[grow(outline, 8 / 224) == 0].mean(axis=0).round()).all()

    def test_a_lesion_that_covers_everything_leaves_grey(self) -> None:
        assert (paint_lesion(noise(80, 80), np.ones((80, 80), np.bool_)) == 128).all()

    def test_without_a_lesion_nothing_changes(self) -> None:
        pixels = noise(80, 80)
        np.testing.assert_array_equal(paint_lesion(pixels, np.zeros((80, 80), np.bool_)), pixels)


class TestMoving:
    LESION, OTHER = disc(224, 224, 0.2), disc(224, 224, 0.3)

    def test_the_lesion_stays_as_it_was_and_the_rest_is_the_background(self) -> None:
        lesion, background = draw_pixels(6, height=224, width=224), draw_pixels(7, height=224, width=224)
        moved = move_lesion(lesion, self.LESION, background, self.OTHER)
        np.testing.assert_array_equal(moved[self.LESION], lesion[self.LESION])
        far = ~grow(self.OTHER, 30 / 224)
        np.testing.assert_array_equal(moved[far], background[far])

    def test_nothing_of_the_backgrounds_own_lesion_shows(self) -> None:
        lesion, background = draw_pixels(6, height=224, width=224), noise(224, 224)
        other = np.where(grow(self.OTHER, 8 / 224)[..., None], noise(224, 224, seed=1), background)
        np.testing.assert_array_equal(
            move_lesion(lesion, self.LESION, background, self.OTHER),
            move_lesion(lesion, self.LESION, other, self.OTHER),
        )

    def test_nothing_of_the_skin_around_the_lesion_comes_along(self) -> None:
        lesion, background = noise(224, 224), draw_pixels(7, height=224, width=224)
        # 8 px of dilation and four times the 3 px of the blur.
        other = np.where(grow(self.LESION, 20 / 224)[..., None], lesion, noise(224, 224, seed=1))
        np.testing.assert_array_equal(
            move_lesion(lesion, self.LESION, background, self.OTHER),
            move_lesion(other, self.LESION, background, self.OTHER),
        )

    def test_even_skin_closes_where_the_other_lesion_was(self) -> None:
        skin = np.full((224, 224, 3), (220, 170, 150), np.uint8)
        background = np.where(self.OTHER[..., None], np.uint8(30), skin)
        moved = move_lesion(np.zeros_like(skin), self.LESION, background, self.OTHER)
        ring = grow(self.OTHER, 10 / 224) & ~grow(self.LESION, 20 / 224)
        assert ring.sum() > 5000
        assert np.abs(moved[ring].astype(int) - (220, 170, 150)).max() <= 3

    def test_the_edge_is_soft(self) -> None:
        black, white = np.zeros((224, 224, 3), np.uint8), np.full((224, 224, 3), 255, np.uint8)
        moved = move_lesion(black, self.LESION, white, np.zeros_like(self.LESION))
        row = moved[112, 112:, 0].astype(int)
        assert (row[0], row[-1]) == (0, 255)
        assert (np.diff(row) >= 0).all()
        assert np.diff(row).max() < 50

    def test_a_lesion_of_one_pixel_stays_as_it_was_too(self) -> None:
        spot = np.zeros((224, 224), np.bool_)
        spot[100, 100] = True
        black, white = np.zeros((224, 224, 3), np.uint8), np.full((224, 224, 3), 255, np.uint8)
        assert (move_lesion(black, spot, white, np.zeros_like(spot))[spot] == 0).all()

    def test_a_background_of_another_size_is_brought_to_the_lesion(self) -> None:
        lesion, background = draw_pixels(6, height=224, width=224), draw_pixels(7, height=300, width=400)
        moved = move_lesion(lesion, self.LESION, background, disc(300, 400, 0.3))
        assert moved.shape == (224, 224, 3)
        corners = np.abs(moved[:20, :20].mean((0, 1)) - background[:27, :36].mean((0, 1)))
        assert corners.max() < 3

    def test_a_background_that_is_all_lesion_is_grey(self) -> None:
        everything = np.ones((224, 224), np.bool_)
        moved = move_lesion(noise(224, 224), self.LESION, noise(224, 224, seed=1), everything)
        assert (moved[~grow(self.LESION, 30 / 224)] == 128).all()


def test_inputs_are_not_written_to() -> None:
    pixels, outline = draw_pixels(1, height=224, width=224), disc(224, 224, 0.2)
    pixels.setflags(write=False)
    outline.setflags(write=False)
    for made in (paint_disc(pixels), paint_lesion(pixels, outline), move_lesion(pixels, outline, pixels, outline)):
        assert made.dtype == np.uint8
        assert made.flags.writeable
        assert made.shape == pixels.shape

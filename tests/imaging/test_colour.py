"""Shades of grey: what is grey already stays, a cast goes, and the gains are those of the formula."""

import time

import numpy as np
import numpy.typing as npt
import pytest

from skinlens.imaging.colour import NORM, grey_gains, shades_of_grey
from skinlens.imaging.synthetic import draw_pixels


def light_of(pixels: np.ndarray) -> np.ndarray:
    code = pixels / 255
    return np.where(code > 0.04045, ((code + 0.055) / 1.055) ** 2.4, code / 12.92)


def lit(pixels: np.ndarray, colour: tuple[float, float, float]) -> np.ndarray:
    """The scene of an image under light of another colour."""
    light = light_of(pixels) * colour
    assert light.max() <= 1, "nothing may be cut off"
    code = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, light * 12.92)
    return np.rint(code * 255).astype(np.uint8)


def minkowski(pixels: np.ndarray, norm: float) -> np.ndarray:
    return (light_of(pixels) ** norm).mean(axis=(0, 1)) ** (1 / norm)


@pytest.fixture
def drawn() -> npt.NDArray[np.uint8]:
    """A lesion with room above for brighter light."""
    return lit(draw_pixels(5, height=120, width=160), (0.5, 0.5, 0.5))


@pytest.fixture
def grey_world() -> npt.NDArray[np.uint8]:
    """Every channel holds the same values, in another order: colourful, and grey on average."""
    values = np.random.default_rng(0).integers(0, 256, (40, 50))
    return np.stack([values, values[::-1], values[:, ::-1]], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("norm", [1.0, NORM, 30.0])
def test_a_grey_world_is_unchanged(grey_world: npt.NDArray[np.uint8], norm: float) -> None:
    assert grey_gains(grey_world, norm=norm) == pytest.approx([1, 1, 1])
    np.testing.assert_array_equal(shades_of_grey(grey_world, norm=norm), grey_world)


def test_a_grey_image_is_unchanged(drawn: npt.NDArray[np.uint8]) -> None:
    grey = np.repeat(drawn[..., :1], 3, axis=-1)
    np.testing.assert_array_equal(shades_of_grey(grey), grey)


@pytest.mark.parametrize("norm", [1.0, 3.0, NORM])
def test_the_channels_come_to_the_same_mean(drawn: npt.NDArray[np.uint8], norm: float) -> None:
    means = minkowski(drawn, norm) * grey_gains(drawn, norm=norm)
    assert means == pytest.approx(np.full(3, np.sqrt((minkowski(drawn, norm) ** 2).mean())))


def test_a_high_norm_makes_the_brightest_white(drawn: npt.NDArray[np.uint8]) -> None:
    brightest = light_of(drawn).max(axis=(0, 1))
    gains = grey_gains(drawn, norm=50.0)
    assert gains[0] / gains[2] == pytest.approx(brightest[2] / brightest[0], rel=0.05)


@pytest.mark.parametrize("colour", [(1.3, 1.0, 0.7), (0.8, 1.0, 1.25), (1.0, 0.8, 1.1)])
def test_a_cast_is_removed(drawn: npt.NDArray[np.uint8], colour: tuple[float, float, float]) -> None:
    """Up to brightness and rounding, the image comes out as without the cast."""
    scene, cast = shades_of_grey(drawn), shades_of_grey(lit(drawn, colour))
    plain, other = minkowski(drawn, NORM), minkowski(drawn, NORM) * colour
    brighter = np.linalg.norm(other) / np.linalg.norm(plain)
    expected, found = light_of(scene) * brighter, light_of(cast)
    assert np.abs(found - expected).max() < 0.012
    assert np.abs(light_of(lit(drawn, colour)) - expected).max() > 0.05, "the cast itself is no rounding"


def test_it_changes_nothing_the_second_time(drawn: npt.NDArray[np.uint8]) -> None:
    once = shades_of_grey(lit(drawn, (1.3, 1.0, 0.7)))
    assert grey_gains(once) == pytest.approx([1, 1, 1], abs=0.01)
    assert np.abs(shades_of_grey(once).astype(int) - once).max() <= 1


def test_black_and_a_missing_channel_stay() -> None:
    black = np.zeros((5, 6, 3), np.uint8)
    np.testing.assert_array_equal(shades_of_grey(black), black)
    no_blue = np.full((5, 6, 3), (200, 100, 0), np.uint8)
    found = shades_of_grey(no_blue)
    assert (found[..., 0] == found[..., 1]).all()
    assert not found[..., 2].any()


@pytest.mark.parametrize("norm", [0.5, 0.0, -1.0, 51.0, np.nan])
def test_another_norm_is_rejected(drawn: npt.NDArray[np.uint8], norm: float) -> None:
    with pytest.raises(ValueError, match="norm must lie in 1 to 50"):
        shades_of_grey(drawn, norm=norm)


def test_the_image_itself_is_left_alone_and_may_be_read_only(drawn: npt.NDArray[np.uint8]) -> None:
    before = drawn.copy()
    drawn.setflags(write=False)
    shades_of_grey(drawn)
    np.testing.assert_array_equal(drawn, before)


def test_twelve_megapixels_are_quick() -> None:
    large = np.resize(np.arange(256, dtype=np.uint8), (3000, 4000, 3))
    begun = time.process_time()
    shades_of_grey(large)
    assert time.process_time() - begun < 1

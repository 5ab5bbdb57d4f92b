"""The tone of drawn skin: the formula by hand, the classes, and that nothing but skin counts."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from skinlens.imaging.corruptions import CORRUPTIONS, corrupt
from skinlens.imaging.skin_tone import LEAST_SKIN, TONE_LIMITS, TONES, skin_tone, tone_of, typology_angle
from skinlens.imaging.synthetic import draw_pixels

HAIRS = next(corruption for corruption in CORRUPTIONS if corruption.name == "hair")
# sRGB of skin from very light to dark.
SKINS = [(235, 205, 190), (215, 170, 140), (200, 150, 118), (180, 130, 95), (130, 90, 65), (62, 44, 34)]


def angle_by_hand(colour: tuple[int, int, int]) -> float:
    """From sRGB by the published matrices: linear light, XYZ under D65, CIELAB, the angle."""
    code = np.array(colour) / 255
    light = np.where(code > 0.04045, ((code + 0.055) / 1.055) ** 2.4, code / 12.92)
    _, y, z = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ light
    cube_y, cube_z = np.cbrt(y), np.cbrt(z / 1.0890)
    return float(np.degrees(np.arctan((116 * cube_y - 16 - 50) / (200 * (cube_y - cube_z)))))


def even(colour: tuple[int, int, int], height: int = 200, width: int = 260) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (height, width, 3)).copy()


def lesion_on(pixels: np.ndarray, radius: float = 0.3) -> np.ndarray:
    height, width = pixels.shape[:2]
    drawn = pixels.copy()
    dark = tuple(int(value) for value in pixels[0, 0] // 2)
    return np.asarray(cv2.circle(drawn, (width // 2, height // 2), round(radius * height), dark, cv2.FILLED))


def through_a_lens(pixels: np.ndarray) -> np.ndarray:
    """Black outside a circle that touches the longer sides."""
    height, width = pixels.shape[:2]
    disc = np.zeros((height, width), np.uint8)
    cv2.circle(disc, (width // 2, height // 2), round(0.55 * width), 1, cv2.FILLED)
    return np.where(disc[..., None] > 0, pixels, np.uint8(4)).astype(np.uint8)


@pytest.mark.parametrize("colour", SKINS)
def test_even_skin_has_the_angle_of_the_formula(colour: tuple[int, int, int]) -> None:
    found = skin_tone(even(colour))
    assert found.angle == pytest.approx(angle_by_hand(colour), abs=0.5)
    assert found.skin == 1


def test_skin_from_light_to_dark_runs_through_all_classes() -> None:
    assert [skin_tone(even(colour)).name for colour in SKINS] == list(TONES)


@pytest.mark.parametrize(
    ("angle", "name"),
    [
        (90, "very light"), (55.01, "very light"), (55, "light"), (41.01, "light"), (41, "intermediate"),
        (28.01, "intermediate"), (28, "tan"), (10.01, "tan"), (10, "brown"), (-29.99, "brown"), (-30, "dark"),
        (-90, "dark"),
    ],
)  # fmt: skip
def test_the_classes_meet_at_the_published_limits(angle: float, name: str) -> None:
    assert TONE_LIMITS == (55, 41, 28, 10, -30)
    assert tone_of(angle) == name


def test_the_angle_at_known_colours() -> None:
    assert typology_angle(50, 12) == 0
    assert typology_angle(70, 20) == pytest.approx(45)
    assert typology_angle(30, 20) == pytest.approx(-45)
    assert typology_angle(70, 0) is None
    assert typology_angle(70, -5) is None


@pytest.mark.parametrize(("colour", "radius"), [(SKINS[0], 0.2), (SKINS[1], 0.47), (SKINS[3], 0.35), (SKINS[4], 0.47)])
def test_a_lesion_does_not_count_even_where_it_reaches_the_border(colour: tuple[int, int, int], radius: float) -> None:
    plain, found = skin_tone(even(colour)), skin_tone(lesion_on(even(colour), radius))
    assert found.angle == pytest.approx(plain.angle, abs=0.5)


@pytest.mark.parametrize("colour", SKINS[:5:2])
def test_dark_corners_do_not_count(colour: tuple[int, int, int]) -> None:
    dark = through_a_lens(lesion_on(even(colour)))
    assert (dark == 4).all(axis=2).mean() > 0.03
    found = skin_tone(dark)
    assert found.angle == pytest.approx(angle_by_hand(colour), abs=0.5)
    assert found.skin < 1


@pytest.mark.parametrize("seed", [0, 1])
def test_hair_hardly_counts(seed: int) -> None:
    bare = draw_pixels(seed, height=224, width=300, hairs=False)
    plain, hairy = skin_tone(bare), skin_tone(corrupt(bare, HAIRS, 3, seed=seed))
    assert plain.angle is not None
    assert hairy.angle == pytest.approx(plain.angle, abs=2)
    assert hairy.skin < plain.skin


def test_drawn_skin_is_sorted_by_its_lightness() -> None:
    """The lighter of two drawings' corners of skin has the higher angle, beyond a margin."""
    drawn = [draw_pixels(seed, height=128, width=160, hairs=False) for seed in range(8)]
    angles = [skin_tone(pixels).angle for pixels in drawn]
    light = [float(np.median(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[4:20, 40:120])) for pixels in drawn]
    assert None not in angles
    for one, first in zip(light, angles, strict=True):
        for other, second in zip(light, angles, strict=True):
            assert first > second or one < other + 25
    assert max(light) > min(light) + 25


@pytest.mark.parametrize("pixels", [even((10, 8, 8)), even((0, 0, 0), 1, 1)])
def test_without_skin_there_is_no_estimate(pixels: npt.NDArray[np.uint8]) -> None:
    found = skin_tone(pixels)
    assert (found.angle, found.name, found.skin) == (None, None, 0)


def test_too_little_skin_gives_none() -> None:
    """A lens whose circle leaves the border black but for slivers."""
    pixels = even(SKINS[1], 200, 200)
    disc = np.zeros((200, 200), np.uint8)
    cv2.circle(disc, (100, 100), 66, 1, cv2.FILLED)
    found = skin_tone(np.where(disc[..., None] > 0, pixels, np.uint8(0)).astype(np.uint8))
    assert 0 < found.skin < LEAST_SKIN
    assert found.angle is None


def test_blue_skin_has_no_tone() -> None:
    found = skin_tone(even((150, 160, 220)))
    assert (found.angle, found.name, found.skin) == (None, None, 1)


def test_size_hardly_matters_and_the_image_is_left_alone() -> None:
    pixels = draw_pixels(3, height=224, width=224)
    before = pixels.copy()
    pixels.setflags(write=False)
    large = np.asarray(cv2.resize(pixels, (1500, 1500), interpolation=cv2.INTER_CUBIC), np.uint8)
    assert skin_tone(large).angle == pytest.approx(skin_tone(pixels).angle, abs=1.5)
    np.testing.assert_array_equal(pixels, before)

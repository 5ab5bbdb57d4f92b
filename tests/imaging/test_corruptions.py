"""Images made worse: by what the table says, more at a higher strength, and always the same for the same image."""

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from skinlens.imaging.corruptions import CORRUPTIONS, STRENGTHS, Corruption, corrupt
from skinlens.imaging.synthetic import draw_pixels

BY_NAME = {corruption.name: corruption for corruption in CORRUPTIONS}
SEEDS = range(6)
by_chance = pytest.mark.parametrize("name", ["brightness", "colour_cast", "hair", "rotation"])
every_corruption = pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda corruption: corruption.name)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    drawn = draw_pixels(3, height=224, width=224, malignant_look=True)
    drawn.setflags(write=False)
    return drawn


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def even(colour: int | tuple[int, int, int], height: int = 224, width: int = 224) -> np.ndarray:
    return np.broadcast_to(np.array(colour, np.uint8), (height, width, 3)).copy()


def test_the_seven_of_them() -> None:
    assert list(BY_NAME) == ["blur", "jpeg", "brightness", "colour_cast", "hair", "vignette", "rotation"]
    assert STRENGTHS == (1, 2, 3, 4, 5)


@every_corruption
class TestAll:
    def test_strength_0_changes_nothing(self, corruption: Corruption, pixels: npt.NDArray[np.uint8]) -> None:
        same = corrupt(pixels, corruption, 0, seed=1)
        np.testing.assert_array_equal(same, pixels)
        assert same is not pixels

    def test_a_higher_strength_is_further_from_the_image(
        self, corruption: Corruption, pixels: npt.NDArray[np.uint8]
    ) -> None:
        for seed in SEEDS:
            away = [distance(corrupt(pixels, corruption, strength, seed=seed), pixels) for strength in (0, *STRENGTHS)]
            assert (np.diff(away) > 0).all(), (seed, away)

    @pytest.mark.parametrize(("height", "width"), [(224, 224), (64, 90), (300, 170)])
    def test_size_and_type_stay(self, corruption: Corruption, height: int, width: int) -> None:
        drawn = draw_pixels(1, height=height, width=width)
        for strength in STRENGTHS:
            worse = corrupt(drawn, corruption, strength, seed=2)
            assert (worse.shape, worse.dtype) == (drawn.shape, np.uint8)
            assert worse.flags.c_contiguous

    def test_the_same_image_gets_the_same(self, corruption: Corruption, pixels: npt.NDArray[np.uint8]) -> None:
        first, again = (corrupt(pixels, corruption, 3, seed=5) for _ in range(2))
        np.testing.assert_array_equal(first, again)

    @pytest.mark.parametrize("strength", [-1, 6, 2.5])
    def test_another_strength_is_rejected(self, corruption: Any, pixels: Any, strength: Any) -> None:
        with pytest.raises(ValueError, match=f"from 0 to 5, not {strength}"):
            corrupt(pixels, corruption, strength, seed=0)

    def test_each_strength_says_what_it_means(self, corruption: Corruption) -> None:
        said = [corruption.parameter(strength) for strength in STRENGTHS]
        assert len(set(said)) == 5
        for text, level in zip(said, corruption.levels, strict=True):
            assert f"{level:g}" in text


@by_chance
def test_another_image_gets_another_draw(name: str, pixels: npt.NDArray[np.uint8]) -> None:
    made = {corrupt(pixels, BY_NAME[name], 3, seed=seed).tobytes() for seed in range(12)}
    assert len(made) >= 2


@pytest.mark.parametrize("name", ["blur", "jpeg", "vignette"])
def test_what_leaves_nothing_to_chance(name: str, pixels: npt.NDArray[np.uint8]) -> None:
    assert len({corrupt(pixels, BY_NAME[name], 3, seed=seed).tobytes() for seed in range(4)}) == 1


def test_blur_spreads_a_point_by_its_sigma() -> None:
    point = even(0, 448, 448)
    point[224, 224] = 255
    # At 448, the short side is twice the reference, and sigma is 2 * 4 px.
    spread = point.copy()
    spread[200:249, 200:249] = 255
    blurred = corrupt(spread, BY_NAME["blur"], 5, seed=0)[..., 0].astype(float)
    edge = blurred[224, 224:300]
    # A Gaussian edge falls from 84 % to 16 % within two sigma.
    widths = np.interp([0.84, 0.16], edge[::-1] / edge.max(), np.arange(len(edge))[::-1])
    assert widths[1] - widths[0] == pytest.approx(16, abs=2)


def test_jpeg_is_what_storing_and_opening_the_file_gives(pixels: npt.NDArray[np.uint8]) -> None:
    stored = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 15])[1]
    opened = cv2.cvtColor(cv2.imdecode(stored, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)  # type: ignore[arg-type]
    np.testing.assert_array_equal(corrupt(pixels, BY_NAME["jpeg"], 4, seed=0), opened)


class TestBrightness:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_one_stop_doubles_or_halves_the_light(self, seed: int) -> None:
        """Middle grey of sRGB code 118 is 18 % of the light; twice that is code 162, half of it code 85."""
        (changed,) = np.unique(corrupt(even(118), BY_NAME["brightness"], 3, seed=seed))
        assert changed in (162, 85)

    def test_some_images_get_brighter_and_some_darker(self) -> None:
        assert {int(corrupt(even(118), BY_NAME["brightness"], 3, seed=seed)[0, 0, 0]) for seed in range(20)} == {
            85,
            162,
        }

    def test_black_stays_black_and_white_never_wraps_round(self) -> None:
        for seed in SEEDS:
            assert (corrupt(even(0), BY_NAME["brightness"], 5, seed=seed) == 0).all()
            assert corrupt(even(255), BY_NAME["brightness"], 5, seed=seed).min() > 100


class TestColourCast:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_grey_takes_a_colour_of_the_same_lightness(self, seed: int) -> None:
        cast = corrupt(even(128), BY_NAME["colour_cast"], 5, seed=seed)[0, 0].astype(float) / 128
        assert cast.mean() == pytest.approx(1, abs=0.01)
        assert 0.2 < np.abs(cast - 1).max() <= 0.26

    def test_every_hue_occurs(self) -> None:
        strongest = {int(corrupt(even(128), BY_NAME["colour_cast"], 5, seed=seed)[0, 0].argmax()) for seed in range(40)}
        assert strongest == {0, 1, 2}


class TestHair:
    def test_hairs_are_dark_and_the_skin_between_them_is_untouched(self) -> None:
        for seed in SEEDS:
            skin = even((220, 180, 160))
            hairy = corrupt(skin, BY_NAME["hair"], 5, seed=seed)
            changed = (hairy != skin).any(axis=-1)
            assert 0.03 < changed.mean() < 0.4
            assert (hairy <= skin).all()
            assert hairy.min(axis=(0, 1)).max() < 100

    def test_a_higher_strength_adds_hairs_to_those_that_are_there(self) -> None:
        skin = even((220, 180, 160))
        grown = [(corrupt(skin, BY_NAME["hair"], strength, seed=4) != skin).any(axis=-1) for strength in STRENGTHS]
        for fewer, more in pairwise(grown):
            assert not (fewer & ~more).any()


def test_vignette_darkens_evenly_round_about_and_leaves_the_middle() -> None:
    for strength, darkness in zip(STRENGTHS, BY_NAME["vignette"].levels, strict=True):
        dark = corrupt(even(200, 224, 224), BY_NAME["vignette"], strength, seed=0)[..., 0]
        np.testing.assert_array_equal(dark, dark[::-1])
        np.testing.assert_array_equal(dark, dark.T)
        assert (dark[80:144, 80:144] == 200).all()
        assert dark[0, 0] == pytest.approx(200 * (1 - darkness), abs=1)


class TestRotation:
    @pytest.mark.parametrize("strength", STRENGTHS)
    def test_no_corner_gives_it_away(self, strength: int) -> None:
        for seed in SEEDS:
            assert (corrupt(even((220, 180, 160)), BY_NAME["rotation"], strength, seed=seed) == (220, 180, 160)).all()

    @pytest.mark.parametrize(("strength", "degrees"), [(1, 5), (2, 10), (3, 20), (4, 30), (5, 45)])
    def test_a_point_turns_about_the_middle(self, strength: int, degrees: int) -> None:
        point = even(0)
        # 60 px to the right of the middle.
        cv2.circle(point, (171, 111), 4, (255, 255, 255), cv2.FILLED)
        signs = set()
        for seed in range(12):
            turned = corrupt(point, BY_NAME["rotation"], strength, seed=seed)[..., 0].astype(float)
            y, x = np.mgrid[0:224, 0:224]
            x, y = ((turned * axis).sum() / turned.sum() - 111.5 for axis in (x, y))
            assert np.hypot(x, y) == pytest.approx(59.5, abs=0.6)
            angle = np.degrees(np.arctan2(y, x))
            assert abs(angle) == pytest.approx(degrees, abs=1)
            signs.add(np.sign(angle))
        assert signs == {-1, 1}

    def test_turning_back_gives_the_middle_again(self, pixels: npt.NDArray[np.uint8]) -> None:
        turned = corrupt(pixels, BY_NAME["rotation"], 3, seed=1)
        back = min(
            (corrupt(turned, BY_NAME["rotation"], 3, seed=seed)[60:164, 60:164] for seed in range(8)),
            key=lambda middle: distance(middle, pixels[60:164, 60:164]),
        )
        assert distance(back, pixels[60:164, 60:164]) < 4

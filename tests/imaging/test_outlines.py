"""Outlines: read at the image's size, grown evenly, and described by numbers that follow from geometry."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.outlines import SHAPE_FEATURES, Outline, grow, read_outline, resize_outline, shape_features


def ellipse(
    *,
    height: int = 224,
    width: int = 224,
    at: tuple[float, float] = (111.5, 111.5),
    radii: tuple[int, int] = (60, 60),
    turn: float = 0,
) -> Outline:
    """An ellipse round a point (x, y), its radii along and across a direction in radians."""
    y, x = np.mgrid[0:height, 0:width]
    x, y = x - at[0], y - at[1]
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1


def described(outline: Outline) -> dict[str, float]:
    return dict(zip(SHAPE_FEATURES, shape_features(outline), strict=True))


class TestReading:
    def write(self, path: Path, outline: Outline) -> Path:
        cv2.imwrite(str(path), outline.astype(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1])
        return path

    def test_a_one_bit_file_comes_back(self, tmp_path: Path) -> None:
        outline = ellipse(height=90, width=120, at=(50, 40), radii=(30, 20))
        path = self.write(tmp_path / "mask.png", outline)
        np.testing.assert_array_equal(read_outline(path, height=90, width=120), outline)

    def test_a_mask_that_is_a_pixel_too_wide_is_brought_to_the_image(self, tmp_path: Path) -> None:
        outline = ellipse(height=90, width=121, at=(60, 40), radii=(30, 20))
        path = self.write(tmp_path / "mask.png", outline)
        read = read_outline(path, height=90, width=120)
        assert read.shape == (90, 120)
        assert (read ^ outline[:, :-1]).sum() < 0.03 * outline.sum()

    def test_what_is_missing_is_rejected_by_name(self, tmp_path: Path) -> None:
        with pytest.raises(ImageRejectedError, match=r"absent\.png cannot be read"):
            read_outline(tmp_path / "absent.png", height=90, width=120)

    def test_enlarging_by_a_whole_factor_repeats_every_pixel(self) -> None:
        outline = ellipse(height=70, width=80, at=(30, 30), radii=(20, 12))
        larger = resize_outline(outline, height=210, width=240)
        np.testing.assert_array_equal(larger, outline.repeat(3, axis=0).repeat(3, axis=1))
        np.testing.assert_array_equal(resize_outline(larger, height=70, width=80), outline)


class TestGrowing:
    def test_nothing_is_added_by_nothing(self) -> None:
        outline = ellipse()
        np.testing.assert_array_equal(grow(outline, 0), outline)

    def test_a_disc_becomes_the_disc_with_the_longer_radius(self) -> None:
        grown = grow(ellipse(radii=(40, 40)), 8 / 224)
        assert (grown ^ ellipse(radii=(48, 48))).sum() < 0.02 * grown.sum()

    def test_each_side_has_its_own_share(self) -> None:
        point = np.zeros((100, 200), np.bool_)
        point[50, 100] = True
        y, x = np.nonzero(grow(point, 0.1))
        assert (y.min(), y.max(), x.min(), x.max()) == (40, 60, 80, 120)

    def test_nothing_comes_out_of_an_empty_outline(self) -> None:
        assert not grow(np.zeros((80, 80), np.bool_), 0.1).any()


class TestShape:
    @pytest.mark.parametrize(("radii", "turn"), [((60, 60), 0.0), ((80, 40), 0.0), ((80, 40), 0.7), ((50, 45), 2.0)])
    def test_an_ellipse(self, radii: tuple[int, int], turn: float) -> None:
        """Against its formulas, the perimeter after Ramanujan; a contour of pixels is up to 12 % longer."""
        long, short = radii
        shape = described(ellipse(radii=radii, turn=turn))
        assert shape["area"] == pytest.approx(np.pi * long * short / 224**2, rel=0.01)
        assert shape["eccentricity"] == pytest.approx(np.sqrt(1 - (short / long) ** 2), abs=0.02)
        assert shape["solidity"] == pytest.approx(1, abs=0.02)
        assert (shape["centre_x"], shape["centre_y"]) == (pytest.approx(0.5, abs=1e-3), pytest.approx(0.5, abs=1e-3))
        round_about = np.pi * (3 * (long + short) - np.sqrt((3 * long + short) * (long + 3 * short)))
        assert 0.97 < shape["perimeter"] * 448 / round_about < 1.12

    def test_an_upright_box(self) -> None:
        outline = np.zeros((100, 200), np.bool_)
        outline[20:50, 60:160] = True
        assert described(outline) == pytest.approx(
            {
                "area": 0.15,
                "perimeter": (2 * 99 + 2 * 29) / 300,
                "eccentricity": np.sqrt(1 - 0.3**2),
                "solidity": 1,
                "centre_x": 0.55,
                "centre_y": 0.35,
                "left": 0.3,
                "top": 0.2,
                "width": 0.5,
                "height": 0.3,
            }
        )

    def test_a_hollow_lowers_the_solidity(self) -> None:
        outline = np.zeros((100, 100), np.bool_)
        outline[20:80, 20:80] = True
        outline[20:60, 40:60] = False
        assert described(outline)["solidity"] == pytest.approx(1 - 800 / 3600)

    def test_moving_changes_the_place_alone(self) -> None:
        here, there = (described(ellipse(at=at, radii=(50, 30), turn=0.4)) for at in ((80.5, 100.5), (120.5, 90.5)))
        moved = {"centre_x": 40 / 224, "left": 40 / 224, "centre_y": -10 / 224, "top": -10 / 224}
        for name in SHAPE_FEATURES:
            assert there[name] - here[name] == pytest.approx(moved.get(name, 0), abs=1e-9), name

    def test_an_outline_at_twice_the_size_is_the_same_shape(self) -> None:
        larger = described(ellipse(height=448, width=448, at=(200.5, 220.5), radii=(120, 80), turn=0.5))
        for name, value in described(ellipse(at=(100, 110), radii=(60, 40), turn=0.5)).items():
            assert larger[name] == pytest.approx(value, abs=0.02), name

    @pytest.mark.parametrize("outline", [np.zeros((80, 80), np.bool_), np.ones((80, 80), np.bool_)])
    def test_nothing_and_everything_have_a_shape(self, outline: npt.NDArray[np.bool_]) -> None:
        shape = described(outline)
        assert shape["area"] == outline.mean()
        assert all(np.isfinite(value) for value in shape.values())

    def test_a_single_pixel(self) -> None:
        outline = np.zeros((80, 80), np.bool_)
        outline[3, 7] = True
        shape = described(outline)
        assert (shape["eccentricity"], shape["solidity"]) == (pytest.approx(0), 1)

"""Quality checks: drawn lesions pass, each spoilt image fails the check that names what was done to it."""

import time
from typing import Any

import cv2
import numpy as np
import pytest

from skinlens.imaging.corruptions import CORRUPTIONS, corrupt
from skinlens.imaging.image import LesionImage, Pixels
from skinlens.imaging.preprocess import resize
from skinlens.imaging.quality import LIMITS, Check, CheckName, Limits, Quality, assess_quality, lesion_diameter
from skinlens.imaging.synthetic import draw_pixels

CORRUPTION = {corruption.name: corruption for corruption in CORRUPTIONS}


def check(pixels: Pixels, name: CheckName) -> Check:
    return {found.name: found for found in assess_quality(pixels).checks}[name]


def failed(pixels: Pixels) -> set[str]:
    return {found.name for found in assess_quality(pixels).failed}


def rejecting(pixels: Pixels) -> set[str]:
    return {found.name for found in assess_quality(pixels).rejecting}


@pytest.fixture(scope="module")
def lesion() -> Pixels:
    return draw_pixels(3, height=300, width=400)


def ring(pixels: Pixels, radius: float) -> Pixels:
    """The image as a lens of that radius, in shares of the longer side, shows it."""
    height, width = pixels.shape[:2]
    y, x = np.ogrid[:height, :width]
    away = np.hypot(y - height / 2, x - width / 2) > radius * max(height, width)
    return np.where(away[..., None], np.uint8(3), pixels)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("size", [(224, 224), (300, 400), (480, 640)])
def test_drawn_lesions_pass_every_check(seed: int, size: tuple[int, int]) -> None:
    pixels = draw_pixels(seed, height=size[0], width=size[1], malignant_look=seed % 2 == 1)
    assert not failed(pixels)


def test_checks_come_in_the_order_of_the_limits_with_advice(lesion: Pixels) -> None:
    checks = assess_quality(lesion).checks
    assert [found.name for found in checks] == list(LIMITS)
    for found in checks:
        assert found.advice == LIMITS[found.name].advice
        assert found.advice.endswith(".")
        assert found.advice.count(".") == 1
        assert type(found.value) is float


def test_rejecting_are_the_failed_that_reject() -> None:
    def made(name: CheckName, severity: str, *, passed: bool) -> Check:
        return Check(name, 0.0, 0.0, passed, "refuse" if severity == "refuse" else "warn", "Do.")

    good, warning, bad = (
        made("hair", "warn", passed=True),
        made("ink", "warn", passed=False),
        made("blurred", "refuse", passed=False),
    )
    quality = Quality((good, warning, bad))
    assert quality.failed == (warning, bad)
    assert quality.rejecting == (bad,)


class TestLimits:
    LOW = Limits(low=True, warn=2.0, reject=1.0, unit="u", advice="Do.")
    HIGH = Limits(low=False, warn=2.0, reject=3.0, unit="u", advice="Do.")

    @pytest.mark.parametrize(
        ("value", "low", "high"),
        [
            (0.9, (1.0, "refuse"), None),
            (1.0, (2.0, "warn"), None),
            (2.0, None, None),
            (2.1, None, (2.0, "warn")),
            (3.0, None, (2.0, "warn")),
            (3.1, None, (3.0, "refuse")),
        ],
    )
    def test_a_limit_itself_passes(self, value: float, low: object, high: object) -> None:
        assert self.LOW.breached(value) == low
        assert self.HIGH.breached(value) == high

    @pytest.mark.parametrize("low", [True, False])
    def test_a_rejection_before_the_warning_is_an_error(self, *, low: bool) -> None:
        with pytest.raises(ValueError, match="before the warning"):
            Limits(low=low, warn=2.0, reject=3.0 if low else 1.0, unit="u", advice="Do.")

    def test_only_unusable_or_colourless_images_are_rejected(self) -> None:
        rejecting = {name for name, limits in LIMITS.items() if limits.reject is not None}
        assert rejecting == {"blurred", "too_dark", "too_bright", "no_colour"}


class TestFocusAndLight:
    def test_more_blur_is_a_lower_value_until_the_image_is_rejected(self, lesion: Any) -> None:
        values = [check(cv2.GaussianBlur(lesion, (0, 0), sigma), "blurred").value for sigma in (0.5, 1, 2, 4, 8)]
        assert values == sorted(values, reverse=True)
        assert rejecting(cv2.GaussianBlur(lesion, (0, 0), 15)) == {"blurred"}
        assert "blurred" in failed(cv2.GaussianBlur(lesion, (0, 0), 8))

    def test_a_faint_blur_passes(self, lesion: Pixels) -> None:
        assert check(corrupt(lesion, CORRUPTION["blur"], 1, seed=0), "blurred").passed

    def test_darkness(self, lesion: Pixels) -> None:
        assert "too_dark" in rejecting((lesion * 0.15).astype(np.uint8))
        dim = check((lesion * 0.45).astype(np.uint8), "too_dark")
        assert (dim.passed, dim.severity) == (False, "warn")
        assert dim.value == pytest.approx(0.45 * check(lesion, "too_dark").value, abs=2)

    def test_burnt_out_pixels_are_counted(self, lesion: Pixels) -> None:
        burnt = lesion.copy()
        burnt[:, : burnt.shape[1] // 4] = 255
        assert check(burnt, "too_bright").value == pytest.approx(0.25, abs=0.02)
        assert "too_bright" in failed(burnt)
        burnt[:, : burnt.shape[1] * 3 // 4] = 255
        assert "too_bright" in rejecting(burnt)

    @pytest.mark.parametrize("value", [0, 128, 255])
    def test_a_flat_image_is_rejected(self, value: int) -> None:
        assert "blurred" in rejecting(np.full((200, 300, 3), value, np.uint8))

    def test_a_flat_colour_is_rejected_and_has_no_lesion(self) -> None:
        flat = np.full((200, 300, 3), (200, 150, 130), np.uint8)
        assert rejecting(flat) == {"blurred"}
        assert check(flat, "no_lesion").value == 0

    def test_grey_images_are_rejected_for_their_colour(self, lesion: Pixels) -> None:
        grey = cv2.cvtColor(cv2.cvtColor(lesion, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        assert rejecting(grey) == {"no_colour"}  # type: ignore[arg-type]
        assert check(grey, "no_colour").value == pytest.approx(0, abs=0.1)  # type: ignore[arg-type]


class TestLesion:
    def test_a_lesion_at_the_edge_is_cut_off(self, lesion: Pixels) -> None:
        height, width = lesion.shape[:2]
        corner = lesion[height // 2 :, width // 2 :]
        assert check(lesion, "cut_off").value == 0
        assert check(corner, "cut_off").value > 0.15
        half_disc = np.full((200, 200, 3), (220, 180, 160), np.uint8)
        cv2.circle(half_disc, (0, 100), 90, (90, 50, 40), -1)
        cv2.circle(half_disc, (100, 0), 90, (90, 50, 40), -1)
        assert "cut_off" in failed(half_disc)

    def test_the_difference_of_colours_is_that_of_lab(self) -> None:
        skin, lesion = (220, 180, 160), (120, 80, 70)
        pixels = np.full((192, 192, 3), skin, np.uint8)
        cv2.circle(pixels, (96, 96), 50, lesion, -1)
        colours = np.array([[skin, lesion]], np.float32) / 255
        lab = cv2.cvtColor(colours, cv2.COLOR_RGB2LAB)[0]
        assert check(pixels, "no_lesion").value == pytest.approx(float(np.linalg.norm(lab[0] - lab[1])), rel=0.05)

    def test_skin_alone_has_no_lesion(self) -> None:
        noise = np.random.default_rng(0).normal(0, 3, (192, 192, 3))
        skin = np.clip(np.array((220, 180, 160)) + noise, 0, 255).astype(np.uint8)
        assert "no_lesion" in failed(skin)


class TestThingsInTheWay:
    def test_more_hair_is_a_higher_value_until_it_fails(self, lesion: Pixels) -> None:
        values = [
            check(corrupt(lesion, CORRUPTION["hair"], strength, seed=1), "hair").value for strength in (0, 1, 3, 5)
        ]
        assert values == sorted(values)
        hairy = assess_quality(corrupt(lesion, CORRUPTION["hair"], 5, seed=1))
        assert "hair" in {found.name for found in hairy.failed}
        assert not hairy.rejecting

    @pytest.mark.parametrize("colour", [(60, 40, 170), (40, 60, 190), (40, 150, 70)])
    def test_a_pen_ring_is_ink(self, lesion: Pixels, colour: tuple[int, int, int]) -> None:
        marked = lesion.copy()
        cv2.circle(marked, (200, 150), 125, colour, 9)
        assert "ink" in failed(marked)
        assert not rejecting(marked)

    @pytest.mark.parametrize("turns", range(4))
    def test_a_ruler_along_any_side(self, turns: int) -> None:
        pixels = draw_pixels(0, height=400, width=400)
        for x in range(8, 400, 16):
            cv2.line(pixels, (x, 370), (x, 399), (10, 10, 10), 3)
        assert "ruler" in failed(np.rot90(pixels, turns))
        assert not rejecting(pixels)

    @pytest.mark.parametrize("radius", [0.3, 0.4, 0.5])
    def test_dark_corners_are_measured_exactly(self, lesion: Pixels, radius: float) -> None:
        seen = ring(lesion, radius)
        black = float((seen.max(axis=2) < 10).mean())
        assert check(seen, "dark_corners").value == pytest.approx(black, abs=0.02)
        assert ("dark_corners" in failed(seen)) == (black > 0.1)
        assert not rejecting(seen)

    def test_a_dark_lesion_in_the_middle_is_no_dark_corner(self) -> None:
        pixels = np.full((200, 200, 3), (220, 180, 160), np.uint8)
        cv2.circle(pixels, (100, 100), 60, (5, 5, 5), -1)
        assert check(pixels, "dark_corners").value == 0

    def test_what_lies_outside_the_lens_does_not_count_as_light_or_lesion(self, lesion: Pixels) -> None:
        whole, seen = assess_quality(lesion), assess_quality(ring(lesion, 0.42))
        for name in ("too_dark", "no_lesion"):
            values = [{found.name: found.value for found in quality.checks}[name] for quality in (whole, seen)]
            assert values[1] == pytest.approx(values[0], rel=0.2)


class TestSize:
    @pytest.mark.slow
    def test_values_hardly_depend_on_the_resolution(self) -> None:
        large = draw_pixels(5, height=1500, width=2000)
        small = resize(large, height=300, width=400)
        for one, other in zip(assess_quality(large).checks, assess_quality(small).checks, strict=True):
            assert one.passed == other.passed
            if one.name in ("too_dark", "no_colour", "no_lesion"):
                assert one.value == pytest.approx(other.value, rel=0.05)

    @pytest.mark.parametrize("shape", [(64, 64), (64, 3000), (3000, 64), (101, 77)])
    def test_any_shape_is_measured(self, shape: tuple[int, int]) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
        assert all(np.isfinite(found.value) for found in assess_quality(pixels).checks)

    def test_a_read_only_image_stays_as_it_is(self, images: list[LesionImage]) -> None:
        before = images[0].pixels.copy()
        assess_quality(images[0].pixels)
        assert np.array_equal(images[0].pixels, before)

    def test_a_large_photograph_is_quick(self) -> None:
        pixels = np.zeros((4000, 6000, 3), np.uint8)
        assess_quality(pixels)
        began = time.process_time()
        assess_quality(pixels)
        # 30 ms alone on a core; cv2 may add up the time of several.
        assert time.process_time() - began < 0.3


def test_noise_and_text_are_no_blurred_or_dark_images() -> None:
    """They are for the out-of-distribution score to reject; the pixels only show that an image is unusable."""
    page = np.full((400, 300, 3), 255, np.uint8)
    for line in range(20, 400, 18):
        cv2.putText(page, "the patient said that", (10, line), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1)
    assert {"too_bright", "no_colour"} <= rejecting(page)
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    assert not rejecting(noise)


def test_real_images_are_not_rejected(real_images: list[LesionImage]) -> None:
    assert sum(bool(assess_quality(image.pixels).rejecting) for image in real_images) == 0


class TestDiameter:
    @staticmethod
    def oval(*, height: int = 480, width: int = 640, long: int = 200, short: int = 120, turn: float = 30) -> Pixels:
        pixels = np.full((height, width, 3), (222, 180, 160), np.uint8)
        middle = (width // 2, height // 2)
        return np.asarray(cv2.ellipse(pixels, (middle, (long, short), turn), (90, 50, 40), -1), np.uint8)

    @pytest.mark.parametrize("turn", [0, 30, 90])
    @pytest.mark.parametrize("scale", [1, 3])
    def test_the_long_axis_of_an_oval_in_millimetres(self, turn: float, scale: int) -> None:
        pixels = self.oval(height=480 * scale, width=640 * scale, long=200 * scale, short=120 * scale, turn=turn)
        # 200 pixels of 0.03 mm are 6 mm; the estimate looks at a copy of 192 pixels, of 0.1 mm each.
        assert lesion_diameter(pixels, 0.03 / scale) == pytest.approx(6.0, abs=0.35)

    def test_what_reaches_the_frame_or_is_not_there_has_none(self) -> None:
        assert lesion_diameter(self.oval(long=900, short=300, turn=0), 0.03) is None
        assert lesion_diameter(np.full((200, 300, 3), (222, 180, 160), np.uint8), 0.03) is None

"""A round field on black: found on drawn circles, cut out of an image that is out of distribution for it alone."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from skinlens.imaging.decode import decode
from skinlens.imaging.image import LesionImage, Pixels
from skinlens.imaging.quality import round_field
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.runtime.predictor import Predictor
from skinlens.triage.field import FIELD_NOTE, as_assessed, without_black
from skinlens.triage.pipeline import Pipeline
from tests.drawn import familiar_pixels

BLACK = (7, 6, 5)


def in_a_circle(pixels: Pixels, *, height: int, width: int, soft: float = 0.0) -> Pixels:
    """Show the middle of an image through a round lens, on black."""
    side = min(pixels.shape[:2])
    y0, x0 = ((length - side) // 2 for length in pixels.shape[:2])
    square = pixels[y0 : y0 + side, x0 : x0 + side]
    y, x = np.mgrid[0:side, 0:side] - (side - 1) / 2
    away = np.hypot(y, x) / (side / 2)
    light = np.clip((1 - away) / soft, 0, 1) if soft else (away < 1).astype(float)
    shown = np.rint(square * light[..., None] + np.array(BLACK) * (1 - light[..., None])).astype(np.uint8)
    frame = np.full((height, width, 3), BLACK, np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    frame[top : top + side, left : left + side] = shown
    return frame


def image_of(pixels: Pixels) -> LesionImage:
    return LesionImage(pixels=pixels, sha256="0" * 64, name="lesion.png")


@pytest.mark.parametrize("soft", [0.0, 0.15])
@pytest.mark.parametrize(("height", "width"), [(300, 300), (360, 480), (480, 360), (400, 900)])
def test_the_middle_of_a_round_field_is_found(soft: float, height: int, width: int) -> None:
    found = round_field(in_a_circle(draw_pixels(4, height=300, width=300), height=height, width=width, soft=soft))
    assert found is not None
    rows, columns = found
    assert (rows.start + rows.stop) / 2 == pytest.approx(height / 2, abs=8)
    assert (columns.start + columns.stop) / 2 == pytest.approx(width / 2, abs=8)
    expected = 0.85 * 300
    for sides in (rows, columns):
        assert expected * (1 - soft) - 12 <= sides.stop - sides.start <= expected + 12


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pixels: pixels,
        lambda pixels: pixels // 12,
        lambda pixels: np.pad(pixels, ((40, 40), (60, 60), (0, 0))),
        lambda pixels: np.zeros_like(pixels),
        lambda pixels: np.where(np.tri(*pixels.shape[:2], dtype=bool)[..., None], pixels, 0).astype(np.uint8),  # type: ignore[type-var]
    ],
    ids=["no black", "a dark image", "a black frame", "black alone", "a triangle"],
)
def test_what_is_no_round_field_is_left_alone(spoil: Callable[[Pixels], Pixels]) -> None:
    pixels = spoil(draw_pixels(4, height=240, width=240))
    assert round_field(pixels) is None
    assert without_black(image_of(pixels)) is None


def test_a_field_of_too_few_pixels_is_left_alone() -> None:
    pixels = in_a_circle(draw_pixels(4, height=70, width=70), height=70, width=100)
    assert round_field(pixels) is not None
    assert without_black(image_of(pixels)) is None


def test_a_kept_note_cuts_an_image_that_is_read_again() -> None:
    image = image_of(in_a_circle(draw_pixels(4, height=300, width=300), height=300, width=400))
    cut = without_black(image)
    assert cut is not None
    assert cut.notes == (FIELD_NOTE,)
    assert not cut.pixels.flags.writeable
    np.testing.assert_array_equal(as_assessed(image, (FIELD_NOTE,)).pixels, cut.pixels)
    assert as_assessed(image, ("Another note.",)) is image


class Strict:
    """Statistics for which everything with black corners is out of distribution, whatever the model makes of it."""

    def __init__(self, scores: list[float]) -> None:
        self._scores = scores

    def score(self, _features: object) -> float:
        return self._scores.pop(0)


@pytest.mark.parametrize(("second", "is_cut"), [(0.0, True), (-99.0, False)])
def test_an_image_out_of_distribution_gets_a_second_look_without_its_black(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, *, second: float, is_cut: bool
) -> None:
    png = encode_png(in_a_circle(familiar_pixels(0, height=320, width=320), height=320, width=420))
    monkeypatch.setattr(predictor, "ood_statistics", Strict([-99.0, second]))
    assessed = Pipeline(predictor, orientations=False)(png, name="round.png")
    assert (FIELD_NOTE in assessed.image.notes) == is_cut
    assert (assessed.assessment.decision == "rejected") != is_cut
    if is_cut:
        assert FIELD_NOTE in assessed.assessment.reasons
        assert assessed.image.width < 320


def test_a_second_look_at_a_reduced_copy_is_at_all_pixels(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The field may be a small part of the image."""
    round_ = in_a_circle(familiar_pixels(0, height=400, width=400), height=1900, width=2600)
    png, cut = encode_png(round_), without_black(image_of(round_))
    assert cut is not None
    monkeypatch.setattr(predictor, "ood_statistics", Strict([-99.0, 0.0]))
    assessed = Pipeline(predictor, orientations=False, all_pixels=False)(png, name="round.png")
    np.testing.assert_array_equal(assessed.image.pixels, cut.pixels)
    assert FIELD_NOTE in assessed.assessment.reasons
    assert (assessed.image.width, assessed.image.height) == (cut.width, cut.height)
    # As when it is read again for a summary.
    again = as_assessed(decode(png), assessed.image.notes)
    np.testing.assert_array_equal(again.pixels, assessed.image.pixels)


def test_an_image_that_is_admitted_is_never_cut(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = in_a_circle(familiar_pixels(0, height=320, width=320), height=320, width=420)
    monkeypatch.setattr(predictor, "ood_statistics", Strict([0.0]))
    assessed = Pipeline(predictor, orientations=False)(encode_png(pixels), name="round.png")
    np.testing.assert_array_equal(assessed.image.pixels, pixels)
    assert assessed.image.notes == ()


def test_a_drawn_example_keeps_its_pixels() -> None:
    image = replace(image_of(draw_pixels(1)), synthetic=True)
    assert without_black(image) is None

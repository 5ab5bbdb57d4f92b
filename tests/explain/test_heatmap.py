"""Heatmaps: one scale for all images; overlays: what is covered by which colour, and the sentence for blind readers."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from skinlens.explain.heatmap import (
    BARE,
    COLOUR_MAPS,
    CONTOUR_LEVELS,
    FAINT,
    MODERATE,
    RECORD_SIDE,
    STYLES,
    coloured,
    cover,
    evidence_sentence,
    heatmap_of,
    legend,
    overlay,
    record_overlay,
    scaled_heatmap,
    stretched,
)
from skinlens.imaging.image import LesionImage, Pixels
from skinlens.imaging.preprocess import resize
from skinlens.imaging.synthetic import draw_pixels
from skinlens.runtime.prediction import Floats
from skinlens.runtime.predictor import Predictor

every_map = pytest.mark.parametrize("colours", COLOUR_MAPS)
every_style = pytest.mark.parametrize("style", STYLES)


@pytest.fixture(scope="module")
def pixels() -> Pixels:
    return draw_pixels(4, height=180, width=260)


@pytest.fixture
def heatmap() -> Floats:
    """A blob with its top at the upper right."""
    y, x = np.mgrid[0:224, 0:224] / 224
    return np.exp(-(((x - 0.75) / 0.2) ** 2 + ((y - 0.3) / 0.25) ** 2)).astype(np.float32)


@every_map
@every_style
def test_opacity_0_returns_the_image(pixels: Any, heatmap: Any, colours: Any, style: Any) -> None:
    np.testing.assert_array_equal(overlay(pixels, heatmap, opacity=0, colours=colours, style=style), pixels)


@every_map
@every_style
def test_no_evidence_leaves_the_image_alone(pixels: Any, colours: Any, style: Any) -> None:
    nothing = np.zeros((224, 224), np.float32)
    np.testing.assert_array_equal(overlay(pixels, nothing, opacity=1, colours=colours, style=style), pixels)


@every_map
def test_full_evidence_at_opacity_1_is_the_map_alone(pixels: Any, colours: Any) -> None:
    drawn = overlay(pixels, np.ones((224, 224), np.float32), opacity=1, colours=colours)
    assert (drawn == coloured(np.ones((1, 1), np.float32), colours)[0, 0]).all()


@pytest.mark.parametrize(
    ("evidence", "covered"), [(0.02, 0.0), (0.09, 0.25**0.7), (0.16, 0.5**0.7), (0.3, 1), (0.9, 1)]
)
def test_how_much_of_a_place_is_covered_follows_from_its_evidence_alone(
    pixels: npt.NDArray[np.uint8], evidence: float, covered: float
) -> None:
    level = np.full((10, 10), evidence, np.float32)
    colour = coloured(np.sqrt(level), "viridis")[0, 0].astype(float)
    drawn = overlay(pixels, level, opacity=0.6)
    np.testing.assert_allclose(drawn, (1 - 0.6 * covered) * pixels + 0.6 * covered * colour, atol=0.5 + 1e-3)


def test_only_places_with_evidence_change(pixels: npt.NDArray[np.uint8]) -> None:
    evidence = np.zeros(pixels.shape[:2], np.float32)
    evidence[40:90, 100:200] = 0.8
    changed = (overlay(pixels, evidence) != pixels).any(axis=2)
    assert changed[40:90, 100:200].mean() > 0.99
    changed[40:90, 100:200] = False
    assert not changed.any()


@every_style
@pytest.mark.parametrize("shape", [(64, 64), (65, 300), (300, 67), (224, 224)])
def test_the_overlay_has_the_images_shape(heatmap: Any, style: Any, shape: tuple[int, int]) -> None:
    image = draw_pixels(1, height=shape[0], width=shape[1])
    image.setflags(write=False)
    drawn = overlay(image, heatmap, style=style)
    assert drawn.shape == (*shape, 3)
    assert drawn.dtype == np.uint8


@every_style
def test_the_image_itself_is_not_drawn_on(pixels: Any, heatmap: Any, style: Any) -> None:
    before = pixels.copy()
    overlay(pixels, heatmap, opacity=1, style=style)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("opacity", [-0.01, 1.01, float("nan"), 60])
@every_style
def test_an_opacity_outside_0_to_1_is_rejected(pixels: Any, heatmap: Any, style: Any, opacity: Any) -> None:
    with pytest.raises(ValueError, match=f"opacity lies between 0 and 1, not {opacity}"):
        overlay(pixels, heatmap, opacity=opacity, style=style)


class TestContours:
    """On a ramp from 0 at the left to 1 at the right, lines can only stand where it passes a level."""

    @pytest.fixture
    def ramp(self, pixels: npt.NDArray[np.uint8]) -> Floats:
        return np.tile(np.linspace(0, 1, pixels.shape[1], dtype=np.float32), (pixels.shape[0], 1))

    @staticmethod
    def crossings(width: int) -> list[float]:
        return [level * (width - 1) for level in CONTOUR_LEVELS]

    @every_map
    def test_lines_run_where_levels_are_crossed(self, pixels: Any, ramp: Any, colours: Any) -> None:
        changed = (overlay(pixels, ramp, opacity=1, colours=colours, style="contour") != pixels).any(axis=2)
        for column in self.crossings(pixels.shape[1]):
            near = changed[:, round(column) - 3 : round(column) + 4]
            assert near.any(axis=1).all(), "the line is broken"

    @pytest.mark.parametrize("turns", [0, 1, 2, 3])
    def test_lines_run_nowhere_else(
        self, pixels: npt.NDArray[np.uint8], ramp: npt.NDArray[np.float32], turns: int
    ) -> None:
        image, evidence = np.rot90(pixels, turns), np.rot90(ramp, turns)
        drawn = overlay(image, np.ascontiguousarray(evidence), opacity=1, style="contour")
        changed = np.rot90((drawn != image).any(axis=2), -turns)
        columns = np.flatnonzero(changed.any(axis=0))
        distance = np.abs(columns[:, None] - np.array(self.crossings(pixels.shape[1]))).min(axis=1)
        assert distance.max() <= 4

    def test_full_evidence_everywhere_crosses_nothing(self, pixels: npt.NDArray[np.uint8]) -> None:
        full = np.ones((224, 224), np.float32)
        np.testing.assert_array_equal(overlay(pixels, full, opacity=1, style="contour"), pixels)

    def test_only_levels_that_are_reached_get_a_line(
        self, pixels: npt.NDArray[np.uint8], ramp: npt.NDArray[np.float32]
    ) -> None:
        changed = (overlay(pixels, 0.6 * ramp, opacity=1, style="contour") != pixels).any(axis=2)
        stretches = np.flatnonzero(np.diff(np.flatnonzero(changed.any(axis=0))) > 5).size + 1
        assert stretches == 3

    @every_map
    def test_lines_have_their_levels_colours(self, pixels: npt.NDArray[np.uint8], ramp: Any, colours: Any) -> None:
        """On a large image, whose lines are wide enough to have a middle."""
        image = resize(pixels, height=900, width=1300)
        drawn = overlay(image, ramp, opacity=1, colours=colours, style="contour").astype(int)
        for level, column in zip(CONTOUR_LEVELS, self.crossings(1300), strict=True):
            colour = coloured(np.full((1, 1), np.sqrt(level), np.float32), colours)[0, 0]
            near = drawn[450, round(column) - 5 : round(column) + 6]
            assert (near == colour).all(axis=1).any()

    def test_opacity_thins_the_lines(self, pixels: npt.NDArray[np.uint8], ramp: npt.NDArray[np.float32]) -> None:
        strong, weak = (overlay(pixels, ramp, opacity=opacity, style="contour").astype(int) for opacity in (1, 0.25))
        np.testing.assert_allclose(weak - pixels, 0.25 * (strong - pixels), atol=0.51)


@every_map
def test_lightness_grows_with_evidence(colours: Any) -> None:
    """So that the map survives greyscale printing: L* of CIELAB never falls, and grows over any 16 levels."""
    ramp = coloured(np.linspace(0, 1, 256, dtype=np.float32)[None], colours)
    lightness = cv2.cvtColor(ramp.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0, :, 0]
    # One step of an 8-bit channel is up to 0.4 in L*.
    assert (np.diff(lightness) > -0.4).all()
    assert (lightness[16:] > lightness[:-16]).all()
    assert lightness[-1] - lightness[0] > 55


@every_map
def test_maps_differ_and_are_not_grey(colours: Any) -> None:
    ramp = coloured(np.linspace(0, 1, 256, dtype=np.float32)[None], colours).astype(int)
    assert (ramp.max(axis=2) - ramp.min(axis=2)).max() > 60
    for other in set(COLOUR_MAPS) - {colours}:
        assert (ramp != coloured(np.linspace(0, 1, 256, dtype=np.float32)[None], other)).any()


def test_viridis_is_viridis() -> None:
    """Matplotlib's ends and middle, in RGB."""
    found = coloured(np.array([[0, 0.5, 1]], np.float32), "viridis")[0]
    np.testing.assert_allclose(found, [(68, 1, 84), (33, 145, 140), (253, 231, 37)], atol=3)


@every_map
def test_the_legend_runs_from_none_to_full(colours: Any) -> None:
    strip = legend(colours, width=101, height=7)
    assert strip.shape == (7, 101, 3)
    assert strip.dtype == np.uint8
    assert (strip == strip[:1]).all()
    for column, level in ((0, 0.0), (50, 0.5), (100, 1.0)):
        colour = coloured(np.full((1, 1), np.sqrt(level), np.float32), colours)[0, 0]
        np.testing.assert_array_equal(strip[0, column], colour)


def test_stretching_keeps_range_and_place(heatmap: npt.NDArray[np.float32]) -> None:
    wide = stretched(heatmap, 100, 400)
    assert wide.shape == (100, 400)
    assert wide.dtype == np.float32
    assert 0 <= wide.min() <= wide.max() <= 1
    row, column = np.unravel_index(wide.argmax(), wide.shape)
    assert (row / 100, column / 400) == (pytest.approx(0.3, abs=0.02), pytest.approx(0.75, abs=0.02))


class TestRecordOverlay:
    def test_an_image_of_ordinary_size_keeps_it(
        self, pixels: npt.NDArray[np.uint8], heatmap: npt.NDArray[np.float32]
    ) -> None:
        np.testing.assert_array_equal(record_overlay(pixels, heatmap), overlay(pixels, heatmap))

    @pytest.mark.parametrize("shape", [(3000, 1500), (64, 5000)])
    def test_a_large_image_is_made_smaller_with_its_aspect(
        self, heatmap: npt.NDArray[np.float32], shape: tuple[int, int]
    ) -> None:
        image = resize(draw_pixels(2, height=64, width=64), height=shape[0], width=shape[1])
        drawn = record_overlay(image, heatmap)
        assert max(drawn.shape[:2]) == RECORD_SIDE
        assert min(drawn.shape[:2]) == round(RECORD_SIDE * min(shape) / max(shape))


class TestEvidenceSentence:
    @staticmethod
    def spot(row: float, column: float, strength: float) -> Floats:
        heatmap = np.zeros((90, 90), np.float32)
        heatmap[int(90 * row) : int(90 * row) + 3, int(90 * column) : int(90 * column) + 3] = strength
        return heatmap

    @pytest.mark.parametrize(
        ("row", "column", "place"),
        [
            (0.1, 0.1, "upper left"),
            (0.1, 0.5, "upper centre"),
            (0.1, 0.9, "upper right"),
            (0.5, 0.1, "middle left"),
            (0.5, 0.5, "centre"),
            (0.5, 0.9, "middle right"),
            (0.9, 0.1, "lower left"),
            (0.9, 0.5, "lower centre"),
            (0.9, 0.9, "lower right"),
            (0.32, 0.35, "upper centre"),
            (0.35, 0.32, "middle left"),
            (0.65, 0.68, "middle right"),
            (0.68, 0.65, "lower centre"),
        ],
    )
    def test_it_says_where(self, row: float, column: float, place: str) -> None:
        assert f"highest at the {place};" in evidence_sentence(self.spot(row, column, 0.9))

    @pytest.mark.parametrize(
        ("strength", "words"),
        [
            (0.0, "hardly any evidence"),
            (0.02, "hardly any evidence"),
            (0.03, "Little evidence on the common scale"),
            (0.14, "Little evidence on the common scale"),
            (0.15, "is weak"),
            (0.25, "is moderate"),
            (0.74, "is moderate"),
            (0.75, "is strong"),
            (1.0, "is strong"),
        ],
    )
    def test_it_says_how_strong(self, strength: float, words: str) -> None:
        assert words in evidence_sentence(self.spot(0.5, 0.5, strength))

    def test_faint_evidence_has_no_place_and_says_what_to_do(self) -> None:
        assert evidence_sentence(self.spot(0.1, 0.1, 0.1)) == (
            "Little evidence on the common scale; switch to own scale to see where it lies."
        )

    def test_it_says_how_much_of_the_image(self) -> None:
        heatmap = np.zeros((100, 100), np.float32)
        heatmap[:50, :50] = 0.5
        heatmap[:10, :10] = 0.9
        heatmap[80:, 80:] = 0.44
        assert evidence_sentence(heatmap) == (
            "The evidence is strong, highest at the upper left; 25% of the image carries at least half of it."
        )


class TestScaledHeatmap:
    @pytest.fixture
    def signed(self) -> np.ndarray:
        return np.random.default_rng(3).normal(0, 0.2, (14, 14)).astype(np.float32)

    def test_no_evidence_is_zero_everywhere(self) -> None:
        heatmap = scaled_heatmap(np.zeros((14, 14), np.float32), scale=0.3, size=224)
        assert heatmap.shape == (224, 224)
        assert heatmap.dtype == np.float32
        assert not heatmap.any()

    def test_evidence_for_benign_is_zero(self, signed: np.ndarray) -> None:
        assert not scaled_heatmap(-np.abs(signed), scale=0.3, size=224).any()

    def test_negative_evidence_takes_nothing_from_its_neighbours(self, signed: np.ndarray) -> None:
        cut = np.maximum(signed, 0)
        np.testing.assert_array_equal(
            scaled_heatmap(signed, scale=0.3, size=64), scaled_heatmap(cut, scale=0.3, size=64)
        )

    def test_half_the_scale_doubles_until_it_is_full(self, signed: np.ndarray) -> None:
        whole, half = (scaled_heatmap(signed, scale=scale, size=14) for scale in (1.0, 0.5))
        np.testing.assert_allclose(half, np.minimum(2 * whole, 1), rtol=1e-6)
        assert whole.max() > 0.5, "some of it has to be clipped for this to say anything"
        assert half.max() == 1.0

    def test_weak_evidence_looks_weak(self) -> None:
        """Never scaled to its own largest value: 10 % of the scale is drawn as 0.1."""
        signed = np.zeros((14, 14), np.float32)
        signed[4:9, 4:9] = 0.03
        heatmap = scaled_heatmap(signed, scale=0.3, size=224)
        assert heatmap.max() == pytest.approx(0.1)
        assert heatmap.min() == 0.0

    def test_a_constant_map_is_constant(self) -> None:
        heatmap = scaled_heatmap(np.full((14, 14), 0.15, np.float32), scale=0.3, size=224)
        np.testing.assert_allclose(heatmap, 0.5, rtol=1e-6)

    def test_it_is_clipped_before_it_is_enlarged(self) -> None:
        """Otherwise one huge value would flood its neighbours."""
        signed = np.zeros((3, 3), np.float32)
        signed[1, 1] = 1000.0
        full = np.where(signed > 0, np.float32(0.3), np.float32(0))
        np.testing.assert_array_equal(
            scaled_heatmap(signed, scale=0.3, size=30), scaled_heatmap(full, scale=0.3, size=30)
        )

    def test_places_stay_where_they_are(self) -> None:
        signed = np.zeros((14, 14), np.float32)
        signed[2, 11] = 1.0
        row, column = np.unravel_index(scaled_heatmap(signed, scale=1.0, size=224).argmax(), (224, 224))
        assert 2 * 16 <= row < 3 * 16
        assert 11 * 16 <= column < 12 * 16


def test_a_predictions_heatmap_has_the_scale_and_the_size_of_its_card(
    predictor: Predictor, images: list[LesionImage]
) -> None:
    card = predictor.card
    for prediction in predictor.predict(images):
        heatmap, size = heatmap_of(prediction, card), card.preprocessing.size
        assert (heatmap.shape, heatmap.dtype) == ((size, size), np.float32)
        assert 0.0 <= heatmap.min() <= heatmap.max() <= 1.0
        expected = scaled_heatmap(prediction.signed_map, scale=card.heatmap.scale, size=size)
        np.testing.assert_array_equal(heatmap, expected)


def lightened(pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor((pixels / 255).astype(np.float32), cv2.COLOR_RGB2LAB)


class TestVisibility:
    """How far colours differ in CIELAB: 2 is just noticeable, 10 is plain at a glance."""

    @pytest.mark.parametrize("peak", [FAINT, 0.2, 0.3, 0.5, 1.0])
    @every_map
    def test_evidence_that_is_not_called_faint_can_be_seen(
        self, pixels: Any, heatmap: Any, peak: Any, colours: Any
    ) -> None:
        drawn = overlay(pixels, peak * heatmap, colours=colours)
        difference = np.linalg.norm(lightened(drawn) - lightened(pixels), axis=2)
        strongest = stretched(heatmap, *pixels.shape[:2]) > 0.9
        assert difference[strongest].mean() > 10
        nowhere = stretched(peak * heatmap, *pixels.shape[:2]) <= BARE
        assert difference[nowhere].max() == 0

    def test_more_evidence_covers_more(self) -> None:
        covered = cover(np.linspace(0, 1, 1001, dtype=np.float32))
        assert (np.diff(covered) >= 0).all()
        assert (covered[0], covered[-1]) == (0, 1)

    def test_the_scale_is_the_same_for_every_image(self, pixels: npt.NDArray[np.uint8]) -> None:
        """A place of given evidence looks the same whatever the strongest place of its image is."""
        flat = np.full_like(pixels, 180)
        weak = np.where(np.arange(224)[:, None] < 112, 0.2, 0.0).astype(np.float32) * np.ones((1, 224), np.float32)
        strong = weak.copy()
        strong[200:, :] = 1.0
        upper = slice(0, 90)
        np.testing.assert_array_equal(overlay(flat, weak)[upper], overlay(flat, strong)[upper])

    @pytest.mark.slow
    def test_real_images_show_their_evidence_or_say_that_it_is_faint(
        self, real_images: list[LesionImage], predictor: Predictor
    ) -> None:
        for image, prediction in zip(real_images, predictor.predict(real_images), strict=True):
            heatmap = heatmap_of(prediction, predictor.card)
            drawn = overlay(image.pixels, heatmap)
            difference = np.linalg.norm(lightened(drawn) - lightened(image.pixels), axis=2)
            evidence = stretched(heatmap, *image.pixels.shape[:2])
            seen = difference[evidence >= np.quantile(evidence, 0.95)].mean() > 10
            assert seen or heatmap.max() < MODERATE or "evidence on the common scale" in evidence_sentence(heatmap)

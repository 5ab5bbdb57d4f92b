"""What an overlay keeps, on whatever image and heatmap."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from skinlens.explain.heatmap import COLOUR_MAPS, STYLES, ColourMap, Style, coloured, overlay, shaded, stretched
from tests.drawn_at_random import Heatmap, Pixels, heatmaps, pixels

COLOURS = st.sampled_from(COLOUR_MAPS)
STYLE = st.sampled_from(STYLES)


@given(pixels(), heatmaps(), COLOURS, STYLE)
def test_without_opacity_it_is_the_image(image: Pixels, heatmap: Heatmap, colours: ColourMap, style: Style) -> None:
    np.testing.assert_array_equal(overlay(image, heatmap, opacity=0, colours=colours, style=style), image)


@given(pixels(), COLOURS, STYLE, st.floats(0, 1))
def test_without_evidence_it_is_the_image(image: Pixels, colours: ColourMap, style: Style, opacity: float) -> None:
    empty = np.zeros((7, 7), np.float32)
    np.testing.assert_array_equal(overlay(image, empty, opacity=opacity, colours=colours, style=style), image)


@given(pixels(), COLOURS)
def test_full_evidence_at_full_opacity_hides_the_image(image: Pixels, colours: ColourMap) -> None:
    full = np.ones((7, 7), np.float32)
    np.testing.assert_array_equal(
        overlay(image, full, opacity=1, colours=colours), np.broadcast_to(coloured(full[:1, :1], colours), image.shape)
    )


@given(pixels(), heatmaps(), st.floats(0, 1), COLOURS)
def test_every_pixel_lies_between_the_image_and_the_colour(
    image: Pixels, heatmap: Heatmap, opacity: float, colours: ColourMap
) -> None:
    made = overlay(image, heatmap, opacity=opacity, colours=colours)
    colour = shaded(stretched(heatmap, *image.shape[:2]), colours)
    assert made.shape == image.shape
    assert (made >= np.minimum(image, colour)).all()
    assert (made <= np.maximum(image, colour)).all()


@given(pixels(), heatmaps(), STYLE)
def test_the_image_itself_is_not_drawn_on(image: Pixels, heatmap: Heatmap, style: Style) -> None:
    before = image.copy()
    overlay(image, heatmap, style=style)
    np.testing.assert_array_equal(image, before)


@given(heatmaps(), st.integers(1, 60), st.integers(1, 60))
def test_stretching_adds_no_evidence(heatmap: Heatmap, height: int, width: int) -> None:
    made = stretched(heatmap, height, width)
    assert made.shape == (height, width)
    assert heatmap.min() - 1e-6 <= made.min()
    assert made.max() <= heatmap.max() + 1e-6

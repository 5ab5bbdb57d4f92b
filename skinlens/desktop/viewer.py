"""Picture and heatmap side by side: one scale, one zoom, one place."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import streamlit as st

from skinlens.desktop.session import Result
from skinlens.explain.overlay import (
    COLOUR_MAPS,
    STYLES,
    ColourMap,
    Style,
    evidence_sentence,
    legend,
    overlay,
    stretched,
)
from skinlens.imaging.image import Pixels
from skinlens.imaging.preprocess import resize

AnyMap = TypeVar("AnyMap", npt.NDArray[np.uint8], npt.NDArray[np.float32])

# Wide enough for a projector, small enough to redraw while a slider moves.
VIEW_SIDE = 900
TALLEST_WIDTH = 300
ZOOMS = (1.0, 1.5, 2.0, 3.0, 4.0)


@dataclass(frozen=True)
class Window:
    """The part of a picture that is looked at, as shares of its sides."""

    zoom: float = 1.0
    across: float = 0.5
    down: float = 0.5

    def cut(self, pixels: AnyMap) -> AnyMap:
        """That part of a picture or map, `(H, W, ...)`; the window never leaves it."""
        height, width = (max(1, round(side / self.zoom)) for side in pixels.shape[:2])
        top = round((pixels.shape[0] - height) * self.down)
        left = round((pixels.shape[1] - width) * self.across)
        return pixels[top : top + height, left : left + width]


@st.fragment
def side_by_side(result: Result) -> None:
    """Draw both views and their controls; moving a control redraws this part alone."""
    views, controls = st.container(), st.container()
    with controls:
        opacity, style, colours, window = _controls()
    picture = window.cut(result.image.pixels)
    evidence = stretched(result.prediction.heatmap, result.image.height, result.image.width)
    shown = _fitted(picture)
    drawn = overlay(
        shown,
        stretched(window.cut(evidence), shown.shape[0], shown.shape[1]),
        opacity=opacity,
        colours=colours,
        style=style,
    )
    what = "Synthetic example, drawn" if result.image.synthetic else "Original"
    left, right = views.columns(2)
    _show(left, shown, what, f"{what}: the picture as received, upright.")
    found = evidence_sentence(result.prediction.heatmap)
    what = "Synthetic example: what the model looked at" if result.image.synthetic else "What the model looked at"
    _show(right, drawn, what, f"{what}: {found}")
    with views:
        _legend(colours, found)


def original_alone(result: Result) -> None:
    """Draw the picture without a heatmap: of a refused picture the model's view tells nothing."""
    left, _ = st.columns(2)
    _show(left, _fitted(result.image.pixels), "Original", "Original: the picture as received, upright.")


def _controls() -> tuple[float, Style, ColourMap, Window]:
    opacity, style, colours, zoom = st.columns([1, 1.25, 1, 0.8])
    share = opacity.slider("Heatmap opacity", 0, 100, 60, 5, format="%d%%", key="opacity")
    chosen_style = style.segmented_control(
        "Heatmap as", STYLES, default=STYLES[0], required=True, format_func=str.capitalize, key="style"
    )
    chosen_colours = colours.selectbox("Colours", COLOUR_MAPS, format_func=str.capitalize, key="colours")
    chosen_zoom = zoom.select_slider("Zoom", ZOOMS, format_func=lambda value: f"{value:g}x", key="zoom")
    return share / 100, chosen_style, chosen_colours, _window(chosen_zoom)


def _window(zoom: float) -> Window:
    """The whole picture at 1x; at a higher zoom, the place that two more sliders choose."""
    if zoom == 1.0:
        return Window()
    across, down = st.columns(2)
    return Window(
        zoom,
        across.slider("Left to right", 0, 100, 50, format="%d%%", key="across") / 100,
        down.slider("Top to bottom", 0, 100, 50, format="%d%%", key="down") / 100,
    )


def _fitted(pixels: Pixels) -> Pixels:
    """At most `VIEW_SIDE` wide or high; small pictures are enlarged so that both views have the same grain."""
    factor = VIEW_SIDE / max(pixels.shape[:2])
    return resize(pixels, height=max(1, round(pixels.shape[0] * factor)), width=max(1, round(pixels.shape[1] * factor)))


def _show(place, pixels: Pixels, caption: str, alt: str) -> None:  # type: ignore[no-untyped-def]
    tall = pixels.shape[0] > 1.2 * pixels.shape[1]
    width = round(TALLEST_WIDTH * 1.2 * pixels.shape[1] / pixels.shape[0]) if tall else "stretch"
    place.image(pixels, caption=caption, width=width, alt=alt)


def _legend(colours: ColourMap, found: str) -> None:
    words, strip, end = st.columns([1.2, 2, 1.4], vertical_alignment="center")
    words.caption("less evidence")
    strip.image(
        legend(colours), width="stretch", alt="Colour scale, from little evidence at the left to much at the right."
    )
    end.caption("more, for malignant")
    st.caption(f"{found} One fixed scale for all pictures.")

"""The image beside its heatmap, or beside an enhanced copy, at the same zoom and place."""

from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from skinlens.explain.heatmap import (
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
from skinlens.imaging.preprocess import fitted
from skinlens.triage.pipeline import Assessed
from skinlens.ui.enhanced import ENHANCEMENTS, Enhancement, enhance

AnyMap = TypeVar("AnyMap", npt.NDArray[np.uint8], npt.NDArray[np.float32])

# Wide enough for a projector, small enough to redraw while a slider moves.
VIEW_SIDE = 900
TALLEST_WIDTH = 300
ZOOMS = (1.0, 1.5, 2.0, 3.0, 4.0)
HEATMAP: Final = "what the model looked at"
RIGHT_IMAGES: tuple[Literal["what the model looked at"] | Enhancement, ...] = (HEATMAP, *ENHANCEMENTS)


@dataclass(frozen=True)
class Window:
    """The part of an image in view.

    Attributes:
        zoom: At least 1; the window is a `zoom`-th of each side.
        across: Place from left to right, in [0, 1].
        down: Place from top to bottom, in [0, 1].
    """

    zoom: float = 1.0
    across: float = 0.5
    down: float = 0.5

    def cut(self, pixels: AnyMap) -> AnyMap:
        """Return that part of an image or map, `(H, W, ...)`; the window never leaves it."""
        height, width = (max(1, round(side / self.zoom)) for side in pixels.shape[:2])
        top = round((pixels.shape[0] - height) * self.down)
        left = round((pixels.shape[1] - width) * self.across)
        return pixels[top : top + height, left : left + width]


@st.fragment
def side_by_side(result: Assessed) -> None:
    """Draw both images and their controls; moving a control redraws this part alone."""
    views, controls = st.container(), st.container()
    with controls:
        right = st.segmented_control(
            "Right image", RIGHT_IMAGES, default=HEATMAP, required=True, format_func=str.capitalize, key="right-image"
        )
    if right == HEATMAP:
        _with_heatmap(result, views, controls)
    else:
        _with_enhanced(result, right, views, controls)


def _with_heatmap(result: Assessed, views: DeltaGenerator, controls: DeltaGenerator) -> None:
    with controls:
        opacity, style, colours, window = _controls()
    image = window.cut(result.image.pixels)
    evidence = stretched(result.heatmap, result.image.height, result.image.width)
    shown = _fitted(image)
    drawn = overlay(
        shown,
        stretched(window.cut(evidence), shown.shape[0], shown.shape[1]),
        opacity=opacity,
        colours=colours,
        style=style,
    )
    left, right = views.columns(2)
    _show_original(left, result, shown)
    evidence_words = evidence_sentence(result.heatmap)
    what = "Synthetic example: what the model looked at" if result.image.synthetic else "What the model looked at"
    _show(right, drawn, what, f"{what}: {evidence_words}")
    with views:
        _legend(colours, evidence_words)


def original_alone(result: Assessed) -> None:
    """Draw the image without a heatmap, which would mean nothing for a rejected image."""
    left, _ = st.columns(2)
    _show_original(left, result, _fitted(result.image.pixels))


def _with_enhanced(result: Assessed, how: Enhancement, views: DeltaGenerator, controls: DeltaGenerator) -> None:
    with controls:
        window = _window(_zoom(st.columns([3, 1])[1]))
    changed = enhance(result.image.pixels, how)
    left, right = views.columns(2)
    _show_original(left, result, _fitted(window.cut(result.image.pixels)))
    _show(right, _fitted(window.cut(changed.pixels)), how.capitalize(), f"{how.capitalize()}: {changed.sentence}")
    views.caption(changed.sentence)


def _show_original(place: DeltaGenerator, result: Assessed, shown: Pixels) -> None:
    what = "Synthetic example, drawn" if result.image.synthetic else "Original"
    _show(place, shown, what, f"{what}: the image as received, upright.")


def _controls() -> tuple[float, Style, ColourMap, Window]:
    opacity, style, colours, zoom = st.columns([1, 1.25, 1, 0.8])
    share = opacity.slider("Heatmap opacity", 0, 100, 60, 5, format="%d%%", key="opacity")
    chosen_style = style.segmented_control(
        "Heatmap as", STYLES, default=STYLES[0], required=True, format_func=str.capitalize, key="style"
    )
    chosen_colours = colours.selectbox("Colours", COLOUR_MAPS, format_func=str.capitalize, key="colours")
    return share / 100, chosen_style, chosen_colours, _window(_zoom(zoom))


def _zoom(place: DeltaGenerator) -> float:
    return place.select_slider("Zoom", ZOOMS, format_func=lambda value: f"{value:g}x", key="zoom")


def _window(zoom: float) -> Window:
    """Return the whole image at 1x; at a higher zoom, the place that two more sliders choose."""
    if zoom == 1.0:
        return Window()
    across, down = st.columns(2)
    return Window(
        zoom,
        across.slider("Horizontal position", 0, 100, 50, format="%d%%", key="across") / 100,
        down.slider("Vertical position", 0, 100, 50, format="%d%%", key="down") / 100,
    )


def _fitted(pixels: Pixels) -> Pixels:
    """Return an image at most `VIEW_SIDE` wide or high; small ones are enlarged so that both have the same grain."""
    return fitted(pixels, VIEW_SIDE, enlarge=True)


def _show(place: DeltaGenerator, pixels: Pixels, caption: str, alt: str) -> None:
    tall = pixels.shape[0] > 1.2 * pixels.shape[1]
    narrower = round(TALLEST_WIDTH * 1.2 * pixels.shape[1] / pixels.shape[0])
    place.image(pixels, caption=caption, width=narrower if tall else "stretch", alt=alt)


def _legend(colours: ColourMap, evidence_words: str) -> None:
    start, strip, end = st.columns([1.2, 2, 1.4], vertical_alignment="center")
    start.caption("less evidence")
    strip.image(
        legend(colours), width="stretch", alt="Colour scale, from little evidence at the left to much at the right."
    )
    end.caption("more evidence of malignancy")
    st.caption(f"{evidence_words} The scale is the same for all images.")

"""The scale of an image by two points a known distance apart, such as two marks of a ruler beside the lesion."""

import math
from collections.abc import Sequence

import streamlit as st

from skinlens.imaging.image import LesionImage
from skinlens.translation import gettext as _
from skinlens.translation import in_language
from skinlens.triage.diameter import LEAST_APART, Diameter, Point, pixel_width
from skinlens.ui.entered import entered, forget, restore
from skinlens.ui.triage.facts import Keys
from skinlens.ui.viewer import Measuring

# Columns and rows of both points, and the distance between them.
_PLACES = ("ruler-x1", "ruler-y1", "ruler-x2", "ruler-y2")
_DISTANCE = "ruler-mm"
_LONGEST = 1000.0
# Points that were clicked and are not in the fields yet.
_CLICKED = "ruler-clicked"


def scale_of(image: LesionImage) -> float | None:
    """Return the width of a pixel in millimetres by what the user clicked and entered; None without a scale.

    Call it in each run of the page before `ask_for_ruler`: points that were clicked get into the fields here.
    """
    for field, value in st.session_state.pop(_CLICKED, {}).items():
        st.session_state[field] = value
    points, distance = _points(image), entered(Keys(image.identity)(_DISTANCE), None)
    if points is None or not distance:
        return None
    return pixel_width(*points, float(distance))


def measuring(image: LesionImage) -> Measuring | None:
    """Return what the viewer needs to let the user choose both points; None where the file states the scale."""
    if image.millimetres is not None:
        return None
    width, height = image.pixels.shape[1], image.pixels.shape[0]
    points = _points(image)
    shares = () if points is None else tuple((x / width, y / height) for x, y in points)

    def take(chosen: Sequence[Point]) -> None:
        key = Keys(image.identity)
        shares = [share for point in chosen for share in point]
        # Not into the fields at once: the viewer runs alone, and a browser that has not been told of the new values
        # sends the empty fields again.
        st.session_state[_CLICKED] = {
            key(place): round(min(1.0, max(0.0, share)) * size)
            for place, share, size in zip(_PLACES, shares, (width, height) * 2, strict=True)
        }

    return Measuring(shares, take)


def ask_for_ruler(image: LesionImage, diameter: Diameter | None) -> None:
    """Ask for two points and the distance between them, and show the diameter that follows.

    Args:
        image: For which the entries are; they never move to another one.
        diameter: By the scale so far; None without one, or without an outline.
    """
    if image.millimetres is not None:
        return
    key = Keys(image.identity)
    fields = [key(field) for field in (*_PLACES, _DISTANCE)]
    for field in fields:
        restore(field)
    with st.expander(_("Diameter of the lesion, by a ruler in the image")):
        st.caption(
            _(
                'Press "Two points" below the images and click two points whose distance you know, such as two marks '
                "of a ruler. Or enter their places, in pixels from the top left corner. Then enter the distance."
            )
        )
        titles = (_("First point, across"), _("First point, down"), _("Second point, across"), _("Second point, down"))
        sizes = (image.pixels.shape[1], image.pixels.shape[0]) * 2
        for place, title, field, size in zip(st.columns(4), titles, fields, sizes, strict=False):
            place.number_input(title, 0, size, None, step=1, key=field)
        distance, result = st.columns([1, 3])
        distance.number_input(_("Distance, mm"), 0.1, _LONGEST, None, step=1.0, format="%.1f", key=fields[-1])
        with result:
            _show_state(image, diameter)
        if any(st.session_state.get(field) is not None for field in fields):
            st.button(_("Remove the points"), icon=":material/close:", on_click=forget, args=fields, key="ruler-clear")


def _show_state(image: LesionImage, diameter: Diameter | None) -> None:
    points = _points(image)
    if diameter is not None:
        st.text(f"{in_language(diameter.sentence)}.")
        st.caption(_("An estimate: it is as exact as the two points and the outline, which the viewer can show."))
    elif points is not None and math.dist(*points) < LEAST_APART:
        st.warning(_("The two points are too close to each other."), icon=":material/straighten:")
    elif scale_of(image) is not None:
        st.text(_("The outline of the lesion cannot be estimated, or it reaches the edge: there is no diameter."))


def _points(image: LesionImage) -> tuple[Point, Point] | None:
    values = [entered(Keys(image.identity)(place), None) for place in _PLACES]
    if any(value is None for value in values):
        return None
    x1, y1, x2, y2 = (float(value) for value in values)
    return (x1, y1), (x2, y2)

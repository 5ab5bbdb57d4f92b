"""The viewer of Triage, Batch and Cases: two images at the same zoom and place.

An image beside its heatmap, another model's heatmap, or a copy that is easier to read; or two photographs of a lesion.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar, get_args

import streamlit as st

from skinlens.explain.heatmap import evidence_sentence
from skinlens.explain.outside import OutsideEvidence, outline
from skinlens.imaging.image import LesionImage, Pixels
from skinlens.runtime.card import ModelFileError
from skinlens.translation import current_language, error_in_language, in_language
from skinlens.translation import gettext as _
from skinlens.triage.decision import Assessment
from skinlens.triage.evidence import is_misplaced, outside_of, outside_sentence
from skinlens.triage.pipeline import Assessed
from skinlens.triage.second import Comparison, compare
from skinlens.ui.component import address_of, own_component
from skinlens.ui.enhanced import ENHANCEMENTS, Enhancement, enhance, enhancement_title
from skinlens.ui.viewer.data import Shown, Side, shown, viewer_data

Choice = Literal["original", "heatmap", "other model"] | Enhancement
Made = TypeVar("Made")
# By image, kind and model; what each is only the viewer knows.
Prepared = dict[tuple[str, str, str], object]
HEIGHT = 420
_KEPT = "viewer-images"
# That points were chosen, until the page is drawn again.
_CHOSEN = "viewer-points-chosen"
# Encoded images of this many kinds are kept in a browser session.
_MOST_KEPT = 12


@dataclass(frozen=True, eq=False)
class Photograph:
    """An image for `pair_of_images`.

    Attributes:
        pixels: RGB uint8, `(H, W, 3)`.
        caption: Under the image; text, never markup.
        alt: For a reader who cannot see it; "" takes the caption.
    """

    pixels: Pixels
    caption: str
    alt: str = ""


@dataclass(frozen=True, eq=False)
class Measuring:
    """Two points that the reader may choose in the image.

    Attributes:
        points: Chosen so far, in shares of width and height; none or two.
        take: Called with both once they are chosen.
    """

    points: Sequence[tuple[float, float]]
    take: Callable[[Sequence[tuple[float, float]]], None]


@st.fragment
def pair(
    result: Assessed,
    *,
    key: str = "viewer",
    height: int = HEIGHT,
    assessment: Assessment | None = None,
    other: Callable[[], Assessed] | None = None,
    blink: str = "B",
    measuring: Measuring | None = None,
) -> None:
    """Draw an image beside its heatmap, and what else may stand on either side.

    Args:
        result: The image with its assessment; a rejected image is drawn alone, since its heatmap would mean nothing.
        key: Of the widgets.
        height: Most pixels that an image is high; the width is that of the column.
        assessment: At the operating point in use, for the comparison with the other model; None for `result`'s own.
        other: Makes the other model's result on this image. Called only when the reader asks for that model.
        blink: The key that hides the heatmap while it is held.
        measuring: Lets the reader choose two points; None does not.
    """
    if (assessment or result.assessment).decision == "rejected":
        alone(result.image, key=key, height=height)
        return
    views = st.container()
    left, right = _choose_sides(key, has_other=other is not None)
    second = None
    if other is not None and "other model" in (left, right):
        try:
            with st.spinner(_("Asking the other model")):
                second = other()
        except ModelFileError as error:
            st.error(_("The other model cannot be used."), icon=":material/error:")
            st.text(error_in_language(error))
    sides = [_side(choice, result, second) for choice in (left, right)]
    with views:
        _draw(sides, key=key, image=result.image.identity, height=height, blink=blink, measuring=measuring)
    _say(result, (left, right), second, assessment or result.assessment)
    if st.session_state.pop(_CHOSEN, False):
        # What depends on the points stands elsewhere on the page.
        st.rerun()


def alone(image: LesionImage, *, key: str = "viewer", height: int = HEIGHT) -> None:
    """Draw one image without a heatmap: rejected, or reviewed before the result is shown."""
    side = Side(_kept_shown(image, "original"), _title("original", image), _original_alt(image))
    _draw([side], key=key, image=image.identity, height=height)


def pair_of_images(left: Photograph, right: Photograph, *, key: str, height: int = HEIGHT) -> None:
    """Draw two photographs, such as two dates of a lesion."""
    sides = [
        Side(shown(each.pixels, name), each.caption, each.alt or each.caption)
        for each, name in ((left, "left"), (right, "right"))
    ]
    names = "|".join(each.caption for each in (left, right))
    _draw(sides, key=key, image=names, height=height)


def prepare(result: Assessed) -> Prepared:
    """Encode an image and look for its evidence ahead of time, in any thread; `accept` hands it to the viewer."""
    image = result.image
    prepared: Prepared = {(image.identity, "original", ""): shown(image.pixels, "original")}
    if result.assessment.decision != "rejected":
        outside = outside_of(image, result.assessment, result.card)
        prepared[image.identity, "outside", result.prediction.model.sha256] = outside
    return prepared


def accept(prepared: Prepared) -> None:
    """Let the viewers of this browser session use what `prepare` made, in the thread of the page."""
    for key in prepared:
        _kept(key, partial(prepared.__getitem__, key))


def forget_images() -> None:
    """Drop the pixels that viewers of this browser session hold."""
    st.session_state.pop(_KEPT, None)


def _draw(
    sides: Sequence[Side],
    *,
    key: str,
    image: str,
    height: int,
    blink: str = "B",
    measuring: Measuring | None = None,
) -> None:
    def address(sent: Shown) -> str:
        return address_of(sent.content, f"{key}-{sent.name}")

    data = viewer_data(
        sides,
        address=address,
        key=key,
        image=image,
        height=height,
        blink=blink,
        points=None if measuring is None else measuring.points,
    )
    component = f"{key}-component"

    def chosen() -> None:
        if measuring is not None and take_points(st.session_state[component].get("points"), data["image"], measuring):
            st.session_state[_CHOSEN] = True

    own_component("viewer")(key=component, data=data, on_points_change=chosen)


def take_points(sent: object, image: str, measuring: Measuring) -> bool:
    """Hand on two points that a browser has sent, and return whether it sent two points of the image in view.

    Args:
        sent: By the viewer's script, or by whatever speaks in its place.
        image: How the script knows the image in view.
        measuring: Takes them.
    """
    if not isinstance(sent, Mapping) or sent.get("image") != image or not isinstance(sent.get("points"), list):
        return False
    points = [
        (float(point[0]), float(point[1]))
        for point in sent["points"]
        if isinstance(point, list) and len(point) == 2 and all(isinstance(each, int | float) for each in point)
    ]
    if len(points) != 2 or not all(math.isfinite(each) for point in points for each in point):
        return False
    measuring.take(points)
    return True


def _choose_sides(key: str, *, has_other: bool) -> tuple[Choice, Choice]:
    choices: list[Choice] = ["heatmap", *(["other model"] if has_other else []), *ENHANCEMENTS]  # type: ignore[list-item]
    for side in (f"{key}-left", f"{key}-right"):
        # A choice that this page no longer has, because the other model's files are gone.
        if st.session_state.get(side, "heatmap") not in ("original", *choices):
            del st.session_state[side]
    with st.container(horizontal=True, vertical_alignment="center"):
        left = st.selectbox(
            _("Left side"),
            ["original", *choices],
            format_func=_left_title,
            key=f"{key}-left",
            width=190,
            label_visibility="collapsed",
        )
        right = st.segmented_control(
            _("Right side"),
            choices,
            default="heatmap",
            required=True,
            format_func=choice_title,
            key=f"{key}-right",
            label_visibility="collapsed",
        )
    return left, right


def _left_title(choice: Choice) -> str:
    return _("Left: {image}").format(image=choice_title(choice))


def choice_title(choice: Choice) -> str:
    """Return what can stand on a side, for a reader."""
    if choice in get_args(Enhancement):
        return enhancement_title(choice)  # type: ignore[arg-type]
    return {"original": _("Original"), "heatmap": _("Heatmap"), "other model": _("Other model")}[choice]


def _side(choice: Choice, result: Assessed, second: Assessed | None) -> Side:
    image = result.image
    if choice == "original":
        return Side(
            _kept_shown(image, "original"), _title(choice, image), _original_alt(image), outline=_outline(result)
        )
    if choice == "heatmap":
        return _with_heatmap(result, _title(choice, image))
    if choice == "other model":
        if second is None:
            return _side("original", result, None)
        title = f"{_model_title(second)}: {in_language(second.assessment.headline)}"
        if second.assessment.decision == "rejected":
            return Side(_kept_shown(image, "original"), title, _("The image as received, upright."))
        return _with_heatmap(second, title)
    copy, sentence = _kept_enhanced(image, choice)
    return Side(copy, _title(choice, image), f"{choice_title(choice)}: {sentence}", outline=_outline(result))


def _with_heatmap(result: Assessed, title: str) -> Side:
    return Side(
        _kept_shown(result.image, "original"),
        title,
        f"{title}: {in_language(evidence_sentence(result.heatmap))}",
        signed_map=result.prediction.signed_map,
        scale=result.card.heatmap.scale,
        outline=_outline(result),
    )


def _title(choice: Choice, image: LesionImage) -> str:
    if choice == "original":
        return _("Synthetic example, drawn") if image.synthetic else _("Original")
    if choice == "heatmap":
        return (
            _("Synthetic example: where signs of malignancy are")
            if image.synthetic
            else _("Where the model sees signs of malignancy")
        )
    return choice_title(choice)


def _model_title(result: Assessed) -> str:
    """Return what the card calls the model; its marked name if the card is not that of a release."""
    return result.card.shown_name if result.card.unverified else result.card.title


def _original_alt(image: LesionImage) -> str:
    return f"{_title('original', image)}: " + _("the image as received, upright.")


def _say(result: Assessed, sides: tuple[Choice, Choice], second: Assessed | None, assessment: Assessment) -> None:
    """Say what the images show, for the sides in view."""
    for choice in dict.fromkeys(sides):
        if choice == "heatmap":
            _say_evidence(result, assessment)
        elif choice == "other model" and second is not None:
            say_comparison(compare(assessment, second.assessment))
            if second.assessment.decision == "rejected":
                for reason in second.assessment.reasons:
                    st.text(in_language(reason))
            else:
                _say_evidence(second, second.assessment, f"{_model_title(second)}: ")
        elif choice in ENHANCEMENTS:
            st.caption(_kept_enhanced(result.image, choice)[1])


def _say_evidence(result: Assessed, assessment: Assessment, whose: str = "") -> None:
    outside = _outside(result)
    sentence = in_language(outside_sentence(outside, assessment))
    if is_misplaced(outside, assessment):
        st.text(f"{whose}{in_language(evidence_sentence(result.heatmap))}")
        st.warning(sentence, icon=":material/location_searching:")
        return
    st.text(f"{whose}{in_language(evidence_sentence(result.heatmap))}" + (f" {sentence}" if sentence else ""))


def say_comparison(comparison: Comparison) -> None:
    """Say whether two models agree; names of models are text, never markup."""
    if comparison.agree:
        st.text(in_language(comparison.sentence))
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(":material/compare_arrows:", width="content")
        st.text(in_language(comparison.sentence))


def _outside(result: Assessed) -> OutsideEvidence | None:
    """Return the evidence outside the lesion, computed once for a result."""
    return _kept(
        (result.image.identity, "outside", result.prediction.model.sha256),
        lambda: outside_of(result.image, result.assessment, result.card),
    )


def _outline(result: Assessed) -> list[list[tuple[float, float]]]:
    outside = _outside(result)
    return [] if outside is None else outline(outside.region)


def _kept_shown(image: LesionImage, name: str) -> Shown:
    return _kept((image.identity, name, ""), lambda: shown(image.pixels, name))


def _kept_enhanced(image: LesionImage, how: Enhancement) -> tuple[Shown, str]:
    def made() -> tuple[Shown, str]:
        changed = enhance(image.pixels, how)
        return shown(changed.pixels, how), changed.sentence

    return _kept((image.identity, how, current_language()), made)


def _kept(key: tuple[str, str, str], make: Callable[[], Made]) -> Made:
    kept: OrderedDict[tuple[str, str, str], Made] = st.session_state.setdefault(_KEPT, OrderedDict())
    if key not in kept:
        kept[key] = make()
        while len(kept) > _MOST_KEPT:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]

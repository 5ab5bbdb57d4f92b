"""The state of one browser session: its current image and its results, never shared, never written to disk."""

import hashlib
from collections import OrderedDict
from dataclasses import replace

import streamlit as st

from skinlens.imaging.image import LesionImage
from skinlens.imaging.synthetic import draw_lesion
from skinlens.triage.pipeline import Assessed, Pipeline
from skinlens.ui.model import LoadedModel

KEPT_RESULTS = 8
# Key of the choice of operating point.
POINT = "point"
_RESULTS = "results"
_CURRENT = "current"
_DRAWN = "drawn"
_UPLOADER = "uploader"
_OVERRIDES = "overrides"
_ENTERED = "entered"
# Seed of each drawn example and whether it looks malignant; the first has the most to see in its heatmap. The released
# models take all of them for dermoscopy, as `tests/test_drawn.py` checks.
EXAMPLES = ((5, True), (0, False), (12, True), (5, False), (15, True), (6, False), (11, True), (7, False))


def receive(content: bytes, name: str, model: LoadedModel) -> Assessed:
    """Return the result for received bytes, and make it the current one.

    The same bytes with the same model again cost a digest and nothing else.

    Raises:
        ImageRejectedError: If the bytes are no usable image.
    """
    digest = hashlib.sha256(content).hexdigest()
    known = _find(digest, model)
    if known is None:
        return _keep(_pipeline(model)(content, name=name))
    # The same bytes may come again under another name; the record shows the latest.
    return _keep(replace(known, image=replace(known.image, name=name)))


def receive_synthetic(number: int, model: LoadedModel) -> Assessed:
    """Return the result for a drawn example, and make it the current one; any number is accepted, since they repeat."""
    seed, malignant_look = EXAMPLES[number % len(EXAMPLES)]
    return _add(draw_lesion(seed, malignant_look=malignant_look), model)


def current() -> Assessed | None:
    """Return the current result, if any; it outlives a visit to another page."""
    return _results().get(st.session_state.get(_CURRENT, ("", "")))


def drop_result() -> None:
    """Take the image off the page, so that an unusable file is not shown beside the last one's score."""
    st.session_state.pop(_CURRENT, None)


def clear() -> None:
    """Take the image off the page, and empty the uploader."""
    drop_result()
    st.session_state[_UPLOADER] = st.session_state.get(_UPLOADER, 0) + 1


def override(result: Assessed) -> str:
    """Return why the user wants a rejected image assessed anyway; "" until there is a reason."""
    return str(st.session_state.get(_OVERRIDES, {}).get(result.image.sha256, ""))


def keep_override(result: Assessed, reason: str) -> None:
    """Remember why a rejected image is to be assessed anyway; "" withdraws that."""
    st.session_state.setdefault(_OVERRIDES, {})[result.image.sha256] = " ".join(reason.split())


def restore(*keys: str) -> None:
    """Give widgets the values that they had before the visitor went to another page; call before they are drawn.

    Streamlit forgets the value of a widget as soon as a page without it is shown.
    """
    entered = _entered()
    for key in keys:
        if key in entered and key not in st.session_state:
            st.session_state[key] = entered[key]


def remember(*keys: str) -> None:
    """Keep the values of widgets for `restore`; call after they are drawn."""
    entered = _entered()
    entered.update({key: st.session_state[key] for key in keys if key in st.session_state})


def uploader_key() -> str:
    """Return the uploader's widget key; a new one empties it."""
    return f"upload-{st.session_state.get(_UPLOADER, 0)}"


def next_synthetic_number() -> int:
    """Return the number of the next drawn example, from 0."""
    st.session_state[_DRAWN] = st.session_state.get(_DRAWN, -1) + 1
    return int(st.session_state[_DRAWN])


def _entered() -> dict[str, object]:
    entered: dict[str, object] = st.session_state.setdefault(_ENTERED, {})
    return entered


def _results() -> OrderedDict[tuple[str, str], Assessed]:
    results: OrderedDict[tuple[str, str], Assessed] = st.session_state.setdefault(_RESULTS, OrderedDict())
    return results


def _find(image_sha256: str, model: LoadedModel) -> Assessed | None:
    key = (image_sha256, model.predictor.model.sha256)
    kept = _results().get(key)
    if kept is not None:
        st.session_state[_CURRENT] = key
    return kept


def _add(image: LesionImage, model: LoadedModel) -> Assessed:
    known = _find(image.sha256, model)
    if known is not None:
        return known
    return _keep(_pipeline(model)(image))


def _pipeline(model: LoadedModel) -> Pipeline:
    return Pipeline(model.predictor, lock=model.lock)


def _keep(result: Assessed) -> Assessed:
    key = (result.image.sha256, result.prediction.model.sha256)
    results = _results()
    results[key] = result
    results.move_to_end(key)
    while len(results) > KEPT_RESULTS:
        results.popitem(last=False)
    st.session_state[_CURRENT] = key
    return result

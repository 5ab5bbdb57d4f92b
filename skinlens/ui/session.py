"""The state of one browser session: its current image and its results, never shared, never written to disk.

A page that is loaded again is a new session. Streamlit keeps the one before for a few seconds, in case its connection
comes back; as long as it is kept, and no longer, its last result is offered to whoever knows the secret in its address.
"""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary, ref

import streamlit as st

from skinlens.imaging.image import ImageRejectedError, LesionImage, identity_of
from skinlens.imaging.synthetic import draw_lesion
from skinlens.triage.pipeline import Assessed, Pipeline
from skinlens.ui.model import LoadedModel
from skinlens.ui.second import known_result
from skinlens.ui.stability_check import StabilityCheck

KEPT_RESULTS = 8
# Key of the choice of operating point.
POINT = "point"
_RESULTS = "results"
_DRAWN = "drawn"
_UPLOADER = "uploader"
_OVERRIDES = "overrides"
_PENDING = "pending"
_PROBLEM = "problem"
_BEFORE = "frame-before"
# In the page's address once there is a result, with a secret: a page loaded again can offer it, or say that it is gone.
_SHOWN = "result"
# Seed of each drawn example and whether it looks malignant; the first has the most to see in its heatmap. The released
# models take all of them for dermoscopy, as `tests/test_drawn.py` checks.
EXAMPLES = ((5, True), (28, False), (9, True), (36, False), (32, True), (18, False), (28, True), (22, False))


class _Results(OrderedDict[tuple[str, str], Assessed]):
    """The results of one browser session, by the image's identity and the weights' digest, the latest last.

    Attributes:
        secret: Nobody can guess it.
        current: The key of the one in view; None without.
        check: The last check of a first result that was begun; None without.
        file: The bytes of the latest file that holds several images, with their digest; None without.
    """

    def __init__(self) -> None:
        super().__init__()
        self.secret = secrets.token_urlsafe(16)
        self.current: tuple[str, str] | None = None
        self.check: tuple[tuple[str, str], StabilityCheck] | None = None
        self.file: tuple[str, bytes] | None = None

    def give_up_check(self) -> None:
        """Let another image go first; the result that was to be checked is checked when it is shown again."""
        if self.check is not None:
            self.check[1].give_up()
            self.check = None


# By secret. The sessions alone hold the results: one that has ended is gone from here too.
_handed_over: WeakValueDictionary[str, _Results] = WeakValueDictionary()


@dataclass(frozen=True)
class Pending:
    """An image that waits to be assessed: received bytes, or the number of a drawn example.

    Attributes:
        name: The name that people see.
        content: The bytes of a file; None for an example.
        example: Number of the example, from 0.
        frame: Which image of the file, from 0.
    """

    name: str
    content: bytes | None = None
    example: int = 0
    frame: int = 0


@dataclass(frozen=True)
class Problem:
    """Why the last file could not be used, and its name.

    Attributes:
        before: The image of the same file that was shown before another one was chosen; None without.
    """

    name: str
    sentence: str
    before: tuple[str, str] | None = None


def take_upload(key: str) -> None:
    """Put the file that a widget received in line for `assess_pending`, take the last result away, empty the widget."""
    upload = st.session_state.get(key)
    if upload is not None:
        _put_in_line(Pending(upload.name, upload.getvalue()))


def take_example(number: int) -> None:
    """Put a drawn example in line likewise; any number is accepted, since they repeat."""
    _put_in_line(Pending("", None, number))


def frames_to_choose(result: Assessed) -> int:
    """Return among how many images of the result's file a person can choose: 1 where its bytes are not at hand."""
    file = _results().file
    return result.image.frames if file is not None and file[0] == result.image.sha256 else 1


def take_frame(frame: int) -> None:
    """Put another image of the current result's file in line for `assess_pending`.

    Args:
        frame: From 0.
    """
    result, results = current(), _results()
    if result is None or results.file is None or results.file[0] != result.image.sha256:
        return
    file, before = results.file, results.current
    _put_in_line(Pending(result.image.name, file[1], frame=frame))
    results.file = file
    st.session_state[_BEFORE] = before


def go_back() -> None:
    """Show the image again that was shown before another one of its file was chosen."""
    known, results = problem(), _results()
    if known is not None and known.before in results:
        del st.session_state[_PROBLEM]
        results.current = known.before


def _put_in_line(waiting: Pending) -> None:
    clear()
    st.session_state[_PENDING] = waiting


def pending() -> Pending | None:
    """Return the image that waits to be assessed, if any; it still waits after the visitor stopped the page."""
    waiting: Pending | None = st.session_state.get(_PENDING)
    return waiting


def assess_pending(model: LoadedModel) -> None:
    """Assess the image that waits; afterwards there is either a current result or a problem."""
    waiting = pending()
    if waiting is None:
        return
    try:
        if waiting.content is None:
            receive_synthetic(waiting.example, model)
        else:
            receive(waiting.content, waiting.name, model, frame=waiting.frame)
    except ImageRejectedError as error:
        st.session_state[_PROBLEM] = Problem(waiting.name, str(error), st.session_state.get(_BEFORE))
    del st.session_state[_PENDING]
    st.session_state.pop(_BEFORE, None)


def problem() -> Problem | None:
    """Return why the last file could not be used; None if it could."""
    known: Problem | None = st.session_state.get(_PROBLEM)
    return known


def receive(content: bytes, name: str, model: LoadedModel, *, frame: int = 0) -> Assessed:
    """Return the result for received bytes, and make it the current one; it is a first result, which `check_of` checks.

    The same bytes with the same model again cost a digest and nothing else.

    Args:
        content: Of a file.
        name: What to call it.
        model: In use.
        frame: Which image of the file, from 0.

    Raises:
        ImageRejectedError: If the bytes are no usable image.
    """
    digest = hashlib.sha256(content).hexdigest()
    known = _find(identity_of(digest, frame), model)
    if known is None:
        _results().give_up_check()
        result = _pipeline(model).first(content, name=name, frame=frame)
    else:
        # The same bytes may come again under another name; the record shows the latest.
        result = replace(known, image=replace(known.image, name=name))
    _results().file = (digest, content) if result.image.frames > 1 else None
    return _keep(result)


def receive_synthetic(number: int, model: LoadedModel) -> Assessed:
    """Return the result for a drawn example likewise; any number is accepted, since they repeat."""
    return _add(example(number), model)


def example(number: int) -> LesionImage:
    """Return a drawn example."""
    seed, malignant_look = EXAMPLES[number % len(EXAMPLES)]
    return draw_lesion(seed, malignant_look=malignant_look)


def current() -> Assessed | None:
    """Return the current result, if any; it outlives a visit to another page."""
    results = _results()
    return None if results.current is None else results.get(results.current)


def current_by(model: LoadedModel) -> Assessed | None:
    """Return the result of a model on the current image, and make it the current one; a first result if it is new."""
    result = current()
    if result is None or (result.prediction.model == model.predictor.model and result.card == model.card):
        return result
    by_model = _find(result.image.identity, model)
    if by_model is not None and by_model.card == model.card:
        return by_model
    known = known_result(result.image, model)
    if known is not None:
        return _keep(known)
    _results().give_up_check()
    return _keep(_pipeline(model).first(result.image))


def check_of(result: Assessed, model: LoadedModel) -> StabilityCheck | None:
    """Return the check of a first result, which may still have to be started; None for a complete result."""
    if result.is_complete:
        return None
    results = _results()
    key = _key(result)
    known = results.check
    # One that ended without a result was given up. One that has just ended has a result, which the next run shows.
    is_lost = known is not None and known[1].is_done and not known[1].failed and not results[key].is_complete
    if known is None or known[0] != key or is_lost:
        results.give_up_check()
        known = results.check = (key, StabilityCheck(result, model, _keeper(results, key)))
    return known[1]


def check_again() -> None:
    """Forget a check that has failed, so that `check_of` makes a new one."""
    _results().give_up_check()


def mark_shown() -> None:
    """Note in the page's address that a result is shown."""
    results = _results()
    if st.query_params.get(_SHOWN) != results.secret:
        _handed_over[results.secret] = results
        st.query_params[_SHOWN] = results.secret


def is_reloaded() -> bool:
    """Return whether a result was shown under this address in an earlier session, as when a page is loaded again."""
    return _SHOWN in st.query_params and current() is None


def offered() -> Assessed | None:
    """Return the result that was shown before the page was loaded again; None if its session has ended."""
    earlier = _handed_over.get(st.query_params.get(_SHOWN, ""))
    return None if earlier is None or earlier.current is None else earlier.get(earlier.current)


def take_over() -> None:
    """Make the result that was shown before the page was loaded again the current one, if it is still there."""
    result, earlier = offered(), _handed_over.get(st.query_params.get(_SHOWN, ""))
    if result is not None and earlier is not None:
        _results().file = earlier.file
        _keep(result)


def drop_result() -> None:
    """Take the image off the page, so that an unusable file is not shown beside the last one's score."""
    _results().current = None


def clear() -> None:
    """Take the image off the page, and empty the uploader."""
    drop_result()
    _results().file = None
    for key in (_PENDING, _PROBLEM, _BEFORE):
        st.session_state.pop(key, None)
    st.query_params.pop(_SHOWN, None)
    st.session_state[_UPLOADER] = st.session_state.get(_UPLOADER, 0) + 1


def override(result: Assessed) -> str:
    """Return why the user wants a rejected image assessed anyway; "" until there is a reason."""
    return str(st.session_state.get(_OVERRIDES, {}).get(result.image.identity, ""))


def keep_override(result: Assessed, reason: str) -> None:
    """Remember why a rejected image is to be assessed anyway; "" withdraws that."""
    st.session_state.setdefault(_OVERRIDES, {})[result.image.identity] = " ".join(reason.split())


def uploader_key(kind: str = "upload") -> str:
    """Return the widget key of an uploader or camera; a new one empties it."""
    return f"{kind}-{st.session_state.get(_UPLOADER, 0)}"


def next_synthetic_number() -> int:
    """Return the number of the next drawn example, from 0."""
    st.session_state[_DRAWN] = st.session_state.get(_DRAWN, -1) + 1
    return int(st.session_state[_DRAWN])


def _results() -> _Results:
    if _RESULTS not in st.session_state:
        st.session_state[_RESULTS] = _Results()
    results: _Results = st.session_state[_RESULTS]
    return results


def _find(identity: str, model: LoadedModel) -> Assessed | None:
    key = (identity, model.predictor.model.sha256)
    results = _results()
    if key in results:
        results.current = key
    return results.get(key)


def _add(image: LesionImage, model: LoadedModel) -> Assessed:
    known = _find(image.identity, model)
    if known is not None:
        return known
    _results().give_up_check()
    return _keep(_pipeline(model).first(image))


def _pipeline(model: LoadedModel) -> Pipeline:
    return Pipeline(model.predictor, lock=model.lock)


def _key(result: Assessed) -> tuple[str, str]:
    return result.image.identity, result.prediction.model.sha256


def _keeper(results: _Results, key: tuple[str, str]) -> Callable[[Assessed], None]:
    """Return what a check hands its result to; it keeps no session's pixels alive."""
    held = ref(results)

    def keep(complete: Assessed) -> None:
        kept = held()
        first = None if kept is None else kept.get(key)
        if kept is not None and first is not None:
            # The same bytes may have come under another name meanwhile.
            kept[key] = replace(complete, image=replace(complete.image, name=first.image.name))

    return keep


def _keep(result: Assessed) -> Assessed:
    key = _key(result)
    results = _results()
    results[key] = result
    results.move_to_end(key)
    while len(results) > KEPT_RESULTS:
        results.popitem(last=False)
    results.current = key
    return result

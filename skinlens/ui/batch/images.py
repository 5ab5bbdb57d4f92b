"""The images of a review, decoded and encoded ahead: the next one is there when a key is pressed."""

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import streamlit as st

from skinlens.batch.errors import BatchError
from skinlens.batch.reopen import assessment_again, image_again
from skinlens.batch.store import BatchStore
from skinlens.imaging.image import LesionImage
from skinlens.triage.pipeline import Assessed
from skinlens.ui.viewer import Prepared, prepare

# Images that a browser session holds: the one in view, the next and the last; a large one takes 70 MB.
MOST_HELD = 3
_AHEAD = "batch-ahead"


@dataclass(frozen=True, eq=False)
class Ready:
    """An image that can be shown at once.

    Attributes:
        image: As it was assessed.
        prepared: What the viewer sends to the browser.
    """

    image: LesionImage
    prepared: Prepared


@dataclass
class _Ahead:
    """Images of one browser session by run and number, the one last asked for at the end."""

    held: OrderedDict[tuple[str, int], Future[Ready]] = field(default_factory=OrderedDict)


def ready(store: BatchStore, number: int) -> Ready:
    """Return an image of the run, at once if it was read ahead.

    Raises:
        BatchError: If its file is not there, has changed or cannot be read.
    """
    future = _ask(store, number)
    try:
        return future.result()
    except BatchError:
        # The drive may be connected again by the time it is asked for once more.
        _ahead().held.pop((store.id, number), None)
        raise


def read_ahead(store: BatchStore, numbers: Sequence[int]) -> None:
    """Have images decoded and encoded while the reader looks at another one.

    Args:
        store: The run.
        numbers: The one that is needed first comes first; no more than `MOST_HELD` are held, with the one in view.
    """
    for number in numbers[: MOST_HELD - 1]:
        _ask(store, number)


def forget_images() -> None:
    """Drop the pixels that the page holds."""
    st.session_state.pop(_AHEAD, None)


def _ahead() -> _Ahead:
    ahead: _Ahead = st.session_state.setdefault(_AHEAD, _Ahead())
    return ahead


def _ask(store: BatchStore, number: int) -> Future[Ready]:
    held, key = _ahead().held, (store.id, number)
    if key not in held:
        held[key] = _reader().submit(_read, store, number)
    held.move_to_end(key)
    while len(held) > MOST_HELD:
        held.popitem(last=False)[1].cancel()
    return held[key]


def _read(store: BatchStore, number: int) -> Ready:
    row, card = store.image(number), store.card()
    image = image_again(row)
    # The operating point changes nothing of what is drawn.
    result = Assessed(image, assessment_again(row, card, card.point()), card)
    return Ready(image, prepare(result))


@st.cache_resource(show_spinner=False, on_release=lambda reader: reader.shutdown(wait=False, cancel_futures=True))
def _reader() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, "skinlens-review")

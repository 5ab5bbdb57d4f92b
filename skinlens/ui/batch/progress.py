"""The progress of a run: bar, rate, time left, pause and cancel."""

import streamlit as st

from skinlens.batch.errors import BatchError
from skinlens.batch.runner import is_worked_on
from skinlens.batch.store import BatchStore, Progress
from skinlens.ui.batch.runs import workers
from skinlens.ui.model import LoadedModel

_EVERY = 1.5
_WORKING = "batch-working"


def show_progress(store: BatchStore, model: LoadedModel) -> bool:
    """Draw the bar, which moves by itself; return whether the run is being worked on."""
    working = works_on(store)
    st.session_state[_WORKING] = working
    st.fragment(run_every=_EVERY if working else None)(_bar)(store, model)
    return working


def works_on(store: BatchStore) -> bool:
    """Return whether this program or another one works on a run."""
    return workers().works_on(store.id) or is_worked_on(store)


def _bar(store: BatchStore, model: LoadedModel) -> None:
    try:
        progress = store.progress()
    except BatchError as error:
        st.text(str(error))
        return
    working = works_on(store)
    if st.session_state.get(_WORKING) != working:
        # Whether this part and the results move by themselves is decided outside of it.
        st.session_state[_WORKING] = working
        st.rerun()
    if progress.complete:
        st.caption(_counted(progress))
        return
    share = progress.done / progress.total if progress.total else 0.0
    st.progress(share, text=_counted(progress, working=working))
    failure = workers().failures.get(store.id)
    if failure and not working:
        st.error("The run has stopped.", icon=":material/error:")
        st.text(failure)
        st.caption("Results so far are saved.")
    with st.container(horizontal=True):
        if working and progress.wanted == "run":
            st.button("Pause", icon=":material/pause:", on_click=_want, args=(store, "pause"))
            st.button("Cancel", icon=":material/stop:", on_click=_want, args=(store, "cancel"))
        elif working:
            st.caption("Stopping after the current images.")
        else:
            label = "Try again" if failure else "Resume" if progress.done else "Start"
            st.button(label, type="primary", icon=":material/play_arrow:", on_click=_resume, args=(store, model))


def _counted(progress: Progress, *, working: bool = False) -> str:
    if not progress.listed:
        return "Looking for images" if working else "Images not listed yet"
    parts = [f"{progress.done:,} of {progress.total:,} images"]
    if working and progress.rate is not None:
        parts.append(f"{progress.rate:.1f} images per second")
    if working and progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    if progress.unreadable:
        parts.append(f"{progress.unreadable:,} unreadable")
    if progress.passed_over:
        files = "file" if progress.passed_over == 1 else "files"
        parts.append(f"{progress.passed_over:,} other {files} skipped")
    if not working and not progress.complete:
        parts.append({"pause": "paused", "cancel": "cancelled", "run": "interrupted"}[progress.wanted])
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return a time in seconds as a short text in a suitable unit.

    >>> duration(44), duration(600), duration(9000)
    ('44 s', '10 min', '2.5 h')
    """
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _want(store: BatchStore, wanted: str) -> None:
    try:
        store.want("pause" if wanted == "pause" else "cancel")
    except BatchError as error:
        workers().failures[store.id] = str(error)


def _resume(store: BatchStore, model: LoadedModel) -> None:
    try:
        workers().start(store, model)
    except BatchError as error:
        workers().failures[store.id] = str(error)

"""The second step: progress of a run, pause and cancel, and what came of it."""

import pandas as pd
import streamlit as st

from skinlens.batch.errors import BatchError
from skinlens.batch.runner import is_worked_on
from skinlens.batch.store import BatchStore, Line, Progress
from skinlens.translation import gettext as _
from skinlens.translation import in_language, ngettext, number
from skinlens.ui.batch.ground_truth import list_some
from skinlens.ui.batch.runs import second_model, workers
from skinlens.ui.batch.steps import go_to_step
from skinlens.ui.model import LoadedModel


def works_on(store: BatchStore) -> bool:
    """Return whether this program or another one works on a run."""
    return workers().works_on(store.id) or is_worked_on(store)


def show_run(store: BatchStore, lines: list[Line], model: LoadedModel, *, working: bool) -> None:
    """Draw the progress of a run with what can be done about it.

    Args:
        store: The run.
        lines: Its images.
        model: In use, with which an interrupted run is resumed.
        working: From `works_on`.

    Raises:
        BatchError: If the run cannot be read.
    """
    progress = store.progress()
    if progress.complete:
        _show_complete(progress, lines)
        show_passed_over(store, progress)
        return
    share = progress.done / progress.total if progress.total else 0.0
    st.progress(share, text=counted(progress, working=working))
    failure = workers().failures.get(store.id)
    if failure and not working:
        st.error(_("The run has stopped."), icon=":material/error:")
        st.text(in_language(failure))
        st.caption(_("Results so far are saved."))
    with st.container(horizontal=True):
        if working and progress.wanted == "run":
            st.button(_("Pause"), icon=":material/pause:", on_click=_want, args=(store, "pause"))
            st.button(_("Cancel"), icon=":material/stop:", on_click=_want, args=(store, "cancel"))
        elif working:
            st.caption(_("Stopping after the current images."))
        else:
            label = _("Try again") if failure else _("Resume") if progress.done else _("Start")
            st.button(label, type="primary", icon=":material/play_arrow:", on_click=_resume, args=(store, model))
        if progress.assessed:
            st.button(_("Review what is done"), on_click=go_to_step, args=("review",), key="batch-to-review")


def _show_complete(progress: Progress, lines: list[Line]) -> None:
    st.success(counted(progress), icon=":material/check_circle:")
    unusable = [_why_not(line) for line in lines if not line.is_assessed]
    if unusable:
        st.write(_("These files could not be read. The other images are not affected."))
        list_some(unusable)
    if progress.assessed:
        st.button(
            _("Review the images"),
            type="primary",
            icon=":material/rate_review:",
            on_click=go_to_step,
            args=("review",),
            key="batch-to-review",
        )


def _why_not(line: Line) -> str:
    """Say why a file could not be read, with its folder in the run; most sentences name the file."""
    why = in_language(line.sentence)
    if not line.is_image:
        return f"{line.path}: {why}"
    folder, _slash, name = line.relative.replace("\\", "/").rpartition("/")
    return ": ".join([*filter(None, [folder if name in why else line.relative]), why])


def show_passed_over(store: BatchStore, progress: Progress) -> None:
    """List the files that got no row, each with its reason."""
    if not progress.passed_over:
        return
    files = store.passed_over()
    if not files:
        return
    title = ngettext("{n} file was skipped: why?", "{n} files were skipped: why?", len(files))
    with st.expander(title.format(n=number(len(files)))):
        st.dataframe(
            pd.DataFrame(
                {_("File"): [file.path for file in files], _("Reason"): [in_language(file.reason) for file in files]}
            ),
            hide_index=True,
            width="stretch",
        )


def counted(progress: Progress, *, working: bool = False) -> str:
    """Return how far a run is, in one line."""
    if not progress.listed:
        return _("Looking for images") if working else _("Images not listed yet")
    parts = [_("{done} of {total} images").format(done=number(progress.done), total=number(progress.total))]
    if working and progress.rate is not None:
        parts.append(_("{rate} images per second").format(rate=number(progress.rate, ".1f")))
    if working and progress.seconds_left is not None:
        parts.append(_("{time} left").format(time=duration(progress.seconds_left)))
    if progress.unreadable:
        parts.append(_("{n} unreadable").format(n=number(progress.unreadable)))
    if progress.passed_over:
        parts.append(
            ngettext("{n} other file skipped", "{n} other files skipped", progress.passed_over).format(
                n=number(progress.passed_over)
            )
        )
    if not working and not progress.complete:
        parts.append({"pause": _("paused"), "cancel": _("cancelled"), "run": _("interrupted")}[progress.wanted])
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
    return f"{number(seconds / 3600, '.1f')} h"


def _want(store: BatchStore, wanted: str) -> None:
    try:
        store.want("pause" if wanted == "pause" else "cancel")
    except BatchError as error:
        workers().failures[store.id] = str(error)


def _resume(store: BatchStore, model: LoadedModel) -> None:
    try:
        workers().start(store, model, second_model(store))
    except BatchError as error:
        workers().failures[store.id] = str(error)

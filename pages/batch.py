"""Batch: choose images, run a model over them, review one after another, export; one step in view at a time."""

import streamlit as st

from skinlens.batch.errors import BatchError
from skinlens.batch.store import BatchStore
from skinlens.translation import error_in_language
from skinlens.translation import gettext as _
from skinlens.ui.batch.finish import offer_end, offer_exports, show_nothing
from skinlens.ui.batch.listing import show_list
from skinlens.ui.batch.progress import show_run, works_on
from skinlens.ui.batch.results import OPEN, Shown, view
from skinlens.ui.batch.review import is_reviewing, review_mode, unsaved_verdict
from skinlens.ui.batch.runs import open_store, runs_folder
from skinlens.ui.batch.start import choose_run, close_run, show_chosen
from skinlens.ui.batch.steps import STYLE, run_steps, show_steps, step_in_view
from skinlens.ui.model import LoadedModel, model_or_sentence
from skinlens.ui.router import require_router

# Seconds between two looks for new results while a run is worked on.
_EVERY = 2.0


def one_run(store: BatchStore, model: LoadedModel, *, working: bool) -> None:
    """Show the step in view; a fragment, so that a verdict redraws nothing else of the app."""
    if st.session_state.get(OPEN) != store.id:
        st.rerun()
    try:
        shown = view(store)
    except BatchError as error:
        cannot_be_shown(error, titled=False)
        return
    try:
        show_step(store, shown, model, working=working)
    except BatchError as error:
        cannot_be_shown(error)


def show_step(store: BatchStore, shown: Shown, model: LoadedModel, *, working: bool) -> None:
    """Lay out the step in view under the title and the steps; raises BatchError if the run cannot be read."""
    lines = [entry.line for entry in shown.every]
    step = step_in_view(shown)
    show_steps(step, *run_steps(shown))
    if lines and not any(line.is_image for line in lines) and step != "choose":
        show_nothing(store, lines)
    elif step == "choose":
        show_chosen(store)
    elif step == "run":
        show_run(store, lines, model, working=working)
        if works_on(store) != working:
            # Whether this part moves by itself is decided outside of it.
            st.rerun()
    elif step == "export":
        offer_exports(store, shown)
        offer_end(store, sum(len(entry.reviews) for entry in shown.every))
    elif is_reviewing():
        review_mode(store, shown, model)
    else:
        show_list(store, shown)


def cannot_be_shown(error: BatchError, *, titled: bool = True) -> None:
    """Say why a run cannot be shown, what that means, and what to do; under a title if the page has none yet."""
    if not titled:
        st.title(_("Batch"), anchor=False)
    st.error(_("This run cannot be shown."), icon=":material/error:")
    st.text(error_in_language(error))
    if unsaved_verdict():
        st.error(_("Your last verdict was not saved."), icon=":material/error:")
    st.caption(_("Other runs, saved cases and your own files are not affected."))
    with st.container(horizontal=True):
        st.button(_("Try again"), icon=":material/refresh:", key="batch-read-again")
        st.button(_("All runs"), icon=":material/arrow_back:", on_click=close_run, key="batch-close")


def page() -> None:
    """The page in its states: no model, no run open, a run."""
    st.html(STYLE)
    model = model_or_sentence(title=_("Batch"))
    if model is None:
        st.caption(_("Saved runs and verdicts are not affected. You can open them again once the model is restored."))
        return
    chosen = st.session_state.get(OPEN)
    if chosen is None:
        show_steps("choose", {}, {"choose": True})
        choose_run(model)
        return
    try:
        store = open_store(str(runs_folder() / chosen))
        working = works_on(store)
    except BatchError as error:
        cannot_be_shown(error, titled=False)
        return
    moving = working and not is_reviewing()
    st.fragment(run_every=_EVERY if moving else None)(one_run)(store, model, working=working)


require_router()
page()

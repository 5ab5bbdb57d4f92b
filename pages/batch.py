"""Batch: assess a folder in the background, move the threshold, review the images, give verdicts, export."""

import streamlit as st

from skinlens.batch.errors import BatchError
from skinlens.batch.store import BatchStore
from skinlens.cases.store import current_user
from skinlens.ui.batch.finish import offer_end, offer_exports, show_nothing
from skinlens.ui.batch.ground_truth import offer_facts, show_figures, show_unmatched
from skinlens.ui.batch.progress import show_progress
from skinlens.ui.batch.results import choose, loaded, show_table
from skinlens.ui.batch.review import current, go_to, review_pane, unsaved_verdict
from skinlens.ui.batch.runs import open_store, runs_folder
from skinlens.ui.batch.start import OPEN, choose_run, close_run
from skinlens.ui.model import LoadedModel, model_or_sentence
from skinlens.ui.router import require_router

# Seconds between two looks for new results while a run is worked on.
_EVERY = 4.0


def results(store: BatchStore, model: LoadedModel) -> None:
    """Show controls, table and review; a fragment, so that a verdict does not redraw the progress bar."""
    if st.session_state.get(OPEN) != store.id:
        st.rerun()
    try:
        show_results(store, model)
    except BatchError as error:
        cannot_be_shown(error)


def show_results(store: BatchStore, model: LoadedModel) -> None:
    """Lay out the results; raises BatchError if the run cannot be read."""
    shown = choose(store, store.card(), reviewer())
    table, review = st.columns([1.45, 1])
    with table:
        entry = current(shown)
        clicked = show_table(store, shown, None if entry is None else entry.number)
        if clicked is not None and clicked != st.session_state.get("batch-clicked"):
            go_to(clicked)
            entry = current(shown)
        st.session_state["batch-clicked"] = clicked
    with review:
        if entry is not None:
            try:
                review_pane(store, shown, entry, model)
            except BatchError as error:
                st.error("This image cannot be shown.", icon=":material/error:")
                st.text(str(error))
    show_figures(shown)
    show_unmatched(shown)
    with st.container(horizontal=True):
        offer_facts(store)
        offer_end(store)
    offer_exports(store, shown)


def reviewer() -> str:
    """Return the name under which verdicts are saved."""
    return str(st.session_state.get("batch-reviewer") or current_user())


def open_run(store: BatchStore, model: LoadedModel) -> None:
    """Show one run: its title, progress and results."""
    run = store.run()
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.button("Back to all runs", icon=":material/arrow_back:", on_click=close_run)
        st.text(f"{run.title}, started {run.created.astimezone():%Y-%m-%d %H:%M}, {store.card().shown_name}")
        st.text_input("Reviewer", value=current_user(), max_chars=60, key="batch-reviewer", width=200)
    lines = loaded(store).lines
    if lines and not any(line.is_image for line in lines):
        show_nothing(store, lines)
        return
    working = show_progress(store, model)
    st.fragment(run_every=_EVERY if working else None)(results)(store, model)


def cannot_be_shown(error: BatchError) -> None:
    """Say why a run cannot be shown, what that means, and what to do."""
    st.error("This run cannot be shown.", icon=":material/error:")
    st.text(str(error))
    if unsaved_verdict():
        st.error("Your last verdict was not saved.", icon=":material/error:")
    st.caption("Other runs, saved cases and your own files are not affected.")
    with st.container(horizontal=True):
        st.button("Try again", icon=":material/refresh:", key="batch-read-again")
        st.button("Back to all runs", icon=":material/arrow_back:", on_click=close_run, key="batch-leave-damaged")


def page() -> None:
    """The page in its states: no model, no run open, a run."""
    model = model_or_sentence()
    if model is None:
        st.caption("Saved runs and verdicts are not affected. You can open them again once the model is restored.")
        return
    chosen = st.session_state.get(OPEN)
    try:
        if chosen is None:
            choose_run(model)
        else:
            open_run(open_store(str(runs_folder() / chosen)), model)
    except BatchError as error:
        cannot_be_shown(error)


require_router()
page()

"""The third step before an image is chosen: operating point, filter, counts and table, all in view at once."""

import streamlit as st

from skinlens.batch.store import BatchStore
from skinlens.cases.store import current_user
from skinlens.translation import gettext as _
from skinlens.ui.batch.ground_truth import show_figures, show_unmatched
from skinlens.ui.batch.results import (
    BLIND,
    REVIEWER,
    Shown,
    ask_for_filter,
    ask_for_point,
    counts_sentence,
    show_table,
    sidebar_is_late,
)
from skinlens.ui.batch.review import begin, blind_help
from skinlens.ui.batch.start import AT
from skinlens.ui.entered import restore

_CLICKED = "batch-clicked"


def show_list(store: BatchStore, shown: Shown) -> None:
    """List the images and offer to review them; a selected row opens its image.

    Args:
        store: The run.
        shown: From `results.view`.

    Raises:
        BatchError: If the run cannot be read.
    """
    card = store.card()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        _offer_review(shown)
        ask_for_point(card)
        ask_for_filter(shown)
        st.toggle(_("Blind reading"), key=restore(BLIND, default=False), help=blind_help())
        st.text_input(
            _("Reviewer"),
            max_chars=60,
            key=restore(REVIEWER, current_user()),
            width=160,
            help=_("The name under which your verdicts are saved."),
        )
    if sidebar_is_late(shown):
        # The sidebar names the operating point too, and stands outside of this part of the page.
        st.rerun()
    if shown.blind:
        st.caption(_("Counts, order and heatmaps are hidden because they would reveal the result."))
    else:
        st.text(counts_sentence(shown.every))
    clicked = show_table(store, shown, st.session_state.get(AT))
    if clicked is not None and clicked != st.session_state.get(_CLICKED):
        st.session_state[_CLICKED] = clicked
        begin(shown, clicked)
        st.rerun()
    st.session_state[_CLICKED] = clicked
    show_figures(shown)
    show_unmatched(shown)


def _offer_review(shown: Shown) -> None:
    label = _("Continue reviewing") if shown.reviewed else _("Start reviewing")
    st.button(
        label,
        type="primary",
        icon=":material/rate_review:",
        key="batch-begin",
        disabled=not any(entry.line.is_assessed for entry in shown.listed),
        on_click=begin,
        args=(shown,),
    )

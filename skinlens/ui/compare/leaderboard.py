"""The leaderboard of the test images, and the choice of the test view."""

import pandas as pd
import streamlit as st

from skinlens.leaderboard.chart_tables import label_counts
from skinlens.leaderboard.published import SOURCE
from skinlens.leaderboard.table import heading, readable
from skinlens.metrics.registry import METRICS
from skinlens.metrics.views import views_of
from skinlens.translation import gettext as _
from skinlens.ui.compare.downloads import offer_table
from skinlens.ui.compare.state import VIEWS, Compared
from skinlens.ui.shown_table import shown_table


def choose_view(compared: Compared) -> str:
    """Ask for the test view, explain it, and return its name."""
    view: str = st.segmented_control(
        _("Test view"),
        compared.views,
        default="all",
        required=True,
        format_func=lambda name: _(VIEWS[name]),
        key="compare-view",
        width="stretch",
    )
    for model in compared.models:
        in_view = views_of(model.rows).get(view)
        if in_view is not None:
            counts = label_counts(model, view)
            st.caption(
                _("**{view}** ({counts} benign, {counts2} malignant images; in files `{view2}`): {explanation}").format(
                    view=_(VIEWS[view]),
                    counts=counts["benign"],
                    counts2=counts["malignant"],
                    view2=view,
                    explanation=_(in_view.explanation),
                )
            )
            break
    return view


def show_leaderboard(board: pd.DataFrame, view: str) -> None:
    """Show every model with its intervals.

    Args:
        board: From `state.board`.
        view: The test view that it is about.
    """
    formats = {
        _("Model"): st.column_config.TextColumn(width=340),
        _("Note"): st.column_config.TextColumn(width=150),
        **{_(heading(metric)): st.column_config.TextColumn(width=165) for metric in METRICS},
        _("Paper's accuracy"): st.column_config.TextColumn(help=_("Published for the same network")),
        _("Time"): st.column_config.TextColumn(
            help=_("For one image, as a multiple of the time of asff_resnet50_paper")
        ),
        "MB": st.column_config.NumberColumn(format="%.0f"),
        _("Training, min"): st.column_config.NumberColumn(format="%.0f"),
    }
    st.dataframe(
        shown_table(readable(board)), hide_index=True, column_config=formats, alt=_("Leaderboard of all models")
    )
    paper = (
        _("Paper: {source}. It gives no intervals; those shown are Wilson's, from its counts.").format(source=_(SOURCE))
        if view == "all"
        else _("The paper has no results for this test view, so its rows are not shown.")
    )
    st.caption(
        _(
            "Ours: measured here. In brackets: 95 % intervals (ours: bootstrap over lesions). Click "
            "a heading to sort. {paper}"
        ).format(paper=paper)
    )
    offer_table(board, f"leaderboard-{view}")

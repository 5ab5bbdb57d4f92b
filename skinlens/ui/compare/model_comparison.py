"""Two models compared: the difference in words, and the images on which they disagree."""

import os
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from skinlens.imaging.image import ImageRejectedError
from skinlens.leaderboard.model_comparison import disagreeing, pair_table, sentences
from skinlens.translation import error_in_language, in_language
from skinlens.translation import gettext as _
from skinlens.ui.compare import state
from skinlens.ui.compare.downloads import offer_table
from skinlens.ui.compare.state import Compared
from skinlens.ui.shown_table import shown_table


@st.fragment
def compare_two_models(compared: Compared, view: str) -> None:
    """Let the user pick two models and compare them on a test view."""
    st.header(_("Compare two models"), anchor=False)
    usable = [model for model in compared.models if view in model.views]
    # A model and its own test-time augmentation are not the pair that a reader wants to see first.
    labels = [model.label for model in sorted(usable, key=lambda model: model.tta)]
    if len(labels) < 2:
        st.info(
            _("Only one model has predictions on these images. Add your own model above to compare the two."),
            icon=":material/info:",
        )
        return
    left, right = st.columns(2)
    first = left.selectbox(_("First model"), labels, key="compare-first")
    second = right.selectbox(_("Second model"), [label for label in labels if label != first], key="compare-second")
    try:
        _show_difference(compared, first, second, view)
        _show_disagreements(compared, first, second, view)
    except ValueError as error:
        st.error(_("These two models cannot be compared."), icon=":material/error:")
        st.text(error_in_language(error))


def _show_difference(compared: Compared, first: str, second: str, view: str) -> None:
    """Show sentences and table once they were asked for, since the bootstrap takes seconds."""
    seeds = compared.seeds(first), compared.seeds(second)
    key = state.pair_key(*seeds, view)
    if not state.was_asked(key):
        st.button(_("Compute the difference"), icon=":material/balance:", on_click=state.ask, args=(key,))
        st.caption(_("The interval comes from 2,000 bootstrap samples of the lesions. This takes some seconds."))
        return
    comparison = state.pair(*seeds, view)
    for sentence in sentences(comparison):
        st.text(in_language(sentence))
    table = pair_table(comparison.first_seed)
    shown = _with_three_decimals(table, (first, second))
    st.dataframe(shown, hide_index=True, column_config={shown.columns[0]: st.column_config.TextColumn(width=230)})
    st.caption(
        _(
            "Intervals: 95 %, bootstrap over lesions, with the same samples for both models. A "
            "difference is shown if its interval excludes 0. The two tests treat every image as "
            "independent, so they can disagree with an interval that nearly touches 0. Choose your "
            "metric before you look: with ten metrics on four test views, some differ by chance. A "
            "difference that is not shown may still exist."
        )
    )
    offer_table(table, f"pair-{view}")


def _show_disagreements(compared: Compared, first: str, second: str, view: str) -> None:
    """List the images that the two decide differently, and show one where a folder has it."""
    (one,), (other,) = ([model for model in compared.models if model.label == label] for label in (first, second))
    comparison = disagreeing(one, other, view)
    st.markdown(_("**Images with different decisions: {n}**").format(n=len(comparison)))
    if comparison.empty:
        return
    chosen = st.dataframe(
        _with_three_decimals(comparison, ("first", "second", "gap")),
        hide_index=True,
        column_config={
            "path": _("Image"),
            _("label"): _("Label"),
            "first": _("Score of the first"),
            "second": _("Score of the second"),
            "gap": _("Difference"),
            "right": _("Correct model"),
        },
        on_select="rerun",
        selection_mode="single-row",
        key="compare-disagreements",
        height=260,
    )
    offer_table(comparison.rename(columns={"first": first, "second": second}), f"disagreements-{view}")
    rows = [row for row in chosen.selection.rows if row < len(comparison)]
    _show_image(str(comparison["path"].iloc[rows[0]]) if rows else None)


def _with_three_decimals(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return a table for the reader, with numbers from 0 to 1 as texts that sort like them."""
    rounded = {column: ["" if pd.isna(each) else f"{each:.3f}" for each in table[column]] for column in columns}
    return shown_table(table.assign(**rounded))


def _show_image(path: str | None) -> None:
    """Show a test image, if a folder on this computer has it."""
    folder = st.text_input(
        _("Folder with the images, on this computer (optional)"),
        os.environ.get("SKINLENS_DATA", ""),
        key="compare-folder",
        help=_("Nothing is copied."),
    )
    if not folder or path is None:
        st.caption(_("To see an image, enter the folder and select a row of the table."))
        return
    try:
        image = state.image(folder, path)
    except ImageRejectedError as error:
        st.text(error_in_language(error))
        return
    if image is None:
        st.text(_("The folder has no file {path}.").format(path=path))
        return
    st.image(image.pixels, width=320, alt=_("Test image {path}").format(path=path))
    st.text(path)

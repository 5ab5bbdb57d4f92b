"""Model comparison: held-out datasets, leaderboard, charts, two models in detail, and the user's own model."""

import pandas as pd
import streamlit as st

from skinlens.translation import gettext as _
from skinlens.translation import in_language
from skinlens.ui.compare import state
from skinlens.ui.compare.charts import looks
from skinlens.ui.compare.downloads import FORMATS, offer_table
from skinlens.ui.compare.held_out import show_held_out
from skinlens.ui.compare.leaderboard import choose_view, show_leaderboard
from skinlens.ui.compare.model_comparison import compare_two_models
from skinlens.ui.compare.state import Compared
from skinlens.ui.compare.tabs import TABS, Picked
from skinlens.ui.router import require_router


def offer_own_model(compared: Compared) -> None:
    """Take a CSV of the user's own predictions."""
    with st.expander(_("Add your own model"), icon=":material/upload_file:", expanded=bool(compared.message)):
        st.caption(
            _(
                "Upload a CSV with the columns path, label (benign or malignant) and probability (of "
                "malignant, 0 to 1), one row per test image. The template lists the images; fill in the "
                "probabilities. The file stays in this browser session."
            )
        )
        if compared.template is not None:
            offer_table(compared.template, "template", label=_("Download template (CSV)"), key="own-template")
        upload, threshold = st.columns([3, 1])
        upload.file_uploader(_("Your predictions (CSV)"), type="csv", key=state.UPLOADER, on_change=state.receive)
        threshold.number_input(
            _("Its threshold"),
            0.0,
            1.0,
            state.threshold(),
            0.01,
            key=state.THRESHOLD,
            on_change=state.keep_threshold,
            help=_("An image with this probability or a higher one is called malignant."),
        )
        if compared.message and compared.yours is None:
            st.error(_("This CSV cannot be used."), icon=":material/block:")
        st.text(in_language(compared.message) or _("No file yet."))
        if state.submission() is not None:
            st.button(_("Remove your model"), icon=":material/close:", on_click=state.remove)


def choose_models(compared: Compared) -> list[str]:
    """Ask which models the charts show; return their labels."""
    kept = st.session_state.get(state.PICKED, compared.picked_first())
    st.session_state[state.PICKED] = [label for label in kept if label in compared.labels]
    return st.multiselect(
        _("Models in the charts"), compared.labels, key=state.PICKED, placeholder=_("Choose models for the charts")
    )


@st.fragment
def show_charts(compared: Compared, board: pd.DataFrame, labels: list[str], view: str) -> None:
    """Show one chart a tab; only the open tab is drawn."""
    image_format: str = st.segmented_control(
        _("Save charts as"),
        FORMATS,
        default=FORMATS[0],
        required=True,
        format_func=str.upper,
        key="compare-format",
        help=_("The camera button of a chart saves it."),
    )
    theme = st.context.theme.type or "light"
    picked = Picked(
        models=state.by_label(compared.models, labels),
        published=compared.published[compared.published["label"].isin(labels)],
        board=board,
        view=view,
        styles=looks(compared.labels, theme=theme),
        theme=theme,
        format=image_format,
        key=(*compared.key, *labels, view, theme) if compared.key else (),
    )
    if not labels:
        st.info(_("Choose at least one model for the charts."), icon=":material/info:")
        return
    tabs = st.tabs([_(title) for title in TABS], key="compare-tab", on_change="rerun")
    for draw, tab in zip(TABS.values(), tabs, strict=True):
        if tab.open:
            with tab:
                draw(picked)


def page() -> None:
    """Held-out datasets first, then the leaderboard of the test images, the charts, and two models."""
    compared = state.load()
    for problem in compared.problems:
        st.warning(_("A file of the evaluations cannot be used; the rest is shown."), icon=":material/warning:")
        st.text(in_language(problem))
    if not compared.results.models:
        st.info(_("There are no evaluations of models in weights/evaluation."), icon=":material/info:")
    if compared.held_out:
        st.header(_("Datasets that the models had not seen"), anchor=False)
        show_held_out(compared.held_out, theme=st.context.theme.type or "light")
        st.header(_("The paper's test images"), anchor=False)
    view = choose_view(compared)
    board = state.board(compared, view)
    show_leaderboard(board, view)
    offer_own_model(compared)
    labels = choose_models(compared)
    show_charts(compared, board, labels, view)
    compare_two_models(compared, view)


require_router()
st.title(_("Compare models"), anchor=False)
page()

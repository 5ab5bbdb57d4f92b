"""Model comparison: leaderboard, charts, two models against each other, and a model of one's own beside them."""

import os

import pandas as pd
import streamlit as st

from skinlens.imaging.image import ImageRefusedError
from skinlens.leaderboard.model_comparison import disagreeing, pair_table, sentences
from skinlens.leaderboard.published import SOURCE
from skinlens.leaderboard.table import heading, readable
from skinlens.metrics.registry import METRICS
from skinlens.metrics.views import views_of
from skinlens.ui.compare import state as comparison
from skinlens.ui.compare import tabs as comparison_tabs
from skinlens.ui.compare.charts import looks
from skinlens.ui.compare.state import Compared
from skinlens.ui.compare.tabs import FORMATS, TABS, Picked
from skinlens.ui.router import require_router


def choose_view(compared: Compared) -> str:
    """The switch of test view, and what it holds."""
    view: str = st.segmented_control(
        "Test view", compared.views, default="all", required=True, key="compare-view", width="stretch"
    )
    for model in compared.models:
        found = views_of(model.rows).get(view)
        if found is not None:
            labels = model.rows.loc[found.mask, "label"].value_counts()
            counts = ", ".join(f"{labels.get(label, 0)} {label}" for label in ("benign", "malignant"))
            st.caption(f"**{view}** ({counts}): {found.explanation}")
            break
    return view


def leaderboard(board: pd.DataFrame, view: str) -> None:
    """Every model with its intervals."""
    table = readable(board)
    formats = {
        "Model": st.column_config.TextColumn(width=340),
        **{heading(metric): st.column_config.TextColumn(width=165) for metric in METRICS},
        "Paper's accuracy": st.column_config.NumberColumn(
            format="%.3f", help="What the paper publishes for the same network"
        ),
        "Time": st.column_config.TextColumn(help="Of one image, as a multiple of asff_resnet50_paper's"),
        "MB": st.column_config.NumberColumn(format="%.1f"),
        "Training, min": st.column_config.NumberColumn(format="%.0f"),
    }
    st.dataframe(table, hide_index=True, column_config=formats, alt="Leaderboard of all models")
    st.caption(
        "Ours: measured here. In brackets: 95 % intervals, for ours by resampling lesions. Click a heading to sort. "
        + (
            f"Rows from the paper: {SOURCE}; it gives no intervals, so those shown are Wilson's, from its counts."
            if view == "all"
            else "The paper has no numbers for this test view, so its rows are left out."
        )
    )
    numbers(board, f"leaderboard-{view}")


def numbers(table: pd.DataFrame, name: str) -> None:
    """A table of the page as a CSV."""
    comparison_tabs.numbers(table, name, label="These numbers (CSV)", key=f"numbers-{name}")


def own_model(compared: Compared) -> None:
    """Upload of a person's own predictions."""
    with st.expander("Add a model of your own", icon=":material/upload_file:", expanded=bool(compared.said)):
        st.caption(
            "A CSV with the columns path, label (benign or malignant) and probability (of malignant, 0 to 1), one row "
            "a test image, with paths as in the files of weights/evaluation. It stays in this browser session."
        )
        upload, threshold = st.columns([3, 1])
        upload.file_uploader(
            "Your predictions (CSV)", type="csv", key=comparison.UPLOADER, on_change=comparison.receive
        )
        threshold.number_input(
            "Its threshold",
            0.0,
            1.0,
            comparison.threshold(),
            0.01,
            key=comparison.THRESHOLD,
            on_change=comparison.keep_threshold,
            help="An image is called malignant at or above it.",
        )
        if compared.said and compared.yours is None:
            st.error("This CSV could not be used.", icon=":material/block:")
        st.text(compared.said or "Nothing uploaded.")
        if comparison.submission() is not None:
            st.button("Remove it", icon=":material/close:", on_click=comparison.remove)


def choose_models(compared: Compared) -> list[str]:
    """The one model picker."""
    kept = st.session_state.get(comparison.PICKED, compared.picked_first())
    st.session_state[comparison.PICKED] = [label for label in kept if label in compared.labels]
    return st.multiselect(
        "Models in the charts", compared.labels, key=comparison.PICKED, placeholder="Choose models for the charts"
    )


@st.fragment
def charts(compared: Compared, board: pd.DataFrame, labels: list[str], view: str) -> None:
    """One chart a tab; only the open tab is drawn."""
    chosen: str = st.segmented_control(
        "A chart's camera button saves",
        FORMATS,
        default=FORMATS[0],
        required=True,
        format_func=str.upper,
        key="compare-format",
    )
    theme = st.context.theme.type or "light"
    picked = Picked(
        models=comparison.by_label(compared.models, labels),
        published=compared.published[compared.published["label"].isin(labels)],
        board=board,
        view=view,
        styles=looks(compared.labels, theme=theme),
        theme=theme,
        format=chosen,
    )
    if not labels:
        st.info("Choose at least one model for the charts.", icon=":material/info:")
        return
    tabs = st.tabs(list(TABS), key="compare-tab", on_change="rerun")
    for draw, tab in zip(TABS.values(), tabs, strict=True):
        if tab.open:
            with tab:
                draw(picked)


@st.fragment
def two_models(compared: Compared, view: str) -> None:
    """Any two models: the difference in words, and the images on which they disagree."""
    st.markdown("#### Two models against each other")
    usable = [model for model in compared.models if view in model.views]
    # A model and its own test-time augmentation are the last pair that anybody wants to see first.
    labels = [model.label for model in sorted(usable, key=lambda model: model.tta)]
    if len(labels) < 2:
        st.info(
            "There is only one model with predictions on these images. Add one of your own above to compare the two.",
            icon=":material/info:",
        )
        return
    left, right = st.columns(2)
    first = left.selectbox("First model", labels, key="compare-first")
    second = right.selectbox("Second model", [label for label in labels if label != first], key="compare-second")
    try:
        difference(compared, first, second, view)
        disagreement(compared, first, second, view)
    except ValueError as error:
        st.error("These two cannot be compared.", icon=":material/error:")
        st.text(str(error))


def difference(compared: Compared, first: str, second: str, view: str) -> None:
    """Sentences and table, once they have been asked for: the resampling takes seconds."""
    seeds = compared.seeds(first), compared.seeds(second)
    key = comparison.pair_key(*seeds, view)
    if not comparison.was_asked(key):
        st.button("Work out the difference", icon=":material/balance:", on_click=comparison.ask, args=(key,))
        st.caption("The interval comes from 2,000 resamples of the lesions, which takes some seconds.")
        return
    found = comparison.pair(*seeds, view)
    for sentence in sentences(found):
        st.text(sentence)
    table = pair_table(found.first_seed)
    st.dataframe(
        table,
        hide_index=True,
        column_config={"Figure": st.column_config.TextColumn(width=230)}
        | {label: st.column_config.NumberColumn(format="%.3f") for label in (first, second)},
    )
    st.caption(
        "Intervals: 95 %, resampling lesions, both models on the same draws; the verdicts follow them. The two tests "
        "take every image as independent and can differ at the margin. Say beforehand which figure decides: of ten "
        "figures on four views, some differ by chance. A difference not shown is not a proof that there is none."
    )
    numbers(table, f"pair-{view}")


def disagreement(compared: Compared, first: str, second: str, view: str) -> None:
    """The images that the two decide differently, and their images where a folder has them."""
    (one,), (other,) = ([model for model in compared.models if model.label == label] for label in (first, second))
    found = disagreeing(one, other, view)
    st.markdown(f"**Images that the two decide differently: {len(found)}**")
    if found.empty:
        return
    score = st.column_config.NumberColumn
    chosen = st.dataframe(
        found,
        hide_index=True,
        column_config={
            "path": "Image",
            "label": "Actually",
            "first": score("Score of the first", format="%.3f"),
            "second": score("Score of the second", format="%.3f"),
            "gap": score("Gap", format="%.3f"),
            "right": "Decided rightly by the",
        },
        on_select="rerun",
        selection_mode="single-row",
        key="compare-disagreements",
        height=260,
    )
    numbers(found.rename(columns={"first": first, "second": second}), f"disagreements-{view}")
    rows = [row for row in chosen.selection.rows if row < len(found)]
    show_image(str(found["path"].iloc[rows[0]]) if rows else None)


def show_image(path: str | None) -> None:
    """The image of the chosen row, if a folder on this computer has it."""
    folder = st.text_input(
        "Folder with the images (optional; on this computer)",
        os.environ.get("SKINLENS_DATA", ""),
        key="compare-folder",
        help="Choose a row of the table to see its image. Nothing is copied.",
    )
    if not folder or path is None:
        st.caption("Choose a row and name the folder to see the image; without the folder, ids are all there is.")
        return
    try:
        image = comparison.image(folder, path)
    except ImageRefusedError as refusal:
        st.text(str(refusal))
        return
    if image is None:
        st.text(f"The folder has no file {path}.")
        return
    st.image(image.pixels, width=320, alt=f"Test image {path}")
    st.text(path)


@st.fragment
def held_out(compared: Compared) -> None:
    """Datasets that the models had not seen."""
    st.markdown("#### Datasets that the models had not seen")
    comparison_tabs.held_out(compared.held_out, theme=st.context.theme.type or "light")


def page() -> None:
    """Held-out datasets first, then the leaderboard of the test images, the charts, and two models."""
    compared = comparison.load()
    for problem in compared.problems:
        st.warning("A file of the evaluations could not be used; the rest is shown.", icon=":material/warning:")
        st.text(problem)
    if not compared.results.models:
        st.info("There are no evaluations of models here (weights/evaluation).", icon=":material/info:")
    if compared.held_out:
        held_out(compared)
        st.markdown("#### The paper's test images")
    view = choose_view(compared)
    board = comparison.board(compared, view)
    leaderboard(board, view)
    own_model(compared)
    labels = choose_models(compared)
    charts(compared, board, labels, view)
    two_models(compared, view)


require_router()
st.subheader("Compare", anchor=False)
page()

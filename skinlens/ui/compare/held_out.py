"""Datasets that the models had not seen: read the results, and show them on the Compare page."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from skinlens.export.selection import SelectionError, predictions_by_dataset, read_selections
from skinlens.leaderboard.datasets import dataset_title
from skinlens.leaderboard.held_out import HeldOutModel, averaged_origins, held_out_table, readable_held_out
from skinlens.leaderboard.held_out_models import read_models, with_titles
from skinlens.leaderboard.probes import FOLDER
from skinlens.runtime.card import sha256_of
from skinlens.runtime.predictor import DEFAULT_MODEL
from skinlens.translation import gettext as _
from skinlens.translation import marked
from skinlens.ui.compare import charts
from skinlens.ui.compare.downloads import FORMATS, chart_config, offer_table
from skinlens.ui.compare.kept import kept
from skinlens.ui.shown_table import shown_table

SELECTED = "selected.json"
# Models in the chart before the reader chooses.
MOST_DRAWN = 3
_NOTE = marked(
    "ROC AUC with 95 % interval (bootstrap over lesions) and number of images. Each dataset was held out completely: "
    "the model had seen none of its images or lesions. These results say more about a new clinic than the test images "
    "below. A linear probe is a logistic regression on the pretrained weights, without training the network; a trained "
    "model should be better."
)


def held_out_models(folder: Path, titles: Mapping[str, str]) -> tuple[tuple[HeldOutModel, ...], tuple[str, ...]]:
    """Read the results on held-out datasets from an evaluation folder, again only when a file changes.

    Args:
        folder: As `select` and `probe` fill it.
        titles: Of models, by name; a model without one goes by its name.

    Returns:
        Every model whose choice held out datasets and every probe, and a sentence for each file that cannot be used.
    """
    with st.spinner(_("Reading the held-out datasets")):
        models, problems = _read(str(folder), _digest(folder))
    return tuple(with_titles(models, titles)), problems


def read_held_out(folder: Path, titles: Mapping[str, str]) -> tuple[list[HeldOutModel], list[str]]:
    """Read as `held_out_models` does, without a cache."""
    problems: list[str] = []
    try:
        selections = read_selections(folder / SELECTED)
    except SelectionError as error:
        selections, problems = {}, [str(error)]
    models, further = read_models(folder, predictions_by_dataset(selections), titles, default=DEFAULT_MODEL)
    return models, [*problems, *further]


@st.fragment
def show_held_out(models: Sequence[HeldOutModel], *, theme: str) -> None:
    """Show ROC AUC on datasets that the models had not seen: a table of all models, and a chart of a few.

    Args:
        models: From `held_out_models`.
        theme: `light` or `dark`.
    """
    table, readable = held_out_table(models), readable_held_out(models)
    mean_note = _mean_note(models)
    widths = {_(name): st.column_config.TextColumn(width=235) for name in readable.columns if name != "Mean"}
    widths[_("Model")] = st.column_config.TextColumn(width=340, pinned=True)
    mean = {_("Mean"): st.column_config.TextColumn(help=mean_note)}
    st.dataframe(
        shown_table(readable),
        hide_index=True,
        column_config=widths | mean,
        alt=_("ROC AUC of models on datasets that they had not seen"),
    )
    st.caption(" ".join(note for note in (_(_NOTE), mean_note, _default_note(models), _size_note(table)) if note))
    offer_table(table, "held-out-datasets")
    titles = list(dict.fromkeys(table["model"]))
    chosen = st.multiselect(_("Models in this chart"), titles, default=titles[:MOST_DRAWN], key="held-out-models")
    if chosen:
        drawn = table[table["model"].isin(chosen)]
        figure = kept(
            "held-out",
            (drawn, titles, theme),
            lambda: charts.held_out_chart(drawn, charts.looks(titles, theme=theme), theme=theme),
        )
        st.plotly_chart(
            figure,
            theme=None,
            config=chart_config("held-out-datasets", FORMATS[0]),
            key="chart-held-out",
            alt=_("ROC AUC by held-out dataset"),
        )


def _mean_note(models: Sequence[HeldOutModel]) -> str:
    averaged = averaged_origins(models)
    if not averaged:
        return _("There is no mean, because no dataset was held out for every row.")
    return _("Mean: over {datasets}; a dash where one of them was not held out.").format(
        datasets=", ".join(_(dataset_title(origin)) for origin in averaged)
    )


def _default_note(models: Sequence[HeldOutModel]) -> str:
    if not any(model.default for model in models):
        return ""
    return _(
        "The model of this app is the default because it was trained for general use and chosen on these datasets."
    )


def _size_note(table: pd.DataFrame) -> str:
    if table.groupby("dataset")["n"].nunique().le(1).all():
        return ""
    return _("Where n differs within a column, the models were measured on different images of that dataset.")


@st.cache_resource(max_entries=2, show_spinner=False)
def _read(folder: str, digest: str) -> tuple[tuple[HeldOutModel, ...], tuple[str, ...]]:
    del digest
    # Without titles, so that pages with and without them share what takes seconds to measure.
    models, problems = read_held_out(Path(folder), {})
    return tuple(models), tuple(problems)


def _digest(folder: Path) -> str:
    """Digest choices and probes by content, and the predictions behind the choices by size and time."""
    digest = hashlib.sha256()
    for path in sorted([folder / SELECTED, *(folder / FOLDER).glob("*.json")]):
        if path.is_file():
            digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    for path in sorted((folder / "folds").glob("*.csv")):
        facts = path.stat()
        digest.update(f"{path.name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()

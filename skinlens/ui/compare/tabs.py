"""The tabs of the comparison page: each a sentence on how to read it, a chart, its numbers, and who is not in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from skinlens.leaderboard import chart_tables as tables
from skinlens.leaderboard.card_sections import held_out_sentence
from skinlens.leaderboard.datasets import dataset_title
from skinlens.leaderboard.held_out import HeldOutModel, held_out_table, readable_held_out, shared_origins
from skinlens.leaderboard.records import EvaluatedModel
from skinlens.leaderboard.subgroup_tables import PART_COLUMNS, missed_melanomas, readable_subgroups, subgroup_table
from skinlens.metrics.measurement import from_table
from skinlens.metrics.registry import MetricName
from skinlens.metrics.views import views_of
from skinlens.ui.compare import charts
from skinlens.ui.compare.state import csv_bytes

METRIC_CHOICES: tuple[MetricName, ...] = ("accuracy", "roc_auc")
FORMATS = ("png", "svg")
_NO_CURVE = "A curve needs every image's score, which is not published:"
_NOT_MEASURED = "Not measured for:"
_TEST_IMAGES, _HELD_OUT_IMAGES = "Test images", "Held-out hospitals or folds"
_NOT_ALLOWED = "These images do not allow a curve for:"


MOST_DRAWN = 3
_HELD_OUT_NOTE = (
    "ROC AUC with 95 % interval, by resampling lesions, and number of images. Every dataset was held out whole: the "
    "run that scored it had seen none of its images and no other image of their lesions. This, more than the test "
    "images below, is what a new clinic can expect. A linear probe is a logistic regression on pretrained weights as "
    "they are, without training the network: a trained model should be better."
)


@dataclass(frozen=True, eq=False)
class Picked:
    """What the charts are to show.

    Attributes:
        models: Models with predictions.
        published: Rows of the paper's table, with `label`.
        board: The leaderboard on the view.
        view: A test view.
        styles: The look of every model that can be picked, by label.
        theme: `light` or `dark`.
        format: What a chart's camera button saves: `png` or `svg`.
    """

    models: list[EvaluatedModel]
    published: pd.DataFrame
    board: pd.DataFrame
    view: str
    styles: dict[str, charts.Look]
    theme: str
    format: str

    def notes(self, metric: MetricName, name: str) -> dict[str, str]:
        """A metric with its interval by label, for legends."""
        return {
            row["title"]: f"{name} {from_table(row[metric], row[f'{metric}_low'], row[f'{metric}_high']).text()}"
            for row in self.board.to_dict("records")
            if not pd.isna(row[metric])
        }

    @property
    def points(self) -> pd.DataFrame:
        """The operating points of everything picked."""
        return tables.operating_points(self.models, self.published, self.view)

    @property
    def papers(self) -> list[str]:
        """Labels of the paper's models that were picked."""
        return list(self.published["label"])


def held_out(models: Sequence[HeldOutModel], *, theme: str) -> None:
    """Figures on datasets that the models had not seen: a table of all, and a chart of a few."""
    table, readable = held_out_table(models), readable_held_out(models)
    widths = {name: st.column_config.TextColumn(width=235) for name in readable.columns if name != "Mean"}
    widths["Model"] = st.column_config.TextColumn(width=340, pinned=True)
    mean = {"Mean": st.column_config.NumberColumn(format="%.3f", help=_mean_note(models))}
    st.dataframe(
        readable,
        hide_index=True,
        column_config=widths | mean,
        alt="ROC AUC of models on datasets that they had not seen",
    )
    st.caption(f"{_HELD_OUT_NOTE} {_mean_note(models)}{_default_note(models)}{_size_note(table)}")
    numbers(table, "held-out-datasets", label="These numbers (CSV)", key="numbers-held-out-datasets")
    titles = list(dict.fromkeys(table["model"]))
    chosen = st.multiselect("Models in this chart", titles, default=titles[:MOST_DRAWN], key="held-out-models")
    if chosen:
        figure = charts.held_out_chart(
            table[table["model"].isin(chosen)], charts.looks(titles, theme=theme), theme=theme
        )
        st.plotly_chart(
            figure,
            theme=None,
            config=_chart_config("held-out-datasets", FORMATS[0]),
            key="chart-held-out",
            alt="ROC AUC by held-out dataset",
        )


def _mean_note(models: Sequence[HeldOutModel]) -> str:
    shared = [dataset_title(origin) for origin in shared_origins(models)]
    if not shared:
        return "No dataset was held out for every row, so there is no mean to compare."
    return f"Mean: over the datasets that were held out for every row ({', '.join(shared)})."


def _default_note(models: Sequence[HeldOutModel]) -> str:
    if not any(model.default for model in models):
        return ""
    return (
        " This app's model is the default because it was trained for images of any clinic and chosen on these datasets."
    )


def _size_note(table: pd.DataFrame) -> str:
    if table.groupby("dataset")["n"].nunique().le(1).all():
        return ""
    return " Where n differs within a column, the rows were measured on different images of that dataset."


def roc(picked: Picked) -> None:
    """ROC curves."""
    st.caption(
        "Each curve runs through all thresholds of a model; the mark on it is the model's own threshold. Nearer to the "
        "top left is better. Open diamonds: the paper's published result at its one threshold."
    )
    table, points = tables.roc_table(picked.models, picked.view), picked.points
    figure = charts.roc_chart(table, points, picked.styles, picked.notes("roc_auc", "AUC"), theme=picked.theme)
    _show("roc", figure, table, picked, "ROC curves of the picked models")
    _absent(picked, table, _NOT_ALLOWED)


def precision_recall(picked: Picked) -> None:
    """Precision-recall curves."""
    st.caption(
        "Of the images called malignant, how many are, against how many of the malignant ones are found. It depends on "
        "the share of malignant images, so never compare it across test views."
    )
    table, points = tables.pr_table(picked.models, picked.view), picked.points
    figure = charts.pr_chart(
        table,
        points,
        picked.styles,
        picked.notes("pr_auc", "PR AUC"),
        malignant_share=_malignant_share(picked),
        theme=picked.theme,
    )
    _show("precision-recall", figure, table, picked, "Precision-recall curves of the picked models")
    _absent(picked, table, _NOT_ALLOWED)


def confusion(picked: Picked) -> None:
    """Confusion matrices."""
    st.caption(
        "Decisions at each model's own threshold. Blue: right; orange: wrong. Per cent are of the images that are "
        "actually so (each row adds up to 100 %)."
    )
    table = tables.confusion_table(picked.points)
    figure = charts.confusion_chart(table, theme=picked.theme)
    _show("confusion", figure, table, picked, "Confusion matrices of the picked models")
    _absent(picked, table, "No image of this view for:", paper="Published for all images only:")


def reliability(picked: Picked) -> None:
    """Reliability diagrams."""
    st.caption(
        "Images in up to 15 equally large bins by score. On the dotted line, a score of 0.8 would mean that 80 % of "
        "such images are malignant; among these images, that is, not in a clinic, where few lesions are. Bars: 95 % "
        "intervals (Wilson)."
    )
    table = tables.reliability_table(picked.models, picked.view)
    _show_of_scores("reliability", charts.reliability_chart, table, picked, "Reliability diagrams of the picked models")


def decision_curve(picked: Picked) -> None:
    """Decision curves."""
    st.caption(
        "Net benefit of referring from a score upwards: malignant lesions found, less needless referrals at the price "
        "which that score implies. Higher is better; a model is of use where it lies above both grey lines. It takes "
        "scores as probabilities, and holds for the share of malignant images in this view, not for a clinic."
    )
    table = tables.decision_table(picked.models, picked.view)
    _show_of_scores("decision-curve", charts.decision_chart, table, picked, "Decision curves of the picked models")


def coverage(picked: Picked) -> None:
    """Error against coverage."""
    st.caption(
        "If a model decided only the images whose score is farthest from its threshold and left the rest to others, "
        "how often would it be wrong? At the right end it decides every image. Lower is better."
    )
    table = tables.coverage_table(picked.models, picked.view)
    _show_of_scores("coverage", charts.coverage_chart, table, picked, "Error against share of images decided")


def cost(picked: Picked) -> None:
    """Accuracy or AUC against time and size."""
    st.caption(
        "What a model costs: time for one image, as a multiple of what asff_resnet50_paper took, and the size "
        "of its weights. Further up and to the left is better. Bars: 95 % intervals."
    )
    metric = _metric_choice("cost")
    board = picked.board[picked.board["title"].isin([model.label for model in picked.models])]
    timed = board.dropna(subset=["relative_time", "megabytes"], how="all")
    costs = ["relative_time", "milliseconds", "megabytes", "parameters"]
    columns = ["title", *costs, metric, f"{metric}_low", f"{metric}_high"]
    table = timed[columns].rename(columns={"title": "model"})
    figure = charts.cost_chart(timed, metric, picked.styles, theme=picked.theme)
    _show("cost", figure, table, picked, "Accuracy against time and size")
    _absent(picked, table, "Neither time nor size was recorded for:", paper="The paper gives neither time nor size:")


def robustness(picked: Picked) -> None:
    """Accuracy or AUC on spoilt images."""
    table = tables.robustness_table(picked.models)
    st.caption(
        f"{_corrupted(table)}, spoilt in one way at a time at five strengths; strength 0 are the images as they are. "
        "The test view chosen above plays no part here. Bars: 95 % intervals."
    )
    metric = _metric_choice("robustness")
    figure = charts.robustness_chart(table, metric, picked.styles, theme=picked.theme)
    _show("robustness", figure, table, picked, "Accuracy on spoilt images", view="all")
    _absent(picked, table, _NOT_MEASURED, paper="The paper has no such measurement:")


def shortcuts(picked: Picked) -> None:
    """The shortcut tests as a table."""
    st.caption(
        "Does a model look at the lesion? What stays high although the lesion is painted over was not read off the "
        "lesion; what falls when it is moved was read off the background. The first two lines are of the test view "
        "chosen above, the others of all images with a known outline. In brackets: 95 % intervals."
    )
    table = tables.shortcut_table(picked.models)
    if len(table):
        readable = tables.readable_shortcuts(table, picked.view)
        st.dataframe(readable, hide_index=True, column_config={"Test": st.column_config.TextColumn(width=400)})
        _chart_numbers("shortcuts", table, "all")
    _absent(picked, table, _NOT_MEASURED, paper="The paper has no such measurement:")


def subgroups(picked: Picked) -> None:
    """Who is judged well and who is not, and the melanomas that were missed."""
    st.caption(
        "How often a model is right at its own threshold, by part of the images; the view chosen above plays no part. "
        "In brackets: 95 % intervals (Wilson). Parts with few images are withheld. Many parts are compared, so one "
        "that stands out may do so by chance. Skin tone is estimated from the skin in the image's border, whose "
        "colour also depends on camera and light: it sorts images roughly, and says nothing about a person."
    )
    held_out = _of_held_out_images(picked)
    table = subgroup_table(picked.models, held_out=held_out)
    by = [column for column in PART_COLUMNS if column in set(table["column"])]
    if by:
        chosen = st.segmented_control(
            "Parts by", by, default=by[0], required=True, format_func=PART_COLUMNS.__getitem__, key="parts"
        )
        st.dataframe(readable_subgroups(table, chosen), hide_index=True)
        _chart_numbers("subgroups", table, "held-out" if held_out else "all")
        for row in missed_melanomas(picked.models, held_out=held_out).to_dict("records"):
            with st.expander(f"Missed melanomas of {row['model']}: {row['missed']} of {row['n']}"):
                st.text(row["ids"] or "none")
    _absent(picked, table, _NOT_MEASURED, paper="The paper has no such measurement:")


def _of_held_out_images(picked: Picked) -> bool:
    """Whether the reader wants the images that runs held out, where a model has such figures."""
    measured = [model for model in picked.models if model.held_out is not None]
    if not measured:
        return False
    images = st.segmented_control(
        "Images", [_TEST_IMAGES, _HELD_OUT_IMAGES], default=_TEST_IMAGES, required=True, key="parts-of"
    )
    if images != _HELD_OUT_IMAGES:
        return False
    for model in measured:
        st.caption(f"{model.label}: {held_out_sentence(model)}")
    return True


def training(picked: Picked) -> None:
    """Training curves."""
    st.caption("What was logged after each epoch, of the seed that the other charts show. No test image was used.")
    table = tables.training_table(picked.models)
    logged = [name for name in table.columns if name not in {"model", "epoch"}]
    if logged:
        column = st.selectbox("Show", logged, format_func=charts.column_title, key="training-column", width=320)
        figure = charts.training_chart(table, column, picked.styles, theme=picked.theme)
        _show("training", figure, table, picked, "Training curves", view="train")
    _absent(picked, table, "No training log for:", paper="The paper's training logs are not public:")


TABS: dict[str, Callable[[Picked], None]] = {
    "ROC": roc,
    "Precision-recall": precision_recall,
    "Confusion": confusion,
    "Reliability": reliability,
    "Decision curve": decision_curve,
    "Coverage": coverage,
    "Cost": cost,
    "Robustness": robustness,
    "Shortcuts": shortcuts,
    "Subgroups": subgroups,
    "Training": training,
}


def _show(
    name: str, figure: go.Figure, table: pd.DataFrame, picked: Picked, alt: str, *, view: str | None = None
) -> None:
    """The chart and its numbers; nothing where there are none."""
    if table.empty:
        return
    named = view or picked.view
    config = _chart_config(f"{name}-{named}", picked.format)
    st.plotly_chart(figure, theme=None, config=config, key=f"chart-{name}", alt=alt)
    _chart_numbers(name, table, named)


def _chart_config(name: str, image_format: str) -> dict[str, object]:
    """Buttons of a chart; the camera saves `skinlens-<name>`."""
    return {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtons": [["toImage", "zoom2d", "resetScale2d"]],
        "toImageButtonOptions": {"format": image_format, "filename": f"skinlens-{name}", "scale": 2},
    }


def _show_of_scores(name: str, chart: Callable[..., go.Figure], table: pd.DataFrame, picked: Picked, alt: str) -> None:
    """A chart that needs every image's score, which the paper does not publish."""
    _show(name, chart(table, picked.styles, theme=picked.theme), table, picked, alt)
    _absent(picked, table, _NOT_MEASURED, paper=_NO_CURVE)


def _chart_numbers(name: str, table: pd.DataFrame, view: str) -> None:
    numbers(table, f"{name}-{view}", label="Numbers of this chart (CSV)", key=f"numbers-{name}")


def numbers(table: pd.DataFrame, name: str, *, label: str, key: str) -> None:
    """A button that saves a table as `skinlens-<name>.csv`."""
    st.download_button(
        label,
        lambda: csv_bytes(table),
        file_name=f"skinlens-{name}.csv",
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
        key=key,
    )


def _absent(picked: Picked, table: pd.DataFrame, why: str, *, paper: str = "") -> None:
    """Who was picked but is not in the table, and why."""
    there = set(table["model"])
    missing = tables.absent(picked.models, table)
    if missing:
        st.text(f"{why} {'; '.join(missing)}.")
    published = [label for label in picked.papers if label not in there]
    if paper and published:
        st.text(f"{paper} {'; '.join(published)}.")


def _metric_choice(name: str) -> MetricName:
    chosen: MetricName = st.segmented_control(
        "Figure",
        METRIC_CHOICES,
        default=METRIC_CHOICES[0],
        required=True,
        format_func=lambda metric: charts.METRIC_AXES[metric],
        key=f"metric-{name}",
        label_visibility="collapsed",
    )
    return chosen


def _malignant_share(picked: Picked) -> float | None:
    """Of the images of the view, by the first model that has them."""
    for model in picked.models:
        view = views_of(model.rows).get(picked.view)
        if view is not None:
            return float((model.rows.loc[view.mask, "label"] == "malignant").mean())
    return None


def _corrupted(table: pd.DataFrame) -> str:
    """How many images were spoilt, as a sentence begins."""
    counts = sorted({int(n) for n in table["n"].dropna()})
    return f"{' or '.join(str(n) for n in counts)} test images" if counts else "Test images"

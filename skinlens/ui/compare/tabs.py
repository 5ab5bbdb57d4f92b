"""The chart tabs of the Compare page: each explains how to read it, draws a chart, and offers its data."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from skinlens.leaderboard import chart_tables as tables
from skinlens.leaderboard.card_sections import held_out_sentence
from skinlens.leaderboard.records import EvaluatedModel
from skinlens.leaderboard.subgroup_tables import PART_COLUMNS, missed_melanomas, readable_subgroups, subgroup_table
from skinlens.metrics.measurement import from_table
from skinlens.metrics.registry import MetricName
from skinlens.translation import gettext as _
from skinlens.translation import in_language, marked
from skinlens.ui.compare import charts
from skinlens.ui.compare.downloads import chart_config, offer_table
from skinlens.ui.compare.kept import kept
from skinlens.ui.compare.state import VIEWS
from skinlens.ui.shown_table import shown_table

METRIC_CHOICES: tuple[MetricName, ...] = ("accuracy", "roc_auc")
_NO_CURVE = marked("A curve needs the score of every image, which is not published for: {models}.")
_NOT_MEASURED = marked("Not measured for: {models}.")
_PAPER_DID_NOT = marked("The paper did not measure this for: {models}.")
_TEST_IMAGES, _HELD_OUT_IMAGES = marked("Test images"), marked("Held-out datasets or folds")
_NOT_ALLOWED = marked("A curve is not possible on these images for: {models}.")


@dataclass(frozen=True, eq=False)
class Picked:
    """What the reader picked for the charts.

    Attributes:
        models: Models with predictions.
        published: Rows of the paper's table, with `label`.
        board: The leaderboard on the test view.
        view: A test view.
        styles: The look of every model that can be picked, by label.
        theme: `light` or `dark`.
        format: What a chart's camera button saves: `png` or `svg`.
        key: Everything above that charts follow from, for `kept`; empty draws them anew each time.
    """

    models: list[EvaluatedModel]
    published: pd.DataFrame
    board: pd.DataFrame
    view: str
    styles: dict[str, charts.Look]
    theme: str
    format: str
    key: tuple[object, ...] = ()

    def notes(self, metric: MetricName, name: str) -> dict[str, str]:
        """Return a metric with its interval by label, for legends."""
        return {
            row[
                "title"
            ]: f"{name} {in_language(from_table(row[metric], row[f'{metric}_low'], row[f'{metric}_high']).text())}"
            for row in self.board.to_dict("records")
            if not pd.isna(row[metric])
        }

    @property
    def points(self) -> pd.DataFrame:
        """Operating points of everything picked."""
        return tables.operating_points(self.models, self.published, self.view)

    @property
    def papers(self) -> list[str]:
        """Labels of the paper's models that were picked."""
        return list(self.published["label"])


def roc(picked: Picked) -> None:
    """Draw ROC curves."""
    st.caption(
        _(
            "A curve shows all thresholds of a model; the mark on it is the model's own threshold. "
            "Closer to the top left is better. Open diamonds: the result that the paper published, "
            "at its one threshold."
        )
    )

    def made() -> tuple[pd.DataFrame, go.Figure]:
        table, notes = tables.roc_table(picked.models, picked.view), picked.notes("roc_auc", "AUC")
        return table, charts.roc_chart(table, picked.points, picked.styles, notes, theme=picked.theme)

    table, figure = kept("roc", picked.key, made)
    _show("roc", figure, table, picked, _("ROC curves of the picked models"))
    _absent(picked, table, _NOT_ALLOWED)


def precision_recall(picked: Picked) -> None:
    """Draw precision-recall curves."""
    st.caption(
        _(
            "Precision: how many of the images called malignant are malignant. Sensitivity: how many "
            "of the malignant images are found. Precision depends on how many images are malignant, "
            "so never compare it across test views."
        )
    )

    def made() -> tuple[pd.DataFrame, go.Figure]:
        table = tables.pr_table(picked.models, picked.view)
        return table, charts.pr_chart(
            table,
            picked.points,
            picked.styles,
            picked.notes("pr_auc", "PR AUC"),
            malignant_share=tables.malignant_share(picked.models, picked.view),
            theme=picked.theme,
        )

    table, figure = kept("precision-recall", picked.key, made)
    _show("precision-recall", figure, table, picked, _("Precision-recall curves of the picked models"))
    _absent(picked, table, _NOT_ALLOWED)


def confusion(picked: Picked) -> None:
    """Draw confusion matrices."""
    st.caption(
        _(
            "Decisions at each model's own threshold. Blue: correct; orange: wrong. Percentages are "
            "of all benign or all malignant images, so each row adds up to 100 %."
        )
    )
    table = tables.confusion_table(picked.points)
    figure = charts.confusion_chart(table, theme=picked.theme)
    _show("confusion", figure, table, picked, _("Confusion matrices of the picked models"))
    _absent(
        picked,
        table,
        marked("This test view has no images for: {models}."),
        paper=marked("Published for all images only: {models}."),
    )


def reliability(picked: Picked) -> None:
    """Draw reliability diagrams."""
    st.caption(
        _(
            "Images are grouped by score into up to 15 bins of equal size. On the dotted line, a "
            "score of 0.8 means that 80 % of the images are malignant. This holds for these images, "
            "not for a clinic, where few lesions are malignant. Bars: 95 % intervals (Wilson)."
        )
    )
    _show_of_scores(
        "reliability",
        charts.reliability_chart,
        tables.reliability_table,
        picked,
        _("Reliability diagrams of the picked models"),
    )


def decision_curve(picked: Picked) -> None:
    """Draw decision curves."""
    st.caption(
        _(
            "Net benefit of referring every lesion at or above a score: malignant lesions found "
            "minus unnecessary referrals, weighted by the odds at that score. Higher is better. A "
            "model is useful where it is above both grey lines. Scores are taken as probabilities. "
            "The curve holds for the share of malignant images in this test view, not for a clinic."
        )
    )
    _show_of_scores(
        "decision-curve",
        charts.decision_chart,
        tables.decision_table,
        picked,
        _("Decision curves of the picked models"),
    )


def coverage(picked: Picked) -> None:
    """Draw error against coverage."""
    st.caption(
        _(
            "How often is a model wrong if it decides only the images whose scores are farthest from "
            "its threshold? At the right end it decides every image. Lower is better."
        )
    )
    _show_of_scores(
        "coverage",
        charts.coverage_chart,
        tables.coverage_table,
        picked,
        _("Error against share of images decided"),
    )


def cost(picked: Picked) -> None:
    """Draw accuracy or ROC AUC against time and size."""
    st.caption(
        _(
            "Cost of a model: the time for one image, as a multiple of the time that "
            "asff_resnet50_paper takes, and the size of its weights. Closer to the top left is "
            "better. Bars: 95 % intervals."
        )
    )
    metric = _metric_choice("cost")
    board = picked.board[picked.board["title"].isin([model.label for model in picked.models])]
    timed = board.dropna(subset=["relative_time", "megabytes"], how="all")
    costs = ["relative_time", "milliseconds", "megabytes", "parameters"]
    columns = ["title", *costs, metric, f"{metric}_low", f"{metric}_high"]
    table = timed[columns].rename(columns={"title": "model"})
    figure = charts.cost_chart(timed, metric, picked.styles, theme=picked.theme)
    _show("cost", figure, table, picked, _("Accuracy against time and size"))
    _absent(
        picked,
        table,
        marked("Time and size were not recorded for: {models}."),
        paper=marked("The paper gives no time or size for: {models}."),
    )


def robustness(picked: Picked) -> None:
    """Draw accuracy or ROC AUC on degraded images."""
    table = tables.robustness_table(picked.models)
    st.caption(
        _(
            "{table}, degraded in one way at a time. Strength 0 is the original image; 5 is the "
            "strongest. The test view chosen above does not apply. Bars: 95 % intervals."
        ).format(table=_corrupted(table))
    )
    metric = _metric_choice("robustness")
    figure = charts.robustness_chart(table, metric, picked.styles, theme=picked.theme)
    _show("robustness", figure, table, picked, _("Accuracy on degraded images"), view="all")
    _absent(picked, table, _NOT_MEASURED, paper=_PAPER_DID_NOT)


def shortcuts(picked: Picked) -> None:
    """Show the shortcut tests as a table."""
    st.caption(
        _(
            "Does a model use the lesion? A result that stays high when the lesion is painted over "
            "does not come from the lesion. A result that falls when the lesion is moved depends on "
            "the background. The first two rows are for the test view chosen above, the others for "
            "all images with a known outline. In brackets: 95 % intervals."
        )
    )
    table = tables.shortcut_table(picked.models)
    if len(table):
        readable = tables.readable_shortcuts(table, picked.view)
        st.dataframe(
            shown_table(readable), hide_index=True, column_config={_("Test"): st.column_config.TextColumn(width=400)}
        )
        _offer_data("shortcuts", table, "all")
    _absent(picked, table, _NOT_MEASURED, paper=_PAPER_DID_NOT)


def subgroups(picked: Picked) -> None:
    """Show results by subgroup, and the melanomas that were missed."""
    st.caption(
        _(
            "How often a model is correct at its own threshold, by subgroup. The test view chosen "
            "above does not apply. In brackets: 95 % intervals (Wilson). Subgroups with few images "
            "are not shown. With so many subgroups, one can stand out by chance. Skin tone is "
            "estimated from the skin at the image's border. Camera and light change that colour, so "
            "the estimate sorts images only roughly and says nothing about a person."
        )
    )
    held_out = _of_held_out_images(picked)
    table = subgroup_table(picked.models, held_out=held_out)
    by = [column for column in PART_COLUMNS if column in set(table["column"])]
    if by:
        chosen = st.segmented_control(
            _("Group by"),
            by,
            default=by[0],
            required=True,
            format_func=lambda column: _(PART_COLUMNS[column]),
            key="parts",
        )
        st.dataframe(shown_table(readable_subgroups(table, chosen)), hide_index=True)
        _offer_data("subgroups", table, "held-out" if held_out else "all")
        for row in missed_melanomas(picked.models, held_out=held_out).to_dict("records"):
            with st.expander(
                _("Missed melanomas of {row}: {row2} of {row3}").format(
                    row=row["model"], row2=row["missed"], row3=row["n"]
                )
            ):
                st.text(row["ids"] or _("none"))
    _absent(picked, table, _NOT_MEASURED, paper=_PAPER_DID_NOT)


def _of_held_out_images(picked: Picked) -> bool:
    """Ask whether to show held-out images, where a model has results on them."""
    measured = [model for model in picked.models if model.held_out is not None]
    if not measured:
        return False
    images = st.segmented_control(
        _("Images"),
        [_TEST_IMAGES, _HELD_OUT_IMAGES],
        default=_TEST_IMAGES,
        required=True,
        format_func=_,
        key="parts-of",
    )
    if images != _HELD_OUT_IMAGES:
        return False
    for model in measured:
        st.caption(f"{model.label}: {in_language(held_out_sentence(model))}")
    return True


def training(picked: Picked) -> None:
    """Draw training curves."""
    st.caption(_("Logged after each epoch, for the seed that the other charts show. No test image was used."))
    table = tables.training_table(picked.models)
    logged = [name for name in table.columns if name not in {"model", "epoch"}]
    if logged:
        column = st.selectbox(_("Show"), logged, format_func=charts.column_title, key="training-column", width=320)
        figure = charts.training_chart(table, column, picked.styles, theme=picked.theme)
        _show("training", figure, table, picked, _("Training curves"), view="train")
    _absent(
        picked,
        table,
        marked("No training log for: {models}."),
        paper=marked("The paper published no training log for: {models}."),
    )


TABS: dict[str, Callable[[Picked], None]] = {
    marked("ROC"): roc,
    marked("Precision-recall"): precision_recall,
    marked("Confusion"): confusion,
    marked("Reliability"): reliability,
    marked("Decision curve"): decision_curve,
    marked("Coverage"): coverage,
    marked("Cost"): cost,
    marked("Robustness"): robustness,
    marked("Shortcuts"): shortcuts,
    marked("Subgroups"): subgroups,
    marked("Training"): training,
}


def _show(
    name: str, figure: go.Figure, table: pd.DataFrame, picked: Picked, alt: str, *, view: str | None = None
) -> None:
    """Show a chart and offer its data; nothing if there is none."""
    if table.empty:
        return
    named = view or picked.view
    config = chart_config(f"{name}-{named}", picked.format)
    charts.titled(figure, alt if view else f"{alt}: {_(VIEWS[picked.view])}")
    st.plotly_chart(figure, theme=None, config=config, key=f"chart-{name}", alt=alt)
    _offer_data(name, table, named)


def _show_of_scores(
    name: str,
    chart: Callable[..., go.Figure],
    tabulate: Callable[[list[EvaluatedModel], str], pd.DataFrame],
    picked: Picked,
    alt: str,
) -> None:
    """Show a chart that needs the score of every image, which the paper does not publish."""

    def made() -> tuple[pd.DataFrame, go.Figure]:
        table = tabulate(picked.models, picked.view)
        return table, chart(table, picked.styles, theme=picked.theme)

    table, figure = kept(name, picked.key, made)
    _show(name, figure, table, picked, alt)
    _absent(picked, table, _NOT_MEASURED, paper=_NO_CURVE)


def _offer_data(name: str, table: pd.DataFrame, view: str) -> None:
    offer_table(table, f"{name}-{view}", label=_("Download chart data (CSV)"), key=f"numbers-{name}")


def _absent(picked: Picked, table: pd.DataFrame, why: str, *, paper: str = "") -> None:
    """Name the models that were picked but are not in the table, and why; sentences with `{models}`."""
    there = set(table["model"])
    missing = tables.absent(picked.models, table)
    if missing:
        st.text(_(why).format(models="; ".join(missing)))
    published = [label for label in picked.papers if label not in there]
    if paper and published:
        st.text(_(paper).format(models="; ".join(published)))


def _metric_choice(name: str) -> MetricName:
    chosen: MetricName = st.segmented_control(
        _("Metric"),
        METRIC_CHOICES,
        default=METRIC_CHOICES[0],
        required=True,
        format_func=lambda metric: _(charts.METRIC_AXES[metric]),
        key=f"metric-{name}",
        label_visibility="collapsed",
    )
    return chosen


def _corrupted(table: pd.DataFrame) -> str:
    """Return how many images were degraded, as the beginning of a sentence."""
    counts = sorted({int(n) for n in table["n"].dropna()})
    images = in_language(tables.in_alternatives(counts))
    return _("{n} test images").format(n=images) if counts else _(_TEST_IMAGES)

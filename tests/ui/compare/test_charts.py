"""The charts: every number drawn, contrast in both themes, names as text, and looks that are told apart."""

from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from skinlens.leaderboard import chart_tables as tables
from skinlens.leaderboard.records import EvaluatedModel
from skinlens.leaderboard.table import leaderboard
from skinlens.ui.compare import charts
from skinlens.ui.compare.charts import INK

THEMES = ("light", "dark")
# Machado, Oliveira & Fernandes 2009, severity 1: what people without one kind of cone see, in linear RGB.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
)
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)


@pytest.fixture(scope="module")
def labels(models: tuple[EvaluatedModel, ...], published: pd.DataFrame) -> list[str]:
    return [model.label for model in models] + list(published["label"])


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio."""
    high, low = sorted((float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_everything_has_contrast_with_the_background(theme: str) -> None:
    for colour in (*charts.COLOURS[theme], charts.OWN_COLOUR[theme], charts.REFERENCE[theme], INK[theme]):
        assert contrast(colour, charts.BACKGROUND[theme]) >= 4.5, colour
    for scale in (charts.RIGHT[theme], charts.WRONG[theme]):
        assert all(contrast(INK[theme], colour) >= 4.5 for colour in scale)


def test_the_contrast_itself() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_looks_differ_and_do_not_depend_on_colour_alone() -> None:
    styles = charts.looks([str(number) for number in range(32)], theme="light")
    assert len(set(styles.values())) == 32
    first = list(styles.values())[:8]
    assert len({(look.dash, look.mark) for look in first}) == 8


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("seen", [DEUTERANOPIA, PROTANOPIA], ids=["deuteranopia", "protanopia"])
def test_colours_that_look_alike_differ_in_their_dash(theme: str, seen: np.ndarray) -> None:
    styles = list(charts.looks([str(number) for number in range(8)], theme=theme).values())
    for number, one in enumerate(styles):
        for other in styles[number + 1 :]:
            apart = np.abs(seen @ linear(one.colour) - seen @ linear(other.colour)).max()
            assert apart > 0.03 or one.dash != other.dash, (one, other)


@pytest.mark.parametrize("theme", THEMES)
def test_a_look_stays_with_its_model(theme: str) -> None:
    assert charts.looks(["a", "b", "c"], theme=theme)["b"] == charts.looks(["x", "b"], theme=theme)["b"]


def test_the_users_own_model_has_a_colour_that_no_other_has() -> None:
    labels = ["a", "Yours: mine.csv", *(str(number) for number in range(31))]
    styles = charts.looks(labels, theme="light")
    own = styles.pop("Yours: mine.csv")
    assert own.colour not in {look.colour for look in styles.values()}
    assert own.mark not in {look.mark for look in styles.values()}
    # The others look as they would without it.
    assert styles == charts.looks([label for label in labels if label in styles], theme="light")


def test_a_title_is_text_above_the_chart_that_keeps_its_size(
    models: tuple[EvaluatedModel, ...], labels: list[str]
) -> None:
    figure = charts.coverage_chart(
        tables.coverage_table(models, "all"), charts.looks(labels, theme="light"), theme="light"
    )
    drawn = figure.layout.height - figure.layout.margin.t
    charts.titled(figure, "Errors <b>of all</b>")
    assert figure.layout.title.text == "Errors &lt;b&gt;of all&lt;/b&gt;"
    assert figure.layout.height - figure.layout.margin.t == drawn
    assert figure.layout.title.font.color == INK["light"]


def named(figure: go.Figure) -> list[str]:
    return [trace.name.replace("<br>", " ") for trace in figure.data if trace.name and trace.showlegend is not False]


def test_roc_draws_each_curve_its_point_and_the_papers(
    models: tuple[EvaluatedModel, ...], published: pd.DataFrame, labels: list[str]
) -> None:
    curves = tables.roc_table(models, "all")
    points = tables.operating_points(models, published[:2], "all")
    styles = charts.looks(labels, theme="dark")
    figure = charts.roc_chart(curves, points, styles, {"ResNet-50": "AUC 0.9 <b>"}, theme="dark")
    (trace,) = [trace for trace in figure.data if trace.mode == "lines" and trace.legendgroup == "ResNet-50"]
    assert list(trace.y) == curves.loc[curves["model"] == "ResNet-50", "sensitivity"].tolist()
    assert trace.name == "ResNet-50<br>AUC 0.9 &lt;b&gt;"
    papers = [trace for trace in figure.data if trace.marker.symbol == "diamond-open"]
    assert [trace.name for trace in papers] == ["ASFF ResNet-50 (paper)", "ResNet-101 (paper)"]
    assert papers[0].y[0] == pytest.approx(279 / 300)
    assert "MobileNetV2 (no ImageNet start)" in named(figure)
    assert figure.layout.paper_bgcolor == charts.BACKGROUND["dark"]


def test_pr_steps_up_before_it_goes_on(models: tuple[EvaluatedModel, ...], labels: list[str]) -> None:
    """A point's precision holds from the previous point's sensitivity up to its own."""
    figure = charts.pr_chart(
        tables.pr_table(models, "native"),
        tables.operating_points(models, pd.DataFrame(columns=["label"]), "native"),
        charts.looks(labels, theme="light"),
        {},
        malignant_share=0.25,
        theme="light",
    )
    assert {trace.line.shape for trace in figure.data if trace.legendgroup and trace.mode == "lines"} == {"vh"}
    assert list(figure.data[0].y) == [0.25, 0.25]


def test_confusion_shows_every_count(models: tuple[EvaluatedModel, ...], published: pd.DataFrame) -> None:
    cells = tables.confusion_table(tables.operating_points(models[:2], published[:1], "all"))
    figure = charts.confusion_chart(cells, theme="light")
    shown = [text for trace in figure.data for text in trace.text]
    assert sorted(shown) == sorted(f"<b>{row.images}</b><br>{row.share:.1%}" for row in cells.itertuples())
    assert "<b>336</b><br>93.3%" in shown
    titles = [annotation.text.replace("<br>", " ") for annotation in figure.layout.annotations]
    assert titles == [*(model.label for model in models[:2]), "ASFF ResNet-50 (paper)"]


def test_whiskers_reach_the_interval(made_up_evaluations: Path, labels: list[str]) -> None:
    board = leaderboard(made_up_evaluations)
    ours = board[board["source"] == "ours"]
    figure = charts.cost_chart(ours, "roc_auc", charts.looks(labels, theme="light"), theme="light")
    (trace,) = [trace for trace in figure.data if trace.legendgroup == "ResNet-50" and trace.showlegend]
    row = ours.set_index("title").loc["ResNet-50"]
    assert trace.y[0] + trace.error_y.array[0] == pytest.approx(row["roc_auc_high"])
    assert trace.y[0] - trace.error_y.arrayminus[0] == pytest.approx(row["roc_auc_low"])
    assert trace.x[0] == row["relative_time"]


def test_robustness_has_a_panel_a_corruption_and_a_name_a_model(
    models: tuple[EvaluatedModel, ...], labels: list[str]
) -> None:
    table = tables.robustness_table(models)
    figure = charts.robustness_chart(table, "accuracy", charts.looks(labels, theme="light"), theme="light")
    titles = [annotation.text for annotation in figure.layout.annotations]
    assert titles == ["Blur", "Brightness", "Colour cast", "Hair", "JPEG compression", "Rotation", "Vignette"]
    assert sorted(named(figure)) == sorted(set(table["model"]))
    assert len(figure.data) == 7 * table["model"].nunique()


def test_training_draws_the_chosen_column(models: tuple[EvaluatedModel, ...], labels: list[str]) -> None:
    table = tables.training_table(models)
    figure = charts.training_chart(table, "seconds", charts.looks(labels, theme="light"), theme="light")
    assert figure.layout.yaxis.title.text == "Seconds an epoch"
    assert list(figure.data[0].y) == [171.0 + epoch for epoch in range(10)]
    assert charts.column_title("held_out_f1") == "Held out f1"


def test_names_that_look_like_markup_stay_text(models: tuple[EvaluatedModel, ...]) -> None:
    table = tables.coverage_table(models[:1], "all").assign(model='Yours: <a href="x">click</a>.csv')
    label = str(table["model"].iloc[0])
    figure = charts.coverage_chart(table, charts.looks([label], theme="light"), theme="light")
    assert "<a" not in figure.data[0].name
    assert "&lt;a" in figure.data[0].name


@pytest.mark.parametrize("theme", THEMES)
def test_every_chart_has_titles_on_its_axes_and_survives_no_rows(
    theme: str, models: tuple[EvaluatedModel, ...], labels: list[str]
) -> None:
    styles = charts.looks(labels, theme=theme)
    for given in (models, ()):
        figures = [
            charts.reliability_chart(tables.reliability_table(given, "all"), styles, theme=theme),
            charts.decision_chart(tables.decision_table(given, "all"), styles, theme=theme),
            charts.coverage_chart(tables.coverage_table(given, "all"), styles, theme=theme),
            charts.robustness_chart(tables.robustness_table(given), "roc_auc", styles, theme=theme),
        ]
        for figure in figures:
            assert figure.layout.font.color == INK[theme]
            if given:
                assert figure.layout.xaxis.title.text or figure.layout.xaxis7.title.text
                assert figure.layout.yaxis.title.text

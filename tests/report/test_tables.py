"""Tables: every figure with its interval, undefined ones named, rows in the card's order."""

import pytest

from skinlens.metrics.measurement import Measurement
from skinlens.report.tables import markdown_views, point_table, view_table
from skinlens.runtime.card import EvaluationRecord, MeasuredRates, OperatingPoint, ViewScores


@pytest.mark.parametrize(
    ("estimate", "shown"),
    [
        (Measurement(value=0.96749, low=0.9512, high=0.98, n=660), "0.967 (0.951 to 0.980)"),
        (Measurement(value=0.0, low=0.0, high=0.1, n=9), "0.000 (0.000 to 0.100)"),
        (Measurement(value=1.0, n=9), "1.000"),
        (Measurement(value=0.5, low=0.4, n=9), "0.500"),
        (Measurement(value=None, n=0), "undefined"),
        (Measurement(value=None, low=0.0, high=1.0, n=0), "undefined"),
    ],
)
def test_a_figure_with_its_interval(estimate: Measurement, shown: str) -> None:
    assert estimate.text() == shown


def view(n: int, **metrics: Measurement) -> ViewScores:
    return ViewScores(explanation="", n=n, benign=n - 3, malignant=3, metrics=metrics)


@pytest.fixture
def record() -> EvaluationRecord:
    return EvaluationRecord(
        data="made up",
        threshold=0.5,
        interval="none",
        views={
            "all": view(
                10,
                specificity=Measurement(value=0.9, n=7),
                roc_auc=Measurement(value=0.8, low=0.7, high=0.9, n=10),
                wisdom=Measurement(value=1.0, n=10),
            ),
            "clean-native": view(4, roc_auc=Measurement(value=None, n=4)),
        },
    )


def test_one_row_a_view_in_the_cards_order(record: EvaluationRecord) -> None:
    table = view_table(record)
    assert list(table["View"]) == ["all", "clean-native"]
    assert list(table["Images"]) == ["10 (7 benign, 3 malignant)", "4 (1 benign, 3 malignant)"]
    assert list(table["ROC AUC"]) == ["0.800 (0.700 to 0.900)", "undefined"]


def test_known_metrics_in_a_fixed_order_and_no_others(record: EvaluationRecord) -> None:
    assert list(view_table(record).columns) == ["View", "Images", "ROC AUC", "Specificity"]


def test_a_point_has_a_row_for_each_set_it_was_measured_on() -> None:
    measured = (
        MeasuredRates(
            population="test, all",
            sensitivity=Measurement(value=0.93, low=0.9, high=0.95, n=300),
            specificity=Measurement(value=0.9333, low=0.9, high=0.96, n=360),
        ),
        MeasuredRates(
            population="benign only", sensitivity=Measurement(value=None, n=0), specificity=Measurement(value=1.0, n=5)
        ),
    )
    table = point_table(OperatingPoint(name="p", threshold=0.5, chosen_on="", measured=measured))
    assert table.to_dict("records") == [
        {
            "Measured on": "all test images",
            "Sensitivity": "0.930 (0.900 to 0.950)",
            "of malignant": 300,
            "Specificity": "0.933 (0.900 to 0.960)",
            "of benign": 360,
        },
        {
            "Measured on": "benign only",
            "Sensitivity": "undefined",
            "of malignant": 0,
            "Specificity": "1.000",
            "of benign": 5,
        },
    ]


def test_an_unmeasured_point_has_an_empty_table() -> None:
    assert point_table(OperatingPoint(name="p", threshold=0.5, chosen_on="")).empty


def test_markdown_has_every_view_and_the_main_figures(record: EvaluationRecord) -> None:
    view_scores = record.views["all"].model_copy(
        update={
            "metrics": {
                name: Measurement(value=0.5 + 0.01 * place, low=0.4, high=0.6, n=10)
                for place, name in enumerate(("roc_auc", "accuracy", "sensitivity", "specificity", "brier"))
            }
        }
    )
    full = record.model_copy(update={"views": {"all": view_scores, "native": view_scores}})
    lines = markdown_views(full).splitlines()
    assert lines[0] == "| view | images | ROC AUC | Accuracy | Sensitivity | Specificity |"
    assert lines[1] == "| --- | --- | --- | --- | --- | --- |"
    figures = " | ".join(f"0.5{place}0 (0.400 to 0.600)" for place in range(4))
    assert lines[2:] == [f"| {name} | 7 benign, 3 malignant | {figures} |" for name in ("all", "native")]

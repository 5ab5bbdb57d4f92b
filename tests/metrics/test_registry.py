"""The registry of metrics: what an entry gives, and that a new one reaches every table, page and command."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skinlens.batch.figures import AgainstTruth
from skinlens.batch.summary import label_rows
from skinlens.leaderboard.model_comparison import compare_models, pair_table
from skinlens.leaderboard.records import read_model, read_results
from skinlens.leaderboard.table import leaderboard, readable
from skinlens.metrics.classification import Confusion
from skinlens.metrics.intervals import bootstrap, wilson
from skinlens.metrics.measure import measure
from skinlens.metrics.registry import METRICS, metrics_of_confusion, proportion, score
from skinlens.metrics.report import evaluate_views, format_views, to_json
from skinlens.report.tables import view_table
from skinlens.runtime.card import EvaluationRecord, ViewScores
from tests.drawn_at_random import LabelsAndProbabilities

SHIPPED = Path(__file__).parents[2] / "weights" / "evaluation"


@pytest.fixture
def npv(monkeypatch: pytest.MonkeyPatch) -> str:
    """A metric that nobody has measured yet, added as docs/how-to/add-a-metric.md says."""
    entry = proportion("negative predictive value", lambda confusion: (confusion.tn, confusion.tn + confusion.fn))
    monkeypatch.setitem(METRICS, "npv", entry)
    return "npv"


def test_every_entry_can_be_read_and_has_its_kind_of_interval() -> None:
    assert [name for name, metric in METRICS.items() if metric.lower_is_better] == ["brier", "calibration_error"]
    for metric in METRICS.values():
        assert metric.heading[0].isupper()
        assert metric.heading[1:] == metric.title[1:]
        assert (metric.second_interval == "wilson") == (metric.counts is not None)
    assert METRICS["roc_auc"].second_interval == "delong"


def test_counts_can_be_arrays() -> None:
    one = metrics_of_confusion(Confusion(tn=336, fp=24, fn=21, tp=279))
    two = metrics_of_confusion(Confusion(*np.array([[336, 303], [24, 57], [21, 39], [279, 261]])))
    assert set(one) == set(two) == {"accuracy", "balanced_accuracy", "sensitivity", "specificity", "precision", "f1"}
    for name, values in two.items():
        assert values[0] == one[name]


class TestNewMetric:
    def test_it_is_scored_and_has_both_intervals(self, npv: str, predictions: LabelsAndProbabilities) -> None:
        labels, probabilities = predictions
        below = probabilities < 0.5
        value = float((labels[below] == 0).mean())
        assert score(labels, probabilities, 0.5).values[npv] == pytest.approx(value)
        measured = measure(labels, probabilities, 0.5, range(300), npv, resamples=50)[npv]
        assert (measured.value, measured.n) == (pytest.approx(value), below.sum())
        assert (measured.low, measured.high) == bootstrap(labels, probabilities, 0.5, range(300), resamples=50, seed=0)[
            npv
        ]
        assert measure(labels, probabilities, 0.0, range(300), npv, resamples=5)[npv].value is None

    def test_a_new_record_holds_it_and_the_terminal_shows_it(self, npv: str, made_up_evaluations: Path) -> None:
        rows = read_model(made_up_evaluations / "lenet5.test.json").rows
        results = evaluate_views(rows, rows["probability"], 0.5, resamples=20)
        stored = to_json(results)["all"]["metrics"][npv]
        counts = results["all"].confusion
        second = wilson(counts.tn, counts.tn + counts.fn)
        assert (stored["n"], stored["second"]) == (second.n, {"low": second.low, "high": second.high})
        assert "negative predictive value" in format_views(results)
        truth = AgainstTruth(results["all"], not_assessed=0, undecided=0)
        assert label_rows(truth)[-1][0] == "negative predictive value"

    @pytest.mark.usefixtures("npv")
    def test_shipped_records_stay_valid_and_read_as_not_measured(self) -> None:
        assert read_results(SHIPPED).problems == ()
        table = readable(leaderboard(SHIPPED))
        column = table.set_index("From")["Negative predictive value"]
        assert set(column["ours"]) == {"not measured"}
        # It follows from the paper's confusion matrices.
        assert all("(" in text for text in column["paper"])

    @pytest.mark.usefixtures("npv")
    def test_models_are_compared_by_it(self, made_up_evaluations: Path) -> None:
        families = read_results(made_up_evaluations).by_family()
        pair = compare_models(families["lenet5"], families["mobilenet_v2"], "all", resamples=20)
        assert list(pair_table(pair.first_seed)["Figure"])[-1] == "Negative predictive value"

    @pytest.mark.usefixtures("npv")
    def test_a_card_shows_it_where_it_was_measured(self) -> None:
        def view(**metrics: Any) -> ViewScores:
            return ViewScores(explanation="", n=9, benign=6, malignant=3, metrics=metrics)

        measured, older = view(npv=wilson(5, 6)), view(accuracy=wilson(7, 9))
        record = EvaluationRecord(data="", threshold=0.5, interval="", views={"all": measured, "native": older})
        table = view_table(record)
        assert table.loc[0, "Negative predictive value"] == wilson(5, 6).text()
        assert table["Negative predictive value"].isna().tolist() == [False, True]

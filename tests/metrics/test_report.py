"""The table of all views: what it counts, what it says, and that it is plain JSON."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from skinlens.metrics.intervals import bootstrap, delong, wilson
from skinlens.metrics.measurement import Measurement
from skinlens.metrics.registry import METRICS, score
from skinlens.metrics.report import ViewResult, evaluate_views, format_views, to_json
from tests.drawn_at_random import LabelsAndProbabilities


@pytest.fixture
def manifest(predictions: LabelsAndProbabilities) -> pd.DataFrame:
    """300 images of 150 lesions; every third malignant image is foreign, every fifth image leaky."""
    labels = predictions[0]
    return pd.DataFrame(
        {
            "label": np.where(labels == 1, "malignant", "benign"),
            "group_id": [f"G{row // 2}" for row in range(300)],
            "leaky": (np.arange(300) % 5 == 0).astype(int),
            "foreign_jpeg": ((np.arange(300) % 3 == 0) & (labels == 1)).astype(int),
            "dx": np.where(labels == 1, np.where(np.arange(300) % 2 == 0, "mel", None), "nv"),  # type: ignore[call-overload]
        }
    )


@pytest.fixture
def results(manifest: pd.DataFrame, predictions: LabelsAndProbabilities) -> dict[str, ViewResult]:
    return evaluate_views(manifest, predictions[1], 0.5, resamples=100, seed=3)


def words(table: str) -> str:
    return " ".join(table.split())


def test_each_view_counts_its_own_rows(results: dict[str, ViewResult], manifest: pd.DataFrame) -> None:
    kept = {
        "all": manifest,
        "no-twins": manifest[manifest.leaky == 0],
        "native": manifest[manifest.foreign_jpeg == 0],
        "clean-native": manifest[(manifest.leaky == 0) & (manifest.foreign_jpeg == 0)],
    }
    assert list(results) == list(kept)
    for name, rows in kept.items():
        result, malignant = results[name], int((rows.label == "malignant").sum())
        assert (result.n, result.benign, result.malignant) == (len(rows), len(rows) - malignant, malignant)
        assert (result.confusion.benign, result.confusion.malignant) == (result.benign, result.malignant)


def test_a_view_is_scored_as_its_rows_alone(
    results: dict[str, ViewResult],
    manifest: pd.DataFrame,
    predictions: LabelsAndProbabilities,
) -> None:
    labels, probabilities = predictions
    keep = (manifest.foreign_jpeg == 0).to_numpy()
    scores = score(labels[keep], probabilities[keep], 0.5).values
    lesions = np.arange(300)[keep] // 2
    intervals = bootstrap(labels[keep], probabilities[keep], 0.5, lesions, resamples=100, seed=3)
    for name in METRICS:
        found = results["native"].metrics[name]
        assert found.value == scores[name]
        assert (found.low, found.high) == intervals[name]
        assert found.low < found.high


def test_second_intervals_and_counts(results: dict[str, ViewResult], predictions: LabelsAndProbabilities) -> None:
    view = results["all"]
    counts, metrics = view.confusion, view.metrics
    assert view.second == {
        "accuracy": wilson(counts.tp + counts.tn, 300),
        "sensitivity": wilson(counts.tp, view.malignant),
        "specificity": wilson(counts.tn, view.benign),
        "precision": wilson(counts.tp, counts.called),
        "roc_auc": Measurement(metrics["roc_auc"].value, *delong(*predictions), 300),  # type: ignore[call-arg]
    }
    assert {name: metrics[name].n for name in METRICS} == dict.fromkeys(METRICS, 300) | {
        "sensitivity": view.malignant,
        "specificity": view.benign,
        "precision": counts.called,
    }


def test_diagnoses_where_they_are_known(
    results: dict[str, ViewResult],
    manifest: pd.DataFrame,
    predictions: LabelsAndProbabilities,
) -> None:
    found = results["all"].per_diagnosis
    assert list(found) == ["mel", "nv"]
    melanomas = (manifest.dx == "mel").to_numpy()
    calls = int((predictions[1][melanomas] >= 0.5).sum())
    assert (found["mel"].n, found["mel"].called_malignant) == (int(melanomas.sum()), calls)
    assert found["mel"].rate == wilson(calls, int(melanomas.sum()))
    assert all(view.per_diagnosis["nv"].called_malignant == view.confusion.fp for view in results.values())
    assert all(view.per_diagnosis["nv"].n == view.benign for view in results.values())


def test_rows_without_a_group_stand_alone(manifest: pd.DataFrame, predictions: LabelsAndProbabilities) -> None:
    names = [f"own {row}" for row in range(300)]
    alone = evaluate_views(manifest.drop(columns="group_id"), predictions[1], 0.5, resamples=50)
    blank = evaluate_views(manifest.assign(group_id=None), predictions[1], 0.5, resamples=50)
    named = evaluate_views(manifest.assign(group_id=names), predictions[1], 0.5, resamples=50)
    assert alone == blank == named
    assert alone != evaluate_views(manifest, predictions[1], 0.5, resamples=50)


def test_one_class_is_reported_as_undefined(manifest: pd.DataFrame, predictions: LabelsAndProbabilities) -> None:
    benign = (manifest.label == "benign").to_numpy()
    results = evaluate_views(manifest[benign], predictions[1][benign], 0.5, resamples=20)
    sensitivity = results["all"].metrics["sensitivity"]
    assert sensitivity == Measurement(None, n=0, reason="every image is benign")
    assert set(results["all"].second) == {"accuracy", "specificity", "precision"}
    assert "sensitivity undefined undefined undefined undefined" in words(format_views(results))


def test_json_has_plain_types_and_no_nan(results: dict[str, ViewResult]) -> None:
    plain = to_json(results)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["native"]["metrics"]["roc_auc"]["value"] == results["native"].metrics["roc_auc"].value
    assert plain["all"]["confusion"]["tp"] == results["all"].confusion.tp


def test_the_table_shows_every_view_and_metric(results: dict[str, ViewResult]) -> None:
    table = format_views(results)
    lines = table.splitlines()
    assert lines[0].split() == ["all", "no-twins", "native", "clean-native"]
    accuracy = results["all"].metrics["accuracy"]
    assert f" accuracy {accuracy.value:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f}) " in words(table)
    assert all(any(line.startswith(metric.title) for line in lines) for metric in METRICS.values())
    melanoma = results["clean-native"].per_diagnosis["mel"]
    assert f"{melanoma.called_malignant}/{melanoma.n}" in next(line for line in lines if line.startswith("mel called"))
    assert lines[-1] == f"clean-native: {results['clean-native'].explanation}"


def test_bad_input_is_named_by_its_row(manifest: pd.DataFrame, predictions: LabelsAndProbabilities) -> None:
    probabilities = predictions[1]
    with pytest.raises(ValueError, match="label must be benign or malignant; broken in row 4 "):
        evaluate_views(
            manifest.assign(label=["nevus" if row == 4 else "benign" for row in range(300)]), probabilities, 0.5
        )
    with pytest.raises(ValueError, match="broken in row 7 "):
        evaluate_views(manifest, np.where(np.arange(300) == 7, np.nan, probabilities), 0.5)
    with pytest.raises(ValueError, match=r"not \(300,\) and \(299,\)"):
        evaluate_views(manifest, probabilities[1:], 0.5)
    with pytest.raises(ValueError, match="no image"):
        evaluate_views(manifest.iloc[:0], [], 0.5)


@pytest.mark.slow
def test_evaluation_needs_nothing_of_the_rest_and_no_torch() -> None:
    code = (
        "import sys, skinlens.metrics.report, skinlens.metrics.thresholds, skinlens.metrics.paired;"
        "import skinlens.metrics.curves, skinlens.leaderboard.submitted;"
        "outside = ('torch', 'streamlit', 'plotly');"
        # Importing the package itself switches its dependencies' telemetry off.
        "own = ('skinlens.telemetry', 'skinlens.errors', 'skinlens.translation');"
        "ours = [m for m in sys.modules if m.startswith('skinlens.') and m not in own];"
        "rooms = ('metrics', 'leaderboard', 'storage');"
        "print([m for m in sys.modules if m in outside] + [m for m in ours if m.split('.')[1] not in rooms])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"

"""Every shipped evaluation, worked out again from its CSV: each metric another way, each interval by a second run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score

from skinlens.leaderboard.held_out import specificity_at_sensitivity
from skinlens.leaderboard.probes import Probe, read_probes
from skinlens.leaderboard.records import read_model, read_results
from skinlens.metrics.registry import METRICS
from skinlens.metrics.report import evaluate_views, to_json
from skinlens.studies.subgroups import subgroup_record

FOLDER = Path(__file__).parents[2] / "weights" / "evaluation"
SHIPPED = sorted(FOLDER.glob("*.test.json"))
# Evaluations older than the subgroups lack them.
WITH_SUBGROUPS = [path for path in SHIPPED if "subgroups" in json.loads(path.read_text("utf-8"))]
EXACT = 1e-9
BINS = 15
LABELS = ("benign", "malignant")


def in_view(rows: pd.DataFrame, view: str) -> pd.DataFrame:
    """The rows of a test view, by DESIGN's definition."""
    wanted = {"all": [], "no-twins": ["leaky"], "native": ["foreign_jpeg"], "clean-native": ["leaky", "foreign_jpeg"]}
    for flag in wanted[view]:
        rows = rows[rows[flag].astype(float) == 0]
    return rows


def average_precision(truth: np.ndarray, chances: np.ndarray) -> float:
    """The mean, over malignant images, of the precision of calling all that score at least as high."""
    return float(np.mean([truth[chances >= chance].mean() for chance in chances[truth == 1]]))


def calibration_error(truth: np.ndarray, chances: np.ndarray) -> float:
    """Over equal-mass bins, the weighted gap of mean score and malignant share."""
    table = pd.DataFrame({"truth": truth, "chance": chances})
    middle = table["chance"].rank(method="average") - 0.5
    gaps = table.groupby(np.floor(BINS * middle / len(table))).agg(["mean", "size"])
    gap = (gaps["chance"]["mean"] - gaps["truth"]["mean"]).abs()
    return float((gap * gaps["chance"]["size"]).sum() / len(table))


def by_another_way(rows: pd.DataFrame, threshold: float) -> tuple[dict[str, int], dict[str, float]]:
    truth, chances = (rows["label"] == "malignant").to_numpy().astype(int), rows["probability"].to_numpy()
    called = chances >= threshold
    tp, fp = int((called & (truth == 1)).sum()), int((called & (truth == 0)).sum())
    fn, tn = int((~called & (truth == 1)).sum()), int((~called & (truth == 0)).sum())
    sensitivity, specificity, precision = tp / (tp + fn), tn / (tn + fp), tp / (tp + fp)
    pairs = mannwhitneyu(chances[truth == 1], chances[truth == 0]).statistic
    return {"tn": tn, "fp": fp, "fn": fn, "tp": tp}, {
        "accuracy": float((called == truth).mean()),
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "precision": precision,
        "f1": 2 / (1 / sensitivity + 1 / precision),
        "roc_auc": pairs / ((tp + fn) * (tn + fp)),
        "pr_auc": average_precision(truth, chances),
        "brier": float(((chances - truth) ** 2).mean()),
        "calibration_error": calibration_error(truth, chances),
    }


def test_something_is_shipped_and_all_of_it_can_be_read() -> None:
    results = read_results(FOLDER)
    assert results.problems == ()
    assert len(results.models) == len(SHIPPED) > 0


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_metric_follows_from_the_csv(path: Path) -> None:
    record = json.loads(path.read_text("utf-8"))
    rows = pd.read_csv(path.with_suffix(".csv"), dtype={"group_id": str})
    assert list(record["views"]) == ["all", "no-twins", "native", "clean-native"]
    for name, view in record["views"].items():
        part = in_view(rows, name)
        confusion, values = by_another_way(part, record["threshold"])
        assert (view["n"], view["threshold"]) == (len(part), record["threshold"])
        assert view["confusion"] == confusion
        assert (view["benign"], view["malignant"]) == tuple(int((part["label"] == label).sum()) for label in LABELS)
        found = {metric: figure["value"] for metric, figure in view["metrics"].items()}
        assert found == pytest.approx(values, abs=EXACT)
        assert set(found) == set(METRICS)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_interval_and_diagnosis_follows_from_the_csv(path: Path) -> None:
    model = read_model(path)
    assert model.record is not None
    again = to_json(
        evaluate_views(model.rows, model.rows["probability"], model.threshold, resamples=model.record.resamples)
    )
    assert flat(again) == pytest.approx(flat(json.loads(path.read_text("utf-8"))["views"]), abs=EXACT)


def flat(value: Any, key: str = "") -> dict[str, Any]:
    """Every number by its path; texts and what is undefined must be equal, so they are kept too."""
    if isinstance(value, dict):
        return {name: leaf for part, inner in value.items() for name, leaf in flat(inner, f"{key}/{part}").items()}
    return {key: value}


@pytest.mark.parametrize("path", WITH_SUBGROUPS, ids=lambda path: path.name)
def test_rates_by_diagnosis_and_missed_melanomas_follow_from_the_csv(path: Path) -> None:
    written = json.loads(path.read_text("utf-8"))
    rows = pd.read_csv(path.with_suffix(".csv"))
    again = subgroup_record(rows, rows["probability"], written["threshold"]).model_dump(mode="json")
    by_diagnosis = [cell for cell in written["subgroups"]["cells"] if cell["column"] == "dx"]
    assert by_diagnosis
    assert [cell for cell in again["cells"] if cell["column"] == "dx"] == by_diagnosis
    assert len(again["missed_melanomas"]["ids"]) == len(written["subgroups"]["missed_melanomas"]["ids"])


@pytest.mark.parametrize("probe", read_probes(FOLDER), ids=lambda probe: probe.record.name)
def test_a_probes_figures_are_those_of_its_predictions(probe: Probe) -> None:
    """Against scikit-learn, and without a path that leads anywhere but below the manifests."""
    rows = probe.predictions()
    assert not rows["path"].str.startswith(("/", "..")).any()
    assert rows["origin"].nunique() == len(probe.record.datasets) >= 5
    areas = []
    for found in probe.record.datasets:
        part = rows[rows["origin"] == found.origin]
        truth = part["label"] == "malignant"
        areas.append(roc_auc_score(truth, part["probability"]))
        assert (found.n, found.malignant) == (len(part), truth.sum())
        assert found.roc_auc.value == pytest.approx(areas[-1], abs=1e-5)
        spared = specificity_at_sensitivity(truth.astype(int), part["probability"])
        assert found.specificity.value == pytest.approx(spared.value, abs=1e-5)
    assert probe.record.mean == pytest.approx(sum(areas) / len(areas), abs=1e-5)


def test_the_complete_pretrained_weights_have_a_probe() -> None:
    assert any(probe.record.start == "resnet50_v1_pruned.safetensors" for probe in read_probes(FOLDER))

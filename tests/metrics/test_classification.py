"""Each metric against scikit-learn, scipy, a slow loop or an identity, and what is undefined or wrong."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from sklearn import metrics as sklearn_metrics

from skinlens.metrics.calibration import calibration_error
from skinlens.metrics.classification import Confusion
from skinlens.metrics.registry import METRICS, score
from tests.drawn_at_random import LabelsAndProbabilities


def test_the_papers_confusion_matrix_gives_the_papers_figures(
    paper: LabelsAndProbabilities,
) -> None:
    scores = score(*paper, 0.5)
    assert scores.confusion == Confusion(tn=336, fp=24, fn=21, tp=279)
    published = {"accuracy": 93.18, "precision": 92.08, "sensitivity": 93.00, "specificity": 93.33, "f1": 92.54}
    assert {name: round(100 * scores.values[name], 2) for name in published} == published


def test_every_metric_is_there_and_a_plain_number(
    predictions: LabelsAndProbabilities,
) -> None:
    values = score(*predictions, 0.5).values
    assert set(values) == set(METRICS)
    assert all(type(value) is float for value in values.values())


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.9])
def test_decisions_agree_with_scikit_learn(predictions: LabelsAndProbabilities, threshold: float) -> None:
    labels, probabilities = predictions
    called = probabilities >= threshold
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(labels, called),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(labels, called),
        "sensitivity": sklearn_metrics.recall_score(labels, called),
        "specificity": sklearn_metrics.recall_score(labels, called, pos_label=0),
        "precision": sklearn_metrics.precision_score(labels, called),
        "f1": sklearn_metrics.f1_score(labels, called),
    }
    values = score(labels, probabilities, threshold).values
    assert {name: values[name] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_identities_between_metrics(predictions: LabelsAndProbabilities) -> None:
    values = score(*predictions, 0.4).values
    assert values["f1"] == pytest.approx(
        2 * values["precision"] * values["sensitivity"] / (values["precision"] + values["sensitivity"])
    )
    assert values["balanced_accuracy"] == pytest.approx((values["sensitivity"] + values["specificity"]) / 2)


def test_roc_auc_is_the_mann_whitney_statistic(
    predictions: LabelsAndProbabilities,
) -> None:
    labels, probabilities = predictions
    malignant, benign = probabilities[labels == 1], probabilities[labels == 0]
    statistic = mannwhitneyu(malignant, benign).statistic
    assert score(labels, probabilities, 0.5).values["roc_auc"] == pytest.approx(
        statistic / (len(malignant) * len(benign))
    )


@pytest.mark.parametrize("monotone", [np.square, np.sqrt, lambda p: 0.2 + 0.5 * p])
def test_ranking_metrics_do_not_change_under_monotone_maps(
    predictions: LabelsAndProbabilities, monotone: Callable[..., Any] | np.ufunc
) -> None:
    labels, probabilities = predictions
    before, after = score(labels, probabilities, 0.5).values, score(labels, monotone(probabilities), 0.5).values
    assert (after["roc_auc"], after["pr_auc"]) == pytest.approx((before["roc_auc"], before["pr_auc"]), abs=1e-12)


def test_roc_auc_of_the_mirrored_problem_is_the_same(
    predictions: LabelsAndProbabilities,
) -> None:
    labels, probabilities = predictions
    mirrored = score(1 - labels, 1 - probabilities, 0.5).values["roc_auc"]
    assert mirrored == pytest.approx(score(labels, probabilities, 0.5).values["roc_auc"])


def test_pr_auc_is_precision_averaged_over_the_malignant_images_found(
    predictions: LabelsAndProbabilities,
) -> None:
    labels, probabilities = predictions
    precisions = [labels[probabilities >= probability].mean() for probability in probabilities[labels == 1]]
    assert score(labels, probabilities, 0.5).values["pr_auc"] == pytest.approx(np.mean(precisions))


def test_brier_is_the_mean_squared_error(predictions: LabelsAndProbabilities) -> None:
    labels, probabilities = predictions
    assert score(labels, probabilities, 0.5).values["brier"] == pytest.approx(np.mean((probabilities - labels) ** 2))


def test_calibration_error_equals_a_loop_over_sorted_bins() -> None:
    generator = np.random.default_rng(3)
    probabilities = generator.random(45 * 15)
    labels = (generator.random(probabilities.size) < probabilities**2).astype(int)
    order = np.argsort(probabilities)
    error = 0.0
    for bin_rows in np.array_split(order, 15):
        error += len(bin_rows) / len(order) * abs(probabilities[bin_rows].mean() - labels[bin_rows].mean())
    assert calibration_error(labels, probabilities) == pytest.approx(error, abs=1e-12)


def test_calibration_error_of_known_cases() -> None:
    labels = np.tile([0, 1, 1, 1], 30)
    assert calibration_error(labels, np.full(120, 0.75)) == pytest.approx(0.0, abs=1e-12)
    assert calibration_error(labels, np.full(120, 0.5)) == pytest.approx(0.25)
    assert calibration_error([0, 1], [0.0, 1.0]) == 0.0


def test_the_order_of_rows_does_not_matter(predictions: LabelsAndProbabilities) -> None:
    labels, probabilities = predictions
    order = np.random.default_rng(0).permutation(len(labels))
    shuffled = score(labels[order], probabilities[order], 0.5).values
    assert shuffled == pytest.approx(score(labels, probabilities, 0.5).values, abs=1e-12)


def test_a_probability_at_the_threshold_is_called_malignant() -> None:
    assert score([1, 0], [0.5, 0.4999999], 0.5).confusion == Confusion(tn=1, fp=0, fn=0, tp=1)
    assert score([1, 0], [1.0, 0.0], 1.0).confusion == Confusion(tn=1, fp=0, fn=0, tp=1)


def test_float32_probabilities_and_boolean_labels_are_fine(
    predictions: LabelsAndProbabilities,
) -> None:
    labels, probabilities = predictions
    narrow = score(labels.astype(bool), probabilities.astype(np.float32), 0.51).values
    assert narrow == pytest.approx(score(labels, probabilities, 0.51).values, abs=1e-6)


@pytest.mark.parametrize(
    ("labels", "probabilities", "undefined"),
    [
        ([0, 0, 0], [0.2, 0.7, 0.4], {"sensitivity", "balanced_accuracy", "f1", "roc_auc", "pr_auc"}),
        ([0, 0, 0], [0.2, 0.1, 0.4], {"sensitivity", "balanced_accuracy", "f1", "roc_auc", "pr_auc", "precision"}),
        ([1, 1, 1], [0.2, 0.7, 0.4], {"specificity", "balanced_accuracy", "roc_auc", "pr_auc"}),
        ([0, 1, 1], [0.2, 0.1, 0.4], {"precision"}),
    ],
)
def test_what_is_undefined_is_none(labels: list[int], probabilities: list[float], undefined: set[str]) -> None:
    values = score(labels, probabilities, 0.5).values
    assert {name for name, value in values.items() if value is None} == undefined


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -0.001, 1.001])
def test_a_bad_probability_is_named_by_its_row(bad: float) -> None:
    with pytest.raises(ValueError, match=r"probabilities must be finite numbers in \[0, 1\]; broken in row 1, 3 "):
        score([0, 1, 0, 1], [0.1, bad, 0.2, bad], 0.5)


def test_many_bad_rows_are_counted() -> None:
    with pytest.raises(ValueError, match="row 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 30 more"):
        score([0, 1] * 20, [2.0] * 40, 0.5)


@pytest.mark.parametrize("bad", [2, -1, 0.5, np.nan])
def test_a_bad_label_is_named_by_its_row(bad: float) -> None:
    with pytest.raises(ValueError, match=r"labels must be 0 \(benign\) or 1 \(malignant\); broken in row 2 "):
        score([0, 1, bad], [0.1, 0.2, 0.3], 0.5)


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([0, 1], [0.1, 0.2, 0.3], r"not \(2,\) and \(3,\)"),
        ([[0, 1]], [[0.1, 0.2]], r"shape \(N,\)"),
        ([], [], "no image"),
    ],
)
def test_other_shapes_are_refused(labels: list[Any], probabilities: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score(labels, probabilities, 0.5)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan])
def test_a_threshold_outside_the_unit_interval_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        score([0, 1], [0.1, 0.2], threshold)

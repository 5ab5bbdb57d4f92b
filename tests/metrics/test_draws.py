"""Weighted metrics against scikit-learn's sample weights and against copies of the rows."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, precision_score, roc_auc_score

from skinlens.metrics.draws import draws_of
from skinlens.metrics.registry import METRICS, score, weighted_metrics
from tests.drawn_at_random import LabelsAndProbabilities


@pytest.fixture
def weights(predictions: LabelsAndProbabilities) -> npt.NDArray[np.int64]:
    return np.random.default_rng(11).poisson(1.0, size=(25, len(predictions[0])))


def test_they_equal_scikit_learn_with_sample_weights(
    predictions: LabelsAndProbabilities, weights: npt.NDArray[np.int64]
) -> None:
    labels, probabilities = predictions
    values = weighted_metrics(labels, probabilities, 0.4, weights)
    for row, weight in enumerate(weights):
        expected = {
            "roc_auc": roc_auc_score(labels, probabilities, sample_weight=weight),
            "pr_auc": average_precision_score(labels, probabilities, sample_weight=weight),
            "brier": brier_score_loss(labels, probabilities, sample_weight=weight),
            "precision": precision_score(labels, probabilities >= 0.4, sample_weight=weight),
            "f1": f1_score(labels, probabilities >= 0.4, sample_weight=weight),
        }
        assert {name: values[name][row] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_a_weight_is_a_number_of_copies(predictions: LabelsAndProbabilities, weights: npt.NDArray[np.int64]) -> None:
    labels, probabilities = predictions
    values = weighted_metrics(labels, probabilities, 0.4, weights)
    for row, weight in enumerate(weights):
        copies = score(np.repeat(labels, weight), np.repeat(probabilities, weight), 0.4).values
        assert {name: values[name][row] for name in METRICS} == pytest.approx(copies, abs=1e-12)


def test_weights_of_one_change_nothing(predictions: LabelsAndProbabilities) -> None:
    values = weighted_metrics(*predictions, 0.4, np.ones((1, 300), dtype=np.int64))
    assert {name: values[name][0] for name in METRICS} == pytest.approx(score(*predictions, 0.4).values, abs=1e-12)


def test_distinct_and_constant_probabilities() -> None:
    labels, weights = np.array([0, 1, 0, 1]), np.array([[1, 2, 3, 4], [5, 0, 1, 1]])
    for probabilities in ([0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.5, 0.5], [0.0, 0.0, 1.0, 1.0]):
        expected = [roc_auc_score(labels, probabilities, sample_weight=weight) for weight in weights]
        assert weighted_metrics(labels, probabilities, 0.5, weights)["roc_auc"] == pytest.approx(expected)


def test_what_is_undefined_is_nan() -> None:
    labels, probabilities = np.array([0, 1, 1]), np.array([0.2, 0.1, 0.6])
    weights = np.array([[2, 0, 0], [0, 1, 1], [1, 1, 0], [1, 1, 1]])
    values = weighted_metrics(labels, probabilities, 0.5, weights)
    undefined = [{name for name in METRICS if np.isnan(values[name][row])} for row in range(4)]
    assert undefined == [
        {"sensitivity", "balanced_accuracy", "precision", "f1", "roc_auc", "pr_auc"},
        {"specificity", "balanced_accuracy", "roc_auc", "pr_auc"},
        {"precision"},
        set(),
    ]


def test_weights_of_another_length_are_refused(
    predictions: LabelsAndProbabilities,
) -> None:
    with pytest.raises(ValueError, match=r"\(R, 300\), not \(2, 299\)"):
        weighted_metrics(*predictions, 0.5, np.ones((2, 299), dtype=np.int64))


def test_draws_of_one_class_have_no_area(predictions: LabelsAndProbabilities, weights: npt.NDArray[np.int64]) -> None:
    labels, probabilities = predictions
    # One draw without a malignant image, one without a benign one.
    weights = weights * np.ones((25, 1), np.int64)
    weights[3, np.asarray(labels) == 1] = 0
    weights[4, np.asarray(labels) == 0] = 0
    draws = draws_of(labels, probabilities, 0.4, weights)
    assert list(np.flatnonzero(draws.one_class)) == [3, 4]
    for name in ("roc_auc", "pr_auc"):
        assert list(np.flatnonzero(np.isnan(METRICS[name].function(draws)))) == [3, 4]

"""The fitted threshold against a second fit, its symmetries and its variance; rates of a threshold."""

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.random import Generator
from scipy.special import expit, logit

from skinlens.metrics.intervals import wilson
from skinlens.metrics.thresholds import fitted_threshold, wilson_rates
from tests.drawn_at_random import LabelsAndProbabilities


def drawn(generator: Generator, size: int = 400) -> LabelsAndProbabilities:
    """Perfectly calibrated predictions: the best threshold is 0.5."""
    probabilities = expit(generator.normal(0, 3, size))
    return (generator.random(size) < probabilities).astype(int), probabilities


def test_it_equals_a_fit_by_statsmodels() -> None:
    labels, probabilities = drawn(np.random.default_rng(0))
    probabilities = probabilities**2
    fit = sm.GLM(labels, sm.add_constant(logit(probabilities)), family=sm.families.Binomial()).fit(tol=1e-12)
    intercept, slope = fit.params
    assert fitted_threshold(labels, probabilities) == pytest.approx(expit(-intercept / slope), abs=1e-6)


@pytest.mark.parametrize(("slope", "shift"), [(0.4, 1.0), (1.5, -2.0)])
def test_it_moves_with_the_logits(slope: float, shift: float) -> None:
    labels, probabilities = drawn(np.random.default_rng(1))
    moved = fitted_threshold(labels, expit(slope * logit(probabilities) + shift))
    assert logit(moved) == pytest.approx(slope * logit(fitted_threshold(labels, probabilities)) + shift, abs=1e-5)


def test_mirrored_predictions_give_the_mirrored_threshold() -> None:
    labels, probabilities = drawn(np.random.default_rng(2))
    assert fitted_threshold(1 - labels, 1 - probabilities) == pytest.approx(
        1 - fitted_threshold(labels, probabilities), abs=1e-6
    )


def test_it_varies_less_than_the_threshold_of_highest_accuracy() -> None:
    generator = np.random.default_rng(3)
    fitted, greedy = [], []
    for _ in range(60):
        labels, probabilities = drawn(generator, 300)
        fitted.append(fitted_threshold(labels, probabilities))
        accuracies = ((probabilities >= probabilities[:, None]) == labels).mean(axis=1)
        greedy.append(probabilities[np.argmax(accuracies)])
    assert np.mean(fitted) == pytest.approx(0.5, abs=0.03)
    assert np.std(fitted) < 0.7 * np.std(greedy)


def test_classes_that_do_not_overlap_are_parted_midway() -> None:
    threshold = fitted_threshold([0, 0, 1, 1], [0.01, 0.2, 0.6, 0.99])
    assert logit(threshold) == pytest.approx((logit(0.2) + logit(0.6)) / 2)


def test_saturated_probabilities_are_allowed() -> None:
    labels, probabilities = drawn(np.random.default_rng(4))
    saturated = np.where(probabilities > 0.99, 1.0, np.where(probabilities < 0.01, 0.0, probabilities))
    assert 0.2 < fitted_threshold(labels, saturated) < 0.8
    assert fitted_threshold([0, 0, 1], [0.0, 0.0, 1.0]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([1, 1, 1], [0.2, 0.5, 0.7], "all images have the same label"),
        ([0, 0, 0], [0.2, 0.5, 0.7], "all images have the same label"),
        ([1, 1, 0], [0.2, 0.5, 0.7], "no malignant image scores higher"),
        ([0, 1, 0], [0.5, 0.5, 0.5], "no malignant image scores higher"),
        ([1, 0, 1, 0], [0.2, 0.5, 0.6, 0.9], "slope -"),
        ([1, 0, 1, 0], [0.2, 0.2, 0.7, 0.7], "malignant images do not score higher"),
        ([1, 0], [0.2, np.nan], "broken in row 1 "),
        ([1, 0, 1], [0.2, 0.3], r"not \(3,\) and \(2,\)"),
    ],
)
def test_no_threshold_is_an_error(labels: list[int], probabilities: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fitted_threshold(labels, probabilities)


def test_rates_of_the_papers_confusion_matrix(paper: LabelsAndProbabilities) -> None:
    rates = wilson_rates(*paper, 0.5)
    assert rates.sensitivity == wilson(279, 300)
    assert rates.specificity == wilson(336, 360)


def test_a_rate_of_an_absent_class_is_none() -> None:
    assert wilson_rates([0, 0], [0.1, 0.2], 0.5).sensitivity == wilson(0, 0)

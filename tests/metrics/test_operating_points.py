"""Operating points and bands, by counting."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import expit, logit

from skinlens.metrics.operating_points import (
    choose_points,
    threshold_of_balance,
    threshold_of_sensitivity,
    threshold_of_specificity,
    uncertain_band,
)
from tests.drawn_at_random import LabelsAndProbabilities


@pytest.fixture
def predictions() -> LabelsAndProbabilities:
    """Overlapping scores of 700 images."""
    generator = np.random.default_rng(1)
    labels = (generator.random(700) < 0.4).astype(int)
    return labels, expit(generator.normal(np.where(labels == 1, 1.2, -1.3), 1.2))


def sensitivity(labels: npt.NDArray[np.int64], chances: npt.NDArray[np.float64], threshold: float) -> np.float64:
    return (chances[labels == 1] >= threshold).mean()


def specificity(labels: npt.NDArray[np.int64], chances: npt.NDArray[np.float64], threshold: float) -> np.float64:
    return (chances[labels == 0] < threshold).mean()


@pytest.mark.parametrize("least", [0.8, 0.95, 0.99, 1.0])
def test_no_higher_threshold_is_as_sensitive(predictions: LabelsAndProbabilities, least: float) -> None:
    threshold = threshold_of_sensitivity(*predictions, least=least)
    assert sensitivity(*predictions, threshold) >= least > sensitivity(*predictions, threshold + 2e-4)


@pytest.mark.parametrize("least", [0.8, 0.95, 0.99, 1.0])
def test_no_lower_threshold_is_as_specific(predictions: LabelsAndProbabilities, least: float) -> None:
    threshold = threshold_of_specificity(*predictions, least=least)
    assert specificity(*predictions, threshold) >= least > specificity(*predictions, threshold - 2e-4)


def test_nineteen_of_twenty_is_95_percent() -> None:
    labels, chances = np.ones(20, int), np.arange(1, 21) / 100
    assert threshold_of_sensitivity(labels, chances) == 0.02
    assert threshold_of_specificity(1 - labels, chances) == 0.1901


def test_a_specificity_that_no_threshold_has_is_an_error() -> None:
    with pytest.raises(ValueError, match="too many benign images score 1"):
        threshold_of_specificity([0, 0], [1.0, 1.0])


@pytest.mark.parametrize(("find", "labels"), [(threshold_of_sensitivity, [0, 0]), (threshold_of_specificity, [1, 1])])
def test_a_rate_without_its_images_is_an_error(find: Callable[..., Any], labels: list[int]) -> None:
    with pytest.raises(ValueError, match="needs"):
        find(labels, [0.1, 0.2])


def test_the_three_points_are_in_order_and_keep_their_promise(
    predictions: LabelsAndProbabilities,
) -> None:
    labels, chances = predictions
    screening, balanced, specialist = choose_points(labels, chances)
    assert [point.name for point in (screening, balanced, specialist)] == ["screening", "balanced", "specialist"]
    assert screening.threshold < balanced.threshold < specialist.threshold
    assert screening.rates.sensitivity.value >= 0.95
    assert specialist.rates.specificity.value >= 0.95
    assert balanced.threshold == threshold_of_balance(labels, chances)
    for point in (screening, balanced, specialist):
        assert point.rates.sensitivity.value == sensitivity(labels, chances, point.threshold)
        assert point.rates.specificity.n == (labels == 0).sum()


@pytest.mark.parametrize("threshold", [0.2, 0.46, 0.7])
def test_outside_the_band_the_error_is_as_stated_and_inside_the_next_image_it_is_not(
    predictions: LabelsAndProbabilities, threshold: float
) -> None:
    labels, chances = predictions
    band = uncertain_band(labels, chances, threshold, most_error=0.08)
    assert band is not None
    outside = (chances < band.low - 1e-8) | (chances > band.high + 1e-8)
    wrong = (chances >= threshold) != (labels == 1)
    assert (band.decided.n, round(band.decided.value * 700)) == (700, outside.sum())
    assert band.error.value == pytest.approx(wrong[outside].mean())
    assert band.error.value <= 0.08
    assert band.low < threshold < band.high
    assert logit(band.high) - logit(threshold) == pytest.approx(logit(threshold) - logit(band.low))
    # Every narrower band that another image would leave makes too many errors.
    distance = np.abs(logit(chances) - logit(threshold))
    for width in distance[~outside]:
        rest = distance >= width
        assert wrong[rest].mean() > 0.08


def test_without_errors_no_band_is_needed() -> None:
    band = uncertain_band([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], 0.5)
    assert band is not None
    assert (band.low, band.high, band.decided.value, band.error.value) == (0.5, 0.5, 1.0, 0.0)


def test_where_the_surest_are_wrong_there_is_no_band() -> None:
    assert uncertain_band([1, 0, 1, 0], [0.01, 0.99, 0.6, 0.4], 0.5, most_error=0.1) is None


def test_equal_scores_are_decided_together_or_not_at_all() -> None:
    labels, chances = [0] * 6 + [1] * 2, [0.1] * 6 + [0.3] * 2
    band = uncertain_band(labels, chances, 0.5, most_error=0.1)
    assert band is not None
    assert band.decided.value == 0.75


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_a_threshold_at_the_end_has_no_band(threshold: float) -> None:
    with pytest.raises(ValueError, match="a band is drawn around a threshold between"):
        uncertain_band([0, 1], [0.1, 0.9], threshold)


def test_at_the_balanced_point_both_rates_are_as_close_as_can_be() -> None:
    labels = np.array([0] * 60 + [1] * 12)
    chances = np.random.default_rng(4).random(72) * 0.7 + 0.3 * labels

    def gap(threshold: Any) -> Any:
        return abs((chances[labels == 1] >= threshold).mean() - (chances[labels == 0] < threshold).mean())

    found = threshold_of_balance(labels, chances)
    every = np.arange(1, 10000) / 10000
    gaps = np.array([gap(each) for each in every])
    assert gap(found) == pytest.approx(gaps.min(), abs=1e-9)
    assert found == every[np.flatnonzero(gaps <= gaps.min() + 1e-9)[0]]


def test_a_balance_needs_both_labels() -> None:
    with pytest.raises(ValueError, match="both labels"):
        threshold_of_balance([1, 1], [0.2, 0.7])

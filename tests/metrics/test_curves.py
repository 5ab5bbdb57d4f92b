"""Curves against scikit-learn, loops and identities: areas, net benefits, bins that add up, undefined cases."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import logit
from sklearn.metrics import auc

from skinlens.metrics.calibration import calibration_error
from skinlens.metrics.classification import confusion_at
from skinlens.metrics.curves import coverage_error, decision_curve, pr_points, reliability, roc_points
from skinlens.metrics.intervals import wilson
from skinlens.metrics.registry import score
from tests.drawn_at_random import LabelsAndProbabilities

ALL_CURVES = [roc_points, pr_points, reliability, decision_curve, lambda *given: coverage_error(*given, 0.5)]  # type: ignore[call-arg]


def test_the_area_under_the_roc_points_is_the_roc_auc(
    predictions: LabelsAndProbabilities,
) -> None:
    points = roc_points(*predictions)
    area = auc(points.false_positive_rate, points.sensitivity)
    assert area == pytest.approx(score(*predictions, 0.5).values["roc_auc"], abs=1e-12)


def test_each_roc_point_is_what_its_threshold_does(
    predictions: Any,
) -> None:
    points = roc_points(*predictions)
    assert points.iloc[0].tolist() == [np.inf, 0.0, 0.0]
    assert points.iloc[-1, 1:].tolist() == [1.0, 1.0]
    assert points.threshold.tolist()[1:] == sorted(set(predictions[1]), reverse=True)
    for point in points.iloc[1:].itertuples():
        values = score(*predictions, point.threshold).values  # type: ignore[call-arg]
        assert (point.sensitivity, 1 - point.false_positive_rate) == pytest.approx(
            (values["sensitivity"], values["specificity"])
        )


def test_the_area_under_the_pr_steps_is_the_pr_auc(
    predictions: LabelsAndProbabilities,
) -> None:
    points = pr_points(*predictions)
    area = np.sum(np.diff(points.sensitivity, prepend=0.0) * points.precision)
    assert area == pytest.approx(score(*predictions, 0.5).values["pr_auc"], abs=1e-12)


def test_each_pr_point_is_what_its_threshold_does(
    predictions: Any,
) -> None:
    points = pr_points(*predictions)
    assert points.threshold.tolist() == sorted(set(predictions[1]), reverse=True)
    for point in points.itertuples():
        values = score(*predictions, point.threshold).values  # type: ignore[call-arg]
        assert (point.sensitivity, point.precision) == pytest.approx((values["sensitivity"], values["precision"]))


@pytest.mark.parametrize("curve", [roc_points, pr_points])
@pytest.mark.parametrize("label", [0, 1])
def test_roc_and_pr_are_undefined_with_one_class(curve: Callable[..., Any], label: int) -> None:
    assert curve([label] * 3, [0.1, 0.5, 0.9]) is None


def test_constant_probabilities_give_one_point() -> None:
    assert roc_points([0, 1, 1], [0.5] * 3).sensitivity.tolist() == [0.0, 1.0]
    assert pr_points([0, 1, 1], [0.5] * 3).precision.tolist() == pytest.approx([2 / 3])


@pytest.mark.parametrize("bins", [15, 5])
def test_reliability_bins_reproduce_the_calibration_error(predictions: LabelsAndProbabilities, bins: int) -> None:
    table = reliability(*predictions, bins=bins)
    error = (table.n * (table.mean_probability - table.observed).abs()).sum() / table.n.sum()
    assert error == pytest.approx(calibration_error(*predictions, bins=bins), abs=1e-12)
    assert table.n.sum() == 300
    assert table.mean_probability.is_monotonic_increasing


def test_reliability_equals_a_loop_over_sorted_bins() -> None:
    generator = np.random.default_rng(3)
    probabilities = generator.random(20 * 15)
    labels = (generator.random(300) < probabilities).astype(int)
    table = reliability(labels, probabilities)
    assert table.n.tolist() == [20] * 15
    for row, members in zip(table.itertuples(), np.array_split(np.argsort(probabilities), 15), strict=True):
        found = int(labels[members].sum())
        assert (row.mean_probability, row.observed) == pytest.approx((probabilities[members].mean(), found / 20))
        assert (row.low, row.high) == (wilson(found, 20).low, wilson(found, 20).high)


def test_empty_bins_are_left_out() -> None:
    table = reliability([0, 1, 1, 0], [0.1, 0.1, 0.9, 0.9])
    assert table.n.tolist() == [2, 2]
    assert table.observed.tolist() == [0.5, 0.5]


def test_net_benefit_equals_its_formula_at_every_threshold(
    predictions: Any,
) -> None:
    curve = decision_curve(*predictions)
    assert curve.threshold.tolist() == [round(t / 100, 2) for t in range(1, 100)]
    for row in curve.itertuples():
        confusion = confusion_at(*predictions, row.threshold)  # type: ignore[call-arg]
        expected = confusion.tp / 300 - confusion.fp / 300 * row.threshold / (1 - row.threshold)
        assert row.model == pytest.approx(expected, abs=1e-12)


def test_treating_all_or_none_needs_no_model(
    predictions: LabelsAndProbabilities,
) -> None:
    curve, prevalence = decision_curve(*predictions), predictions[0].mean()
    odds = curve.threshold / (1 - curve.threshold)
    assert curve.treat_all.to_numpy() == pytest.approx((prevalence - (1 - prevalence) * odds).to_numpy())
    assert (curve.treat_none == 0).all()
    always = decision_curve(predictions[0], np.ones(300))
    assert always.model.to_numpy() == pytest.approx(always.treat_all.to_numpy(), abs=1e-12)
    never = decision_curve(predictions[0], np.zeros(300))
    assert (never.model == 0).all()


def test_a_perfect_model_has_the_prevalence_as_net_benefit_and_none_has_more(
    predictions: LabelsAndProbabilities,
) -> None:
    labels = predictions[0]
    assert decision_curve(labels, labels).model.to_numpy() == pytest.approx(np.full(99, labels.mean()))
    assert (decision_curve(*predictions).model <= labels.mean()).all()


def test_treating_all_breaks_even_at_the_prevalence() -> None:
    curve = decision_curve(np.repeat([0, 1], [70, 30]), np.full(100, 0.5))
    assert curve.treat_all[curve.threshold == 0.3].item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("label", "all_at_half"), [(0, -1.0), (1, 1.0)])
def test_a_decision_curve_of_one_class_is_defined(label: int, all_at_half: float) -> None:
    curve = decision_curve([label] * 4, [0.1, 0.4, 0.6, 0.9])
    assert curve.treat_all[49] == pytest.approx(all_at_half)
    assert curve.model[49] == pytest.approx(all_at_half / 2)


def test_error_at_each_coverage_equals_a_loop(
    predictions: LabelsAndProbabilities,
) -> None:
    labels, probabilities = predictions
    table = coverage_error(labels, probabilities, 0.4)
    for row in table.itertuples():
        sure = np.abs(logit(np.clip(probabilities, 6e-8, 1 - 6e-8)) - logit(0.4)) >= row.distance - 1e-8
        wrong = int(((probabilities[sure] >= 0.4) != labels[sure]).sum())
        assert (row.n, row.errors) == (sure.sum(), wrong)
        assert (row.coverage, row.error) == pytest.approx((sure.mean(), wrong / sure.sum()))
        assert (row.low, row.high) == (wilson(wrong, row.n).low, wilson(wrong, row.n).high)  # type: ignore[arg-type]
    assert table.distance.is_monotonic_decreasing
    assert table.coverage.is_monotonic_increasing


def test_full_coverage_has_the_error_of_all(predictions: LabelsAndProbabilities) -> None:
    last = coverage_error(*predictions, 0.5).iloc[-1]
    assert last.coverage == 1.0
    assert last.error == pytest.approx(1 - score(*predictions, 0.5).values["accuracy"])


def test_equally_sure_images_come_together() -> None:
    table = coverage_error([0, 1, 1, 0], [0.3, 0.7, 0.3, 0.9], 0.5)
    assert table.n.tolist() == [1, 4]
    assert table.errors.tolist() == [1, 2]
    assert coverage_error([0, 1], [0.5, 0.5], 0.5).n.tolist() == [2]


@pytest.mark.parametrize("curve", ALL_CURVES)
def test_the_order_of_rows_does_not_matter(curve: Callable[..., Any], predictions: LabelsAndProbabilities) -> None:
    labels, probabilities = predictions
    order = np.random.default_rng(0).permutation(300)
    shuffled, plain = curve(labels[order], probabilities[order]), curve(labels, probabilities)
    assert list(shuffled.columns) == list(plain.columns)
    assert shuffled.to_numpy() == pytest.approx(plain.to_numpy(), abs=1e-12)


@pytest.mark.parametrize("curve", ALL_CURVES)
def test_bad_input_is_named_by_its_row(curve: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"probabilities .* broken in row 1 "):
        curve([0, 1, 1], [0.1, np.nan, 0.3])
    with pytest.raises(ValueError, match=r"labels .* broken in row 2 "):
        curve([0, 1, 2], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="no image"):
        curve([], [])


def test_a_threshold_outside_the_unit_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold must lie"):
        coverage_error([0, 1], [0.1, 0.9], 1.5)

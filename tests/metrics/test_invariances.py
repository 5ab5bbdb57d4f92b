"""Properties that metrics have by definition, on whatever labels and probabilities."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from skinlens.metrics.calibration import calibration_error
from skinlens.metrics.classification import confusion_at
from skinlens.metrics.curves import roc_points
from skinlens.metrics.intervals import delong, wilson
from skinlens.metrics.registry import score
from skinlens.metrics.scaling import Scaling
from tests.drawn_at_random import LabelsAndProbabilities, labels_and_probabilities

THRESHOLDS = st.integers(1, 63).map(lambda step: step / 64)


@given(labels_and_probabilities(), st.floats(0.2, 5), st.floats(-3, 3))
def test_ranking_does_not_change_under_monotone_maps(
    drawn: LabelsAndProbabilities, slope: float, offset: float
) -> None:
    labels, probabilities = drawn
    moved = expit(slope * logit(probabilities) + offset)
    before, after = score(labels, probabilities, 0.5).values, score(labels, moved, 0.5).values
    assert after["roc_auc"] == pytest.approx(before["roc_auc"], abs=1e-12)
    assert after["pr_auc"] == pytest.approx(before["pr_auc"], abs=1e-12)


@given(labels_and_probabilities(), st.randoms(use_true_random=False))
def test_the_order_of_the_images_does_not_matter(drawn: LabelsAndProbabilities, random: Random) -> None:
    labels, probabilities = drawn
    order = list(range(len(labels)))
    random.shuffle(order)
    first, second = score(labels, probabilities, 0.5), score(labels[order], probabilities[order], 0.5)
    assert second.confusion == first.confusion
    # Calibration counts images in bins of equal size, which ties may fill in another order.
    ranked = set(first.values) - {"calibration_error", "ece"}
    assert {name: second.values[name] for name in ranked} == pytest.approx(
        {name: first.values[name] for name in ranked}
    )


@given(labels_and_probabilities())
def test_mirroring_labels_and_probabilities_keeps_the_roc_auc(drawn: LabelsAndProbabilities) -> None:
    labels, probabilities = drawn
    mirrored = score(1 - labels, 1 - probabilities, 0.5).values["roc_auc"]
    assert mirrored == pytest.approx(score(labels, probabilities, 0.5).values["roc_auc"], abs=1e-12)


@given(labels_and_probabilities(), THRESHOLDS)
def test_every_image_is_counted_once(drawn: LabelsAndProbabilities, threshold: float) -> None:
    labels, probabilities = drawn
    counts = confusion_at(labels, probabilities, threshold)
    assert counts.tp + counts.fn == labels.sum()
    assert counts.tn + counts.fp == (1 - labels).sum()


@given(labels_and_probabilities(), THRESHOLDS, THRESHOLDS)
def test_a_lower_threshold_misses_no_more(drawn: LabelsAndProbabilities, one: float, other: float) -> None:
    lower, higher = (confusion_at(*drawn, threshold) for threshold in sorted((one, other)))
    assert lower.fn <= higher.fn
    assert lower.fp >= higher.fp


@given(labels_and_probabilities())
def test_the_roc_curve_never_falls(drawn: LabelsAndProbabilities) -> None:
    points = roc_points(*drawn)
    assert points is not None
    assert points["sensitivity"].is_monotonic_increasing
    assert points["false_positive_rate"].is_monotonic_increasing


@given(labels_and_probabilities())
def test_the_calibration_error_is_a_share(drawn: LabelsAndProbabilities) -> None:
    assert 0 <= calibration_error(*drawn) <= 1


@given(labels_and_probabilities(), st.floats(0.1, 10), st.floats(-4, 4))
def test_scaling_keeps_the_order_and_is_undone_by_its_inverse(
    drawn: LabelsAndProbabilities, temperature: float, offset: float
) -> None:
    _, probabilities = drawn
    there = Scaling(temperature, offset).of_probabilities(probabilities)
    order = np.argsort(probabilities, kind="stable")
    assert (np.diff(there[order]) >= 0).all()
    back = Scaling(1 / temperature, -offset * temperature).of_probabilities(there)
    # Probabilities that were pushed into saturation do not come back.
    kept = (there > 1e-6) & (there < 1 - 1e-6)
    assert back[kept] == pytest.approx(probabilities[kept], abs=1e-5)


@given(st.integers(1, 500), st.data())
def test_wilsons_interval_holds_the_share_and_mirrors(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    interval, mirrored = wilson(successes, n), wilson(n - successes, n)
    assert 0 <= interval.low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= interval.high <= 1
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((interval.low, interval.high), abs=1e-9)


@given(labels_and_probabilities())
def test_delongs_interval_lies_in_the_unit_interval_round_the_auc(drawn: LabelsAndProbabilities) -> None:
    interval, auc = delong(*drawn), score(*drawn, 0.5).values["roc_auc"]
    if interval is None:
        # Undefined: one image of a label, or areas at the end of the scale.
        assert min(np.bincount(drawn[0])) < 2 or auc in (0.0, 1.0) or len(set(drawn[1].tolist())) < 3
        return
    assert auc is not None
    low, high = interval
    assert 0 <= low <= auc + 1e-12
    assert auc - 1e-12 <= high <= 1

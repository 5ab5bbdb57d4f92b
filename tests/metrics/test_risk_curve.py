"""The risk curve: against a known truth, against bins, and the identities of its interval."""

from typing import Any

import numpy as np
import pytest

from skinlens.metrics.risk_curve import CurvePoint, risk_curve
from skinlens.metrics.scaling import logit, sigmoid


def drawn(n: int = 6000, *, seed: int = 0, sharper: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and labels that are malignant more surely than the scores say: logits are `sharper` times as large."""
    generator = np.random.default_rng(seed)
    scores = sigmoid(generator.normal(-0.5, 1.3, n))
    return (generator.random(n) < sigmoid(sharper * logit(scores))).astype(int), scores


def curve_of(labels: Any, scores: Any, **options: Any) -> tuple[CurvePoint, ...]:
    each = np.arange(len(labels))
    options = {"groups": each, "datasets": each % 4, "resamples": 200, **options}
    return risk_curve(labels, scores, **options)


@pytest.fixture(scope="module")
def curve() -> tuple[CurvePoint, ...]:
    return curve_of(*drawn())


def test_it_finds_the_rate_that_the_labels_were_drawn_with(curve: tuple[CurvePoint, ...]) -> None:
    inner = [point for point in curve if point.rate.n > 150]
    assert len(inner) > 20
    for point in inner:
        true = float(sigmoid(1.5 * logit(point.score)))
        assert point.rate.value == pytest.approx(true, abs=0.05)


def test_most_intervals_hold_the_true_rate() -> None:
    """Over ten draws of images: 95 % intervals of a smoothed curve, so somewhat fewer than 95 %."""
    inside = [
        point.rate.low <= float(sigmoid(1.5 * logit(point.score))) <= point.rate.high
        for seed in range(10)
        for point in curve_of(*drawn(2000, seed=seed))
        if point.rate.n > 50
    ]
    assert np.mean(inside) > 0.85


def test_it_rises_with_the_score_and_lies_in_its_interval(curve: tuple[CurvePoint, ...]) -> None:
    scores = [point.score for point in curve]
    assert scores == sorted(set(scores))
    for end in ("low", "value", "high"):
        ends = [getattr(point.rate, end) for point in curve]
        assert ends == sorted(ends)
    assert all(point.rate.low <= point.rate.value <= point.rate.high for point in curve)


def test_noise_that_falls_is_flattened() -> None:
    labels = np.array([1] * 30 + [0] * 70 + [0] * 100 + [1] * 90 + [0] * 10)
    scores = np.array([0.05] * 100 + [0.2] * 100 + [0.9] * 100)
    rates = [point.rate.value for point in curve_of(labels, scores, points=12)]
    assert rates == sorted(rates)  # type: ignore[type-var]
    assert rates[0] == pytest.approx(0.15, abs=0.02)


def test_datasets_that_differ_widen_the_interval() -> None:
    labels, scores = drawn(4000)
    # In one dataset the score says nothing.
    datasets = np.arange(4000) % 4
    labels[datasets == 0] = np.random.default_rng(1).integers(0, 2, 1000)
    width = lambda curve: np.mean([point.rate.high - point.rate.low for point in curve])  # noqa: E731
    apart = width(curve_of(labels, scores, datasets=datasets))  # type: ignore[no-untyped-call]
    assert apart > 1.5 * width(curve_of(labels, scores, datasets=np.zeros(4000)))  # type: ignore[no-untyped-call]


def test_datasets_that_differ_in_prevalence_alone_do_not() -> None:
    """Which share is malignant is the reader's to say; the interval is about the likelihood ratio."""
    generator = np.random.default_rng(2)
    malignant = np.repeat([1, 0, 1, 0], [900, 100, 100, 900])
    scores = sigmoid(generator.normal(np.where(malignant == 1, 1.0, -1.0), 1.0))
    datasets = np.repeat([0, 1], 1000)
    curve = curve_of(malignant, scores, datasets=datasets)
    # The rates themselves, of 90 % and of 10 %, would make it as wide as 0.8 where the score says little.
    assert max(point.rate.high - point.rate.low for point in curve) < 0.3


def test_images_of_one_lesion_count_as_one() -> None:
    labels, scores = drawn(600)
    copies = (np.tile(labels, 4), np.tile(scores, 4))
    same = {"groups": np.tile(np.arange(600), 4), "datasets": np.zeros(2400)}
    once = curve_of(labels, scores, datasets=np.zeros(600))
    four = curve_of(*copies, **same)
    widths = [np.mean([point.rate.high - point.rate.low for point in curve]) for curve in (once, four)]
    assert widths[1] == pytest.approx(widths[0], rel=0.15)


def test_the_same_seed_gives_the_same_curve() -> None:
    labels, scores = drawn(500)
    first, again = (curve_of(labels, scores) for _ in range(2))
    assert first == again


def test_one_class_alone_is_an_error() -> None:
    with pytest.raises(ValueError, match="the same label"):
        curve_of(np.ones(10, int), np.linspace(0.1, 0.9, 10))

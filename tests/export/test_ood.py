"""Fitting familiarity: made-up clouds of features are told apart, and too few images are an error."""

import numpy as np
import pytest

from skinlens.export.ood import fit_ood_statistics

CHANNELS = 20


def cloud(seed: int, n: int = 200) -> np.ndarray:
    """Features that fill 6 of 20 dimensions, with a little noise in the others and one channel that never changes."""
    random = np.random.default_rng(seed)
    basis = np.random.default_rng(99).normal(0, 1, (6, CHANNELS))
    features = random.normal(0, 1, (n, 6)) @ basis + random.normal(0, 0.05, (n, CHANNELS))
    features[:, -1] = 4.0
    return features


def aside(seed: int, n: int = 100) -> np.ndarray:
    """The easy case: off in a direction that the known ones never take."""
    return cloud(seed, n) + 3 * np.random.default_rng(7).normal(0, 1, CHANNELS)


def beside(seed: int, n: int = 100) -> np.ndarray:
    """The hard case: within the space of the known ones, but to one side."""
    return cloud(seed, n) + 6 * np.random.default_rng(99).normal(0, 1, (6, CHANNELS))[0] * (np.arange(CHANNELS) < 19)


def test_strange_images_of_both_sorts_score_below_unseen_known_ones() -> None:
    fitted = fit_ood_statistics(cloud(0), [aside(1), beside(2)], cloud(3))
    lowest = np.quantile(fitted.scores(cloud(4)), 0.02)
    assert (fitted.scores(aside(5)) < lowest).mean() > 0.97
    assert (fitted.scores(beside(6)) < lowest).mean() > 0.8


def test_each_sort_has_a_line_of_its_own() -> None:
    both = fit_ood_statistics(cloud(0), [aside(1), beside(2)], cloud(3))
    assert both.directions.shape == (2, CHANNELS)
    alone = fit_ood_statistics(cloud(0), [beside(2)], cloud(3))
    assert both.directions[1] == pytest.approx(alone.directions[0])


def test_the_lines_are_scaled_on_the_lowest_of_the_other_known_images() -> None:
    other = cloud(3)
    # A long tail upwards, which is no reason to refuse less.
    other[:20] += 30 * (cloud(0).mean(axis=0) - aside(1).mean(axis=0))
    fitted = fit_ood_statistics(cloud(0), [aside(1), beside(2)], other)
    scaled = (fitted.along(other) - fitted.centres) / fitted.spreads
    assert scaled.mean(axis=0) == pytest.approx(0, abs=1e-9)
    # A hundredth of a normal distribution lies this far down.
    assert np.quantile(scaled, 0.01, axis=0) == pytest.approx(-2.326, abs=1e-3)


def test_no_line_takes_the_others_share_of_what_is_refused() -> None:
    skewed = cloud(3, 2000)
    skewed[:100] += 30 * (cloud(0).mean(axis=0) - aside(1).mean(axis=0))
    fitted = fit_ood_statistics(cloud(0), [aside(1), beside(2)], skewed)
    scaled = (fitted.along(skewed) - fitted.centres) / fitted.spreads
    refused = scaled < np.quantile(fitted.scores(skewed), 0.02)
    assert refused.mean(axis=0).min() > 0.005


def test_the_same_images_give_the_same_statistics() -> None:
    one, other = (fit_ood_statistics(cloud(0), [aside(1)], cloud(3)) for _ in range(2))
    assert np.array_equal(one.scores(cloud(4)), other.scores(cloud(4)))


@pytest.mark.parametrize(("known", "strange", "other"), [(5, [9], 9), (9, [9, 0], 9), (9, [], 9), (9, [9], 5)])
def test_too_few_images(known: int, strange: list[int], other: int) -> None:
    counts = ", ".join(map(str, strange)) or "0"
    with pytest.raises(ValueError, match=f"{known} and {other} dermoscopic, {counts} others"):
        fit_ood_statistics(cloud(0, known), [aside(1, n) for n in strange], cloud(3, other))

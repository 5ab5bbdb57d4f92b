"""Fitting familiarity: made-up clouds of features are told apart, and too few pictures are an error."""

import numpy as np
import pytest

from skinlens.export.familiarity import COMPONENTS, fit_familiarity

CHANNELS = 20


def cloud(seed: int, n: int = 200) -> np.ndarray:
    """Features that fill 6 of 20 dimensions, with a little noise in the others and one channel that never changes."""
    random = np.random.default_rng(seed)
    basis = np.random.default_rng(99).normal(0, 1, (6, CHANNELS))
    features = random.normal(0, 1, (n, 6)) @ basis + random.normal(0, 0.05, (n, CHANNELS))
    features[:, -1] = 4.0
    return features


def outside(seed: int, n: int = 100) -> np.ndarray:
    """Pictures unlike any other: far out in every dimension."""
    return cloud(seed, n) + np.random.default_rng(seed).normal(0, 3, (n, CHANNELS))


def beside(seed: int, n: int = 100) -> np.ndarray:
    """The hard case: within the space of the known ones, but to one side."""
    return cloud(seed, n) + 6 * np.random.default_rng(99).normal(0, 1, (6, CHANNELS))[0] * (np.arange(CHANNELS) < 19)


def test_strange_pictures_of_both_kinds_score_below_unseen_known_ones() -> None:
    fitted = fit_familiarity(cloud(0), np.concatenate([outside(1), beside(2)]), cloud(3))
    lowest = np.quantile(fitted.scores(cloud(4)), 0.02)
    assert (fitted.scores(outside(5)) < lowest).mean() > 0.97
    assert (fitted.scores(beside(6)) < lowest).mean() > 0.8


def test_what_is_altogether_different_is_strange_without_an_example_of_it() -> None:
    fitted = fit_familiarity(cloud(0), beside(2), cloud(3))
    assert (fitted.scores(outside(5)) < fitted.scores(cloud(4)).min()).mean() > 0.9


def test_both_views_are_scaled_on_the_other_known_pictures() -> None:
    other = cloud(3)
    fitted = fit_familiarity(cloud(0), outside(1), other)
    scaled = (fitted.views(other) - fitted.centres) / fitted.spreads
    assert scaled.mean(axis=0) == pytest.approx(0, abs=1e-9)
    assert scaled.std(axis=0) == pytest.approx(1)


def test_components_are_orthonormal_and_no_more_than_the_pictures_bear() -> None:
    fitted = fit_familiarity(cloud(0, 30), outside(1), cloud(3))
    assert len(fitted.components) == 10
    assert fitted.components @ fitted.components.T == pytest.approx(np.eye(10), abs=1e-9)
    wide = np.random.default_rng(0).normal(0, 1, (600, 300))
    assert len(fit_familiarity(wide, wide[:50] + 3, wide[:100]).components) == COMPONENTS


def test_the_same_pictures_give_the_same_statistics() -> None:
    one, other = (fit_familiarity(cloud(0), outside(1), cloud(3)) for _ in range(2))
    assert np.array_equal(one.scores(cloud(4)), other.scores(cloud(4)))


@pytest.mark.parametrize(("known", "strange", "other"), [(5, 9, 9), (9, 0, 9), (9, 9, 5)])
def test_too_few_pictures(known: int, strange: int, other: int) -> None:
    with pytest.raises(ValueError, match=f"{known} and {other} dermoscopic, {strange} others"):
        fit_familiarity(cloud(0, known), outside(1, strange), cloud(3, other))

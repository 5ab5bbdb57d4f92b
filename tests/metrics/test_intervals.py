"""Intervals against slow loops, closed formulas, a published example, and their coverage."""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from skinlens.metrics import intervals
from skinlens.metrics.intervals import (
    bootstrap,
    delong,
    delong_variance,
    resample_weights,
    wilson,
)
from skinlens.metrics.measurement import undefined
from skinlens.metrics.registry import METRICS, score
from tests.drawn_at_random import LabelsAndProbabilities


def test_bootstrap_equals_a_slow_loop_over_the_same_draws(
    predictions: LabelsAndProbabilities,
) -> None:
    labels, probabilities = predictions
    groups = np.arange(300) // 2
    draws = np.vstack(list(resample_weights(groups, resamples=120, seed=5)))
    slow = {"roc_auc": [], "pr_auc": [], "f1": [], "calibration_error": []}
    for weight in draws:
        rows = np.repeat(np.arange(300), weight)
        slow["roc_auc"].append(roc_auc_score(labels[rows], probabilities[rows]))
        slow["pr_auc"].append(average_precision_score(labels[rows], probabilities[rows]))
        for name in ("f1", "calibration_error"):
            slow[name].append(score(labels[rows], probabilities[rows], 0.5).values[name])
    quick = bootstrap(labels, probabilities, 0.5, groups, resamples=120, seed=5)
    assert set(quick) == set(METRICS)
    for name, values in slow.items():
        assert quick[name] == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=1e-12)


def test_draws_keep_groups_whole_and_their_number() -> None:
    groups = np.array(["b", "a", "b", "c", "a", "b"])
    draws = np.vstack(list(resample_weights(groups, resamples=400, seed=0)))
    assert draws.shape == (400, 6)
    for name in "abc":
        assert (np.ptp(draws[:, groups == name], axis=1) == 0).all()
    first_of_each = draws[:, [1, 0, 3]]
    assert (first_of_each.sum(axis=1) == 3).all()
    assert first_of_each.mean(axis=0) == pytest.approx(1.0, abs=0.15)


def test_draws_do_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.vstack(list(resample_weights(np.arange(40), resamples=50, seed=2)))
    monkeypatch.setattr(intervals, "_BLOCK", 40 * 7)
    blocks = list(resample_weights(np.arange(40), resamples=50, seed=2))
    assert [len(block) for block in blocks] == [7] * 7 + [1]
    assert np.array_equal(np.vstack(blocks), whole)


def test_the_seed_decides_the_draws(predictions: LabelsAndProbabilities) -> None:
    first, again, other = (
        bootstrap(*predictions, 0.5, np.arange(300), resamples=50, seed=seed)["roc_auc"] for seed in (1, 1, 2)
    )
    assert first == again != other


def test_copies_within_a_group_add_no_certainty(
    predictions: LabelsAndProbabilities,
) -> None:
    labels, probabilities = predictions
    single = bootstrap(labels, probabilities, 0.5, np.arange(300), resamples=200, seed=4)
    copied = bootstrap(
        *(np.repeat(column, 4) for column in (labels, probabilities)),  # type: ignore[arg-type]
        0.5,  # type: ignore[arg-type]
        np.repeat(np.arange(300), 4),  # type: ignore[arg-type]
        resamples=200,
        seed=4,
    )
    for name in METRICS:
        assert copied[name] == pytest.approx(single[name], abs=1e-12)


def test_an_interval_is_none_if_too_many_draws_are_undefined() -> None:
    labels, probabilities = np.array([1] * 2 + [0] * 58), np.linspace(0.9, 0.1, 60)
    draws = np.vstack(list(resample_weights(np.arange(60), resamples=500, seed=0)))
    assert (draws[:, :2].sum(axis=1) == 0).mean() > 0.05
    found = bootstrap(labels, probabilities, 0.5, np.arange(60), resamples=500, seed=0)
    assert {name for name, interval in found.items() if interval is None} == {
        "sensitivity",
        "balanced_accuracy",
        "f1",
        "roc_auc",
        "pr_auc",
    }


def test_a_few_undefined_draws_are_left_out() -> None:
    labels, probabilities = np.array([1] * 4 + [0] * 56), np.tile([0.9, 0.1], 30)
    draws = np.vstack(list(resample_weights(np.arange(60), resamples=500, seed=0)))
    malignant, found = draws[:, :4].sum(axis=1), draws[:, [0, 2]].sum(axis=1)
    assert 0 < (malignant == 0).mean() < 0.05
    expected = np.quantile(found[malignant > 0] / malignant[malignant > 0], [0.025, 0.975])
    interval = bootstrap(labels, probabilities, 0.5, np.arange(60), resamples=500, seed=0)["sensitivity"]
    assert interval == pytest.approx(expected)


def test_one_group_gives_no_interval() -> None:
    assert bootstrap([0, 1], [0.2, 0.8], 0.5, ["a", "a"], resamples=10, seed=0) == dict.fromkeys(METRICS)


def test_bootstrap_refuses_other_lengths_and_no_resamples(
    predictions: LabelsAndProbabilities,
) -> None:
    with pytest.raises(ValueError, match=r"groups must have the shape \(300,\)"):
        bootstrap(*predictions, 0.5, np.arange(299), seed=0)
    with pytest.raises(ValueError, match="resamples must be at least 1"):
        bootstrap(*predictions, 0.5, np.arange(300), resamples=0, seed=0)


def test_bootstrap_and_delong_cover_the_true_auc() -> None:
    separation, draws = 1.5, 150
    truth = norm.cdf(separation / np.sqrt(2))
    generator = np.random.default_rng(12)
    labels = np.repeat([0, 1], 60)
    covered = {"bootstrap": 0, "delong": 0}
    for _ in range(draws):
        probabilities = expit(generator.normal(separation * labels))
        found = bootstrap(labels, probabilities, 0.5, np.arange(120), resamples=200, seed=1)["roc_auc"]
        by_formula = delong(labels, probabilities)
        covered["bootstrap"] += found[0] <= truth <= found[1]
        covered["delong"] += by_formula[0] <= truth <= by_formula[1]
    assert all(0.88 <= count / draws <= 0.99 for count in covered.values())


@pytest.mark.parametrize(("successes", "n"), [(279, 300), (336, 360), (1, 10), (5, 10)])
def test_wilson_equals_its_closed_formula(successes: int, n: int) -> None:
    z = norm.ppf(0.975)
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    interval = wilson(successes, n)
    assert (interval.low, interval.high) == pytest.approx((centre - half, centre + half), abs=1e-12)


def test_wilson_at_the_ends() -> None:
    z2 = norm.ppf(0.975) ** 2
    none, every = wilson(0, 20), wilson(20, 20)
    assert none.low == 0.0
    assert none.high == pytest.approx(z2 / (20 + z2))
    assert every.low == pytest.approx(20 / (20 + z2))
    assert every.high == pytest.approx(1.0)
    assert every.high <= 1.0
    assert wilson(0, 0) == undefined("there is no image", 0)
    assert (wilson(5, 10).value, wilson(5, 10).n) == (0.5, 10)


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5)])
def test_wilson_refuses_impossible_counts(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="part must lie in 0 to n = 5"):
        wilson(successes, n)


def test_delong_variance_equals_the_pairwise_definition(
    predictions: LabelsAndProbabilities,
) -> None:
    labels, probabilities = predictions
    malignant, benign = probabilities[labels == 1], probabilities[labels == 0]
    ordered = np.array([[float(m > b) + 0.5 * float(m == b) for b in benign] for m in malignant])
    auc = ordered.mean()
    of_malignant = np.sum((ordered.mean(axis=1) - auc) ** 2) / (len(malignant) - 1) / len(malignant)
    of_benign = np.sum((ordered.mean(axis=0) - auc) ** 2) / (len(benign) - 1) / len(benign)
    assert delong_variance(labels, probabilities) == pytest.approx((auc, of_malignant + of_benign), rel=1e-12)


def test_delong_reproduces_a_published_example() -> None:
    """CT ratings of Hanley & McNeil 1982, as printed for `roctab disease rating` in Stata's manual: 0.8932, 0.0307."""
    ratings = np.concatenate([np.repeat(range(1, 6), [33, 6, 6, 11, 2]), np.repeat(range(1, 6), [3, 2, 2, 11, 33])])
    labels = np.repeat([0, 1], [58, 51])
    auc, variance = delong_variance(labels, ratings / 5)
    assert round(auc, 4) == 0.8932
    assert round(np.sqrt(variance), 4) == 0.0307
    plain = auc + norm.ppf([0.025, 0.975]) * np.sqrt(variance)
    assert plain == pytest.approx([0.83295, 0.95339], abs=5e-6)


def test_delong_interval_is_normal_on_the_logit_scale(
    predictions: LabelsAndProbabilities,
) -> None:
    auc, variance = delong_variance(*predictions)
    interval = delong(*predictions)
    low, high = logit(interval)
    assert (low + high) / 2 == pytest.approx(logit(auc))
    assert (high - low) / 2 == pytest.approx(norm.ppf(0.975) * np.sqrt(variance) / (auc * (1 - auc)))


def test_delong_is_mirrored_with_the_labels(predictions: LabelsAndProbabilities) -> None:
    labels, probabilities = predictions
    there, back = delong(labels, probabilities), delong(1 - labels, probabilities)
    assert back == pytest.approx((1 - there[1], 1 - there[0]))


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [([0, 0, 1], [0.1, 0.6, 0.5]), ([1, 1, 1], [0.1, 0.6, 0.5]), ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])],
)
def test_delong_is_none_where_there_is_no_variance(labels: list[int], probabilities: list[float]) -> None:
    assert delong(labels, probabilities) is None


def test_delong_stays_within_the_unit_interval() -> None:
    labels = np.repeat([0, 1], 10)
    probabilities = np.concatenate([np.linspace(0.1, 0.5, 10), [0.49], np.linspace(0.6, 0.9, 9)])
    auc, variance = delong_variance(labels, probabilities)
    interval = delong(labels, probabilities)
    assert auc + norm.ppf(0.975) * np.sqrt(variance) > 1
    assert interval is not None
    assert interval[0] < auc < interval[1] < 1

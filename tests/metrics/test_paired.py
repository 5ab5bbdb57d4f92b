"""Comparing two models: against statsmodels, slow loops, exact cases and symmetries, and what is undefined or wrong."""

import doctest
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from skinlens.metrics import paired as comparison
from skinlens.metrics.intervals import bootstrap, delong_variance, resample_weights
from skinlens.metrics.paired import (
    Difference,
    McNemar,
    ScoredModel,
    compare,
    disagreements,
    in_words,
    mcnemar,
    paired_bootstrap,
    paired_bootstrap_over_seeds,
    paired_delong,
)
from skinlens.metrics.registry import METRICS, score
from tests.drawn_at_random import LabelsAndProbabilities

GROUPS = np.arange(300) // 2


@pytest.fixture
def manifest(predictions: LabelsAndProbabilities) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "path": [f"{row}.jpg" for row in range(300)],
            "label": np.where(predictions[0] == 1, "malignant", "benign"),
            "group_id": [f"G{group}" for group in GROUPS],
            "leaky": (np.arange(300) % 5 == 0).astype(int),
        },
        index=np.arange(300)[::-1] // 7,
    )


@pytest.fixture
def models(predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]) -> tuple[ScoredModel, ScoredModel]:
    return ScoredModel("ASFF", predictions[1], 0.4), ScoredModel("ResNet-50", rival, 0.55)


# McNemar


def test_mcnemar_equals_statsmodels(predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]) -> None:
    labels, probabilities = predictions
    found = mcnemar(labels, probabilities, rival, 0.4, 0.55)
    right, other = (probabilities >= 0.4) == labels, (rival >= 0.55) == labels
    table = np.array([[(mine & theirs).sum() for theirs in (other, ~other)] for mine in (right, ~right)])
    assert [[found.both_right, found.only_first], [found.only_second, found.both_wrong]] == table.tolist()
    assert found.only_first + found.only_second > 20
    assert found.p == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue, rel=1e-12)


def test_mcnemar_of_five_to_none_is_a_sixteenth() -> None:
    labels = np.array([1, 1, 1, 0, 0, 1, 0])
    wrong_on_five = np.where(np.arange(7) < 5, 1 - labels, labels).astype(float)
    assert mcnemar(labels, labels, wrong_on_five, 0.5, 0.5) == McNemar(2, 5, 0, 0, p=0.0625)


def test_mcnemar_of_swapped_models_is_mirrored(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]
) -> None:
    labels, probabilities = predictions
    there, back = mcnemar(labels, probabilities, rival, 0.4, 0.55), mcnemar(labels, rival, probabilities, 0.55, 0.4)
    assert (there.only_first, there.only_second, there.p) == (back.only_second, back.only_first, back.p)


def test_mcnemar_of_models_that_never_differ_is_1(
    predictions: LabelsAndProbabilities,
) -> None:
    labels, probabilities = predictions
    found = mcnemar(labels, probabilities, probabilities**2, 0.5, 0.25)
    assert (found.only_first, found.only_second, found.p) == (0, 0, 1.0)
    assert found.both_right + found.both_wrong == 300


def test_the_accuracies_differ_by_the_discordant_counts(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]
) -> None:
    labels, probabilities = predictions
    found = mcnemar(labels, probabilities, rival, 0.4, 0.55)
    accuracies = (
        score(labels, chances, at).values["accuracy"] for chances, at in ((probabilities, 0.4), (rival, 0.55))
    )
    assert (found.only_first - found.only_second) / 300 == pytest.approx(np.subtract(*accuracies))  # type: ignore[arg-type]


# DeLong


def slow_delong(
    labels: npt.NDArray[np.int64], first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]
) -> tuple[np.float64, np.float64]:
    """Difference and variance from the pairwise kernel and the covariances of its row and column means."""
    kernels = []
    for chances in (first, second):
        malignant, benign = chances[labels == 1], chances[labels == 0]
        kernels.append(np.array([[float(m > b) + 0.5 * float(m == b) for b in benign] for m in malignant]))
    of_malignant = np.cov([kernel.mean(axis=1) for kernel in kernels]) / len(kernels[0])
    of_benign = np.cov([kernel.mean(axis=0) for kernel in kernels]) / kernels[0].shape[1]
    contrast = np.array([1.0, -1.0])
    return kernels[0].mean() - kernels[1].mean(), contrast @ (of_malignant + of_benign) @ contrast


def test_paired_delong_equals_the_pairwise_covariances(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]
) -> None:
    labels, probabilities = predictions
    test = paired_delong(labels, probabilities, rival)
    value, variance = slow_delong(labels, probabilities, rival)
    assert test.difference.value == pytest.approx(value, abs=1e-12)
    assert test.difference.first == pytest.approx(score(labels, probabilities, 0.5).values["roc_auc"])
    assert test.difference.second == pytest.approx(score(labels, rival, 0.5).values["roc_auc"])
    ends = value + norm.ppf([0.025, 0.975]) * np.sqrt(variance)
    assert (test.difference.low, test.difference.high) == pytest.approx(tuple(ends), abs=1e-12)
    assert test.p == pytest.approx(2 * norm.cdf(-abs(value) / np.sqrt(variance)))


def test_p_is_below_5_percent_where_the_interval_leaves_out_0(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]
) -> None:
    labels, probabilities = predictions
    noise = np.random.default_rng(1).random(300)
    tests = [paired_delong(labels, probabilities, rival + share * noise) for share in np.linspace(0.0, 0.02, 5)]
    tests += [paired_delong(labels, rival, share * noise + (1 - share) * probabilities) for share in (0.2, 0.4, 0.5)]
    assert [test.difference.shown for test in tests] == [test.p < 0.05 for test in tests]
    assert len({test.difference.shown for test in tests}) == 2


def test_paired_delong_of_swapped_models_is_mirrored(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]
) -> None:
    labels, probabilities = predictions
    there, back = paired_delong(labels, probabilities, rival), paired_delong(labels, rival, probabilities)
    assert there.p == pytest.approx(back.p)
    assert (there.difference.value, there.difference.low, there.difference.high) == pytest.approx(
        (-back.difference.value, -back.difference.high, -back.difference.low)
    )


def test_pairing_narrows_the_interval_of_correlated_models(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]
) -> None:
    labels, probabilities = predictions
    paired = paired_delong(labels, probabilities, rival).difference
    unpaired = np.sqrt(sum(delong_variance(labels, chances)[1] for chances in (probabilities, rival)))
    assert paired.high - paired.low < 0.8 * 2 * norm.ppf(0.975) * unpaired


def test_models_that_order_alike_have_no_difference(
    predictions: LabelsAndProbabilities,
) -> None:
    labels, probabilities = predictions
    for same in (probabilities, probabilities**3, 0.2 + probabilities / 2):
        test = paired_delong(labels, probabilities, same)
        assert (test.difference.value, test.difference.low, test.difference.high, test.p) == (0.0, 0.0, 0.0, 1.0)
        assert in_words(test.difference, "roc_auc", "A", "B").startswith("No difference was shown")


@pytest.mark.parametrize(
    ("labels", "first", "second"),
    [
        ([0, 0, 1], [0.1, 0.6, 0.5], [0.3, 0.2, 0.5]),
        ([1, 1, 1], [0.1, 0.6, 0.5], [0.3, 0.2, 0.5]),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], [0.2, 0.1, 0.8, 0.9]),
        ([0, 0, 0, 1, 1, 1, 1], [0.1, 0.2, 0.1, 0.8, 0.9, 0.7, 0.8], [0.3] * 7),
    ],
    ids=["one malignant", "one class", "both part the classes", "perfect and constant"],
)
def test_paired_delong_is_none_where_there_is_no_variance(
    labels: list[int], first: list[float], second: list[float]
) -> None:
    assert paired_delong(labels, first, second) is None


def test_paired_delong_of_equal_areas_has_p_1() -> None:
    labels, first, second = [0, 0, 1, 1], [0.1, 0.6, 0.5, 0.9], [0.1, 0.6, 0.9, 0.5]
    test = paired_delong(labels, first, second)
    assert (test.difference.value, test.p) == (0.0, 1.0)
    assert test.difference.low < 0 < test.difference.high


def test_paired_delong_stays_within_what_is_possible() -> None:
    labels = np.repeat([0, 1], 3)
    test = paired_delong(labels, [0.1, 0.2, 0.3, 0.25, 0.8, 0.9], [0.9, 0.8, 0.3, 0.4, 0.2, 0.1])
    assert test.difference.value < test.difference.high == 1.0


# Bootstrap


def test_paired_bootstrap_equals_a_slow_loop_over_the_same_draws(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]
) -> None:
    labels, probabilities = predictions
    draws = np.vstack(list(resample_weights(GROUPS, resamples=60, seed=5)))
    slow = {name: [] for name in METRICS}
    for weight in draws:
        rows = np.repeat(np.arange(300), weight)
        one = score(labels[rows], probabilities[rows], 0.4).values
        other = score(labels[rows], rival[rows], 0.55).values
        for name in METRICS:
            slow[name].append(one[name] - other[name])
    found = paired_bootstrap(labels, probabilities, rival, (0.4, 0.55), GROUPS, resamples=60, seed=5)
    assert list(found) == list(METRICS)
    first, second = score(labels, probabilities, 0.4).values, score(labels, rival, 0.55).values
    for name, values in slow.items():
        ends = np.quantile(values, [0.025, 0.975])
        assert (found[name].low, found[name].high) == pytest.approx(tuple(ends), abs=1e-12)
        assert (found[name].first, found[name].second) == (first[name], second[name])
        assert found[name].value == pytest.approx(first[name] - second[name], abs=1e-15)


def test_the_seed_decides_the_draws(predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]) -> None:
    labels, probabilities = predictions
    first, again, other = (
        paired_bootstrap(labels, probabilities, rival, (0.5, 0.5), GROUPS, resamples=50, seed=seed)
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_swapped_models_give_the_mirrored_difference(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]
) -> None:
    labels, probabilities = predictions
    there = paired_bootstrap(labels, probabilities, rival, (0.4, 0.55), GROUPS, resamples=100, seed=3)
    back = paired_bootstrap(labels, rival, probabilities, (0.55, 0.4), GROUPS, resamples=100, seed=3)
    for name in METRICS:
        assert (there[name].value, there[name].low, there[name].high) == pytest.approx(
            (-back[name].value, -back[name].high, -back[name].low), abs=1e-12
        )


def test_pairing_narrows_the_bootstrap_of_correlated_models(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]
) -> None:
    labels, probabilities = predictions
    paired = paired_bootstrap(labels, probabilities, rival, (0.5, 0.5), GROUPS, resamples=400, seed=3)["roc_auc"]
    alone = [bootstrap(labels, chances, 0.5, GROUPS, resamples=400, seed=3) for chances in (probabilities, rival)]
    widths = [interval["roc_auc"][1] - interval["roc_auc"][0] for interval in alone]
    assert paired.high - paired.low < 0.8 * np.hypot(*widths)  # type: ignore[arg-type]


def test_a_model_does_not_differ_from_itself(
    predictions: LabelsAndProbabilities,
) -> None:
    labels, probabilities = predictions
    found = paired_bootstrap(labels, probabilities, probabilities, (0.5, 0.5), GROUPS, resamples=50, seed=0)
    assert all((of.value, of.low, of.high, of.shown) == (0.0, 0.0, 0.0, False) for of in found.values())


def test_blocks_of_draws_do_not_matter(
    predictions: LabelsAndProbabilities,
    rival: npt.NDArray[np.float64],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels, probabilities = predictions
    whole = paired_bootstrap(labels, probabilities, rival, (0.5, 0.5), GROUPS, resamples=50, seed=3)
    monkeypatch.setattr("skinlens.metrics.intervals._BLOCK", 300 * 7)
    parts = paired_bootstrap(labels, probabilities, rival, (0.5, 0.5), GROUPS, resamples=50, seed=3)
    for name in METRICS:
        assert asdict(parts[name]) == pytest.approx(asdict(whole[name]), abs=1e-12)


def test_equal_models_are_told_apart_as_rarely_as_5_percent_allows() -> None:
    generator = np.random.default_rng(21)
    labels = np.repeat([0, 1], 60)
    shown = {"bootstrap": 0, "delong": 0}
    for _ in range(150):
        shared = generator.normal(1.5 * labels)
        first, second = (expit(shared + generator.normal(0, 0.7, 120)) for _ in range(2))
        shown["bootstrap"] += paired_bootstrap(
            labels, first, second, (0.5, 0.5), np.arange(120), resamples=200, seed=1
        )["roc_auc"].shown
        shown["delong"] += paired_delong(labels, first, second).p < 0.05
    assert all(1 <= count <= 16 for count in shown.values())


def test_an_undefined_metric_has_no_difference() -> None:
    found = paired_bootstrap([0, 0, 0], [0.2, 0.7, 0.4], [0.1, 0.2, 0.3], (0.5, 0.5), [1, 2, 3], resamples=20, seed=0)
    undefined = {name for name, of in found.items() if of.value is None}
    assert undefined == {"sensitivity", "balanced_accuracy", "f1", "roc_auc", "pr_auc", "precision"}
    assert all(found[name].low is None and found[name].high is None for name in undefined)
    assert (found["precision"].first, found["precision"].second) == (0.0, None)
    assert "precision is undefined" in in_words(found["precision"], "precision", "A", "B")


def test_one_group_gives_a_difference_without_an_interval() -> None:
    found = paired_bootstrap([0, 1], [0.2, 0.8], [0.6, 0.7], (0.5, 0.5), ["a", "a"], resamples=10, seed=0)
    assert found["accuracy"] == Difference(1.0, 0.5, 0.5, None, None)
    assert not found["accuracy"].shown
    assert "too few for an interval of accuracy" in in_words(found["accuracy"], "accuracy", "A", "B")


def test_draws_without_a_class_take_the_interval_away() -> None:
    labels, first = np.array([1] * 2 + [0] * 58), np.linspace(0.9, 0.1, 60)
    found = paired_bootstrap(labels, first, first[::-1], (0.5, 0.5), np.arange(60), resamples=200, seed=0)
    assert (found["roc_auc"].value, found["roc_auc"].low) == (1.0, None)
    assert found["specificity"].low is not None


# Bootstrap over seeds


def test_seeds_that_agree_add_nothing(predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]) -> None:
    labels, probabilities = predictions
    plain = paired_bootstrap(labels, probabilities, rival, (0.4, 0.55), GROUPS, resamples=80, seed=6)
    copies = paired_bootstrap_over_seeds(
        labels, [probabilities] * 3, [rival] * 2, (0.4, 0.55), GROUPS, resamples=80, seed=6
    )
    for name in METRICS:
        assert asdict(copies[name]) == pytest.approx(asdict(plain[name]), abs=1e-12)


def half_right(labels: npt.NDArray[np.int64], right: int) -> npt.NDArray[np.float64]:
    """Probabilities that call the first images of each of two equal halves rightly and the others wrongly."""
    half = len(labels) // 2
    return np.where(np.arange(len(labels)) % half < right, labels, 1 - labels).astype(float)


def test_seeds_are_drawn_for_each_model_on_its_own() -> None:
    """Two groups that are copies of one another, so that only the seeds differ between draws."""
    labels, groups = np.tile([0, 1, 0, 1], 2), np.repeat([0, 1], 4)
    good, fair, poor = (half_right(labels, right) for right in (4, 3, 2))
    against_fixed = paired_bootstrap_over_seeds(
        labels, [good, poor], [fair, fair], (0.5, 0.5), groups, resamples=400, seed=0
    )["accuracy"]
    assert against_fixed == Difference(0.75, 0.75, 0.0, -0.25, 0.25)
    against_itself = paired_bootstrap_over_seeds(
        labels, [good, poor], [good, poor], (0.5, 0.5), groups, resamples=400, seed=0
    )["accuracy"]
    assert against_itself == Difference(0.75, 0.75, 0.0, -0.5, 0.5)


def test_seeds_that_scatter_widen_the_interval(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]
) -> None:
    labels, probabilities = predictions
    runs = [probabilities, probabilities**2, rival**0.5]
    alone = paired_bootstrap(labels, probabilities, rival, (0.5, 0.5), GROUPS, resamples=200, seed=1)["sensitivity"]
    seeds = paired_bootstrap_over_seeds(labels, runs, [rival, rival**2], (0.5, 0.5), GROUPS, resamples=200, seed=1)[
        "sensitivity"
    ]
    assert seeds.high - seeds.low > alone.high - alone.low
    assert seeds.first == pytest.approx(np.mean([score(labels, run, 0.5).values["sensitivity"] for run in runs]))


def test_each_seed_may_have_its_own_threshold(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]
) -> None:
    labels, probabilities = predictions
    own = paired_bootstrap_over_seeds(
        labels, [probabilities, probabilities**2], [rival, rival], ([0.5, 0.25], 0.5), GROUPS, resamples=40, seed=1
    )
    plain = paired_bootstrap(labels, probabilities, rival, (0.5, 0.5), GROUPS, resamples=40, seed=1)
    assert asdict(own["f1"]) == pytest.approx(asdict(plain["f1"]), abs=1e-12)


def test_seeds_are_reproducible_and_the_order_of_models_only_turns_the_sign(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]
) -> None:
    labels, probabilities = predictions
    first, second = [probabilities, probabilities**2], [rival, rival**0.5, rival**2]
    there, again = (
        paired_bootstrap_over_seeds(labels, first, second, (0.5, 0.5), GROUPS, resamples=60, seed=4) for _ in range(2)
    )
    back = paired_bootstrap_over_seeds(labels, second, first, (0.5, 0.5), GROUPS, resamples=60, seed=4)
    assert there == again
    assert there["accuracy"].value == pytest.approx(-back["accuracy"].value)


def test_a_seed_that_is_not_drawn_does_not_undo_a_draw() -> None:
    values, drawn = np.array([[0.5, 0.5, 0.5], [np.nan, np.nan, 0.8]]), np.array([[2, 1, 1], [0, 1, 1]])
    assert comparison._weighted_mean(values, drawn) == pytest.approx([0.5, np.nan, 0.65], nan_ok=True)


def test_a_metric_that_one_seed_lacks_has_no_mean() -> None:
    """The second seed calls nothing malignant, so that its precision is undefined."""
    labels, chances = np.tile([0, 1], 20), np.tile([0.2, 0.8], 20)
    found = paired_bootstrap_over_seeds(
        labels, [chances, chances / 10], [chances, chances], (0.5, 0.5), np.arange(40), resamples=50, seed=0
    )
    assert found["precision"] == Difference(None, 1.0, None, None, None)
    assert found["sensitivity"].first == 0.5
    assert found["sensitivity"].low is not None


def test_seeds_and_thresholds_must_be_enough(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]
) -> None:
    labels, probabilities = predictions
    two, one = [rival, rival], [probabilities]
    with pytest.raises(ValueError, match="the first model must have at least two seeds, not 1"):
        paired_bootstrap_over_seeds(labels, one, two, (0.5, 0.5), GROUPS, seed=0)
    with pytest.raises(ValueError, match="the second model must have one threshold or 2, not 3"):
        paired_bootstrap_over_seeds(labels, two, two, (0.5, [0.1, 0.2, 0.3]), GROUPS, seed=0)
    bad = np.where(np.arange(300) == 7, np.nan, rival)
    with pytest.raises(ValueError, match=r"second, seed 1: probabilities must be finite.* row 7 "):
        paired_bootstrap_over_seeds(labels, two, [rival, bad], (0.5, 0.5), GROUPS, seed=0)


# Words


@pytest.mark.parametrize(
    ("metric", "numbers", "sentence"),
    [
        ("roc_auc", (0.012, 0.001, 0.024), "ASFF is better than ResNet-50 by 0.012 ROC AUC (0.001 to 0.024)."),
        ("roc_auc", (-0.012, -0.024, -0.001), "ResNet-50 is better than ASFF by 0.012 ROC AUC (0.001 to 0.024)."),
        (
            "brier",
            (-0.012, -0.024, -0.001),
            "ASFF is better than ResNet-50: its Brier score is lower by 0.012 (0.001 to 0.024).",
        ),
        (
            "calibration_error",
            (0.012, 0.001, 0.024),
            "ResNet-50 is better than ASFF: its calibration error is lower by 0.012 (0.001 to 0.024).",
        ),
        (
            "f1",
            (0.004, -0.006, 0.013),
            "No difference was shown: ASFF minus ResNet-50 is 0.004 F1 (-0.006 to 0.013).",
        ),
        (
            "accuracy",
            (0.0, 0.0, 0.0),
            "No difference was shown: ASFF minus ResNet-50 is 0.000 accuracy (0.000 to 0.000).",
        ),
        ("pr_auc", (0.0012, 0.0001, 0.0024), "ASFF is better than ResNet-50 by 0.0012 PR AUC (0.0001 to 0.0024)."),
        (
            "accuracy",
            (0.002, 0.0, 0.004),
            "No difference was shown: ASFF minus ResNet-50 is 0.002 accuracy (0.000 to 0.004).",
        ),
        (
            "roc_auc",
            (1e-16, 1e-16, 1e-16),
            "No difference was shown: ASFF minus ResNet-50 is 0.0000000 ROC AUC (0.0000000 to 0.0000000).",
        ),
        (
            "calibration_error",
            (0.001, -0.02, -0.002),
            "No difference was shown: ASFF minus ResNet-50 is 0.001 calibration error (-0.020 to -0.002).",
        ),
    ],
)
def test_a_difference_in_words(metric: str, numbers: tuple[float, float, float], sentence: str) -> None:
    assert in_words(Difference(0.9, 0.9, *numbers), metric, "ASFF", "ResNet-50") == sentence


def test_the_docstring_example_runs() -> None:
    assert doctest.testmod(comparison) == (0, 1)


# One view


def test_a_view_is_compared_as_its_rows_alone(
    manifest: pd.DataFrame,
    models: tuple[ScoredModel, ScoredModel],
    predictions: LabelsAndProbabilities,
    rival: npt.NDArray[np.float64],
) -> None:
    labels, probabilities = predictions
    keep = (manifest.leaky == 0).to_numpy()
    found = compare(manifest, *models, view="no-twins", resamples=40, seed=2)
    rows = labels[keep], probabilities[keep], rival[keep]
    assert found.metrics == paired_bootstrap(*rows, (0.4, 0.55), GROUPS[keep], resamples=40, seed=2)
    assert found.decisions == mcnemar(*rows, 0.4, 0.55)
    assert found.ranking == paired_delong(*rows)
    assert (found.n, found.malignant, found.benign) == (240, labels[keep].sum(), 240 - labels[keep].sum())
    assert found.explanation.startswith("Images that share no lesion")


def test_a_comparison_speaks_of_its_models(manifest: pd.DataFrame, models: tuple[ScoredModel, ScoredModel]) -> None:
    found = compare(manifest, *models, resamples=200)
    assert found.sentence() == in_words(found.metrics["roc_auc"], "roc_auc", "ASFF", "ResNet-50")
    assert found.sentence().startswith("ASFF is better than ResNet-50 by 0.0")
    assert "Brier score" in found.sentence("brier")


def test_a_comparison_is_plain_json(manifest: pd.DataFrame, models: tuple[ScoredModel, ScoredModel]) -> None:
    plain = asdict(compare(manifest, *models, resamples=20))
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_rows_without_a_group_stand_alone(manifest: pd.DataFrame, models: tuple[ScoredModel, ScoredModel]) -> None:
    alone = compare(manifest.drop(columns="group_id"), *models, resamples=40)
    named = compare(manifest.assign(group_id=[f"own {row}" for row in range(300)]), *models, resamples=40)
    assert alone == named != compare(manifest, *models, resamples=40)


@pytest.mark.parametrize("made", [compare, disagreements])
def test_bad_input_names_the_model_and_the_row(
    made: Callable[..., Any],
    manifest: pd.DataFrame,
    models: tuple[ScoredModel, ScoredModel],
    predictions: LabelsAndProbabilities,
) -> None:
    with pytest.raises(ValueError, match=r"view must be one that the manifest allows \(all, no-twins\), not native"):
        made(manifest, *models, view="native")
    bad = ScoredModel("Mine", np.where(np.arange(300) == 9, 1.5, predictions[1]), 0.5)
    with pytest.raises(ValueError, match=r"Mine: probabilities must be finite numbers .* row 9 "):
        made(manifest, models[0], bad)
    with pytest.raises(ValueError, match=r"Mine: .*not \(300,\) and \(299,\)"):
        made(manifest, ScoredModel("Mine", predictions[1][1:], 0.5), models[1])
    with pytest.raises(ValueError, match=r"threshold must lie in \[0, 1\], not nan"):
        made(manifest, models[0], ScoredModel("Mine", predictions[1], np.nan))
    with pytest.raises(ValueError, match=r"lacks the column\(s\) label"):
        made(manifest.drop(columns="label"), *models)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan])
def test_a_threshold_outside_the_unit_interval_is_refused(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64], threshold: float
) -> None:
    labels, probabilities = predictions
    with pytest.raises(ValueError, match="threshold must lie"):
        mcnemar(labels, probabilities, rival, 0.5, threshold)
    with pytest.raises(ValueError, match="threshold must lie"):
        paired_bootstrap(labels, probabilities, rival, (threshold, 0.5), GROUPS, resamples=5, seed=0)


def test_groups_of_another_length_are_refused(
    predictions: LabelsAndProbabilities, rival: npt.NDArray[np.float64]
) -> None:
    with pytest.raises(ValueError, match=r"groups must have the shape \(300,\)"):
        paired_bootstrap(*predictions, rival, (0.5, 0.5), GROUPS[1:], resamples=5, seed=0)


# Disagreements


def test_disagreements_are_the_rows_decided_differently(
    manifest: pd.DataFrame,
    models: tuple[ScoredModel, ScoredModel],
    predictions: LabelsAndProbabilities,
    rival: npt.NDArray[np.float64],
) -> None:
    labels, probabilities = predictions
    found = disagreements(manifest, *models)
    expected = {}
    for row in range(300):
        called, other = probabilities[row] >= 0.4, rival[row] >= 0.55
        if called != other:
            right = "first" if called == bool(labels[row]) else "second"
            expected[f"{row}.jpg"] = (manifest.label.iloc[row], probabilities[row], rival[row], right)
    columns = found[["label", "first", "second", "right"]]
    assert dict(zip(found.path, columns.itertuples(index=False, name=None), strict=True)) == expected
    assert found.gap.tolist() == pytest.approx((found["first"] - found["second"]).abs().tolist())
    assert found.gap.is_monotonic_decreasing
    assert list(found.index) == list(range(len(found)))


def test_disagreements_agree_with_mcnemar(manifest: pd.DataFrame, models: tuple[ScoredModel, ScoredModel]) -> None:
    found = disagreements(manifest, *models, view="no-twins")
    decisions = compare(manifest, *models, view="no-twins", resamples=5).decisions
    assert found.right.value_counts().to_dict() == {"first": decisions.only_first, "second": decisions.only_second}
    assert set(found.path) < set(disagreements(manifest, *models).path)


def test_equal_gaps_keep_the_order_of_rows() -> None:
    rows = pd.DataFrame({"path": [f"{row:03}" for row in range(200)], "label": "benign"})
    wide = np.arange(200) % 3 == 0
    first, second = ScoredModel("A", np.full(200, 0.25), 0.5), ScoredModel("B", np.where(wide, 0.75, 0.5), 0.5)
    assert disagreements(rows, first, second).path.tolist() == [*rows.path[wide], *rows.path[~wide]]


def test_models_that_agree_leave_an_empty_table(
    manifest: pd.DataFrame, models: tuple[ScoredModel, ScoredModel]
) -> None:
    found = disagreements(manifest, models[0], models[0])
    assert found.empty
    assert list(found.columns) == ["path", "label", "first", "second", "gap", "right"]


def test_disagreements_need_paths(manifest: pd.DataFrame, models: tuple[ScoredModel, ScoredModel]) -> None:
    with pytest.raises(ValueError, match=r"lacks the column\(s\) path"):
        disagreements(manifest.drop(columns="path"), *models)

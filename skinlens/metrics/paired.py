"""Two models on the same images: by how much they differ, and on which images they decide differently."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binomtest, norm, rankdata

from skinlens.metrics.classification import Floats, Labels, checked, require_threshold
from skinlens.metrics.intervals import (
    LEVEL,
    RESAMPLES,
    Ends,
    checked_groups,
    percentiles,
    placements,
    resample_weights,
)
from skinlens.metrics.measurement import Measurement
from skinlens.metrics.registry import METRICS, MetricName, score, weighted_metrics
from skinlens.metrics.rows import groups_of, labels_of, require_columns
from skinlens.metrics.views import View, views_of
from skinlens.translation import marked, sentence

# What is nearer to 0 is a rounding error: the AUC moves in steps of about 1/N^2, variances of placements of 1/N^4.
_ROUNDING = 1e-12
_VARIANCE_ROUNDING = 1e-26

# Probabilities of one seed, and its threshold.
_Run = tuple[Floats, float]


@dataclass(frozen=True)
class Difference:
    """One metric of two models on the same images.

    Attributes:
        first: The first model's value; None where it is undefined.
        second: The second model's.
        value: First minus second; None where either is undefined.
        low: Lower end of the 95 % interval of that; None where there is none.
        high: Upper end of it.
    """

    first: float | None
    second: float | None
    value: float | None
    low: float | None
    high: float | None

    @property
    def change(self) -> Measurement:
        """First minus second, with its interval."""
        return Measurement(self.value, self.low, self.high)

    @property
    def shown(self) -> bool:
        """Whether a difference was shown: the interval leaves out 0, on the side of the value."""
        if self.value is None or self.low is None or self.high is None:
            return False
        if self.value > 0:
            return self.low > _ROUNDING
        return self.value < 0 and self.high < -_ROUNDING


@dataclass(frozen=True)
class McNemar:
    """How often two models decide correctly together and alone.

    Attributes:
        both_right: Images that both decide correctly.
        only_first: Images that only the first model decides correctly.
        only_second: Images that only the second does.
        both_wrong: Images that neither does.
        p: Exact two-sided p of "each is as often right alone as the other"; 1 if they never differ.
    """

    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    p: float


@dataclass(frozen=True)
class DeLongTest:
    """The difference of two ROC AUCs on the same images and the two-sided p of "there is none"."""

    difference: Difference
    p: float


@dataclass(frozen=True, eq=False)
class ScoredModel:
    """A model's predictions.

    Attributes:
        name: As a reader should see it.
        probabilities: P(malignant), `(N,)` in [0, 1], in the order of the manifest's rows.
        threshold: An image is called malignant at or above it.
    """

    name: str
    probabilities: npt.ArrayLike
    threshold: float


@dataclass(frozen=True)
class Comparison:
    """Two models on one test view.

    Attributes:
        view: The view's name.
        explanation: The images it holds, for a reader.
        first: The first model's name.
        second: The second model's name.
        n: Images.
        benign: Benign ones.
        malignant: Malignant ones.
        metrics: All of `METRICS`, with intervals from the bootstrap over groups.
        decisions: McNemar's test; it takes images as independent.
        ranking: DeLong's test, likewise; None where it is undefined.
    """

    view: str
    explanation: str
    first: str
    second: str
    n: int
    benign: int
    malignant: int
    metrics: dict[MetricName, Difference]
    decisions: McNemar
    ranking: DeLongTest | None

    def sentence(self, metric: MetricName = "roc_auc") -> str:
        """Say which model is better by a metric and by how much, or that no difference was shown.

        Args:
            metric: Name in `registry.METRICS`.
        """
        return in_words(self.metrics[metric], metric, self.first, self.second)


def compare(
    manifest: pd.DataFrame,
    first: ScoredModel,
    second: ScoredModel,
    *,
    view: str = "all",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare two models on one test view.

    The intervals are each for one metric on one view. Of the many that can be looked at some will leave out 0 by
    chance, so say beforehand which one is to decide.

    Args:
        manifest: As for `report.evaluate_views`.
        first: Its predictions for every row.
        second: Likewise.
        view: A name from `views.views_of`.
        resamples: Draws of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        Differences of all metrics with paired intervals, McNemar's and DeLong's test.

    Raises:
        ValueError: As for `report.evaluate_views`, with the name of the model whose probabilities are at fault, or if
            the manifest does not allow the view.
    """
    labels = labels_of(manifest)
    probabilities = [_checked_model(labels, model.probabilities, model.name)[1] for model in (first, second)]
    chosen = _view(manifest, view)
    labels, one, other = labels[chosen.mask], probabilities[0][chosen.mask], probabilities[1][chosen.mask]
    thresholds = first.threshold, second.threshold
    groups = groups_of(manifest)[chosen.mask]
    return Comparison(
        view=view,
        explanation=chosen.explanation,
        first=first.name,
        second=second.name,
        n=len(labels),
        benign=int((labels == 0).sum()),
        malignant=int(labels.sum()),
        metrics=paired_bootstrap(labels, one, other, thresholds, groups, resamples=resamples, seed=seed),
        decisions=mcnemar(labels, one, other, *thresholds),
        ranking=paired_delong(labels, one, other),
    )


def disagreements(
    manifest: pd.DataFrame, first: ScoredModel, second: ScoredModel, *, view: str = "all"
) -> pd.DataFrame:
    """List the images that two models decide differently.

    Args:
        manifest: N rows with `path` and `label`, and the flags that the view needs.
        first: Its predictions for every row.
        second: Likewise.
        view: A name from `views.views_of`.

    Returns:
        `path`, `label`, the two probabilities as `first` and `second`, `gap` (their absolute difference) and `right`
        (which of the two decides correctly, "first" or "second"), the largest gap first.

    Raises:
        ValueError: As for `compare`, or if there is no column `path`.
    """
    require_columns(manifest, "path", "label")
    labels = labels_of(manifest)
    _, one = _checked_model(labels, first.probabilities, first.name)
    _, other = _checked_model(labels, second.probabilities, second.name)
    called = _called(one, first.threshold)
    rows = np.flatnonzero(_view(manifest, view).mask & (called != _called(other, second.threshold)))
    rows = rows[np.argsort(-np.abs(one - other)[rows], kind="stable")]
    return pd.DataFrame(
        {
            "path": manifest["path"].to_numpy()[rows],
            "label": manifest["label"].to_numpy()[rows],
            "first": one[rows],
            "second": other[rows],
            "gap": np.abs(one - other)[rows],
            "right": np.where(called[rows] == (labels[rows] == 1), "first", "second"),
        }
    )


def mcnemar(
    labels: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    threshold_first: float,
    threshold_second: float,
) -> McNemar:
    """Run McNemar's exact test of whether two models are equally often right (McNemar 1947).

    Of the images that only one of them decides correctly, each model's share is binomial with 1/2 if they are equally
    good. Images are taken as independent: with several images of a lesion p comes out too small.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        first: The first model's P(malignant), `(N,)` in [0, 1].
        second: The second model's.
        threshold_first: In [0, 1]; the first model decides `probability >= threshold`.
        threshold_second: The second model's.

    Raises:
        ValueError: As for `registry.score`, with "first" or "second" where a model is at fault.
    """
    labels, one = _checked_model(labels, first, "first")
    _, other = _checked_model(labels, second, "second")
    first_right = _called(one, threshold_first) == (labels == 1)
    second_right = _called(other, threshold_second) == (labels == 1)
    only_first, only_second = int((first_right & ~second_right).sum()), int((~first_right & second_right).sum())
    differing = only_first + only_second
    return McNemar(
        both_right=int((first_right & second_right).sum()),
        only_first=only_first,
        only_second=only_second,
        both_wrong=int((~first_right & ~second_right).sum()),
        p=float(binomtest(only_first, differing, 0.5).pvalue) if differing else 1.0,
    )


def paired_delong(labels: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike) -> DeLongTest | None:
    """Run DeLong's test of two ROC AUCs on the same images (DeLong, DeLong & Clarke-Pearson 1988).

    The interval is normal around the difference and cut to [-1, 1]. Images are taken as independent. Models that order
    all images alike have no difference: interval 0 to 0 and p 1.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        first: The first model's P(malignant), `(N,)` in [0, 1].
        second: The second model's.

    Returns:
        The test, or None where the variance cannot be estimated or is 0: fewer than two images of a class, or models
        that order the images differently but each image as well as the other does, as two that part the classes.

    Raises:
        ValueError: As for `mcnemar`.
    """
    labels, one = _checked_model(labels, first, "first")
    _, other = _checked_model(labels, second, "second")
    if min(labels.sum(), (1 - labels).sum()) < 2:
        return None
    places = [placements(model[labels == 1], model[labels == 0]) for model in (one, other)]
    aucs = [float(of_malignant.mean()) for of_malignant, _ in places]
    if np.array_equal(rankdata(one), rankdata(other)):
        return DeLongTest(Difference(aucs[0], aucs[1], 0.0, 0.0, 0.0), 1.0)
    # The variance of paired differences holds the covariance of the two models.
    per_class = [mine - theirs for mine, theirs in zip(*places, strict=True)]
    variance = sum(float(gaps.var(ddof=1)) / len(gaps) for gaps in per_class)
    if variance < _VARIANCE_ROUNDING:
        return None
    value, error = aucs[0] - aucs[1], float(np.sqrt(variance))
    margin = float(norm.ppf((1 + LEVEL) / 2)) * error
    difference = Difference(aucs[0], aucs[1], value, max(-1.0, value - margin), min(1.0, value + margin))
    return DeLongTest(difference, float(2 * norm.sf(abs(value) / error)))


def paired_bootstrap(
    labels: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    thresholds: tuple[float, float],
    groups: npt.ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int,
) -> dict[MetricName, Difference]:
    """Compute the difference of every metric, with percentile intervals from resampling whole groups of images.

    Both models are scored on the same draws, so that what makes a draw easy or hard for both cancels; otherwise as
    `intervals.bootstrap`, limits included.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        first: The first model's P(malignant), `(N,)` in [0, 1].
        second: The second model's.
        thresholds: The first and the second model's, in [0, 1].
        groups: `(N,)`, equal for images that belong together; numbers or strings.
        resamples: How many draws.
        seed: The same seed gives the same draws.

    Returns:
        Per metric its difference. It has no interval if it is undefined on more than 5 % of the draws or there is only
        one group.

    Raises:
        ValueError: As for `mcnemar` and `intervals.bootstrap`.
    """
    runs = [
        [(_checked_model(labels, probabilities, who)[1], threshold)]
        for probabilities, threshold, who in zip((first, second), thresholds, ("first", "second"), strict=True)
    ]
    return _differences(labels, runs, groups, resamples=resamples, seed=seed)


def paired_bootstrap_over_seeds(
    labels: npt.ArrayLike,
    first: Sequence[npt.ArrayLike],
    second: Sequence[npt.ArrayLike],
    thresholds: tuple[npt.ArrayLike, npt.ArrayLike],
    groups: npt.ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int,
) -> dict[MetricName, Difference]:
    """Compute the difference of every metric's mean over seeds, with intervals over seeds and groups of images.

    A draw takes seeds with replacement, as many as there are and for each model on its own, and groups with
    replacement, the same for all; its value is the mean over the drawn seeds of the first model minus that of the
    second. Resampling both factors at once errs, if at all, towards wide intervals (Owen 2007, "The pigeonhole
    bootstrap"), but S seeds show only (S - 1) / S of the variance between seeds, so with two or three of them the
    intervals are still too narrow.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        first: P(malignant) of the first model's seeds, two or more of `(N,)` in [0, 1].
        second: The second model's; it may have another number of seeds.
        thresholds: The first and the second model's, each one number or one for every seed.
        groups: `(N,)`, equal for images that belong together; numbers or strings.
        resamples: How many draws.
        seed: Of the bootstrap; the same one gives the same draws.

    Returns:
        As for `paired_bootstrap`; `first` and `second` are means over seeds.

    Raises:
        ValueError: As for `paired_bootstrap`, or if a model has fewer than two seeds or another number of thresholds.
    """
    runs = []
    for who, seeds, threshold in zip(("first", "second"), (first, second), thresholds, strict=True):
        if len(seeds) < 2:
            raise ValueError(f"the {who} model must have at least two seeds, not {len(seeds)}")
        at = np.asarray(threshold, dtype=np.float64)
        if at.shape not in ((), (len(seeds),)):
            raise ValueError(f"the {who} model must have one threshold or {len(seeds)}, not {at.size}")
        probabilities = [_checked_model(labels, run, f"{who}, seed {number}")[1] for number, run in enumerate(seeds)]
        runs.append(list(zip(probabilities, np.broadcast_to(at, len(seeds)).tolist(), strict=True)))
    return _differences(labels, runs, groups, resamples=resamples, seed=seed)


def in_words(difference: Difference, metric: MetricName, first: str, second: str) -> str:
    """Return one sentence: which model is better by a metric and by how much, or that no difference was shown.

    Args:
        difference: First minus second model.
        metric: Name in `registry.METRICS`.
        first: The first model's name, as a reader should see it.
        second: The second model's.

    Example:
        >>> in_words(Difference(0.967, 0.955, 0.012, 0.001, 0.024), "roc_auc", "ASFF", "ResNet-50")
        'ASFF is better than ResNet-50 by 0.012 ROC AUC (0.001 to 0.024).'
    """
    title = METRICS[metric].title
    named = {"first": first, "second": second, "metric": title}
    value, low, high = difference.value, difference.low, difference.high
    if value is None:
        return sentence("{first} and {second} cannot be compared: on these images {metric} is undefined.", **named)
    if low is None or high is None:
        return sentence(
            "{first} and {second} cannot be compared: these images are too few for an interval of {metric}.", **named
        )
    if not difference.shown:
        by, *ends = _rounded(value, low, high)
        return sentence(
            "No difference was shown: {first} minus {second} is {by} {metric} ({low} to {high}).",
            **named,
            by=by,
            low=ends[0],
            high=ends[1],
        )
    # Said without a sign, so that the interval's ends change places with it.
    by, *ends = _rounded(abs(value), *sorted((abs(low), abs(high))))
    if METRICS[metric].lower_is_better:
        better, worse = (first, second) if value < 0 else (second, first)
        words = marked("{better} is better than {worse}: its {metric} is lower by {by} ({low} to {high}).")
    else:
        better, worse = (first, second) if value > 0 else (second, first)
        words = marked("{better} is better than {worse} by {by} {metric} ({low} to {high}).")
    return sentence(words, better=better, worse=worse, metric=title, by=by, low=ends[0], high=ends[1])


def _checked_model(labels: npt.ArrayLike, probabilities: npt.ArrayLike, who: str) -> tuple[Labels, Floats]:
    try:
        return checked(labels, probabilities)
    except ValueError as error:
        raise ValueError(f"{who}: {error}") from error


def _view(manifest: pd.DataFrame, name: str) -> View:
    views = views_of(manifest)
    if name not in views:
        raise ValueError(f"view must be one that the manifest allows ({', '.join(views)}), not {name}")
    return views[name]


def _called(probabilities: Floats, threshold: float) -> npt.NDArray[np.bool_]:
    require_threshold(threshold)
    return probabilities >= threshold


def _differences(
    labels: npt.ArrayLike,
    runs: list[list[_Run]],
    groups: npt.ArrayLike,
    *,
    resamples: int,
    seed: int,
) -> dict[MetricName, Difference]:
    """First minus second model, each a list of its seeds' runs."""
    names = checked_groups(groups, len(runs[0][0][0]))
    first, second = (_mean_scores(labels, of_model) for of_model in runs)
    intervals: dict[MetricName, Ends] = dict.fromkeys(METRICS)
    if len(np.unique(names)) > 1:
        one, other = _drawn_means(labels, runs, names, resamples=resamples, seed=seed)
        intervals = {metric: percentiles(one[metric] - other[metric]) for metric in METRICS}
    differences = {}
    for metric in METRICS:
        mine, theirs, ends = first[metric], second[metric], intervals[metric] or (None, None)
        if mine is None or theirs is None:
            differences[metric] = Difference(mine, theirs, None, None, None)
        else:
            differences[metric] = Difference(mine, theirs, mine - theirs, *ends)
    return differences


def _mean_scores(labels: npt.ArrayLike, runs: list[_Run]) -> dict[MetricName, float | None]:
    """Each metric, averaged over runs; None if it is undefined for one of them."""
    scores = [score(labels, probabilities, threshold).values for probabilities, threshold in runs]
    means: dict[MetricName, float | None] = {}
    for metric in METRICS:
        defined = [value for values in scores if (value := values[metric]) is not None]
        means[metric] = sum(defined) / len(defined) if len(defined) == len(scores) else None
    return means


def _drawn_means(
    labels: npt.ArrayLike,
    runs: list[list[_Run]],
    groups: npt.NDArray[np.generic],
    *,
    resamples: int,
    seed: int,
) -> list[dict[MetricName, Floats]]:
    """Per model and metric its value in each draw of groups and of the model's runs, `(R,)`."""
    blocks = [
        [[weighted_metrics(labels, *run, weights) for run in of_model] for of_model in runs]
        for weights in resample_weights(groups, resamples=resamples, seed=seed)
    ]
    means = []
    for number, of_model in enumerate(runs):
        # A stream of its own leaves the draws of groups as they are without seeds.
        generator = np.random.default_rng([seed, number + 1])
        share = generator.multinomial(len(of_model), np.full(len(of_model), 1 / len(of_model)), size=resamples).T
        per_run = {
            metric: np.array(
                [np.concatenate([block[number][run][metric] for block in blocks]) for run in range(len(of_model))]
            )
            for metric in METRICS
        }
        means.append({metric: _weighted_mean(values, share) for metric, values in per_run.items()})
    return means


def _weighted_mean(values: Floats, weights: npt.NDArray[np.int64]) -> Floats:
    """Mean over the first axis; a value of weight 0 does not matter, even if it is undefined."""
    return np.where(weights > 0, values * weights, 0.0).sum(axis=0) / weights.sum(axis=0)


def _rounded(*numbers: float) -> list[str]:
    """The numbers with three decimals, or as many more as it takes for none but 0 to look like 0."""
    for decimals in range(3, 8):
        shown = [f"{number:z.{decimals}f}" for number in numbers]
        if all(float(text) != 0 or number == 0 for text, number in zip(shown, numbers, strict=True)):
            break
    return shown

"""95 % intervals: bootstrap over groups of images, Wilson for proportions, DeLong for the ROC AUC."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import norm, rankdata
from statsmodels.stats.proportion import proportion_confint

from skinlens.metrics.classification import METRICS, Floats, MetricName, checked
from skinlens.metrics.weighted import Weights, weighted_metrics

LEVEL = 0.95
RESAMPLES = 2000
UNDEFINED_LIMIT = 0.05
_BLOCK = 1_000_000


@dataclass(frozen=True)
class Interval:
    """Both ends of a 95 % interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Rate:
    """A proportion of `n` images with its Wilson interval; all None if `n` is 0."""

    value: float | None
    low: float | None
    high: float | None
    n: int


def bootstrap(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    threshold: float,
    groups: npt.ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int,
) -> dict[MetricName, Interval | None]:
    """Percentile intervals of every metric, from resampling whole groups of images.

    Images of one lesion are not independent, so groups are drawn with replacement, as many as there are, and every
    metric is taken on the same draws (Davison & Hinkley 1997, section 3.8). Draws on which a metric is undefined are
    left out. Two limits to know: a proportion of exactly 0 or 1 gets an interval of no width (look at Wilson's), and
    the calibration error grows with noise, which resampling adds, so its interval lies high and can miss the value.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        threshold: In [0, 1]; the decision is `probability >= threshold`.
        groups: `(N,)`, equal for images that belong together; numbers or strings.
        resamples: How many draws.
        seed: The same seed gives the same draws.

    Returns:
        Per metric its interval; None if it is undefined on more than 5 % of the draws or there is only one group.

    Raises:
        ValueError: As for `metrics.score`, or if the groups have another length or there is no resample.
    """
    truth, chances = checked(labels, probabilities)
    names = checked_groups(groups, len(truth))
    if len(np.unique(names)) < 2:
        return dict.fromkeys(METRICS)
    blocks = [
        weighted_metrics(truth, chances, threshold, weights)
        for weights in resample_weights(names, resamples=resamples, seed=seed)
    ]
    return {name: percentiles(np.concatenate([block[name] for block in blocks])) for name in METRICS}


def checked_groups(groups: npt.ArrayLike, n: int) -> npt.NDArray[np.generic]:
    """The groups as an array `(n,)`.

    Raises:
        ValueError: If they have another shape.
    """
    names = np.asarray(groups)
    if names.shape != (n,):
        raise ValueError(f"groups must have the shape {(n,)} of the labels, not {names.shape}")
    return names


def resample_weights(groups: npt.ArrayLike, *, resamples: int, seed: int) -> Iterator[Weights]:
    """How often each image occurs in each draw of groups with replacement.

    Args:
        groups: `(N,)`, equal for images that belong together.
        resamples: How many draws, R.
        seed: The same seed gives the same draws.

    Yields:
        Blocks of rows of the `(R, N)` table of counts, small enough for any memory.

    Raises:
        ValueError: If there is no resample.
    """
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, not {resamples}")
    names, group_of = np.unique(np.asarray(groups), return_inverse=True)
    even = np.full(len(names), 1 / len(names))
    generator = np.random.default_rng(seed)
    block = max(1, _BLOCK // len(group_of))
    for done in range(0, resamples, block):
        draws = generator.multinomial(len(names), even, size=min(block, resamples - done))
        yield draws[:, group_of]


def wilson(successes: int, n: int) -> Interval | None:
    """Wilson's score interval of a proportion, images taken as independent (Wilson 1927); None if `n` is 0.

    Raises:
        ValueError: If `successes` does not lie in 0 to `n`.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes must lie in 0 to n = {n}, not {successes}")
    if n == 0:
        return None
    low, high = proportion_confint(successes, n, alpha=1 - LEVEL, method="wilson")
    return Interval(max(0.0, float(low)), min(1.0, float(high)))


def wilson_rate(successes: int, n: int) -> Rate:
    """A proportion with its Wilson interval; errors as for `wilson`."""
    interval = wilson(successes, n)
    if interval is None:
        return Rate(None, None, None, n)
    return Rate(successes / n, interval.low, interval.high, n)


def delong(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Interval | None:
    """DeLong's interval of the ROC AUC, normal on the logit scale, images taken as independent.

    On the logit scale it stays within (0, 1) and covers better near 1 than on the plain scale (Pepe 2003).

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].

    Returns:
        The interval, or None where the variance cannot be estimated or is 0: fewer than two images of a class, or
        classes that do not overlap.

    Raises:
        ValueError: As for `metrics.score`.
    """
    estimate = delong_variance(labels, probabilities)
    if estimate is None or estimate[1] <= 0:
        return None
    auc, variance = estimate
    margin = norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance) / (auc * (1 - auc))
    return Interval(float(expit(logit(auc) - margin)), float(expit(logit(auc) + margin)))


def delong_variance(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[float, float] | None:
    """The ROC AUC and DeLong's variance of it (DeLong, DeLong & Clarke-Pearson 1988).

    Arguments and errors as for `delong`; None with fewer than two images of a class.
    """
    truth, chances = checked(labels, probabilities)
    if min(truth.sum(), (1 - truth).sum()) < 2:
        return None
    of_malignant, of_benign = placements(chances[truth == 1], chances[truth == 0])
    variance = of_malignant.var(ddof=1) / len(of_malignant) + of_benign.var(ddof=1) / len(of_benign)
    return float(of_malignant.mean()), float(variance)


def placements(malignant: Floats, benign: Floats) -> tuple[Floats, Floats]:
    """Per image the share of the other class it is ordered rightly against, by midranks (Sun & Xu 2014)."""
    pooled = rankdata(np.concatenate([malignant, benign]))
    of_malignant = (pooled[: len(malignant)] - rankdata(malignant)) / len(benign)
    of_benign = 1 - (pooled[len(malignant) :] - rankdata(benign)) / len(malignant)
    return of_malignant, of_benign


def percentiles(values: Floats) -> Interval | None:
    """The percentile interval of a bootstrap's draws `(R,)`, NaN left out; None if more than 5 % of them are NaN."""
    defined = values[~np.isnan(values)]
    if len(defined) < (1 - UNDEFINED_LIMIT) * len(values):
        return None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))

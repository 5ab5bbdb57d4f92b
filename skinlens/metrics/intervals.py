"""95 % intervals: bootstrap over groups of images, Wilson for proportions, DeLong for the ROC AUC."""

from collections.abc import Collection, Iterator

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata
from statsmodels.stats.proportion import proportion_confint

from skinlens.metrics.classification import Floats, checked
from skinlens.metrics.draws import Weights, draws_of
from skinlens.metrics.measurement import NO_IMAGE, Measurement, undefined
from skinlens.metrics.registry import METRICS, MetricName
from skinlens.metrics.scaling import logit, sigmoid

LEVEL = 0.95
RESAMPLES = 2000
UNDEFINED_LIMIT = 0.05
_BLOCK = 1_000_000

# The lower and the upper end of an interval; None where it is undefined.
Ends = tuple[float, float] | None


def bootstrap(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    threshold: float,
    groups: npt.ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int,
    metrics: Collection[MetricName] | None = None,
) -> dict[MetricName, Ends]:
    """Compute percentile intervals of metrics by resampling whole groups of images.

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
        metrics: Which ones; None takes every one of `registry.METRICS`.

    Returns:
        Per metric both ends of its interval; None if it is undefined on more than 5 % of the draws or there is only
        one group.

    Raises:
        ValueError: As for `registry.score`, or if the groups have another length or there is no resample.
    """
    labels, probabilities = checked(labels, probabilities)
    chosen = tuple(METRICS if metrics is None else metrics)
    names = checked_groups(groups, len(labels))
    # One group, drawn again and again, would give an interval of no width.
    if len(np.unique(names)) < 2:
        return dict.fromkeys(chosen)
    values: dict[MetricName, list[Floats]] = {name: [] for name in chosen}
    for weights in resample_weights(names, resamples=resamples, seed=seed):
        draws = draws_of(labels, probabilities, threshold, weights)
        for name in chosen:
            values[name].append(METRICS[name].function(draws))
    return {name: percentiles(np.concatenate(blocks)) for name, blocks in values.items()}


def checked_groups(groups: npt.ArrayLike, n: int) -> npt.NDArray[np.generic]:
    """Return the groups as an array.

    Args:
        groups: Equal for images that belong together; numbers or strings.
        n: How many images there are.

    Returns:
        `(n,)`.

    Raises:
        ValueError: If they have another shape.
    """
    names = np.asarray(groups)
    if names.shape != (n,):
        raise ValueError(f"groups must have the shape {(n,)} of the labels, not {names.shape}")
    return names


def resample_weights(groups: npt.ArrayLike, *, resamples: int, seed: int) -> Iterator[Weights]:
    """Draw groups with replacement and count how often each image occurs in each draw.

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
    # A multinomial draw is the same as drawing groups one by one, and gives counts at once.
    even = np.full(len(names), 1 / len(names))
    generator = np.random.default_rng(seed)
    block = max(1, _BLOCK // len(group_of))
    for done in range(0, resamples, block):
        draws = generator.multinomial(len(names), even, size=min(block, resamples - done))
        yield draws[:, group_of]


def wilson(part: int, n: int) -> Measurement:
    """Measure a proportion with Wilson's score interval (Wilson 1927), images taken as independent.

    Args:
        part: Images that count, of `n`.
        n: All images; the proportion is undefined if it is 0.

    Returns:
        `part / n` with both ends in [0, 1].

    Raises:
        ValueError: If `part` does not lie in 0 to `n`.

    Example:
        >>> wilson(279, 300).text()
        '0.930 (0.895 to 0.954)'
    """
    if not 0 <= part <= n:
        raise ValueError(f"part must lie in 0 to n = {n}, not {part}")
    if n == 0:
        return undefined(NO_IMAGE, 0)
    # Rounding can take an end beyond the range by 1e-17.
    low, high = proportion_confint(part, n, alpha=1 - LEVEL, method="wilson")
    return Measurement(part / n, max(0.0, float(low)), min(1.0, float(high)), n)


def delong(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Ends:
    """Compute DeLong's interval of the ROC AUC, normal on the logit scale, images taken as independent.

    On the logit scale it stays within (0, 1) and covers better near 1 than on the plain scale (Pepe 2003).

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].

    Returns:
        Both ends, or None where the variance cannot be estimated or is 0: fewer than two images of a class, or
        classes that do not overlap.

    Raises:
        ValueError: As for `registry.score`.
    """
    estimate = delong_variance(labels, probabilities)
    # Classes that do not overlap have a variance of 0, which says that there are few images, not that all is certain.
    if estimate is None or estimate[1] <= 0:
        return None
    auc, variance = estimate
    margin = norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance) / (auc * (1 - auc))
    centre = logit(auc)
    return float(sigmoid(centre - margin)), float(sigmoid(centre + margin))


def delong_variance(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[float, float] | None:
    """Compute the ROC AUC and DeLong's variance of it (DeLong, DeLong & Clarke-Pearson 1988).

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].

    Returns:
        Area and variance; None with fewer than two images of a class.

    Raises:
        ValueError: As for `registry.score`.
    """
    labels, probabilities = checked(labels, probabilities)
    if min(labels.sum(), (1 - labels).sum()) < 2:
        return None
    of_malignant, of_benign = placements(probabilities[labels == 1], probabilities[labels == 0])
    variance = of_malignant.var(ddof=1) / len(of_malignant) + of_benign.var(ddof=1) / len(of_benign)
    return float(of_malignant.mean()), float(variance)


def placements(malignant: Floats, benign: Floats) -> tuple[Floats, Floats]:
    """Return per image the share of the other class it is ordered rightly against, a tie counting half.

    By midranks, which takes N log N steps instead of one for each pair (Sun & Xu 2014).

    Args:
        malignant: Scores of the malignant images, `(M,)`.
        benign: Scores of the benign ones, `(B,)`.

    Returns:
        `(M,)` and `(B,)`, in [0, 1]; the mean of either is the ROC AUC.
    """
    pooled = rankdata(np.concatenate([malignant, benign]))
    of_malignant = (pooled[: len(malignant)] - rankdata(malignant)) / len(benign)
    of_benign = 1 - (pooled[len(malignant) :] - rankdata(benign)) / len(malignant)
    return of_malignant, of_benign


def percentiles(values: Floats) -> Ends:
    """Return the percentile interval of draws.

    Args:
        values: `(R,)`; NaN where a metric was undefined on a draw, which is left out.

    Returns:
        The 2.5th and the 97.5th percentile; None if more than 5 % of the draws are NaN.
    """
    defined = values[~np.isnan(values)]
    if len(defined) < (1 - UNDEFINED_LIMIT) * len(values):
        return None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)

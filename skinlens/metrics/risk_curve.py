"""The malignancy rate as a function of the score: a smooth, rising curve with an interval at each of its points."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import isotonic_regression

from skinlens.metrics.classification import Floats, checked
from skinlens.metrics.intervals import LEVEL, RESAMPLES, checked_groups
from skinlens.metrics.measurement import Measurement
from skinlens.metrics.scaling import logit, sigmoid

POINTS = 33
# Standard deviation of the window round a score, on the logit scale: 0.87 to 0.92 round a score of 0.9.
BANDWIDTH = 0.3
# Share of the images below the first and above the last point: further out there are too few to see a slope.
TAIL = 0.003
_BLOCK = 200


@dataclass(frozen=True)
class CurvePoint:
    """The malignancy rate at one score.

    Attributes:
        score: In (0, 1).
        rate: In [0, 1], with its interval; `n` images have a score within one bandwidth of this one.
    """

    score: float
    rate: Measurement


def risk_curve(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    groups: npt.ArrayLike,
    datasets: npt.ArrayLike,
    *,
    points: int = POINTS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[CurvePoint, ...]:
    """Measure how often lesions with a score were malignant, at the prevalence of the images given.

    At each point the rate is a local mean, weighted by a Gaussian of width `BANDWIDTH` on the logit scale; pooling
    adjacent violators then makes the rates rise with the score (Friedman & Tibshirani, Technometrics 26, 1984).

    The interval comes from a bootstrap in two stages: datasets are drawn with replacement, and within each dataset
    drawn its groups (Davison & Hinkley 1997, section 3.8). It thus holds for a dataset that was not among those
    measured. Datasets differ in prevalence, which the user chooses, so each draw is moved to the prevalence of all
    images by Bayes' rule: what varies is the likelihood ratio of a score alone. With a single dataset only groups are
    drawn.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign, both present.
        scores: `(N,)` in [0, 1], of images that the model has not trained on.
        groups: `(N,)`, equal for images of one lesion.
        datasets: `(N,)`, the source dataset of each image.
        points: How many, evenly spaced on the logit scale, with a share of `TAIL` of the scores beyond either end.
        resamples: Draws of the bootstrap.
        seed: The same seed gives the same draws.

    Returns:
        Points by rising score. The rate never falls, nor do the ends of its interval, and it lies within them.

    Raises:
        ValueError: As for `registry.score`, or if a class or a length is missing.

    Example:
        >>> curve = risk_curve([0, 1] * 50, [0.2, 0.8] * 50, range(100), ["a"] * 100, points=2, resamples=20)
        >>> [round(point.rate.value, 2) for point in curve]
        [0.0, 1.0]
    """
    labels, scores = checked(labels, scores)
    if labels.min() == labels.max():
        raise ValueError("a risk curve cannot be measured: all images have the same label")
    names = checked_groups(groups, len(labels))
    places = checked_groups(datasets, len(labels))
    across = logit(scores)
    first, last = np.quantile(across, [TAIL, 1 - TAIL])
    grid = np.linspace(float(first), float(last), points)
    distance = (across[:, None] - grid) / BANDWIDTH
    # Far from every image the nearest ones still count: nothing is divided by zero.
    closeness = np.exp(-0.5 * np.square(distance)) + 1e-12
    prior = float(logit(labels.mean()))
    rates = _rates(np.ones((1, len(labels))), labels, closeness, prior)[0]
    drawn = np.concatenate(
        [_rates(weights, labels, closeness, prior) for weights in _draws(names, places, resamples, seed)]
    )
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    near = (np.abs(distance) <= 1).sum(axis=0)
    # The value is that of all images; a bootstrap of a curve may miss it.
    ends = np.round([rates, np.minimum(low, rates), np.maximum(high, rates)], 5).T.tolist()
    return tuple(
        CurvePoint(round(float(score), 5), Measurement(value, lowest, highest, int(n)))
        for score, (value, lowest, highest), n in zip(sigmoid(grid), ends, near, strict=True)
    )


def _rates(weights: Floats, labels: npt.NDArray[np.int64], closeness: Floats, prior: float) -> Floats:
    """Return the rising rate at each point for each row of weights, `(R, P)`, at the prevalence of logit `prior`."""
    malignant, every = (weights * labels) @ closeness, weights @ closeness
    local = malignant / every
    share = (weights @ labels) / weights.sum(axis=1)
    # A draw of one class alone has no likelihood ratio.
    shift = np.where((share > 0) & (share < 1), prior - logit(share), np.nan)
    moved = sigmoid(logit(local) + shift[:, None])
    risen = [
        row if np.isnan(row).any() else isotonic_regression(row, sample_weight=weight)
        for row, weight in zip(moved, every, strict=True)
    ]
    return np.asarray(risen)


def _draws(
    groups: npt.NDArray[np.generic], datasets: npt.NDArray[np.generic], resamples: int, seed: int
) -> Iterator[Floats]:
    """Yield blocks of rows that count how often each image occurs when datasets, then groups in them, are drawn."""
    generator = np.random.default_rng(seed)
    parts = [np.flatnonzero(datasets == name) for name in np.unique(datasets)]
    placed = [np.unique(groups[part], return_inverse=True) for part in parts]
    for done in range(0, resamples, _BLOCK):
        rows = min(_BLOCK, resamples - done)
        weights = np.zeros((rows, len(groups)))
        chosen = generator.multinomial(len(parts), np.full(len(parts), 1 / len(parts)), size=rows)
        for part, (names, group_of), times in zip(parts, placed, chosen.T, strict=True):
            # A dataset drawn twice has its groups drawn twice too: as many draws in one multinomial.
            drawn = generator.multinomial(len(names) * times, np.full(len(names), 1 / len(names)))
            weights[:, part] = drawn[:, group_of]
        yield weights

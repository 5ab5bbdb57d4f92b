"""Single figures with their bootstrap interval over groups, and the reason where there is none."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skinlens.metrics.classification import Floats, Labels, MetricName, checked, score
from skinlens.metrics.intervals import RESAMPLES, Interval, bootstrap, checked_groups, percentiles, resample_weights
from skinlens.metrics.weighted import weighted_roc_auc


@dataclass(frozen=True)
class Figure:
    """A measured figure.

    Attributes:
        value: Point estimate; None where it is undefined.
        low: Lower end of the 95 % bootstrap interval over groups; None where there is none.
        high: Upper end of it.
        n: Images it rests on.
        reason: Why there is no value; None if there is one.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None = None


def undefined(reason: str, n: int) -> Figure:
    """A figure that cannot be measured."""
    return Figure(None, None, None, n, reason)


def bracketed(value: float | None, low: float | None, high: float | None) -> str:
    """A figure with its interval, as in `0.967 (0.951 to 0.980)`; "" where it is missing."""
    if value is None or np.isnan(value):
        return ""
    if low is None or high is None or np.isnan(low) or np.isnan(high):
        return f"{value:.3f}"
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def metric_figures(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    threshold: float,
    groups: npt.ArrayLike,
    *metrics: MetricName,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[MetricName, Figure]:
    """Some metrics of one set of predictions; arguments and errors as for `intervals.bootstrap`."""
    truth = np.asarray(labels)
    if not truth.size:
        return dict.fromkeys(metrics, undefined("there is no image", 0))
    values = score(truth, probabilities, threshold).values
    intervals = bootstrap(truth, probabilities, threshold, groups, resamples=resamples, seed=seed)
    figures = {}
    for metric in metrics:
        value = values[metric]
        figures[metric] = (
            undefined(_why_undefined(truth), len(truth))
            if value is None
            else _figure(value, intervals[metric], len(truth))
        )
    return figures


def roc_auc_figure(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, groups: npt.ArrayLike, *, resamples: int = RESAMPLES
) -> Figure:
    """The ROC AUC alone, on the draws of `metric_figures`; arguments and errors as for `intervals.bootstrap`."""
    if not np.asarray(labels).size:
        return undefined("there is no image", 0)
    # The AUC has no threshold; any will do.
    value = score(labels, probabilities, 0.5).values["roc_auc"]
    truth, chances = checked(labels, probabilities)
    if value is None:
        return undefined(_why_undefined(truth), len(truth))
    names = checked_groups(groups, len(truth))
    if len(np.unique(names)) < 2:
        return _figure(value, None, len(truth))
    draws = [
        weighted_roc_auc(truth, chances, weights) for weights in resample_weights(names, resamples=resamples, seed=0)
    ]
    return _figure(value, percentiles(np.concatenate(draws)), len(truth))


def mean_figure(
    values: npt.ArrayLike, groups: npt.ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0, absent: str
) -> Figure:
    """The mean of one number an image; a share, where the numbers are 0 and 1.

    Args:
        values: `(N,)`, finite.
        groups: `(N,)`, equal for images that belong together.
        resamples: Draws of the bootstrap.
        seed: Of the bootstrap.
        absent: The reason to give where N is 0.

    Raises:
        ValueError: If the groups have another length.
    """
    numbers = np.asarray(values, dtype=np.float64)
    names = checked_groups(groups, len(numbers))
    if not len(numbers):
        return undefined(absent, 0)
    mean = float(numbers.mean())
    if len(np.unique(names)) < 2:
        return _figure(mean, None, len(numbers))
    drawn: list[Floats] = [
        weights @ numbers / weights.sum(axis=1) for weights in resample_weights(names, resamples=resamples, seed=seed)
    ]
    return _figure(mean, percentiles(np.concatenate(drawn)), len(numbers))


def evenly_spread(labels: Labels, most: int) -> Labels:
    """Rows to take where all are too many: each label in its share, evenly spread over its rows.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        most: About how many to take; rounding and the rule of at least one a label can add one.

    Returns:
        The chosen rows, rising; all of them if N is not more than `most`.

    Raises:
        ValueError: If `most` is under 1.
    """
    if most < 1:
        raise ValueError(f"most must be at least 1, not {most}")
    if len(labels) <= most:
        return np.arange(len(labels))
    chosen = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = max(1, round(most * len(members) / len(labels)))
        chosen.append(members[np.linspace(0, len(members) - 1, count).round().astype(int)])
    return np.sort(np.concatenate(chosen))


def _figure(value: float, interval: Interval | None, n: int) -> Figure:
    if interval is None:
        return Figure(value, None, None, n)
    return Figure(value, interval.low, interval.high, n)


def _why_undefined(truth: npt.NDArray[np.generic]) -> str:
    only = "malignant" if truth.all() else "benign"
    return f"every image is {only}"

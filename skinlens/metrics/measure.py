"""Measure metrics and means with their bootstrap interval over groups, and the reason where one is undefined."""

import numpy as np
import numpy.typing as npt

from skinlens.metrics.classification import Floats, confusion_at
from skinlens.metrics.draws import draws_of
from skinlens.metrics.intervals import RESAMPLES, bootstrap, checked_groups, percentiles, resample_weights
from skinlens.metrics.measurement import NO_IMAGE, Measurement, undefined, with_ends
from skinlens.metrics.registry import METRICS, MetricName, value_of


def measure(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    threshold: float,
    groups: npt.ArrayLike,
    *metrics: MetricName,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[MetricName, Measurement]:
    """Measure some metrics of one set of predictions; without an image all are undefined.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        threshold: In [0, 1]; the decision is `probability >= threshold`.
        groups: `(N,)`, equal for images that belong together.
        *metrics: Names in `registry.METRICS`.
        resamples: Draws of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        ValueError: As for `intervals.bootstrap`.

    Example:
        >>> measure([0, 1, 0, 1], [0.1, 0.9, 0.6, 0.7], 0.5, range(4), "accuracy")["accuracy"].value
        0.75
    """
    if not np.asarray(labels).size:
        return dict.fromkeys(metrics, undefined(NO_IMAGE, 0))
    draws = draws_of(labels, probabilities, threshold)
    confusion = confusion_at(labels, probabilities, threshold)
    intervals = bootstrap(labels, probabilities, threshold, groups, resamples=resamples, seed=seed, metrics=metrics)
    measurements = {}
    for metric in metrics:
        value, n = value_of(METRICS[metric], draws), METRICS[metric].images(confusion)
        if value is not None:
            measurements[metric] = with_ends(value, intervals[metric], n)
        elif draws.labels.all():
            measurements[metric] = undefined("every image is malignant", n)
        else:
            why = "nothing can be divided by" if draws.labels.any() else "every image is benign"
            measurements[metric] = undefined(why, n)
    return measurements


def measure_roc_auc(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, groups: npt.ArrayLike, *, resamples: int = RESAMPLES
) -> Measurement:
    """Measure the ROC AUC, which needs no threshold; otherwise as `measure`.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        groups: `(N,)`, equal for images that belong together.
        resamples: Draws of the bootstrap, whose seed is 0.

    Raises:
        ValueError: As for `intervals.bootstrap`.
    """
    return measure(labels, probabilities, 0.5, groups, "roc_auc", resamples=resamples)["roc_auc"]


def measure_mean(
    values: npt.ArrayLike, groups: npt.ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0, absent: str
) -> Measurement:
    """Measure the mean of one number an image; a share, where the numbers are 0 and 1.

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
        return with_ends(mean, None, len(numbers))
    drawn: list[Floats] = [
        weights @ numbers / weights.sum(axis=1) for weights in resample_weights(names, resamples=resamples, seed=seed)
    ]
    return with_ends(mean, percentiles(np.concatenate(drawn)), len(numbers))

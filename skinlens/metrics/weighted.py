"""Every metric under many sets of image weights at once, sorted once: what makes the bootstrap quick."""

import numpy as np
import numpy.typing as npt

from skinlens.metrics.classification import (
    CALIBRATION_BINS,
    Floats,
    Labels,
    MetricName,
    checked,
    rates_from_counts,
    require_threshold,
)

Weights = npt.NDArray[np.int64]


def weighted_metrics(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, threshold: float, weights: Weights
) -> dict[MetricName, Floats]:
    """Every metric of `metrics.score`, per set of weights.

    An image of weight k counts as k copies of it, so a weight of 0 leaves it out.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        threshold: In [0, 1]; the decision is `probability >= threshold`.
        weights: Whole numbers from 0, `(R, N)`, with a positive sum in each row.

    Returns:
        Per metric `(R,)`, NaN where it is undefined.

    Raises:
        ValueError: As for `metrics.score`, or if the weights have another shape.
    """
    truth, chances = checked(labels, probabilities)
    require_threshold(threshold)
    if weights.ndim != 2 or weights.shape[1] != len(truth):
        raise ValueError(f"weights must have the shape (R, {len(truth)}), not {weights.shape}")
    called = chances >= threshold
    cells = [(truth == label) & (called == decision) for label in (0, 1) for decision in (False, True)]
    values = rates_from_counts(*(weights @ cell.astype(np.float64) for cell in cells))
    values["brier"] = weights @ (chances - truth) ** 2 / weights.sum(axis=1)
    return values | _metrics_of_ranks(truth, chances, weights)


def weighted_roc_auc(labels: npt.ArrayLike, probabilities: npt.ArrayLike, weights: Weights) -> Floats:
    """Compute the ROC AUC of `weighted_metrics` alone, several times faster than all metrics.

    Arguments and errors as there; returns `(R,)`, NaN where it is undefined.
    """
    truth, chances = checked(labels, probabilities)
    _, _, weight, malignant = _by_rank(truth, chances, weights)
    return _roc_auc(malignant, weight - malignant)


def _metrics_of_ranks(truth: Labels, chances: Floats, weights: Weights) -> dict[MetricName, Floats]:
    order, starts, weight, malignant = _by_rank(truth, chances, weights)
    benign = weight - malignant
    undefined = (malignant.sum(axis=1) == 0) | (benign.sum(axis=1) == 0)
    with np.errstate(invalid="ignore"):
        pr_auc = _average_precision(malignant, benign)
    return {
        "roc_auc": _roc_auc(malignant, benign),
        "pr_auc": np.where(undefined, np.nan, pr_auc),
        "calibration_error": _calibration_error(weight, chances[order][starts] * weight - malignant),
    }


def _by_rank(truth: Labels, chances: Floats, weights: Weights) -> tuple[Labels, Labels, Weights, Weights]:
    """Order of the images, where each distinct probability starts in it, and per distinct probability both weights."""
    order = np.argsort(chances, kind="stable")
    starts = np.flatnonzero(np.diff(chances[order], prepend=-1.0))
    ordered = weights[:, order]
    malignant = np.add.reduceat(ordered * truth[order], starts, axis=1)
    return order, starts, np.add.reduceat(ordered, starts, axis=1), malignant


def _roc_auc(malignant: Weights, benign: Weights) -> Floats:
    """Share of malignant-benign pairs in the right order, a tie counting half; weights `(R, K)`, K rising."""
    benign_below = np.cumsum(benign, axis=1) - benign / 2
    pairs = malignant.sum(axis=1) * benign.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.where(pairs > 0, (malignant * benign_below).sum(axis=1) / pairs, np.nan)


def _average_precision(malignant: Weights, benign: Weights) -> Floats:
    """Precision at every distinct probability, averaged over the malignant weight found there."""
    found = np.cumsum(malignant[:, ::-1], axis=1)
    called = found + np.cumsum(benign[:, ::-1], axis=1)
    precision = found / np.maximum(called, 1)
    return (malignant[:, ::-1] * precision).sum(axis=1) / malignant.sum(axis=1)


def _calibration_error(weight: Weights, excess: Floats) -> Floats:
    """`metrics.calibration_error` from each tie's weight and its summed probability minus label, both `(R, K)`."""
    total = weight.sum(axis=1, keepdims=True)
    twice_midpoint = 2 * np.cumsum(weight, axis=1) - weight
    bin_of = np.minimum(CALIBRATION_BINS * twice_midpoint // (2 * total), CALIBRATION_BINS - 1)
    rows = len(weight)
    cell = bin_of + CALIBRATION_BINS * np.arange(rows)[:, None]
    per_bin = np.bincount(cell.ravel(), weights=excess.ravel(), minlength=rows * CALIBRATION_BINS)
    return np.abs(per_bin).reshape(rows, -1).sum(axis=1) / total[:, 0]

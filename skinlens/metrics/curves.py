"""Points of the charts of one model: ROC, precision-recall, reliability, decision curve, error at a coverage."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from skinlens.metrics.classification import Floats, Labels, checked, require_threshold
from skinlens.metrics.draws import CALIBRATION_BINS, equal_mass_bins
from skinlens.metrics.intervals import wilson
from skinlens.metrics.scaling import logit

DECISION_THRESHOLDS: Floats = np.arange(1, 100) / 100


def roc_points(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> pd.DataFrame | None:
    """Compute the ROC curve; the area under straight lines between its points is the ROC AUC.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].

    Returns:
        `threshold`, `false_positive_rate` and `sensitivity` of every distinct probability as the threshold, falling;
        before them the point (0, 0) of an infinite threshold. None unless there are both classes.

    Raises:
        ValueError: As for `registry.score`.
    """
    labels, probabilities = checked(labels, probabilities)
    if not _both_classes(labels):
        return None
    false_positive_rate, sensitivity, thresholds = roc_curve(labels, probabilities, drop_intermediate=False)
    return pd.DataFrame(
        {"threshold": thresholds, "false_positive_rate": false_positive_rate, "sensitivity": sensitivity}
    )


def pr_points(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> pd.DataFrame | None:
    """Compute the precision-recall curve; the area under its steps is the PR AUC.

    A point's precision holds from the previous point's sensitivity up to its own: straight lines between points would
    promise too much (Davis & Goadrich 2006). It begins with the first images called: before, precision is undefined.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].

    Returns:
        `threshold`, `sensitivity` and `precision` of every distinct probability as the threshold, falling. None unless
        there are both classes.

    Raises:
        ValueError: As for `registry.score`.
    """
    labels, probabilities = checked(labels, probabilities)
    if not _both_classes(labels):
        return None
    # scikit-learn gives rising thresholds and ends with a point of no image, which has no precision.
    precision, sensitivity, thresholds = precision_recall_curve(labels, probabilities)
    return pd.DataFrame(
        {"threshold": thresholds[::-1], "sensitivity": sensitivity[-2::-1], "precision": precision[-2::-1]}
    )


def reliability(labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, bins: int = CALIBRATION_BINS) -> pd.DataFrame:
    """Compute the reliability diagram, in the bins of `calibration.calibration_error`.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        bins: Number of bins; empty ones are left out.

    Returns:
        Per bin, rising: `mean_probability`, `observed` (share of malignant images) with its Wilson interval `low` and
        `high`, and `n`. The mean of |mean_probability - observed|, weighted by `n`, is the calibration error.

    Raises:
        ValueError: As for `registry.score`.
    """
    labels, probabilities = checked(labels, probabilities)
    _, rank, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    bin_of = equal_mass_bins(counts, bins)[rank]
    rows = []
    for members in (bin_of == number for number in np.unique(bin_of)):
        rate = wilson(int(labels[members].sum()), int(members.sum()))
        rows.append((float(probabilities[members].mean()), rate.value, rate.low, rate.high, rate.n))
    return pd.DataFrame(rows, columns=["mean_probability", "observed", "low", "high", "n"])


def decision_curve(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> pd.DataFrame:
    """Compute a decision curve (Vickers & Elkin 2006, Medical Decision Making 26:565).

    Someone who acts from a probability of t upwards weighs a needless referral as t / (1 - t) of a malignant lesion
    detected. Net benefit is then `TP / N - FP / N * t / (1 - t)`, in malignant lesions detected per image. It needs
    calibrated probabilities, and it depends on the share of malignant images: it describes the images at hand, not a
    clinic, where that share is far smaller.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].

    Returns:
        `threshold` from 0.01 to 0.99, and the net benefit of referring by the `model`, of `treat_all` (everyone is
        referred) and of `treat_none` (0).

    Raises:
        ValueError: As for `registry.score`.
    """
    labels, probabilities = checked(labels, probabilities)
    odds = DECISION_THRESHOLDS / (1 - DECISION_THRESHOLDS)
    called = []
    for label in (1, 0):
        ascending = np.sort(probabilities[labels == label])
        below = np.searchsorted(ascending, DECISION_THRESHOLDS, side="left")
        # As a share of all images, not of the class: net benefit is per image.
        called.append((len(ascending) - below) / len(labels))
    true_positives, false_positives = called
    prevalence = labels.mean()
    return pd.DataFrame(
        {
            "threshold": DECISION_THRESHOLDS,
            "model": true_positives - false_positives * odds,
            "treat_all": prevalence - (1 - prevalence) * odds,
            "treat_none": 0.0,
        }
    )


def coverage_error(labels: npt.ArrayLike, probabilities: npt.ArrayLike, threshold: float) -> pd.DataFrame:
    """Compute the error on the images that the model is surest of, against their share.

    After El-Yaniv & Wiener 2010, JMLR 11:1605.

    How sure it is of an image is the distance of the probability from the threshold in logits, so that a low threshold
    leaves room for being sure below it too.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        threshold: In [0, 1]; the decision is `probability >= threshold`.

    Returns:
        Per distinct `distance`, falling: the images at least as far away, as `coverage` (their share), `n`, `errors`
        (wrong decisions among them) and `error` (share of wrong ones) with its Wilson interval `low` and `high`. The
        last row is every image.

    Raises:
        ValueError: As for `registry.score`.
    """
    labels, probabilities = checked(labels, probabilities)
    require_threshold(threshold)
    # Rounded, so that 0.3 and 0.7 are equally far from 0.5.
    distance = np.round(np.abs(logit(probabilities) - logit(threshold)), 9)
    # Stable, so that images at the same distance keep the order of the rows.
    order = np.argsort(-distance, kind="stable")
    wrong = np.cumsum((probabilities >= threshold)[order] != (labels == 1)[order])
    # Images at the same distance are decided together: only the last of them is a point.
    last = np.flatnonzero(np.diff(distance[order], append=-1.0))
    rates = [wilson(int(wrong[row]), int(row) + 1) for row in last]
    return pd.DataFrame(
        {
            "distance": distance[order][last],
            "coverage": (last + 1) / len(labels),
            "n": last + 1,
            "errors": wrong[last],
            "error": [rate.value for rate in rates],
            "low": [rate.low for rate in rates],
            "high": [rate.high for rate in rates],
        }
    )


def _both_classes(labels: Labels) -> bool:
    return bool(labels.min() < labels.max())

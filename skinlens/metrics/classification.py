"""Figures of merit of a set of predictions; one that is undefined is None."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, brier_score_loss, confusion_matrix, roc_auc_score

MetricName = Literal[
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "precision",
    "f1",
    "roc_auc",
    "pr_auc",
    "brier",
    "calibration_error",
]
METRICS: tuple[MetricName, ...] = get_args(MetricName)
CALIBRATION_BINS = 15

Labels = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Confusion:
    """Counts of decisions against labels; positive is malignant."""

    tn: int
    fp: int
    fn: int
    tp: int

    @property
    def benign(self) -> int:
        """Benign images."""
        return self.tn + self.fp

    @property
    def malignant(self) -> int:
        """Malignant images."""
        return self.fn + self.tp

    @property
    def called(self) -> int:
        """Images called malignant, rightly or not."""
        return self.fp + self.tp

    @property
    def n(self) -> int:
        """All images."""
        return self.benign + self.malignant


@dataclass(frozen=True)
class Scores:
    """Every metric of one set of predictions.

    Attributes:
        threshold: An image is called malignant at or above it.
        confusion: What those decisions come to.
        values: Each metric, in [0, 1]; None where it is undefined.
    """

    threshold: float
    confusion: Confusion
    values: dict[MetricName, float | None]


def score(labels: npt.ArrayLike, probabilities: npt.ArrayLike, threshold: float) -> Scores:
    """Every metric of one set of predictions.

    ROC AUC, PR AUC (average precision) and balanced accuracy need both classes; sensitivity and F1 a malignant image,
    specificity a benign one, and precision an image called malignant. Without it they are None.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        threshold: In [0, 1]; the decision is `probability >= threshold`.

    Raises:
        ValueError: If the lengths differ, there is no image, or a value is missing or out of range; the message names
            the rows.
    """
    truth, chances = checked(labels, probabilities)
    confusion = confusion_at(truth, chances, threshold)
    by_count = rates_from_counts(
        *(np.array(count) for count in (confusion.tn, confusion.fp, confusion.fn, confusion.tp))
    )
    values: dict[MetricName, float | None] = {name: _defined(value) for name, value in by_count.items()}
    both = confusion.benign > 0 and confusion.malignant > 0
    values["roc_auc"] = float(roc_auc_score(truth, chances)) if both else None
    values["pr_auc"] = float(average_precision_score(truth, chances)) if both else None
    values["brier"] = float(brier_score_loss(truth, chances, pos_label=1))
    values["calibration_error"] = calibration_error(truth, chances)
    return Scores(threshold, confusion, values)


def confusion_at(labels: npt.ArrayLike, probabilities: npt.ArrayLike, threshold: float) -> Confusion:
    """The confusion matrix of the decision `probability >= threshold`; arguments and errors as for `score`."""
    truth, chances = checked(labels, probabilities)
    require_threshold(threshold)
    counts = confusion_matrix(truth, chances >= threshold, labels=[0, 1])
    return Confusion(*(int(count) for count in counts.ravel()))


def rates_from_counts(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> dict[MetricName, Floats]:
    """The metrics that follow from a confusion matrix.

    F1 is `2 tp / (2 tp + fp + fn)`: 0 if malignant images exist and none is found, undefined if there are none.

    Args:
        tn: Benign images called benign, as counts or weights, any shape; the others likewise.
        fp: Benign images called malignant.
        fn: Malignant images called benign.
        tp: Malignant images called malignant.

    Returns:
        Per metric an array of that shape, NaN where the metric is undefined.
    """
    sensitivity = _ratio(tp, tp + fn)
    specificity = _ratio(tn, tn + fp)
    return {
        "accuracy": _ratio(tn + tp, tn + fp + fn + tp),
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "precision": _ratio(tp, tp + fp),
        "f1": np.where(tp + fn > 0, _ratio(2 * tp, 2 * tp + fp + fn), np.nan),
    }


def calibration_error(labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error with bins that hold equally many images.

    The sum over bins of the bin's share of images times |mean probability - share of malignant|. An image's bin is
    `floor(bins * (midrank - 1/2) / N)`, so that equal probabilities share a bin whatever the order of the rows; some
    bins stay empty where there are many ties or fewer images than bins. Equal-mass bins after Nixon et al. 2019,
    arXiv 1904.01685. Noise adds to it: a perfectly calibrated model scores above 0 on a finite set.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        bins: Number of bins.

    Raises:
        ValueError: As for `score`.
    """
    truth, chances = checked(labels, probabilities)
    excess = np.bincount(equal_mass_bins(chances, bins), weights=chances - truth, minlength=bins)
    return float(np.abs(excess).sum() / len(chances))


def equal_mass_bins(probabilities: Floats, bins: int = CALIBRATION_BINS) -> Labels:
    """The bin of each image in `calibration_error`, `(N,)`, from 0 to `bins - 1` with rising probability."""
    twice_midrank = np.rint(2 * rankdata(probabilities)).astype(np.int64)
    return bins * (twice_midrank - 1) // (2 * len(probabilities))


def checked(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[Labels, Floats]:
    """Labels as int64 and probabilities as float64, both `(N,)`.

    Raises:
        ValueError: If they are not two sequences of the same length of at least 1, or a label is not 0 or 1, or a
            probability is not a finite number in [0, 1]; the message names the rows.
    """
    truth, chances = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != chances.shape:
        raise ValueError(f"labels and probabilities must have the shape (N,), not {truth.shape} and {chances.shape}")
    if truth.size == 0:
        raise ValueError("there is no image to score: labels and probabilities are empty")
    require_rows(np.isin(truth, (0, 1)), "labels must be 0 (benign) or 1 (malignant)")
    require_rows((chances >= 0) & (chances <= 1), "probabilities must be finite numbers in [0, 1]")
    return truth.astype(np.int64), chances


def require_threshold(threshold: float) -> None:
    """Insist on a threshold in [0, 1].

    Raises:
        ValueError: If it lies outside or is not a number.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie in [0, 1], not {threshold}")


def require_rows(valid: npt.NDArray[np.bool_], rule: str) -> None:
    """Insist that a rule holds in every row.

    Raises:
        ValueError: If it does not; the message is the rule and the first few offending rows.
    """
    rows = np.flatnonzero(~valid)
    if rows.size:
        shown = ", ".join(str(row) for row in rows[:10])
        more = f" and {rows.size - 10} more" if rows.size > 10 else ""
        raise ValueError(f"{rule}; broken in row {shown}{more} (the first row is 0)")


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)


def _defined(value: Floats) -> float | None:
    return None if np.isnan(value) else float(value)

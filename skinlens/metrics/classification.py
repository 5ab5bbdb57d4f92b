"""Labels, probabilities and thresholds as every statistic takes them, and the confusion matrix they give."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
    def right(self) -> int:
        """Images whose decision agrees with their label."""
        return self.tn + self.tp

    @property
    def n(self) -> int:
        """All images."""
        return self.benign + self.malignant


def confusion_at(labels: npt.ArrayLike, probabilities: npt.ArrayLike, threshold: float) -> Confusion:
    """Count the decisions `probability >= threshold`.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        threshold: In [0, 1].

    Returns:
        Four counts with the sum N; positive is malignant.

    Raises:
        ValueError: As for `checked` and `require_threshold`.

    Example:
        >>> confusion_at([0, 0, 1], [0.2, 0.7, 0.5], 0.5)
        Confusion(tn=1, fp=1, fn=0, tp=1)
    """
    labels, probabilities = checked(labels, probabilities)
    require_threshold(threshold)
    # The four combinations as numbers: 0 and 1 are benign, 2 and 3 malignant.
    counts = np.bincount(2 * labels + (probabilities >= threshold), minlength=4)
    return Confusion(*(int(count) for count in counts))


def checked(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> tuple[Labels, Floats]:
    """Check labels and probabilities, and return them as arrays.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].

    Returns:
        Labels as int64 and probabilities as float64, both `(N,)`.

    Raises:
        ValueError: If they are not two sequences of the same length of at least 1, or a label is not 0 or 1, or a
            probability is not a finite number in [0, 1]; the message names the rows.
    """
    labels, probabilities = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != probabilities.shape:
        raise ValueError(
            f"labels and probabilities must have the shape (N,), not {labels.shape} and {probabilities.shape}"
        )
    if labels.size == 0:
        raise ValueError("there is no image to score: labels and probabilities are empty")
    require_rows(np.isin(labels, (0, 1)), "labels must be 0 (benign) or 1 (malignant)")
    # A comparison with NaN is false, so that a missing value is named too.
    require_rows((probabilities >= 0) & (probabilities <= 1), "probabilities must be finite numbers in [0, 1]")
    return labels.astype(np.int64), probabilities


def require_threshold(threshold: float) -> None:
    """Insist on a threshold in [0, 1].

    Raises:
        ValueError: If it lies outside or is not a number.
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie in [0, 1], not {threshold}")


def require_rows(valid: npt.NDArray[np.bool_], rule: str) -> None:
    """Insist that a rule holds in every row.

    Args:
        valid: `(N,)`, whether it does.
        rule: What must hold, as the beginning of a sentence.

    Raises:
        ValueError: If it does not; the message is the rule and the first ten offending rows, counted from 0.
    """
    rows = np.flatnonzero(~valid)
    if rows.size:
        shown = ", ".join(str(row) for row in rows[:10])
        more = f" and {rows.size - 10} more" if rows.size > 10 else ""
        raise ValueError(f"{rule}; broken in row {shown}{more} (the first row is 0)")

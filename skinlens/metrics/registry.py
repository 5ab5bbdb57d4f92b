"""Every metric: its title, direction, function and interval. Adding one is an entry in `METRICS` and a test."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from skinlens.metrics.classification import Confusion, Floats, confusion_at
from skinlens.metrics.draws import Draws, Weights, draws_of
from skinlens.translation import marked

# Titles as they begin a line, for the catalogues.
_HEADINGS = (
    marked("Accuracy"),
    marked("Balanced accuracy"),
    marked("Sensitivity"),
    marked("Specificity"),
    marked("Precision"),
    marked("Calibration error"),
)
# A key of METRICS; keys are written to evaluation records and model cards, so they stay.
MetricName = str


@dataclass(frozen=True)
class Metric:
    """A metric of a set of predictions. Its main interval is always the bootstrap over groups of images.

    Attributes:
        title: As it reads within a sentence, such as `ROC AUC` or `sensitivity`.
        function: Its values under R sets of weights, `(R,)`; NaN where it is undefined.
        lower_is_better: Whether a smaller value means a better model.
        counts: For a proportion, the part and the whole; the whole is the number of images it rests on. None for any
            other metric, which rests on all images.
        of_confusion: Its value from the confusion matrix alone, of counts or of arrays of counts, NaN where it is
            undefined; None if it needs the probabilities.
        second_interval: A second interval that takes images as independent: Wilson's for a proportion, DeLong's for
            the ROC AUC; None where there is no such interval.
    """

    title: str
    function: Callable[[Draws], Floats]
    lower_is_better: bool = False
    counts: Callable[[Confusion], tuple[int, int]] | None = None
    of_confusion: Callable[[Confusion], Floats] | None = None
    second_interval: Literal["wilson", "delong"] | None = None

    @property
    def heading(self) -> str:
        """The title as it begins a line."""
        return self.title[0].upper() + self.title[1:]

    def images(self, confusion: Confusion) -> int:
        """Return how many images the metric rests on.

        Args:
            confusion: Counts of the decisions.
        """
        return self.counts(confusion)[1] if self.counts else confusion.n


def from_confusion(title: str, function: Callable[[Confusion], Floats]) -> Metric:
    """Return a metric that follows from the confusion matrix.

    Args:
        title: As it reads within a sentence.
        function: From counts, or arrays of counts `(R,)`, to its values; NaN where it is undefined.
    """
    return Metric(title, lambda draws: function(draws.confusion), of_confusion=function)


def proportion(title: str, counts: Callable[[Confusion], tuple[int, int]]) -> Metric:
    """Return a metric that is a share of some images, with Wilson's as its second interval.

    Args:
        title: As it reads within a sentence.
        counts: From a confusion matrix to the part and the whole; the metric is undefined where the whole is 0.
    """

    def share(confusion: Confusion) -> Floats:
        return ratio(*counts(confusion))

    return Metric(
        title,
        lambda draws: share(draws.confusion),
        counts=counts,
        of_confusion=share,
        second_interval="wilson",
    )


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> Floats:
    """Divide counts.

    Args:
        part: Of any shape.
        whole: Of the same shape.

    Returns:
        float64 of that shape; NaN where the whole is 0.
    """
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def roc_auc(draws: Draws) -> Floats:
    """Compute the share of malignant-benign pairs in the right order, a tie counting half.

    This is the Mann-Whitney statistic, and the area under the ROC curve (Hanley & McNeil 1982).

    Args:
        draws: Of N images.

    Returns:
        `(R,)` in [0, 1]; NaN with one class.
    """
    malignant, benign = draws.malignant_by_rank, draws.benign_by_rank
    benign_below = np.cumsum(benign, axis=1) - benign / 2
    pairs = malignant.sum(axis=1) * benign.sum(axis=1)
    return ratio((malignant * benign_below).sum(axis=1), pairs)


def _pr_auc(draws: Draws) -> Floats:
    """Average precision: precision at every distinct probability, averaged over the malignant images there."""
    falling = draws.malignant_by_rank[:, ::-1]
    true_positives = np.cumsum(falling, axis=1)
    called = true_positives + np.cumsum(draws.benign_by_rank[:, ::-1], axis=1)
    # Where nothing is called nothing is true either, so that 0 / 1 stands for 0 / 0.
    precision = true_positives / np.maximum(called, 1)
    average = ratio((falling * precision).sum(axis=1), falling.sum(axis=1))
    return np.where(draws.one_class, np.nan, average)


def _f1(confusion: Confusion) -> Floats:
    """`2 tp / (2 tp + fp + fn)`: 0 if malignant images exist and none is called so, undefined if there are none."""
    f1 = ratio(2 * confusion.tp, confusion.malignant + confusion.called)
    return np.where(np.asarray(confusion.malignant) > 0, f1, np.nan)


def _brier(draws: Draws) -> Floats:
    """Mean squared difference of probability and label (Brier 1950)."""
    return np.asarray(draws.weights @ (draws.probabilities - draws.labels) ** 2 / draws.images)


METRICS: dict[MetricName, Metric] = {
    "accuracy": proportion(marked("accuracy"), lambda confusion: (confusion.right, confusion.n)),
    "balanced_accuracy": from_confusion(
        marked("balanced accuracy"),
        lambda counts: (ratio(counts.tp, counts.malignant) + ratio(counts.tn, counts.benign)) / 2,
    ),
    "sensitivity": proportion(marked("sensitivity"), lambda confusion: (confusion.tp, confusion.malignant)),
    "specificity": proportion(marked("specificity"), lambda confusion: (confusion.tn, confusion.benign)),
    "precision": proportion(marked("precision"), lambda confusion: (confusion.tp, confusion.called)),
    "f1": from_confusion(marked("F1"), _f1),
    "roc_auc": Metric(marked("ROC AUC"), roc_auc, second_interval="delong"),
    "pr_auc": Metric(marked("PR AUC"), _pr_auc),
    "brier": Metric(marked("Brier score"), _brier, lower_is_better=True),
    "calibration_error": Metric(marked("calibration error"), Draws.calibration_error, lower_is_better=True),
}


@dataclass(frozen=True)
class Scores:
    """Every metric of one set of predictions.

    Attributes:
        threshold: An image is called malignant at or above it.
        confusion: Counts of those decisions.
        values: By name in `METRICS`; None where undefined.
    """

    threshold: float
    confusion: Confusion
    values: dict[MetricName, float | None]


def score(labels: npt.ArrayLike, probabilities: npt.ArrayLike, threshold: float) -> Scores:
    """Compute every metric of one set of predictions.

    ROC AUC, PR AUC (average precision) and balanced accuracy need both classes; sensitivity and F1 a malignant image,
    specificity a benign one, and precision an image called malignant. Without it they are None.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        threshold: In [0, 1]; the decision is `probability >= threshold`.

    Returns:
        The confusion matrix and every entry of `METRICS`.

    Raises:
        ValueError: If the lengths differ, there is no image, or a value is missing or out of range; the message names
            the rows.

    Example:
        >>> score([0, 1, 1], [0.1, 0.4, 0.9], 0.5).values["sensitivity"]
        0.5
    """
    draws = draws_of(labels, probabilities, threshold)
    values = {name: value_of(metric, draws) for name, metric in METRICS.items()}
    return Scores(threshold, confusion_at(labels, probabilities, threshold), values)


def value_of(metric: Metric, draws: Draws) -> float | None:
    """Return a metric's value under the first set of weights.

    Args:
        metric: An entry of `METRICS`.
        draws: Of N images.

    Returns:
        None where it is undefined.
    """
    value = float(metric.function(draws)[0])
    return None if np.isnan(value) else value


def weighted_metrics(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, threshold: float, weights: Weights
) -> dict[MetricName, Floats]:
    """Compute every metric of `score` per set of weights.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        threshold: In [0, 1]; the decision is `probability >= threshold`.
        weights: As for `draws.Draws`, `(R, N)`.

    Returns:
        Per metric `(R,)`, NaN where it is undefined.

    Raises:
        ValueError: As for `score`, or if the weights have another shape.
    """
    draws = draws_of(labels, probabilities, threshold, weights)
    return {name: metric.function(draws) for name, metric in METRICS.items()}


def metrics_of_confusion(confusion: Confusion) -> dict[MetricName, Floats]:
    """Compute the metrics that follow from confusion matrices.

    Args:
        confusion: Of counts, or of arrays of counts `(R,)`.

    Returns:
        Per metric its values, of the counts' shape; NaN where it is undefined.
    """
    return {name: metric.of_confusion(confusion) for name, metric in METRICS.items() if metric.of_confusion is not None}

"""Predictions under many sets of image weights at once, sorted once: what makes the bootstrap quick."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from skinlens.metrics.classification import Confusion, Floats, Labels, checked, require_threshold

Weights = npt.NDArray[np.int64]
CALIBRATION_BINS = 15


@dataclass(frozen=True, eq=False)
class Draws:
    """Predictions under R sets of weights; a metric's function maps them to its R values, `registry.METRICS`.

    An image of weight k counts as k copies of it, so a weight of 0 leaves it out. Sums that several metrics need are
    computed once, when the first of them asks.

    Attributes:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        threshold: In [0, 1]; the decision is `probability >= threshold`.
        weights: Whole numbers from 0, `(R, N)`, with a positive sum in each row.
    """

    labels: Labels
    probabilities: Floats
    threshold: float
    weights: Weights

    @cached_property
    def images(self) -> Weights:
        """Number of images, `(R,)`."""
        return np.asarray(self.weights.sum(axis=1))

    @cached_property
    def confusion(self) -> Confusion:
        """The confusion matrices; each count is an array `(R,)` of float64."""
        called = self.probabilities >= self.threshold
        cells = [(self.labels == label) & (called == decision) for label in (0, 1) for decision in (False, True)]
        # The sums of a Confusion hold for arrays of counts too.
        return Confusion(*(self.weights @ cell.astype(np.float64) for cell in cells))

    @cached_property
    def malignant_by_rank(self) -> Weights:
        """Weight of the malignant images at each of the K distinct probabilities, rising, `(R, K)`."""
        return np.asarray(
            np.add.reduceat(self.weights[:, self._order] * self.labels[self._order], self._starts, axis=1)
        )

    @cached_property
    def benign_by_rank(self) -> Weights:
        """Weight of the benign images likewise."""
        return self._weight_by_rank - self.malignant_by_rank

    @property
    def one_class(self) -> npt.NDArray[np.bool_]:
        """Which draws hold images of one label only, `(R,)`."""
        return np.asarray((self.malignant_by_rank.sum(axis=1) == 0) | (self.benign_by_rank.sum(axis=1) == 0))

    def calibration_error(self, bins: int = CALIBRATION_BINS) -> Floats:
        """Compute the expected calibration error with bins that hold equally many images.

        The sum over bins of the bin's share of images times |mean probability - share of malignant|. An image's bin is
        `floor(bins * (midrank - 1/2) / N)`, so that equal probabilities share a bin whatever the order of the rows;
        some bins stay empty where there are many ties or fewer images than bins. Equal-mass bins after Nixon et al.
        2019, arXiv 1904.01685. Noise adds to it: a perfectly calibrated model scores above 0 on a finite set.

        Args:
            bins: Number of bins.

        Returns:
            `(R,)` in [0, 1].
        """
        weight, rows = self._weight_by_rank, len(self.weights)
        bin_of = equal_mass_bins(weight, bins)
        excess = self.probabilities[self._order][self._starts] * weight - self.malignant_by_rank
        # One count for all draws: each has bins of its own.
        cell = bin_of + bins * np.arange(rows)[:, None]
        per_bin = np.bincount(cell.ravel(), weights=excess.ravel(), minlength=rows * bins)
        return np.asarray(np.abs(per_bin).reshape(rows, -1).sum(axis=1) / self.images)

    @cached_property
    def _order(self) -> Labels:
        return np.argsort(self.probabilities, kind="stable")

    @cached_property
    def _starts(self) -> Labels:
        """Where each distinct probability starts in that order."""
        return np.flatnonzero(np.diff(self.probabilities[self._order], prepend=-1.0))

    @cached_property
    def _weight_by_rank(self) -> Weights:
        return np.asarray(np.add.reduceat(self.weights[:, self._order], self._starts, axis=1))


def draws_of(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, threshold: float, weights: Weights | None = None
) -> Draws:
    """Check predictions and weights; without weights every image counts once, and R is 1.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        threshold: In [0, 1].
        weights: Whole numbers from 0, `(R, N)`, with a positive sum in each row.

    Raises:
        ValueError: As for `classification.checked` and `require_threshold`, or if the weights have another shape.
    """
    labels, probabilities = checked(labels, probabilities)
    require_threshold(threshold)
    if weights is None:
        weights = np.ones((1, len(labels)), np.int64)
    if weights.ndim != 2 or weights.shape[1] != len(labels):
        raise ValueError(f"weights must have the shape (R, {len(labels)}), not {weights.shape}")
    return Draws(labels, probabilities, threshold, weights)


def equal_mass_bins(weight: Weights, bins: int = CALIBRATION_BINS) -> Labels:
    """Return the bin of each distinct probability in the calibration error.

    Args:
        weight: How many images have each distinct probability, rising, `(..., K)`.
        bins: Number of bins.

    Returns:
        `(..., K)`, from 0 to `bins - 1`.
    """
    # Twice the midrank, so that whole numbers do: halves could round to another bin.
    twice_midpoint = 2 * np.cumsum(weight, axis=-1) - weight
    total = weight.sum(axis=-1, keepdims=True)
    return np.asarray(np.minimum(bins * twice_midpoint // (2 * total), bins - 1))

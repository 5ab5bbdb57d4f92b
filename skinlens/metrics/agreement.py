"""Agreement of a person and a model, or of two people, on the same images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from statsmodels.stats.inter_rater import cohens_kappa

from skinlens.metrics.intervals import wilson
from skinlens.metrics.measurement import NO_IMAGE, Measurement, undefined


@dataclass(frozen=True)
class Agreement:
    """Two raters' verdicts on the same images.

    Attributes:
        both_malignant: Called malignant by both.
        both_benign: Called benign by both.
        first_alone: Called malignant by the first alone.
        second_alone: Called malignant by the second alone.
        share: Images on which they agree, with Wilson's interval.
        kappa: Cohen's kappa (interval: Fleiss, Cohen & Everitt 1969); undefined without images, or where each rater
            calls all of them the same.
    """

    both_malignant: int
    both_benign: int
    first_alone: int
    second_alone: int
    share: Measurement
    kappa: Measurement

    @property
    def n(self) -> int:
        """Images that both have rated."""
        return self.share.n or 0


def agreement(first: Sequence[bool], second: Sequence[bool]) -> Agreement:
    """Compare two raters.

    Args:
        first: True for malignant, `(N,)`.
        second: Of the same images in the same order.

    Returns:
        Counts of the four combinations, the share of images on which they agree, and Cohen's kappa.

    Raises:
        ValueError: If the lengths differ.

    Example:
        >>> both = agreement([True, False, False, True], [True, False, True, True])
        >>> both.second_alone, both.share.value, both.kappa.value
        (1, 0.75, 0.5)
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} calls of the first rater, {len(second)} of the second")
    one, other = np.asarray(first, bool), np.asarray(second, bool)
    table = np.array([[np.sum(one & other), np.sum(one & ~other)], [np.sum(~one & other), np.sum(~one & ~other)]])
    same = int(table[0, 0] + table[1, 1])
    return Agreement(
        both_malignant=int(table[0, 0]),
        both_benign=int(table[1, 1]),
        first_alone=int(table[0, 1]),
        second_alone=int(table[1, 0]),
        share=wilson(same, len(first)),
        kappa=_kappa(table),
    )


def _kappa(table: np.ndarray) -> Measurement:
    """Cohen's kappa of a table of two raters' calls, `(2, 2)`."""
    n = int(table.sum())
    by_chance = float((table.sum(axis=0) * table.sum(axis=1)).sum())
    if not n:
        return undefined(NO_IMAGE, 0)
    # Chance alone agrees on everything, so that kappa would be 0 / 0.
    if by_chance == float(n) ** 2:
        return undefined("both call every image the same", n)
    # statsmodels divides by the variance, which is 0 where the raters agree wholly.
    with np.errstate(divide="ignore", invalid="ignore"):
        fitted = cohens_kappa(table)
    # No interval can be computed from so few images; the value stands.
    if not np.isfinite([fitted.kappa_low, fitted.kappa_upp]).all():
        return Measurement(float(fitted.kappa), n=n)
    return Measurement(float(fitted.kappa), max(-1.0, float(fitted.kappa_low)), min(1.0, float(fitted.kappa_upp)), n)

"""How far a person and a model, or two people, say the same of the same images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from statsmodels.stats.inter_rater import cohens_kappa

from skinlens.metrics.intervals import Rate, wilson_rate


@dataclass(frozen=True)
class Agreement:
    """Two raters' calls of the same images.

    Attributes:
        both_malignant: Called malignant by both.
        both_benign: Called benign by both.
        first_alone: Called malignant by the first alone.
        second_alone: Called malignant by the second alone.
        share: Called the same, with Wilson's interval.
        kappa: Cohen's kappa, with `kappa_low` and `kappa_high` as its 95 % interval (Fleiss, Cohen & Everitt 1969);
            None where it is undefined: without images, or where each rater calls all of them the same.
    """

    both_malignant: int
    both_benign: int
    first_alone: int
    second_alone: int
    share: Rate
    kappa: float | None
    kappa_low: float | None
    kappa_high: float | None

    @property
    def n(self) -> int:
        """Images that both have called."""
        return self.share.n


def agreement(first: Sequence[bool], second: Sequence[bool]) -> Agreement:
    """Compare two raters.

    Args:
        first: True for malignant, `(N,)`.
        second: Of the same images in the same order.

    Raises:
        ValueError: If the lengths differ.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} calls of the first rater, {len(second)} of the second")
    one, other = np.asarray(first, bool), np.asarray(second, bool)
    table = np.array([[np.sum(one & other), np.sum(one & ~other)], [np.sum(~one & other), np.sum(~one & ~other)]])
    same = int(table[0, 0] + table[1, 1])
    kappa, low, high = _kappa(table)
    return Agreement(
        both_malignant=int(table[0, 0]),
        both_benign=int(table[1, 1]),
        first_alone=int(table[0, 1]),
        second_alone=int(table[1, 0]),
        share=wilson_rate(same, len(first)),
        kappa=kappa,
        kappa_low=low,
        kappa_high=high,
    )


def _kappa(table: np.ndarray) -> tuple[float | None, float | None, float | None]:
    chance = float((table.sum(axis=0) * table.sum(axis=1)).sum())
    if not table.sum() or chance == float(table.sum()) ** 2:
        return None, None, None
    with np.errstate(divide="ignore", invalid="ignore"):
        found = cohens_kappa(table)
    if not np.isfinite([found.kappa_low, found.kappa_upp]).all():
        return float(found.kappa), None, None
    return float(found.kappa), max(-1.0, float(found.kappa_low)), min(1.0, float(found.kappa_upp))

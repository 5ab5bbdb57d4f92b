"""Probabilities that mean what they say: scaled logits, and observed rates by bins of the score."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit

from skinlens.metrics.classification import Floats, checked
from skinlens.metrics.intervals import Rate, wilson_rate

BINS = 8
# The last step below 1 that a float32 softmax can take.
SATURATION = 6e-8
_LEAST_SLOPE = 0.02


def evidence_of(probabilities: npt.ArrayLike) -> Floats:
    """Logits of probabilities, with saturated ones counted as `SATURATION` or 1 - `SATURATION`."""
    return np.asarray(logit(np.clip(np.asarray(probabilities, np.float64), SATURATION, 1 - SATURATION)))


@dataclass(frozen=True)
class Scaling:
    """How a logit becomes that of an estimate: `logit / temperature + offset`.

    Attributes:
        temperature: Above 1 where the model was too sure.
        offset: Below 0 where the model was trained on a larger share of malignant images than the estimate is for.
    """

    temperature: float = 1.0
    offset: float = 0.0


def fitted_scaling(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Scaling:
    """The scaling that makes unseen images' log loss smallest.

    Temperature scaling (Guo et al., arXiv 1706.04599) with an offset (Platt 1999): a model whose training draws both
    labels equally often is off by a constant wherever they are not equally frequent, which no temperature mends.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)`, of images that the model has not trained on.

    Raises:
        ValueError: As for `metrics.score`, or if there is only one class, or the classes do not overlap, so that no
            temperature is best.
    """
    truth, chances = checked(labels, probabilities)
    if truth.min() == truth.max():
        raise ValueError("a temperature cannot be fitted: all images have the same label")
    evidence = evidence_of(chances)
    if evidence[truth == 1].min() > evidence[truth == 0].max():
        raise ValueError("a temperature cannot be fitted: the scores separate the classes wholly")
    sign = np.where(truth == 1, 1.0, -1.0)

    def loss(unknown: Floats) -> tuple[float, Floats]:
        """Of slope and offset, with its gradient; convex in both."""
        margin = sign * (unknown[0] * evidence + unknown[1])
        pull = -sign * expit(-margin) / len(sign)
        return float(np.logaddexp(0, -margin).mean()), np.array([pull @ evidence, pull.sum()])

    slope, offset = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    if slope < _LEAST_SLOPE:
        raise ValueError("a temperature cannot be fitted: a higher score does not mean more malignant images")
    return Scaling(float(1 / slope), float(offset))


def scaled(probabilities: npt.ArrayLike, scaling: Scaling) -> Floats:
    """Probabilities `(N,)` after scaling their logits."""
    return np.asarray(expit(evidence_of(probabilities) / scaling.temperature + scaling.offset))


def scaled_across(labels: npt.ArrayLike, probabilities: npt.ArrayLike, parts: npt.ArrayLike) -> Floats:
    """Probabilities each scaled by what was fitted to the other parts, to measure what a scaling does.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)`, of images that the model has not trained on.
        parts: `(N,)`, such as folds or origins; at least two.

    Raises:
        ValueError: As for `fitted_scaling`, or with one part only.
    """
    truth, chances = checked(labels, probabilities)
    names = np.asarray(parts)
    if len(np.unique(names)) < 2:
        raise ValueError("what a scaling does can only be measured on images of at least two parts")
    found = np.empty_like(chances)
    for part in np.unique(names):
        of_it = names == part
        found[of_it] = scaled(chances[of_it], fitted_scaling(truth[~of_it], chances[~of_it]))
    return found


@dataclass(frozen=True)
class ScoreBin:
    """What came true in one bin of the score, at the prevalence of the images it was measured on.

    Attributes:
        low: Its lower end, itself included.
        high: Its upper end, excluded except in the last bin.
        rate: Share of its images that are malignant, with Wilson's interval.
    """

    low: float
    high: float
    rate: Rate


def score_bins(labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, bins: int = BINS) -> tuple[ScoreBin, ...]:
    """Bins with about as many images each, from 0 to 1, and what came true in them.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)`, of images that the model has not trained on.
        bins: How many; fewer where many images share one score.

    Raises:
        ValueError: As for `metrics.score`.
    """
    truth, chances = checked(labels, probabilities)
    inner = np.unique(np.quantile(chances, np.linspace(0, 1, bins + 1)[1:-1]).round(3))
    edges = np.concatenate([[0.0], inner[(inner > 0) & (inner < 1)], [1.0]])
    placed = np.clip(np.searchsorted(edges, chances, side="right") - 1, 0, len(edges) - 2)
    members = [placed == at for at in range(len(edges) - 1)]
    return tuple(
        ScoreBin(float(low), float(high), wilson_rate(int(truth[of_it].sum()), int(of_it.sum())))
        for (low, high), of_it in zip(pairwise(edges), members, strict=True)
    )

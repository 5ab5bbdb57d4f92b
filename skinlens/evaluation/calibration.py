"""Probabilities that mean what they say: temperature scaling, and observed rates by bins of the score."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from skinlens.evaluation.intervals import Rate, wilson_rate
from skinlens.evaluation.metrics import Floats, checked

BINS = 8
# The last step below 1 that a float32 softmax can take.
SATURATION = 6e-8
_LARGEST_LOG_TEMPERATURE = 4.0


def evidence_of(probabilities: npt.ArrayLike) -> Floats:
    """Logits of probabilities, with saturated ones counted as `SATURATION` or 1 - `SATURATION`."""
    return np.asarray(logit(np.clip(np.asarray(probabilities, np.float64), SATURATION, 1 - SATURATION)))


def fitted_temperature(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """The temperature that makes unseen images' log loss smallest (Guo et al., arXiv 1706.04599).

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)`, of images that the model has not trained on.

    Returns:
        T > 0; the logit is to be divided by it. Above 1 the model was too sure.

    Raises:
        ValueError: As for `metrics.score`, or if there is only one class, or the classes do not overlap, so that no
            temperature is best.
    """
    truth, chances = checked(labels, probabilities)
    if truth.min() == truth.max():
        raise ValueError("a temperature cannot be fitted: all images have the same label")
    evidence = evidence_of(chances)
    sign = np.where(truth == 1, 1.0, -1.0)

    def loss(log_temperature: float) -> float:
        return float(np.logaddexp(0, -sign * evidence / np.exp(log_temperature)).mean())

    bounds = (-_LARGEST_LOG_TEMPERATURE, _LARGEST_LOG_TEMPERATURE)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-7})
    if abs(found.x) > _LARGEST_LOG_TEMPERATURE - 0.01:
        raise ValueError("a temperature cannot be fitted: the scores separate the classes wholly, or not at all")
    return float(np.exp(found.x))


def tempered(probabilities: npt.ArrayLike, temperature: float) -> Floats:
    """Probabilities `(N,)` after dividing their logits by a temperature."""
    return np.asarray(expit(evidence_of(probabilities) / temperature))


def tempered_across(labels: npt.ArrayLike, probabilities: npt.ArrayLike, parts: npt.ArrayLike) -> Floats:
    """Probabilities each tempered by what was fitted to the other parts, to measure what a temperature does.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)`, of images that the model has not trained on.
        parts: `(N,)`, such as folds or origins; at least two.

    Raises:
        ValueError: As for `fitted_temperature`, or with one part only.
    """
    truth, chances = checked(labels, probabilities)
    names = np.asarray(parts)
    if len(np.unique(names)) < 2:
        raise ValueError("what a temperature does can only be measured on images of at least two parts")
    found = np.empty_like(chances)
    for part in np.unique(names):
        of_it = names == part
        found[of_it] = tempered(chances[of_it], fitted_temperature(truth[~of_it], chances[~of_it]))
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

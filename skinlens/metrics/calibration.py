"""Calibration: fitting a scaling, and its cross-fitted effect."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from skinlens.metrics.classification import Floats, Labels, checked
from skinlens.metrics.draws import CALIBRATION_BINS, draws_of
from skinlens.metrics.scaling import Scaling, logit, sigmoid

_LEAST_SLOPE = 0.02


def fitted_scaling(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> Scaling:
    """Fit the scaling with the smallest log loss (Platt 1999; temperature scaling: Guo et al., arXiv 1706.04599).

    A model whose training draws both labels equally often is off by a constant wherever they are not equally frequent;
    only the offset corrects that.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)`, of images that the model has not trained on.

    Returns:
        Temperature and offset of the logit.

    Raises:
        ValueError: As for `registry.score`, or if there is only one class, or the classes do not overlap, so that no
            temperature is best.
    """
    labels, probabilities = checked(labels, probabilities)
    if labels.min() == labels.max():
        raise ValueError("a temperature cannot be fitted: all images have the same label")
    logits = logit(probabilities)
    if logits[labels == 1].min() > logits[labels == 0].max():
        raise ValueError("a temperature cannot be fitted: the scores separate the classes wholly")
    slope, offset = fit_platt(labels, logits)
    # A slope near 0 would be a temperature without end.
    if slope < _LEAST_SLOPE:
        raise ValueError("a temperature cannot be fitted: a higher score does not mean more malignant images")
    return Scaling(1 / slope, offset)


def fit_platt(labels: Labels, logits: Floats) -> tuple[float, float]:
    """Fit P(malignant) = sigmoid(slope * logit + offset) by maximum likelihood, without a penalty (Platt 1999).

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign, both present, with overlapping logits.
        logits: `(N,)`.

    Returns:
        Slope and offset.
    """
    sign = np.where(labels == 1, 1.0, -1.0)

    def loss(unknown: Floats) -> tuple[float, Floats]:
        """Of slope and offset, with its gradient; convex in both."""
        # Logs of the probability of the right label, without overflow at either end.
        margin = sign * (unknown[0] * logits + unknown[1])
        pull = -sign * sigmoid(-margin) / len(sign)
        return float(np.logaddexp(0, -margin).mean()), np.array([pull @ logits, pull.sum()])

    # Convex and smooth in two unknowns: BFGS from the unscaled model ends at the one minimum.
    slope, offset = minimize(loss, np.array([1.0, 0.0]), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    return float(slope), float(offset)


def scaled_across(labels: npt.ArrayLike, probabilities: npt.ArrayLike, parts: npt.ArrayLike) -> Floats:
    """Scale each part by what was fitted to the other parts, to measure the effect of a scaling.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)`, of images that the model has not trained on.
        parts: `(N,)`, folds or datasets; at least two.

    Returns:
        Scaled probabilities, `(N,)` in [0, 1], in the order of the images.

    Raises:
        ValueError: As for `fitted_scaling`, or with one part only.
    """
    labels, probabilities = checked(labels, probabilities)
    names = np.asarray(parts)
    if len(np.unique(names)) < 2:
        raise ValueError("the effect of a scaling can only be measured on images of at least two parts")
    calibrated = np.empty_like(probabilities)
    for part in np.unique(names):
        inside = names == part
        scaling = fitted_scaling(labels[~inside], probabilities[~inside])
        calibrated[inside] = scaling.of_probabilities(probabilities[inside])
    return calibrated


def calibration_error(labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, bins: int = CALIBRATION_BINS) -> float:
    """Compute the expected calibration error, `draws.Draws.calibration_error`, with every image counting once.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        bins: Number of bins that hold equally many images.

    Returns:
        In [0, 1]; 0 is perfect, and noise alone gives more than 0 on few images.

    Raises:
        ValueError: As for `registry.score`.
    """
    return float(draws_of(labels, probabilities, 0.5).calibration_error(bins)[0])

"""Choosing a threshold from out-of-fold predictions, and measuring its sensitivity and specificity."""

from dataclasses import dataclass

import numpy.typing as npt

from skinlens.metrics.calibration import fit_platt
from skinlens.metrics.classification import checked, confusion_at
from skinlens.metrics.intervals import wilson
from skinlens.metrics.measurement import Measurement
from skinlens.metrics.scaling import logit, sigmoid

# Slopes below it are rounding errors of the fit.
_FLAT = 1e-6


@dataclass(frozen=True)
class Rates:
    """Sensitivity and specificity of one threshold on one set of images."""

    sensitivity: Measurement
    specificity: Measurement


def fitted_threshold(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the probability at which, by a fitted logistic curve, half of the images are malignant.

    Platt scaling without a penalty: the label is regressed on the logit of the probability, and the threshold is
    where the curve crosses 0.5. Were the curve true, no threshold would be more accurate. Maximising the accuracy aims
    at the same point, but accuracy is a staircase that near its top depends on a handful of images, so on a few hundred
    images the threshold it gives jumps with the sample; the two coefficients here use every image and jump far less.

    If the classes do not overlap the curve has no best slope, and the threshold is midway, in logits, between the most
    suspicious benign and the least suspicious malignant image. A saturated probability counts as 6e-8 or 1 - 6e-8.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign, in the proportions that the threshold is meant for.
        probabilities: P(malignant), `(N,)` in [0, 1], of images that the model has not trained on.

    Raises:
        ValueError: As for `registry.score`, if there is only one class, or if malignant images do not score higher.
    """
    labels, probabilities = checked(labels, probabilities)
    if labels.min() == labels.max():
        raise ValueError("a threshold cannot be fitted: all images have the same label")
    logits = logit(probabilities)
    benign, malignant = logits[labels == 0], logits[labels == 1]
    if benign.max() <= malignant.min() and benign.min() < malignant.max():
        return float(sigmoid((benign.max() + malignant.min()) / 2))
    if malignant.max() <= benign.min():
        raise ValueError("a threshold cannot be fitted: no malignant image scores higher than any benign one")
    slope, intercept = fit_platt(labels, logits)
    if slope < _FLAT:
        raise ValueError(f"a threshold cannot be fitted: malignant images do not score higher (slope {slope:.3g})")
    return float(sigmoid(-intercept / slope))


def wilson_rates(labels: npt.ArrayLike, probabilities: npt.ArrayLike, threshold: float) -> Rates:
    """Measure sensitivity and specificity of a threshold, with Wilson's intervals.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        threshold: In [0, 1]; the decision is `probability >= threshold`.

    Returns:
        Both rates; one is undefined without an image of its class.

    Raises:
        ValueError: As for `registry.score`.
    """
    confusion = confusion_at(labels, probabilities, threshold)
    return Rates(
        sensitivity=wilson(confusion.tp, confusion.malignant),
        specificity=wilson(confusion.tn, confusion.benign),
    )

"""Linear probes: logistic regression on frozen features, the floor that every trained network has to beat."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from skinlens.metrics.scaling import sigmoid
from skinlens.training.features import Features

STRENGTHS = (1e-4, 1e-3, 1e-2)
INNER_FOLDS = 3

_ITERATIONS = 500
# Inner folds rank a few strengths; ten times scikit-learn's own tolerance moves their ROC AUC by less than 1e-4.
_INNER_TOLERANCE = 1e-3
_COLUMNS = 256
_CONSTANT = 1e-9
_INTERCEPT_SCALE = 30.0

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """`logit = features @ coefficients + intercept`, on features as they are.

    Attributes:
        coefficients: `(K,)`.
        intercept: Of the logit of malignant against benign.
        strength: scikit-learn's `C`, the inverse of the regularisation, on standardised features.
    """

    coefficients: Vector
    intercept: float
    strength: float

    def logits(self, features: Features) -> Vector:
        """Compute logits of malignant against benign.

        Args:
            features: `(N, K)`, as they are.

        Returns:
            `(N,)`.
        """
        return np.asarray(features @ self.coefficients + self.intercept, np.float64)

    def probability(self, features: Features) -> Vector:
        """Compute P(malignant).

        Args:
            features: `(N, K)`, as they are.

        Returns:
            `(N,)` in [0, 1].
        """
        return sigmoid(self.logits(features))


def balanced(malignant: npt.ArrayLike) -> Vector:
    """Return weights that give both labels the same total.

    Args:
        malignant: `(N,)`, 0 or 1.

    Returns:
        `(N,)` with the mean 1.

    Example:
        >>> balanced([0, 0, 0, 1]).round(3).tolist()
        [0.667, 0.667, 0.667, 2.0]
    """
    labels = np.asarray(malignant, int)
    counts = np.bincount(labels, minlength=2)
    return np.asarray(len(labels) / (2 * counts[labels]), np.float64)


def fit_probe(features: Features, malignant: npt.ArrayLike, weights: Vector, strength: float) -> LinearProbe:
    """Fit one probe: logistic regression with an L2 penalty on standardised features.

    Args:
        features: `(N, K)`; each is standardised by its weighted mean and standard deviation.
        malignant: `(N,)`, 0 or 1.
        weights: `(N,)`, how much each row counts, with the mean 1.
        strength: scikit-learn's `C`.

    Returns:
        Coefficients for features as they are: the standardisation is folded into them.

    Raises:
        ValueError: If all rows have the same label.
    """
    mean, spread = _moments(features, weights)
    model = LogisticRegression(C=strength, max_iter=_ITERATIONS)
    model.fit(_standardised(features, mean, spread), np.asarray(malignant), sample_weight=weights)
    coefficients = model.coef_[0] / spread
    return LinearProbe(coefficients, float(model.intercept_[0] - coefficients @ mean), strength)


def fit_with_intercepts(
    features: Features, malignant: npt.ArrayLike, datasets: npt.NDArray[np.int64], weights: Vector, strength: float
) -> tuple[LinearProbe, Vector]:
    """Fit one probe with an intercept for each dataset: fixed effects, hardly regularised.

    Args:
        features: `(N, K)`; standardised as by `fit_probe`.
        malignant: `(N,)`, 0 or 1.
        datasets: `(N,)` from 0 to D - 1.
        weights: `(N,)`, how much each row counts, with the mean 1.
        strength: scikit-learn's `C` of the features.

    Returns:
        The probe, and what each dataset adds to its logit, `(D,)`: 0 on the weighted average.

    Raises:
        ValueError: If all rows have the same label.
    """
    mean, spread = _moments(features, weights)
    # Columns this large need so small a coefficient that its penalty hardly counts.
    members = (datasets[:, None] == np.arange(datasets.max() + 1)).astype(np.float32) * _INTERCEPT_SCALE
    model = LogisticRegression(C=strength, max_iter=_ITERATIONS)
    model.fit(np.hstack([_standardised(features, mean, spread), members]), np.asarray(malignant), sample_weight=weights)
    coefficients = model.coef_[0][: features.shape[1]] / spread
    added = model.coef_[0][features.shape[1] :] * _INTERCEPT_SCALE
    average = float(np.average(added[datasets], weights=weights))
    intercept = float(model.intercept_[0] - coefficients @ mean) + average
    return LinearProbe(coefficients, intercept, strength), np.asarray(added - average, np.float64)


def choose_probe(
    features: Features,
    malignant: npt.NDArray[np.int64],
    groups: pd.Series,
    weights: Vector,
    strengths: Sequence[float] = STRENGTHS,
    datasets: npt.NDArray[np.int64] | None = None,
) -> LinearProbe:
    """Fit a probe whose regularisation has the best mean ROC AUC over inner folds of whole groups.

    Args:
        features: `(N, K)`.
        malignant: `(N,)`, 0 or 1.
        groups: `(N,)`; rows of a group (a lesion) lie in one inner fold.
        weights: `(N,)`, how much each row counts when fitting; the inner folds are scored unweighted.
        strengths: Candidates for scikit-learn's `C`; of two that are equally good the stronger regularisation is taken.
        datasets: `(N,)` from 0 to D - 1: the final fit has an intercept for each; None fits without.

    Returns:
        Fitted to all rows.

    Raises:
        ValueError: If there are too few groups of a label for the inner folds.
    """
    splitter = StratifiedGroupKFold(INNER_FOLDS, shuffle=True, random_state=0)
    rising = sorted(strengths)
    areas = [
        _inner_areas(features, malignant, weights, fitted, scored, rising)
        for fitted, scored in splitter.split(np.zeros(len(malignant)), malignant, groups)
    ]
    strength = rising[int(np.argmax(np.mean(areas, axis=0)))]
    if datasets is None:
        return fit_probe(features, malignant, weights, strength)
    return fit_with_intercepts(features, malignant, datasets, weights, strength)[0]


def _inner_areas(
    features: Features,
    malignant: npt.NDArray[np.int64],
    weights: Vector,
    fitted: npt.NDArray[np.int64],
    scored: npt.NDArray[np.int64],
    strengths: Sequence[float],
) -> list[float]:
    """ROC AUC on the scored rows of probes fitted to the others, by strength; each fit begins where the last ended."""
    mean, spread = _moments(features[fitted], weights[fitted])
    known = _standardised(features[fitted], mean, spread)
    unknown = _standardised(features[scored], mean, spread)
    model = LogisticRegression(max_iter=_ITERATIONS, tol=_INNER_TOLERANCE, warm_start=True)
    areas = []
    for strength in strengths:
        model.set_params(C=strength).fit(known, malignant[fitted], sample_weight=weights[fitted])
        areas.append(float(roc_auc_score(malignant[scored], model.decision_function(unknown))))
    return areas


def _moments(features: Features, weights: Vector) -> tuple[Vector, Vector]:
    """Weighted mean and standard deviation of each feature, `(K,)` in double precision, a few columns at a time."""
    shares = weights / weights.sum()
    mean, spread = np.empty(features.shape[1]), np.empty(features.shape[1])
    for first in range(0, features.shape[1], _COLUMNS):
        part = slice(first, first + _COLUMNS)
        columns = features[:, part].astype(np.float64)
        mean[part] = shares @ columns
        spread[part] = np.sqrt(shares @ (columns - mean[part]) ** 2)
    # A feature that never varies carries nothing, and its spread is a rounding error; divided by 1 it stays near 0.
    spread[spread <= _CONSTANT * np.abs(mean)] = 1
    return mean, spread


def _standardised(features: Features, mean: Vector, spread: Vector) -> Features:
    return np.asarray((features - mean.astype(np.float32)) / spread.astype(np.float32), np.float32)

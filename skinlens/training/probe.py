"""Linear probes: logistic regression on frozen features, the floor that every trained network has to beat."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from skinlens.training.features import Features

STRENGTHS = (1e-4, 1e-3, 1e-2)
INNER_FOLDS = 3

_ITERATIONS = 500

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
        """`(N,)` from features `(N, K)`."""
        return np.asarray(features @ self.coefficients + self.intercept, np.float64)

    def probability(self, features: Features) -> Vector:
        """P(malignant), `(N,)`, from features `(N, K)`."""
        return np.asarray(1 / (1 + np.exp(-self.logits(features))), np.float64)


def balanced(malignant: npt.ArrayLike) -> Vector:
    """Weights `(N,)` with the mean 1 that give both labels the same total."""
    labels = np.asarray(malignant, int)
    counts = np.bincount(labels, minlength=2)
    return np.asarray(len(labels) / (2 * counts[labels]), np.float64)


def fit_probe(features: Features, malignant: npt.ArrayLike, weights: Vector, strength: float) -> LinearProbe:
    """Fit one probe.

    Args:
        features: `(N, K)`; each is standardised by its weighted mean and standard deviation.
        malignant: `(N,)`, 0 or 1.
        weights: `(N,)`, how much each row counts, with the mean 1.
        strength: scikit-learn's `C`.

    Raises:
        ValueError: If all rows have the same label.
    """
    mean = np.average(features, axis=0, weights=weights)
    spread = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weights))
    # A feature that never varies carries nothing; dividing by 1 keeps it at 0.
    spread[spread == 0] = 1
    standardised = ((features - mean) / spread).astype(np.float32)
    model = LogisticRegression(C=strength, max_iter=_ITERATIONS)
    model.fit(standardised, np.asarray(malignant), sample_weight=weights)
    coefficients = model.coef_[0] / spread
    return LinearProbe(coefficients, float(model.intercept_[0] - coefficients @ mean), strength)


def choose_probe(
    features: Features,
    malignant: npt.NDArray[np.int64],
    groups: pd.Series,
    weights: Vector,
    strengths: Sequence[float] = STRENGTHS,
) -> LinearProbe:
    """Fit a probe whose regularisation has the best mean ROC AUC over inner folds of whole groups.

    Args:
        features: `(N, K)`.
        malignant: `(N,)`, 0 or 1.
        groups: `(N,)`; rows of a group (a lesion) lie in one inner fold.
        weights: `(N,)`, how much each row counts when fitting; the inner folds are scored unweighted.
        strengths: Candidates for scikit-learn's `C`.

    Raises:
        ValueError: If there are too few groups of a label for the inner folds.
    """
    splitter = StratifiedGroupKFold(INNER_FOLDS, shuffle=True, random_state=0)
    parts = list(splitter.split(features, malignant, groups))

    def mean_area(strength: float) -> float:
        areas = []
        for fitted, scored in parts:
            probe = fit_probe(features[fitted], malignant[fitted], weights[fitted], strength)
            areas.append(roc_auc_score(malignant[scored], probe.logits(features[scored])))
        return float(np.mean(areas))

    return fit_probe(features, malignant, weights, max(strengths, key=mean_area))

"""Fitting the statistics by which a released model tells whether a picture looks like dermoscopy."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from skinlens.runtime.familiarity import Familiarity, Floats

# Leading components, but no more than this share of the pictures (more would be learnt by heart) and half the channels
# (outside them something must be left).
COMPONENTS = 128
_COMPONENTS_PER_PICTURE = 1 / 3
# Strength of the line's penalty (scikit-learn's C) on features scaled to a standard deviation of 1.
_PENALTY = 0.01
_LEAST_PICTURES = 6


def fit_familiarity(known: Floats, strange: Floats, other_known: Floats) -> Familiarity:
    """Fit both views, then scale them on pictures that neither has seen.

    Args:
        known: Features of dermoscopic pictures, `(N, C)`.
        strange: Features of pictures to be refused, `(M, C)`; they only shape the line.
        other_known: Features of further dermoscopic pictures, `(P, C)`, of no lesion in `known`.

    Raises:
        ValueError: If there are too few pictures.
    """
    if min(len(known), len(other_known)) < _LEAST_PICTURES or not len(strange):
        raise ValueError(
            f"too few pictures for statistics: {len(known)} and {len(other_known)} dermoscopic, {len(strange)} others"
        )
    mean = known.mean(axis=0)
    leading = min(COMPONENTS, int(len(known) * _COMPONENTS_PER_PICTURE), known.shape[1] // 2)
    components = np.linalg.svd(known - mean, full_matrices=False)[2][:leading]
    unscaled = Familiarity(mean, components, _direction(known, strange), np.zeros(2), np.ones(2))
    views = unscaled.views(other_known)
    return Familiarity(mean, components, unscaled.direction, views.mean(axis=0), views.std(axis=0))


def _direction(known: Floats, strange: Floats) -> Floats:
    """The line's direction in unscaled features; its place is left to the threshold."""
    # A channel that never changes among the known tells nothing.
    spread = known.std(axis=0)
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    scaled = (np.concatenate([known, strange]) - known.mean(axis=0)) * scale
    truth = np.repeat([1, 0], [len(known), len(strange)])
    line = LogisticRegression(C=_PENALTY, class_weight="balanced", max_iter=2000).fit(scaled, truth)
    return np.asarray(line.coef_[0] * scale)

"""Fitting the statistics by which a released model tells whether an image looks like dermoscopy."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from skinlens.runtime.ood import Floats, OodStatistics

# How far the covariance is shrunk, on values scaled to a standard deviation of 1: there are more channels than images
# of a sort. Of the logistic regressions and discriminants tried, this one refused most close-ups it had not seen, by
# five parts of the fitted half.
_SHRINKAGE = 0.1
# Lines are put onto one scale where the threshold lies, low among the known.
_TAIL = 0.01
_LEAST_IMAGES = 6


def fit_familiarity(known: Floats, strange: Sequence[Floats], other_known: Floats) -> OodStatistics:
    """Fit a line for each sort of images to be refused, then scale them on images that none has seen.

    Args:
        known: `Prediction.appearance` of dermoscopic images, `(N, C)`.
        strange: Of images to be refused, `(M, C)` each sort.
        other_known: Of further dermoscopic images, `(P, C)`, of no lesion in `known`.

    Raises:
        ValueError: If there are too few images.
    """
    if min(len(known), len(other_known)) < _LEAST_IMAGES or not strange or not all(map(len, strange)):
        others = ", ".join(str(len(sort)) for sort in strange) or "0"
        raise ValueError(
            f"too few images for statistics: {len(known)} and {len(other_known)} dermoscopic, {others} others"
        )
    directions = np.stack([_direction(known, sort) for sort in strange])
    unscaled = OodStatistics(directions, np.zeros(len(strange)), np.ones(len(strange)))
    along = unscaled.along(other_known)
    centres = along.mean(axis=0)
    return OodStatistics(directions, centres, (centres - np.quantile(along, _TAIL, axis=0)) / -norm.ppf(_TAIL))


def _direction(known: Floats, strange: Floats) -> Floats:
    """The line's direction in unscaled values; its place is left to the threshold."""
    # A channel that never changes among the known tells nothing.
    spread = known.std(axis=0)
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    scaled = (np.concatenate([known, strange]) - known.mean(axis=0)) * scale
    truth = np.repeat([1, 0], [len(known), len(strange)])
    line = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=_SHRINKAGE).fit(scaled, truth)
    return np.asarray(line.coef_[0] * scale)

"""Fit the statistics behind a released model's out-of-distribution (OOD) score."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from skinlens.runtime.ood import Floats, OodStatistics

# How far the covariance is shrunk, on values scaled to a standard deviation of 1: there are more channels than images
# of a kind. Of the logistic regressions and discriminants tried, this one rejected most unseen close-ups, over five
# parts of the fitted half.
_SHRINKAGE = 0.1
# Lines are put onto one scale where the threshold lies, low among the known.
_TAIL = 0.01
_LEAST_IMAGES = 6


def fit_ood_statistics(known: Floats, others: Sequence[Floats], other_known: Floats) -> OodStatistics:
    """Fit a linear discriminant for each kind of other images, then scale them all on unseen dermoscopic images.

    Args:
        known: `Prediction.appearance` of dermoscopic images, `(N, C)`.
        others: Of each kind of images that should be rejected, `(M, C)`.
        other_known: Of further dermoscopic images, `(P, C)`, of no lesion in `known`.

    Returns:
        A direction `(C,)` a kind, with centre and spread of the further images along it.

    Example:
        >>> draw = np.random.default_rng(0).normal
        >>> statistics = fit_ood_statistics(draw(size=(50, 4)), [draw(3.0, size=(50, 4))], draw(size=(50, 4)))
        >>> dermoscopic, other = statistics.along(np.array([[0.0] * 4, [3.0] * 4]))[:, 0]
        >>> bool(dermoscopic > other)
        True

    Raises:
        ValueError: If there are too few images.
    """
    if min(len(known), len(other_known)) < _LEAST_IMAGES or not others or not all(map(len, others)):
        counts = ", ".join(str(len(kind)) for kind in others) or "0"
        raise ValueError(
            f"too few images for statistics: {len(known)} and {len(other_known)} dermoscopic, {counts} others"
        )
    # A channel that never changes in dermoscopic images carries no information.
    spread = known.std(axis=0)
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    lines = []
    for kind in others:
        scaled = (np.concatenate([known, kind]) - known.mean(axis=0)) * scale
        labels = np.repeat([1, 0], [len(known), len(kind)])
        line = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=_SHRINKAGE).fit(scaled, labels)
        # For values as they are; where along the line to reject is the threshold's business.
        lines.append(np.asarray(line.coef_[0] * scale))
    directions = np.stack(lines)
    unscaled = OodStatistics(directions, np.zeros(len(others)), np.ones(len(others)))
    along = unscaled.along(other_known)
    centres = along.mean(axis=0)
    return OodStatistics(directions, centres, (centres - np.quantile(along, _TAIL, axis=0)) / -norm.ppf(_TAIL))

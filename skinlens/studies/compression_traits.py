"""What compression and resampling leave in decoded pixels, and whether it tells the label."""

from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from skinlens.metrics.classification import Floats, Labels

FOLDS = 5

_SIDE = 192
# JPEG codes squares of 8 x 8 pixels.
_SQUARE = 8
_SIGMAS = (0.5, 1.0, 2.0, 4.0)
_BANDS = 8


def compression_features(pixels: npt.NDArray[np.uint8]) -> Floats:
    """Traces of the file in the decoded pixels, without its colours or the shape of the lesion.

    How strongly the 8 x 8 squares of JPEG show, wherever their grid begins; the fine detail at each of four scales
    relative to the next coarser one; and how the energy above an eighth of the sampling rate is spread over eight bands
    of frequency.

    Args:
        pixels: RGB uint8 `(H, W, 3)`; brought to 192 x 192 if it has another size.

    Returns:
        `(14,)`, the same features in the same order for every image.
    """
    if pixels.shape[:2] != (_SIDE, _SIDE):
        pixels = np.asarray(cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    light = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float64)
    details = [light - cv2.GaussianBlur(light, (0, 0), sigma) for sigma in _SIGMAS]
    spread = np.array([detail.std() for detail in details]) + 1e-3
    ratios = np.log(spread[:-1] / spread[1:])
    squares = [_blockiness(np.diff(light, axis=axis), axis) for axis in (0, 1)]
    # The energy in bands of frequency from an eighth to half of the sampling rate.
    # Without a window the image's edges would look like energy at every frequency.
    window = np.hanning(_SIDE)
    energy = np.abs(np.fft.rfft2((light - light.mean()) * np.outer(window, window))) ** 2
    radius = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)[None, :])
    edges = np.linspace(0.125, 0.5, _BANDS + 1)
    bands = np.array([energy[(radius >= low) & (radius < high)].mean() for low, high in pairwise(edges)])
    return np.concatenate([ratios, [np.log(spread[0])], squares, np.log((bands + 1e-6) / (bands.sum() + 1e-6))])


def label_probabilities(features: Floats, labels: Labels, groups: npt.ArrayLike) -> Floats:
    """Predict labels out of fold by gradient boosting, over five folds of whole groups.

    Args:
        features: `(N, F)`.
        labels: `(N,)`, 0 or 1.
        groups: `(N,)`, equal for images that belong together.

    Returns:
        P(label 1), `(N,)`.

    Raises:
        ValueError: If there are too few groups of a label for five folds.
    """
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    model = HistGradientBoostingClassifier(random_state=0, max_iter=60, max_leaf_nodes=15, min_samples_leaf=5)
    predicted = cross_val_predict(model, features, labels, groups=np.asarray(groups), cv=folds, method="predict_proba")
    return np.asarray(predicted)[:, 1]


def _blockiness(steps: Floats, axis: int) -> float:
    """How much larger steps are at the strongest of the eight possible grids than on average, as a logarithm."""
    along = np.abs(steps).mean(axis=1 - axis)
    # Cropping moves the grid, so that it may begin at any of eight places.
    phases = [along[phase::_SQUARE].mean() for phase in range(_SQUARE)]
    return float(np.log((max(phases) + 1e-3) / (along.mean() + 1e-3)))

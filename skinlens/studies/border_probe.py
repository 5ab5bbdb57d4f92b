"""The border probe: how well a classifier does that never sees the lesion, only the outermost frame of each image."""

import cv2
import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

from skinlens.metrics.classification import Floats, Labels

BORDER = 0.12
_SIDE = 224
_PERCENTILES = (2, 25, 50, 75, 98)
# JPEG codes squares of 8 x 8 pixels.
_SQUARE = 8


def border_features(pixels: npt.NDArray[np.uint8]) -> Floats:
    """Compute simple statistics of the outer 12 % on every side of an image brought to 224 x 224.

    Colour (mean, spread, percentiles), fine texture, and how strongly the 8 x 8 squares of JPEG show; of the frame as a
    whole, and the mean colour of its four sides and corners.

    Args:
        pixels: RGB uint8 `(H, W, 3)`.

    Returns:
        `(F,)`, the same statistics in the same order for every image.
    """
    if pixels.shape[:2] != (_SIDE, _SIDE):
        pixels = np.asarray(cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.float64)
    wide = round(BORDER * _SIDE)
    frame = np.ones((_SIDE, _SIDE), np.bool_)
    frame[wide:-wide, wide:-wide] = False
    light = lab[..., 0]
    colours = lab[frame]
    # The four sides, then the four corners.
    near, far = slice(0, wide), slice(_SIDE - wide, _SIDE)
    parts = [lab[near], lab[far], lab[:, near], lab[:, far]]
    parts += [lab[rows, columns] for rows in (near, far) for columns in (near, far)]
    # Steps between neighbours across the borders of JPEG's squares over those elsewhere: 1 without squares.
    step = np.abs(np.diff(light, axis=1))
    inside = frame[:, 1:]
    across = np.zeros_like(inside)
    across[:, _SQUARE - 1 :: _SQUARE] = True
    statistics = [
        colours.mean(axis=0),
        colours.std(axis=0),
        np.percentile(colours, _PERCENTILES, axis=0).ravel(),
        # Spread of what remains after blurs of three widths.
        np.array([(light - cv2.GaussianBlur(light, (0, 0), sigma))[frame].std() for sigma in (0.7, 1.5, 3.0)]),
        [float((step[across & inside].mean() + 1e-3) / (step[~across & inside].mean() + 1e-3))],
        *(part.reshape(-1, 3).mean(axis=0) for part in parts),
    ]
    return np.concatenate(statistics)


def border_probabilities(features: Floats, labels: Labels, folds: npt.ArrayLike) -> Floats:
    """Predict labels out of fold by gradient boosting on border features.

    Args:
        features: `(N, F)`.
        labels: `(N,)`, 1 for malignant.
        folds: `(N,)`; the rows of one value are held out together.

    Returns:
        P(malignant), `(N,)`.

    Raises:
        ValueError: If there are fewer than two folds, or one leaves a single class to learn from.
    """
    held_out = np.asarray(folds)
    for fold in np.unique(held_out):
        if len(np.unique(labels[held_out != fold])) < 2:
            raise ValueError(f"without fold {fold} the border probe has only one class to learn from")
    probabilities = cross_val_predict(
        HistGradientBoostingClassifier(random_state=0),
        features,
        labels,
        groups=held_out,
        cv=LeaveOneGroupOut(),
        method="predict_proba",
    )
    return np.asarray(probabilities)[:, 1]

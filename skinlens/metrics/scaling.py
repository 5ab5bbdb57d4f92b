"""Temperature and Platt scaling: how a logit becomes a probability, for the run time and for every statistic."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# The last step below 1 that a float32 softmax can take.
SATURATION = 6e-8


def sigmoid(logits: npt.ArrayLike) -> Floats:
    """Return `1 / (1 + exp(-logit))`, without overflow.

    Args:
        logits: Of any shape.

    Returns:
        float64 of that shape in [0, 1]; NaN stays NaN.

    Example:
        >>> float(sigmoid(0.0))
        0.5
    """
    # tanh is exact at both ends, where exp would overflow.
    return np.asarray(0.5 + 0.5 * np.tanh(np.asarray(logits, np.float64) / 2))


def logit(probabilities: npt.ArrayLike, *, least: float = SATURATION) -> Floats:
    """Return `log(p / (1 - p))`.

    Args:
        probabilities: In [0, 1], of any shape.
        least: Probabilities nearer to 0 or 1 than this count as `least` or `1 - least`, so that logits are finite.

    Returns:
        float64 of that shape.
    """
    clipped = np.clip(np.asarray(probabilities, np.float64), least, 1 - least)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


class Scaling(NamedTuple):
    """How a logit becomes that of a calibrated probability: `logit / temperature + offset`.

    Temperature scaling (Guo et al., arXiv 1706.04599) with an offset (Platt 1999). `calibration.fitted_scaling` fits
    one; without arguments it changes nothing.

    Attributes:
        temperature: Above 0; above 1 where the model is too sure.
        offset: Below 0 where the model was trained on a larger share of malignant images than the probability is for.

    Example:
        >>> Scaling(2.0, 0.0).of_logits([0.0]).tolist()
        [0.5]
    """

    temperature: float = 1.0
    offset: float = 0.0

    def of_logits(self, logits: npt.ArrayLike) -> Floats:
        """Return calibrated probabilities.

        Args:
            logits: `logit(malignant) - logit(benign)`, of any shape.

        Returns:
            float64 of that shape in [0, 1].
        """
        return sigmoid(np.asarray(logits, np.float64) / self.temperature + self.offset)

    def of_probabilities(self, probabilities: npt.ArrayLike) -> Floats:
        """Return calibrated probabilities.

        Args:
            probabilities: Uncalibrated ones in [0, 1], of any shape.

        Returns:
            float64 of that shape in [0, 1].
        """
        return self.of_logits(logit(probabilities))

"""What a model says about one image."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def is_probability(value: float) -> bool:
    """Return whether a number is in [0, 1]; NaN is not."""
    return 0.0 <= value <= 1.0


def is_scale(value: float) -> bool:
    """Return whether dividing by a number is meaningful: it is finite and above 0."""
    return math.isfinite(value) and value > 0


@dataclass(frozen=True)
class ModelId:
    """Which model spoke.

    Attributes:
        name: The card's name.
        version: The card's version.
        sha256: Digest of the weights file.
    """

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class GateSummary:
    """Weight of the mid-level branch in the fusion, in [0, 1], over channels (or positions): mean and extremes."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """The model's answer for one image.

    Attributes:
        logits: `(2,)`, benign then malignant.
        score: P(malignant) in [0, 1]: the softmax of the logits, scaled as the card says. NaN where any number that the
            graph or the card gave is not finite: then there is no result, whatever the other fields hold.
        signed_map: Evidence for malignant against benign, `(h, w)` at the resolution of the fused features: Grad-CAM of
            the logit difference before ReLU. `explain.heatmap` scales and draws it.
        features: Pooled fused features, `(C,)`.
        gate: How the two branches were mixed; None for a network with one branch.
        model: Which model spoke.
        provider: ONNX Runtime's name of what it ran on, such as `CPUExecutionProvider`.
        milliseconds: Wall time of the model for this image (a batch's time divided by its size).
        texture: Averages of the early stages' maps, `(K,)`; None for a graph that does not give them.
    """

    logits: Floats
    score: float
    signed_map: Floats
    features: Floats
    gate: GateSummary | None
    model: ModelId
    provider: str
    milliseconds: float
    texture: Floats | None = None

    @property
    def appearance(self) -> Floats:
        """What tells dermoscopy from other images: the texture, or the pooled features of a graph without one."""
        return self.features if self.texture is None else self.texture

"""Networks that end in a global average and a piecewise linear head, whose Grad-CAM therefore has a closed form."""

from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

from torch import Tensor, nn


class Analysis(NamedTuple):
    """The results of one forward pass.

    Attributes:
        logits: `(N, classes)`, benign then malignant.
        maps: The feature maps before the global average, `(N, C, h, w)`.
        pooled: Their global average, `(N, C)`.
        gate: Weights of the mid-level branch where two branches are fused, `(N, C, 1, 1)` or `(N, 1, h, w)`; else None.
        texture: Global averages of the early stages' maps one after another, for some networks with their standard
            deviations, `(N, K)`: colour and texture of the image rather than its class; None if the network gives none.
    """

    logits: Tensor
    maps: Tensor
    pooled: Tensor
    gate: Tensor | None
    texture: Tensor | None = None


class Head(Protocol):
    """What follows the global average."""

    def evidence_gradient(self, pooled: Tensor) -> Tensor:
        """Return the gradient of `logit[malignant] - logit[benign]` by the pooled features.

        Args:
            pooled: `(N, C)`.

        Returns:
            `(N, C)`.
        """


class Explainable(nn.Module, ABC):
    """A network whose evidence map is computed in the forward pass, without automatic differentiation."""

    # Whether `Analysis.gate` is given.
    fuses = False
    # Whether `Analysis.texture` is given.
    textured = False

    @property
    @abstractmethod
    def explained(self) -> nn.Module:
        """The module whose output is `Analysis.maps`, where the Grad-CAM library hooks in."""

    @abstractmethod
    def analyse(self, images: Tensor) -> Analysis:
        """Run the network once and keep what the heatmap needs.

        Args:
            images: Normalised RGB, `(N, 3, H, W)`.

        Returns:
            Logits, the maps of `explained`, their averages, and gate and texture where the network gives them.
        """

    @abstractmethod
    def evidence_gradient(self, pooled: Tensor) -> Tensor:
        """Return the gradient of `logit[malignant] - logit[benign]` by the pooled features, in closed form.

        Args:
            pooled: `(N, C)`.

        Returns:
            `(N, C)`.
        """

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(N, classes)` from normalised RGB `(N, 3, H, W)`."""
        return self.analyse(images).logits


def evidence_map(analysis: Analysis, head: Head) -> Tensor:
    """Compute the signed Grad-CAM of `logit(malignant) - logit(benign)` on the feature maps.

    Grad-CAM weighs each channel by the spatial mean of its gradient (arXiv 1610.02391). Behind the maps come a global
    average and the head, so that gradient is the head's, spread evenly over the positions:
    `evidence = sum over c of maps[c] * gradient[c] / (h * w)`.

    Args:
        analysis: Of N images.
        head: What follows the global average.

    Returns:
        `(N, h, w)`; positive where the image speaks for malignant, negative where for benign, in logits per position.
    """
    positions = analysis.maps.shape[-2] * analysis.maps.shape[-1]
    gradient = head.evidence_gradient(analysis.pooled) / positions
    return (gradient[:, :, None, None] * analysis.maps).sum(dim=1)

"""The Grad-CAM oracle: the grad-cam library on the torch network, which every released graph has to agree with."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from pytorch_grad_cam import GradCAM
from torch import Tensor, nn


class EvidenceTarget:
    """What the map explains: `logit(malignant) - logit(benign)` of one image."""

    def __call__(self, logits: Tensor) -> Tensor:
        """Return the difference of the logits.

        Args:
            logits: Of one image, `(2,)`.
        """
        return logits[1] - logits[0]


def signed_grad_cam(
    network: nn.Module, layer: nn.Module, images: Tensor, to_maps: Callable[[Tensor], Tensor] | None = None
) -> npt.NDArray[np.float32]:
    """Compute Grad-CAM before ReLU and scaling (arXiv 1610.02391), by automatic differentiation.

    Args:
        network: From normalised RGB `(N, 3, H, W)` to logits `(N, 2)`.
        layer: The module whose output is explained.
        images: Normalised RGB `(N, 3, H, W)`.
        to_maps: Turns the layer's output into feature maps `(N, C, h, w)` if it is none.

    Returns:
        `(N, h, w)` at the layer's own resolution, in logits per position.
    """
    targets = [EvidenceTarget() for _ in images]
    with _SignedGradCam(network, [layer], reshape_transform=to_maps) as cam:
        return np.asarray(cam(input_tensor=images, targets=targets), dtype=np.float32)


class _SignedGradCam(GradCAM):
    """The library's Grad-CAM, stopped before it applies ReLU, scales each map to [0, 1] and resizes it."""

    def compute_cam_per_layer(self, input_tensor, targets, eigen_smooth):  # type: ignore[no-untyped-def]
        # One layer was asked for, so that there is one recording of it.
        recorded = self.activations_and_grads
        activations, gradients = recorded.activations[0].numpy(), recorded.gradients[0].numpy()
        return self.get_cam_image(input_tensor, self.target_layers[0], targets, activations, gradients, eigen_smooth)

    def aggregate_multi_layers(self, cam_per_target_layer):  # type: ignore[no-untyped-def]
        return cam_per_target_layer

"""An auxiliary task: drawing the lesion's outline from the feature maps, so that they stay with the lesion."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skinlens.models.explainable import Explainable

UNKNOWN = np.uint8(255)


class WithOutlines(nn.Module):
    """A network and a 1x1 convolution on its feature maps that goes with it while it trains and is not kept."""

    # How names of the network's parameters begin here.
    PREFIX = "network."

    def __init__(self, network: Explainable) -> None:
        super().__init__()
        self.network = network
        self.outline = nn.Conv2d(_channels(network), 1, kernel_size=1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Run the network and draw the outline from its maps.

        Args:
            images: Normalised RGB, `(N, 3, H, W)`.

        Returns:
            Logits of the classes `(N, classes)`, and of the outline `(N, h, w)`.
        """
        analysis = self.network.analyse(images)
        return analysis.logits, self.outline(analysis.maps).squeeze(1)


def outline_loss(logits: Tensor, outlines: Tensor) -> Tensor:
    """Binary cross-entropy of the outline, over the images that have one; 0 if none has.

    Args:
        logits: `(N, h, w)`.
        outlines: uint8 `(N, H, W)`: 1 on the lesion, 0 off it, 255 throughout where it is not known.

    Returns:
        A scalar that depends on `logits` in any case, so that every process of a distributed run has gradients.
    """
    known = (outlines[:, 0, 0] != int(UNKNOWN)).float()
    # The share of each cell of the maps that the lesion covers.
    height, width = logits.shape[-2:]
    target = F.adaptive_avg_pool2d((outlines == 1).float()[:, None], (height, width)).squeeze(1)
    each = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="none").mean(dim=(1, 2))
    return (each * known).sum() / known.sum().clamp(min=1)


@torch.no_grad()
def _channels(network: Explainable) -> int:
    """How many feature maps there are, by a look at a black image; the network is left as it was."""
    was_training = network.training
    network.eval()
    try:
        return int(network.analyse(torch.zeros(1, 3, 64, 64)).maps.shape[1])
    finally:
        network.train(was_training)

"""An intercept for each dataset, learned beside the network so that telling datasets apart earns nothing."""

import torch
from torch import Tensor, nn


class WithIntercepts(nn.Module):
    """A network whose logit of malignancy gets an intercept of the image's dataset while it trains.

    These are the fixed effects of a regression on grouped data: how frequent malignant lesions are in a dataset, and
    how easy its images are to call, is taken up by a number of its own, and the network is left to explain what differs
    within datasets. The intercepts are not kept: a new image is of none of the datasets.

    Args:
        network: Gives logits `(N, 2)` of images `(N, 3, H, W)`.
        intercepts: `(D,)`, where each dataset's starts.

    Example:
        >>> network = WithIntercepts(nn.Identity(), torch.tensor([1.0, -1.0]))
        >>> logits = network(torch.zeros(3, 2), torch.tensor([0, 1, -1]))
        >>> logits[:, 1].tolist(), logits[:, 0].tolist()
        ([1.0, -1.0, 0.0], [0.0, 0.0, 0.0])
    """

    # How names of the network's parameters begin here.
    PREFIX = "network."

    def __init__(self, network: nn.Module, intercepts: Tensor) -> None:
        super().__init__()
        self.network = network
        self.intercepts = nn.Parameter(intercepts.float())

    def forward(self, images: Tensor, datasets: Tensor) -> Tensor:
        """Run the network and add the intercepts.

        Args:
            images: Normalised RGB, `(N, 3, H, W)`.
            datasets: `(N,)` from 0 to D - 1; an image of -1 gets no intercept.

        Returns:
            Logits `(N, 2)`, in fp32.
        """
        logits = self.network(images).float()
        added = torch.where(datasets >= 0, self.intercepts[datasets.clamp(min=0)], 0.0)
        return torch.stack([logits[:, 0], logits[:, 1] + added], dim=1)

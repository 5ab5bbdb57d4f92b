"""The auxiliary head: its loss against NumPy, silent where there is no outline, and no part of the network."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skinlens.models.explainable import Analysis, Explainable
from skinlens.training.segmentation import UNKNOWN, WithOutlines, outline_loss


class TinyExplained(Explainable):
    """Five feature maps on a grid a quarter as fine."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 5, 4, stride=4)
        self.bn1 = nn.BatchNorm2d(5)
        self.head = nn.Linear(5, 2)

    @property
    def explained(self) -> Any:
        return self.bn1

    def analyse(self, images: Any) -> Any:
        maps = self.bn1(self.conv1(images))
        pooled = maps.mean(dim=(2, 3))
        return Analysis(self.head(pooled), maps, pooled, None)

    def evidence_gradient(self, pooled: Any) -> Any:
        return (self.head.weight[1] - self.head.weight[0]).expand_as(pooled)


def outlines(count: int = 3, side: int = 8) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 2, (count, side, side), np.uint8))


def test_the_loss_is_the_cross_entropy_with_each_cells_share_of_the_lesion() -> None:
    logits, truth = torch.linspace(-2, 2, 3 * 16).reshape(3, 4, 4), outlines()
    share = truth.numpy().reshape(3, 4, 2, 4, 2).mean(axis=(2, 4))
    chance = 1 / (1 + np.exp(-logits.numpy()))
    expected = -(share * np.log(chance) + (1 - share) * np.log(1 - chance)).mean()
    assert outline_loss(logits, truth).item() == pytest.approx(expected, rel=1e-5)


def test_images_without_an_outline_do_not_count() -> None:
    logits, truth = torch.linspace(-2, 2, 3 * 16).reshape(3, 4, 4), outlines()
    truth[1] = int(UNKNOWN)
    both = outline_loss(logits[[0, 2]], truth[[0, 2]])
    assert outline_loss(logits, truth).item() == pytest.approx(both.item(), rel=1e-6)


def test_a_batch_without_any_outline_costs_nothing_and_still_has_a_gradient() -> None:
    logits = torch.ones(2, 4, 4, requires_grad=True)
    loss = outline_loss(logits, torch.full((2, 8, 8), int(UNKNOWN), dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


def test_it_gives_the_networks_own_logits_and_an_outline_on_its_grid() -> None:
    network = TinyExplained().eval()
    images = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    logits, drawn = WithOutlines(network)(images)
    assert torch.equal(logits, network(images))
    assert drawn.shape == (2, 8, 12)


@pytest.mark.parametrize("training", [True, False])
def test_looking_at_a_network_leaves_it_as_it_was(training: bool) -> None:
    network = TinyExplained().train(training)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert WithOutlines(network).outline.in_channels == 5
    assert network.training is training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())

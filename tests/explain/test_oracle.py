"""The oracle against Grad-CAM written by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from skinlens.explain.oracle import EvidenceTarget, signed_grad_cam


@pytest.fixture
def network() -> nn.Sequential:
    """Two convolutions and a two-layer head, in evaluation mode; item 2 is explained."""
    torch.manual_seed(5)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, padding=1),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 16),
        nn.ReLU(),
        nn.Linear(16, 2),
    ).eval()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(4, 3, 20, 28, generator=torch.Generator().manual_seed(6))


def by_hand(network: nn.Sequential, images: Tensor, explained: int) -> np.ndarray:
    """Selvaraju et al., arXiv 1610.02391, equations 1 and 2 without the ReLU, one image at a time."""
    maps = []
    for image in images:
        activations = network[: explained + 1](image[None]).detach().requires_grad_()
        logits = network[explained + 1 :](activations)[0]
        (gradients,) = torch.autograd.grad(logits[1] - logits[0], activations)
        weights = gradients.mean(dim=(2, 3), keepdim=True)
        maps.append((weights * activations).sum(dim=1)[0].detach().numpy())
    return np.stack(maps)


def test_it_is_grad_cam_of_the_logit_difference(network: nn.Sequential, images: Tensor) -> None:
    found = signed_grad_cam(network, network[2], images)
    expected = by_hand(network, images, explained=2)
    assert found.shape == (4, 10, 14)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())


def test_it_keeps_its_sign_and_its_scale(network: nn.Sequential, images: Tensor) -> None:
    found = signed_grad_cam(network, network[2], images)
    assert (found < 0).any(axis=(1, 2)).all()
    assert (found > 0).any(axis=(1, 2)).all()
    with torch.no_grad():
        network[8].weight.mul_(3)
    np.testing.assert_allclose(signed_grad_cam(network, network[2], images), 3 * found, rtol=1e-4, atol=1e-7)


def test_swapping_the_classes_swaps_the_sign(network: nn.Sequential, images: Tensor) -> None:
    found = signed_grad_cam(network, network[2], images)
    with torch.no_grad():
        network[8].weight.copy_(network[8].weight.flip(0))
    np.testing.assert_allclose(signed_grad_cam(network, network[2], images), -found, rtol=1e-4, atol=1e-7)


def test_a_batch_is_its_images(network: nn.Sequential, images: Tensor) -> None:
    singles = [signed_grad_cam(network, network[2], image[None])[0] for image in images]
    np.testing.assert_allclose(signed_grad_cam(network, network[2], images), singles, rtol=1e-4, atol=1e-7)


def hooks(network: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._backward_hooks) for module in network.modules())


def test_no_hook_is_left_behind(network: nn.Sequential, images: Tensor) -> None:
    signed_grad_cam(network, network[2], images)
    assert hooks(network) == 0


def test_no_hook_is_left_behind_after_a_failure(network: nn.Sequential) -> None:
    with pytest.raises(RuntimeError):
        signed_grad_cam(network, network[2], torch.zeros(1, 5, 20, 20))
    assert hooks(network) == 0


def test_the_target_is_malignant_against_benign() -> None:
    assert EvidenceTarget()(torch.tensor([1.5, 4.0])).item() == 2.5

"""ResNet-50 with adaptive spatial feature fusion of its two last stages (arXiv 2510.03876).

The last stage (semantic, 7x7 at 224 px) is brought to the grid of the one before it (mid-level, 14x14) and the two are
mixed by a learned gate `w`: `fused = w * mid + (1 - w) * semantic`. The published gate is a softmax over 1,024
channels, whose weights average 1/1024, so that it hardly fuses; two more gates are offered beside it.
"""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from skinlens.models.explainable import Analysis, Explainable

GateName = Literal["softmax", "sigmoid", "spatial"]

MID_CHANNELS = 1024
SEMANTIC_CHANNELS = 2048


class ChannelGate(nn.Module):
    """One weight per channel and image, from the global averages of both branches.

    Args:
        channels: Channels `C` of each branch.
        activation: `softmax` over the channels (as published: the weights sum to 1) or `sigmoid` (each channel is
            free to take either branch).
    """

    def __init__(self, channels: int, activation: Literal["softmax", "sigmoid"]) -> None:
        super().__init__()
        self.activation = activation
        self.reduce = nn.Linear(2 * channels, channels)
        self.expand = nn.Linear(channels, channels)

    def forward(self, mid: Tensor, semantic: Tensor) -> Tensor:
        """Weights of the mid-level branch, `(N, C, 1, 1)`, from two maps `(N, C, H, W)`."""
        pooled = torch.cat([mid, semantic], dim=1).mean(dim=(2, 3))
        scores = self.expand(F.relu(self.reduce(pooled)))
        weights = scores.softmax(dim=1) if self.activation == "softmax" else scores.sigmoid()
        return weights[:, :, None, None]


class SpatialGate(nn.Module):
    """One weight per position: a softmax over the two branches (ASFF of Liu et al., arXiv 1911.09516).

    Args:
        channels: Channels `C` of each branch.
        compressed: Channels to which each branch is compressed before the two are compared.
    """

    def __init__(self, channels: int, compressed: int = 16) -> None:
        super().__init__()
        self.compress_mid = _conv_bn_relu(channels, compressed)
        self.compress_semantic = _conv_bn_relu(channels, compressed)
        self.compare = nn.Conv2d(2 * compressed, 2, kernel_size=1)

    def forward(self, mid: Tensor, semantic: Tensor) -> Tensor:
        """Weights of the mid-level branch, `(N, 1, H, W)`, from two maps `(N, C, H, W)`."""
        both = torch.cat([self.compress_mid(mid), self.compress_semantic(semantic)], dim=1)
        return self.compare(both).softmax(dim=1)[:, :1]


class Head(nn.Module):
    """Two linear layers with a ReLU between them, from pooled features `(N, C)` to logits `(N, classes)`."""

    def __init__(self, features: int = MID_CHANNELS, hidden: int = 2048, classes: int = 2) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, hidden)
        self.classify = nn.Linear(hidden, classes)

    def forward(self, pooled: Tensor) -> Tensor:
        """Logits `(N, classes)`."""
        return self.classify(F.relu(self.hidden(pooled)))

    def evidence_gradient(self, pooled: Tensor, *, positive: int = 1, negative: int = 0) -> Tensor:
        """Gradient of `logit[positive] - logit[negative]` by the pooled features, in closed form.

        The head is piecewise linear, so the gradient is `W1^T (relu'(W1 x + b1) * (W2[positive] - W2[negative]))`.

        Args:
            pooled: `(N, C)`.
            positive: Class whose evidence counts up.
            negative: Class whose evidence counts down.

        Returns:
            `(N, C)`.
        """
        active = (self.hidden(pooled) > 0).to(pooled.dtype)
        difference = self.classify.weight[positive] - self.classify.weight[negative]
        return (active * difference) @ self.hidden.weight


class AsffResNet50(Explainable):
    """ASFF ResNet-50: 30,857,282 parameters with a channel gate and two classes.

    Args:
        gate: How the branches are mixed; `softmax` is the published one.
        stride_in_1x1: Where the stride of a down-sampling bottleneck sits: on its first 1x1 convolution (ResNet v1,
            as in Keras and the paper) or on its 3x3 one (torchvision's default). It belongs to the starting weights.
        classes: Width of the output.

    Raises:
        ValueError: If `gate` is not one of the three.
    """

    # torchvision's name of the trunk, by which its ImageNet weights are found.
    library = "resnet50"
    fuses = True
    textured = True

    def __init__(self, *, gate: GateName = "softmax", stride_in_1x1: bool = True, classes: int = 2) -> None:
        super().__init__()
        trunk = torchvision.models.resnet50(weights=None)
        if stride_in_1x1:
            move_stride_to_1x1(trunk)
        self.conv1, self.bn1, self.relu, self.maxpool = trunk.conv1, trunk.bn1, trunk.relu, trunk.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4
        self.project = nn.Conv2d(SEMANTIC_CHANNELS, MID_CHANNELS, kernel_size=1)
        self.gate = _build_gate(gate)
        # Forward hooks (the Grad-CAM oracle) find the fused feature map here.
        self.fused = nn.Identity()
        self.head = Head(classes=classes)

    def branches(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mid-level and semantic maps, both `(N, 1024, H/16, W/16)`, from normalised RGB `(N, 3, H, W)`."""
        mid = self._stages(images)[-1]
        return mid, self._semantic(mid)

    @property
    def explained(self) -> nn.Module:
        """The fused feature map, `(N, 1024, H/16, W/16)`."""
        return self.fused

    def analyse(self, images: Tensor) -> Analysis:
        """One pass over normalised RGB `(N, 3, H, W)` that keeps what the heatmap and the gate summary need."""
        stages = self._stages(images)
        mid = stages[-1]
        semantic = self._semantic(mid)
        weights = self.gate(mid, semantic)
        fused = self.fused(mix(mid, semantic, weights))
        pooled = fused.mean(dim=(2, 3))
        texture = torch.cat([stage.mean(dim=(2, 3)) for stage in stages], dim=1)
        return Analysis(self.head(pooled), fused, pooled, weights, texture)

    def evidence_gradient(self, pooled: Tensor) -> Tensor:
        """The head's gradient of `logit[malignant] - logit[benign]`, `(N, 1024)`."""
        return self.head.evidence_gradient(pooled)

    def _stages(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps of the first three stages, with 256, 512 and 1024 channels; the last is the mid-level branch."""
        first = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(images)))))
        second = self.layer2(first)
        return first, second, self.layer3(second)

    def _semantic(self, mid: Tensor) -> Tensor:
        return upsampled(self.project(self.layer4(mid)), like=mid)


def mix(mid: Tensor, semantic: Tensor, weights: Tensor) -> Tensor:
    """`weights * mid + (1 - weights) * semantic`; the weights broadcast over channels or positions."""
    return weights * mid + (1 - weights) * semantic


def upsampled(small: Tensor, *, like: Tensor) -> Tensor:
    """Bilinear resize of `small` to the grid of `like`; a 1x1 convolution may come before or after, both are linear."""
    return F.interpolate(small, size=like.shape[-2:], mode="bilinear", align_corners=False)


def move_stride_to_1x1(trunk: nn.Module) -> None:
    """Turn torchvision's bottlenecks (v1.5) into ResNet v1: the stride of layer2, 3 and 4 goes to their first conv1."""
    for name in ("layer2", "layer3", "layer4"):
        block = getattr(trunk, name)[0]
        block.conv1.stride, block.conv2.stride = block.conv2.stride, (1, 1)


def _build_gate(name: GateName) -> nn.Module:
    if name not in get_args(GateName):
        raise ValueError(f"gate must be one of {', '.join(get_args(GateName))}, not {name!r}")
    if name == "spatial":
        return SpatialGate(MID_CHANNELS)
    return ChannelGate(MID_CHANNELS, name)


def _conv_bn_relu(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel_size=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())

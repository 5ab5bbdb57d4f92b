"""ResNet-50 with adaptive spatial feature fusion of its last stages (arXiv 2510.03876).

The last stage (semantic, 7x7 at 224 px) is brought to the grid of the one before it (mid-level, 14x14) and the two are
mixed by a learned gate `w`: `fused = w * mid + (1 - w) * semantic`. The published gate is a softmax over 1,024
channels, whose weights average 1/1024, so that it hardly fuses; two more gates are offered beside it.

With three levels, layer2 (28x28) joins as a fine branch, and a softmax over the levels weighs them (arXiv 1911.09516):
`fused = w_fine * fine + w_mid * mid + w_semantic * semantic`, with weights that add up to 1.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Literal, get_args

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from skinlens.models.explainable import Analysis, Explainable

GateName = Literal["softmax", "sigmoid", "spatial"]
LEVELS = (2, 3)

FINE_CHANNELS = 512
MID_CHANNELS = 1024
SEMANTIC_CHANNELS = 2048


class ChannelGate(nn.Module):
    """One weight per branch, channel and image, from the global averages of all branches.

    Args:
        channels: Channels `C` of each branch.
        activation: `softmax` over the channels (as published: the weights of the mid-level branch sum to 1) or
            `sigmoid` (each channel divides itself freely among the branches: a sigmoid between two, a softmax over
            three).
        levels: Branches `L`; three only with `sigmoid`.
    """

    def __init__(self, channels: int, activation: Literal["softmax", "sigmoid"], levels: int = 2) -> None:
        super().__init__()
        self.activation, self.levels = activation, levels
        self.reduce = nn.Linear(levels * channels, channels)
        self.expand = nn.Linear(channels, channels if levels == 2 else levels * channels)

    @torch.no_grad()
    def start_even(self) -> None:
        """Give every branch the same weight, whatever the image.

        Raises:
            ValueError: If the activation is `softmax`, whose weights sum to 1 over the channels and so average `1 / C`.
        """
        if self.activation == "softmax":
            raise ValueError("a softmax over the channels cannot weigh two branches evenly")
        self.expand.weight.zero_()
        self.expand.bias.zero_()

    def forward(self, *branches: Tensor) -> Tensor:
        """Compute the weights of the branches.

        Args:
            *branches: `L` maps `(N, C, H, W)`, finest first.

        Returns:
            Of two branches the weight of the first, `(N, C, 1, 1)`; of three the weight of each, `(N, 3, C, 1, 1)`,
            with the sum 1 over the branches.
        """
        scores: Tensor = self.expand(F.relu(self.reduce(torch.cat([pooled(branch) for branch in branches], dim=1))))
        if self.levels > 2:
            by_level: Tensor = scores.unflatten(1, (self.levels, -1))
            return by_level.softmax(dim=1)[..., None, None]
        weights = scores.softmax(dim=1) if self.activation == "softmax" else scores.sigmoid()
        return weights[:, :, None, None]


class SpatialGate(nn.Module):
    """One weight per branch and position: a softmax over the branches (ASFF of Liu et al., arXiv 1911.09516).

    Args:
        channels: Channels `C` of each branch.
        compressed: Channels to which each branch is compressed before they are compared.
        levels: Branches `L`.
    """

    def __init__(self, channels: int, compressed: int = 16, levels: int = 2) -> None:
        super().__init__()
        self.levels = levels
        if levels > 2:
            self.compress_fine = _conv_bn_relu(channels, compressed)
        self.compress_mid = _conv_bn_relu(channels, compressed)
        self.compress_semantic = _conv_bn_relu(channels, compressed)
        self.compare = nn.Conv2d(levels * compressed, levels, kernel_size=1)

    @torch.no_grad()
    def start_even(self) -> None:
        """Give every branch the same weight at every position, whatever the image."""
        self.compare.weight.zero_()
        if self.compare.bias is not None:
            self.compare.bias.zero_()

    def forward(self, *branches: Tensor) -> Tensor:
        """Compute the weights of the branches.

        Args:
            *branches: `L` maps `(N, C, H, W)`, finest first.

        Returns:
            Of two branches the weight of the first, `(N, 1, H, W)`; of three the weight of each, `(N, 3, 1, H, W)`,
            with the sum 1 over the branches.
        """
        compress = [self.compress_mid, self.compress_semantic]
        if self.levels > 2:
            compress.insert(0, self.compress_fine)
        both = torch.cat([each(branch) for each, branch in zip(compress, branches, strict=True)], dim=1)
        weights: Tensor = self.compare(both).softmax(dim=1)
        return weights[:, :1] if self.levels == 2 else weights[:, :, None]


class Head(nn.Module):
    """Two linear layers with a ReLU between them, from pooled features `(N, C)` to logits `(N, classes)`."""

    def __init__(self, features: int = MID_CHANNELS, hidden: int = 2048, classes: int = 2) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, hidden)
        self.classify = nn.Linear(hidden, classes)

    def forward(self, pooled: Tensor) -> Tensor:
        """Compute logits.

        Args:
            pooled: `(N, C)`.

        Returns:
            `(N, classes)`.
        """
        logits: Tensor = self.classify(F.relu(self.hidden(pooled)))
        return logits

    @torch.no_grad()
    def read_along(self, direction: Tensor, intercept: float) -> None:
        """Make the difference of the last two logits `direction @ pooled + intercept`.

        A ReLU keeps the sign of nothing, so two hidden units carry it: `relu(x) - relu(-x)` is `x`. All other hidden
        units keep their random weights and are not read until training reads them.

        Args:
            direction: `(C,)`.
            intercept: Of the logit of malignant against benign.
        """
        self.hidden.weight[0], self.hidden.weight[1] = direction, -direction
        self.hidden.bias[0], self.hidden.bias[1] = intercept, -intercept
        self.classify.weight.zero_()
        self.classify.bias.zero_()
        # Half to each logit: their difference counts both.
        halves = torch.tensor([[-0.5, 0.5], [0.5, -0.5]])
        self.classify.weight[-2:, :2] = halves

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
        active: Tensor = (self.hidden(pooled) > 0).to(pooled.dtype)
        difference = self.classify.weight[positive] - self.classify.weight[negative]
        return (active * difference) @ self.hidden.weight


class AdaptiveFusion(Explainable):
    """A trunk whose middle, late and, with three levels, earlier stage are fused by a gate.

    A subclass builds its trunk, calls `_build_fusion` and says what its stages are.

    Attributes:
        levels: Branches that are fused, 2 or 3.
    """

    fuses = True
    textured = True

    # Which of the early stages is the fine branch.
    fine_stage = -2

    levels: int

    @property
    @abstractmethod
    def stage_channels(self) -> Mapping[str, int]:
        """Channels of the fine, mid-level and semantic stage, under the names by which probes know them."""

    @abstractmethod
    def _stages(self, images: Tensor) -> tuple[Tensor, ...]:
        """Maps of the early stages, one after another; the last is the mid-level branch."""

    @abstractmethod
    def _last(self, mid: Tensor) -> Tensor:
        """Maps of the semantic stage, from those of the mid-level one."""

    def _build_fusion(self, gate: GateName, levels: int, classes: int, width: int) -> None:
        """Make the new layers.

        Args:
            gate: How the branches are mixed.
            levels: Branches that are fused.
            classes: Width of the output.
            width: Channels in which the branches meet; where the mid-level stage has other ones, it is projected too.

        Raises:
            ValueError: If `gate` or `levels` is unknown, or `softmax` is to weigh three levels.
        """
        if gate not in get_args(GateName):
            raise ValueError(f"gate must be one of {', '.join(get_args(GateName))}, not {gate!r}")
        if levels not in LEVELS:
            raise ValueError(f"levels must be 2 or 3, not {levels!r}")
        if gate == "softmax" and levels > 2:
            raise ValueError("the softmax gate, as published, weighs two levels; three take sigmoid or spatial")
        self.levels = levels
        fine, mid, semantic = self.stage_channels.values()
        # The order of these layers is the order in which random weights are drawn: a seed gives the same network.
        self.project = nn.Conv2d(semantic, width, kernel_size=1)
        self.gate: ChannelGate | SpatialGate
        self.gate = SpatialGate(width, levels=levels) if gate == "spatial" else ChannelGate(width, gate, levels)
        if levels > 2:
            self.project_fine = nn.Conv2d(fine, width, kernel_size=1)
        self.project_mid = nn.Identity() if mid == width else nn.Conv2d(mid, width, kernel_size=1)
        # Forward hooks (the Grad-CAM oracle) find the fused feature map here.
        self.fused = nn.Identity()
        self.head = Head(width, classes=classes)

    def branches(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the maps that are fused.

        Args:
            images: Normalised RGB, `(N, 3, H, W)`.

        Returns:
            `L` maps `(N, C, H/16, W/16)`, finest first.
        """
        return self._branches(self._stages(images))

    @property
    def explained(self) -> nn.Module:
        """The fused feature map, `(N, C, H/16, W/16)`."""
        return self.fused

    def analyse(self, images: Tensor) -> Analysis:
        """Run the network once and keep what the heatmap and the gate summary need.

        Args:
            images: Normalised RGB, `(N, 3, H, W)`.

        Returns:
            Logits `(N, classes)`, the fused maps `(N, C, H/16, W/16)` and their averages `(N, C)`, the weights of the
            mid-level branch, and the texture.
        """
        stages = self._stages(images)
        branches = self._branches(stages)
        weights = self.gate(*branches)
        fused = self.fused(mix(branches, weights))
        features = pooled(fused)
        mid_weights = weights if self.levels == 2 else weights[:, 1]
        return Analysis(self.head(features), fused, features, mid_weights, self._texture(stages))

    def evidence_gradient(self, pooled: Tensor) -> Tensor:
        """Return the head's gradient of `logit[malignant] - logit[benign]`; see `Head.evidence_gradient`.

        Args:
            pooled: `(N, C)`.

        Returns:
            `(N, C)`.
        """
        return self.head.evidence_gradient(pooled)

    @property
    def fused_stages(self) -> tuple[str, ...]:
        """The stages that are fused, finest first: those that a probe may read to start this network."""
        return tuple(self.stage_channels)[3 - self.levels :]

    @torch.no_grad()
    def start_from_probe(self, coefficients: Tensor, intercept: float) -> None:
        """Set the new layers so that the network's logit difference is that of a linear probe on its fused stages.

        Every gate starts at equal weights, and every projection writes what the probe reads from its branch along one
        direction, so that `L * direction @ fused` is the probe's logit. Where the mid-level branch is not projected,
        that direction is the probe's own in it. Across the direction the projections keep their random weights, and
        all hidden units but two are not yet read: they are what training has to work with. The averages of the branches
        survive the resampling between grids exactly where the input's side is a multiple of 32.

        Args:
            coefficients: `(K,)`, for the averages of `fused_stages` one after another.
            intercept: Of the logit of malignant against benign.

        Raises:
            ValueError: If the probe read other stages or none of the mid-level branch.
        """
        expected = [self.stage_channels[stage] for stage in self.fused_stages]
        if coefficients.shape != (sum(expected),):
            raise ValueError(f"the probe has {coefficients.numel()} coefficients, not {sum(expected)}")
        *fine, mid, semantic = coefficients.split(expected)
        # Without a projection the branch is read where the probe read it.
        direction = mid
        if isinstance(self.project_mid, nn.Conv2d):
            direction = F.normalize(self.project_mid.weight[:, 0, 0, 0], dim=0)
            _write_along(direction, self.project_mid, mid)
        if not direction.norm() > 0:
            raise ValueError(f"the probe reads nothing from {self.fused_stages[-2]}, along which the branches meet")
        self.gate.start_even()
        _write_along(direction, self.project, semantic)
        if fine:
            _write_along(direction, self.project_fine, fine[0])
        self.head.read_along(self.levels * direction, intercept)

    def _texture(self, stages: tuple[Tensor, ...]) -> Tensor:
        """Averages of the early stages, `(N, K)`."""
        return torch.cat([pooled(stage) for stage in stages], dim=1)

    def _branches(self, stages: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        fine, mid = stages[self.fine_stage], stages[-1]
        semantic = upsampled(self.project(self._last(mid)), like=mid)
        middle = self.project_mid(mid)
        if self.levels == 2:
            return middle, semantic
        # Averaged before the convolution: both are linear, and in this order the convolution is cheaper.
        return self.project_fine(F.avg_pool2d(fine, 2)), middle, semantic


class AsffResNet50(AdaptiveFusion):
    """ASFF ResNet-50: 30,857,282 parameters with a channel gate, two levels and two classes.

    Args:
        gate: How the branches are mixed; `softmax` is the published one.
        levels: Branches that are fused: 2 (layer3 and layer4, as published) or 3 (layer2 too, 34,530,370 parameters).
        stride_in_1x1: Where the stride of a down-sampling bottleneck sits: on its first 1x1 convolution (ResNet v1,
            as in Keras and the paper) or on its 3x3 one (torchvision's default). It belongs to the pretrained weights.
        classes: Width of the output.

    Raises:
        ValueError: If `gate` or `levels` is unknown, or `softmax` is to weigh three levels.
    """

    # torchvision's name of the trunk, by which its ImageNet weights are found.
    library = "resnet50"

    def __init__(
        self, *, gate: GateName = "softmax", stride_in_1x1: bool = True, classes: int = 2, levels: int = 2
    ) -> None:
        super().__init__()
        # Weights come later, by `load_pretrained`, which also says for the card which ones.
        trunk = torchvision.models.resnet50(weights=None)
        if stride_in_1x1:
            move_stride_to_1x1(trunk)
        self.conv1, self.bn1, self.relu, self.maxpool = trunk.conv1, trunk.bn1, trunk.relu, trunk.maxpool
        self.layer1, self.layer2, self.layer3, self.layer4 = trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4
        self._build_fusion(gate, levels, classes, MID_CHANNELS)

    @property
    def stage_channels(self) -> Mapping[str, int]:
        """Channels of layer2, layer3 and layer4."""
        return {"layer2": FINE_CHANNELS, "layer3": MID_CHANNELS, "layer4": SEMANTIC_CHANNELS}

    def _stages(self, images: Tensor) -> tuple[Tensor, ...]:
        """Maps of the first three stages, with 256, 512 and 1024 channels; the last is the mid-level branch."""
        first = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(images)))))
        second = self.layer2(first)
        return first, second, self.layer3(second)

    def _last(self, mid: Tensor) -> Tensor:
        maps: Tensor = self.layer4(mid)
        return maps


def pooled(maps: Tensor) -> Tensor:
    """Average maps over the image.

    Args:
        maps: `(N, C, H, W)`.

    Returns:
        `(N, C)`.
    """
    return maps.mean(dim=(2, 3))


def spread(maps: Tensor) -> Tensor:
    """Standard deviation of maps over the image.

    Args:
        maps: `(N, C, H, W)`.

    Returns:
        `(N, C)`.
    """
    return (maps - maps.mean(dim=(2, 3), keepdim=True)).square().mean(dim=(2, 3)).sqrt()


def mix(branches: tuple[Tensor, ...], weights: Tensor) -> Tensor:
    """Fuse branches with the weights that a gate returned for them.

    Two: `fused = w * mid + (1 - w) * semantic` (arXiv 2510.03876). Three: the sum of each branch times its weight
    (arXiv 1911.09516).

    Args:
        branches: Two or three maps `(N, C, H, W)`, finest first.
        weights: As from `ChannelGate` or `SpatialGate`.

    Returns:
        `(N, C, H, W)`.
    """
    if len(branches) == 2:
        return weights * branches[0] + (1 - weights) * branches[1]
    return (weights * torch.stack(branches, dim=1)).sum(dim=1)


@torch.no_grad()
def _write_along(direction: Tensor, project: nn.Conv2d, coefficients: Tensor) -> None:
    """Let a projection `(C, K, 1, 1)` write `coefficients @ input` along a direction `(C,)`, nothing else along it."""
    # Whatever the random weights wrote along the direction is taken out first.
    unit = direction / direction.norm()
    weight = project.weight[:, :, 0, 0]
    weight -= torch.outer(unit, unit @ weight)
    weight += torch.outer(unit, coefficients) / direction.norm()
    if project.bias is not None:
        project.bias.zero_()


def upsampled(small: Tensor, *, like: Tensor) -> Tensor:
    """Resize maps bilinearly to the grid of others.

    Bilinear resizing and a 1x1 convolution are both linear, so that either may come first; convolving at 7x7 is the
    cheaper order.

    Args:
        small: `(N, C, h, w)`.
        like: Maps of the wanted height and width.

    Returns:
        `(N, C, H, W)`.
    """
    return F.interpolate(small, size=like.shape[-2:], mode="bilinear", align_corners=False)


def move_stride_to_1x1(trunk: nn.Module) -> None:
    """Turn torchvision's bottlenecks (v1.5) into ResNet v1.

    The stride of the first block of layer2, layer3 and layer4 moves from its 3x3 convolution to its first 1x1 one, as
    in Keras and the paper. Shapes stay as they are; weights trained with one stride do not suit the other.

    Args:
        trunk: torchvision's ResNet-50 or -101; changed in place.
    """
    for name in ("layer2", "layer3", "layer4"):
        block = getattr(trunk, name)[0]
        block.conv1.stride, block.conv2.stride = block.conv2.stride, (1, 1)


def _conv_bn_relu(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel_size=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())

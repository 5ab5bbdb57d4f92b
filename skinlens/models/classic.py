"""The paper's other networks with a two-class output: torchvision's and timm's, and LeNet-5, which neither has.

They come in two kinds. Where a global average and one linear layer follow the features, the evidence map has a closed
form (`PooledClassifier`). The others (`HookedClassifier`) name the layer on which the Grad-CAM library explains them.
"""

from collections.abc import Callable

import timm
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from skinlens.models.asff import move_stride_to_1x1
from skinlens.models.explainable import Analysis, Explainable

CLASSES = 2


class PooledClassifier(Explainable):
    """Feature maps, global average, dropout, one linear layer.

    Args:
        trunk: From normalised RGB `(N, 3, H, W)` to feature maps `(N, C, h, w)`.
        features: `C`.
        library: torchvision's name of the network, by which its ImageNet weights are found; None if it has none.
        dropout: Share of pooled features that training leaves out.
    """

    def __init__(self, trunk: nn.Module, features: int, *, library: str | None, dropout: float = 0.0) -> None:
        super().__init__()
        self.library = library
        self.trunk = trunk
        # Forward hooks (the Grad-CAM oracle) find the feature maps here.
        self.maps = nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.classify = nn.Linear(features, CLASSES)

    @property
    def explained(self) -> nn.Module:
        """The last feature maps, `(N, C, h, w)`."""
        return self.maps

    def analyse(self, images: Tensor) -> Analysis:
        """Run the network once and keep what the heatmap needs: logits `(N, 2)`, maps and their averages.

        Args:
            images: Normalised RGB, `(N, 3, H, W)`.
        """
        maps = self.maps(self.trunk(images))
        pooled = maps.mean(dim=(2, 3))
        return Analysis(self.classify(self.dropout(pooled)), maps, pooled, None)

    def evidence_gradient(self, pooled: Tensor) -> Tensor:
        """Return the gradient of `logit[malignant] - logit[benign]` by the pooled features.

        Behind one linear layer it is the difference of that layer's rows, the same for every image.

        Args:
            pooled: `(N, C)`.

        Returns:
            `(N, C)`.
        """
        return (self.classify.weight[1] - self.classify.weight[0]).expand_as(pooled)


class HookedClassifier(nn.Module):
    """A network with another kind of head; its heatmap needs a backward pass, hence the Grad-CAM library.

    Args:
        trunk: From normalised RGB `(N, 3, H, W)` to logits `(N, 2)`.
        explained: Name of the module in `trunk` whose output is explained.
        library: torchvision's name of the network, by which its ImageNet weights are found; None if it has none.
        to_maps: Turns that output into feature maps `(N, C, h, w)` if it is none.
    """

    def __init__(
        self,
        trunk: nn.Module,
        explained: str,
        *,
        library: str | None,
        to_maps: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.library = library
        self.trunk = trunk
        self.to_maps = to_maps
        self._explained = explained

    @property
    def explained(self) -> nn.Module:
        """The module whose output is explained."""
        return self.trunk.get_submodule(self._explained)

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(N, 2)` from normalised RGB `(N, 3, H, W)`."""
        logits: Tensor = self.trunk(images)
        return logits


def resnet(depth: int, *, stride_in_1x1: bool = False) -> PooledClassifier:
    """ResNet-34, -50 or -101 (arXiv 1512.03385).

    Args:
        depth: 34, 50 or 101.
        stride_in_1x1: As in ResNet v1; see `AsffResNet50`. ResNet-34 has no bottlenecks, so there it must be off.

    Raises:
        ValueError: If ResNet-34 is asked for with a stride that it does not have.
    """
    library = f"resnet{depth}"
    trunk = torchvision.models.get_model(library, weights=None)
    if stride_in_1x1:
        if depth == 34:
            raise ValueError("ResNet-34 has no bottlenecks, so stride_in_1x1 must be false")
        move_stride_to_1x1(trunk)
    return PooledClassifier(_Stages(trunk), 512 if depth == 34 else 2048, library=library)


def mobilenet_v2() -> PooledClassifier:
    """Build MobileNetV2 (arXiv 1801.04381).

    Returns:
        With 1,280 pooled features and a dropout of 0.2, as in torchvision; random weights.
    """
    return PooledClassifier(_Features("mobilenet_v2"), 1280, library="mobilenet_v2", dropout=0.2)


def densenet121() -> PooledClassifier:
    """Build DenseNet-121 (arXiv 1608.06993).

    torchvision applies the network's last ReLU outside its features, so it is added here.

    Returns:
        With 1,024 pooled features; random weights.
    """
    return PooledClassifier(_Features("densenet121", nn.ReLU()), 1024, library="densenet121")


def efficientnet_b0() -> PooledClassifier:
    """Build EfficientNet-B0 (arXiv 1905.11946).

    Returns:
        With 1,280 pooled features and a dropout of 0.2, as in torchvision; random weights.
    """
    return PooledClassifier(_Features("efficientnet_b0"), 1280, library="efficientnet_b0", dropout=0.2)


def inception_v3() -> PooledClassifier:
    """Build Inception v3 (arXiv 1512.00567), the paper's GoogLeNet.

    The auxiliary classifier is left out: it needs images of 299 px.

    Returns:
        With 2,048 pooled features and a dropout of 0.5, as in torchvision; random weights.
    """
    trunk = torchvision.models.inception_v3(weights=None, aux_logits=False, init_weights=True)
    return PooledClassifier(_Stages(trunk), 2048, library="inception_v3", dropout=0.5)


def xception() -> PooledClassifier:
    """Build Xception (arXiv 1610.02357), from timm: torchvision has none.

    Returns:
        With 2,048 pooled features; random weights, and none on torchvision's hub.
    """
    trunk = timm.create_model("legacy_xception", pretrained=False, num_classes=0, global_pool="")
    return PooledClassifier(trunk, 2048, library=None)


def vgg16() -> HookedClassifier:
    """Build VGG-16 (arXiv 1409.1556).

    Returns:
        Explained on its `features`, `(N, 512, 7, 7)` at 224 px; random weights.
    """
    return HookedClassifier(torchvision.models.vgg16(num_classes=CLASSES), "features", library="vgg16")


def alexnet() -> HookedClassifier:
    """Build AlexNet, in the one-column form of arXiv 1404.5997 that torchvision has.

    It is explained on its `features`, `(N, 256, 6, 6)` at 224 px; its weights are random.
    """
    return HookedClassifier(torchvision.models.alexnet(num_classes=CLASSES), "features", library="alexnet")


def squeezenet1_1() -> HookedClassifier:
    """Build SqueezeNet 1.1 (arXiv 1602.07360).

    A ReLU stands between its last convolution and the average, so that its evidence map has no closed form.

    Returns:
        Explained on its `features`, `(N, 512, 13, 13)` at 224 px; random weights.
    """
    return HookedClassifier(torchvision.models.squeezenet1_1(num_classes=CLASSES), "features", library="squeezenet1_1")


def lenet5() -> HookedClassifier:
    """Build LeNet-5 (LeCun et al., Proceedings of the IEEE 86, 1998) for RGB images of any size.

    Returns:
        Explained on its `features`; random weights, of which there are no pretrained ones.
    """
    return HookedClassifier(LeNet5(), "features", library=None)


def vit_s(*, image_size: int = 224) -> HookedClassifier:
    """ViT-S/16 (arXiv 2106.10270): 12 layers, 6 heads, width 384, in torchvision's implementation.

    Args:
        image_size: Side of its input in pixels, a multiple of 16; unlike the others it takes no other size.
    """
    trunk = torchvision.models.VisionTransformer(
        image_size=image_size,
        patch_size=16,
        num_layers=12,
        num_heads=6,
        hidden_dim=384,
        mlp_dim=1536,
        num_classes=CLASSES,
    )
    # Behind the last block's first norm only attention and the MLP follow; the class token reads from here.
    explained = "encoder.layers.encoder_layer_11.ln_1"
    return HookedClassifier(trunk, explained, library=None, to_maps=_patches_to_maps)


class LeNet5(nn.Module):
    """Two convolutions with pooling, then 400 -> 120 -> 84 -> 2.

    The original takes 32x32 grey images, on which the second pooling leaves 5x5. Here an adaptive average brings any
    size to 5x5, ReLU takes the place of the scaled tanh, and full connections that of the sparse table.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, kernel_size=5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.ReLU(),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 5 * 5, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, CLASSES)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(N, 2)` from `(N, 3, H, W)`."""
        pooled = F.adaptive_avg_pool2d(self.features(images), 5)
        logits: Tensor = self.classifier(pooled.flatten(start_dim=1))
        return logits


class _Stages(nn.Sequential):
    """A sequential torchvision network without what follows its feature maps; the parts keep their names."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        for name, part in trunk.named_children():
            if name not in {"avgpool", "dropout", "fc"}:
                self.add_module(name, part)


class _Features(nn.Sequential):
    """The `features` of a torchvision network under that name, so that its weights keep their names."""

    def __init__(self, library: str, *further: nn.Module) -> None:
        super().__init__()
        # The whole network is built for its features alone: torchvision offers no other way.
        self.add_module("features", torchvision.models.get_model(library, weights=None).features)
        for number, part in enumerate(further):
            self.add_module(f"further{number}", part)


def _patches_to_maps(tokens: Tensor) -> Tensor:
    """Tokens `(N, 1 + h * w, C)` of a square image to maps `(N, C, h, w)`; the class token is left out."""
    side = round((tokens.shape[1] - 1) ** 0.5)
    maps: Tensor = tokens[:, 1:].transpose(1, 2).unflatten(2, (side, side))
    return maps

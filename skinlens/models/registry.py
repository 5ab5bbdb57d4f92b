"""Networks by name: what recipes and cards call an architecture."""

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from skinlens.models import classic
from skinlens.models.asff import AsffResNet50

Options = Mapping[str, str | bool | int]

_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "asff_resnet50": AsffResNet50,
    "lenet5": classic.lenet5,
    "vgg16": classic.vgg16,
    "resnet34": partial(classic.resnet, 34),
    "resnet50": partial(classic.resnet, 50),
    "resnet101": partial(classic.resnet, 101),
    "squeezenet1_1": classic.squeezenet1_1,
    "mobilenet_v2": classic.mobilenet_v2,
    "alexnet": classic.alexnet,
    "xception": classic.xception,
    "densenet121": classic.densenet121,
    "efficientnet_b0": classic.efficientnet_b0,
    "inception_v3": classic.inception_v3,
    "vit_s": classic.vit_s,
}


_TITLES = {
    "asff_resnet50": "ASFF ResNet-50",
    "lenet5": "LeNet-5",
    "vgg16": "VGG-16",
    "resnet34": "ResNet-34",
    "resnet50": "ResNet-50",
    "resnet101": "ResNet-101",
    "squeezenet1_1": "SqueezeNet 1.1",
    "mobilenet_v2": "MobileNetV2",
    "alexnet": "AlexNet",
    "xception": "Xception",
    "densenet121": "DenseNet-121",
    "efficientnet_b0": "EfficientNet-B0",
    "inception_v3": "Inception v3",
    "vit_s": "ViT-S",
}


def architectures() -> tuple[str, ...]:
    """Names that `build` knows, sorted."""
    return tuple(sorted(_BUILDERS))


def build(name: str, options: Options) -> nn.Module:
    """A freshly initialised network.

    Raises:
        ValueError: If the name or an option is unknown.
    """
    if name not in _BUILDERS:
        raise ValueError(f"unknown architecture {name!r}; known: {', '.join(architectures())}")
    try:
        return _BUILDERS[name](**options)
    except TypeError as error:
        raise ValueError(f"architecture {name} does not take these options: {dict(options)}") from error


def title(name: str, options: Options) -> str:
    """What to call an architecture in front of a reader, its gate with it.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in _TITLES:
        raise ValueError(f"unknown architecture {name!r}; known: {', '.join(architectures())}")
    gate = options.get("gate", "softmax") if name == "asff_resnet50" else None
    return _TITLES[name] if gate is None else f"{_TITLES[name]}, {gate} gate"


def parameter_count(network: nn.Module) -> int:
    """Number of trainable values."""
    return sum(parameter.numel() for parameter in network.parameters())

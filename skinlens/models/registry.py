"""Networks by name: what recipes and cards call an architecture."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from skinlens.models import classic
from skinlens.models.asff import AsffResNet50
from skinlens.models.asff_efficientnet import AsffEfficientNetLite2

Options = Mapping[str, str | bool | int]
Channels = tuple[float, float, float]

_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "asff_efficientnet_lite2": AsffEfficientNetLite2,
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

_RESNET_STAGES = ("trunk.layer2", "trunk.layer3", "trunk.layer4")

# Outputs at an eighth, a sixteenth and a thirty-second of the input's side.
_PROBED: dict[str, tuple[str, ...]] = {
    "asff_efficientnet_lite2": ("blocks.2", "blocks.4", "bn2"),
    "asff_resnet50": ("layer2", "layer3", "layer4"),
    "resnet34": _RESNET_STAGES,
    "resnet50": _RESNET_STAGES,
    "resnet101": _RESNET_STAGES,
    "mobilenet_v2": ("trunk.features.6", "trunk.features.13", "trunk.features.18"),
    "efficientnet_b0": ("trunk.features.3", "trunk.features.5", "trunk.features.8"),
    "densenet121": ("trunk.features.denseblock2", "trunk.features.denseblock3", "trunk.further0"),
    "vgg16": ("trunk.features.16", "trunk.features.23", "trunk.features.30"),
}

# Mean and standard deviation, per channel of pixels in [0, 1], that pretrained weights were trained with.
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_NORMALISATION: dict[str, tuple[Channels, Channels]] = {"asff_efficientnet_lite2": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))}

# Options of what comes after the probed stages.
_BEHIND_STAGES = ("gate", "levels", "classes")

_TITLES = {
    "asff_efficientnet_lite2": "ASFF EfficientNet-Lite2",
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


_FUSION_DEFAULTS: dict[str, dict[str, str | int]] = {
    "asff_efficientnet_lite2": {"gate": "sigmoid", "levels": 3},
    "asff_resnet50": {"gate": "softmax", "levels": 2},
}


def architectures() -> tuple[str, ...]:
    """Names that `build` knows, sorted."""
    return tuple(sorted(_BUILDERS))


def build(name: str, options: Options) -> nn.Module:
    """Build a network with random weights.

    Args:
        name: One of `architectures`.
        options: Keyword arguments of its builder, such as `gate` and `levels`.

    Returns:
        In training mode; from normalised RGB `(N, 3, H, W)` to logits `(N, 2)`, benign then malignant.

    Example:
        >>> import torch
        >>> build("lenet5", {}).eval()(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 2])

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
    """Return an architecture's name for readers, with its gate where it has one.

    Args:
        name: One of `architectures`.
        options: With which it is built.

    Raises:
        ValueError: If the name is unknown.

    Example:
        >>> title("asff_resnet50", {"gate": "sigmoid", "levels": 3})
        'ASFF ResNet-50, sigmoid gate, three levels'
    """
    if name not in _TITLES:
        raise ValueError(f"unknown architecture {name!r}; known: {', '.join(architectures())}")
    if name not in _FUSION_DEFAULTS:
        return _TITLES[name]
    gate, levels = (options.get(key, default) for key, default in _FUSION_DEFAULTS[name].items())
    return f"{_TITLES[name]}, {gate} gate" + (", three levels" if levels == 3 else "")


def backbone_title(name: str) -> str:
    """Return the name, for readers, of the network that an architecture is built on.

    Args:
        name: One of `architectures`; another one is returned as it is.

    Example:
        >>> backbone_title("asff_resnet50")
        'ResNet-50'
    """
    return _TITLES.get(name, name).removeprefix("ASFF ")


def normalisation(name: str) -> tuple[Channels, Channels]:
    """Return the mean and standard deviation of pixels that a network's pretrained weights expect.

    Args:
        name: One of `architectures`.

    Returns:
        Per channel (R, G, B), of pixels scaled to [0, 1].

    Example:
        >>> normalisation("asff_efficientnet_lite2")
        ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    """
    return _NORMALISATION.get(name, _IMAGENET)


def probed_stages(name: str) -> tuple[str, ...]:
    """Return the modules of a network whose globally averaged outputs a linear probe reads.

    Args:
        name: One of `architectures`.

    Returns:
        Three names for `get_submodule`, from the middle stage to the last.

    Raises:
        ValueError: If the network has no stages whose output is a stack of maps.
    """
    if name not in _PROBED:
        raise ValueError(f"architecture {name!r} cannot be probed; these can: {', '.join(sorted(_PROBED))}")
    return _PROBED[name]


def stage_options(name: str, options: Options) -> dict[str, str | bool | int]:
    """Select the options that the output of the probed stages depends on and that are not at their defaults.

    Features that are kept for one gate so serve a network with another.

    Args:
        name: One of `architectures`.
        options: With which it is built.

    Returns:
        Sorted by name.

    Raises:
        ValueError: If the name is unknown.
    """
    if name not in _BUILDERS:
        raise ValueError(f"unknown architecture {name!r}; known: {', '.join(architectures())}")
    known = inspect.signature(_BUILDERS[name]).parameters
    return {
        key: value
        for key, value in sorted(options.items())
        if key not in _BEHIND_STAGES and not (key in known and known[key].default == value)
    }


def parameter_count(network: nn.Module) -> int:
    """Return the number of trainable values; buffers, such as a batch-norm's statistics, do not count.

    Args:
        network: Of any kind.

    Example:
        >>> parameter_count(build("asff_resnet50", {"gate": "sigmoid"}))
        30857282
    """
    return sum(parameter.numel() for parameter in network.parameters())

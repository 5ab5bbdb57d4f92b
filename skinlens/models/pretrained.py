"""Pretrained weights: ImageNet through torchvision's hub, or a local safetensors file."""

import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import timm
import torch
import torchvision
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from skinlens.errors import SkinLensError

IMAGENET = "imagenet"
RANDOM = "random weights"


class PretrainedWeightsError(SkinLensError, ValueError):
    """The pretrained weights cannot be used; the message says why."""

    exit_status = 2


@dataclass(frozen=True)
class PretrainedWeights:
    """The weights that a network had before training.

    Attributes:
        description: For the model card.
        sha256: Of the file; None if there is none.
        loaded: Names of the tensors (parameters and buffers) that were copied into the network.
    """

    description: str
    sha256: str | None
    loaded: frozenset[str]


def load_pretrained(network: nn.Module, source: str | None) -> PretrainedWeights:
    """Copy pretrained weights into a network, as far as names and shapes agree.

    The statistics of a batch-norm whose convolution is missing from the file are left fresh: they belong to
    activations that the new convolution does not produce.

    Args:
        network: With torchvision's names for its parts, directly or under `trunk`.
        source: `imagenet` (torchvision's best weights, which need its hub and, for a ResNet, the stride on the 3x3
            convolution; or those of the installed package that the network names), the path of a safetensors file, or
            None for random weights.

    Returns:
        A description for the model card, the file's digest, and the names of the tensors that were copied.

    Example:
        >>> from skinlens.models.registry import build
        >>> load_pretrained(build("lenet5", {}), None).description
        'random weights'

    Raises:
        PretrainedWeightsError: If the file cannot be read, the hub cannot be reached, no tensor fits the network, or
            torchvision's weights are asked for by a network that torchvision lacks, or whose stride is on the 1x1
            convolution.
    """
    if source is None:
        return PretrainedWeights(RANDOM, None, frozenset())
    if source == IMAGENET:
        # A ResNet v1: the shapes would fit, but not the positions that the weights have learned.
        stage = getattr(getattr(network, "trunk", network), "layer2", None)
        first = stage[0].get_submodule("conv1") if isinstance(stage, nn.Sequential) else None
        if isinstance(first, nn.Conv2d) and first.kernel_size == (1, 1) and first.stride == (2, 2):
            raise PretrainedWeightsError(
                "torchvision's weights need stride_in_1x1 = false in the recipe's network options"
            )
        description, digest, tensors = _packaged(network) or _download(network)
        return PretrainedWeights(description, digest, _copy(network, tensors, source))
    content, tensors = _read(Path(source))
    return PretrainedWeights(Path(source).name, sha256(content).hexdigest(), _copy(network, tensors, source))


def _packaged(network: nn.Module) -> tuple[str, str, Mapping[str, Tensor]] | None:
    """Weights from an installed package, if the network has one: their description, digest and tensors.

    The package's tensors stand in the order of timm's network, under other names.
    """
    package = getattr(network, "package", None)
    if not isinstance(package, str):
        return None
    try:
        folder = files(package) / "models"
        path = next(entry for entry in folder.iterdir() if entry.name.endswith(".pth"))
        content = path.read_bytes()
    except (ModuleNotFoundError, OSError, StopIteration) as error:
        raise PretrainedWeightsError(
            f"the package {package.replace('_', '-')} is not installed; install it or name a file"
        ) from error
    # The package ships a pickle; `weights_only` lets it hold nothing but tensors.
    tensors = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    names = timm.create_model(str(network.library), pretrained=False).state_dict()
    if [tuple(tensor.shape) for tensor in tensors.values()] != [tuple(tensor.shape) for tensor in names.values()]:
        raise PretrainedWeightsError(f"the weights in {package} do not fit {network.library}")
    named = dict(zip(names, tensors.values(), strict=True))
    return f"{package} {path.name}", sha256(content).hexdigest(), named


def _download(network: nn.Module) -> tuple[str, None, Mapping[str, Tensor]]:
    """Return the name of torchvision's weights, and their tensors under torchvision's present names."""
    library = getattr(network, "library", None)
    if not isinstance(library, str):
        raise PretrainedWeightsError(
            "torchvision has no ImageNet weights for this network; name a local file or use random weights"
        )
    weights = torchvision.models.get_model_weights(library).DEFAULT
    try:
        return f"torchvision {weights}", None, torchvision.models.get_model(library, weights=weights).state_dict()
    except (OSError, RuntimeError) as error:
        raise PretrainedWeightsError(
            f"cannot fetch torchvision's ImageNet weights, name a local file instead: {error}"
        ) from error


def _read(path: Path) -> tuple[bytes, dict[str, Tensor]]:
    # Opening a named pipe would wait for its other end.
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise PretrainedWeightsError(f"cannot read the pretrained weights {path}: it is no regular file")
    try:
        content = path.read_bytes()
        return content, load_safetensors(content)
    except OSError as error:
        raise PretrainedWeightsError(f"cannot read the pretrained weights {path}: {error.strerror}") from error
    except Exception as error:  # safetensors raises its own untyped error for a bad file
        raise PretrainedWeightsError(f"{path} is not a safetensors file") from error


def _copy(network: nn.Module, tensors: Mapping[str, Tensor], source: str) -> frozenset[str]:
    own = network.state_dict()
    # The name that torchvision gives to each tensor of the network.
    given = {name.removeprefix("trunk."): name for name in own}
    shared = {name for name in tensors if name in given and own[given[name]].shape == tensors[name].shape}
    fitting = {
        given[name]: tensors[name].to(own[given[name]].dtype) for name in shared if not _orphaned(name, shared, given)
    }
    if not fitting:
        raise PretrainedWeightsError(f"{source} holds no tensor that fits this network")
    network.load_state_dict(fitting, strict=False)
    return frozenset(fitting)


def _orphaned(name: str, shared: Collection[str], known: Collection[str]) -> bool:
    """Whether the tensor belongs to a batch-norm whose convolution is not taken over (torchvision's ResNet naming).

    Args:
        name: Of the tensor.
        shared: Names that file and network share.
        known: Names of the network; a batch-norm whose convolution has another name is never orphaned.
    """
    module, _, _ = name.rpartition(".")
    parent, _, last = module.rpartition(".")
    convolution = ""
    if last.startswith("bn"):
        convolution = f"{parent}.conv{last[2:]}.weight" if parent else f"conv{last[2:]}.weight"
    elif parent.endswith("downsample") and last == "1":
        convolution = f"{parent}.0.weight"
    return convolution in known and convolution not in shared

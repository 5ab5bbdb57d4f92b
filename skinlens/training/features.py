"""Pooled features of frozen pretrained weights, computed once per image and kept."""

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader

from skinlens.imaging.files import read_regular
from skinlens.imaging.preprocess import Preprocessing
from skinlens.models.normalise import Normalise
from skinlens.models.registry import Options, probed_stages, stage_options
from skinlens.training.dataset import DecodedRows, ScoringImages

Features = npt.NDArray[np.float32]

_LOG = logging.getLogger(__name__)
_BATCH = 32
# So many images from one write of the cache to the next: an interrupted call loses no more.
_SAVED_EVERY = 2048


@dataclass(frozen=True)
class FrozenBackbone:
    """A network whose features are read and never trained.

    Attributes:
        network: With its pretrained weights; it is put into evaluation mode while it is read.
        architecture: Its name in the registry.
        weights: Digest of the pretrained weights, or their description; part of the cache's key.
        preprocessing: How images are brought to its input.
        options: With which the registry built it.
    """

    network: nn.Module
    architecture: str
    weights: str
    preprocessing: Preprocessing
    options: Options = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What the features depend on besides the image, as 16 hexadecimal digits."""
        identity = f"{self.architecture} {self.weights} {self.preprocessing.model_dump_json()}"
        options = stage_options(self.architecture, self.options)
        if options:
            identity += f" {json.dumps(options)}"
        return sha256(identity.encode()).hexdigest()[:16]


def pooled_features(backbone: FrozenBackbone, rows: pd.DataFrame, cache: Path | None = None) -> Features:
    """Features of the rows' images: the averages over the image of each probed stage's maps, one stage after another.

    Args:
        backbone: What computes them, in fp32.
        rows: N rows with `file` and `malignant`.
        cache: Folder that keeps features by the digest of the image file; None keeps nothing.

    Returns:
        float32 `(N, K)`; K is 3,584 for a ResNet-50 (512 + 1,024 + 2,048).

    Raises:
        ImageRejectedError: If an image cannot be used.
        UnusableFileError: If a file is a pipe, a device, or too large for an image.
        ValueError: If the network has no stages to be probed.
    """
    digests = [sha256(read_regular(Path(file))).hexdigest() for file in rows["file"]]
    kept = _read(cache, backbone)
    # Reversed, so that of equal images the first row is the one that stays.
    first_rows = {digest: number for number, digest in reversed(list(enumerate(digests))) if digest not in kept}
    wanted = sorted(first_rows.values())
    for start in range(0, len(wanted), _SAVED_EVERY):
        part = wanted[start : start + _SAVED_EVERY]
        computed = _computed(backbone, rows.iloc[part])
        kept.update({digests[number]: values for number, values in zip(part, computed, strict=True)})
        _write(cache, backbone, kept)
    return np.stack([kept[digest] for digest in digests])


@torch.inference_mode()
def stage_widths(network: nn.Module, architecture: str) -> tuple[int, ...]:
    """Return how many features each probed stage contributes, in their order.

    Args:
        network: Run once on a black image; left in the mode it was in.
        architecture: Its name in the registry.

    Returns:
        Three numbers, such as 512, 1024 and 2048 for a ResNet-50.

    Raises:
        ValueError: If the network has no stages to be probed.
    """
    return tuple(part.shape[1] for part in _stage_averages(network, architecture, torch.zeros(1, 3, 64, 64)))


def complete_stages(network: nn.Module, architecture: str, loaded: Collection[str]) -> tuple[str, ...]:
    """List the probed stages whose output depends on pretrained weights alone, in their order.

    A stage that some weights are missing for says more about the random numbers in their place than about an image.

    Args:
        network: With its pretrained weights; the frozen ones among its parameters count as pretrained.
        architecture: Its name in the registry.
        loaded: Names of the tensors that were taken from the pretrained weights, as in `PretrainedWeights.loaded`.

    Returns:
        Names from `probed_stages`.

    Raises:
        ValueError: If the network has no stages to be probed.
    """
    buffers = {name for name, _ in network.named_buffers() if not name.endswith("num_batches_tracked")}
    trained = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    complete = []
    # Of an image that needs a gradient, so that a stage whose parameters are all frozen has one too.
    averages = _stage_averages(network, architecture, torch.zeros(1, 3, 64, 64, requires_grad=True))
    for stage, average in zip(probed_stages(architecture), averages, strict=True):
        # What a stage depends on is what has a gradient by it, whatever the network looks like.
        reached = torch.autograd.grad(average.sum(), list(trained.values()), retain_graph=True, allow_unused=True)
        read = {name for name, gradient in zip(trained, reached, strict=True) if gradient is not None}
        # Buffers, a batch-norm's statistics, have no gradient: those of the modules that are read count.
        modules = {name.rpartition(".")[0] for name in read}
        read |= {name for name in buffers if name.rpartition(".")[0] in modules}
        if read <= set(loaded):
            complete.append(stage)
    return tuple(complete)


@torch.inference_mode()
def _computed(backbone: FrozenBackbone, rows: pd.DataFrame) -> Features:
    normalise = Normalise(backbone.preprocessing.mean, backbone.preprocessing.std)
    images = ScoringImages(DecodedRows(rows, budget_bytes=0), backbone.preprocessing)
    averages = [
        torch.cat(_stage_averages(backbone.network, backbone.architecture, normalise(batch)), dim=1)
        for batch in DataLoader(images, batch_size=_BATCH)
    ]
    return torch.cat(averages).numpy()


def _stage_averages(network: nn.Module, architecture: str, images: Tensor) -> list[Tensor]:
    """The stages' averages `(N, C)` each, in evaluation mode; the network's mode is restored."""
    seen: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        seen.append(output.mean(dim=(2, 3)))

    was_training = network.training
    hooks = [network.get_submodule(name).register_forward_hook(keep) for name in probed_stages(architecture)]
    network.eval()
    try:
        network(images)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return seen


def _path(cache: Path, backbone: FrozenBackbone) -> Path:
    return cache / f"{backbone.architecture}.{backbone.key}.safetensors"


def _read(cache: Path | None, backbone: FrozenBackbone) -> dict[str, Features]:
    """What is kept; nothing where the file is damaged, so that it is computed again and written anew."""
    if cache is None or not _path(cache, backbone).is_file():
        return {}
    try:
        tensors = load_file(_path(cache, backbone))
        digests: Sequence[bytes] = [bytes(row) for row in tensors["digests"]]
        width = sum(stage_widths(backbone.network, backbone.architecture))
        features = tensors["features"].reshape(len(digests), width)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        _LOG.warning("%s cannot be used and is made again: %s", _path(cache, backbone).name, error)
        return {}
    return {digest.hex(): values for digest, values in zip(digests, features, strict=True)}


def _write(cache: Path | None, backbone: FrozenBackbone, kept: dict[str, Features]) -> None:
    if cache is None:
        return
    cache.mkdir(parents=True, exist_ok=True)
    path = _path(cache, backbone)
    partial = path.with_suffix(".unfinished")
    digests = np.array([np.frombuffer(bytes.fromhex(digest), np.uint8) for digest in kept])
    save_file({"digests": digests, "features": np.stack(list(kept.values()))}, partial)
    partial.replace(path)

"""Checkpoints as safetensors (no pickle): what a run needs to go on, and the finished model."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

METADATA_KEY = "skinlens"


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message says why."""


def save_state(path: Path, parts: Mapping[str, Mapping[str, Tensor]], record: Mapping[str, object]) -> None:
    """Write named groups of tensors and a JSON record, replacing the file in one step.

    Args:
        path: The file.
        parts: Group name to (tensor name to tensor); the names in the file are `group/name`.
        record: Anything JSON can hold.
    """
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous().clone()
        for group, members in parts.items()
        for name, tensor in members.items()
    }
    unfinished = path.with_suffix(".unfinished")
    save_file(tensors, unfinished, metadata={METADATA_KEY: json.dumps(record)})
    unfinished.replace(path)


def read_state(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, object]]:
    """Read what `save_state` wrote.

    Raises:
        CheckpointError: If the file is missing, damaged or not a SkinLens checkpoint.
    """
    try:
        with safe_open(path, "pt") as stream:
            metadata = stream.metadata() or {}
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot read the checkpoint {path}: {error}") from error
    if METADATA_KEY not in metadata:
        raise CheckpointError(f"{path} is not a SkinLens checkpoint: it carries no record of its run")
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        group, _, inner = name.partition("/")
        parts.setdefault(group, {})[inner] = tensor
    return parts, json.loads(metadata[METADATA_KEY])


def optimiser_tensors(optimiser: torch.optim.Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """The optimiser's state as tensors named `parameter name:state name`."""
    names = {parameter: name for name, parameter in network.named_parameters()}
    return {
        f"{names[parameter]}:{key}": torch.as_tensor(value)
        for parameter, state in optimiser.state.items()
        for key, value in state.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimiser_tensors` took out, on each parameter's device."""
    parameters = dict(network.named_parameters())
    for full_name, value in tensors.items():
        name, _, key = full_name.rpartition(":")
        parameter = parameters[name]
        # Adam keeps its step counter on the CPU.
        optimiser.state[parameter][key] = value if key == "step" else value.to(parameter.device)

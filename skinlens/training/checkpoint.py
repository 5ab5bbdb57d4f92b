"""Checkpoints from which a run can be resumed: network, moving average and optimiser as safetensors (no pickle)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from skinlens.models.checkpoint import read_tensors, save_tensors


def save_state(path: Path, parts: Mapping[str, Mapping[str, Tensor]], record: Mapping[str, Any]) -> None:
    """Write named groups of tensors (`group/name` in the file) and a JSON record."""
    save_tensors(path, {f"{part}/{name}": t for part, members in parts.items() for name, t in members.items()}, record)


def read_state(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read what `save_state` wrote.

    Raises:
        CheckpointError: If the file is missing, damaged or not a SkinLens checkpoint.
    """
    tensors, record = read_tensors(path)
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        part, _, inner = name.partition("/")
        parts.setdefault(part, {})[inner] = tensor
    return parts, record


def optimiser_tensors(optimiser: torch.optim.Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """The optimiser's state as tensors named `parameter name:state name`."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}
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

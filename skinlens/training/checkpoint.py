"""Checkpoints from which a run can be resumed: network, moving average and optimiser as safetensors (no pickle)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from skinlens.models.checkpoint import read_tensors, save_tensors


def save_state(path: Path, parts: Mapping[str, Mapping[str, Tensor]], record: Mapping[str, Any]) -> None:
    """Write named groups of tensors and a JSON record.

    Args:
        path: The safetensors file; `group/name` is a tensor's name in it.
        parts: By group, tensors by name.
        record: Of the run.
    """
    save_tensors(path, {f"{part}/{name}": t for part, members in parts.items() for name, t in members.items()}, record)


def read_state(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read what `save_state` wrote.

    Args:
        path: The safetensors file.

    Returns:
        By group, tensors by name, on the CPU; and the record.

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
    """Return an optimiser's state as tensors.

    By the parameters' names instead of torch's numbers, so that a resumed run finds them whatever the order of its
    groups.

    Args:
        optimiser: Of Adam's family, whose state is tensors and numbers.
        network: Whose parameters it trains.

    Returns:
        By `parameter name:state name`.
    """
    names: dict[Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}
    return {
        f"{names[parameter]}:{key}": torch.as_tensor(value)
        for parameter, state in optimiser.state.items()
        for key, value in state.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimiser_tensors` took out, on each parameter's device.

    Args:
        optimiser: A fresh one of the same kind; changed in place.
        network: Whose parameters it trains.
        tensors: From `optimiser_tensors`.

    Raises:
        KeyError: If the network has no such parameter.
    """
    parameters = dict(network.named_parameters())
    for full_name, value in tensors.items():
        name, _, key = full_name.rpartition(":")
        parameter = parameters[name]
        # Adam keeps its step counter on the CPU.
        optimiser.state[parameter][key] = value if key == "step" else value.to(parameter.device)

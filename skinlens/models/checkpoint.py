"""Trained networks on disk: safetensors with the record of their run in the header."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from skinlens.errors import SkinLensError

METADATA_KEY = "skinlens"


class CheckpointError(SkinLensError, ValueError):
    """A checkpoint cannot be used; the message says why."""

    exit_status = 2


def save_tensors(path: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
    """Write tensors and a JSON record, replacing the file in one step.

    Args:
        path: The safetensors file; a file that was there before stays whole until the new one is written.
        tensors: By name, on any device.
        record: Of the run; anything JSON can hold.

    Raises:
        OSError: If the file cannot be written.
        TypeError: If the record holds something that JSON does not.
    """
    partial = path.with_suffix(".unfinished")
    # safetensors rejects tensors that share memory, as views and tied weights do.
    owned = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(owned, partial, metadata={METADATA_KEY: json.dumps(record)})
    partial.replace(path)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote.

    Args:
        path: The safetensors file.

    Returns:
        The tensors by name, on the CPU, and the record of the run.

    Raises:
        CheckpointError: If the file is missing, damaged or carries no record.
    """
    # Opening a named pipe would wait for its other end.
    if path.exists() and not path.is_file():
        raise CheckpointError(f"cannot read the checkpoint {path}: it is no regular file")
    try:
        with safe_open(path, "pt") as stream:
            metadata = stream.metadata() or {}
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot read the checkpoint {path}: {error}") from error
    if METADATA_KEY not in metadata:
        raise CheckpointError(f"{path} is not a SkinLens checkpoint: it carries no record of its run")
    try:
        return tensors, json.loads(metadata[METADATA_KEY])
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path} carries a record of its run that is not JSON") from error


def released_precision(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state as it is released: matrices and kernels in fp16, everything else (norms, biases) unchanged.

    Norms and biases are few, and rounding them moves every output.

    Args:
        tensors: A network's state, in fp32.

    Returns:
        A new mapping of the same names; tensors that stay as they are are shared.
    """
    return {
        name: tensor.half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor
        for name, tensor in tensors.items()
    }


def load_released(network: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Put a released state into a network, cast up to fp32, ready for inference.

    Args:
        network: Of the state's architecture; changed in place.
        tensors: From `released_precision` or a released file.

    Returns:
        The same network, in evaluation mode.

    Raises:
        CheckpointError: If a tensor is missing, unknown or of another shape.
    """
    raised = {name: tensor.float() if tensor.dtype == torch.float16 else tensor for name, tensor in tensors.items()}
    try:
        network.load_state_dict(raised)
    except RuntimeError as error:
        raise CheckpointError(f"the weights do not fit the network: {error}") from error
    return network.eval()

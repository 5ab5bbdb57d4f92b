"""Checkpoints: what goes in comes out, and what is broken is refused."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from skinlens.models import checkpoint
from skinlens.models.checkpoint import CheckpointError, load_released, read_tensors, released_precision, save_tensors

RECORD = {"recipe": {"name": "drawn", "rate": 1e-5}, "log": [{"epoch": 1.0, "loss": 0.25}], "fold": None, "ü": "é"}


@pytest.fixture
def network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 2))


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "kernel": torch.randn(4, 3, 3, 3, generator=generator),
        "bias": torch.randn(4, generator=generator),
        "count": torch.tensor(7),
        "half": torch.randn(2, 2, generator=generator).half(),
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def test_a_round_trip_changes_nothing(path: Path, state: dict[str, torch.Tensor]) -> None:
    save_tensors(path, state, RECORD)
    tensors, record = read_tensors(path)
    assert record == RECORD
    assert tensors.keys() == state.keys()
    for name, tensor in state.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


@pytest.mark.timeout(20)
def test_a_named_pipe_is_refused_and_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(CheckpointError, match="it is no regular file"):
        read_tensors(path)


def test_tensors_that_share_memory_or_need_gradients_or_lie_oddly_can_be_saved(path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    image = torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    given = {"whole": base, "turned": base.T, "part": base[1], "learnt": nn.Parameter(base), "image": image}
    save_tensors(path, given, {})
    tensors, _ = read_tensors(path)
    assert all(torch.equal(tensors[name], tensor) for name, tensor in given.items())


def test_only_the_finished_file_is_left(path: Path, state: dict[str, torch.Tensor]) -> None:
    save_tensors(path, state, RECORD)
    save_tensors(path, {"bias": torch.zeros(2)}, {"second": True})
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]
    tensors, record = read_tensors(path)
    assert list(tensors) == ["bias"]
    assert record == {"second": True}


def test_a_write_that_fails_leaves_the_old_file_whole(
    path: Path, state: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tensors(path, state, RECORD)

    def disk_full(_tensors: Any, file: Any, metadata: Any) -> None:  # noqa: ARG001 - safetensors' own signature
        file.write_bytes(b"half a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", disk_full)
    with pytest.raises(OSError, match="No space left"):
        save_tensors(path, {}, {})
    assert read_tensors(path)[1] == RECORD


@pytest.mark.parametrize("kept", [0, 4, 8, 40, 200, -1])
def test_a_truncated_file_is_refused(path: Path, state: dict[str, torch.Tensor], kept: int) -> None:
    save_tensors(path, state, RECORD)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="cannot read the checkpoint") as caught:
        read_tensors(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a pickle in a zip", b"\x80\x02}q\x00.", bytes(64), b"\xff" * 64])
def test_a_file_of_another_kind_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot read the checkpoint"):
        read_tensors(path)


def test_a_missing_file_is_refused(path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot read the checkpoint") as caught:
        read_tensors(path)
    assert str(path) in str(caught.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot read the checkpoint"):
        read_tensors(tmp_path)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_a_safetensors_file_of_someone_else_is_refused(
    path: Path, state: dict[str, torch.Tensor], metadata: dict[str, str] | None
) -> None:
    save_file(state, path, metadata=metadata)
    with pytest.raises(CheckpointError, match="not a SkinLens checkpoint"):
        read_tensors(path)


def test_a_record_that_is_no_json_is_refused(path: Path, state: dict[str, torch.Tensor]) -> None:
    save_file(state, path, metadata={checkpoint.METADATA_KEY: "{'epoch': 1}"})
    with pytest.raises(CheckpointError, match="not JSON"):
        read_tensors(path)


def test_the_record_is_json_in_the_header(path: Path, state: dict[str, torch.Tensor]) -> None:
    """Another tool can read how a model was made without SkinLens."""
    save_tensors(path, state, RECORD)
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert json.loads(header["__metadata__"][checkpoint.METADATA_KEY]) == RECORD


def test_only_matrices_and_kernels_are_released_in_half(state: dict[str, torch.Tensor]) -> None:
    released = released_precision(state | {"table": torch.ones(2, 2, dtype=torch.int64), "scalar": torch.tensor(1.5)})
    assert {name: tensor.dtype for name, tensor in released.items()} == {
        "kernel": torch.float16,
        "bias": torch.float32,
        "count": torch.int64,
        "half": torch.float16,
        "table": torch.int64,
        "scalar": torch.float32,
    }
    assert torch.equal(released["kernel"], state["kernel"].half())
    assert torch.equal(released["bias"], state["bias"])


def test_a_released_state_is_cast_up_and_ready_to_infer(network: nn.Sequential) -> None:
    released = released_precision(network.state_dict())
    released["1.num_batches_tracked"] = torch.tensor(42)
    loaded = load_released(network.train(), released)
    assert not loaded.training
    found = loaded.state_dict()
    assert all(tensor.dtype != torch.float16 for tensor in found.values())
    assert torch.equal(found["0.weight"], released["0.weight"].float())
    assert torch.equal(found["0.bias"], released["0.bias"])
    assert found["1.num_batches_tracked"] == 42


def test_releasing_twice_is_releasing_once(network: nn.Sequential) -> None:
    once = released_precision(network.state_dict())
    twice = released_precision(load_released(network, once).state_dict())
    assert all(torch.equal(once[name], twice[name]) for name in once)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda state: state.pop("0.bias"), r"Missing key.*0\.bias"),
        (lambda state: state.update({"9.weight": torch.ones(2)}), r"Unexpected key.*9\.weight"),
        (lambda state: state.update({"0.bias": torch.ones(5)}), r"size mismatch for 0\.bias"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(network: nn.Sequential, change: Callable[..., Any], named: str) -> None:
    state = released_precision(network.state_dict())
    change(state)
    with pytest.raises(CheckpointError, match=rf"(?s)the weights do not fit the network: .*{named}"):
        load_released(network, state)

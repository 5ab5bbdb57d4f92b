"""The state of a run that goes on, through a file and back."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.adam import Adam
from torch.optim.adamw import AdamW

from skinlens.models.checkpoint import CheckpointError
from skinlens.training.checkpoint import optimiser_tensors, read_state, restore_optimiser, save_state


def network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))


def step(model: nn.Sequential, optimiser: Adam | AdamW, count: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        optimiser.zero_grad()
        model(torch.randn(6, 4, generator=generator)).square().sum().backward()
        optimiser.step()


@pytest.mark.parametrize("family", [torch.optim.Adam, torch.optim.AdamW])
def test_an_optimiser_goes_on_exactly_where_it_stopped(tmp_path: Path, family: type[Adam] | type[AdamW]) -> None:
    path = tmp_path / "checkpoint.safetensors"
    straight = network()
    optimiser = family(straight.parameters(), lr=0.05)
    step(straight, optimiser, 3, seed=1)
    parts = {"network": straight.state_dict(), "optimiser": optimiser_tensors(optimiser, straight)}
    save_state(path, parts, {"epoch": 1})
    step(straight, optimiser, 3, seed=2)

    parts, record = read_state(path)
    assert record == {"epoch": 1}
    resumed = network()
    resumed.load_state_dict(parts["network"])
    second = family(resumed.parameters(), lr=0.05)
    restore_optimiser(second, resumed, parts["optimiser"])
    step(resumed, second, 3, seed=2)
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), resumed.parameters(), strict=True))


def test_the_optimisers_state_is_named_by_parameter() -> None:
    model = network()
    optimiser = torch.optim.Adam(model.parameters())
    step(model, optimiser, 1, seed=0)
    names = set(optimiser_tensors(optimiser, model))
    kinds = ("step", "exp_avg", "exp_avg_sq")
    assert names == {f"{name}:{kind}" for name, _ in model.named_parameters() for kind in kinds}


def test_parts_may_have_dots_and_slashes_in_their_names(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    parts = {"network": {"a.b/c": torch.ones(1)}, "average": {"a.b/c": torch.zeros(2)}}
    save_state(path, parts, {})
    found, _ = read_state(path)
    assert found.keys() == parts.keys()
    assert torch.equal(found["network"]["a.b/c"], torch.ones(1))
    assert torch.equal(found["average"]["a.b/c"], torch.zeros(2))


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_state(path, {"network": {"weight": torch.ones(100)}}, {})
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(CheckpointError, match="cannot read the checkpoint"):
        read_state(path)

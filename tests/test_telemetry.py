"""The switches are set before the libraries that read them are imported, whichever way SkinLens is entered."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from skinlens.telemetry import SWITCHES, switch_off

ROOT = Path(__file__).parents[1]
READERS = ("onnxruntime", "ray", "huggingface_hub", "timm")
# Notes, at the import of each reader, which switches are not set yet.
WATCH = """
import importlib, json, os, sys
switches, readers, entry = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
seen = {}
class Watch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in readers:
            seen[name] = [switch for switch, value in switches.items() if os.environ.get(switch) != value]
sys.meta_path.insert(0, Watch)
importlib.import_module(entry)
print(json.dumps(seen))
"""


@pytest.mark.parametrize(
    ("entry", "reader"),
    [
        ("app", "onnxruntime"),
        ("skinlens.cli.predict", "onnxruntime"),
        pytest.param("skinlens.training.loop", "timm", marks=pytest.mark.slow),
        ("skinlens.scoring.local", "onnxruntime"),
        ("skinlens.scoring.on_ray", "onnxruntime"),
    ],
)
def test_all_is_off_before_it_could_be_read(entry: str, reader: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    command = [sys.executable, "-c", WATCH, json.dumps(SWITCHES), json.dumps(READERS), entry]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert reader in seen, "the watching of imports has to work"
    assert not any(seen.values()), seen


def test_a_setting_of_the_users_is_overruled(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SWITCHES:
        monkeypatch.setenv(name, "left on")
    switch_off()
    assert {name: os.environ[name] for name in SWITCHES} == SWITCHES


def test_torchvisions_hub_still_loads_what_training_starts_from(tmp_path: Path) -> None:
    """`train --init imagenet` fetches through it; here from a file, under every switch."""
    switch_off()
    stored = tmp_path / "weights.pth"
    torch.save({"bias": torch.ones(2)}, stored)
    loaded = torch.hub.load_state_dict_from_url(
        stored.as_uri(), model_dir=str(tmp_path / "hub"), progress=False, weights_only=True
    )
    assert torch.equal(loaded["bias"], torch.ones(2))

"""Server and command line where every look-up and every connection is recorded: there are none.

Also none of the reports that ONNX Runtime would otherwise keep on disk until it can send them.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

import pytest

from skinlens.imaging.synthetic import encode_png
from skinlens.telemetry import SWITCHES
from tests.drawn import familiar_pixels
from tests.network.recorder import NOT_POSSIBLE

ROOT = Path(__file__).parents[2]
# Each makes a library silent by itself; without them a child has to be silent by its own doing.
HUSHED_BY = {"CI", "GITHUB_ACTIONS", "TF_BUILD", "ORT_RUNNING_UNIT_TESTS", *SWITCHES}
# ONNX Runtime's first report is sent after about ten seconds.
LONG_ENOUGH = 25
CALL = """
import socket, time
waiting = socket.create_server(("", 0))
time.sleep(1)
for place in (("someone.invalid", 443), ("203.0.113.9", 80)):
    try:
        socket.create_connection(place, 2)
    except OSError:
        pass
"""


class Recorded(NamedTuple):
    """What a command looked up and called, where it listened, and which files it left in the user's folders."""

    lookups: list[str]
    connections: list[str]
    listening: list[str]
    kept: list[str]


# A cluster on a busy machine takes minutes.
pytestmark = pytest.mark.timeout(900)
Recorder = Callable[..., Recorded]


@pytest.fixture
def recorded(tmp_path: Path) -> Recorder:
    """Run `python` with some words in namespaces of its own, and expect it to succeed."""
    home, place = tmp_path / "home", tmp_path / "record.json"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in HUSHED_BY}
    environment |= {"HOME": str(home), "SKINLENS_HOME": str(tmp_path / "skinlens")}
    for name in [name for name in environment if name.startswith("XDG_")]:
        del environment[name]

    def run(*words: str) -> Recorded:
        recorder = [sys.executable, "-m", "tests.network.recorder", str(place), sys.executable, *words]
        done = subprocess.run(recorder, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == NOT_POSSIBLE:
            pytest.skip(f"no network namespace: {done.stderr.strip()}")
        assert done.returncode == 0, done.stderr[-3000:]
        record = json.loads(place.read_text())
        assert record["status"] == 0, done.stderr[-3000:]
        kept = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
        return Recorded(record["lookups"], record["connections"], record["listening"], kept)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of drawn lesions."""
    place = tmp_path / "ward"
    place.mkdir()
    for seed in range(3):
        (place / f"{seed}.png").write_bytes(encode_png(familiar_pixels(seed)))
    return place


NOTHING = Recorded([], [], [], [])


def test_the_record_itself(recorded: Recorder) -> None:
    called = recorded("-c", CALL)
    assert called.lookups == ["someone.invalid"]
    assert called.listening == [str(IPv4Address(0))]
    assert called.connections == ["tcp 198.18.0.1:443", "tcp 203.0.113.9:80"]


@pytest.mark.slow
def test_the_server_asks_for_nothing(recorded: Recorder) -> None:
    assert recorded("-m", "tests.network.visit", str(LONG_ENOUGH)) == NOTHING


@pytest.mark.slow
def test_predict_asks_for_nothing(recorded: Recorder, folder: Path, tmp_path: Path) -> None:
    extras = ["--pdf", str(tmp_path / "pdfs"), "--heatmaps", str(tmp_path / "maps")]
    out = tmp_path / "rows.csv"
    assert recorded("-m", "skinlens", "predict", str(folder), "--out", str(out), *extras) == NOTHING
    assert len(out.read_text("utf-8-sig").splitlines()) == 4


@pytest.mark.parametrize(
    ("engine", "kept"), [("local", []), pytest.param("ray", [".ray/auth_token"], marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_worker_processes_ask_for_nothing(
    recorded: Recorder, folder: Path, tmp_path: Path, engine: str, kept: list[str]
) -> None:
    words = ["score", str(folder), "--out", str(tmp_path / "rows"), "--engine", engine, "--workers", "2"]
    assert recorded("-m", "skinlens", *words) == NOTHING._replace(kept=kept)


@pytest.mark.slow
def test_a_predictor_that_stays_asks_for_nothing(recorded: Recorder) -> None:
    """Long enough for the first report to be sent; Python users load the predictor as here."""
    code = f"import time, skinlens.runtime.predictor as it; it.load_predictor(); time.sleep({LONG_ENOUGH})"
    assert recorded("-c", code) == NOTHING

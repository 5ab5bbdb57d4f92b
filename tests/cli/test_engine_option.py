"""`--engine` and `--runtime`: the engine that was named runs the model, or a sentence says why it cannot."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skinlens.cli import app as app_command
from skinlens.cli import predict as predict_module
from skinlens.cli import score as score_module
from skinlens.errors import UsageError
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.runtime.card import ModelFileError
from skinlens.runtime.choice import quickest_predictor
from skinlens.runtime.engine_names import VARIABLE
from skinlens.runtime.predictor import Predictor
from tests.cli.conftest import Caller
from tests.small_released import NAME, small_release


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The small model instead of the released ones."""
    folder = tmp_path_factory.mktemp("weights")
    small_release(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKINLENS_WEIGHTS", str(folder))
        patch.setenv("SKINLENS_UNVERIFIED", "1")
        yield folder


@pytest.fixture
def lesion(tmp_path: Path) -> Path:
    path = tmp_path / "lesion.png"
    path.write_bytes(encode_png(draw_pixels(1, height=64, width=64)))
    return path


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch, weights: Path) -> list[str]:
    """The engines of the predictors that commands loaded."""
    assert weights.is_dir()
    engines: list[str] = []

    def load(name: str, **given: Any) -> Predictor:
        predictor = quickest_predictor(name, **given)
        engines.append(str(predictor.engine))
        return predictor

    for module in (predict_module, score_module):
        monkeypatch.setattr(module, "quickest_predictor", load)
    # Commands may set it for processes of theirs.
    monkeypatch.setenv(VARIABLE, "onnxruntime")
    return engines


@pytest.mark.slow
def test_predict_takes_the_option_before_the_variable(call: Caller, lesion: Path, used: list[str]) -> None:
    assert call("predict", lesion, "--no-views", "--model", NAME, "--engine", "openvino").status == 0
    assert call("predict", lesion, "--no-views", "--model", NAME).status == 0
    assert used == ["openvino-fp32", "onnxruntime-fp32"]


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize(
    ("engine", "status", "sentence"),
    [
        ("abacus", 2, "there is no engine 'abacus'; engines: onnxruntime-fp32"),
        ("onnxruntime-cuda", 1, "needs an NVIDIA GPU"),
        ("onnxruntime-int8", 1, "skinlens export --int8 --name tiny --data MANIFEST.csv"),
    ],
)
def test_one_that_cannot_be_used(
    call: Caller, lesion: Path, monkeypatch: pytest.MonkeyPatch, engine: str, status: int, sentence: str
) -> None:
    monkeypatch.setattr("skinlens.runtime.engines.cuda_devices", lambda: 0)
    done = call("predict", lesion, "--no-views", "--model", NAME, "--engine", engine)
    assert done.status == status
    assert sentence in " ".join(done.err.split())


def test_score_hands_it_to_its_processes(
    call: Caller, lesion: Path, used: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    handed: list[str] = []
    monkeypatch.setattr(score_module, "_engine", lambda *_: handed.append(os.environ[VARIABLE]) or iter(()))
    done = call("score", lesion.parent, "--out", tmp_path / "out", "--model", NAME, "--runtime", "openvino")
    assert done.status == 0, done.err
    assert used == handed == ["openvino-fp32"]


def test_the_app_gets_it_as_the_variable_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setenv(VARIABLE, "onnxruntime")
    monkeypatch.setattr("streamlit.web.cli.main", lambda *_, **__: started.append(os.environ[VARIABLE]))
    app_command.serve(8765, engine="openvino")
    app_command.serve(8765)
    assert started == ["openvino", "openvino"]
    monkeypatch.setattr("skinlens.runtime.engines.cuda_devices", lambda: 0)
    with pytest.raises(UsageError, match="there is no engine 'abacus'"):
        app_command.serve(8765, engine="abacus")
    with pytest.raises(ModelFileError, match="needs an NVIDIA GPU"):
        app_command.serve(8765, engine="onnxruntime-cuda")
    assert len(started) == 2


@pytest.mark.usefixtures("weights")
def test_export_builds_an_int8_graph_from_a_manifest(
    call: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: Path
) -> None:
    monkeypatch.setenv("SKINLENS_HOME", str(tmp_path / "home"))
    lines = ["path,label,split"]
    for seed in range(12):
        (tmp_path / f"{seed}.png").write_bytes(encode_png(draw_pixels(seed, height=64, width=64)))
        lines.append(f"{seed}.png,{'malignant' if seed % 2 else 'benign'},{'train' if seed < 8 else 'test'}")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n", "utf-8")
    words = ["export", "--int8", "--name", NAME, "--data", manifest, "--weights", weights]
    done = call(*words, "--calibration", "minmax", "--unverified")
    assert done.status == 0, done.err
    assert "onnxruntime-int8: on 4 images it changes P(malignant) by up to" in done.out
    assert list((tmp_path / "home").rglob("int8.json"))
    for wrong in (["export", "--int8", "--name", NAME], ["export", "--name", NAME], [*words, "--checkpoint", "a"]):
        assert call(*wrong).status == 2

"""Engines: their names, what a machine lacks, and the same answers from each; a GPU is stood for."""

import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from skinlens.errors import UsageError
from skinlens.imaging.image import LesionImage
from skinlens.runtime import engines
from skinlens.runtime.card import ModelCard, ModelFileError
from skinlens.runtime.engine_names import ENGINES, REFERENCE, Engine, engine_named
from skinlens.runtime.engines import BoundSession, open_engine, session_options, why_absent
from skinlens.runtime.openvino_session import IN_FP32, openvino_core, split
from skinlens.runtime.predictor import INPUT, OUTPUTS, Predictor
from skinlens.runtime.providers import CPU, CUDA, provider_in_words

ROOT = Path(__file__).parents[2]
OPENVINO = Engine("openvino")
GPU, GPU_FP16 = Engine("onnxruntime", "fp32", "cuda"), Engine("onnxruntime", "fp16", "cuda")


@pytest.fixture
def graph(predictor: Predictor, released_folder: Path) -> Path:
    return released_folder / predictor.card.files["graph"].file


def test_every_engine_is_found_by_its_name() -> None:
    assert [engine_named(str(engine)) for engine in ENGINES] == list(ENGINES)
    assert engine_named(" ONNXRuntime ") == REFERENCE
    assert engine_named("openvino") == OPENVINO
    assert engine_named("onnxruntime-cuda") == GPU


@pytest.mark.parametrize("name", ["", "tensorrt", "openvino-fp16"])
def test_an_unknown_name_lists_those_there_are(name: str) -> None:
    with pytest.raises(UsageError, match="engines: onnxruntime-fp32, onnxruntime-int8, openvino-fp32"):
        engine_named(name)


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (REFERENCE, "CPU"),
        (Engine("onnxruntime", "int8"), "CPU, int8"),
        (OPENVINO, "OpenVINO"),
        (Engine("openvino", "bf16"), "OpenVINO, bf16"),
        (GPU_FP16, "CUDA, fp16"),
    ],
    ids=str,
)
def test_where_it_runs_is_shown_in_words(engine: Engine, words: str) -> None:
    assert provider_in_words(engine.provider) == words


def test_openvino_answers_as_the_reference(
    predictor: Predictor, images: list[LesionImage], released_folder: Path
) -> None:
    other = Predictor(predictor.card, released_folder, engine=OPENVINO)
    assert (other.engine, other.provider) == (OPENVINO, "OpenVINOExecutionProvider")
    expected = predictor.predict(images)
    # Several at once, each with a request of its own.
    with ThreadPoolExecutor(3) as pool:
        found = [answer for (answer,) in pool.map(other.predict, [[image] for image in images])]
    for one, reference in zip(found, expected, strict=True):
        assert one.score == pytest.approx(reference.score, abs=1e-5)
        assert one.provider == "OpenVINOExecutionProvider"
        assert one.gate is not None
        for part in ("logits", "signed_map", "features", "texture"):
            ours, theirs = getattr(one, part), getattr(reference, part)
            assert ours.dtype == np.float32
            np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.abs(theirs).max(), err_msg=part)


def test_one_image_and_several_get_the_same_answer(
    predictor: Predictor, images: list[LesionImage], released_folder: Path
) -> None:
    # The graph is compiled for one image, and for any number once there are several.
    other = Predictor(predictor.card, released_folder, engine=OPENVINO)
    alone = [one.score for image in images for one in other.predict([image])]
    assert [one.score for one in other.predict(images)] == pytest.approx(alone, abs=1e-5)


SIGNAL_AFTERWARDS = """
import faulthandler, gc, os, signal, sys
from pathlib import Path
from skinlens.runtime.engine_names import Engine
from skinlens.runtime.engines import open_engine, why_absent
faulthandler.enable()
signal.signal(signal.SIGINT, lambda *_: print("handled"))
why_absent(Engine("openvino", "bf16"))
sessions = [open_engine(Engine("openvino"), Path(sys.argv[1]), threads=1) for _ in range(2)]
while sessions:
    del sessions[0]
    gc.collect()
os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.skipif(os.name != "posix", reason="no signals here")
def test_sessions_that_are_freed_leave_a_process_that_can_handle_signals(graph: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SIGNAL_AFTERWARDS, str(graph)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "handled\n", "")


class TestLowerPrecision:
    @pytest.mark.parametrize("batch", [1, None])
    def test_two_parts_answer_as_the_whole(
        self, graph: Path, predictor: Predictor, images: list[LesionImage], batch: int | None
    ) -> None:
        pixels = np.stack([predictor.prepare(image) for image in images[: batch or len(images)]])
        core = openvino_core()
        whole, again = core.read_model(graph), core.read_model(graph)
        if batch is not None:
            for model in (whole, again):
                model.reshape([batch, *pixels.shape[1:]])
        parts = [
            core.compile_model(part, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
            for part in split(whole, again, IN_FP32)
        ]
        counts = [
            sum(
                str(each.get_rt_info()["layerType"].value) == "Convolution"
                for each in part.get_runtime_model().get_ops()
            )
            for part in parts
        ]
        assert 0 < counts[0] < counts[1]
        handed = parts[0](pixels)
        answer = parts[1]([handed[output] for output in parts[0].outputs])
        expected = [one.logits for one in predictor.predict(images)][: len(pixels)]
        np.testing.assert_allclose(answer["logits"], expected, atol=1e-3)

    def test_bf16_answers_nearly_as_the_reference(
        self, predictor: Predictor, images: list[LesionImage], released_folder: Path
    ) -> None:
        bf16 = Engine("openvino", "bf16")
        other = Predictor(predictor.card, released_folder, engine=bf16 if why_absent(bf16) is None else OPENVINO)
        expected = [one.score for one in predictor.predict(images)]
        for asked in (images[:1], images):
            found = [one.score for one in other.predict(asked)]
            assert found == pytest.approx(expected[: len(asked)], abs=0.02)


def test_an_answer_is_not_overwritten_by_the_next(
    predictor: Predictor, images: list[LesionImage], released_folder: Path
) -> None:
    other = Predictor(predictor.card, released_folder, engine=OPENVINO)
    (first,) = other.predict(images[:1])
    before = first.signed_map.copy()
    other.predict(images[1:2])
    np.testing.assert_array_equal(first.signed_map, before)


class TestWhatIsAbsent:
    def test_openvino_that_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        find = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else find(name))
        with pytest.raises(ModelFileError, match=r"not installed: pip install 'skinlens\[openvino\]'"):
            open_engine(OPENVINO, Path("any.onnx"))

    def test_bf16_on_a_processor_without_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engines, "_computes_bf16", lambda: False)
        assert "this one does not" in str(why_absent(Engine("openvino", "bf16")))
        monkeypatch.setattr(engines, "_computes_bf16", lambda: True)
        assert why_absent(Engine("openvino", "bf16")) is None

    def test_a_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engines, "cuda_devices", lambda: 0)
        assert why_absent(GPU) == "The engine onnxruntime-fp32-cuda needs an NVIDIA GPU, and ONNX Runtime finds none."

    def test_a_graph_that_cannot_be_loaded(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken.onnx"
        broken.write_bytes(b"not a graph")
        for engine in (OPENVINO, Engine("onnxruntime", "int8")):
            with pytest.raises(ModelFileError, match=f"The engine {engine} cannot load broken.onnx"):
                open_engine(engine, broken)


class TestGpu:
    """No GPU is needed: ONNX Runtime's session is stood for, and the copying is done on the processor."""

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
        """Providers that sessions were asked for; a session says that it runs on the first of them."""
        asked: list[list[str]] = []

        class Stand:
            def __init__(self, _graph: Path, _options: Any, *, providers: list[str]) -> None:
                asked.append(providers)

            def get_providers(self) -> list[str]:
                return asked[-1]

        monkeypatch.setattr(onnxruntime, "InferenceSession", Stand)
        monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
        monkeypatch.setattr(engines, "cuda_devices", lambda: 1)
        return asked

    def test_it_is_asked_for_with_the_processor_behind_it(self, asked: list[list[str]]) -> None:
        session = open_engine(GPU_FP16, Path("model.onnx"))
        assert asked == [[CUDA, CPU]]
        assert isinstance(session, BoundSession)
        assert session.get_providers() == ["CUDAExecutionProvider fp16"]

    def test_a_silent_fall_back_is_an_error(self, asked: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
        assert asked == []
        monkeypatch.setattr(onnxruntime.InferenceSession, "get_providers", lambda _self: [CPU])
        with pytest.raises(ModelFileError, match="fell back to the processor"):
            open_engine(GPU, Path("model.onnx"))

    def test_io_binding_gives_what_a_plain_run_gives(
        self, predictor: Predictor, images: list[LesionImage], card_graph: Path
    ) -> None:
        session = onnxruntime.InferenceSession(card_graph, session_options(1), providers=[CPU])
        # Bound to the processor's memory: the device is the only difference.
        bound = BoundSession(session, REFERENCE)
        feed = {INPUT: np.stack([predictor.prepare(image) for image in images[:2]])}
        for ours, plain in zip(bound.run(OUTPUTS, feed), session.run(OUTPUTS, feed), strict=True):
            np.testing.assert_array_equal(ours, plain)
        assert [output.name for output in bound.get_outputs()][:4] == list(OUTPUTS)


@pytest.fixture(scope="module")
def card_graph(predictor: Predictor, released_folder: Path) -> Path:
    card: ModelCard = predictor.card
    return released_folder / card.files["graph"].file

"""Graphs of lower precision: what is quantized, what is measured, what is refused, and who uses them."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from skinlens.export import reduced as reduced_module
from skinlens.export.graph import drop_zero_biases
from skinlens.export.reduced import ReducedError, agreement, build_fp16, build_int8
from skinlens.imaging.image import LesionImage, Pixels
from skinlens.imaging.synthetic import draw_lesion
from skinlens.runtime import reduced as limits
from skinlens.runtime.card import ModelCard, ModelFileError
from skinlens.runtime.engine_names import REFERENCE, Engine
from skinlens.runtime.prediction import Prediction
from skinlens.runtime.predictor import Predictor
from skinlens.runtime.reduced import Agreement, Reduced, measured_agreement, reduced_folder, reduced_graph
from tests.export.optimised import BASIC, operators_in_use
from tests.small_released import small_release

ORT_INT8, OPENVINO_INT8 = Engine("onnxruntime", "int8"), Engine("openvino", "int8")
LABELS = [0, 1] * 4


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder of its own."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKINLENS_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def card(folder: Path) -> ModelCard:
    return small_release(folder)


@pytest.fixture(scope="module")
def images() -> list[LesionImage]:
    return [draw_lesion(seed, height=64, width=64, malignant_look=bool(seed % 2)) for seed in range(8)]


@pytest.fixture(scope="module")
def calibration() -> list[Pixels]:
    return [draw_lesion(seed, height=64, width=64).pixels for seed in range(20, 30)]


@pytest.fixture(scope="module")
def built(card: ModelCard, folder: Path, home: Path, images: list[LesionImage], calibration: list[Pixels]) -> Reduced:
    assert home.is_dir()
    return build_int8(
        card, folder, calibration=calibration, compared=images, labels=LABELS, data=["a.csv"], method="minmax"
    )


def test_the_graph_is_kept_with_what_it_was_made_from_and_what_was_measured(
    built: Reduced, card: ModelCard, home: Path
) -> None:
    path, described = reduced_graph(card, "int8")
    assert described == built
    assert path.is_relative_to(home)
    assert described.graph_sha256 == card.files["graph"].sha256
    assert described.calibrated.images == 10
    assert described.calibrated.data == ("a.csv",)
    assert {str(ORT_INT8), str(OPENVINO_INT8)} <= set(described.measured)
    assert measured_agreement(card, ORT_INT8) == described.measured[str(ORT_INT8)]
    assert measured_agreement(card, REFERENCE) is None


def test_convolutions_but_the_first_are_in_int8_per_channel_and_nothing_behind_them(
    built: Reduced, card: ModelCard
) -> None:
    path, _ = reduced_graph(card, "int8")
    graph = onnx.load(path).graph
    made_by = {name: node for node in graph.node for name in node.output}
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]

    def in_int8(node: onnx.NodeProto) -> bool:
        return all(name in made_by and made_by[name].op_type == "DequantizeLinear" for name in node.input[:2])

    assert not in_int8(convolutions[0])
    quantized = [node for node in convolutions if in_int8(node)]
    assert len(quantized) == len(convolutions) - built.calibrated.fp32_layers
    assert len(quantized) >= 2
    for node in quantized:
        kernel, scales = (constants[name] for name in made_by[node.input[1]].input[:2])
        assert kernel.dtype == np.int8
        assert np.abs(kernel.astype(int)).max() == 127
        assert scales.shape == (kernel.shape[0],)
    assert not any(node.op_type == "QuantizeLinear" and "head" in node.input[0] for node in graph.node)


@pytest.mark.parametrize("engine", [ORT_INT8, OPENVINO_INT8], ids=str)
def test_a_predictor_runs_it_and_gives_the_same_parts(
    built: Reduced, card: ModelCard, folder: Path, images: list[LesionImage], engine: Engine
) -> None:
    ours = Predictor(card, folder, engine=engine).predict(images)
    reference = Predictor(card, folder).predict(images)
    found = agreement(card, reference, ours, LABELS)
    assert found.probability == pytest.approx(built.measured[str(engine)].probability, abs=1e-3)
    assert found.probability < 0.05
    for one, other in zip(ours, reference, strict=True):
        assert one.signed_map.shape == other.signed_map.shape
        assert one.features.shape == other.features.shape
        assert one.provider == engine.provider


def test_an_altered_graph_or_one_of_another_model_is_not_used(built: Reduced, card: ModelCard, folder: Path) -> None:
    other = card.model_copy(
        update={"files": {**card.files, "weights": card.files["weights"].model_copy(update={"sha256": "1" * 64})}}
    )
    assert reduced_graph(other, "int8") is None
    path = reduced_folder(card) / "int8.onnx"
    content = path.read_bytes()
    try:
        path.write_bytes(content + b"\0")
        assert reduced_graph(card, "int8") is None
        with pytest.raises(ModelFileError, match="needs an int8 graph of tiny, which was not built here"):
            Predictor(card, folder, engine=ORT_INT8)
    finally:
        path.write_bytes(content)
    assert reduced_graph(card, "int8")[1] == built


@pytest.mark.parametrize("limit", ["PROBABILITY_LIMIT", "MAP_LIMIT"])
def test_beyond_the_limits_nothing_is_kept(
    limit: str,
    card: ModelCard,
    folder: Path,
    images: list[LesionImage],
    calibration: list[Pixels],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SKINLENS_HOME", str(tmp_path))
    monkeypatch.setattr(reduced_module, "_IN_FP32", ((0.0, 0.0),))
    # An untrained network answers nearly the same to everything; the limit moves instead.
    monkeypatch.setattr(limits, limit, 0.0)
    with pytest.raises(ReducedError, match="was not kept, since its answers differ too much"):
        build_int8(
            card, folder, calibration=calibration, compared=images, labels=LABELS, data=["a.csv"], method="minmax"
        )
    assert not list(tmp_path.rglob("*.onnx"))


def test_fp16_for_a_gpu_is_compared_on_the_processor_where_there_is_none(
    card: ModelCard, folder: Path, images: list[LesionImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKINLENS_HOME", str(tmp_path))
    done = build_fp16(card, folder, compared=images, labels=LABELS)
    assert done.measured["onnxruntime-fp16-cuda"].probability < 0.01
    assert done.calibrated is None
    path, _ = reduced_graph(card, "fp16")
    kinds = {each.data_type for each in onnx.load(path).graph.initializer if len(each.dims) == 4}
    assert kinds == {onnx.TensorProto.FLOAT16}


class TestAgreement:
    @pytest.fixture
    def reference(self, card: ModelCard, folder: Path, images: list[LesionImage]) -> list[Prediction]:
        return Predictor(card, folder).predict(images)

    def test_the_same_answers_agree_in_everything(self, card: ModelCard, reference: list[Prediction]) -> None:
        found = agreement(card, reference, reference, LABELS)
        assert found == Agreement(images=8, probability=0.0, risk=None, map=0.0, decisions_kept=1.0, auc_change=0.0)
        assert found.keeps_results

    def test_differences_are_the_largest_and_decisions_are_counted(
        self, card: ModelCard, reference: list[Prediction]
    ) -> None:
        threshold = card.point().threshold
        below = [dataclasses.replace(each, score=threshold - 0.01) for each in reference]
        moved = [dataclasses.replace(below[0], score=threshold + 0.02), *below[1:]]
        found = agreement(card, below, moved, [1, *[0] * 7])
        assert found.probability == pytest.approx(0.03)
        assert found.decisions_kept == 7 / 8
        assert found.auc_change == 0.5
        assert not found.keeps_results

    def test_without_both_labels_there_is_no_auc_and_nothing_is_chosen(
        self, card: ModelCard, reference: list[Prediction]
    ) -> None:
        found = agreement(card, reference, reference, [])
        assert found.auc_change is None
        assert not found.keeps_results


def test_a_graph_has_no_bias_that_is_computed_from_zero(card: ModelCard, folder: Path) -> None:
    """Or run times could not fold the batch-norms behind convolutions into them."""
    model = ir.load(folder / card.files["graph"].file)
    assert drop_zero_biases(model) == 0
    convolutions = [node for node in model.graph if node.op_type == "Conv"]
    assert sum(len(node.inputs) == 2 for node in convolutions) >= 5
    assert "BatchNormalization" not in operators_in_use(folder / card.files["graph"].file, folder, level=BASIC)

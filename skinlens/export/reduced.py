"""Graphs of lower precision, built on the user's machine: int8 for processors, fp16 for GPUs.

int8 is static QDQ quantization per channel (Jacob et al., CVPR 2018), calibrated on training images. Convolutions are
computed in int8, but for the first one; everything between them, the head and the evidence map stay in fp32. If the
results are not kept, more of the first and of the last convolutions stay in fp32 too.

Processors without VNNI add pairs of 8-bit products in 16 bits, which can overflow: results are compared on this
machine, and count for this processor alone. Weights of 7 bits, which cannot overflow, changed P(malignant) seven times
as much.
"""

import io
import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import create_calibrator
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.transformers.float16 import convert_float_to_float16
from sklearn.metrics import roc_auc_score

from skinlens.errors import SkinLensError
from skinlens.export.graph import drop_zero_biases
from skinlens.imaging.image import LesionImage, Pixels
from skinlens.runtime.card import ModelCard, sha256_of, verified_path
from skinlens.runtime.engine_names import ENGINES, Engine
from skinlens.runtime.engines import why_absent
from skinlens.runtime.prediction import Prediction
from skinlens.runtime.predictor import INPUT, Predictor
from skinlens.runtime.processor import processor_name
from skinlens.runtime.reduced import Agreement, Calibrated, Reduced, reduced_folder
from skinlens.storage.location import own_folder
from skinlens.triage.risk import PRIMARY_CARE, risk_of

Method = Literal["minmax", "entropy", "percentile"]

_METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}
# Images whose activations are in memory at once while ranges are measured.
_AT_ONCE = 8
# Shares of the convolutions at the beginning and at the end that stay in fp32; tried in this order.
_IN_FP32 = ((0.0, 0.0), (0.2, 0.0), (0.2, 0.2))
_BF16 = Engine("openvino", "bf16")
_LOG = logging.getLogger(__name__)


class ReducedError(SkinLensError):
    """A graph of lower precision answers too differently to be kept; the message says what differs."""


def build_int8(
    card: ModelCard,
    folder: Path,
    *,
    calibration: Sequence[Pixels],
    compared: Sequence[LesionImage],
    labels: Sequence[int],
    data: Sequence[str],
    method: Method = "percentile",
) -> Reduced:
    """Build a model's int8 graph, compare it with the released one, and keep it in the data folder.

    Args:
        card: Of the model.
        folder: Where its files lie.
        calibration: Training images as the graph gets them, RGB uint8 `(size, size, 3)`.
        compared: Other images, on which the results are compared.
        labels: 0 or 1 (malignant) for each of these.
        data: Names of the manifests, for the description.
        method: How the ranges of the activations follow from the calibration images.

    Raises:
        ModelFileError: If a file of the model is missing or altered.
        ReducedError: If the graph's answers are beyond the limits of `runtime.reduced`; then nothing is kept.
        OSError: If the graph cannot be written.
    """
    verified_path(card, "weights", folder)
    released = verified_path(card, "graph", folder)
    reference = Predictor(card, folder).predict(compared)
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "fp32.onnx"
        model = _folded(released, plain)
        convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
        ranges = _ranges(plain, calibration, method, Path(scratch))
        graphs: list[tuple[Reduced, bytes]] = []
        for before, behind in _IN_FP32:
            first, last = max(1, round(before * len(convolutions))), round(behind * len(convolutions))
            chosen = convolutions[first : len(convolutions) - last]
            made = Path(scratch) / "int8.onnx"
            quantizer = QDQQuantizer(
                onnx.load(plain),
                True,  # noqa: FBT003 - per channel
                False,  # noqa: FBT003 - all 8 bits of the weights
                QuantType.QInt8,
                QuantType.QUInt8,
                ranges,
                chosen,
                [],
                ["Conv"],
                {"QuantizeBias": True},
            )
            quantizer.quantize_model()
            onnx.save(quantizer.model.model, made)
            calibrated = Calibrated(
                method=method, images=len(calibration), data=tuple(data), fp32_layers=len(convolutions) - len(chosen)
            )
            described = _described(card, folder, made, "int8", calibrated, reference, compared, labels)
            _LOG.info("int8 with %d convolutions in fp32: %s", calibrated.fp32_layers, _in_words(described))
            graphs.append((described, made.read_bytes()))
            if all(each.keeps_results for each in described.measured.values()):
                break
    return _keep(card, *max(graphs, key=lambda graph: _rank(graph[0])))


def build_fp16(card: ModelCard, folder: Path, *, compared: Sequence[LesionImage], labels: Sequence[int]) -> Reduced:
    """Build a model's fp16 graph for a GPU, compare it with the released one, and keep it; as `build_int8`.

    It is compared on the processor, which computes it in fp32 from weights and activations rounded to fp16, where
    there is no GPU.
    """
    verified_path(card, "weights", folder)
    released = verified_path(card, "graph", folder)
    reference = Predictor(card, folder).predict(compared)
    with tempfile.TemporaryDirectory() as scratch:
        plain = _folded(released, Path(scratch) / "fp32.onnx")
        made = Path(scratch) / "fp16.onnx"
        onnx.save(convert_float_to_float16(plain, keep_io_types=True), made)
        return _keep(card, _described(card, folder, made, "fp16", None, reference, compared, labels), made.read_bytes())


def agreement(
    card: ModelCard,
    reference: Sequence[Prediction],
    answers: Sequence[Prediction],
    labels: Sequence[int],
) -> Agreement:
    """Compare an engine's predictions with those of the reference on the same images.

    Args:
        card: Of the model.
        reference: By ONNX Runtime in fp32.
        answers: By the engine, in the same order.
        labels: 0 or 1 (malignant) for each; empty where they are not known.
    """
    expected = np.array([each.score for each in reference])
    scores = np.array([each.score for each in answers])
    threshold = card.point().threshold
    # Against the scale on which all heatmaps are drawn: an image without evidence has no largest value of its own.
    maps = [
        float(np.abs(one.signed_map - other.signed_map).max()) / card.heatmap.scale
        for one, other in zip(reference, answers, strict=True)
    ]
    risks = [
        abs(one.value - other.value)
        for one, other in (
            (risk_of(float(before), card, PRIMARY_CARE), risk_of(float(after), card, PRIMARY_CARE))
            for before, after in zip(expected, scores, strict=True)
        )
        if one is not None and other is not None and one.value is not None and other.value is not None
    ]
    both = len(labels) == len(expected) and len(set(labels)) == 2
    return Agreement(
        images=len(expected),
        probability=float(np.abs(scores - expected).max()),
        risk=max(risks) if len(risks) == len(expected) else None,
        map=float(np.mean(maps)),
        decisions_kept=float(np.mean((scores >= threshold) == (expected >= threshold))),
        auc_change=float(roc_auc_score(labels, scores) - roc_auc_score(labels, expected)) if both else None,
    )


def _folded(graph: Path, to: Path) -> onnx.ModelProto:
    """Write a graph with its constants computed, its weights in fp32 and batch-norm folded into convolutions.

    Every node gets a name of its own: layers are chosen by name, and a graph need not have any.
    """
    model = ir.load(graph)
    # Released graphs of earlier versions have them.
    drop_zero_biases(model)
    ir.external_data.load_to_model(model)
    ir.save(model, to)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(to)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(to.read_bytes(), options, providers=["CPUExecutionProvider"])
    folded = onnx.load(to)
    for number, node in enumerate(folded.graph.node):
        node.name = f"{node.op_type}_{number}"
    onnx.save(folded, to)
    return folded


class _Images(CalibrationDataReader):  # type: ignore[misc]
    """Images one at a time, as the quantization asks for them."""

    def __init__(self, images: Sequence[Pixels]) -> None:
        self._left: Iterator[Pixels] = iter(images)

    def get_next(self) -> dict[str, Pixels] | None:
        """Return the next image as the graph's input; None after the last."""
        image = next(self._left, None)
        return None if image is None else {INPUT: image[np.newaxis]}


def _ranges(graph: Path, images: Sequence[Pixels], method: Method, scratch: Path) -> object:
    calibrator = create_calibrator(
        graph,
        ["Conv"],
        augmented_model_path=str(scratch / "augmented.onnx"),
        calibrate_method=_METHODS[method],
    )
    # It prints its progress.
    with redirect_stdout(io.StringIO()):
        for first in range(0, len(images), _AT_ONCE):
            calibrator.collect_data(_Images(images[first : first + _AT_ONCE]))
        return calibrator.compute_data()


def _described(
    card: ModelCard,
    folder: Path,
    made: Path,
    precision: Literal["int8", "fp16"],
    calibrated: Calibrated | None,
    reference: Sequence[Prediction],
    compared: Sequence[LesionImage],
    labels: Sequence[int],
) -> Reduced:
    """Describe a new graph, after running it in every engine that this machine has for it."""
    engines = [each for each in ENGINES if each.precision == precision and why_absent(each) is None]
    if not engines:
        # A graph for a GPU is compared on the processor, but counts as measured for the GPU.
        engines = [Engine("onnxruntime", precision, "cuda")]
    measured = {}
    for engine in engines:
        here = engine if why_absent(engine) is None else Engine("onnxruntime", precision)
        answers = Predictor(card, folder, engine=here, graph=made).predict(compared)
        measured[str(engine)] = agreement(card, reference, answers, labels)
    if precision == "int8" and why_absent(_BF16) is None:
        # It runs the released graph, and has no export of its own in which it could be measured.
        answers = Predictor(card, folder, engine=_BF16).predict(compared)
        measured[str(_BF16)] = agreement(card, reference, answers, labels)
    return Reduced(
        model=card.name,
        precision=precision,
        graph_sha256=card.files["graph"].sha256,
        weights_sha256=card.files["weights"].sha256,
        sha256=sha256_of(made),
        processor=processor_name(),
        calibrated=calibrated,
        measured=measured,
    )


def _rank(described: Reduced) -> tuple[float, float]:
    """The graph to prefer is the one that keeps more decisions, then the one with the smaller change, in any engine."""
    kept = min(each.decisions_kept for each in described.measured.values())
    return kept, -max(each.probability for each in described.measured.values())


def _in_words(described: Reduced) -> str:
    return "; ".join(
        f"{engine} changes P(malignant) by up to {each.probability:.3f} and keeps {100 * each.decisions_kept:.1f} % "
        f"of the decisions on {each.images} images"
        for engine, each in described.measured.items()
    )


def _keep(card: ModelCard, described: Reduced, content: bytes) -> Reduced:
    if not all(each.same_model for each in described.measured.values()):
        raise ReducedError(
            f"The {described.precision} graph of {card.name} was not kept, since its answers differ too much: "
            f"{_in_words(described)}; its evidence maps differ by "
            f"{max(each.map for each in described.measured.values()):.2f} of the common scale on average."
        )
    folder = own_folder(reduced_folder(card))
    path = folder / f"{described.precision}.onnx"
    # The description last: a graph without one is not used.
    path.with_suffix(".json").unlink(missing_ok=True)
    path.write_bytes(content)
    path.with_suffix(".json").write_text(described.model_dump_json(indent=1) + "\n", "utf-8")
    return described

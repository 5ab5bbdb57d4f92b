"""A graph in OpenVINO, on the processor.

One image at a time is what is waited for, and OpenVINO is quicker where it knows the size of a batch: a graph is
compiled for one image, and for any number of them when there are several for the first time.

bf16 keeps eight bits of a number. Rounding the first convolutions, which have the fewest channels, moves
P(malignant) most; they stay in fp32, and the others are computed in bf16.
"""

import functools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from skinlens.imaging.image import Pixels
from skinlens.runtime.engine_names import Engine
from skinlens.runtime.prediction import Floats

if TYPE_CHECKING:
    import openvino

# Share of the convolutions, counted from the input, that bf16 leaves in fp32. docs/performance.md has other shares.
IN_FP32: Final = 0.22

_CONVOLUTIONS = ("Convolution", "GroupConvolution")
_LOCK = threading.Lock()


def openvino_core() -> "openvino.Core":
    """Return this process's one core of OpenVINO, which is never freed.

    A core gives its thread a stack for signal handlers, and puts the one before back when it is freed. Two cores that
    are freed in the order in which they were made leave a stack behind that is no longer mapped, and the next signal
    with a handler, such as Ctrl-C, ends the process without a word.
    """
    with _LOCK:
        return _core()


@functools.cache
def _core() -> "openvino.Core":
    import openvino

    return openvino.Core()


@dataclass(frozen=True)
class _Output:
    name: str


@dataclass
class _Compiled:
    """A graph compiled in one part, or in two of which the second takes the outputs of the first."""

    parts: list[Any]
    # A request serves one pass at a time; as many are made as there are passes at once.
    idle: list[list[Any]] = field(default_factory=list)

    def run(self, names: Sequence[str], feed: Mapping[str, Pixels]) -> list[Floats]:
        try:
            requests = self.idle.pop()
        except IndexError:
            requests = [part.create_infer_request() for part in self.parts]
        try:
            first, *following = requests
            first.infer({name: np.ascontiguousarray(pixels) for name, pixels in feed.items()})
            for request in following:
                for number in range(len(request.model_inputs)):
                    request.set_input_tensor(number, first.get_output_tensor(number))
                request.infer()
            # The next pass overwrites the request's own arrays.
            return [np.array(requests[-1].get_tensor(name).data, dtype=np.float32) for name in names]
        finally:
            self.idle.append(requests)


class OpenVinoSession:
    """A graph compiled by OpenVINO for the processor. Safe to call from several threads at once.

    Args:
        graph: The ONNX file; weights beside it are read too.
        engine: Gives the precision in which it computes.
        threads: Processor threads for one pass; None takes the physical cores.
    """

    def __init__(self, graph: Path, engine: Engine, *, threads: int | None = None) -> None:
        self._core = openvino_core()
        self._graph, self._engine, self._threads = graph, engine, threads
        self._lock = threading.Lock()
        self._one = self._compile(batch=1)
        self._any: _Compiled | None = None
        self._outputs = [_Output(port.get_any_name()) for port in self._one.parts[-1].outputs]

    def run(self, names: Sequence[str], feed: Mapping[str, Pixels]) -> list[Floats]:
        """As `Session.run`."""
        single = all(len(pixels) == 1 for pixels in feed.values())
        return (self._one if single else self._for_any()).run(names, feed)

    def get_outputs(self) -> Sequence[Any]:
        """As `Session.get_outputs`."""
        return self._outputs

    def get_providers(self) -> list[str]:
        """As `Session.get_providers`."""
        return [self._engine.provider]

    def _for_any(self) -> _Compiled:
        with self._lock:
            if self._any is None:
                self._any = self._compile(batch=None)
            return self._any

    def _compile(self, *, batch: int | None) -> _Compiled:
        if self._engine.precision != "bf16":
            # The graph of an int8 model says itself which layers are in int8; the others stay fp32.
            return _Compiled([self._part(self._read(batch), "f32")])
        first, second = split(self._read(batch), self._read(batch), IN_FP32)
        return _Compiled([self._part(first, "f32"), self._part(second, "bf16")])

    def _read(self, batch: int | None) -> "openvino.Model":
        model = self._core.read_model(self._graph)
        if batch is not None:
            model.reshape({port.get_any_name(): [batch, *list(port.partial_shape)[1:]] for port in model.inputs})
        return model

    def _part(self, model: "openvino.Model", precision: str) -> Any:
        settings: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        if self._threads is not None:
            settings["INFERENCE_NUM_THREADS"] = self._threads
        return self._core.compile_model(model, "CPU", settings)


def split(model: "openvino.Model", again: "openvino.Model", share: float) -> tuple["openvino.Model", "openvino.Model"]:
    """Cut a graph in two where a share of its convolutions is done.

    Args:
        model: The graph; becomes the first part.
        again: The same graph, read once more; becomes the second part.
        share: Of the convolutions, in the order in which they are computed, that the first part holds; 0 to 1.

    Returns:
        Two models: the outputs of the first are the inputs of the second, in the same order, and the outputs of the
        second are those of the graph.
    """
    import openvino
    from openvino import opset13

    handed_over = [opset13.result(output) for output, _ in _crossings(model, share)]
    first = openvino.Model(handed_over, model.get_parameters(), "first")
    taken = []
    for output, targets in _crossings(again, share):
        taken.append(opset13.parameter(output.get_partial_shape(), output.get_element_type()))
        for target in targets:
            target.replace_source_output(taken[-1].output(0))
    second = openvino.Model(again.get_results(), taken, "second")
    second.validate_nodes_and_infer_types()
    return first, second


def _crossings(model: "openvino.Model", share: float) -> list[tuple[Any, list[Any]]]:
    """Outputs of the first part that the second takes, each with the inputs there."""
    operations = model.get_ordered_ops()
    convolutions = [each.get_name() for each in operations if each.get_type_name() in _CONVOLUTIONS]
    cut = convolutions[round(share * len(convolutions))]
    # Either part keeps what follows from constants, and works out shapes for itself.
    late, constant, shapes = set(), set(), set()
    for each in operations:
        name, kind = each.get_name(), each.get_type_name()
        sources = [value.get_node().get_name() for value in each.input_values()]
        if name == cut or kind == "Result" or any(source in late for source in sources):
            late.add(name)
        elif kind == "Constant" or (sources and all(source in constant for source in sources)):
            constant.add(name)
        elif sources and each.get_output_element_type(0).is_integral():
            shapes.add(name)
    outputs = [
        output for each in operations if each.get_name() not in late | constant | shapes for output in each.outputs()
    ]
    crossings = [
        (output, [one for one in output.get_target_inputs() if one.get_node().get_name() in late | shapes])
        for output in outputs
    ]
    return [(output, targets) for output, targets in crossings if targets]

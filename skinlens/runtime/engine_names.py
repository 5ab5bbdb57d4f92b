"""The names of the engines; imports no runtime, so that a command line can list them."""

from dataclasses import dataclass
from typing import Final, Literal

from skinlens.errors import UsageError
from skinlens.runtime.provider_words import CPU, CUDA, OPENVINO

Runtime = Literal["onnxruntime", "openvino"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]
Device = Literal["cpu", "cuda"]

# The engine of the app, which has no options; commands have `--engine`.
VARIABLE: Final = "SKINLENS_ENGINE"
# Precisions whose graph is another file, built by `skinlens export`.
BUILT: Final[frozenset[Precision]] = frozenset({"int8", "fp16"})


@dataclass(frozen=True)
class Engine:
    """A runtime, a precision and a device.

    >>> str(Engine("openvino", "int8")), Engine("openvino", "int8").provider
    ('openvino-int8', 'OpenVINOExecutionProvider int8')
    """

    runtime: Runtime
    precision: Precision = "fp32"
    device: Device = "cpu"

    def __str__(self) -> str:
        return f"{self.runtime}-{self.precision}" + ("" if self.device == "cpu" else f"-{self.device}")

    @property
    def provider(self) -> str:
        """The name in results: that of ONNX Runtime's provider, then the precision if it is not fp32."""
        place = OPENVINO if self.runtime == "openvino" else CUDA if self.device == "cuda" else CPU
        return place if self.precision == "fp32" else f"{place} {self.precision}"


REFERENCE: Final = Engine("onnxruntime")
ENGINES: Final = (
    REFERENCE,
    Engine("onnxruntime", "int8"),
    Engine("openvino"),
    Engine("openvino", "bf16"),
    Engine("openvino", "int8"),
    Engine("onnxruntime", "fp32", "cuda"),
    Engine("onnxruntime", "fp16", "cuda"),
)


def engine_named(name: str) -> Engine:
    """Return the engine of a name such as `openvino-int8`; without a precision, `openvino` is its fp32.

    Raises:
        UsageError: If there is none; the message lists all.
    """
    wanted = name.strip().lower()
    for engine in ENGINES:
        if wanted in {str(engine), str(engine).replace("-fp32", "")}:
            return engine
    raise UsageError(f"there is no engine {name!r}; engines: {', '.join(map(str, ENGINES))}")

"""What can run a model's graph: ONNX Runtime or OpenVINO, in a precision, on the processor or a GPU.

ONNX Runtime in fp32 is the reference. Every engine answers the same call with the same outputs, so that a `Predictor`
makes the same `Prediction` of them.
"""

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime

from skinlens.imaging.image import Pixels
from skinlens.runtime.card import ModelFileError
from skinlens.runtime.engine_names import Engine
from skinlens.runtime.openvino_session import OpenVinoSession, openvino_core
from skinlens.runtime.prediction import Floats
from skinlens.runtime.provider_words import CPU, CUDA
from skinlens.runtime.providers import cuda_devices
from skinlens.translation import sentence


class Session(Protocol):
    """A loaded graph; the part of ONNX Runtime's session that a predictor uses."""

    def run(self, names: Sequence[str], feed: Mapping[str, Pixels]) -> list[Floats]:
        """Return the outputs of these names, `(N, ...)` each, for RGB uint8 `(N, size, size, 3)`."""

    def get_outputs(self) -> Sequence[Any]:
        """Return the graph's outputs; each has a `name`."""

    def get_providers(self) -> list[str]:
        """Return where it runs, first."""


def why_absent(engine: Engine) -> str | None:
    """Return a sentence if this machine cannot run an engine, whatever the model; None if it can."""
    if engine.device == "cuda":
        if CUDA not in onnxruntime.get_available_providers() or cuda_devices() == 0:
            return sentence("The engine {engine} needs an NVIDIA GPU, and ONNX Runtime finds none.", engine=engine)
        return None
    if engine.runtime == "openvino":
        if not _is_installed("openvino"):
            return sentence(
                "The engine {engine} needs OpenVINO, which is not installed: pip install 'skinlens[openvino]'",
                engine=engine,
            )
        if engine.precision == "bf16" and not _computes_bf16():
            return sentence(
                "The engine {engine} needs a processor that computes in bf16; this one does not.", engine=engine
            )
    return None


def open_engine(engine: Engine, graph: Path, *, threads: int | None = None) -> Session:
    """Load a graph into an engine.

    Args:
        engine: Where and how to run it.
        graph: The ONNX file; for the precisions in `BUILT`, the one that was built for it.
        threads: Processor threads for one pass; None takes the physical cores.

    Raises:
        ModelFileError: If it cannot be loaded there.
    """
    absent = why_absent(engine)
    if absent is not None:
        raise ModelFileError(absent)
    with _as_model_error(engine, graph):
        if engine.runtime == "openvino":
            return OpenVinoSession(graph, engine, threads=threads)
        if engine.device == "cuda":
            # Finds the CUDA libraries that came with torch or the nvidia packages.
            onnxruntime.preload_dlls()
        wanted = [CUDA, CPU] if engine.device == "cuda" else [CPU]
        session = onnxruntime.InferenceSession(graph, session_options(threads), providers=wanted)
    if session.get_providers()[0] != wanted[0]:
        # ONNX Runtime takes the next provider silently where the first cannot start.
        raise ModelFileError(
            sentence("The engine {engine} cannot start: ONNX Runtime fell back to the processor.", engine=engine)
        )
    return BoundSession(session, engine) if engine.device == "cuda" else OrtSession(session, engine)


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        # A program may forbid a package to all that runs in it.
        return False


def session_options(threads: int | None) -> onnxruntime.SessionOptions:
    """Return ONNX Runtime's options; docs/performance.md has what else was tried."""
    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return options


class OrtSession:
    """A session of ONNX Runtime whose provider says the precision too."""

    def __init__(self, session: onnxruntime.InferenceSession, engine: Engine) -> None:
        self._session = session
        self._engine = engine

    def run(self, names: Sequence[str], feed: Mapping[str, Pixels]) -> list[Floats]:
        """As `Session.run`."""
        return list(self._session.run(names, feed))

    def get_outputs(self) -> Sequence[Any]:
        """As `Session.get_outputs`."""
        return list(self._session.get_outputs())

    def get_providers(self) -> list[str]:
        """As `Session.get_providers`."""
        return [self._engine.provider]


class BoundSession(OrtSession):
    """ONNX Runtime with IO binding: outputs are allocated on the device, and copied once the pass has ended."""

    def run(self, names: Sequence[str], feed: Mapping[str, Pixels]) -> list[Floats]:
        """As `Session.run`."""
        binding = self._session.io_binding()
        for name, pixels in feed.items():
            binding.bind_cpu_input(name, np.ascontiguousarray(pixels))
        for name in names:
            binding.bind_output(name, self._engine.device)
        self._session.run_with_iobinding(binding)
        return list(binding.copy_outputs_to_cpu())


def runtime_versions() -> dict[str, str]:
    """Return the versions of the installed runtimes by name; reading them loads none."""
    versions = {"onnxruntime": str(onnxruntime.__version__)}
    with suppress(PackageNotFoundError):
        versions["openvino"] = version("openvino")
    return versions


def _computes_bf16() -> bool:
    return "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@contextmanager
def _as_model_error(engine: Engine, graph: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the errors of both runtimes share no public base class
        raise ModelFileError(
            sentence(
                "The engine {engine} cannot load {file}: {error}", engine=engine, file=graph.name, error=str(error)
            )
        ) from error

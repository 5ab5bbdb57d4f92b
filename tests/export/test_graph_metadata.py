"""A graph carries what it computes in a form that run times can fuse, and nothing of the machine that wrote it."""

from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from torch import nn

from skinlens.export.graph import ReleasedGraph, fix_bounds, write_graph
from skinlens.models.normalise import Normalise
from skinlens.runtime.released import released_digests
from skinlens.runtime.weights import shipped_folder
from tests.export.optimised import operators_in_use
from tests.small_asff import SmallAsff

# torch writes the lines that each node came from, with the paths of the files on the exporting machine.
TRACES = (b".py", b"site-packages", b"Traceback", b"stack_trace")


def require_no_traces(graph: Path) -> None:
    content = graph.read_bytes()
    assert [trace for trace in TRACES if trace in content] == []
    model = onnx.load(graph, load_external_data=False)
    assert not [node.name for node in model.graph.node if node.metadata_props or node.doc_string]


@pytest.mark.parametrize("name", sorted(released_digests()))
def test_released_graphs(name: str) -> None:
    require_no_traces(shipped_folder() / f"{name}.onnx")


def test_a_new_graph(tmp_path: Path) -> None:
    graph = tmp_path / "small.onnx"
    module = ReleasedGraph(SmallAsff().eval(), Normalise((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))).eval()
    write_graph(module, size=64, graph=graph, weights=tmp_path / "small.safetensors")
    require_no_traces(graph)


@pytest.mark.parametrize("name", sorted(released_digests()))
def test_every_activation_of_a_released_graph_is_fused(name: str, tmp_path: Path) -> None:
    operators = operators_in_use(shipped_folder() / f"{name}.onnx", tmp_path)
    assert "Clip" not in operators
    assert "BatchNormalization" not in operators


class Bounded(nn.Module):
    """A convolution with a ReLU6 behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 2, 3)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return nn.functional.relu6(self.convolution(pixels))


def test_bounds_become_constants_and_answers_stay(tmp_path: Path) -> None:
    images = torch.rand(2, 3, 8, 8)
    program = torch.onnx.export(Bounded().eval(), (images,), dynamo=True, optimize=False, verbose=False)
    assert program is not None
    # As torch writes them for a batch of any size.
    before = tmp_path / "before.onnx"
    ir.save(program.model, before)
    casts = {node.op_type for node in program.model.graph} & {"Cast", "CastLike"}
    assert fix_bounds(program.model) == 2
    after = tmp_path / "after.onnx"
    ir.save(program.model, after)
    assert casts
    assert "Clip" not in operators_in_use(after, tmp_path)
    first, second = (
        onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(None, {"pixels": images.numpy()})
        for graph in (before, after)
    )
    assert np.array_equal(first[0], second[0])

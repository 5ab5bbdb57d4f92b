"""A graph carries what it computes, and nothing of the machine that wrote it."""

from pathlib import Path

import onnx
import pytest

from skinlens.export.graph import ReleasedGraph, write_graph
from skinlens.models.normalise import Normalise
from skinlens.runtime.released import released_digests
from skinlens.runtime.weights import shipped_folder
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

"""What ONNX Runtime makes of a graph."""

from pathlib import Path

import onnx
import onnxruntime

ALL = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
BASIC = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC


def operators_in_use(graph: Path, scratch: Path, *, level: onnxruntime.GraphOptimizationLevel = ALL) -> set[str]:
    """Kinds of operators that it computes one by one, once it has fused what it can.

    Args:
        graph: The ONNX file.
        scratch: An existing folder, for the graph that it makes.
        level: How much it may do.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(scratch / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    optimised = onnx.load(scratch / "optimised.onnx", load_external_data=False)
    return {node.op_type for node in optimised.graph.node}

"""The exported graph: RGB uint8 in, logits, probability and whatever the network explains out, in one pass."""

from pathlib import Path

import onnx
import onnx_ir as ir
import onnx_safetensors
import torch
from onnx_ir.passes.common import ClearMetadataAndDocStringPass, RemoveUnusedNodesPass
from safetensors.torch import save_file
from torch import Tensor, nn

from skinlens.models.checkpoint import released_precision
from skinlens.models.explainable import Explainable, evidence_map
from skinlens.models.normalise import Normalise
from skinlens.runtime.predictor import GATE, INPUT, OUTPUTS, TEXTURE


class ReleasedGraph(nn.Module):
    """What is exported: normalisation, network, closed-form Grad-CAM and gate summary.

    Args:
        network: In evaluation mode. One that is not `Explainable` gives logits and probability alone.
        normalise: With the card's mean and standard deviation.
    """

    def __init__(self, network: nn.Module, normalise: Normalise) -> None:
        super().__init__()
        self.network = network
        self.normalise = normalise

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what `forward` returns, in its order."""
        if not isinstance(self.network, Explainable):
            return OUTPUTS[:2]
        given = ((TEXTURE, self.network.textured), (GATE, self.network.fuses))
        return (*OUTPUTS, *(name for name, there in given if there))

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Compute the graph's outputs.

        Args:
            pixels: RGB uint8, `(N, H, W, 3)`, of the card's input size.

        Returns:
            Logits `(N, 2)` and P(malignant) `(N,)`; from an `Explainable` network also its signed evidence `(N, h, w)`
            and pooled features `(N, C)`, then its texture `(N, K)` where it gives one, and where it fuses two branches
            the gate's mean, smallest and largest weight `(N, 3)`.
        """
        images = self.normalise(pixels)
        if not isinstance(self.network, Explainable):
            logits = self.network(images)
            return logits, logits.softmax(dim=1)[:, 1]
        analysis = self.network.analyse(images)
        probability = analysis.logits.softmax(dim=1)[:, 1]
        answers: tuple[Tensor, ...] = (
            analysis.logits,
            probability,
            evidence_map(analysis, self.network),
            analysis.pooled,
        )
        if analysis.texture is not None:
            answers = (*answers, analysis.texture)
        if analysis.gate is not None:
            weights = analysis.gate.flatten(start_dim=1)
            summary = (weights.mean(dim=1), weights.amin(dim=1), weights.amax(dim=1))
            answers = (*answers, torch.stack(summary, dim=1))
        return answers


def write_graph(module: ReleasedGraph, *, size: int, graph: Path, weights: Path) -> None:
    """Write the weights (fp16 storage) and the graph that reads them.

    Every initialiser of the graph that is a tensor of the network's state has that tensor's name and lies in the
    safetensors file; the graph casts fp16 up to fp32. Both files must lie in one folder.

    Args:
        module: In evaluation mode.
        size: Side of the square input in pixels; the batch is dynamic.
        graph: The ONNX file to write.
        weights: The safetensors file to write.

    Raises:
        RuntimeError: If torch exports no graph.
        onnx.checker.ValidationError: If the graph is not valid.
    """
    state = released_precision(module.network.state_dict())
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, weights)
    # Two images: with one, torch takes the batch for a constant.
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    # Unoptimised: batch-norm stays a layer of its own, so that initialisers are the state's tensors.
    program = torch.onnx.export(
        module,
        (example,),
        dynamo=True,
        optimize=False,
        dynamic_shapes=({0: torch.export.Dim("N")},),
        input_names=[INPUT],
        output_names=list(module.outputs),
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch exported no graph")
    model = program.model
    for value in list(model.graph.initializers.values()):
        _store_as_released(model, value)
    drop_zero_biases(model)
    fix_bounds(model)
    # torch notes the lines of code, with their paths on this machine, that every node came from.
    ClearMetadataAndDocStringPass()(model)
    onnx_safetensors.load_file_as_external_data(model, weights.name, weights.parent)
    onnx.save_model(ir.serde.serialize_model(model), graph)
    # By its path: the weights lie in another file, which a model in memory does not find.
    onnx.checker.check_model(graph)


def drop_zero_biases(model: ir.Model) -> int:
    """Remove the bias of every convolution that is computed, while the model runs, from a constant zero.

    torch writes one where a convolution has none. It keeps run times from folding the batch-norm behind it into the
    convolution, and from adding and rectifying in the same step: the network takes a quarter longer.

    Returns:
        How many were removed.
    """
    dropped = 0
    for node in model.graph:
        if node.op_type != "Conv" or len(node.inputs) < 3:
            continue
        origin = None if node.inputs[2] is None else node.inputs[2].producer()
        if origin is None or origin.op_type != "Expand" or not _is_zero(origin.inputs[0]):
            continue
        node.resize_inputs(2)
        dropped += 1
    # What computed them.
    RemoveUnusedNodesPass()(model)
    return dropped


def fix_bounds(model: ir.Model) -> int:
    """Write the bounds of every `Clip`, such as those of a ReLU6, as constants in fp32, in which the graph computes.

    torch writes constants of another type, and casts them to the type of what is clipped. ONNX Runtime then does not
    see that the bounds are constant, and cannot clip in the same step as the convolution before: EfficientNet-Lite2
    takes half as long again.

    Returns:
        How many bounds were written.
    """
    fixed = 0
    for node in model.graph:
        if node.op_type != "Clip":
            continue
        for place, value in enumerate(node.inputs[1:], start=1):
            bound = _constant(value)
            if bound is None or value is None or value.producer() is None:
                continue
            constant = ir.node("Constant", [], attributes={"value": ir.tensor(bound.numpy().astype("float32"))})
            model.graph.insert_before(node, constant)
            node.replace_input_with(place, constant.outputs[0])
            fixed += 1
    RemoveUnusedNodesPass()(model)
    return fixed


def _is_zero(value: ir.Value | None) -> bool:
    """Whether a value is the constant 0, of whatever type it is cast to."""
    constant = _constant(value)
    return constant is not None and not constant.numpy().any()


def _constant(value: ir.Value | None) -> ir.TensorProtocol | None:
    """The constant that a value is, before it is cast to whatever type; None if it is computed."""
    while value is not None and (node := value.producer()) is not None and node.op_type in {"Cast", "CastLike"}:
        value = node.inputs[0]
    return ir.convenience.get_const_tensor(value) if value is not None else None


def _store_as_released(model: ir.Model, value: ir.Value) -> None:
    """Give an initialiser its state name and storage type."""
    name = str(value.name).removeprefix("network.")
    tensor = value.const_value
    if tensor is None or not str(value.name).startswith("network."):
        return
    graph = model.graph
    if tensor.dtype != ir.DataType.FLOAT or len(tensor.shape) < 2:
        del graph.initializers[str(value.name)]
        value.name = name
        graph.initializers[name] = value
        return
    half = ir.Value(name=name, shape=value.shape, type=ir.TensorType(ir.DataType.FLOAT16))
    # The cast to fp32 is part of the graph, so that a run time need not know of fp16.
    half.const_value = ir.tensor(tensor.numpy().astype("float16"), name=name)
    cast = ir.node("Cast", [half], attributes={"to": ir.DataType.FLOAT}, name=f"{name}.float")
    raised = cast.outputs[0]
    raised.name, raised.shape, raised.type = f"{name}.float", value.shape, ir.TensorType(ir.DataType.FLOAT)
    value.replace_all_uses_with(raised)
    del graph.initializers[str(value.name)]
    graph.initializers[name] = half
    graph.insert_before(graph[0], cast)

"""The released graph against torch and the grad-cam library, and proof that a wrong graph is refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from skinlens.export import graph as graph_module
from skinlens.export.graph import ReleasedGraph, write_graph
from skinlens.export.parity import Parity, ParityError, measure_parity
from skinlens.imaging.image import LesionImage
from skinlens.imaging.synthetic import draw_pixels
from skinlens.models.asff import AdaptiveFusion, AsffResNet50
from skinlens.models.explainable import Analysis, evidence_map
from skinlens.models.normalise import Normalise
from skinlens.models.registry import build
from skinlens.runtime.predictor import Predictor
from tests.small_asff import SmallAsff


@pytest.fixture(scope="module")
def parts(predictor: Predictor) -> tuple[AdaptiveFusion, Normalise]:
    card = predictor.card
    network = build(card.architecture.name, card.architecture.options)
    assert isinstance(network, AdaptiveFusion)
    return network, Normalise(card.preprocessing.mean, card.preprocessing.std)


def stacked(predictor: Predictor, images: list[LesionImage]) -> np.ndarray:
    return np.stack([predictor.prepare(image) for image in images])


def files(predictor: Predictor, folder: Path) -> tuple[Path, Path]:
    return folder / predictor.card.files["graph"].file, folder / predictor.card.files["weights"].file


@pytest.mark.slow
def test_released_graph_on_synthetic_images(
    predictor: Predictor, released_folder: Path, parts: tuple[AdaptiveFusion, Normalise], images: list[LesionImage]
) -> None:
    graph, weights = files(predictor, released_folder)
    parity = measure_parity(graph, weights, *parts, stacked(predictor, images))
    parity.check()
    assert parity.images == len(images)


@pytest.mark.slow
def test_released_graph_on_real_images(
    predictor: Predictor, released_folder: Path, parts: tuple[AdaptiveFusion, Normalise], real_images: list[LesionImage]
) -> None:
    graph, weights = files(predictor, released_folder)
    parity = measure_parity(graph, weights, *parts, stacked(predictor, real_images))
    parity.check()
    assert parity.images == 20


def test_initialisers_are_the_weights_file(predictor: Predictor, released_folder: Path) -> None:
    """One copy of the weights: the graph holds none of its own, and names them as the state does."""
    import onnx

    graph, weights = files(predictor, released_folder)
    state = load_file(weights)
    stored = {
        item.name: {entry.key: entry.value for entry in item.external_data}
        for item in onnx.load(graph, load_external_data=False).graph.initializer
        if item.data_location == onnx.TensorProto.EXTERNAL
    }
    # Counters of the batch-norms are part of a state but not of inference.
    assert set(stored) == {name for name in state if not name.endswith("num_batches_tracked")}
    assert {entry["location"] for entry in stored.values()} == {weights.name}
    kernels = [tensor for tensor in state.values() if tensor.ndim > 1]
    assert {tensor.dtype for tensor in kernels} == {torch.float16}
    assert graph.stat().st_size < 2**20


def wrong_layer(output: Analysis, network: AsffResNet50) -> Tensor:
    """A plausible slip: the head's first layer, as if its ReLU were always active."""
    head = network.head
    gradient = (head.classify.weight[1] - head.classify.weight[0]) @ head.hidden.weight
    height, width = output.maps.shape[2:]
    return (gradient[None, :, None, None] * output.maps).sum(dim=1) / (height * width)


def wrong_sign(output: Analysis, network: AsffResNet50) -> Tensor:
    return -evidence_map(output, network)


@pytest.mark.parametrize("slip", [wrong_layer, wrong_sign])
@pytest.mark.slow
def test_a_wrong_map_is_refused(
    slip: Callable[[Analysis, AsffResNet50], Tensor], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = SmallAsff().eval()
    normalise = Normalise((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    pixels = np.stack([draw_pixels(seed, height=64, width=64) for seed in range(3)])

    def parity_of(name: str) -> Parity:
        graph, weights = tmp_path / f"{name}.onnx", tmp_path / f"{name}.safetensors"
        write_graph(ReleasedGraph(network, normalise).eval(), size=64, graph=graph, weights=weights)
        return measure_parity(graph, weights, network, normalise, pixels)

    parity_of("right").check()
    monkeypatch.setattr(graph_module, "evidence_map", slip)
    wrong = parity_of("wrong")
    assert wrong.probability < 1e-4
    with pytest.raises(ParityError, match="evidence map"):
        wrong.check()


def test_foreign_weights_are_refused(
    predictor: Predictor,
    released_folder: Path,
    parts: tuple[AdaptiveFusion, Normalise],
    images: list[LesionImage],
    tmp_path: Path,
) -> None:
    """The graph is held against the file that it should read, so another file is noticed."""
    from safetensors.torch import save_file

    graph, weights = files(predictor, released_folder)
    state = load_file(weights)
    state["head.classify.bias"] = state["head.classify.bias"] + torch.tensor([0.0, 0.01])
    save_file(state, tmp_path / "other.safetensors")
    parity = measure_parity(graph, tmp_path / "other.safetensors", *parts, stacked(predictor, images[:2]))
    with pytest.raises(ParityError, match="probability"):
        parity.check()

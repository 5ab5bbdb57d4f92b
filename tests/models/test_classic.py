"""Every network of the paper: builds, trains, exports and explains itself."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from skinlens.explain.oracle import signed_grad_cam
from skinlens.export.graph import ReleasedGraph, write_graph
from skinlens.export.parity import measure_parity
from skinlens.imaging.synthetic import draw_pixels
from skinlens.models.classic import HookedClassifier, LeNet5, PooledClassifier
from skinlens.models.explainable import Explainable, evidence_map
from skinlens.models.normalise import Normalise
from skinlens.models.registry import architectures, build, parameter_count

SIDE = 96
OPTIONS = {"vit_s": {"image_size": SIDE}}
# Published sizes with 1,000 classes, less that head, plus one for two classes.
PARAMETERS = {
    "asff_efficientnet_lite2": 8_183_618,
    "asff_resnet50": 30_857_282,
    "lenet5": 61_326,
    "vgg16": 138_357_544 - 4097 * 1000 + 4097 * 2,
    "resnet34": 21_797_672 - 513 * 1000 + 513 * 2,
    "resnet50": 25_557_032 - 2049 * 1000 + 2049 * 2,
    "resnet101": 44_549_160 - 2049 * 1000 + 2049 * 2,
    "squeezenet1_1": 1_235_496 - 513 * 1000 + 513 * 2,
    "mobilenet_v2": 3_504_872 - 1281 * 1000 + 1281 * 2,
    "alexnet": 61_100_840 - 4097 * 1000 + 4097 * 2,
    "xception": 22_855_952 - 2049 * 1000 + 2049 * 2,
    "densenet121": 7_978_856 - 1025 * 1000 + 1025 * 2,
    "efficientnet_b0": 5_288_548 - 1281 * 1000 + 1281 * 2,
    "inception_v3": 23_834_568 - 2049 * 1000 + 2049 * 2,
    # Its positions are those of 224 px: 14 * 14 patches instead of 6 * 6.
    "vit_s": 22_050_664 - 385 * 1000 + 385 * 2 - (14 * 14 - 6 * 6) * 384,
}


# Each takes seconds to minutes to train and export; tests/export has small networks.
@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.slow) for name in sorted(PARAMETERS)],
)
def trained(request: pytest.FixtureRequest, pixels: npt.NDArray[np.uint8]) -> tuple[Any, ...]:
    """A network after one step of training, in evaluation mode, and the loss of that step."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build(request.param, OPTIONS.get(request.param, {})).train()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
        loss = nn.functional.cross_entropy(network(normalise()(torch.from_numpy(pixels))), torch.tensor([0, 1, 1, 0]))
        loss.backward()
        optimiser.step()
    return request.param, network.eval(), loss.item()


@pytest.fixture(scope="module")
def pixels() -> npt.NDArray[np.uint8]:
    return np.stack([draw_pixels(seed, height=SIDE, width=SIDE, malignant_look=seed % 2 == 1) for seed in range(4)])


def normalise() -> Normalise:
    return Normalise((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_every_architecture_is_tested_here() -> None:
    assert set(PARAMETERS) == set(architectures())


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_it_has_its_published_size(name: str) -> None:
    with torch.device("meta"):
        network = build(name, OPTIONS.get(name, {}))
    assert parameter_count(network) == PARAMETERS[name]


def test_it_trains(trained: tuple[Any, ...]) -> None:
    _, network, loss = trained
    assert np.isfinite(loss)
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


def test_it_exports_and_explains_itself(trained: tuple[Any, ...], pixels: Any, tmp_path: Path) -> None:
    name, network, _ = trained
    graph, weights = tmp_path / "it.onnx", tmp_path / "it.safetensors"
    write_graph(ReleasedGraph(network, normalise()).eval(), size=SIDE, graph=graph, weights=weights)
    if isinstance(network, Explainable):
        fresh = build(name, OPTIONS.get(name, {}))
        measure_parity(graph, weights, fresh, normalise(), pixels[:3]).check()  # type: ignore[arg-type]
        return
    images = normalise()(torch.from_numpy(pixels[:3]))
    network.load_state_dict({key: value.float() for key, value in load_file(weights).items()})
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    logits, probability = session.run(["logits", "probability"], {"pixels": pixels[:3]})
    with torch.inference_mode():
        expected = network(images)
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    np.testing.assert_allclose(probability, expected.softmax(dim=1)[:, 1], atol=1e-5)
    heatmap = signed_grad_cam(network, network.explained, images, network.to_maps)
    assert heatmap.shape[0] == 3
    assert min(heatmap.shape[1:]) >= 2
    assert np.isfinite(heatmap).all()
    # An image that no unit of a barely trained network responds to may have an empty map, but not every one.
    assert (heatmap.std(axis=(1, 2)) > 0).any()


def test_the_pooled_kind_explains_itself_as_autograd_does() -> None:
    torch.manual_seed(2)
    network = PooledClassifier(nn.Sequential(nn.Conv2d(3, 7, 3), nn.Tanh()), 7, library=None).eval()
    analysis = network.analyse(torch.randn(2, 3, 9, 8))
    (gradient,) = torch.autograd.grad((analysis.logits[:, 1] - analysis.logits[:, 0]).sum(), analysis.maps)
    expected = (gradient.mean(dim=(2, 3), keepdim=True) * analysis.maps).sum(dim=1)
    torch.testing.assert_close(evidence_map(analysis, network), expected)
    assert analysis.gate is None


@pytest.mark.parametrize("name", ["resnet50", "resnet101"])
def test_the_stride_moves_where_the_start_has_it(name: str) -> None:
    first = {stride: build(name, {"stride_in_1x1": stride}).trunk.layer3[0] for stride in (True, False)}
    assert [(block.conv1.stride, block.conv2.stride) for block in first.values()] == [
        ((2, 2), (1, 1)),
        ((1, 1), (2, 2)),
    ]


def test_resnet34_has_no_stride_to_move() -> None:
    with pytest.raises(ValueError, match="ResNet-34 has no bottlenecks"):
        build("resnet34", {"stride_in_1x1": True})


@pytest.mark.parametrize("side", [32, 61, 224])
def test_lenet5_takes_any_size(side: int) -> None:
    assert LeNet5()(torch.zeros(2, 3, side, side)).shape == (2, 2)


def test_lenet5_is_the_original_at_its_own_size() -> None:
    """On 32x32 the last maps are 10x10, and the average over 2x2 is the original's second sub-sampling."""
    network = LeNet5().eval()
    image = torch.rand(1, 3, 32, 32)
    maps = network.features(image)
    assert maps.shape == (1, 16, 10, 10)
    expected = network.classifier(nn.functional.avg_pool2d(maps, 2).flatten(start_dim=1))
    torch.testing.assert_close(network(image), expected)


def test_tokens_become_maps_row_by_row() -> None:
    vit = build("vit_s", {"image_size": 64})
    tokens = torch.arange(1 + 16).float()[None, :, None].expand(1, 17, 3)
    maps = vit.to_maps(tokens)
    assert maps.shape == (1, 3, 4, 4)
    assert torch.equal(maps[0, 0], torch.arange(1, 17).float().view(4, 4))


def test_the_hooked_kind_names_its_layer() -> None:
    network = HookedClassifier(
        nn.Sequential(nn.Conv2d(3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()), "0", library=None
    )
    assert network.explained is network.trunk[0]

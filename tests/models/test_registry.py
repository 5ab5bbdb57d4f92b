"""Networks by name."""

import pytest
import timm
from torch import nn

from skinlens.models import registry
from skinlens.models.asff import AsffResNet50, ChannelGate, SpatialGate


def test_names_are_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._BUILDERS, "zebra", nn.Identity)
    monkeypatch.setitem(registry._BUILDERS, "aardvark", nn.Identity)
    names = registry.architectures()
    assert names == tuple(sorted(names))
    assert {"aardvark", "asff_resnet50", "zebra"} <= set(names)


def test_options_reach_the_network() -> None:
    network = registry.build("asff_resnet50", {"gate": "spatial", "stride_in_1x1": False})
    assert isinstance(network, AsffResNet50)
    assert isinstance(network.gate, SpatialGate)
    assert network.layer2[0].conv1.stride == (1, 1)


def test_the_default_is_the_published_network() -> None:
    network = registry.build("asff_resnet50", {})
    assert isinstance(network.gate, ChannelGate)
    assert network.gate.activation == "softmax"
    assert network.layer2[0].conv1.stride == (2, 2)
    assert registry.parameter_count(network) == 30_857_282


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown architecture 'asff_resnet5'; known: .*asff_resnet50"):
        registry.build("asff_resnet5", {})


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(ValueError, match=r"architecture asff_resnet50 does not take these options: \{'depth': 7\}"):
        registry.build("asff_resnet50", {"depth": 7})


def test_an_unknown_value_is_named() -> None:
    with pytest.raises(ValueError, match="gate must be one of softmax, sigmoid, spatial, not 'tanh'"):
        registry.build("asff_resnet50", {"gate": "tanh"})


def test_parameters_are_counted_and_buffers_are_not() -> None:
    assert registry.parameter_count(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))) == 3 * 4 + 4 + 2 * 4


def test_a_shared_parameter_counts_once() -> None:
    layer = nn.Linear(3, 4)
    assert registry.parameter_count(nn.Sequential(layer, layer)) == 16


def test_pretrained_weights_have_the_normalisation_of_their_training() -> None:
    package = timm.get_pretrained_cfg("tf_efficientnet_lite2")
    assert registry.normalisation("asff_efficientnet_lite2") == (package.mean, package.std)
    imagenet = timm.get_pretrained_cfg("resnet50")
    assert registry.normalisation("asff_resnet50") == (imagenet.mean, imagenet.std)

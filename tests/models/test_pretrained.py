"""Starting weights: what is taken over, what is left fresh, and what is refused."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn
from torchvision.models.resnet import Bottleneck, conv1x1

from skinlens.models.asff import AsffResNet50
from skinlens.models.pretrained import PretrainedWeightsError, load_pretrained
from skinlens.models.registry import build


class Small(nn.Module):
    """A stem, one bottleneck with a shortcut convolution and a new head, under torchvision's names."""

    library = "resnet50"

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 7, bias=False), nn.BatchNorm2d(8)
        shortcut = nn.Sequential(conv1x1(8, 16), nn.BatchNorm2d(16))
        self.layer1 = nn.Sequential(Bottleneck(8, 4, downsample=shortcut))
        self.head = nn.Linear(16, 2)


@pytest.fixture
def network() -> Small:
    return Small()


@pytest.fixture
def donor() -> dict[str, torch.Tensor]:
    """A full state with recognisable values, of another head."""
    generator = torch.Generator().manual_seed(0)
    state = {
        name: torch.tensor(1234) if tensor.ndim == 0 else 0.5 + torch.rand(tensor.shape, generator=generator)
        for name, tensor in Small().state_dict().items()
        if not name.startswith("head")
    }
    return state | {"fc.weight": torch.ones(1000, 16), "fc.bias": torch.ones(1000)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "resnet50.safetensors"


def test_a_whole_trunk_is_taken_over_and_the_head_stays(
    network: Small, donor: dict[str, torch.Tensor], file: Path
) -> None:
    save_file(donor, file)
    fresh = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    start = load_pretrained(network, str(file))
    trunk = {name for name in fresh if not name.startswith("head")}
    assert start.loaded == trunk
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, donor[name] if name in trunk else fresh[name]), name


def test_a_file_is_known_by_its_name_and_bytes(network: Small, donor: dict[str, torch.Tensor], file: Path) -> None:
    save_file(donor, file)
    start = load_pretrained(network, str(file))
    assert start.description == "resnet50.safetensors"
    assert start.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("absent", "norm"),
    [
        ("conv1.weight", "bn1"),
        ("layer1.0.conv1.weight", "layer1.0.bn1"),
        ("layer1.0.conv2.weight", "layer1.0.bn2"),
        ("layer1.0.conv3.weight", "layer1.0.bn3"),
        ("layer1.0.downsample.0.weight", "layer1.0.downsample.1"),
    ],
)
def test_a_norm_stays_fresh_where_its_convolution_is_missing(
    network: Small, donor: dict[str, torch.Tensor], file: Path, absent: str, norm: str
) -> None:
    fresh = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    del donor[absent]
    save_file(donor, file)
    start = load_pretrained(network, str(file))
    left = {name for name in fresh if name == absent or name.startswith(f"{norm}.")}
    assert len(left) == 6
    assert start.loaded == {name for name in fresh if not name.startswith("head")} - left
    assert all(torch.equal(network.state_dict()[name], fresh[name]) for name in left)


def test_half_precision_is_cast_up(network: Small, donor: dict[str, torch.Tensor], file: Path) -> None:
    save_file({name: tensor.half() if tensor.ndim else tensor for name, tensor in donor.items()}, file)
    load_pretrained(network, str(file))
    assert network.conv1.weight.dtype == torch.float32
    assert network.bn1.running_var.dtype == torch.float32
    assert network.bn1.num_batches_tracked.dtype == torch.int64
    assert torch.equal(network.conv1.weight, donor["conv1.weight"].half().float())


def test_a_tensor_of_another_shape_is_left(network: Small, donor: dict[str, torch.Tensor], file: Path) -> None:
    fresh = network.conv1.weight.clone()
    donor["conv1.weight"] = torch.ones(8, 3, 3, 3)
    save_file(donor, file)
    assert "conv1.weight" not in load_pretrained(network, str(file)).loaded
    assert torch.equal(network.conv1.weight, fresh)


def test_the_real_network_takes_torchvisions_names(tmp_path: Path) -> None:
    """All of the trunk, and of it alone, is pre-trained."""
    trunk = torchvision.models.resnet50(weights=None).state_dict()
    few = {name: tensor for name, tensor in trunk.items() if name.startswith(("conv1", "bn1", "layer1", "fc"))}
    save_file(few, tmp_path / "part.safetensors")
    network = AsffResNet50()
    start = load_pretrained(network, str(tmp_path / "part.safetensors"))
    assert start.loaded == {name for name in few if not name.startswith("fc")}
    assert {name for name in trunk if not name.startswith("fc")} <= set(network.state_dict())
    assert torch.equal(network.layer1[2].conv3.weight, trunk["layer1.2.conv3.weight"])


def test_a_file_with_nothing_that_fits_is_refused(network: Small, file: Path) -> None:
    save_file({"visual.proj": torch.ones(2, 2), "conv1.weight": torch.ones(1)}, file)
    with pytest.raises(PretrainedWeightsError, match=r"resnet50\.safetensors holds no tensor that fits this network"):
        load_pretrained(network, str(file))


@pytest.mark.parametrize("content", [b"", b"\x80\x02}q\x00.", b"PK\x03\x04" + bytes(100)])
def test_a_file_that_is_no_safetensors_is_refused(network: Small, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(PretrainedWeightsError, match=r"resnet50\.safetensors is not a safetensors file"):
        load_pretrained(network, str(file))


def test_a_missing_file_is_refused_with_the_reason(network: Small, tmp_path: Path) -> None:
    with pytest.raises(
        PretrainedWeightsError, match=r"cannot read the pretrained weights .*nowhere\.safetensors: No such file"
    ):
        load_pretrained(network, str(tmp_path / "nowhere.safetensors"))


def test_a_folder_is_refused_with_the_reason(network: Small, tmp_path: Path) -> None:
    with pytest.raises(PretrainedWeightsError, match=r"cannot read the pretrained weights .*: Is a directory"):
        load_pretrained(network, str(tmp_path))


@pytest.mark.timeout(20)
def test_a_named_pipe_is_refused_and_not_waited_for(network: Small, file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(PretrainedWeightsError, match=r"cannot read the pretrained weights .*: it is no regular file"):
        load_pretrained(network, str(file))


def test_no_source_leaves_the_network_as_it_is(network: Small) -> None:
    fresh = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    start = load_pretrained(network, None)
    assert (start.description, start.sha256, start.loaded) == ("random weights", None, frozenset())
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in fresh.items())


def hub(monkeypatch: pytest.MonkeyPatch, answer: Callable[..., Any]) -> None:
    """Put `answer`, from weights to a state, in the place of torchvision's download."""

    def get_model(_library: Any, *, weights: Any) -> Any:
        return SimpleNamespace(state_dict=lambda: answer(weights))

    monkeypatch.setattr(torchvision.models, "get_model", get_model)


def test_imagenet_is_torchvisions_second_recipe(network: Any, donor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    hub(monkeypatch, lambda weights: asked.append(weights) or donor)
    start = load_pretrained(network, "imagenet")
    assert asked == [torchvision.models.ResNet50_Weights.IMAGENET1K_V2]
    assert start.description == "torchvision ResNet50_Weights.IMAGENET1K_V2"
    assert start.sha256 is None
    assert start.loaded == {name for name in donor if not name.startswith("fc")}
    assert torch.equal(network.layer1[0].conv2.weight, donor["layer1.0.conv2.weight"])


def test_imagenet_without_the_hub_is_refused_with_the_reason(network: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_weights: Any) -> None:
        raise URLError("Name or service not known")

    hub(monkeypatch, unreachable)
    with pytest.raises(
        PretrainedWeightsError, match=r"cannot fetch torchvision's ImageNet weights.*Name or service not known"
    ):
        load_pretrained(network, "imagenet")


def test_imagenet_that_does_not_fit_is_refused(network: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    hub(monkeypatch, lambda _weights: {"visual.proj": torch.ones(2, 2)})
    with pytest.raises(PretrainedWeightsError, match="imagenet holds no tensor that fits this network"):
        load_pretrained(network, "imagenet")


@pytest.mark.parametrize("name", ["lenet5", "xception"])
def test_imagenet_for_a_network_that_torchvision_lacks_is_refused(name: str) -> None:
    with pytest.raises(PretrainedWeightsError, match="torchvision has no ImageNet weights for this network"):
        load_pretrained(build(name, {}), "imagenet")


def test_imagenet_for_a_network_of_another_library_is_refused() -> None:
    with pytest.raises(PretrainedWeightsError, match="torchvision has no ImageNet weights for this network"):
        load_pretrained(nn.Linear(2, 2), "imagenet")


def test_a_file_for_a_network_under_trunk_is_taken_over_by_torchvisions_names(tmp_path: Path) -> None:
    """The features of a MobileNetV2, as the starting file has them."""
    donor = torchvision.models.mobilenet_v2(weights=None).features.state_dict()
    save_file({f"features.{name}": tensor for name, tensor in donor.items()}, tmp_path / "features.safetensors")
    network = build("mobilenet_v2", {})
    start = load_pretrained(network, str(tmp_path / "features.safetensors"))
    assert start.loaded == {f"trunk.features.{name}" for name in donor}
    assert torch.equal(network.trunk.features[3].conv[0][0].weight, donor["3.conv.0.0.weight"])


def test_the_norm_of_a_convolution_with_another_shape_stays_fresh(
    network: Small, donor: dict[str, torch.Tensor], file: Path
) -> None:
    donor["conv1.weight"] = torch.ones(8, 3, 3, 3)
    save_file(donor, file)
    assert not {name for name in load_pretrained(network, str(file)).loaded if name.startswith("bn1.")}


@pytest.mark.parametrize("stride_in_1x1", [True, False])
def test_imagenet_needs_the_stride_that_its_weights_were_trained_with(
    stride_in_1x1: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    state = torchvision.models.resnet50(weights=None).state_dict()
    hub(monkeypatch, lambda _weights: asked.append(1) or state)
    network = AsffResNet50(stride_in_1x1=stride_in_1x1)
    if stride_in_1x1:
        with pytest.raises(PretrainedWeightsError, match="stride_in_1x1 = false"):
            load_pretrained(network, "imagenet")
        assert not asked
    else:
        assert "layer4.2.conv3.weight" in load_pretrained(network, "imagenet").loaded

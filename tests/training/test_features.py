"""Frozen features: what they are, that an image is read once, and what they depend on."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import save
from torch import nn

from skinlens.imaging.decode import decode
from skinlens.imaging.preprocess import Preprocessing, to_input
from skinlens.models import registry
from skinlens.models.registry import build, probed_stages, stage_options
from skinlens.training import features as module
from skinlens.training.features import FrozenBackbone, complete_stages, pooled_features, stage_widths

PLAN = Preprocessing(size=32, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))


class Tiny(nn.Module):
    """Two stages, with a norm and dropout whose mode shows, and a head behind them."""

    def __init__(self, width: int = 3, gate: str = "none") -> None:
        super().__init__()
        self.gate = gate
        self.first = nn.Sequential(nn.Conv2d(3, width, 3, stride=2), nn.BatchNorm2d(width), nn.Dropout(0.5))
        self.second = nn.Sequential(nn.Conv2d(width, 5, 3, stride=2, bias=False), nn.BatchNorm2d(5), nn.ReLU())
        self.head = nn.Linear(5, 2)

    def forward(self, images: Any) -> Any:
        return self.head(self.second(self.first(images)).mean(dim=(2, 3)))


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._BUILDERS, "tiny", Tiny)
    monkeypatch.setitem(registry._PROBED, "tiny", ("first", "second"))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, draw: Callable[..., Any]) -> pd.DataFrame:
    """Five images, the last a copy of the first under another name."""
    folder = tmp_path_factory.mktemp("images")
    files = [draw(folder / f"{number}.png", malignant=number % 2, seed=number % 4) for number in range(5)]
    return pd.DataFrame({"file": [str(file) for file in files], "malignant": [0, 1, 0, 1, 0]})


@pytest.fixture
def backbone() -> FrozenBackbone:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Tiny()
    network.first[1].running_mean += 0.3  # type: ignore[assignment]
    return FrozenBackbone(network, "tiny", "weights", PLAN)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Notes how many images are computed at a time."""
    whole, counts = module._computed, []

    def counting(backbone: Any, rows: Any) -> Any:
        counts.append(len(rows))
        return whole(backbone, rows)

    monkeypatch.setattr(module, "_computed", counting)
    return counts


def test_features_are_the_averages_of_the_stages(backbone: FrozenBackbone, rows: pd.DataFrame) -> None:
    found = pooled_features(backbone, rows)
    assert (found.shape, found.dtype) == ((5, 8), np.float32)
    assert stage_widths(backbone.network, "tiny") == (3, 5)
    network = backbone.network.eval()
    for file, values in zip(rows["file"], found, strict=True):
        pixels = to_input(decode(module.Path(file)).pixels, PLAN) / 255
        image = ((pixels - np.array(PLAN.mean)) / np.array(PLAN.std)).transpose(2, 0, 1)[None]
        with torch.no_grad():
            first = network.first(torch.from_numpy(image).float())
            second = network.second(first)
        expected = torch.cat([first.mean(dim=(2, 3)), second.mean(dim=(2, 3))], dim=1)[0]
        np.testing.assert_allclose(values, expected, atol=1e-5)


def test_equal_images_are_computed_once(
    backbone: FrozenBackbone, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = counted(monkeypatch)
    found = pooled_features(backbone, rows)
    assert counts == [4]
    np.testing.assert_array_equal(found[0], found[4])
    assert not np.allclose(found[0], found[2], atol=1e-4)


def test_the_networks_mode_and_hooks_are_restored(backbone: FrozenBackbone, rows: pd.DataFrame) -> None:
    for training in (True, False):
        backbone.network.train(training)
        pooled_features(backbone, rows.iloc[:1])
        assert backbone.network.training is training
        assert backbone.network.first[1].training is training
    assert not backbone.network.first._forward_hooks
    assert backbone.network.first[1].num_batches_tracked == 0


class TestCache:
    def test_what_is_known_is_read_and_the_rest_computed(
        self, backbone: FrozenBackbone, rows: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counts = counted(monkeypatch)
        first = pooled_features(backbone, rows.iloc[:2], tmp_path)
        every = pooled_features(backbone, rows, tmp_path)
        again = pooled_features(backbone, rows.iloc[::-1], tmp_path)
        assert counts == [2, 2]
        np.testing.assert_array_equal(every[:2], first)
        np.testing.assert_array_equal(again, every[::-1])
        np.testing.assert_allclose(every, pooled_features(backbone, rows), atol=1e-6)
        assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"]

    def test_an_interrupted_call_keeps_what_was_saved(
        self, backbone: FrozenBackbone, rows: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_SAVED_EVERY", 2)
        whole = module._computed

        def cut(backbone: Any, part: Any) -> Any:
            if len(list(tmp_path.iterdir())):
                raise KeyboardInterrupt
            return whole(backbone, part)

        monkeypatch.setattr(module, "_computed", cut)
        with pytest.raises(KeyboardInterrupt):
            pooled_features(backbone, rows, tmp_path)
        monkeypatch.setattr(module, "_computed", whole)
        counts = counted(monkeypatch)
        pooled_features(backbone, rows, tmp_path)
        assert counts == [2]

    @pytest.mark.parametrize(
        "damage",
        [
            lambda _: b"",
            lambda content: content[:-40],
            lambda content: content[:8] + b"x" + content[9:],
            lambda content: content.replace(b'"digests"', b'"digestz"'),
            lambda _: save({"digests": np.zeros((2, 32), np.uint8), "features": np.zeros((2, 7), np.float32)}),
            lambda _: save({"digests": np.zeros((2, 32), np.uint8), "features": np.zeros((1, 8), np.float32)}),
        ],
    )
    def test_a_damaged_file_is_made_again(
        self,
        backbone: FrozenBackbone,
        rows: pd.DataFrame,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        damage: Callable[..., Any],
    ) -> None:
        first = pooled_features(backbone, rows, tmp_path)
        (path,) = tmp_path.iterdir()
        path.write_bytes(damage(path.read_bytes()))
        np.testing.assert_array_equal(pooled_features(backbone, rows, tmp_path), first)
        (record,) = caplog.records
        assert record.getMessage().startswith(f"{path.name} cannot be used and is made again: ")
        caplog.clear()
        np.testing.assert_array_equal(pooled_features(backbone, rows, tmp_path), first)
        assert not caplog.records

    def test_an_image_that_changed_is_computed_again(
        self, backbone: FrozenBackbone, draw: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = draw(tmp_path / "image.png", malignant=False, seed=1)
        row = pd.DataFrame({"file": [str(file)], "malignant": [0]})
        before = pooled_features(backbone, row, tmp_path / "cache")
        draw(tmp_path / "image.png", malignant=True, seed=1)
        counts = counted(monkeypatch)
        assert not np.allclose(pooled_features(backbone, row, tmp_path / "cache"), before)
        assert counts == [1]

    def test_the_key_tells_apart_all_that_features_depend_on(self, backbone: FrozenBackbone) -> None:
        network = backbone.network
        keys = {
            FrozenBackbone(network, "tiny", "weights", PLAN).key,
            FrozenBackbone(network, "mobilenet_v2", "weights", PLAN).key,
            FrozenBackbone(network, "tiny", "others", PLAN).key,
            FrozenBackbone(network, "tiny", "weights", PLAN.model_copy(update={"size": 64})).key,
            FrozenBackbone(network, "tiny", "weights", PLAN, {"width": 4}).key,
        }
        assert len(keys) == 5
        assert all(len(key) == 16 for key in keys)

    def test_the_key_ignores_what_comes_behind_the_stages(self, backbone: FrozenBackbone) -> None:
        network = backbone.network
        same = [{}, {"width": 3}, {"gate": "sigmoid"}]
        assert len({FrozenBackbone(network, "tiny", "weights", PLAN, options).key for options in same}) == 1  # type: ignore[arg-type]

    def test_the_key_stays_what_it_was(self) -> None:
        """Features of hours of computing are found by it."""
        told = f"asff_resnet50 {'a' * 64} {Preprocessing().model_dump_json()}"
        network = nn.Identity()
        found = FrozenBackbone(network, "asff_resnet50", "a" * 64, Preprocessing(), {"gate": "sigmoid"}).key
        assert found == hashlib.sha256(told.encode()).hexdigest()[:16]


class TestCompleteStages:
    def loaded(self, network: Any, *absent: Any) -> Any:
        return {name for name in network.state_dict() if not name.startswith(absent or ("none",))}

    def test_the_head_does_not_matter(self, backbone: FrozenBackbone) -> None:
        network = backbone.network
        assert complete_stages(network, "tiny", self.loaded(network, "head")) == ("first", "second")

    @pytest.mark.parametrize("absent", ["second.0.weight", "second.1.running_var", "second.1.bias"])
    def test_a_stage_that_lacks_something_is_not_read(self, backbone: FrozenBackbone, absent: str) -> None:
        network = backbone.network
        assert complete_stages(network, "tiny", self.loaded(network, absent)) == ("first",)

    def test_a_stage_behind_such_a_stage_is_not_read_either(self, backbone: FrozenBackbone) -> None:
        network = backbone.network
        assert complete_stages(network, "tiny", self.loaded(network, "first.0.bias")) == ()

    def test_frozen_parts_count_as_pretrained_and_nothing_gathers_gradients(self, backbone: FrozenBackbone) -> None:
        network = backbone.network
        network.first.requires_grad_(requires_grad=False)  # type: ignore[call-arg]
        assert complete_stages(network, "tiny", self.loaded(network, "head")) == ("first", "second")
        assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("name", sorted(set(registry._PROBED) - {"tiny"}))
def test_every_probed_stage_is_a_stack_of_maps_from_middle_to_last(name: str) -> None:
    with torch.device("meta"):
        network = build(name, {})
    seen = []
    hooks = [
        network.get_submodule(stage).register_forward_hook(lambda _m, _i, out: seen.append(out.shape))
        for stage in probed_stages(name)
    ]
    network.eval()(torch.empty(1, 3, 224, 224, device="meta"))
    for hook in hooks:
        hook.remove()
    assert [shape[2:] for shape in seen] == [(28, 28), (14, 14), (7, 7)]


def test_what_has_no_stages_is_named() -> None:
    with pytest.raises(
        ValueError, match="architecture 'vit_s' cannot be probed; these can: asff_efficientnet_lite2, asff_resnet50"
    ):
        probed_stages("vit_s")


def test_options_of_the_stages() -> None:
    assert stage_options("asff_resnet50", {"gate": "spatial", "levels": 3, "stride_in_1x1": True}) == {}
    assert stage_options("asff_resnet50", {"stride_in_1x1": False}) == {"stride_in_1x1": False}
    assert stage_options("resnet50", {"stride_in_1x1": True}) == {"stride_in_1x1": True}
    with pytest.raises(ValueError, match="unknown architecture 'nothing'"):
        stage_options("nothing", {})

"""`skinlens probe` on drawn images with a network so small that it takes a moment."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.metrics import roc_auc_score
from torch import nn

from skinlens.errors import UsageError
from skinlens.leaderboard.probes import read_probes
from skinlens.models import registry
from skinlens.studies.probe import parsed_options
from skinlens.training import features
from tests.cli.conftest import Caller

EACH = 104


class Tiny(nn.Module):
    """Two stages and a head."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, stride=4)
        self.second = nn.Conv2d(width, 8, 3, stride=4)
        self.head = nn.Linear(8, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.second(self.first(images).relu()).relu().mean(dim=(2, 3)))


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._BUILDERS, "tiny", Tiny)
    monkeypatch.setitem(registry._PROBED, "tiny", ("first", "second"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Malignant images are darker; two datasets, a small one, one of one label, a marked row and a test image."""
    folder = tmp_path_factory.mktemp("drawn")
    generator, rows = np.random.default_rng(0), []
    for origin, number in (("ham", EACH), ("bcn", EACH), ("hiba", 10), ("foreign", 6)):
        for at in range(number):
            malignant = at % 3 == 0 or origin == "foreign"
            level = generator.normal(100 if malignant else 140, 25)
            pixels = np.clip(level + generator.normal(0, 20, (64, 64, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{origin}{at}.png")
            group = "shared" if at == 1 and origin in {"ham", "bcn"} else f"{origin}{at // 2}"
            label, twin = "malignant" if malignant else "benign", int(origin == "ham" and at == 4)
            rows.append((f"{origin}{at}.png", label, "train", at // 2 % 5, group, origin, twin))
    (folder / "test.png").write_bytes(b"nobody reads this")
    rows.append(("test.png", "benign", "test", -1, "t", "ham", 0))
    columns = ["path", "label", "split", "fold", "group_id", "origin", "twin_in_test"]
    pd.DataFrame(rows, columns=columns).assign(
        fold=lambda table: table["fold"].where(table["group_id"] != "shared", 0)
    ).to_csv(folder / "drawn.csv", index=False)
    return folder / "drawn.csv"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = Tiny().state_dict()
    path = tmp_path / "tiny_v1.safetensors"
    save_file({name: tensor for name, tensor in state.items() if not name.startswith("head")}, path)
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "evaluation"


def test_what_is_written(call: Caller, data: Path, weights: Path, out: Path, tmp_path: Path) -> None:
    done = call("probe", "--data", data, "--network", "tiny", "--init", weights, "--out", out)
    assert done.status == 0, done.err
    assert str(tmp_path) not in (out / "probe" / "tiny.tiny_v1.json").read_text("utf-8")
    (probe,) = read_probes(out)
    record = probe.record
    assert (record.name, record.title) == ("tiny.tiny_v1", "Linear probe, tiny")
    assert record.start == "tiny_v1.safetensors"
    assert record.start_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert (record.data, record.stages, record.leave_out) == (("drawn.csv",), ("first", "second"), ("twin_in_test",))
    # Without the marked row, the test image and the dataset of one label.
    assert sum(record.images.values()) == 2 * EACH + 10 - 1
    assert [found.origin for found in record.datasets] == ["ham", "bcn"]
    assert [found.n for found in record.datasets] == [EACH - 1, EACH]
    # Both lack their row of the lesion that they share.
    assert [found.fitted_to for found in record.datasets] == [EACH - 1 + 10, EACH - 2 + 10]
    assert [found.fold for found in record.folds] == [0, 1, 2, 3, 4]
    assert sum(found.n for found in record.folds) == 2 * EACH + 10 - 1
    assert [part.stages for part in record.stage_sets] == [("second",), ("first", "second")]
    assert all(found.strength in record.strengths for found in (*record.datasets, *record.folds))

    predictions = probe.predictions()
    listed = pd.read_csv(data).set_index("path")
    assert list(predictions.columns) == ["path", "label", "group_id", "origin", "probability"]
    assert (listed.loc[predictions["path"], "label"].to_numpy() == predictions["label"]).all()
    for found in record.datasets:
        rows = predictions[predictions["origin"] == found.origin]
        area = roc_auc_score(rows["label"] == "malignant", rows["probability"])
        assert found.roc_auc.value == pytest.approx(area, abs=1e-5)
        assert record.stage_sets[-1].roc_auc[found.origin] == found.roc_auc.value
        assert found.roc_auc.low < found.roc_auc.value < found.roc_auc.high
        assert area > 0.7
    areas = [found.roc_auc.value for found in record.datasets]
    assert record.mean == record.stage_sets[-1].mean == pytest.approx(np.mean(areas), abs=1e-5)  # type: ignore[arg-type]

    assert f"mean ROC AUC over held-out datasets {record.mean:.3f}" in done.out
    assert "Vienna and Queensland (HAM10000): 0." in done.out
    assert all(line.startswith("skinlens: ") for line in done.err.splitlines())


def test_images_are_normalised_as_the_weights_expect(
    call: Caller, data: Path, weights: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    monkeypatch.setitem(registry._NORMALISATION, "tiny", expected)
    assert call("probe", "--data", data, "--network", "tiny", "--init", weights, "--out", out).status == 0
    (probe,) = read_probes(out)
    assert (probe.record.preprocessing["mean"], probe.record.preprocessing["std"]) == tuple(map(list, expected))


@pytest.mark.slow
def test_the_same_call_gives_the_same_figures_from_the_cache(
    call: Caller, data: Path, weights: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["probe", "--data", data, "--network", "tiny", "--init", weights, "--cache", tmp_path / "cache"]
    assert call(*words, "--out", out).status == 0
    monkeypatch.setattr(features, "_computed", None)
    assert call(*words, "--out", tmp_path / "again", "--name", "other").status == 0
    first, second = (json.loads(next(folder.glob("probe/*.json")).read_text()) for folder in (out, tmp_path / "again"))
    for name in ("datasets", "folds", "stage_sets", "mean", "predictions_sha256"):
        assert first[name] == second[name]
    assert (second["name"], second["predictions"]) == ("other", "other.csv")


def test_stages_that_the_weights_leave_random_are_not_read(call: Caller, data: Path, out: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save_file({name: tensor for name, tensor in Tiny().state_dict().items() if name.startswith("first")}, path)
    done = call("probe", "--data", data, "--network", "tiny", "--init", path, "--out", out)
    assert done.status == 0
    assert "half.safetensors lacks weights of second; the probe reads first alone" in done.err
    assert read_probes(out)[0].record.stages == ("first",)


class TestWhatCannotBeUsed:
    def said(self, call: Any, status: int, *words: object) -> str:
        done = call("probe", *words)
        assert (done.status, done.out) == (status, "")
        assert done.err.startswith("skinlens: ")
        return done.err

    def test_an_unknown_network(self, call: Caller, data: Path, weights: Path) -> None:
        assert "cannot be probed" in self.said(call, 2, "--data", data, "--init", weights, "--network", "vit_s")

    def test_an_unknown_option(self, call: Caller, data: Path, weights: Path) -> None:
        words = ["--data", data, "--init", weights, "--network", "tiny", "--option", "depth=3"]
        assert "does not take these options" in self.said(call, 2, *words)

    def test_a_name_that_is_a_path(self, call: Caller, data: Path, weights: Path) -> None:
        words = ["--data", data, "--init", weights, "--network", "tiny", "--name", "../elsewhere"]
        assert "--name must consist of" in self.said(call, 2, *words)

    def test_weights_of_another_network(self, call: Caller, data: Path, tmp_path: Path) -> None:
        save_file({"other": torch.zeros(1)}, tmp_path / "other.safetensors")
        words = ["--data", data, "--init", tmp_path / "other.safetensors", "--network", "tiny"]
        assert "holds no tensor that fits" in self.said(call, 2, *words)

    def test_weights_that_leave_every_stage_random(self, call: Caller, data: Path, tmp_path: Path) -> None:
        save_file({"head.bias": torch.zeros(2)}, tmp_path / "head.safetensors")
        words = ["--data", data, "--init", tmp_path / "head.safetensors", "--network", "tiny"]
        assert "lacks weights that every stage of tiny needs" in self.said(call, 2, *words)

    def test_a_manifest_without_datasets(self, call: Caller, data: Path, weights: Path) -> None:
        rows = pd.read_csv(data)
        plain, small = data.with_name("plain.csv"), data.with_name("small.csv")
        rows.drop(columns="origin").to_csv(plain, index=False)
        rows.query("origin == 'hiba'").to_csv(small, index=False)
        words = ["--init", weights, "--network", "tiny"]
        assert "no manifest has the column origin" in self.said(call, 2, "--data", plain, *words)
        assert "at least 100 training rows" in self.said(call, 2, "--data", small, *words)

    def test_a_folder_that_is_a_file(self, call: Caller, data: Path, weights: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        words = ["--data", data, "--init", weights, "--network", "tiny", "--out", tmp_path / "file"]
        # Before anything is computed.
        assert "cannot be written" in self.said(call, 1, *words)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {}),
        (["stride_in_1x1=false", "levels=3", "gate=sigmoid"], {"stride_in_1x1": False, "levels": 3, "gate": "sigmoid"}),
        (["a=true", "b=-2", "c=1.5", "d=x=y"], {"a": True, "b": -2, "c": "1.5", "d": "x=y"}),
    ],
)
def test_options_are_read_by_what_they_look_like(words: list[str], options: dict[str, object]) -> None:
    found = parsed_options(words)
    assert found == options
    assert [type(value) for value in found.values()] == [type(value) for value in options.values()]


@pytest.mark.parametrize("word", ["gate", "=sigmoid", "gate="])
def test_an_option_without_both_parts_is_named(word: str) -> None:
    with pytest.raises(UsageError, match=f"--option takes key=value, not '{word}'"):
        parsed_options([word])


def test_intercepts_of_datasets_make_a_probe_of_their_own(call: Caller, data: Path, weights: Path, out: Path) -> None:
    for options in ((), ("--intercepts",)):
        done = call("probe", "--data", data, "--network", "tiny", "--init", weights, "--out", out, *options)
        assert done.status == 0, done.err
    with_intercepts, plain = sorted((probe.record for probe in read_probes(out)), key=lambda each: not each.intercepts)
    assert (with_intercepts.name, plain.name) == ("tiny.tiny_v1.intercepts", "tiny.tiny_v1")
    assert with_intercepts.title == "Linear probe, tiny, dataset intercepts"
    assert (with_intercepts.intercepts, plain.intercepts) == (True, False)
    assert with_intercepts.predictions_sha256 != plain.predictions_sha256

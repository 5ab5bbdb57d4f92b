"""Whole runs on a few drawn images, most of them with a network so small that a run takes a moment."""

import csv
import dataclasses
import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim.swa_utils import AveragedModel

from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.preprocess import to_input
from skinlens.models import asff, registry
from skinlens.models.asff import AsffResNet50, ChannelGate, Head
from skinlens.models.checkpoint import CheckpointError, load_released, read_tensors
from skinlens.models.explainable import Analysis, Explainable
from skinlens.models.pretrained import PretrainedWeights, load_pretrained
from skinlens.models.registry import build
from skinlens.training import features, loop
from skinlens.training.dataset import DecodedRows
from skinlens.training.features import FrozenBackbone, pooled_features
from skinlens.training.loop import Settings, run
from skinlens.training.manifest import ManifestError, origin_rows, read_manifests
from skinlens.training.optimisation import build_optimiser, class_loss, rate_factor, warmed_average
from skinlens.training.probe import fit_probe, fit_with_intercepts
from skinlens.training.recipe import Recipe, RecipeError
from skinlens.training.sampling import row_weights
from skinlens.training.scoring import score_rows

pytestmark = pytest.mark.usefixtures("no_trace_of_runs")

OUTPUTS = {"checkpoint.safetensors", "model.safetensors", "log.csv", "fold.csv", "run.json"}


class Tiny(nn.Module):
    """What a run must cope with: a kernel, a batch-norm with its integer counter, dropout and a head."""

    def __init__(self, width: int = 4, dropout: float = 0.25) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, stride=4, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, 2)

    def forward(self, images: Any) -> Any:
        return self.head(self.dropout(self.bn1(self.conv1(images)).relu().mean(dim=(2, 3))))


class TinyExplained(Explainable):
    """The least that has feature maps, on which an outline can be drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 4, stride=4)
        self.head = nn.Linear(4, 2)

    @property
    def explained(self) -> Any:
        return self.conv1

    def analyse(self, images: Any) -> Any:
        maps = self.conv1(images).relu()
        pooled = maps.mean(dim=(2, 3))
        return Analysis(self.head(pooled), maps, pooled, None)

    def evidence_gradient(self, pooled: Any) -> Any:
        return (self.head.weight[1] - self.head.weight[0]).expand_as(pooled)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._BUILDERS, "tiny", Tiny)
    monkeypatch.setitem(registry._BUILDERS, "tiny_explained", TinyExplained)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory, draw: Callable[..., Any], write_csv: Callable[..., Any]) -> Path:
    """Twelve training images in three folds, and a test image that no run may touch (it is no image at all)."""
    folder = tmp_path_factory.mktemp("data")
    rows = []
    for number in range(12):
        draw(folder / f"{number}.png", malignant=number % 2, seed=number)
        label = "malignant" if number % 2 else "benign"
        rows.append({"path": f"{number}.png", "label": label, "split": "train", "fold": number // 2 % 3})
    (folder / "test.png").write_bytes(b"not for training")
    return write_csv(folder / "manifest.csv", [*rows, {"path": "test.png", "label": "benign", "split": "test"}])


@pytest.fixture(scope="module")
def rows(manifest: Path) -> pd.DataFrame:
    return read_manifests([manifest])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Folder of a run, removed at once: the real network's checkpoint is half a gigabyte."""
    yield tmp_path / "run"
    shutil.rmtree(tmp_path / "run", ignore_errors=True)


@pytest.fixture
def settings(folder: Path, manifest: Path) -> Settings:
    return Settings(out=folder, data=(str(manifest),), init=None, fold=0, seed=0, resume=False, workers=0)


def recipe(**entries: Any) -> Recipe:
    """A recipe that uses everything that has to survive an interruption."""
    plain = {
        "name": "drawn",
        "about": "for tests",
        "network": {"name": "tiny"},
        "preprocessing": {"size": 32},
        "augmentation": {"flip": True, "quarter_turns": True, "crop_area": 0.7, "aspect": 1.2, "brightness": 0.1},
        "optimiser": {"rate_pretrained": 1e-3, "rate_new": 2e-2, "weight_decay": 0.01, "clip_norm": 1.0},
        "schedule": {"epochs": 3, "warm_up": 0.2, "sizes": [[0, 32], [1, 48]]},
        "batch_size": 4,
        "precision": "32-true",
        "ema": 0.9,
        "label_smoothing": 0.05,
    }
    return Recipe.model_validate(plain | entries)


def same_tensors(first: Path, second: Path) -> bool:
    one, other = read_tensors(first)[0], read_tensors(second)[0]
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def log_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def figures(folder: Path) -> list[dict[str, str]]:
    """The log without what depends on the clock."""
    timed = {"seconds", "images_per_second"}
    return [{name: value for name, value in entry.items() if name not in timed} for entry in log_of(folder)]


def test_what_a_run_leaves_behind(rows: pd.DataFrame, settings: Settings) -> None:
    finished = run(recipe(), rows, settings)
    assert finished == settings.out / "model.safetensors"
    assert {path.name for path in settings.out.iterdir()} == OUTPUTS

    log = log_of(settings.out)
    assert [float(entry["epoch"]) for entry in log] == [1, 2, 3]
    names = {"epoch", "train_loss", "seconds", "images_per_second", "fold_accuracy", "fold_auc", "fold_loss"}
    assert set(log[0]) == names
    assert all(math.isfinite(float(value)) for entry in log for value in entry.values())

    record = json.loads((settings.out / "run.json").read_text("utf-8"))
    assert record == read_tensors(finished)[1]
    assert Recipe.model_validate(record["recipe"]) == recipe()
    assert (record["fold"], record["seed"], record["epochs"]) == (0, 0, 3)
    assert record["data"] == ["manifest.csv"]
    assert (record["start"], record["start_sha256"]) == ("random weights", None)
    assert record["images"] == {"benign": 4, "malignant": 4}
    assert record["software"]["torch"] == torch.__version__.partition("+")[0]
    assert [entry["train_loss"] for entry in record["log"]] == [float(entry["train_loss"]) for entry in log]


def test_fold_scores_are_those_of_the_model_that_is_kept(rows: pd.DataFrame, settings: Settings) -> None:
    """Scored again from the file alone, with NumPy for the normalisation."""
    finished = run(recipe(), rows, settings)
    table = pd.read_csv(settings.out / "fold.csv")
    assert list(table.columns) == ["path", "label", "group_id", "fold", "probability", "heatmap_max"]
    assert list(table["path"]) == ["0.png", "1.png", "6.png", "7.png"]
    assert set(table["fold"]) == {0}
    assert table["heatmap_max"].isna().all()

    network = load_released(build("tiny", {}), read_tensors(finished)[0])
    plan = recipe().preprocessing
    for found in table.itertuples():
        file = rows.set_index("path").loc[found.path, "file"]
        pixels = to_input(decode(Path(file)).pixels, plan)
        image = ((pixels / 255 - np.array(plan.mean)) / np.array(plan.std)).transpose(2, 0, 1)[None]
        with torch.no_grad():
            probability = network(torch.from_numpy(image).float()).softmax(dim=1)[0, 1].item()
        assert found.probability == pytest.approx(probability, abs=1e-5)

    record = json.loads((settings.out / "run.json").read_text("utf-8"))
    called = (table["probability"] >= 0.5) == (table["label"] == "malignant")
    assert record["fold_figures"]["fold_accuracy"] == called.mean()


def test_an_easy_problem_is_learnt(rows: pd.DataFrame, settings: Settings) -> None:
    easy = recipe(schedule={"epochs": 15}, network={"name": "tiny", "options": {"dropout": 0}}, label_smoothing=0.0)
    run(easy, rows, settings)
    losses = [float(entry["train_loss"]) for entry in log_of(settings.out)]
    assert losses[-1] < 0.5 * losses[0]
    assert float(log_of(settings.out)[-1]["fold_auc"]) == 1.0


def test_without_a_fold_every_row_is_trained_on_and_nothing_is_scored(rows: pd.DataFrame, settings: Settings) -> None:
    run(recipe(), rows, dataclasses.replace(settings, fold=None))
    assert {path.name for path in settings.out.iterdir()} == OUTPUTS - {"fold.csv"}
    record = json.loads((settings.out / "run.json").read_text("utf-8"))
    assert record["images"] == {"benign": 6, "malignant": 6}
    assert "fold_figures" not in record
    assert set(log_of(settings.out)[0]) == {"epoch", "train_loss", "seconds", "images_per_second"}


def test_a_fold_of_one_class_has_no_auc(rows: pd.DataFrame, settings: Settings) -> None:
    benign_only = rows.assign(fold=[0, 1] * 6 + [-1])
    run(recipe(), benign_only, settings)
    assert "fold_accuracy" in log_of(settings.out)[0]
    assert not {"fold_auc", "fold_loss"} & set(log_of(settings.out)[0])


def test_the_same_seed_gives_the_same_weights_whatever_ran_before(
    rows: pd.DataFrame, settings: Settings, tmp_path: Path
) -> None:
    first = run(recipe(), rows, settings)
    torch.rand(5)
    second = run(recipe(), rows, dataclasses.replace(settings, out=tmp_path / "second"))
    assert same_tensors(first, second)
    assert figures(settings.out) == figures(tmp_path / "second")
    other = run(recipe(), rows, dataclasses.replace(settings, out=tmp_path / "other", seed=1))
    assert not same_tensors(first, other)


def test_a_worker_does_not_wait_for_threads_that_its_parent_had(rows: pd.DataFrame, settings: Settings) -> None:
    """OpenCV's pool is not there in a forked worker; it must be closed before."""
    cv2.setNumThreads(2)
    cv2.warpAffine(np.zeros((2000, 2000), np.uint8), np.eye(2, 3), (2000, 2000))
    run(recipe(), rows, dataclasses.replace(settings, workers=1))
    assert cv2.getNumThreads() == 1


def test_a_worker_process_changes_nothing(rows: pd.DataFrame, settings: Settings, tmp_path: Path) -> None:
    alone = run(recipe(), rows, settings)
    helped = run(recipe(), rows, dataclasses.replace(settings, out=tmp_path / "helped", workers=1))
    assert same_tensors(alone, helped)


class PowerCutError(Exception):
    """Stops a run from outside."""


def interrupt_after(monkeypatch: pytest.MonkeyPatch, epochs: int) -> Callable[..., Any]:
    """Lets a run do so many epochs and stops it in the middle of the next."""
    whole = loop._step

    def cut(tools: Any, state: Any, batch: Any, rate: Any) -> Any:
        loss = whole(tools, state, batch, rate)
        if state.epoch == epochs:
            raise PowerCutError
        return loss

    monkeypatch.setattr(loop, "_step", cut)
    return lambda: monkeypatch.setattr(loop, "_step", whole)


def cut_off(monkeypatch: pytest.MonkeyPatch, epochs: int, plan: Recipe, rows: pd.DataFrame, settings: Settings) -> None:
    """Begins a run that is stopped in the middle of the epoch after so many."""
    restore = interrupt_after(monkeypatch, epochs)
    with pytest.raises(PowerCutError):
        run(plan, rows, settings)
    restore()


@pytest.mark.parametrize("epochs", [1, 2])
@pytest.mark.parametrize(
    "entries",
    [{}, {"ema": None}, {"optimiser": {"name": "adam", "rate_pretrained": 1e-3, "rate_new": 1e-2}}],
    ids=["adamw+ema", "no ema", "adam"],
)
def test_a_run_goes_on_bit_for_bit_where_it_was_cut_off(
    rows: pd.DataFrame,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    epochs: int,
    entries: dict[str, None],
) -> None:
    plan = recipe(**entries)
    straight = run(plan, rows, settings)
    cut = dataclasses.replace(settings, out=tmp_path / "cut")
    cut_off(monkeypatch, epochs, plan, rows, cut)
    assert {path.name for path in cut.out.iterdir()} == {"checkpoint.safetensors", "log.csv"}
    assert len(log_of(cut.out)) == epochs
    resumed = run(plan, rows, dataclasses.replace(cut, resume=True))
    assert same_tensors(straight, resumed)
    assert same_tensors(settings.out / "checkpoint.safetensors", cut.out / "checkpoint.safetensors")
    assert figures(settings.out) == figures(cut.out)
    assert (settings.out / "fold.csv").read_bytes() == (cut.out / "fold.csv").read_bytes()


def test_a_run_with_rare_checkpoints_goes_on_from_the_last_one(
    rows: pd.DataFrame, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = run(recipe(), rows, settings)
    cut = dataclasses.replace(settings, out=tmp_path / "cut", checkpoint_every=2)
    cut_off(monkeypatch, 2, recipe(), rows, cut)
    assert loop.read_state(cut.out / "checkpoint.safetensors")[1]["epoch"] == 2
    assert same_tensors(straight, run(recipe(), rows, dataclasses.replace(cut, resume=True)))
    assert loop.read_state(cut.out / "checkpoint.safetensors")[1]["epoch"] == 3


def test_origins_of_one_label_take_part_only_where_the_recipe_lets_them(
    datasets: pd.DataFrame, settings: Settings
) -> None:
    alone = datasets["origin"] == "msk"
    datasets = datasets.assign(
        label=datasets["label"].mask(alone, "malignant"), malignant=datasets["malignant"].mask(alone, 1)
    )
    run(recipe(paired_origins=True, even_labels=True), datasets, held(settings, "bcn"))
    record = json.loads((settings.out / "run.json").read_text("utf-8"))
    assert sum(record["images"].values()) == 16 - 1 - alone.sum()


def test_a_pretrained_run_goes_on_bit_for_bit(
    rows: pd.DataFrame, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dataclasses.replace(settings, init=pretrained(tmp_path))
    straight = run(recipe(), rows, settings)
    cut = dataclasses.replace(settings, out=tmp_path / "cut")
    cut_off(monkeypatch, 1, recipe(), rows, cut)
    assert same_tensors(straight, run(recipe(), rows, dataclasses.replace(cut, resume=True)))


def test_a_frozen_part_stays_as_it_started(rows: pd.DataFrame, settings: Settings, tmp_path: Path) -> None:
    """Weights, norms and their statistics; all the rest is trained."""
    before = Tiny().state_dict()
    before["conv1.weight"] = torch.full((4, 3, 3, 3), 0.5)
    before["bn1.running_mean"] += 0.25
    save_file(before, tmp_path / "start.safetensors")
    given = dataclasses.replace(settings, init=str(tmp_path / "start.safetensors"))
    after = read_tensors(run(recipe(frozen=["conv1", "bn1"], label_smoothing=0.0), rows, given))[0]
    changed = {name for name in before if not torch.equal(after[name], before[name])}
    assert changed == {"head.weight", "head.bias"}


def test_a_run_with_a_frozen_part_goes_on_bit_for_bit(
    rows: pd.DataFrame, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dataclasses.replace(settings, init=pretrained(tmp_path))
    straight = run(recipe(frozen=["conv1"]), rows, settings)
    cut = dataclasses.replace(settings, out=tmp_path / "cut")
    cut_off(monkeypatch, 1, recipe(frozen=["conv1"]), rows, cut)
    assert same_tensors(straight, run(recipe(frozen=["conv1"]), rows, dataclasses.replace(cut, resume=True)))


@pytest.mark.parametrize(
    ("name", "what"), [("layer9", "tiny has no part layer9"), ("head", "start.safetensors lacks head.weight")]
)
def test_only_a_part_that_is_there_and_pretrained_can_be_frozen(
    rows: pd.DataFrame, settings: Settings, tmp_path: Path, name: str, what: str
) -> None:
    with pytest.raises(RecipeError, match=what):
        run(recipe(frozen=[name]), rows, dataclasses.replace(settings, init=pretrained(tmp_path)))


def test_resume_without_a_checkpoint_begins(rows: pd.DataFrame, settings: Settings, tmp_path: Path) -> None:
    straight = run(recipe(), rows, settings)
    begun = run(recipe(), rows, dataclasses.replace(settings, out=tmp_path / "begun", resume=True))
    assert same_tensors(straight, begun)


def test_resuming_a_finished_run_trains_no_further(
    rows: pd.DataFrame, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = run(recipe(), rows, settings)
    model, scores = finished.read_bytes(), (settings.out / "fold.csv").read_bytes()
    interrupt_after(monkeypatch, 3)
    again = run(recipe(), rows, dataclasses.replace(settings, resume=True))
    assert again.read_bytes() == model
    assert (settings.out / "fold.csv").read_bytes() == scores


LONGER = {"epochs": 4, "warm_up": 0.2, "sizes": [[0, 32], [1, 48], [3, 32]], "restarts": [3]}


def test_a_recipe_with_a_restart_goes_on_from_the_end_of_another(
    rows: pd.DataFrame, settings: Settings, tmp_path: Path
) -> None:
    run(recipe(), rows, settings)
    longer = recipe(name="longer", about="goes on", schedule=LONGER)
    went_on = run(longer, rows, dataclasses.replace(settings, resume=True))
    assert same_tensors(run(longer, rows, dataclasses.replace(settings, out=tmp_path / "at_once")), went_on)
    assert len(log_of(settings.out)) == 4
    record = json.loads((settings.out / "run.json").read_text("utf-8"))
    assert (record["recipe"]["name"], record["epochs"]) == ("longer", 4)


@pytest.mark.parametrize(
    "schedule",
    [
        # The rates of the three epochs would have been others.
        {"epochs": 4, "warm_up": 0.2, "sizes": [[0, 32], [1, 48]]},
        LONGER | {"restarts": [2]},
        LONGER | {"sizes": [[0, 32]]},
        LONGER | {"warm_up": 0.0},
    ],
)
def test_a_recipe_that_would_have_begun_otherwise_does_not_go_on(
    rows: pd.DataFrame, settings: Settings, schedule: dict[str, Any]
) -> None:
    run(recipe(), rows, settings)
    with pytest.raises(CheckpointError, match="its recipe differs"):
        run(recipe(schedule=schedule), rows, dataclasses.replace(settings, resume=True))


def test_a_run_that_was_cut_off_goes_on_only_on_its_own_schedule(
    rows: pd.DataFrame, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off(monkeypatch, 2, recipe(), rows, settings)
    with pytest.raises(CheckpointError, match="its recipe differs"):
        run(recipe(schedule=LONGER | {"restarts": [2]}), rows, dataclasses.replace(settings, resume=True))
    run(recipe(schedule=LONGER), rows, dataclasses.replace(settings, resume=True))
    assert len(log_of(settings.out)) == 4


def test_without_resume_a_run_begins_anew(rows: pd.DataFrame, settings: Settings) -> None:
    run(recipe(), rows, settings)
    before = figures(settings.out)
    run(recipe(), rows, dataclasses.replace(settings, seed=1))
    assert len(figures(settings.out)) == 3
    assert figures(settings.out) != before


@pytest.mark.parametrize(
    ("change", "entries", "named"),
    [
        ({}, {"batch_size": 2}, "recipe"),
        ({"seed": 1}, {}, "seed"),
        ({"fold": 1}, {}, "fold"),
        ({"fold": None}, {}, "fold"),
        ({"data": ("elsewhere/other.csv",)}, {}, "data"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(
    rows: pd.DataFrame, settings: Settings, change: dict[str, Any], entries: dict[str, int], named: str
) -> None:
    run(recipe(), rows, settings)
    checkpoint = (settings.out / "checkpoint.safetensors").read_bytes()
    other = dataclasses.replace(settings, resume=True, **change)
    with pytest.raises(CheckpointError, match=f"belongs to another run: its {named} differs; choose another --out"):
        run(recipe(**entries), rows, other)
    assert (settings.out / "checkpoint.safetensors").read_bytes() == checkpoint


def test_a_checkpoint_of_another_start_is_refused(rows: pd.DataFrame, settings: Settings, tmp_path: Path) -> None:
    run(recipe(), rows, settings)
    other = dataclasses.replace(settings, resume=True, init=pretrained(tmp_path))
    with pytest.raises(CheckpointError, match="belongs to another run: its start differs"):
        run(recipe(), rows, other)


def test_a_checkpoint_may_be_resumed_where_the_data_moved(rows: pd.DataFrame, settings: Settings) -> None:
    run(recipe(), rows, settings)
    before = load_file(settings.out / "model.safetensors")
    run(recipe(), rows, dataclasses.replace(settings, resume=True, data=("moved/manifest.csv",)))
    after = load_file(settings.out / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_damaged_checkpoint_is_refused(rows: pd.DataFrame, settings: Settings) -> None:
    run(recipe(), rows, settings)
    path = settings.out / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match="cannot read the checkpoint"):
        run(recipe(), rows, dataclasses.replace(settings, resume=True))


def pretrained(folder: Path) -> str:
    """A start that holds Tiny's kernel and norm, and not its head."""
    path = folder / "start.safetensors"
    trunk = {name: tensor for name, tensor in Tiny().state_dict().items() if not name.startswith("head")}
    save_file({name: torch.full_like(tensor, 0.5) for name, tensor in trunk.items()}, path)
    return str(path)


def test_pretrained_and_new_have_their_rates_and_norms_and_biases_do_not_decay() -> None:
    network = Tiny()
    start = PretrainedWeights("part", None, frozenset({"conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean"}))
    plan = recipe(optimiser={"rate_pretrained": 1e-4, "rate_new": 1e-2, "weight_decay": 0.3})
    optimiser = build_optimiser(network, start, plan)
    assert isinstance(optimiser, torch.optim.AdamW)
    settled = {
        name: (group["lr"], group["weight_decay"])
        for group in optimiser.param_groups
        for name, parameter in network.named_parameters()
        if any(parameter is member for member in group["params"])
    }
    assert settled == {
        "conv1.weight": (1e-4, 0.3),
        "bn1.weight": (1e-4, 0.0),
        "bn1.bias": (1e-4, 0.0),
        "head.weight": (1e-2, 0.3),
        "head.bias": (1e-2, 0.0),
    }
    assert sum(len(group["params"]) for group in optimiser.param_groups) == 5


def test_adam_is_adam() -> None:
    plan = recipe(optimiser={"name": "adam", "rate_pretrained": 1e-5, "rate_new": 1e-5})
    optimiser = build_optimiser(Tiny(), PretrainedWeights("", None, frozenset()), plan)
    assert type(optimiser) is torch.optim.Adam
    assert {group["lr"] for group in optimiser.param_groups} == {1e-5}
    assert {group["weight_decay"] for group in optimiser.param_groups} == {0.0}


def test_a_run_applies_both_rates_and_the_schedule(
    rows: pd.DataFrame, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    plain = torch.optim.AdamW.step

    def recording(optimiser: Any, *arguments: Any) -> Any:
        seen.append([group["lr"] for group in optimiser.param_groups])
        return plain(optimiser, *arguments)

    monkeypatch.setattr(torch.optim.AdamW, "step", recording)
    plan = recipe(optimiser={"rate_pretrained": 1e-3, "rate_new": 1e-2}, schedule={"epochs": 3, "warm_up": 0.34})
    run(plan, rows, dataclasses.replace(settings, init=pretrained(tmp_path)))
    # Eight rows in batches of four, three epochs: six steps, the first two of them warm-up, then a cosine to 0.
    factors = [0.5, 1.0, 1.0, *(0.5 * (1 + math.cos(math.pi * part)) for part in (0.25, 0.5, 0.75))]
    assert [sorted(set(rates)) for rates in seen] == [
        pytest.approx([1e-3 * factor, 1e-2 * factor]) for factor in factors
    ]


@pytest.mark.parametrize(("clip_norm", "clipped"), [(0.01, True), (None, False)])
def test_gradients_are_clipped_where_the_recipe_says_so(
    rows: pd.DataFrame, settings: Settings, monkeypatch: pytest.MonkeyPatch, clip_norm: float | None, clipped: bool
) -> None:
    norms = []

    def recording(optimiser: Any, *_arguments: Any) -> None:
        gradients = [p.grad.flatten() for group in optimiser.param_groups for p in group["params"]]
        norms.append(torch.cat(gradients).norm().item())

    monkeypatch.setattr(torch.optim.AdamW, "step", recording)
    run(recipe(optimiser={"rate_pretrained": 1e-3, "rate_new": 1e-3, "clip_norm": clip_norm}), rows, settings)
    assert len(norms) == 6
    assert all((norm < 0.01 * 1.001) is clipped for norm in norms)


def test_every_epoch_has_an_order_of_its_own_and_its_size(
    rows: pd.DataFrame, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    class Watched(loop.TrainingImages):  # type: ignore[name-defined]
        def __getitem__(self, draw: Any) -> Any:
            image, label = super().__getitem__(draw)
            drawn.append((*draw, image.shape))
            return image, label

    monkeypatch.setattr(loop, "TrainingImages", Watched)
    run(recipe(), rows, settings)
    assert [epoch for epoch, _, _ in drawn] == [0] * 8 + [1] * 8 + [2] * 8
    orders = [[row for number, row, _ in drawn if number == epoch] for epoch in range(3)]
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert [{shape for number, _, shape in drawn if number == epoch} for epoch in range(3)] == [
        {(32, 32, 3)},
        {(48, 48, 3)},
        {(48, 48, 3)},
    ]


def test_a_start_is_recorded_and_trained_from(
    rows: pd.DataFrame, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = pretrained(tmp_path)
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda *_arguments: None)
    finished = run(recipe(), rows, dataclasses.replace(settings, init=start))
    tensors, record = read_tensors(finished)
    assert record["start"] == "start.safetensors"
    assert record["start_sha256"] == hashlib.sha256(Path(start).read_bytes()).hexdigest()
    assert torch.equal(tensors["conv1.weight"], torch.full((4, 3, 3, 3), 0.5))


@pytest.mark.parametrize(("warm_up", "total"), [(0.2, 50), (0.0, 7), (0.5, 4)])
def test_the_rate_warms_up_and_falls_along_a_cosine(warm_up: float, total: Any) -> None:
    plan = recipe(schedule={"epochs": 1, "warm_up": warm_up})
    factors = [rate_factor(step, total, plan) for step in range(total)]
    warm = round(warm_up * total)
    assert factors[:warm] == pytest.approx([(step + 1) / warm for step in range(warm)])
    assert factors[warm] == 1.0
    assert factors[warm:] == sorted(factors[warm:], reverse=True)
    assert 0 < factors[-1] < 1
    assert rate_factor(total, total, plan) == pytest.approx(0, abs=1e-12)
    middle = (warm + total) / 2
    assert rate_factor(middle, total, plan) == pytest.approx(0.5)


def test_after_a_restart_the_rates_are_those_of_a_fresh_run(
    rows: pd.DataFrame, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    step = loop._step

    def noted(tools: Any, state: Any, batch: Any, rate: float) -> float:
        rates.append(rate)
        return step(tools, state, batch, rate)

    monkeypatch.setattr(loop, "_step", noted)
    run(recipe(schedule={"epochs": 4, "warm_up": 0.2, "restarts": [2]}), rows, settings)
    half = len(rates) // 2
    assert rates[:half] == rates[half:]
    assert max(rates) == 1.0
    assert len(set(rates[:half])) > 2


def test_a_constant_rate_stays_after_its_warm_up() -> None:
    plan = recipe(schedule={"epochs": 1, "warm_up": 0.1, "shape": "constant"})
    assert [rate_factor(step, 20, plan) for step in range(20)] == [0.5] + [1.0] * 19


def test_a_moving_average_forgets_quickly_while_it_is_young() -> None:
    network = nn.BatchNorm1d(1)
    average = AveragedModel(network, multi_avg_fn=warmed_average(0.5), use_buffers=True)
    values, kept = [3.0, 5.0, -2.0, 8.0, 1.0, 4.0, 9.0, 0.0, 6.0, 2.0, 7.0, 3.0], None
    for count, value in enumerate(values):
        network.weight.data.fill_(value)
        network.running_mean.fill_(-value)
        network.num_batches_tracked.fill_(count + 40)
        average.update_parameters(network)
        decay = min(0.5, (1 + count) / (10 + count))
        kept = value if kept is None else decay * kept + (1 - decay) * value
        assert average.module.weight.item() == pytest.approx(kept, rel=1e-5)
        assert average.module.running_mean.item() == pytest.approx(-kept, rel=1e-5)
        assert average.module.num_batches_tracked.item() == count + 40
        assert average.module.num_batches_tracked.dtype == torch.int64
    assert decay == 0.5
    assert network.weight.item() == values[-1]


def test_a_run_keeps_the_moving_average(rows: pd.DataFrame, settings: Settings, tmp_path: Path) -> None:
    averaged = read_tensors(run(recipe(), rows, settings))[0]
    state = read_tensors(settings.out / "checkpoint.safetensors")[0]
    for name, tensor in averaged.items():
        assert torch.equal(tensor, state[f"average/module.{name}"])
    for name in ("conv1.weight", "bn1.running_mean", "head.bias"):
        assert not torch.equal(averaged[name], state[f"network/{name}"])
    assert averaged["bn1.num_batches_tracked"] == state["network/bn1.num_batches_tracked"] == 6
    assert state["average/n_averaged"] == 6

    plain = dataclasses.replace(settings, out=tmp_path / "plain")
    last = read_tensors(run(recipe(ema=None), rows, plain))[0]
    assert all(torch.equal(last[name], state[f"network/{name}"]) for name in last)


def test_mixed_precision_keeps_its_weights_whole(rows: pd.DataFrame, settings: Settings) -> None:
    tensors = read_tensors(run(recipe(precision="bf16-mixed"), rows, settings))[0]
    kinds = {tensor.dtype for name, tensor in tensors.items() if name != "bn1.num_batches_tracked"}
    assert kinds == {torch.float32}
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    assert all(math.isfinite(float(entry["train_loss"])) for entry in log_of(settings.out))
    # The scores that are kept are made in fp32, whatever the run trained in.
    network = load_released(build("tiny", {}), tensors)
    normalise = loop.Normalise(recipe().preprocessing.mean, recipe().preprocessing.std)
    held_out = DecodedRows(rows[rows["fold"] == 0])
    expected = score_rows(network, normalise, held_out, recipe()).probability
    np.testing.assert_allclose(pd.read_csv(settings.out / "fold.csv")["probability"], expected, atol=1e-7)


def test_even_odds_are_taught_as_either_label_to_the_same_extent() -> None:
    logits = torch.tensor([[0.3, -1.2], [2.0, 0.5], [0.0, 4.0]])
    for smoothing in (0.0, 0.1):
        sides = [class_loss(logits, torch.full((3,), label), smoothing) for label in (0, 1)]
        even = class_loss(logits, torch.full((3,), 0.5), smoothing)
        torch.testing.assert_close(even, (sides[0] + sides[1]) / 2)
        whole = class_loss(logits, torch.tensor([0.0, 1.0, 1.0]), smoothing)
        torch.testing.assert_close(whole, class_loss(logits, torch.tensor([0, 1, 1]), smoothing))


@pytest.mark.slow
def test_label_smoothing_raises_the_loss_of_a_sure_network(
    rows: pd.DataFrame, settings: Settings, tmp_path: Path
) -> None:
    sure = {"schedule": {"epochs": 12}, "network": {"name": "tiny", "options": {"dropout": 0}}}
    run(recipe(**sure, label_smoothing=0.0), rows, settings)
    run(recipe(**sure, label_smoothing=0.4), rows, dataclasses.replace(settings, out=tmp_path / "smooth"))
    # With smoothing 0.4 the targets are 0.8 and 0.2, whose entropy no prediction undercuts.
    floor = -0.8 * math.log(0.8) - 0.2 * math.log(0.2)
    assert float(log_of(settings.out)[-1]["train_loss"]) < floor
    assert float(log_of(tmp_path / "smooth")[-1]["train_loss"]) > floor


@pytest.mark.parametrize("number", [1, 8], ids=["held out", "trained on"])
def test_a_corrupt_image_is_named(
    settings: Settings, tmp_path: Path, draw: Callable[..., Any], write_csv: Callable[..., Any], number: int
) -> None:
    listed = []
    for n in range(12):
        draw(tmp_path / f"lesion{n}.png", malignant=n % 2, seed=n)
        listed.append({"path": f"lesion{n}.png", "label": ["benign", "malignant"][n % 2], "fold": n // 4})
    broken = tmp_path / f"lesion{number}.png"
    broken.write_bytes(broken.read_bytes()[:2000])
    rows = read_manifests([write_csv(tmp_path / "list.csv", listed)])
    with pytest.raises(ImageRejectedError, match=rf"lesion{number}\.png is incomplete or damaged"):
        run(recipe(), rows, settings)


def test_too_few_rows_for_a_batch(rows: pd.DataFrame, settings: Settings) -> None:
    with pytest.raises(ManifestError, match="8 training rows do not fill one batch of 9"):
        run(recipe(batch_size=9), rows, settings)


def test_a_fold_that_is_not_there(rows: pd.DataFrame, settings: Settings) -> None:
    with pytest.raises(ManifestError, match="no training row lies in fold 7"):
        run(recipe(), rows, dataclasses.replace(settings, fold=7))
    assert not settings.out.exists()


@pytest.mark.parametrize(
    ("network", "what"),
    [
        ({"name": "asff_resnet51"}, "unknown architecture 'asff_resnet51'"),
        ({"name": "tiny", "options": {"depth": 3}}, "architecture tiny does not take these options"),
        ({"name": "asff_resnet50", "options": {"gate": "tanh"}}, "gate must be one of"),
    ],
)
def test_a_network_that_the_registry_does_not_know(
    rows: pd.DataFrame, settings: Settings, network: dict[str, str], what: str
) -> None:
    with pytest.raises(RecipeError, match=f"recipe drawn: network: {what}"):
        run(recipe(network=network), rows, settings)


def test_an_epoch_faster_than_the_clock_shows_is_no_error(
    rows: pd.DataFrame, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(1000))
    monkeypatch.setattr(loop.time, "perf_counter", lambda: 0.001 * next(ticks))
    run(recipe(), rows, settings)
    assert {entry["seconds"] for entry in log_of(settings.out)} == {"0.0"}
    assert {entry["images_per_second"] for entry in log_of(settings.out)} == {"8000.0"}


def test_scoring_restores_the_networks_mode(rows: pd.DataFrame) -> None:
    plan = recipe()
    normalise = loop.Normalise(plan.preprocessing.mean, plan.preprocessing.std)
    images = DecodedRows(rows.iloc[:12])
    for training in (True, False):
        network = Tiny().train(training)
        first = score_rows(network, normalise, images, plan)
        assert network.training is training
        # Dropout and batch statistics are off, whatever the mode.
        assert np.array_equal(first.probability, score_rows(network, normalise, images, plan).probability)
        assert network.bn1.num_batches_tracked == 0


def test_scoring_does_not_depend_on_how_rows_are_batched(rows: pd.DataFrame) -> None:
    plan = recipe()
    normalise = loop.Normalise(plan.preprocessing.mean, plan.preprocessing.std)
    network = Tiny()
    many = rows.iloc[[n % 12 for n in range(40)]]
    together = score_rows(network, normalise, DecodedRows(many), plan).probability
    few = score_rows(network, normalise, DecodedRows(rows.iloc[:12]), plan).probability
    np.testing.assert_allclose(together, [few[n % 12] for n in range(40)], atol=1e-6)


@pytest.fixture(scope="module")
def datasets(
    tmp_path_factory: pytest.TempPathFactory, draw: Callable[..., Any], write_csv: Callable[..., Any]
) -> pd.DataFrame:
    """Three origins of eight images; one lesion was seen in two of them, one row is marked, a third have masks."""
    folder = tmp_path_factory.mktemp("datasets")
    mask = np.zeros((64, 72), np.bool_)
    mask[16:48, 20:50] = True
    Image.fromarray(mask).save(folder / "mask.png")
    told = []
    for number in range(24):
        draw(folder / f"{number}.png", malignant=number % 2, seed=number)
        told.append(
            {
                "path": f"{number}.png",
                "label": ["benign", "malignant"][number % 2],
                "origin": ["ham", "bcn", "msk"][number // 8],
                "group_id": "shared" if number in (2, 8) else f"G{number}",
                "twin": int(number == 4),
                "mask": "mask.png" if number < 8 else "",
            }
        )
    return read_manifests([write_csv(folder / "manifest.csv", told)])


def robust(**entries: float | list[Any] | dict[str, Any]) -> Recipe:
    """A recipe with everything that came later."""
    augmentation = {
        "engine": "opencv", "flip": True, "rotation": 90.0, "crop_area": 0.7, "squash": 0.2, "swap_share": 0.4,
        "crop_to_lesion_share": 0.3, "erase_share": 0.3, "cast": 0.1, "noise": 5.0, "noise_share": 0.5,
    }  # fmt: skip
    later = {
        "network": {"name": "tiny_explained"},
        "augmentation": augmentation,
        "balance": 0.5,
        "segmentation": 0.5,
        "leave_out": ["twin"],
        "keep_side": 48,
    }
    return recipe(**(later | entries))


def held(settings: Any, origin: Any, **changes: Any) -> Settings:
    return dataclasses.replace(settings, fold=None, origins=(origin,), **changes)


def test_a_held_out_origin_is_scored_and_none_of_its_lesions_trained_on(
    datasets: pd.DataFrame, settings: Settings
) -> None:
    run(recipe(), datasets, held(settings, "bcn"))
    table = pd.read_csv(settings.out / "fold.csv")
    assert list(table.columns) == ["path", "label", "group_id", "fold", "origin", "probability", "heatmap_max"]
    assert list(table["path"]) == [f"{number}.png" for number in range(8, 16)]
    assert set(table["origin"]) == {"bcn"}
    record = json.loads((settings.out / "run.json").read_text("utf-8"))
    assert (record["fold"], record["origin"]) == (None, "bcn")
    # Sixteen rows of the other two, less the one whose lesion bcn saw too.
    assert record["images"] == {"benign": 7, "malignant": 8}
    assert "fold_auc" in log_of(settings.out)[-1]


def test_no_image_of_a_held_out_lesion_is_ever_decoded_for_training(
    datasets: pd.DataFrame, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Watched(loop.DecodedRows):  # type: ignore[name-defined]
        def warm(self) -> None:
            seen.append({path.name for path in self.files})
            super().warm()

    monkeypatch.setattr(loop, "DecodedRows", Watched)
    run(recipe(), datasets, held(settings, "bcn"))
    trained, held_out = seen
    assert trained == {f"{number}.png" for number in [*range(8), *range(16, 24)]} - {"2.png"}
    assert held_out == {f"{number}.png" for number in range(8, 16)}


def test_a_fold_and_an_origin_are_not_both_held_out(datasets: pd.DataFrame, settings: Settings) -> None:
    with pytest.raises(ManifestError, match="a fold or an origin, not both"):
        run(recipe(), datasets, dataclasses.replace(settings, origins=("bcn",)))


def test_a_marked_row_takes_no_part(datasets: pd.DataFrame, settings: Settings) -> None:
    run(recipe(leave_out=["twin"]), datasets, held(settings, "ham"))
    assert "4.png" not in set(pd.read_csv(settings.out / "fold.csv")["path"])
    assert len(pd.read_csv(settings.out / "fold.csv")) == 7


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_with_everything_goes_on_bit_for_bit(
    datasets: pd.DataFrame, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    settings = held(settings, "bcn", workers=workers)
    straight = run(robust(), datasets, settings)
    cut = dataclasses.replace(settings, out=tmp_path / "cut", workers=0)
    cut_off(monkeypatch, 1, robust(), datasets, cut)
    resumed = run(robust(), datasets, dataclasses.replace(cut, resume=True))
    assert same_tensors(straight, resumed)
    assert same_tensors(settings.out / "checkpoint.safetensors", cut.out / "checkpoint.safetensors")
    assert figures(settings.out) == figures(cut.out)
    assert (settings.out / "fold.csv").read_bytes() == (cut.out / "fold.csv").read_bytes()


def test_the_head_that_draws_outlines_trains_and_is_not_kept(datasets: pd.DataFrame, settings: Settings) -> None:
    finished = run(robust(), datasets, held(settings, "bcn"))
    assert set(read_tensors(finished)[0]) == set(TinyExplained().state_dict())
    state = read_tensors(settings.out / "checkpoint.safetensors")[0]
    assert state["outliner/weight"].shape == (1, 4, 1, 1)
    assert state["optimiser/outline.weight:exp_avg"].abs().max() > 0


def test_outlines_change_what_is_learnt(datasets: pd.DataFrame, settings: Settings, tmp_path: Path) -> None:
    with_outlines = run(robust(), datasets, held(settings, "bcn"))
    without = run(robust(segmentation=0.0), datasets, held(settings, "bcn", out=tmp_path / "without"))
    assert not same_tensors(with_outlines, without)


def test_the_rate_of_a_pretrained_part_does_not_depend_on_the_head() -> None:
    network = TinyExplained()
    outliner = loop._outliner(network, robust())
    start = PretrainedWeights("part", None, frozenset({"conv1.weight", "conv1.bias"}))
    optimiser = build_optimiser(outliner, start, robust())  # type: ignore[arg-type]
    rates = {id(member): group["lr"] for group in optimiser.param_groups for member in group["params"]}
    assert rates[id(network.conv1.weight)] == rates[id(network.conv1.bias)] == 1e-3
    assert rates[id(network.head.weight)] == rates[id(outliner.outline.weight)] == 2e-2


def test_a_network_without_feature_maps_cannot_draw_outlines(datasets: pd.DataFrame, settings: Settings) -> None:
    with pytest.raises(RecipeError, match="recipe drawn: segmentation: tiny has no feature maps"):
        run(robust(network={"name": "tiny"}), datasets, held(settings, "bcn"))


def test_balance_evens_out_an_epoch(
    datasets: pd.DataFrame, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    uneven = datasets[(datasets["origin"] == "ham") | datasets["path"].isin(["9.png", "10.png"])]

    class Watched(loop.TrainingImages):  # type: ignore[name-defined]
        def __getitem__(self, draw: Any) -> Any:
            drawn.append(self.rows.files[draw[1]].name)
            return super().__getitem__(draw)

    monkeypatch.setattr(loop, "TrainingImages", Watched)
    run(robust(balance=1.0, leave_out=[], schedule={"epochs": 1}), uneven, dataclasses.replace(settings, fold=None))
    # Ten rows in four cells of 4, 4, 1 and 1, two batches of four: two draws a cell.
    assert len(drawn) == 8
    assert (drawn.count("9.png"), drawn.count("10.png")) == (2, 2)


def test_held_out_rows_are_scored_as_seldom_as_the_schedule_says(rows: pd.DataFrame, settings: Settings) -> None:
    run(recipe(schedule={"epochs": 5, "score_every": 3}), rows, settings)
    assert [bool(entry["fold_auc"]) for entry in log_of(settings.out)] == [False, False, True, False, True]


@pytest.mark.parametrize(
    ("change", "named"), [({"share": 0.5}, "share"), ({"origins": ("bcn",), "fold": None}, "origin")]
)
def test_a_checkpoint_with_less_data_is_not_continued(datasets: Any, settings: Any, change: Any, named: str) -> None:
    settings = dataclasses.replace(settings, fold=None)
    run(recipe(), datasets, dataclasses.replace(settings, **change))
    with pytest.raises(CheckpointError, match=f"its {named} differs"):
        run(recipe(), datasets, dataclasses.replace(settings, resume=True))


def asff_recipe(**entries: None) -> Recipe:
    network = {"name": "asff_resnet50", "options": {"gate": "sigmoid", "stride_in_1x1": True}}
    return recipe(network=network, preprocessing={"size": 64}, schedule={"epochs": 1}, batch_size=2, **entries)


@pytest.mark.slow
def test_the_real_network_trains_and_says_how_strong_its_heatmaps_are(rows: pd.DataFrame, settings: Settings) -> None:
    small = rows.iloc[:6].assign(fold=[0, 0, 1, 1, 1, 1])
    finished = run(asff_recipe(ema=None), small, settings)
    table = pd.read_csv(settings.out / "fold.csv")
    assert len(table) == 2
    assert np.isfinite(table["heatmap_max"]).all()
    assert (table["heatmap_max"] >= 0).all()
    assert table["probability"].between(0, 1).all()
    network = load_released(build("asff_resnet50", {"gate": "sigmoid"}), read_tensors(finished)[0])
    scores = score_rows(
        network,
        loop.Normalise(asff_recipe().preprocessing.mean, asff_recipe().preprocessing.std),
        DecodedRows(small.iloc[:2]),
        asff_recipe(),
    )
    np.testing.assert_allclose(scores.probability, table["probability"], atol=1e-4)
    np.testing.assert_allclose(scores.heatmap_max, table["heatmap_max"], rtol=1e-3, atol=1e-5)


class TinyAsff(AsffResNet50):
    """The fusion on a trunk of two convolutions a stage, which forgets nothing that the loop looks at."""

    def __init__(self, *, gate: Any = "sigmoid", levels: Any = 2) -> None:
        nn.Module.__init__(self)
        self.levels = levels
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, stride=4, padding=1, bias=False), nn.BatchNorm2d(8)
        self.relu, self.maxpool = nn.ReLU(), nn.Identity()
        self.layer1, self.layer2 = self._stage(8, 8, 1), self._stage(8, 6, 2)
        self.layer3, self.layer4 = self._stage(6, 10, 2), self._stage(10, 12, 2)
        self.project = nn.Conv2d(12, 10, kernel_size=1)
        self.gate = ChannelGate(10, gate, levels)
        if levels > 2:
            self.project_fine = nn.Conv2d(6, 10, kernel_size=1)
        self.project_mid = nn.Identity()
        self.fused = nn.Identity()
        self.head = Head(10, 16)

    @staticmethod
    def _stage(inputs: Any, outputs: Any, stride: Any) -> Any:
        kernel = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        return nn.Sequential(kernel, nn.BatchNorm2d(outputs), nn.ReLU())


@pytest.fixture
def tiny_asff(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry's ASFF network made small, and stages of its widths."""
    monkeypatch.setitem(registry._BUILDERS, "tiny_asff", TinyAsff)
    monkeypatch.setitem(registry._PROBED, "tiny_asff", ("layer2", "layer3", "layer4"))
    for name, channels in (("FINE_CHANNELS", 6), ("MID_CHANNELS", 10), ("SEMANTIC_CHANNELS", 12)):
        monkeypatch.setattr(asff, name, channels)


def backbone(folder: Path, *absent: str) -> str:
    """Pretrained weights of the small trunk whose norms have statistics of their own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        network = TinyAsff(levels=3)
        network.train()(torch.randn(8, 3, 64, 64))
    trunk = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if name.startswith(("conv1", "bn1", "layer")) and not name.startswith(absent or ("none",))
    }
    save_file(trunk, folder / "backbone.safetensors")
    return str(folder / "backbone.safetensors")


def probe_recipe(levels: int = 2, **entries: dict[str, Any] | list[str] | str | float | None) -> Recipe:
    plain = {
        "network": {"name": "tiny_asff", "options": {"levels": levels}},
        "preprocessing": {"size": 64},
        "schedule": {"epochs": 2, "sizes": [[0, 64]]},
        "head": "probe",
        "batch_norm": "frozen",
        "balance": 0.5,
    }
    return recipe(**(plain | entries))


@pytest.mark.usefixtures("tiny_asff")
class TestHeadFromProbe:
    @pytest.fixture
    def begun(self, settings: Settings, tmp_path: Path) -> Settings:
        return held(settings, "bcn", init=backbone(tmp_path))

    def expected(self, datasets: Any, init: Any, levels: Any) -> Any:
        """The probe of the same rows and weights, fitted and applied outside the loop."""
        network = TinyAsff(levels=levels)
        start = load_pretrained(network, init)
        plan = probe_recipe(levels)
        frozen = FrozenBackbone(network, "tiny_asff", start.sha256, plan.preprocessing)  # type: ignore[arg-type]
        train, held_out = origin_rows(datasets, ["bcn"])
        columns = slice(0 if levels == 3 else 6, None)
        features = pooled_features(frozen, train)[:, columns]
        weights = row_weights(train, 0.5) * len(train)
        probe = fit_probe(features, train["malignant"], weights, plan.probe_strength)
        return held_out, probe.probability(pooled_features(frozen, held_out)[:, columns])

    @pytest.mark.parametrize("levels", [2, 3])
    def test_a_run_begins_as_the_probe(
        self, datasets: pd.DataFrame, begun: Settings, monkeypatch: pytest.MonkeyPatch, levels: int
    ) -> None:
        monkeypatch.setattr(torch.optim.AdamW, "step", lambda *_arguments: None)
        run(probe_recipe(levels), datasets, begun)
        held_out, expected = self.expected(datasets, begun.init, levels)
        table = pd.read_csv(begun.out / "fold.csv")
        assert list(table["path"]) == list(held_out["path"])
        np.testing.assert_allclose(table["probability"], expected, atol=1e-5)
        assert table["probability"].std() > 1e-4

    def test_where_it_began_is_kept_and_training_leaves_it(self, datasets: pd.DataFrame, begun: Settings) -> None:
        finished = run(probe_recipe(), datasets, begun)
        tensors, record = read_tensors(begun.out / "start.safetensors")
        assert record["recipe"]["head"] == "probe"
        network = load_released(TinyAsff(), tensors)
        plan = probe_recipe()
        normalise = loop.Normalise(plan.preprocessing.mean, plan.preprocessing.std)
        held_out, expected = self.expected(datasets, begun.init, 2)
        found = score_rows(network, normalise, DecodedRows(held_out), plan).probability
        np.testing.assert_allclose(found, expected, atol=1e-5)
        assert not same_tensors(begun.out / "start.safetensors", finished)

    def test_features_are_kept_where_a_folder_is_named(
        self, datasets: pd.DataFrame, begun: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = dataclasses.replace(begun, features=tmp_path / "features")
        first = run(probe_recipe(), datasets, kept)
        assert len(list((tmp_path / "features").iterdir())) == 1
        monkeypatch.setattr(features, "_computed", None)
        assert same_tensors(first, run(probe_recipe(), datasets, dataclasses.replace(kept, out=tmp_path / "again")))

    @pytest.mark.parametrize("intercepts", ["none", "dataset"])
    def test_a_run_that_was_cut_off_goes_on_bit_for_bit(
        self,
        datasets: pd.DataFrame,
        begun: Settings,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        intercepts: str,
    ) -> None:
        plan = probe_recipe(3, frozen=["conv1", "bn1", "layer1"], intercepts=intercepts)
        straight = run(plan, datasets, begun)
        cut = dataclasses.replace(begun, out=tmp_path / "cut")
        cut_off(monkeypatch, 1, plan, datasets, cut)
        # The probe is not fitted again: the checkpoint has what became of it.
        monkeypatch.setattr(loop, "fit_probe", None)
        monkeypatch.setattr(loop, "fit_with_intercepts", None)
        assert same_tensors(straight, run(plan, datasets, dataclasses.replace(cut, resume=True)))
        assert same_tensors(begun.out / "checkpoint.safetensors", cut.out / "checkpoint.safetensors")
        assert same_tensors(begun.out / "start.safetensors", cut.out / "start.safetensors")

    def test_what_it_began_as_can_be_retained(self, datasets: pd.DataFrame, begun: Settings, tmp_path: Path) -> None:
        rates = {"name": "adamw", "rate_pretrained": 3e-3, "rate_new": 3e-3}
        away = []
        for retain in (0.0, 1.0, 20.0):
            settings = dataclasses.replace(begun, out=tmp_path / str(retain))
            run(probe_recipe(retain=retain, optimiser=rates, ema=None), datasets, settings)
            _, probe = self.expected(datasets, begun.init, 2)
            away.append(np.abs(pd.read_csv(settings.out / "fold.csv")["probability"] - probe).mean())
        assert away[0] > away[1] > away[2]

    def test_a_last_cycle_that_retains_goes_on_from_a_run_that_did_not(
        self, datasets: pd.DataFrame, begun: Settings, tmp_path: Path
    ) -> None:
        """And is held by the probe, not by what the first cycle ended as."""
        run(probe_recipe(intercepts="dataset"), datasets, begun)
        plan = probe_recipe(
            intercepts="dataset", schedule={"epochs": 3, "sizes": [[0, 64]], "restarts": [2]}, retain=0.5
        )
        went_on = run(plan, datasets, dataclasses.replace(begun, resume=True))
        at_once = dataclasses.replace(begun, out=tmp_path / "at_once")
        assert same_tensors(run(plan, datasets, at_once), went_on)
        free = dataclasses.replace(begun, out=tmp_path / "free")
        assert not same_tensors(run(plan.model_copy(update={"retain": 0.0}), datasets, free), went_on)
        assert log_of(free.out)[1]["train_loss"] == log_of(at_once.out)[1]["train_loss"]
        assert same_tensors(begun.out / "start.safetensors", at_once.out / "start.safetensors")

    def test_intercepts_of_datasets_are_learned_and_not_kept(self, datasets: pd.DataFrame, begun: Settings) -> None:
        plan = probe_recipe(intercepts="dataset")
        tensors, _ = read_tensors(run(plan, datasets, begun))
        assert set(tensors) == set(TinyAsff().state_dict())
        parts, _ = loop.read_state(begun.out / "checkpoint.safetensors")
        learned = parts["intercepts"]["datasets"]
        train = origin_rows(datasets, ["bcn"])[0]
        network = TinyAsff()
        start = load_pretrained(network, begun.init)
        frozen = FrozenBackbone(network, "tiny_asff", start.sha256, plan.preprocessing)  # type: ignore[arg-type]
        weights = row_weights(train, 0.5) * len(train)
        numbers = (train["origin"] == "msk").to_numpy().astype(np.int64)
        values = pooled_features(frozen, train)[:, 6:]
        _, first = fit_with_intercepts(values, train["malignant"], numbers, weights, plan.probe_strength)
        moved = np.abs(learned.numpy() - first)
        # Two epochs of small steps at `rate_new`, from where the probe has them.
        assert (moved > 0).all()
        assert (moved < 0.2).all()

    def test_intercepts_need_datasets(self, rows: pd.DataFrame, begun: Settings) -> None:
        with pytest.raises(ManifestError, match="origin"):
            run(
                probe_recipe(intercepts="dataset", balance=0.0),
                rows,
                dataclasses.replace(begun, fold=0, origins=()),
            )

    @pytest.mark.parametrize(
        ("absent", "stage"),
        [("layer4.1.running_mean", "layer4"), ("layer2.1.bias", "layer3"), ("bn1.weight", "layer3")],
    )
    def test_stages_that_would_be_random_are_not_probed(
        self, datasets: pd.DataFrame, settings: Settings, tmp_path: Path, absent: str, stage: str
    ) -> None:
        """Nor those behind them."""
        init = backbone(tmp_path, absent)
        with pytest.raises(RecipeError, match=f"recipe drawn: head: a probe of {stage} needs pretrained weights"):
            run(probe_recipe(), datasets, held(settings, "bcn", init=init))

    def test_random_weights_have_no_probe(self, datasets: pd.DataFrame, settings: Settings) -> None:
        with pytest.raises(
            RecipeError, match=r"a probe of layer3 needs pretrained weights .* random weights lacks some"
        ):
            run(probe_recipe(), datasets, held(settings, "bcn"))

    def test_another_network_cannot_begin_so(self, rows: pd.DataFrame, settings: Settings) -> None:
        with pytest.raises(RecipeError, match="recipe drawn: head: tiny cannot start from a probe"):
            run(recipe(head="probe"), rows, settings)

    @pytest.mark.parametrize("kind", ["frozen", "trained"])
    def test_batch_norm_statistics(self, datasets: pd.DataFrame, begun: Any, kind: str) -> None:
        tensors = read_tensors(run(probe_recipe(batch_norm=kind, ema=None), datasets, begun))[0]
        before = load_file(begun.init)
        statistics = [name for name in before if name.endswith(("running_mean", "running_var", "num_batches_tracked"))]
        assert len(statistics) == 15
        same = {name: torch.equal(tensors[name], before[name]) for name in statistics}
        assert set(same.values()) == {kind == "frozen"}
        # Scales and shifts are trained in either case.
        assert not torch.equal(tensors["layer4.1.weight"], before["layer4.1.weight"])


def test_a_norm_that_did_not_come_with_the_weights_gathers_statistics(
    rows: pd.DataFrame, settings: Settings, tmp_path: Path
) -> None:
    trunk = {"conv1.weight": torch.full((4, 3, 3, 3), 0.5)}
    save_file(trunk, tmp_path / "start.safetensors")
    given = dataclasses.replace(settings, init=str(tmp_path / "start.safetensors"))
    tensors = read_tensors(run(recipe(batch_norm="frozen", ema=None), rows, given))[0]
    assert tensors["bn1.num_batches_tracked"] == 6


def test_several_origins_are_held_out_together(datasets: pd.DataFrame, settings: Settings) -> None:
    run(recipe(), datasets, dataclasses.replace(settings, fold=None, origins=("bcn", "msk")))
    table = pd.read_csv(settings.out / "fold.csv")
    assert list(table["path"]) == [f"{number}.png" for number in range(8, 24)]
    assert list(table["origin"]) == ["bcn"] * 8 + ["msk"] * 8
    record = json.loads((settings.out / "run.json").read_text("utf-8"))
    assert (record["fold"], record["origin"]) == (None, "bcn+msk")
    # Eight rows of ham, less the one whose lesion bcn saw too.
    assert record["images"] == {"benign": 3, "malignant": 4}


def test_an_unknown_origin_among_several_is_named(datasets: pd.DataFrame, settings: Settings) -> None:
    with pytest.raises(ManifestError, match="no training row has the origin paris; origins: bcn, ham, msk"):
        run(recipe(), datasets, dataclasses.replace(settings, fold=None, origins=("bcn", "paris")))


@pytest.mark.parametrize("origins", [("bcn",), ("bcn", "msk")])
def test_an_epoch_is_as_long_as_the_schedule_says_whatever_is_held_out(
    datasets: pd.DataFrame, settings: Settings, monkeypatch: pytest.MonkeyPatch, origins: tuple[Any, ...]
) -> None:
    drawn = []

    class Watched(loop.TrainingImages):  # type: ignore[name-defined]
        def __getitem__(self, draw: Any) -> Any:
            drawn.append(draw)
            return super().__getitem__(draw)

    monkeypatch.setattr(loop, "TrainingImages", Watched)
    plan = recipe(balance=0.5, schedule={"epochs": 2, "images": 22})
    run(plan, datasets, dataclasses.replace(settings, fold=None, origins=origins))
    assert [draw[0] for draw in drawn] == [0] * 20 + [1] * 20
    assert len(set(drawn)) == 40


def test_too_few_images_an_epoch_for_a_batch(datasets: pd.DataFrame, settings: Settings) -> None:
    with pytest.raises(ManifestError, match="do not fill one batch of 4"):
        run(recipe(balance=0.5, schedule={"epochs": 1, "images": 3}), datasets, held(settings, "bcn"))


RECIPE_FOR_TWO = """
name = "two"
about = "Two processes"
batch_size = 2
precision = "32-true"
ema = 0.9
[network]
name = "asff_resnet50"
options = { gate = "sigmoid", stride_in_1x1 = true }
[preprocessing]
size = 64
[optimiser]
rate_pretrained = 1e-4
rate_new = 1e-3
clip_norm = 1.0
[schedule]
epochs = 1
[augmentation]
flip = true
"""


@pytest.mark.slow
def test_two_processes_make_one_set_of_outputs(tmp_path: Path, folder: Path, manifest: Callable[..., Any]) -> None:
    (tmp_path / "two.toml").write_text(RECIPE_FOR_TWO, "utf-8")
    root = Path(__file__).parents[2]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    command = ["-m", "skinlens", "train", str(tmp_path / "two.toml"), "--data", str(manifest), "--out", str(folder)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PL_")}
    done = subprocess.run(
        [*launcher, *command, "--fold", "0", "--workers", "0"],
        cwd=root,
        env=environment | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in folder.iterdir()} == OUTPUTS
    assert len(log_of(folder)) == 1
    entries = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert len(entries) == 1
    record = json.loads((folder / "run.json").read_text("utf-8"))
    assert record["images"] == {"benign": 4, "malignant": 4}
    tensors = read_tensors(folder / "model.safetensors")[0]
    # Eight rows, two to a process and step: two steps.
    assert tensors["bn1.num_batches_tracked"] == 2
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    assert len(pd.read_csv(folder / "fold.csv")) == 4

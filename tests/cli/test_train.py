"""`skinlens train`: what a person is told when it cannot start, and what it passes on when it can."""

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from skinlens.cli import main
from skinlens.models import registry
from skinlens.models.checkpoint import read_tensors

pytestmark = pytest.mark.usefixtures("no_trace_of_runs")

RECIPE = """
name = "drawn"
about = "for a test"
batch_size = 2
precision = "32-true"
[network]
name = "tiny"
[preprocessing]
size = 32
[optimiser]
rate_pretrained = 1e-3
rate_new = 1e-3
[schedule]
epochs = 1
"""


class Tiny(nn.Module):
    """The least that can be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 2)

    def forward(self, images: Any) -> Any:
        return self.head(images.mean(dim=(2, 3)))


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._BUILDERS, "tiny", Tiny)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recipe, a manifest of six images, and a start that fits."""
    (tmp_path / "recipe.toml").write_text(RECIPE, "utf-8")
    with (tmp_path / "list.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "label", "fold", "origin"])
        for number in range(6):
            pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{number}.png")
            writer.writerow(
                [f"{number}.png", ["benign", "malignant"][number % 2], number // 2, "ham" if number < 4 else "bcn"]
            )
    save_file({"head.weight": torch.ones(2, 3)}, tmp_path / "start.safetensors")
    return tmp_path


@pytest.fixture
def skinlens(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Runs the command line in the folder; gives the exit status, stdout and stderr."""
    monkeypatch.chdir(folder)

    def call(*words: Any) -> Any:
        monkeypatch.setattr(sys, "argv", ["skinlens", *words])
        with pytest.raises(SystemExit) as exited:
            main.run()
        told = capsys.readouterr()
        return exited.value.code or 0, told.out, told.err

    return call


GOOD = ("train", "recipe.toml", "--data", "list.csv", "--out", "run", "--workers", "0")


def words(**changes: str) -> list[str]:
    """The good call with `recipe` or `data` replaced."""
    replaced = {"recipe.toml": changes.get("recipe", "recipe.toml"), "list.csv": changes.get("data", "list.csv")}
    return [replaced.get(word, word) for word in GOOD]


def test_a_run_says_where_its_model_is(skinlens: Callable[..., Any], folder: Path) -> None:
    status, out, err = skinlens(*GOOD, "--fold", "1", "--seed", "7", "--init", "start.safetensors")
    assert (status, out) == (0, "")
    model = Path("run") / "model.safetensors"
    assert err.splitlines()[-1].endswith(str(model))
    record = read_tensors(folder / model)[1]
    assert (record["fold"], record["seed"], record["start"]) == (1, 7, "start.safetensors")
    assert (folder / "run" / "fold.csv").is_file()


def test_a_share_of_the_lesions_is_recorded(skinlens: Callable[..., Any], folder: Path) -> None:
    status, _, _ = skinlens(*GOOD, "--share", "0.5")
    assert status == 0
    record = read_tensors(folder / "run" / "model.safetensors")[1]
    assert record["share"] == 0.5
    assert sum(record["images"].values()) == 3


def test_an_origin_is_held_out(skinlens: Callable[..., Any], folder: Path) -> None:
    assert skinlens(*GOOD, "--hold-out-origin", "bcn")[0] == 0
    record = read_tensors(folder / "run" / "model.safetensors")[1]
    assert (record["fold"], record["origin"], sum(record["images"].values())) == (None, "bcn", 4)
    assert "bcn" in (folder / "run" / "fold.csv").read_text("utf-8").splitlines()[1]


def test_an_origin_that_is_not_there_or_goes_with_a_fold(skinlens: Callable[..., Any], folder: Path) -> None:
    told = one_sentence(skinlens(*GOOD, "--hold-out-origin", "rome"))
    assert "no training row has the origin rome; origins: bcn, ham" in told
    both = one_sentence(skinlens(*GOOD, "--hold-out-origin", "bcn", "--fold", "0"))
    assert "--fold and --hold-out-origin exclude one another" in both
    assert not (folder / "run").exists()


def test_manifests_add_up(skinlens: Callable[..., Any], folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "a.png").write_bytes((folder / "0.png").read_bytes())
    (folder / "more" / "list.csv").write_text("path,label\na.png,malignant\n", "utf-8")
    status, _, _ = skinlens(*GOOD, "--data", "more/list.csv")
    assert status == 0
    record = read_tensors(folder / "run" / "model.safetensors")[1]
    assert record["images"] == {"benign": 3, "malignant": 4}


def one_sentence(answer: tuple[int, str, str]) -> str:
    """The message of a call that was refused in the way that is promised."""
    status, out, err = answer
    assert status == 2
    assert out == ""
    assert err.startswith("skinlens: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("epochs = 1", "epochs = 0", "recipe.toml: schedule.epochs: Input should be greater than or equal to 1"),
        ("epochs = 1", "epoch = 1", "schedule.epoch: Extra inputs are not permitted"),
        ("epochs = 1", "epochs =", "recipe.toml is not valid TOML"),
        ('name = "tiny"', 'name = "tinny"', "unknown architecture 'tinny'"),
        ("batch_size = 2", "batch_size = 7", "6 training rows do not fill one batch of 7"),
    ],
)
def test_a_bad_recipe(skinlens: Callable[..., Any], folder: Path, old: str, new: str, told: str) -> None:
    (folder / "recipe.toml").write_text(RECIPE.replace(old, new), "utf-8")
    assert told in one_sentence(skinlens(*GOOD))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("path,label\n0.png,benin\n", "list.csv line 2 (0.png)"),
        ("path,label\n0.png,benign\n9.png,benign\n", "list.csv line 3 (9.png)"),
        ("path,label\n0.png,benign\n1.png,benign,2,3\n", "cannot read the manifest list.csv"),
        ("name,label\n0.png,benign\n", "list.csv lacks the column(s) path"),
        ("", "cannot read the manifest list.csv"),
    ],
)
def test_a_bad_manifest(skinlens: Callable[..., Any], folder: Path, content: str, told: str) -> None:
    (folder / "list.csv").write_text(content, "utf-8")
    assert told in one_sentence(skinlens(*GOOD))


@pytest.mark.parametrize("changes", [{"recipe": "nowhere.toml"}, {"data": "nowhere.csv"}, {"recipe": "."}])
def test_files_that_are_not_there(skinlens: Callable[..., Any], changes: dict[str, str]) -> None:
    (name,) = changes.values()
    assert name in one_sentence(skinlens(*words(**changes)))


def test_a_bad_start(skinlens: Callable[..., Any], folder: Path) -> None:
    told = one_sentence(skinlens(*GOOD, "--init", "nowhere.safetensors"))
    assert "cannot read the pretrained weights nowhere.safetensors: No such file or directory" in told
    assert "recipe.toml is not a safetensors file" in one_sentence(skinlens(*GOOD, "--init", "recipe.toml"))
    save_file({"conv1.weight": torch.ones(1)}, folder / "other.safetensors")
    assert "holds no tensor that fits" in one_sentence(skinlens(*GOOD, "--init", "other.safetensors"))


def test_a_bad_fold(skinlens: Callable[..., Any]) -> None:
    assert "no training row lies in fold 5; folds: 0, 1, 2" in one_sentence(skinlens(*GOOD, "--fold", "5"))


def test_a_bad_image(skinlens: Callable[..., Any], folder: Path) -> None:
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:500])
    assert "3.png is incomplete or damaged" in one_sentence(skinlens(*GOOD))


def test_a_bad_checkpoint(skinlens: Callable[..., Any]) -> None:
    assert skinlens(*GOOD)[0] == 0
    assert "its seed differs" in one_sentence(skinlens(*GOOD, "--resume", "--seed", "1"))


@pytest.mark.parametrize(
    "call",
    [
        ["train", "recipe.toml", "--out", "run"],
        ["train", "recipe.toml", "--data", "list.csv"],
        ["train", "--data", "list.csv", "--out", "run"],
        [*GOOD, "--seed", "-1"],
        [*GOOD, "--seed", "one"],
        [*GOOD, "--fold", "first"],
        [*GOOD, "--epochs", "3"],
    ],
)
def test_bad_usage(skinlens: Callable[..., Any], folder: Path, call: list[str]) -> None:
    status, out, err = skinlens(*call)
    assert (status, out) == (2, "")
    assert "Usage" in err
    assert not (folder / "run").exists()


def test_a_defect_is_seen_in_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only errors made for people are shortened."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(Tiny, "forward", lambda _self, _images: 1 / 0)
    monkeypatch.setattr(sys, "argv", ["skinlens", *GOOD])
    with pytest.raises(ZeroDivisionError):
        main.run()


@pytest.mark.slow
def test_as_a_process_it_ends_in_one_sentence(folder: Path) -> None:
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-m", "skinlens", *words(recipe="nowhere.toml")],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "skinlens: cannot read the recipe nowhere.toml: No such file or directory\n"


def test_a_file_in_place_of_the_runs_folder_is_one_sentence(skinlens: Callable[..., Any], folder: Path) -> None:
    (folder / "run").write_text("mine", "utf-8")
    status, out, err = skinlens(*GOOD)
    assert (status, out) == (1, "")
    assert err == "skinlens: run is a file; --out names the folder of the run\n"
    assert (folder / "run").read_text("utf-8") == "mine"

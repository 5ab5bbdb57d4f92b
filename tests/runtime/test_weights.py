"""One folder of models: the user's, the source tree's, or the one inside the installed package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from skinlens.runtime import weights
from skinlens.runtime.card import ModelFileError
from skinlens.runtime.predictor import DEFAULT_MODEL, load_predictor, released_models
from skinlens.runtime.weights import VARIABLE, shipped_folder, weights_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the module where a wheel would put it, with models in the wheel."""
    bundled = package / "_bundle" / "weights"
    bundled.mkdir(parents=True)
    monkeypatch.setattr(weights, "_PACKAGE", package)
    monkeypatch.setattr(weights, "_IN_SOURCE_TREE", package.parent / "weights")
    monkeypatch.setattr(weights, "_IN_WHEEL", bundled)
    return bundled


def test_the_source_trees_own_folder_by_default() -> None:
    assert weights_folder() == shipped_folder() == ROOT / "weights"


def test_the_variable_wins_whenever_it_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert weights_folder() == tmp_path
    assert shipped_folder() == ROOT / "weights"
    monkeypatch.setenv(VARIABLE, "")
    assert weights_folder() == ROOT / "weights"


def test_a_relative_variable_counts_from_the_current_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "models")
    assert weights_folder() == tmp_path / "models"


def test_an_installed_package_takes_its_own_and_no_neighbours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundled = installed(tmp_path / "site-packages" / "skinlens", monkeypatch)
    (tmp_path / "site-packages" / "weights").mkdir()
    assert weights_folder() == bundled


def test_a_source_tree_with_a_built_copy_takes_the_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(tmp_path / "skinlens", monkeypatch)
    (tmp_path / "pyproject.toml").touch()
    assert weights_folder() == tmp_path / "weights"


def test_models_are_looked_for_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert released_models() == ()
    with pytest.raises(ModelFileError, match=f"no model '{DEFAULT_MODEL}' in {tmp_path}"):
        load_predictor()
    shutil.copy(ROOT / "weights" / "asff_resnet50.json", tmp_path)
    assert released_models() == ("asff_resnet50",)


@pytest.mark.parametrize("command", [["predict", "none.png"], ["card", "asff_resnet50"]])
@pytest.mark.slow
def test_commands_look_there_too(command: list[str], tmp_path: Path) -> None:
    """In a process of its own, from another folder: `card` once took the current folder's `weights`."""
    done = subprocess.run(
        [sys.executable, "-m", "skinlens", *command],
        cwd=tmp_path,
        env={**os.environ, VARIABLE: str(tmp_path / "elsewhere"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert str(tmp_path / "elsewhere") in done.stderr

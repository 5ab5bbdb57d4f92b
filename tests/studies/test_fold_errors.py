"""`skinlens errors` from fold runs to its three files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skinlens.errors import OutputError, UsageError
from skinlens.studies.fold_errors import analyse_errors
from tests.cli.conftest import Caller
from tests.studies.fold_runs import IMAGES, draw_folder, fold_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def reviewed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two networks on each of two folds."""
    base = tmp_path_factory.mktemp("runs")
    runs = [
        fold_run(folder, name, base / f"{name}{fold}", fold=fold)
        for fold in (0, 1)
        for name in ("lenet5", "mobilenet_v2")
    ]
    analyse_errors(runs, [folder / "drawn.csv"], base / "out")
    return base / "out"


@pytest.fixture
def record(reviewed: Path) -> dict[str, Any]:
    return json.loads((reviewed / "review.json").read_text("utf-8"))


@pytest.fixture
def table(reviewed: Path) -> pd.DataFrame:
    return pd.read_csv(reviewed / "review.csv")


def test_every_held_out_image_is_reviewed_once(record: dict[str, Any], table: pd.DataFrame) -> None:
    assert sorted(table["path"]) == sorted(f"{seed}.png" for seed in range(IMAGES))
    assert (record["n"], record["malignant"]) == (IMAGES, 7)
    assert (record["folds"], record["runs"]) == ([0, 1], ["drawn_lenet5", "drawn_mobilenet_v2"])


def test_figures_follow_from_the_table(record: dict[str, Any], table: pd.DataFrame) -> None:
    own = table[["probability: drawn_lenet5", "probability: drawn_mobilenet_v2"]].to_numpy()
    malignant = (table["label"] == "malignant").to_numpy()
    assert table["probability"].to_numpy() == pytest.approx(own.mean(axis=1), abs=2e-5)
    wrong = (own >= 0.5) != malignant[:, None]
    assert table["runs_wrong"].tolist() == wrong.sum(axis=1).tolist()
    assert record["errors_of_every_run"] == int(wrong.all(axis=1).sum())
    assert record["errors_of_some_run"] == int(wrong.any(axis=1).sum())
    assert record["errors"] == int(((table["probability"] >= 0.5) != malignant).sum())
    accuracy = record["mean_of_runs"]["accuracy"]
    assert accuracy["value"] == pytest.approx(1 - record["errors"] / IMAGES)
    assert {origin: part["malignant"] for origin, part in record["by_origin"].items()} == {"abroad": 4, "here": 3}
    assert sum(part["errors"] for part in record["subgroups"] if part["column"] == "dx") == record["errors"]


def test_neighbours_are_sought_within_the_fold(table: pd.DataFrame) -> None:
    """With ten neighbours among thirteen others, no vote can lie far from the share of malignant images."""
    for _, fold in table.groupby("fold"):
        malignant = int((fold["label"] == "malignant").sum())
        assert fold["neighbours_malignant"].between((malignant - 4) / 10, malignant / 10).all()


def test_the_summary_names_the_images_by_id(reviewed: Path, record: dict[str, Any], table: pd.DataFrame) -> None:
    summary = (reviewed / "review.md").read_text("utf-8")
    assert f"{IMAGES} held-out images (7 malignant) of fold 0, 1" in summary
    every = table[table["runs_wrong"] == 2]
    assert summary.count("- ") >= len(every)
    for seed in every["isic_id"].str.removeprefix("ID_"):
        assert f"- {seed}.png (ID_{seed}, " in summary
    assert f"Wrong: {record['errors']}." in summary


def test_a_folder_without_a_fold_run_is_an_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no complete run"):
        analyse_errors([tmp_path], [folder / "drawn.csv"], tmp_path / "out")


def test_a_run_that_held_out_an_origin_is_an_error_before_its_weights_are_read(folder: Path, tmp_path: Path) -> None:
    run = fold_run(folder, "lenet5", tmp_path / "run", fold=0)
    record = json.loads((run / "run.json").read_text("utf-8"))
    (run / "run.json").write_text(json.dumps(record | {"fold": None, "origin": "here"}), "utf-8")
    (run / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="held out no fold"):
        analyse_errors([run], [folder / "drawn.csv"], tmp_path / "out")


def test_folds_must_have_the_same_runs(folder: Path, tmp_path: Path) -> None:
    runs = [
        fold_run(folder, "lenet5", tmp_path / "a", fold=0),
        fold_run(folder, "lenet5", tmp_path / "b", fold=1, seed=1),
    ]
    with pytest.raises(UsageError, match="every fold must have the same runs"):
        analyse_errors(runs, [folder / "drawn.csv"], tmp_path / "out")


def test_a_manifest_without_the_images_is_an_error(folder: Path, tmp_path: Path) -> None:
    run = fold_run(folder, "lenet5", tmp_path / "a", fold=0)
    listed = pd.read_csv(folder / "drawn.csv")
    listed = listed.assign(path=[str(folder / path) for path in listed["path"]])
    listed.to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(UsageError, match="the manifests lack 14 images"):
        analyse_errors([run], [tmp_path / "other.csv"], tmp_path / "out")


def test_a_file_in_the_way_is_an_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way", "utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        analyse_errors([fold_run(folder, "lenet5", tmp_path / "a", fold=0)], [folder / "drawn.csv"], tmp_path / "out")


def test_the_command_line_passes_everything_on(call: Caller, folder: Path, tmp_path: Path) -> None:
    run = fold_run(folder, "lenet5", tmp_path / "a", fold=1)
    done = call("errors", run, "--data", folder / "drawn.csv", "--out", tmp_path / "out")
    assert done.status == 0
    table = pd.read_csv(tmp_path / "out" / "review.csv")
    assert np.isin(table["fold"], [1]).all()
    # LeNet-5 has no evidence map and so no features to find neighbours by.
    assert table["neighbours_malignant"].isna().all()
    assert "The neighbours' vote alone: ROC AUC undefined" in (tmp_path / "out" / "review.md").read_text("utf-8")

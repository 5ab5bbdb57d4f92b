"""`skinlens subgroups`: rates follow from the committed predictions and the choice, and need no model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skinlens.errors import OutputError, UsageError
from skinlens.export.selection import SelectionError, read_selection
from skinlens.leaderboard.records import HeldOut
from skinlens.studies.held_out_subgroups import held_out_subgroups
from tests.cli.conftest import Caller
from tests.studies.fold_runs import IMAGES, draw_folder

ORIGINS = ("here", "abroad")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_folder(tmp_path_factory.mktemp("drawn"))


def finished_run(listed: pd.DataFrame, origin: str, out: Path) -> Path:
    """What a run leaves behind that held out an origin, with overlapping scores of both labels."""
    rows = listed[listed["origin"] == origin]
    malignant = (rows["label"] == "malignant").to_numpy()
    evidence = np.random.default_rng(len(rows)).normal(np.where(malignant, 0.8, -1.0), 1.1)
    probability = 1 / (1 + np.exp(-evidence))
    out.mkdir()
    columns = ["path", "label", "group_id", "fold", "origin"]
    rows[columns].assign(probability=probability, heatmap_max=0.1).to_csv(out / "fold.csv", index=False)
    record = {
        "recipe": {"name": "drawn"},
        "fold": None,
        "origin": origin,
        "seed": 0,
        "start": "random weights",
        "start_sha256": None,
        "epochs": 1,
        "seconds": 1.0,
    }
    (out / "run.json").write_text(json.dumps(record), "utf-8")
    (out / "log.csv").write_text("epoch,train_loss\n1.0,0.5\n", "utf-8")
    return out


@pytest.fixture
def chosen(call: Caller, folder: Path, tmp_path: Path) -> Path:
    """A choice on both origins, as `select` leaves it."""
    listed = pd.read_csv(folder / "drawn.csv")
    # An origin needs both labels for a choice.
    listed.loc[listed.index % 3 == 0, "origin"] = "abroad"
    runs = [finished_run(listed, origin, tmp_path / origin) for origin in ORIGINS]
    assert call("select", "drawn", *runs, "--calibrate", "--out", tmp_path / "evaluation").status == 0
    return tmp_path / "evaluation" / "selected.json"


def cells(record: dict[str, Any], column: str) -> dict[tuple[str, str], tuple[int | None, int]]:
    return {
        (cell["value"], cell["label"]): (cell["right"], cell["n"])
        for cell in record["subgroups"]["cells"]
        if cell["column"] == column
    }


def test_rates_are_those_of_the_estimates_at_the_default_point(call: Caller, folder: Path, chosen: Path) -> None:
    words = ("--data", folder / "drawn.csv", "--out", chosen.parent, "--selected", chosen)
    called_up = call("subgroups", "drawn", *words)
    assert called_up.status == 0
    record = json.loads((chosen.parent / "drawn.held_out.json").read_text("utf-8"))
    choice = read_selection(chosen, "drawn")
    screening = next(point for point in choice.points if point.name == "screening")
    assert (record["n"], record["held_out"]) == (IMAGES, "origin here, abroad")
    assert record["threshold"] == screening.threshold
    scores = pd.concat([pd.read_csv(chosen.parent / file) for file in choice.out_of_fold], ignore_index=True)
    called = choice.scaling.of_probabilities(scores["probability"]) >= screening.threshold
    benign = (scores["label"] == "benign").to_numpy()
    found = cells(record, "dx")
    assert found[("nv", "benign")] == ((~called & benign).sum(), benign.sum())
    # Too few melanomas to tell a rate, but those that were missed are named.
    assert found[("mel", "malignant")] == (None, (~benign).sum())
    missed = scores["path"][~called & ~benign].str.removesuffix(".png")
    assert record["subgroups"]["missed_melanomas"]["ids"] == [f"ID_{number}" for number in missed]
    assert {value for value, _ in cells(record, "origin")} == set(ORIGINS)
    assert cells(record, "skin_tone")
    assert HeldOut.model_validate(record).n == IMAGES
    assert f"Melanomas missed: {len(missed)} of {(~benign).sum()}" in called_up.out


@pytest.mark.slow
def test_what_cannot_be_told(folder: Path, chosen: Path, tmp_path: Path) -> None:
    drawn = [folder / "drawn.csv"]
    with pytest.raises(SelectionError, match="no choice for other"):
        held_out_subgroups("other", drawn, tmp_path, selected=chosen)
    few = folder / "few.csv"
    pd.read_csv(drawn[0]).head(5).to_csv(few, index=False)
    with pytest.raises(UsageError, match=f"lack {IMAGES - 5} images"):
        held_out_subgroups("drawn", [few], tmp_path, selected=chosen)
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        held_out_subgroups("drawn", drawn, tmp_path / "file", selected=chosen)
    next((chosen.parent / "folds").glob("*abroad.csv")).unlink()
    with pytest.raises(UsageError, match="predictions of the choice cannot be read"):
        held_out_subgroups("drawn", drawn, tmp_path, selected=chosen)

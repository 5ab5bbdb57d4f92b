"""`skinlens select` against the linear probe of the candidate's own pretrained weights."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from skinlens.export.selection import Floor, read_selection
from tests.cli.conftest import Caller
from tests.made_up_probes import held_out_scores, write_probe

RECIPE = {"name": "made_up", "preprocessing": {"size": 64}}
ORIGINS = ("ham", "bcn", "msk")


def finished_run(folder: Path, scores: pd.DataFrame, **changes: object) -> Path:
    """A run that held out the datasets of these scores together, as `train` leaves it."""
    record = {
        "recipe": RECIPE, "data": ["made_up.csv"], "fold": None, "origin": "+".join(scores["origin"].unique()),
        "seed": 3, "start": "start.safetensors", "start_sha256": "a" * 64, "epochs": 6, "seconds": 12.5,
    }  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(record | changes), "utf-8")
    (folder / "log.csv").write_text("epoch,train_loss\n1.0,0.5\n", "utf-8")
    scores.to_csv(folder / "fold.csv", index=False)
    return folder


def mean_area(scores: pd.DataFrame, origins: tuple[str, ...]) -> float:
    areas = []
    for origin in origins:
        part = scores[scores["origin"] == origin]
        areas.append(roc_auc_score(part["label"] == "malignant", part["probability"]))
    return sum(areas) / len(areas)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "evaluation"


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs of a middling candidate; one held out two datasets together."""
    scores = held_out_scores(ORIGINS, skill=1.5)
    together = scores["origin"].isin(["bcn", "msk"])
    return [finished_run(tmp_path / "both", scores[together]), finished_run(tmp_path / "ham", scores[~together])]


def test_a_candidate_below_its_probe_is_rejected(call: Caller, runs: list[Path], out: Path) -> None:
    write_probe(out, held_out_scores(ORIGINS, skill=2.5))
    done = call("select", "model_x", *runs, "--out", out)
    assert (done.status, done.out) == (2, "")
    assert "worse than a linear probe of its own pretrained weights" in done.err
    assert "probe/net.start.json" in done.err
    assert not (out / "selected.json").exists()
    assert not (out / "folds").exists()


def test_a_candidate_above_it_is_chosen_and_the_floor_recorded(call: Caller, runs: list[Path], out: Path) -> None:
    probed, scores = held_out_scores(ORIGINS, skill=0.7), held_out_scores(ORIGINS, skill=1.5)
    path = write_probe(out, probed)
    assert call("select", "model_x", *runs, "--out", out).status == 0
    floor = read_selection(out / "selected.json", "model_x").floor
    assert isinstance(floor, Floor)
    assert (floor.probe, floor.datasets, floor.n) == ("probe/net.start.json", ORIGINS, 270)
    assert floor.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert floor.mean == pytest.approx(mean_area(probed, ORIGINS), abs=1e-5)
    assert floor.candidate == pytest.approx(mean_area(scores, ORIGINS), abs=1e-5)


def test_an_equal_candidate_is_chosen(call: Caller, runs: list[Path], out: Path) -> None:
    write_probe(out, held_out_scores(ORIGINS, skill=1.5))
    assert call("select", "model_x", *runs, "--out", out).status == 0


def test_several_datasets_held_out_together_are_told_apart(call: Caller, runs: list[Path], out: Path) -> None:
    done = call("select", "model_x", *runs, "--calibrate", "--out", out)
    assert done.status == 0
    selection = read_selection(out / "selected.json", "model_x")
    assert selection.origins == ("bcn", "msk", "ham")
    assert [one.origin for one in selection.considered] == ["bcn+msk", "ham"]
    assert [part.origin for part in selection.points[0].measured[1:]] == ["bcn", "msk", "ham"]
    mean = mean_area(held_out_scores(ORIGINS, skill=1.5), ORIGINS)
    assert f"mean over origins {mean:.5f}" in done.err


def test_an_origin_held_out_twice_is_noticed_though_once_with_another(
    call: Caller, runs: list[Path], out: Path, tmp_path: Path
) -> None:
    again = finished_run(tmp_path / "again", held_out_scores(("bcn",), skill=1.5))
    assert "same origin" in call("select", "model_x", *runs, again, "--out", out).err


@pytest.mark.parametrize("on_record", [None, "b" * 64], ids=["none", "of other weights"])
def test_without_a_probe_it_goes_on_and_says_so(
    call: Caller, runs: list[Path], out: Path, on_record: str | None
) -> None:
    if on_record:
        write_probe(out, held_out_scores(ORIGINS, skill=5), sha256=on_record)
    done = call("select", "model_x", *runs, "--out", out)
    assert done.status == 0
    assert "no linear probe of start.safetensors" in done.err
    assert read_selection(out / "selected.json", "model_x").floor == "none"
    assert json.loads((out / "selected.json").read_text("utf-8"))["model_x"]["floor"] == "none"


def test_only_datasets_and_images_that_both_have_count(call: Caller, runs: list[Path], out: Path) -> None:
    """The probe is far better on msk, which it has, and on ids, which the candidate has not held out."""
    probed = held_out_scores((*ORIGINS, "ids"), skill=0.7)
    other = held_out_scores((*ORIGINS, "ids"), skill=9)
    better = probed["origin"].eq("ids") | (probed["origin"].eq("ham") & probed.index.isin(range(30)))
    probed = probed.assign(
        probability=probed["probability"].mask(better, other["probability"]),
        path=probed["path"].mask(better, "elsewhere/" + probed["path"]),
    )
    write_probe(out, probed)
    assert call("select", "model_x", *runs, "--out", out).status == 0
    floor = read_selection(out / "selected.json", "model_x").floor
    assert isinstance(floor, Floor)
    assert (floor.datasets, floor.n) == (ORIGINS, 240)
    assert floor.mean == pytest.approx(mean_area(probed[~better], ORIGINS), abs=1e-5)
    scores = held_out_scores(ORIGINS, skill=1.5)
    assert floor.candidate == pytest.approx(mean_area(scores[~better[:270]], ORIGINS), abs=1e-5)


def test_the_best_of_several_probes_is_the_floor(call: Caller, runs: list[Path], out: Path) -> None:
    write_probe(out, held_out_scores(ORIGINS, skill=0.7), name="weak")
    write_probe(out, held_out_scores(ORIGINS, skill=2.5), name="strong")
    done = call("select", "model_x", *runs, "--out", out)
    assert done.status == 2
    assert "probe/strong.json" in done.err


def test_weights_without_a_file_are_told_apart_by_name(call: Caller, out: Path, tmp_path: Path) -> None:
    scores = held_out_scores(ORIGINS, skill=1.5)
    run = finished_run(tmp_path / "run", scores, start="torchvision A", start_sha256=None)
    write_probe(out, held_out_scores(ORIGINS, skill=2.5), start="torchvision B", sha256=None)
    assert call("select", "model_x", run, "--out", out).status == 0
    write_probe(out, held_out_scores(ORIGINS, skill=2.5), start="torchvision A", sha256=None)
    assert call("select", "model_x", run, "--out", out).status == 2


def test_predictions_that_changed_since_are_an_error(call: Caller, runs: list[Path], out: Path) -> None:
    path = write_probe(out, held_out_scores(ORIGINS, skill=2.5)).with_suffix(".csv")
    path.write_text(path.read_text("utf-8").replace("benign", "malignant", 1), "utf-8")
    done = call("select", "model_x", *runs, "--out", out)
    assert done.status == 1
    assert "net.start.csv is not the file that net.start.json was written with" in done.err


def test_a_label_that_the_two_disagree_on_is_named(call: Caller, runs: list[Path], out: Path) -> None:
    probed = held_out_scores(ORIGINS, skill=0.7)
    probed.loc[0, "label"] = "benign"
    write_probe(out, probed)
    done = call("select", "model_x", *runs, "--out", out)
    assert done.status == 2
    assert "has another label for ham/0.jpg" in done.err


def test_runs_that_held_out_folds_have_no_floor(call: Caller, out: Path, tmp_path: Path) -> None:
    write_probe(out, held_out_scores(ORIGINS, skill=2.5))
    scores = held_out_scores(("ham",), skill=1.5).drop(columns="origin").assign(fold=0)
    run = finished_run(tmp_path / "run", scores.assign(origin="ham"), fold=0, origin=None)
    scores.to_csv(run / "fold.csv", index=False)
    assert call("select", "model_x", run, "--out", out).status == 0
    assert "floor" not in json.loads((out / "selected.json").read_text("utf-8"))["model_x"]

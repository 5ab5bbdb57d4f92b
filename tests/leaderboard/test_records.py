"""Reading the evaluation folder: what is there, what may be absent, and what a damaged file is told."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skinlens.leaderboard.documents import ResultError
from skinlens.leaderboard.records import (
    measured,
    read_model,
    read_results,
    shortcut_measurements,
    submitted_model,
)
from skinlens.metrics.registry import METRICS
from skinlens.metrics.report import evaluate_views
from skinlens.storage.csv_file import CsvFileError
from tests.made_up_results import only, submitted_csv, write_folder


@pytest.fixture
def folder(made_up_evaluations: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made_up_evaluations, tmp_path / "copy")


def edit(path: Path, **changes: Any) -> None:
    """Change keys of a JSON; None removes one."""
    record = json.loads(path.read_text("utf-8")) | changes
    path.write_text(json.dumps({key: value for key, value in record.items() if value is not None}), "utf-8")


def test_every_model_is_read_and_seeds_belong_together(made_up_evaluations: Path) -> None:
    results = read_results(made_up_evaluations)
    assert results.problems == ()
    assert {family: [model.seed for model in seeds] for family, seeds in results.by_family().items()} == {
        "asff_resnet50_paper": [0],
        "asff_resnet50_paper.tta": [0],
        "asff_resnet50_softmax": [0, 1, 2],
        "lenet5": [0],
        "mobilenet_v2": [0],
        "resnet50": [0, 1, 2],
    }
    assert [model.name for model in results.shown] == list(results.by_family())


def test_marks_stand_in_the_label(made_up_evaluations: Path) -> None:
    labels = {model.name: model.label for model in read_results(made_up_evaluations).models}
    assert labels["mobilenet_v2"] == "MobileNetV2 (no ImageNet start)"
    assert labels["asff_resnet50_paper.tta"] == "ASFF ResNet-50, sigmoid gate (test-time augmentation)"
    assert labels["resnet50"] == labels["resnet50.seed1"] == "ResNet-50"
    assert labels["lenet5"] == "lenet5"


def test_scores_of_a_model_that_was_not_released_are_marked(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "e", (only("resnet50"),))
    path = folder / "resnet50.test.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"unverified": True}), "utf-8")
    assert [model.label for model in read_results(folder).models] == ["ResNet-50 (unverified)"]


def test_two_models_of_one_title_are_told_apart(tmp_path: Path) -> None:
    twins = only("mobilenet_v2"), only("mobilenet_v2", name="other", model="other")
    labels = [model.label for model in read_results(write_folder(tmp_path / "e", twins)).models]
    assert labels == ["MobileNetV2 [mobilenet_v2] (no ImageNet start)", "MobileNetV2 [other] (no ImageNet start)"]


def test_what_a_json_may_lack_is_none(made_up_evaluations: Path) -> None:
    bare = read_model(made_up_evaluations / "lenet5.test.json")
    assert bare.record is not None
    assert (bare.imagenet_start, bare.log, bare.tta, bare.seed) == (None, None, False, 0)
    assert (bare.record.robustness, bare.record.bytes, bare.record.time) == (None, None, None)
    assert shortcut_measurements(bare.record).empty


def test_corruptions_that_were_left_out_are_none(folder: Path) -> None:
    reason = {"n": None, "clean": None, "corruptions": None, "reason": "left out"}
    edit(folder / "resnet50.test.json", robustness=reason)
    record = read_model(folder / "resnet50.test.json").record
    assert record is not None
    assert record.robustness is not None
    assert (record.robustness.clean, record.robustness.reason) == (None, "left out")


def test_unknown_keys_do_no_harm(folder: Path) -> None:
    edit(folder / "lenet5.test.json", something_new={"a": 1})
    assert read_model(folder / "lenet5.test.json").name == "lenet5"


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    results = read_results(tmp_path / "nothing")
    assert (results.models, results.problems) == ((), ())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"threshold": None}, "key threshold: Field required"),
        ({"threshold": 1.5}, "key threshold: Input should be less than or equal to 1"),
        ({"views": {}}, "views lacks all"),
        ({"time": "fast"}, "key time: "),
        ({"training": {"imagenet_start": "perhaps"}}, r"key training\.imagenet_start: "),
        ({"robustness": {"clean": {}}}, r"key robustness\.clean\.accuracy: Field required"),
        ({"shortcuts": {"disc": {"value": "high"}}}, r"key shortcuts: .*an entry is not a measurement"),
    ],
)
def test_a_wrong_key_is_named_with_its_file(folder: Path, changes: dict[str, Any], said: str) -> None:
    path = folder / "resnet50.test.json"
    edit(path, **changes)
    with pytest.raises(ResultError, match=rf"^resnet50\.test\.json, .*{said}"):
        read_model(path)


def test_a_wrong_count_is_named(folder: Path) -> None:
    path = folder / "resnet50.test.json"
    record = json.loads((folder / "lenet5.test.json").read_text("utf-8"))
    record["views"]["all"]["n"] += 1
    path.write_text(json.dumps(record), "utf-8")
    with pytest.raises(ResultError, match=r"key views\.all: .*confusion counts 120 images, not n = 121"):
        read_model(path)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("resnet50.test.json", b"{", "resnet50.test.json is not JSON"),
        ("resnet50.test.json", b"\xff", "resnet50.test.json is not JSON"),
        ("resnet50.test.json", b"[" * 200_000, "resnet50.test.json is not JSON"),
        ("resnet50.test.csv", b"path,label\na,benign\n", r"resnet50.test.csv lacks the column\(s\) probability"),
        ("resnet50.log.csv", b"loss\n1\n", "resnet50.log.csv lacks the column epoch"),
        ("resnet50.log.csv", b"epoch,loss\n1,low\n", "resnet50.log.csv, column loss: not every value is a number"),
        ("resnet50.log.csv", b"", "resnet50.log.csv is not a CSV"),
    ],
)
def test_a_damaged_file_is_named_and_the_others_are_read(folder: Path, file: str, content: bytes, said: str) -> None:
    (folder / file).write_bytes(content)
    with pytest.raises(ResultError, match=said):
        read_model(folder / "resnet50.test.json")
    results = read_results(folder)
    assert len(results.problems) == 1
    assert len(results.models) == 9
    assert [model.name for model in results.by_family()["resnet50"]] == ["resnet50.seed1", "resnet50.seed2"]


def test_missing_and_short_predictions_are_named(folder: Path) -> None:
    rows = pd.read_csv(folder / "resnet50.test.csv")
    rows[1:].to_csv(folder / "resnet50.test.csv", index=False)
    with pytest.raises(ResultError, match=r"key views\.all\.n: 120 images, but resnet50\.test\.csv has 119"):
        read_model(folder / "resnet50.test.json")
    (folder / "resnet50.test.csv").unlink()
    with pytest.raises(ResultError, match=r"resnet50\.test\.csv is missing"):
        read_model(folder / "resnet50.test.json")


def test_digest_changes_with_every_file(folder: Path) -> None:
    seen = {read_model(folder / "resnet50.test.json").digest}
    for file in ("resnet50.test.json", "resnet50.test.csv", "resnet50.log.csv"):
        (folder / file).write_bytes((folder / file).read_bytes() + b"\n")
        seen.add(read_model(folder / "resnet50.test.json").digest)
    assert len(seen) == 4


def test_submitted_predictions_take_groups_and_flags_from_ours(made_up_evaluations: Path) -> None:
    ours = read_model(made_up_evaluations / "resnet50.test.json")
    content = submitted_csv(made_up_evaluations)
    yours, said = submitted_model(content, name="mine.csv", threshold=0.4, like=ours)
    assert said == "All 120 images were matched."
    assert (yours.label, yours.source, yours.views) == ("Yours: mine.csv", "yours", ours.views)
    pd.testing.assert_frame_equal(yours.rows.drop(columns="probability"), ours.rows.drop(columns="probability"))
    assert submitted_model(content, name="mine.csv", threshold=0.5, like=ours)[0].digest != yours.digest
    alone, said = submitted_model(content, name="mine.csv", threshold=0.4, like=None)
    assert alone.views == ("all",)
    assert "no evaluated images here" in said
    with pytest.raises(CsvFileError, match="line 2"):
        submitted_model(b"path,label,probability\na,benign,2\n", name="bad.csv", threshold=0.5, like=ours)


def test_what_is_worked_out_for_a_submission_is_what_evaluate_writes(made_up_evaluations: Path) -> None:
    ours = read_model(made_up_evaluations / "resnet50.test.json")
    content = (made_up_evaluations / "resnet50.test.csv").read_bytes()
    yours, _ = submitted_model(content, name="same.csv", threshold=ours.threshold, like=ours)
    for view in ours.views:
        found = measured(yours, view, resamples=40)
        recorded = measured(ours, view)
        assert found is not None
        assert recorded is not None
        assert found.confusion == recorded.confusion
        for metric in METRICS:
            mine, theirs = found.metrics[metric], recorded.metrics[metric]
            assert mine.value == pytest.approx(theirs.value)
            # In the other views the same groups are drawn in another order.
            ends = pytest.approx((theirs.low, theirs.high), abs=1e-12 if view == "all" else 0.06)
            assert (mine.low, mine.high) == ends
    assert measured(yours, "elsewhere") is None


def test_views_hold_the_rows_that_were_evaluated(made_up_evaluations: Path) -> None:
    model = read_model(made_up_evaluations / "resnet50.test.json")
    again = evaluate_views(model.rows, model.rows["probability"], model.threshold, resamples=2)
    assert {view: len(model.seen_in(view)) for view in model.views} == {name: view.n for name, view in again.items()}
    assert model.seen_in("elsewhere").empty


def test_shortcut_figures_are_flat_and_stand_beside_the_plain_auc(made_up_evaluations: Path) -> None:
    record = read_model(made_up_evaluations / "resnet50.test.json").record
    assert record is not None
    table = shortcut_measurements(record)
    disc = table[(table["test"] == "centre_disc") & (table["figure"] == "")].set_index("view")
    assert list(disc.index) == ["all", "no-twins", "native", "clean-native"]
    plain = table[(table["test"] == "centre_disc") & (table["figure"] == "plain")].set_index("view")
    assert plain["value"].tolist() == disc["plain_auc"].tolist()
    # The made-up disc costs 0.06 everywhere.
    assert np.allclose(disc["plain_auc"] - disc["value"], 0.06)
    outline = table[table["test"] == "outline"].set_index("figure")
    assert outline.loc["shape_alone_auc", ["value", "n"]].tolist() == [0.71, 504]
    assert outline["plain_auc"].isna().all()
    assert set(table["test"]) == {"centre_disc", "outline", "backgrounds"}

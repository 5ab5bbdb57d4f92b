"""Shards: whole or not there, with the rows of predict, never scored twice."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from pyarrow import parquet

from skinlens.cli.predict import Outputs, predict
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.runtime.predictor import Predictor
from skinlens.scoring.items import Item, list_items
from skinlens.scoring.shards import PLAN, SCHEMA, SHARD, DestinationError, Job, Shard, prepare, score_shard, shards_of
from skinlens.triage.pipeline import BATCH
from tests.scoring.conftest import IMAGES


def read(job: Job) -> pd.DataFrame:
    return parquet.read_table(job.destination).to_pandas()


def as_predicted(source: Path, out: Path) -> pd.DataFrame:
    """The rows of `predict`, with the types of Parquet."""
    outputs = Outputs(out, as_json=False, heatmaps=None, pdfs=None, orientations=False)
    predict([source], outputs, model=None, point=None, threshold=None)
    numbers = [field.name for field in SCHEMA if field.type != SCHEMA.field("path").type]
    rows = pd.read_csv(out, keep_default_na=False, dtype=str)
    return rows.assign(**{name: pd.to_numeric(rows[name]) for name in numbers})


def assert_equal_rows(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Row by row; a score's last digits depend on the images it was computed beside."""
    pd.testing.assert_frame_equal(
        found.drop(columns="probability"), expected.drop(columns="probability"), check_dtype=False
    )
    assert found["probability"].to_numpy() == pytest.approx(expected["probability"].to_numpy(), abs=1e-6, nan_ok=True)


def test_rows_are_those_of_predict_with_types(folder: Path, job: Job, predictor: Predictor, tmp_path: Path) -> None:
    shards = shards_of(list_items(str(folder)), size=4)
    for shard in prepare(job, shards):
        score_shard(shard, job, predictor)
    table = parquet.read_table(job.destination)
    assert table.schema.remove_metadata() == SCHEMA
    assert_equal_rows(table.to_pandas(), as_predicted(folder, tmp_path / "rows.csv"))


def test_the_decisions_of_a_shard_are_counted(folder: Path, job: Job, predictor: Predictor) -> None:
    (shard,) = shards_of(list_items(str(folder)))
    prepare(job, [shard])
    counted = score_shard(shard, job, predictor)
    assert sum(counted.values()) == IMAGES + 2
    assert counted == read(job)["decision"].value_counts().to_dict()


def test_a_finished_shard_is_not_scored_again(folder: Path, job: Job, predictor: Predictor) -> None:
    shards = shards_of(list_items(str(folder)), size=4)
    assert prepare(job, shards) == shards
    score_shard(shards[1], job, predictor)
    written = (Path(job.destination) / shards[1].file).stat().st_mtime_ns
    left = prepare(job, shards)
    assert left == [shards[0], shards[2]]
    for shard in left:
        score_shard(shard, job, predictor)
    assert prepare(job, shards) == []
    assert (Path(job.destination) / shards[1].file).stat().st_mtime_ns == written
    assert read(job)["path"].tolist() == [item.path for item in list_items(str(folder))]


def test_what_was_interrupted_is_no_result(folder: Path, job: Job, predictor: Predictor) -> None:
    shards = shards_of(list_items(str(folder)))
    prepare(job, shards)
    (Path(job.destination) / "_0123.unfinished").write_bytes(b"half a shard")
    assert prepare(job, shards) == shards
    score_shard(shards[0], job, predictor)
    assert len(read(job)) == IMAGES + 2


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"orientations": True}, "orientations"),
        ({"weights_sha256": "ff" * 32}, "weights sha256"),
        ({"point": {"name": "custom", "threshold": 0.9, "chosen_on": "", "measured": [], "band": None}}, "point"),
    ],
)
def test_results_of_another_run_are_not_mixed_in(folder: Path, job: Job, change: dict, named: str) -> None:  # type: ignore[type-arg]
    shards = shards_of(list_items(str(folder)))
    prepare(job, shards)
    with pytest.raises(DestinationError, match=f"differs in {named};"):
        prepare(replace(job, **change), shards)


def test_other_images_are_another_run(folder: Path, job: Job) -> None:
    shards = shards_of(list_items(str(folder)))
    prepare(job, shards)
    with pytest.raises(DestinationError, match="differs in images, list sha256"):
        prepare(job, shards_of(list_items(str(folder))[1:]))


def test_a_folder_with_other_parquet_files_is_left_alone(tmp_path: Path, folder: Path, job: Job) -> None:
    (tmp_path / "scored").mkdir()
    (tmp_path / "scored" / "mine.parquet").write_bytes(b"")
    with pytest.raises(DestinationError, match="Parquet files of something else"):
        prepare(job, shards_of(list_items(str(folder))))


def test_a_place_that_cannot_be_written_is_reported(tmp_path: Path, job: Job) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DestinationError, match="cannot be written"):
        prepare(replace(job, destination=str(tmp_path / "file" / "below")), [])
    with pytest.raises(DestinationError, match="no place to write to"):
        prepare(replace(job, destination="nosuch://x"), [])


def test_a_worker_with_another_model_stops(folder: Path, job: Job, predictor: Predictor) -> None:
    (shard,) = shards_of(list_items(str(folder)))
    other = replace(job, weights_sha256="ff" * 32)
    prepare(other, [shard])
    with pytest.raises(DestinationError, match="its weights differ"):
        score_shard(shard, other, predictor)
    assert [path.name for path in Path(other.destination).iterdir()] == [PLAN]


def test_an_address_is_written_too(folder: Path, job: Job, predictor: Predictor, tmp_path: Path) -> None:
    there = replace(job, destination=f"file://{tmp_path}/address")
    (shard,) = prepare(there, shards_of(list_items(str(folder))))
    score_shard(shard, there, predictor)
    assert prepare(there, [shard]) == []
    assert len(parquet.read_table(tmp_path / "address")) == IMAGES + 2


def test_shards_keep_the_order_and_the_batches_of_predict() -> None:
    items = [Item(str(number), "", "") for number in range(2 * SHARD + 1)]
    shards = shards_of(items)
    assert [len(shard.items) for shard in shards] == [SHARD, SHARD, 1]
    assert [item for shard in shards for item in shard.items] == items
    assert [shard.file for shard in shards][-1] == "part-000002.parquet"
    assert SHARD % BATCH == 0


def test_a_path_that_is_no_text_is_escaped(job: Job, predictor: Predictor) -> None:
    shard = Shard(0, (Item("a\udcff.png", "a\udcff.png", "", reason="empty", sentence="Nothing."),))
    prepare(job, [shard])
    score_shard(shard, job, predictor)
    assert read(job)["path"].tolist() == ["a\\udcff.png"]


def test_a_replaced_file_is_scored_again(folder: Path, job: Job, predictor: Predictor) -> None:
    shards = shards_of(list_items(str(folder)), size=4)
    for shard in prepare(job, shards):
        score_shard(shard, job, predictor)
    before = read(job).set_index("path")["sha256"]
    other = encode_png(draw_pixels(99, height=96, width=128))
    replaced = Path(shards[1].items[0].path)
    replaced.write_bytes(other)
    changed: list[Shard] = []
    assert prepare(job, shards, on_changed=changed.append) == [shards[1]] == changed
    score_shard(shards[1], job, predictor)
    after = read(job).set_index("path")["sha256"]
    assert after[str(replaced)] == hashlib.sha256(other).hexdigest()
    assert after.drop(str(replaced)).equals(before.drop(str(replaced)))
    assert prepare(job, shards) == []


def test_a_file_of_another_time_and_the_same_bytes_is_left(folder: Path, job: Job, predictor: Predictor) -> None:
    (shard,) = shards_of(list_items(str(folder)))
    prepare(job, [shard])
    score_shard(shard, job, predictor)
    for item in shard.items:
        os.utime(item.path, (1, 1))
    assert prepare(job, [shard]) == []
    Path(shard.items[0].path).unlink()
    assert prepare(job, [shard]) == [shard]


def test_shards_of_earlier_versions_are_compared_by_digest(folder: Path, job: Job, predictor: Predictor) -> None:
    (shard,) = shards_of(list_items(str(folder)))
    prepare(job, [shard])
    score_shard(shard, job, predictor)
    file = Path(job.destination) / shard.file
    parquet.write_table(parquet.read_table(file).replace_schema_metadata(None), file)
    assert prepare(job, [shard]) == []
    Path(shard.items[0].path).write_bytes(b"something else")
    assert prepare(job, [shard]) == [shard]

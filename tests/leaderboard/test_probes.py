"""Probes on record: read again, and what damaged or later files are told."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from skinlens.leaderboard.documents import ResultError
from skinlens.leaderboard.probes import VERSION, read_probe, read_probes
from tests.made_up_probes import held_out_scores, write_probe


@pytest.fixture
def scores() -> pd.DataFrame:
    return held_out_scores(("ham", "bcn"), skill=1.0)


def changed(path: Path, **changes: object) -> Path:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")
    return path


def test_a_probe_is_read_as_it_was_written(tmp_path: Path, scores: pd.DataFrame) -> None:
    path = write_probe(tmp_path, scores)
    (probe,) = read_probes(tmp_path)
    assert probe.file == path
    assert probe.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert list(probe.record.by_origin) == ["ham", "bcn"]
    columns = ["path", "label", "group_id", "origin", "probability"]
    pd.testing.assert_frame_equal(probe.predictions(), scores[columns])


def test_a_folder_without_probes_has_none(tmp_path: Path) -> None:
    assert read_probes(tmp_path) == ()


@pytest.mark.parametrize(
    ("start", "sha256", "same"),
    [("other name", "a" * 64, True), ("start.safetensors", "b" * 64, False), ("start.safetensors", None, False)],
)
def test_weights_are_told_by_their_digest(
    tmp_path: Path, scores: pd.DataFrame, start: str, sha256: str | None, *, same: bool
) -> None:
    assert read_probe(write_probe(tmp_path, scores)).is_of(start, sha256) is same


def test_a_later_version_with_more_keys_is_read(tmp_path: Path, scores: pd.DataFrame) -> None:
    assert read_probe(changed(write_probe(tmp_path, scores), remark="later")).record.version == VERSION


def test_a_later_format_is_told_so(tmp_path: Path, scores: pd.DataFrame) -> None:
    with pytest.raises(ResultError, match=r"net\.start\.json has version 99"):
        read_probe(changed(write_probe(tmp_path, scores), version=99))


def test_a_wrong_key_is_named(tmp_path: Path, scores: pd.DataFrame) -> None:
    with pytest.raises(ResultError, match=r"net\.start\.json, key mean"):
        read_probes(changed(write_probe(tmp_path, scores), mean="high").parents[1])


def test_what_is_no_json_is_told_so(tmp_path: Path, scores: pd.DataFrame) -> None:
    path = write_probe(tmp_path, scores)
    path.write_text("{", "utf-8")
    with pytest.raises(ResultError, match=r"net\.start\.json cannot be read"):
        read_probes(tmp_path)


def test_missing_predictions_are_told_so(tmp_path: Path, scores: pd.DataFrame) -> None:
    path = write_probe(tmp_path, scores)
    path.with_suffix(".csv").unlink()
    with pytest.raises(ResultError, match=r"the predictions of net\.start\.json cannot be read"):
        read_probe(path).predictions()

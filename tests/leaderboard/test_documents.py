"""Evaluation records as documents: shipped files keep their bytes, unknown keys do no harm, and versions are minded."""

import json
from pathlib import Path
from typing import Any

import pytest

from skinlens.leaderboard.documents import RECORD_VERSION, EvaluationRecord, HeldOut, ResultError, parse
from skinlens.leaderboard.probes import read_probes
from skinlens.runtime.card import read_card, write_card

WEIGHTS = Path(__file__).parents[2] / "weights"
RECORDS = sorted((WEIGHTS / "evaluation").glob("*.test.json"))
HELD_OUT = sorted((WEIGHTS / "evaluation").glob("*.held_out.json"))
CARDS = sorted(WEIGHTS.glob("*.json"))


@pytest.fixture
def document() -> dict[str, Any]:
    """Of the model that was released before files had a version."""
    return json.loads((WEIGHTS / "evaluation" / "asff_resnet50.test.json").read_text("utf-8"))


def read(document: dict[str, Any]) -> EvaluationRecord:
    return parse(EvaluationRecord, json.dumps(document).encode(), "m.test.json")


@pytest.mark.parametrize("path", [*RECORDS, *HELD_OUT], ids=lambda path: path.name)
def test_a_shipped_file_is_written_again_byte_for_byte(path: Path, tmp_path: Path) -> None:
    kind = HeldOut if path in HELD_OUT else EvaluationRecord
    parse(kind, path.read_bytes(), path.name).write(tmp_path / path.name)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_a_shipped_probe_is_written_again_byte_for_byte() -> None:
    probes = read_probes(WEIGHTS / "evaluation")
    assert probes
    for probe in probes:
        assert (probe.record.model_dump_json(indent=1) + "\n").encode() == probe.file.read_bytes()


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.name)
def test_a_shipped_card_is_written_again_byte_for_byte(path: Path, tmp_path: Path) -> None:
    write_card(read_card(path), tmp_path / path.name)
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_a_file_without_a_version_is_version_one(document: dict[str, Any]) -> None:
    assert "record_version" not in document
    assert read(document).record_version == 1
    again = json.loads(read({"record_version": RECORD_VERSION} | document).to_json())
    assert again["record_version"] == RECORD_VERSION


def test_a_later_version_is_refused_in_plain_words(document: dict[str, Any]) -> None:
    with pytest.raises(ResultError, match=r"m\.test\.json was written by a later SkinLens \(record version 2\)"):
        read(document | {"record_version": RECORD_VERSION + 1})


@pytest.mark.parametrize("keys", [(), ("training",), ("time",), ("views", "all"), ("shortcuts", "outline")])
def test_unknown_keys_are_kept(document: dict[str, Any], keys: tuple[str, ...]) -> None:
    place = document
    for key in keys:
        place = place[key]
    place["added_later"] = {"colours": ["red", 3]}
    assert json.loads(read(document).to_json()) == document


def test_an_unknown_key_of_a_measurement_does_no_harm(document: dict[str, Any]) -> None:
    document["views"]["all"]["metrics"]["accuracy"]["added_later"] = 1
    document["subgroups"]["cells"][0]["rate"]["added_later"] = 1
    assert read(document).views["all"].metrics["accuracy"].value is not None


def test_a_metric_that_is_missing_or_unknown_does_no_harm(document: dict[str, Any]) -> None:
    metrics = document["views"]["all"]["metrics"]
    metrics["kappa"] = metrics.pop("f1")
    view = read(document).views["all"]
    assert "f1" not in view.metrics
    assert view.metrics["kappa"].value == metrics["kappa"]["value"]


def test_the_second_interval_stands_with_its_metric(document: dict[str, Any]) -> None:
    view, stored = read(document).views["all"], document["views"]["all"]["metrics"]
    assert {name for name, entry in stored.items() if entry["second"]} == set(view.second)
    accuracy = view.second["accuracy"]
    assert (accuracy.value, accuracy.n) == (stored["accuracy"]["value"], stored["accuracy"]["n"])
    assert {"low": accuracy.low, "high": accuracy.high} == stored["accuracy"]["second"]

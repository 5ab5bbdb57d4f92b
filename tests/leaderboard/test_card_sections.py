"""What lies beside a card: the same figures as in the files, and nothing of other weights or another threshold."""

import json
from pathlib import Path

import pandas as pd
import pytest

from skinlens.leaderboard.card_sections import held_out_sentence, measured_sections, read_measured
from skinlens.leaderboard.documents import ResultError
from skinlens.leaderboard.records import EvaluatedModel

DIGEST = "d" * 64
NAME = "asff_resnet50_paper"


@pytest.fixture
def folder(made_up_evaluations: Path, tmp_path: Path) -> Path:
    """One model's files, with the digest of its weights."""
    for path in made_up_evaluations.glob(f"{NAME}.[th]*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    record = json.loads((tmp_path / f"{NAME}.test.json").read_text("utf-8"))
    (tmp_path / f"{NAME}.test.json").write_text(json.dumps(record | {"weights_sha256": DIGEST}), "utf-8")
    return tmp_path


def read(folder: Path, *, digest: str = DIGEST, threshold: float = 0.46) -> EvaluatedModel | None:
    return read_measured(folder, NAME, weights_sha256=digest, threshold=threshold)


def test_sections_hold_the_recorded_figures(folder: Path) -> None:
    model = read(folder)
    assert model is not None
    assert model.record is not None
    assert model.held_out is not None
    sections = dict(measured_sections(model))
    duplicates, _, shortcuts = sections["Train-test duplicates and shortcuts"]
    views = model.record.views
    assert str(duplicates).startswith(f"{views['all'].n - views['no-twins'].n} of {views['all'].n} test images")
    assert isinstance(shortcuts, pd.DataFrame)
    assert "0.810 (0.760 to 0.860)" in set(shortcuts["Value"])
    held_out, test = (block for block in sections["Sensitivity and specificity by part"] if not isinstance(block, str))
    assert "basal cell carcinoma" in set(held_out["Part"])
    assert "basal cell carcinoma" not in set(test["Part"])
    shown = [cell for cell in model.held_out.subgroups.cells if cell.rate.value is not None]
    assert len(held_out) == len(shown) < len(model.held_out.subgroups.cells)
    assert held_out["Images"].tolist() == [cell.n for cell in shown]
    melanomas = sections["Missed melanomas"]
    for sentence, subgroups in zip(melanomas, (model.held_out.subgroups, model.record.subgroups), strict=True):
        assert subgroups is not None
        missed = subgroups.missed_melanomas
        assert f"{len(missed.ids)} of {missed.n}" in str(sentence)
        assert all(name in str(sentence) for name in missed.ids)


def test_figures_of_another_threshold_are_left_out(folder: Path) -> None:
    model = read(folder, threshold=0.5)
    assert model is not None
    assert model.held_out is None
    assert held_out_sentence(model) == ""
    sections = dict(measured_sections(model))
    assert sum(not isinstance(block, str) for block in sections["Sensitivity and specificity by part"]) == 1
    assert len(sections["Missed melanomas"]) == 1


def test_other_weights_have_nothing(folder: Path, tmp_path: Path) -> None:
    assert read(folder, digest="e" * 64) is None
    assert read(tmp_path / "nowhere") is None


def test_a_damaged_file_is_an_error(folder: Path) -> None:
    (folder / f"{NAME}.held_out.json").write_text("{}", "utf-8")
    with pytest.raises(ResultError, match=r"held_out\.json, key held_out"):
        read(folder)

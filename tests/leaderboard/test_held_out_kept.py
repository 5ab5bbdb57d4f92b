"""Measurements on held-out datasets on record: used as long as they are of these predictions, else made again."""

from pathlib import Path

import pandas as pd
import pytest

from skinlens.export.selection import predictions_by_dataset, read_selections
from skinlens.leaderboard import held_out_models
from skinlens.leaderboard.held_out_kept import FOLDER, keep_datasets, kept_datasets
from skinlens.leaderboard.held_out_models import measure_files, read_models
from skinlens.runtime.weights import weights_folder
from tests.made_up_probes import held_out_scores

SHIPPED = weights_folder() / "evaluation"
CHOSEN = predictions_by_dataset(read_selections(SHIPPED / "selected.json"))
FILES = ["one.csv", "two.csv"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file, origins in zip(FILES, (("ham",), ("bcn", "msk")), strict=True):
        held_out_scores(origins, skill=1.0).to_csv(tmp_path / file, index=False)
    keep_datasets(tmp_path, "net", FILES, measure_files(tmp_path, FILES))
    return tmp_path


def test_what_is_kept_is_what_was_measured(folder: Path) -> None:
    assert kept_datasets(folder, "net", FILES) == measure_files(folder, FILES)


def test_a_page_does_not_measure_what_is_on_record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = measure_files(folder, FILES)

    def measure(*_arguments: object) -> None:
        pytest.fail("it was measured again")

    monkeypatch.setattr(held_out_models, "measure_datasets", measure)
    (model,), problems = read_models(folder, {"net": FILES}, {}, default="net")
    assert (model.datasets, problems) == (expected, [])


@pytest.mark.parametrize("change", ["another file", "other predictions", "another interval", "no record", "damaged"])
def test_a_record_of_anything_else_is_not_used(folder: Path, change: str) -> None:
    files = list(FILES)
    record = folder / FOLDER / "net.json"
    if change == "another file":
        files = files[:1]
    elif change == "other predictions":
        table = pd.read_csv(folder / "one.csv")
        table.assign(probability=1 - table["probability"]).to_csv(folder / "one.csv", index=False)
    elif change == "another interval":
        record.write_text(record.read_text("utf-8").replace("2000 resamples", "20 resamples"), "utf-8")
    elif change == "no record":
        record.unlink()
    else:
        record.write_text("{", "utf-8")
    assert kept_datasets(folder, "net", files) is None
    (model,), problems = read_models(folder, {"net": files}, {}, default="net")
    assert (model.datasets, problems) == (measure_files(folder, files), [])


@pytest.mark.parametrize("name", sorted(CHOSEN))
def test_every_shipped_choice_has_a_record(name: str) -> None:
    """Otherwise the Compare page takes seconds to open; `python -m skinlens documents` writes it."""
    assert kept_datasets(SHIPPED, name, CHOSEN[name]) is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(CHOSEN))
def test_shipped_records_are_what_the_predictions_give(name: str) -> None:
    assert kept_datasets(SHIPPED, name, CHOSEN[name]) == measure_files(SHIPPED, CHOSEN[name])

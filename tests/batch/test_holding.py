"""Runs that still hold what is deleted elsewhere are named; those that cannot be read are counted."""

import shutil
from pathlib import Path

from skinlens.batch.holding import RUNS, runs_holding
from skinlens.batch.store import BatchStore
from skinlens.storage.location import data_folder
from skinlens.ui.batch.runs import runs_folder


def test_it_looks_where_the_app_keeps_its_runs() -> None:
    assert runs_folder() == data_folder() / RUNS


def test_a_run_with_the_image_is_named(finished: BatchStore, tmp_path: Path) -> None:
    root = finished.folder.parent
    digests = [line.sha256 for line in finished.lines() if line.sha256]
    holding, unread = runs_holding(root, digests[:1])
    assert ([(run.title, run.images, run.named) for run in holding], unread) == ([(finished.run().title, 1, False)], 0)
    assert runs_holding(root, ["0" * 64]) == ((), 0)
    assert runs_holding(tmp_path / "nowhere", digests) == ((), 0)


def test_a_run_whose_facts_name_the_patient_is_named(finished: BatchStore) -> None:
    line = next(line for line in finished.lines() if line.sha256)
    finished.add_facts("facts.csv", f"sha256,case_id\n{line.sha256},P-7\n".encode())
    root = finished.folder.parent
    (run,), _ = runs_holding(root, [], pseudonym="P-7")
    assert (run.images, run.named) == (0, True)
    assert runs_holding(root, [], pseudonym="P-8") == ((), 0)


def test_a_run_that_cannot_be_read_is_counted(finished: BatchStore) -> None:
    damaged = shutil.copytree(finished.folder, finished.folder.with_name("damaged"))
    (damaged / "run.sqlite").write_bytes(b"no database" * 100)
    for leftover in damaged.glob("run.sqlite-*"):
        leftover.unlink()
    assert runs_holding(finished.folder.parent, ["0" * 64]) == ((), 1)

"""Uploads: copied into the run under names of our own, listed as they were dropped, gone when the run is finished."""

import io
import zipfile
from pathlib import Path

import pytest

from skinlens.batch.errors import BatchError
from skinlens.batch.reopen import image_again
from skinlens.batch.spool import Upload, take_in
from skinlens.imaging.sources import PassedOver
from skinlens.runtime.predictor import Predictor
from tests.batch.conftest import MakeRun, assess_all


def uploads(folder: Path, *names: str) -> list[Upload]:
    return [Upload(name, io.BytesIO((folder / name).read_bytes())) for name in names]


def packed(folder: Path, *names: str) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.write(folder / name, name)
    stream.seek(0)
    return stream


def test_a_dropped_folder_keeps_its_order_and_passes_over_what_is_no_image(folder: Path, new_run: MakeRun) -> None:
    store = new_run(kind="upload")
    take_in(store, uploads(folder, "c.png", "notes.txt", "a/1.png"), whole_folder=True)
    assert [(line.path, line.relative) for line in store.lines()] == [("c.png", "c.png"), ("a/1.png", "a/1.png")]
    assert store.progress().passed_over == 1
    assert store.passed_over() == [PassedOver("notes.txt", "No image by its name or its content.")]


def test_files_of_their_own_all_get_a_row(folder: Path, new_run: MakeRun, predictor: Predictor) -> None:
    store = new_run(kind="upload")
    take_in(store, uploads(folder, "notes.txt", "c.png"), whole_folder=False)
    assess_all(store, predictor)
    assert [line.reason for line in store.lines()] == ["not_an_image", ""]


def test_members_of_an_uploaded_archive_are_named_by_it(folder: Path, new_run: MakeRun, predictor: Predictor) -> None:
    store = new_run(kind="upload")
    take_in(store, [Upload("ward.zip", packed(folder, "b/1.png", "notes.txt"))], whole_folder=False)
    assess_all(store, predictor)
    (line,) = store.lines()
    assert (line.path, line.relative, line.state) == ("ward.zip!/b/1.png", "b/1.png", "judged")
    assert store.progress().passed_over == 1
    assert store.passed_over() == [PassedOver("ward.zip!/notes.txt", "No image by its name or its content.")]
    assert image_again(store.image(0)).sha256 == line.sha256


@pytest.mark.parametrize("content", [b"PK\x03\x04 rubbish", b"PK\x05\x06" + bytes(18)])
def test_an_archive_that_holds_no_image_is_named_as_it_was_dropped(new_run: MakeRun, content: bytes) -> None:
    store = new_run(kind="upload")
    take_in(store, [Upload("ward.zip", io.BytesIO(content))], whole_folder=False)
    (line,) = store.lines()
    assert (line.path, line.relative, line.state) == ("ward.zip", "ward.zip", "unreadable")


@pytest.mark.parametrize(
    "name", ["../../../etc/evil.png", "/etc/evil.png", "C:\\evil.png", "a\0b.png", "x" * 400 + ".png"]
)
def test_no_name_from_outside_becomes_a_path(folder: Path, new_run: MakeRun, name: str) -> None:
    store = new_run(kind="upload")
    take_in(store, [Upload(name, io.BytesIO((folder / "c.png").read_bytes()))], whole_folder=False)
    assert [path.name for path in store.spool.iterdir()] == ["000000.png"]
    assert [line.relative for line in store.lines()] == [name]


def test_after_finishing_results_stay_and_the_image_is_told_to_be_gone(
    folder: Path, new_run: MakeRun, predictor: Predictor
) -> None:
    store = new_run(kind="upload")
    take_in(store, uploads(folder, "c.png"), whole_folder=False)
    assess_all(store, predictor)
    before = store.lines()
    store.finish()
    assert not store.spool.exists()
    assert store.lines() == before
    assert store.thumbnails([0]) == {}
    with pytest.raises(BatchError, match="can no longer be read"):
        image_again(store.image(0))


def test_members_of_any_name_are_listed_and_assessed(folder: Path, new_run: MakeRun, predictor: Predictor) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in ("", "//", "a.png", "..\\b.png", "\x1b[2J.png", "n" * 60_000 + ".png"):
            archive.writestr(zipfile.ZipInfo(name), (folder / "c.png").read_bytes())
    stream.seek(0)
    store = new_run(kind="upload")
    take_in(store, [Upload("ward.zip", stream)], whole_folder=False)
    assess_all(store, predictor)
    assert [line.state for line in store.lines()] == ["judged"] * 6
    assert {line.relative for line in store.lines()} >= {"unnamed-0", "unnamed-1", "a.png"}

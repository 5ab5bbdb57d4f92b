"""A backup holds everything, restores into either kind of database, and never half."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from skinlens.cases.backup import back_up, restore
from skinlens.cases.errors import CaseStoreError
from skinlens.cases.store import CaseStore
from skinlens.cases.verify import verify
from tests.made_up_cases import CARD, build_record


@pytest.fixture
def archive(store: CaseStore, tmp_path: Path) -> Path:
    assessment = store.save(build_record(), CARD, actor="a", keep_pixels=True)
    store.review(assessment, "unsure", note="n", blind=False, actor="b")
    store.save(build_record(score=0.1), CARD, actor="a")
    back_up(store, tmp_path / "backup.zip")
    return tmp_path / "backup.zip"


def rewritten(archive: Path, changes: dict[str, bytes | None]) -> Path:
    """The archive with members changed, added, or (None) left out."""
    target = archive.with_name("changed.zip")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for name in [*old.namelist(), *(name for name in changes if name not in old.namelist())]:
            content = changes.get(name, old.read(name) if name in old.namelist() else None)
            if content is not None:
                new.writestr(name, content)
    return target


def test_everything_comes_back(store: CaseStore, other: CaseStore, archive: Path) -> None:
    restored = restore(other, archive)
    assert restored.findings == ()
    assert restored == verify(store)
    assert other.search().lines == store.search().lines
    (line, _) = other.search().lines
    row, original = other.assessment(line.id), store.assessment(line.id)
    assert (row.signed_map, row.created, row.note) == (original.signed_map, original.created, original.note)
    assert [path.read_bytes() for path in other.pixels.path.iterdir()] == [
        path.read_bytes() for path in store.pixels.path.iterdir()
    ]


def test_work_goes_on_after_a_restore(other: CaseStore, archive: Path) -> None:
    restore(other, archive)
    other.save(build_record(score=0.5), CARD, actor="a")
    assert other.search().total == 3
    assert verify(other).findings == ()


def test_a_backup_of_a_backup_is_the_same(other: CaseStore, archive: Path, tmp_path: Path) -> None:
    restore(other, archive)
    back_up(other, tmp_path / "again.zip")
    with zipfile.ZipFile(archive) as first, zipfile.ZipFile(tmp_path / "again.zip") as second:
        assert {name: sorted(first.read(name).splitlines()) for name in first.namelist()} == {
            name: sorted(second.read(name).splitlines()) for name in second.namelist()
        }


def test_it_is_restored_into_an_empty_store_only(store: CaseStore, archive: Path) -> None:
    before = verify(store)
    with pytest.raises(CaseStoreError, match="there are cases here already"):
        restore(store, archive)
    assert verify(store) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"assessment.jsonl": None},
        {"manifest.json": b"{"},
        {"review.jsonl": b'{"id": "x"}\n'},
        {"log.jsonl": b"nothing\n"},
        {"manifest.json": json.dumps({"format": 99, "revision": "0001", "head": ""}).encode()},
        {"manifest.json": json.dumps({"format": 1, "revision": "9999", "head": ""}).encode()},
    ],
)
def test_a_damaged_archive_leaves_the_store_empty(
    other: CaseStore, archive: Path, changes: dict[str, bytes | None]
) -> None:
    with pytest.raises(CaseStoreError, match="could not be restored"):
        restore(other, rewritten(archive, changes))
    assert verify(other).entries == 0
    assert other.search().total == 0
    assert not list(other.pixels.path.glob("*"))


def test_what_is_no_archive_is_reported(other: CaseStore, tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"no archive")
    with pytest.raises(CaseStoreError, match=r"no\.zip is damaged"):
        restore(other, tmp_path / "no.zip")
    with pytest.raises(CaseStoreError, match="No such file"):
        restore(other, tmp_path / "absent.zip")


def test_an_archive_writes_nowhere_else(other: Any, archive: Any, tmp_path: Path) -> None:
    evil = {"pixels/../../evil.png": b"x", "../evil.png": b"x", "pixels/evil.exe": b"x", "/tmp/evil.png": b"x"}  # noqa: S108
    restore(other, rewritten(archive, evil))  # type: ignore[arg-type]
    assert not list(tmp_path.rglob("evil*"))


def test_a_changed_row_in_an_archive_is_found(other: CaseStore, archive: Path) -> None:
    with zipfile.ZipFile(archive) as read:
        rows = read.read("review.jsonl").replace(b"unsure", b"benign")
    restored = restore(other, rewritten(archive, {"review.jsonl": rows}))
    assert any("The review" in finding and "was changed" in finding for finding in restored.findings)


def test_a_failed_backup_leaves_the_old_one(store: CaseStore, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = archive.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zipfile.ZipFile.writestr", full)
    with pytest.raises(CaseStoreError, match="backup could not be written: the disk is full"):
        back_up(store, archive)
    assert archive.read_bytes() == content
    assert not list(archive.parent.glob("*.unfinished"))


@pytest.mark.timeout(20)
def test_a_pipe_is_no_backup(other: CaseStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(CaseStoreError, match="named pipe"):
        restore(other, tmp_path / "pipe.zip")

"""An image whose save or deletion was interrupted is found and deleted; one that is being saved never is."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.pixels import PixelFolder
from skinlens.cases.schema import KeptPixels, LogEntry
from skinlens.cases.store import CaseStore, open_file
from skinlens.cases.tidy import FILE
from skinlens.cases.verify import verify
from tests.cli.conftest import Caller
from tests.cli.conftest import call as call
from tests.made_up_cases import CARD, build_record, lesion_image

ACTOR = "a"
ROOT = Path(__file__).parents[2]
# For each line that it reads, begins a process that saves and deletes until it is killed, says which and that it has
# begun, and says when it has ended. Most of such a process's time lies between an image and its case.
BUSY = """
import os
import sys
import time
from pathlib import Path
from skinlens.cases.pixels import PixelFolder
from skinlens.cases.store import open_file
from skinlens.triage.case import CaseFacts
from tests.made_up_cases import CARD, build_record, lesion_image
write = PixelFolder.write
def slowly(*given):
    digest = write(*given)
    time.sleep(0.03)
    return digest
PixelFolder.write = slowly
def save_and_delete():
    store = open_file(Path(sys.argv[1]))
    print(os.getpid(), flush=True)
    # Each process saves images of its own: the same case is not saved twice.
    first, number = time.time_ns(), 0
    while True:
        number += 1
        image = lesion_image(160, 120, sha256=f"{first + number:064x}")
        facts = CaseFacts(f"P-{number % 3}", "57", "female", "left shoulder", "")
        store.save(build_record(image=image, facts=facts), CARD, actor="a", keep_pixels=True)
        if number % 4 == 0:
            store.erase(f"P-{number % 3}", actor="a")
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        save_and_delete()
    os.waitpid(child, 0)
    print("ended", flush=True)
"""
KILLS = 12


class EndedError(BaseException):
    """Stands for the end of the process: no handler of the program's own would run."""


def removed(store: CaseStore) -> list[LogEntry]:
    with Session(store.engine) as session:
        return list(session.scalars(select(LogEntry).where(LogEntry.table_name == FILE)))


def images(store: CaseStore) -> tuple[set[str], set[str]]:
    """Ids of images by their rows, and by their files."""
    with Session(store.engine) as session:
        return set(session.scalars(select(KeptPixels.image_id))), {path.stem for path in store.pixels.files()}


def nothing_pending(pixels: PixelFolder) -> bool:
    return not list(pixels.pending.glob("*"))


def leave_behind(store: CaseStore, *, marked: bool) -> Path:
    """An image file as a program leaves it that ended before its case was saved."""
    record = build_record()
    image_id = "ab" * 16
    if marked:
        store.pixels.mark(image_id)
    store.pixels.write(image_id, record.image.pixels)
    return store.pixels.file(image_id)


@pytest.mark.slow
def test_whenever_a_saving_program_is_killed_the_rest_can_be_tidied_up(tmp_path: Path) -> None:
    """Killed at seeded moments between its first save and its fourth or so, until that was in mid-save once."""
    moments, path = random.Random(17), tmp_path / "kept" / "cases.sqlite"  # noqa: S311 - no secret
    interrupted = 0
    with subprocess.Popen(
        [sys.executable, "-c", BUSY, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as saving:
        assert saving.stdin is not None
        assert saving.stdout is not None
        for number in range(10 * KILLS):
            if number >= KILLS and interrupted:
                break
            print("another", file=saving.stdin, flush=True)
            busy = int(saving.stdout.readline())
            time.sleep(moments.uniform(0.0, 0.25))
            os.kill(busy, signal.SIGKILL)
            assert saving.stdout.readline() == "ended\n"
            store = open_file(path)
            rows, files = images(store)
            interrupted += rows != files
            store.tidy(actor=ACTOR)
            found = verify(store)
            rows, files = images(store)
            store.engine.dispose()
            assert found.findings == ()
            assert rows == files
            assert nothing_pending(store.pixels)
    assert interrupted


STEPS = ("marked", "written", "row added", "before the commit")


@pytest.mark.parametrize("step", STEPS)
def test_a_save_that_ends_at_any_step_leaves_nothing_for_long(
    store: CaseStore, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = store.save(build_record(), CARD, actor=ACTOR, keep_pixels=True)
    end_at(step, monkeypatch)
    image = lesion_image(sha256="0f" * 32)
    with pytest.raises(EndedError):
        store.save(build_record(image=image), CARD, actor=ACTOR, keep_pixels=True)
    monkeypatch.undo()
    rows, files = images(store)
    assert len(rows) == 1
    assert len(files) == (1 if step == "marked" else 2)
    # Nobody has tampered with anything, and the check does not say so.
    assert verify(store).findings == ()
    assert store.tidy(actor="the one who tidies") == (0 if step == "marked" else 1)
    assert images(store) == (rows, rows)
    assert nothing_pending(store.pixels)
    found = verify(store)
    assert found.findings == ()
    assert [entry.actor for entry in removed(store)] == ["the one who tidies"] * (step != "marked")
    assert store.tidy(actor=ACTOR) == 0
    assert verify(store).head == found.head
    assert store.pixels.read(store.assessment(kept).image_id) is not None


def end_at(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the program end in the middle of a save, as if it was killed: no handler of its own runs."""

    def end(*_: object, **__: object) -> None:
        raise EndedError

    monkeypatch.setattr("skinlens.cases.store._Writer.settle", lambda _: None)
    monkeypatch.setattr(CaseStore, "tidy", lambda *_, **__: 0)
    monkeypatch.setattr(PixelFolder, "remove", lambda *_: None)
    if step == "marked":
        monkeypatch.setattr(PixelFolder, "write", end)
    elif step == "written":
        write = PixelFolder.write_file

        def write_and_end(pixels: PixelFolder, image_id: str, content: bytes) -> None:
            write(pixels, image_id, content)
            end()

        monkeypatch.setattr(PixelFolder, "write_file", write_and_end)
    elif step == "row added":
        from skinlens.cases.store import append

        def append_and_end(session: Session, row: object, action: str, actor: str) -> None:
            append(session, row, action, actor)  # type: ignore[arg-type]
            if isinstance(row, KeptPixels):
                end()

        monkeypatch.setattr("skinlens.cases.store.append", append_and_end)
    else:
        event.listen(Session, "before_commit", end, once=True)


def test_a_deletion_that_ends_before_its_files_are_gone_is_finished(
    store: CaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(build_record(), CARD, actor=ACTOR, keep_pixels=True)

    def end(*_: object) -> None:
        raise EndedError

    monkeypatch.setattr(PixelFolder, "remove", end)
    with pytest.raises(EndedError):
        store.erase("P-2026-0117", actor=ACTOR)
    monkeypatch.undo()
    assert images(store)[1]
    assert store.tidy(actor=ACTOR) == 1
    assert images(store) == (set(), set())
    assert verify(store).findings == ()


def test_deleting_a_patient_takes_what_an_interrupted_save_has_left(store: CaseStore) -> None:
    store.save(build_record(), CARD, actor=ACTOR)
    path = leave_behind(store, marked=True)
    store.erase("P-2026-0117", actor=ACTOR)
    assert not path.exists()
    assert verify(store).findings == ()


def test_a_commit_that_fails_leaves_no_file(store: CaseStore) -> None:
    def full(_: Session) -> None:
        if list(store.pixels.path.glob("*.png")):
            event.remove(Session, "before_commit", full)
            raise OSError(28, "No space left on device")

    event.listen(Session, "before_commit", full)
    with pytest.raises(CaseStoreError, match="the disk is full"):
        store.save(build_record(), CARD, actor=ACTOR, keep_pixels=True)
    assert images(store) == (set(), set())
    assert nothing_pending(store.pixels)
    assert verify(store).findings == ()


def test_an_image_that_is_being_saved_is_never_deleted(store: CaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow save: its file lies there, its row does not yet, and somebody tidies up everything meanwhile."""
    written, go_on = threading.Event(), threading.Event()
    write = PixelFolder.write

    def slowly(pixels: PixelFolder, image_id: str, content: object) -> str:
        digest = write(pixels, image_id, content)  # type: ignore[arg-type]
        written.set()
        assert go_on.wait(30)
        return digest

    monkeypatch.setattr(PixelFolder, "write", slowly)
    saved: list[str] = []
    deleted: list[int] = []
    other = CaseStore(store.engine, PixelFolder(store.pixels.path))
    saving = threading.Thread(
        target=lambda: saved.append(store.save(build_record(), CARD, actor=ACTOR, keep_pixels=True))
    )
    saving.start()
    assert written.wait(30)
    # Nor does a check at this moment take it for a stray one.
    assert verify(other).findings == ()
    tidying = threading.Thread(target=lambda: deleted.append(other.tidy(actor=ACTOR, unmarked=True)))
    tidying.start()
    tidying.join(0.5)
    assert tidying.is_alive()
    go_on.set()
    for thread in (saving, tidying):
        thread.join(30)
    assert deleted == [0]
    assert store.pixels.read(store.assessment(saved[0]).image_id) is not None
    assert nothing_pending(store.pixels)
    assert verify(store).findings == ()


def test_a_mark_whose_case_was_saved_is_taken_away_alone(store: CaseStore) -> None:
    """The program ended after the case was saved, and before it could take its mark away."""
    row = store.assessment(store.save(build_record(), CARD, actor=ACTOR, keep_pixels=True))
    store.pixels.mark(row.image_id)
    (store.pixels.pending / f"{row.image_id}.unfinished").write_bytes(b"half")
    assert store.tidy(actor=ACTOR) == 1
    assert store.pixels.read(row.image_id) is not None
    assert nothing_pending(store.pixels)
    assert verify(store).findings == ()


def test_a_file_that_nobody_marked_takes_a_persons_word(store: CaseStore) -> None:
    path = leave_behind(store, marked=False)
    assert store.tidy(actor=ACTOR) == 0
    assert verify(store).findings == (f"{path.name} lies among the kept pixels without a row.",)
    named = store.pixels.path / "Ms Smith, 1962.png"
    named.write_bytes(b"x")
    assert store.tidy(actor=ACTOR, unmarked=True) == 2
    assert not path.exists()
    assert not named.exists()
    assert verify(store).findings == ()
    assert all("Smith" not in entry.row_id for entry in removed(store))


def test_what_could_not_be_deleted_is_deleted_later(store: CaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended after the log has it, and before the file was deleted."""
    leave_behind(store, marked=True)

    def end(path: Path, **_: object) -> None:
        if path.suffix == ".removed":
            raise EndedError
        unlink(path, missing_ok=True)

    unlink = Path.unlink
    monkeypatch.setattr(Path, "unlink", end)
    with pytest.raises(EndedError):
        store.tidy(actor=ACTOR)
    monkeypatch.undo()
    assert images(store) == (set(), set())
    assert not nothing_pending(store.pixels)
    assert store.tidy(actor=ACTOR) == 1
    assert nothing_pending(store.pixels)
    assert verify(store).findings == ()


class TestCommand:
    @pytest.fixture
    def kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CaseStore:
        monkeypatch.setenv("SKINLENS_HOME", str(tmp_path / "home"))
        monkeypatch.delenv("SKINLENS_DB_URL", raising=False)
        store = open_file(tmp_path / "home" / "cases.sqlite")
        store.save(build_record(), CARD, actor=ACTOR, keep_pixels=True)
        return store

    def test_it_deletes_says_so_and_the_check_passes(self, kept: CaseStore, call: Caller) -> None:
        path = leave_behind(kept, marked=True)
        done = call("cases", "tidy")
        assert (done.status, path.exists()) == (0, False)
        assert "deleted 1 image file without a case" in done.err
        assert len(removed(kept)) == 1
        kept.engine.dispose()
        assert call("cases", "verify").status == 0

    def test_every_start_does_the_same(self, kept: CaseStore, call: Caller) -> None:
        path = leave_behind(kept, marked=True)
        kept.engine.dispose()
        assert call("cases", "verify").status == 0
        assert not path.exists()

    def test_a_file_of_unknown_origin_is_deleted_with_yes_alone(self, kept: CaseStore, call: Caller) -> None:
        path = leave_behind(kept, marked=False)
        kept.engine.dispose()
        done = call("cases", "tidy")
        assert (done.status, path.exists()) == (0, True)
        assert "1 more in" in done.err
        assert "--yes" in done.err
        assert call("cases", "verify").status == 1
        assert call("cases", "tidy", "--yes").status == 0
        assert not path.exists()
        assert call("cases", "verify").status == 0

"""What a run keeps: nothing doubled, no verdict over another one, sentences where the disk or a lock is in the way."""

import os
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from skinlens.batch.errors import BatchError, SeenByOtherError
from skinlens.batch.schema import VERSION, migrate
from skinlens.batch.store import BatchStore, Progress, _rate, run_lines
from skinlens.imaging.sources import Sources
from skinlens.storage import database
from skinlens.storage.database import writing
from tests.batch.conftest import MakeRun

ROOT = Path(__file__).parents[2]


def test_a_result_is_kept_once(finished: BatchStore) -> None:
    before = finished.lines()
    finished.keep([{"number": 0, "state": "unreadable", "reason": "late"}])
    assert finished.lines() == before


def test_several_results_are_kept_together_or_not_at_all(folder: Path, new_run: MakeRun) -> None:
    store = new_run()
    store.list_images(Sources([folder]))
    with pytest.raises(BatchError, match="could not be saved"):
        store.keep([{"number": 0, "state": "unreadable"}, {"number": 1, "state": "unreadable", "sentence": None}])
    assert store.progress().done == 0


def test_two_reviewers_do_not_overwrite_each_other(finished: BatchStore) -> None:
    other = BatchStore(finished.folder)
    finished.review(0, "benign", note="flat", blind=False, actor="A", seen=None)
    with pytest.raises(SeenByOtherError) as refused:
        other.review(0, "malignant", note="", blind=False, actor="B", seen=None)
    meanwhile = refused.value.review
    assert (meanwhile.actor, meanwhile.verdict) == ("A", "benign")
    assert [review.actor for review in finished.reviews()] == ["A"]
    other.review(0, "malignant", note="", blind=False, actor="B", seen=meanwhile.id)
    assert [(review.actor, review.verdict, review.note) for review in finished.reviews()] == [
        ("A", "benign", "flat"),
        ("B", "malignant", ""),
    ]
    other.engine.dispose()


def test_verdicts_on_different_images_are_not_in_each_others_way(finished: BatchStore) -> None:
    finished.review(0, "benign", note="", blind=False, actor="A")
    assert finished.review(1, "unsure", note="", blind=True, actor="B").number == 1


def test_a_verdict_that_was_taken_back_stays_in_the_file_and_counts_no_more(finished: BatchStore) -> None:
    first = finished.review(0, "benign", note="", blind=True, actor="A")
    before = finished.stamp()
    finished.withdraw(first.id)
    assert finished.stamp() != before
    (kept,) = finished.reviews()
    assert kept.withdrawn is not None
    # Nobody need have seen what was taken back.
    again = finished.review(0, "malignant", note="", blind=False, actor="B", seen=None)
    finished.withdraw(first.id)
    assert finished.reviews()[0].withdrawn == kept.withdrawn
    assert again.withdrawn is None


@pytest.mark.parametrize("number", [4, 99], ids=["not readable", "not there"])
def test_a_file_that_was_not_assessed_takes_no_verdict(finished: BatchStore, number: int) -> None:
    assert 4 not in {line.number for line in finished.lines() if line.is_assessed}
    with pytest.raises(BatchError, match="takes no verdict"):
        finished.review(number, "benign", note="", blind=False, actor="A")
    assert finished.reviews() == []


def test_the_stamp_changes_with_all_that_a_table_shows(finished: BatchStore, new_run: MakeRun) -> None:
    seen = {new_run().stamp(), finished.stamp()}
    finished.review(0, "benign", note="", blind=False, actor="A")
    seen.add(finished.stamp())
    finished.add_facts("f.csv", b"path,label\n")
    seen.add(finished.stamp())
    assert len(seen) == 4


def test_a_locked_database_gets_a_sentence_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, finished: BatchStore
) -> None:
    before = finished.lines()
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    impatient = BatchStore(finished.folder)
    holder = sqlite3.connect(finished.folder / "run.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(BatchError, match="another program is writing to it"):
        impatient.review(0, "benign", note="", blind=False, actor="A")
    holder.execute("ROLLBACK")
    holder.close()
    assert impatient.reviews() == []
    assert impatient.lines() == before
    impatient.engine.dispose()


def test_a_full_disk_gets_a_sentence_and_loses_nothing(finished: BatchStore) -> None:
    before = finished.lines()
    with finished.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    finished.engine.dispose()
    full = BatchStore(finished.folder)
    with full.engine.connect() as connection:
        # A limit on the pages is what SQLite meets on a full disk.
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.commit()
    with pytest.raises(BatchError, match="the disk is full"):
        full.add_facts("large.csv", b"x" * 2**20)
    assert full.facts_file() is None
    assert full.lines() == before
    full.engine.dispose()


def test_finishing_deletes_copies_and_thumbnails_of_uploads_alone(finished: BatchStore, new_run: MakeRun) -> None:
    uploads = new_run(kind="upload")
    uploads.spool.mkdir()
    (uploads.spool / "000000.png").write_bytes(b"copy")
    uploads.finish()
    assert not uploads.spool.exists()
    assert not uploads.run().spooled
    finished.finish()
    assert set(finished.thumbnails(range(6))) == {0, 1, 2, 3, 5}


def test_discarding_leaves_nothing_but_the_images(finished: BatchStore, folder: Path) -> None:
    finished.discard()
    assert not finished.folder.exists()
    assert (folder / "c.png").is_file()
    with pytest.raises(BatchError, match="no such run"):
        BatchStore(finished.folder)


def test_a_run_that_is_deleted_while_it_is_open_keeps_no_verdict_in_a_file_that_is_gone(finished: BatchStore) -> None:
    assert finished.lines()
    shutil.rmtree(finished.folder)
    with pytest.raises(BatchError, match="no such run"):
        finished.review(0, "benign", note="", blind=False, actor="me")
    with pytest.raises(BatchError, match="no such run"):
        finished.lines()


def test_a_run_that_is_put_back_while_it_is_open_gets_the_verdicts(finished: BatchStore, tmp_path: Path) -> None:
    finished.engine.dispose()
    shutil.copytree(finished.folder, tmp_path / "backup")
    assert finished.lines()
    shutil.rmtree(finished.folder)
    shutil.copytree(tmp_path / "backup", finished.folder)
    finished.review(0, "benign", note="", blind=False, actor="me")
    again = BatchStore(finished.folder)
    assert [review.verdict for review in again.reviews()] == ["benign"]
    again.engine.dispose()


def test_a_run_whose_file_is_missing_says_so(finished: BatchStore) -> None:
    (finished.folder / "run.sqlite").unlink()
    with pytest.raises(BatchError, match=r"The file run\.sqlite of this run is missing"):
        BatchStore(finished.folder)


@pytest.mark.parametrize("column", ["stability", "admission"])
def test_a_damaged_value_is_told_in_a_sentence(finished: BatchStore, column: str) -> None:
    with finished.engine.connect() as connection:
        connection.exec_driver_sql(f"UPDATE picture SET {column} = '[0.1, ZZZZ'")
        connection.commit()
    with pytest.raises(BatchError, match="the file is damaged"):
        finished.lines()


def test_runs_are_listed_the_latest_first_and_damaged_ones_named(new_run: MakeRun, finished: BatchStore) -> None:
    root = finished.folder.parent
    (root / "20200101-000000-damage").mkdir()
    (root / "20200101-000000-damage" / "run.sqlite").write_bytes(b"no database" * 100)
    newer = new_run()
    newer.folder.rename(root / "99990101-000000-ffffff")
    lines, unreadable = run_lines(root)
    assert [line.id for line in lines] == ["99990101-000000-ffffff", finished.id]
    assert [line.progress.complete for line in lines] == [False, True]
    ((name, sentence),) = unreadable
    assert name == "20200101-000000-damage"
    assert sentence.startswith("The run could not be opened: the file is damaged or not a SkinLens database.")
    assert run_lines(root / "nothing") == ([], [])


# Columns of an image that runs of earlier versions lack.
OF_VERSION_4 = ("frame", "first", "diameter")


def test_a_run_of_another_version_is_not_read(finished: BatchStore) -> None:
    with finished.engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION + 1}")
        connection.commit()
    with pytest.raises(BatchError, match="another version of SkinLens"):
        BatchStore(finished.folder)


def test_a_run_from_before_files_were_named_is_brought_up_to_date(finished: BatchStore) -> None:
    before = finished.lines()
    with finished.engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE passed_over")
        for column in OF_VERSION_4:
            connection.exec_driver_sql(f"ALTER TABLE picture DROP COLUMN {column}")
        connection.exec_driver_sql("PRAGMA user_version = 2")
        connection.commit()
    again = BatchStore(finished.folder)
    assert again.passed_over() == []
    assert again.lines() == before
    with again.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA user_version").scalar() == VERSION


def test_an_image_that_is_not_there_is_reported(finished: BatchStore) -> None:
    with pytest.raises(BatchError, match="no such image"):
        finished.image(99)


def test_time_left_is_known_with_a_rate() -> None:
    progress = Progress(total=100, assessed=30, unreadable=10, passed_over=0, listed=True, wanted="run", rate=4.0)
    assert (progress.done, progress.seconds_left, progress.complete) == (40, 15.0, False)


def test_the_rate_is_that_of_what_was_kept_after_the_first() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = [start + timedelta(seconds=2 * chunk) for chunk in range(3) for _ in range(4)]
    # Eight images in the four seconds since the first four were kept.
    assert _rate(times) == 2.0
    assert _rate(times[:4]) is None
    assert _rate([]) is None


# Every write beyond this many bytes of a file fails, as on a full disk.
TOO_LITTLE = 8192
ON_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from skinlens.batch.errors import BatchError
from skinlens.batch.store import Plan, create_run
from tests.made_up_cases import CARD
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    create_run(Path(sys.argv[1]), Plan("title", "path", ("/a",), CARD, orientations=False, actor="a"))
except BatchError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="the limit is one of POSIX systems")
@pytest.mark.parametrize("room", [0, TOO_LITTLE])
def test_a_run_that_no_disk_had_room_for_is_not_listed(tmp_path: Path, room: int) -> None:
    command = [sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path / "batches"), str(room)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.startswith("The run could not be started: the disk ")
    assert not list((tmp_path / "batches").iterdir())
    assert run_lines(tmp_path / "batches") == ([], [])


@pytest.mark.parametrize("content", [b"", None])
def test_a_run_that_was_never_begun_is_not_called_one_of_another_version(tmp_path: Path, content: bytes | None) -> None:
    """As an earlier version left it on a full disk, or a program that was killed."""
    folder = tmp_path / "20260101-000000-abcdef"
    folder.mkdir()
    path = folder / "run.sqlite"
    if content is None:
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
    else:
        path.write_bytes(content)
    lines, ((name, sentence),) = run_lines(tmp_path)
    assert (lines, name) == ([], folder.name)
    assert "another version" not in sentence
    assert sentence.startswith("This run was never begun: its file could not be written, as on a full disk")


class TestEarlierVersion:
    """A run of version 1, which knew neither second models nor verdicts that were taken back."""

    @pytest.fixture
    def earlier(self, finished: BatchStore) -> Path:
        finished.review(0, "benign", note="flat", blind=True, actor="A")
        finished.engine.dispose()
        with sqlite3.connect(finished.folder / "run.sqlite") as file:
            file.execute("ALTER TABLE run DROP COLUMN second_card")
            file.execute("ALTER TABLE review DROP COLUMN withdrawn")
            file.execute("DROP TABLE second")
            for column in OF_VERSION_4:
                file.execute(f"ALTER TABLE picture DROP COLUMN {column}")
            file.execute("PRAGMA user_version = 1")
        file.close()
        return finished.folder

    def test_it_is_opened_with_all_that_it_holds(self, earlier: Path, finished: BatchStore) -> None:
        store = BatchStore(earlier)
        assert store.second_card() is None
        (kept,) = store.reviews()
        assert (kept.verdict, kept.note, kept.blind, kept.withdrawn) == ("benign", "flat", True, None)
        assert [(line.relative, line.score) for line in store.lines()] == [
            (line.relative, line.score) for line in finished.lines()
        ]
        store.withdraw(kept.id)
        assert store.reviews()[0].withdrawn is not None
        store.engine.dispose()

    def test_two_programs_may_open_it_at_once(self, earlier: Path) -> None:
        stores = [BatchStore(earlier), BatchStore(earlier)]
        for store in stores:
            with writing(store.engine) as session:
                migrate(session.connection())
            assert len(store.reviews()) == 1
            store.engine.dispose()

    def test_one_that_cannot_be_written_says_so(self, earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("skinlens.batch.store.migrate", full)
        with pytest.raises(BatchError, match="of an earlier version could not be opened: the disk is full"):
            BatchStore(earlier)

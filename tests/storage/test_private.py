"""What is written about patients belongs to one user, whatever was there before and whatever comes first."""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from skinlens.batch.runner import alone
from skinlens.batch.spool import Upload, take_in
from skinlens.batch.store import BatchStore, Plan, create_run
from skinlens.cases.backup import back_up, restore
from skinlens.cases.store import open_file, open_store
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.storage.location import FOLDER_VARIABLE, data_folder
from skinlens.storage.private import private_database, private_file, private_folder
from tests.made_up_cases import CARD, build_record

pytestmark = pytest.mark.skipif(os.name != "posix", reason="only POSIX systems have these rights")


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Under which files are readable for everyone unless the program says otherwise."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "deep" / "home"
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def too_open(folder: Path) -> list[str]:
    """Everything in a folder, and the folder, that is not for its owner alone."""
    inside = [path for path in folder.rglob("*") if not path.is_symlink()]
    return [str(path) for path in (folder, *inside) if mode(path) != (0o700 if path.is_dir() else 0o600)]


def save_a_case() -> None:
    store = open_store()
    store.save(build_record(), CARD, actor="a", keep_pixels=True)
    # A reader keeps the write-ahead files where they are.
    with sqlite3.connect(str(store.engine.url.database)) as reader:
        reader.execute("SELECT count(*) FROM log").fetchone()
        assert not too_open(data_folder())
    reader.close()
    store.engine.dispose()


def upload_a_batch() -> None:
    plan = Plan("title", "upload", ("a.png",), CARD, orientations=False, actor="a")
    store = create_run(data_folder() / "batches", plan)
    with (data_folder().parent / "upload").open("w+b") as stream:
        stream.write(encode_png(draw_pixels(0, height=96, width=128, malignant_look=False)))
        stream.seek(0)
        take_in(store, [Upload("a.png", stream)], whole_folder=False)
    with alone(store):
        assert not too_open(data_folder())
    store.engine.dispose()


@pytest.mark.parametrize(
    "order", [(save_a_case, upload_a_batch), (upload_a_batch, save_a_case)], ids=["case first", "batch first"]
)
def test_whatever_comes_first_is_for_its_owner_alone(home: Path, order: tuple[Callable[[], None], ...]) -> None:
    for one in order:
        one()
        assert not too_open(home)
    assert mode(home.parent) == 0o700


@pytest.mark.parametrize("open_it", [save_a_case, upload_a_batch])
def test_what_an_earlier_version_left_open_is_closed(home: Path, open_it: Callable[[], None]) -> None:
    for one in (save_a_case, upload_a_batch):
        one()
    outside = home.parent / "outside"
    outside.touch(0o644)
    (home / "link").symlink_to(outside)
    for path in (home, *home.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    open_it()
    assert not too_open(home)
    assert mode(outside) == 0o644


def test_a_database_that_was_left_open_is_closed_when_it_is_opened(home: Path) -> None:
    save_a_case()
    upload_a_batch()
    databases = [*home.rglob("*.sqlite")]
    assert len(databases) == 2
    for path in databases:
        path.chmod(0o644)
    open_store().engine.dispose()
    BatchStore(databases[1].parent if databases[1].name == "run.sqlite" else databases[0].parent).engine.dispose()
    assert [mode(path) for path in databases] == [0o600, 0o600]


@pytest.mark.usefixtures("home")
def test_a_backup_is_for_its_owner_alone(tmp_path: Path) -> None:
    save_a_case()
    store = open_store()
    archive = tmp_path / "cases.zip"
    archive.touch(0o644)
    back_up(store, archive)
    store.engine.dispose()
    assert mode(archive) == 0o600


@pytest.mark.usefixtures("home")
def test_restored_pixels_are_for_their_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_a_case()
    store = open_store()
    back_up(store, tmp_path / "cases.zip")
    store.engine.dispose()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "new"))
    other = open_store()
    restore(other, tmp_path / "cases.zip")
    other.engine.dispose()
    assert list((tmp_path / "new" / "pixels").glob("*.png"))
    assert not too_open(tmp_path / "new")


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(0o755)
    (shared / "neighbour").touch(0o644)
    private_database(shared / "cases.sqlite")
    assert (mode(shared), mode(shared / "neighbour"), mode(shared / "cases.sqlite")) == (0o755, 0o644, 0o600)


def test_a_file_that_was_open_to_all_is_closed_before_anything_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "copy"
    path.write_text("old")
    with private_file(path) as stream:
        assert (mode(path), path.read_bytes()) == (0o600, b"")
        stream.write(b"new")
    assert path.read_bytes() == b"new"


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"folder|directory"):
        private_folder(tmp_path / "file")


def test_what_cannot_be_closed_is_used_all_the_same_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As on a file system without rights."""
    folder = tmp_path / "stick"
    folder.mkdir(0o755)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    assert private_folder(folder) == folder
    assert "stick may be read by others" in caplog.text


def test_a_private_database_is_a_database(tmp_path: Path) -> None:
    store = open_file(tmp_path / "new" / "cases.sqlite")
    with store.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM log")).scalar_one() == 0
    store.engine.dispose()
    assert not too_open(tmp_path / "new")

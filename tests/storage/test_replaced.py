"""A file is replaced as a whole or not at all."""

from pathlib import Path

import pytest

from skinlens.storage.replaced import replaced


def test_readers_see_the_old_content_until_the_block_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "it.csv"
    path.write_text("old")
    with replaced(path) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "old"
        assert unfinished.parent == path.parent
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_content_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "it.csv"
    path.write_text("old")

    def write_half() -> None:
        with replaced(path) as unfinished:
            unfinished.write_text("ne")
            raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_take_the_place_is_deleted(tmp_path: Path) -> None:
    path = tmp_path / "it"
    (path / "full").mkdir(parents=True)
    with pytest.raises(OSError, match="it"), replaced(path) as unfinished:
        unfinished.write_text("new")
    assert list(tmp_path.iterdir()) == [path]


def test_two_processes_do_not_write_to_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with replaced(tmp_path / "it") as first:
        monkeypatch.setattr("os.getpid", lambda: 1)
        with replaced(tmp_path / "it") as second:
            assert first != second
            second.write_text("second")
        first.write_text("first")
    assert (tmp_path / "it").read_text() == "first"

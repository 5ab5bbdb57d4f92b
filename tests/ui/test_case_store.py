"""The case store of the program: opened once, opened again when its file was replaced, tidied at the start."""

import shutil
from pathlib import Path

import pytest

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.store import CaseStore
from skinlens.ui.case_store import case_store, cases_place, tidy_at_start
from tests.drawn import familiar_pixels
from tests.made_up_cases import CARD, build_record


def files(home: Path) -> list[Path]:
    return [path for path in home.iterdir() if path.name.startswith("cases.sqlite")]


def test_it_is_opened_once_and_says_where_it_is(home: Path) -> None:
    store = case_store()
    assert case_store() is store
    assert cases_place() == str(home / "cases.sqlite")


def test_a_file_that_is_gone_is_an_error_and_its_replacement_is_opened(home: Path, tmp_path: Path) -> None:
    first = case_store()
    first.save(build_record(), CARD, actor="me")
    first.engine.dispose()
    backup = tmp_path / "backup.sqlite"
    shutil.copy(home / "cases.sqlite", backup)
    for path in files(home):
        path.unlink()
    with pytest.raises(CaseStoreError, match="is gone"):
        case_store()
    shutil.copy(backup, home / "cases.sqlite")
    # Another file, though some file systems give it the number of the one that is gone.
    assert case_store().search().total == 1


def test_starting_deletes_what_an_interrupted_save_left(cases: CaseStore) -> None:
    image_id = "ab" * 16
    cases.pixels.mark(image_id)
    cases.pixels.write(image_id, familiar_pixels(0))
    tidy_at_start()
    assert not cases.pixels.file(image_id).exists()


def test_starting_opens_nothing_where_nothing_was_left(home: Path) -> None:
    tidy_at_start()
    assert not home.exists()


def test_starting_survives_a_damaged_store(home: Path) -> None:
    (home / "pixels").mkdir(parents=True)
    (home / "cases.sqlite").write_bytes(b"nothing" * 100)
    tidy_at_start()
    with pytest.raises(CaseStoreError):
        case_store()


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKINLENS_DB_URL", "postgresql://reader:secret@localhost/cases")
    assert "secret" not in cases_place()
    assert "localhost" in cases_place()

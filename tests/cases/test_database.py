"""The schema, where the database lies, and what is said when it cannot be opened."""

import stat
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from skinlens.cases.database import revision
from skinlens.cases.errors import CaseStoreError
from skinlens.cases.location import URL_VARIABLE, database_url
from skinlens.cases.schema import Base
from skinlens.cases.store import CaseStore, open_file, open_store
from skinlens.storage.location import FOLDER_VARIABLE, data_folder


def test_the_migrations_make_what_the_code_expects(store: CaseStore) -> None:
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_it_can_be_opened_again(tmp_path: Path) -> None:
    for _ in range(2):
        store = open_file(tmp_path / "cases.sqlite")
        assert revision(store.engine) == "0003"
        store.engine.dispose()


def test_a_database_of_a_newer_version_is_left_alone(store: CaseStore) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    from skinlens.cases.database import open_database

    with pytest.raises(CaseStoreError, match="newer SkinLens"):
        open_database(store.engine.url)


def test_sqlite_waits_writes_ahead_and_forgets_what_is_erased(tmp_path: Path) -> None:
    store = open_file(tmp_path / "deep" / "cases.sqlite")
    with store.engine.connect() as connection:
        for pragma, value in (("journal_mode", "wal"), ("foreign_keys", 1), ("secure_delete", 1), ("synchronous", 2)):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value
    store.engine.dispose()
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700


def test_what_is_no_database_is_reported(tmp_path: Path) -> None:
    (tmp_path / "cases.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(CaseStoreError, match="not a SkinLens database"):
        open_file(tmp_path / "cases.sqlite")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CaseStoreError, match="cannot be opened"):
        open_file(tmp_path / "file" / "cases.sqlite")


def test_the_default_is_a_file_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "mine"))
    store = open_store()
    assert store.engine.url.database == str(tmp_path / "mine" / "cases.sqlite")
    assert store.pixels.path == tmp_path / "mine" / "pixels"
    store.engine.dispose()
    monkeypatch.delenv(FOLDER_VARIABLE)
    assert data_folder().name == "skinlens"


@pytest.mark.parametrize("url", ["postgresql://u:p@h/d", "postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"])
def test_postgresql_is_reached_by_psycopg(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, url)
    assert database_url().drivername == "postgresql+psycopg"


@pytest.mark.parametrize("url", ["nonsense", "mysql://h/d"])
def test_another_url_is_refused_without_repeating_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold a password."""
    monkeypatch.setenv(URL_VARIABLE, url)
    with pytest.raises(CaseStoreError) as caught:
        database_url()
    assert url not in str(caught.value)


def test_a_server_that_does_not_answer_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, "postgresql://user:hunter2@127.0.0.1:1/none")
    with pytest.raises(CaseStoreError, match="does not answer") as caught:
        open_store()
    assert "hunter2" not in str(caught.value)

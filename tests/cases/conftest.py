"""An empty case store: in a SQLite file, and in PostgreSQL where SKINLENS_TEST_DB_URL names a server to test on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL, create_engine, make_url, text

from skinlens.cases.database import open_database, revision
from skinlens.cases.pixels import PixelFolder
from skinlens.cases.schema import Base
from skinlens.cases.store import CaseStore, open_file

SERVER = os.environ.get("SKINLENS_TEST_DB_URL")
BACKENDS = ["sqlite", *(["postgresql"] if SERVER else [])]


# A PDF and a saved case are compared in the same way whatever database the case comes from.
ON_ANY_DATABASE = ("test_verify.py", "test_verify_pdf.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what says the same of the second database as of the first."""
    for item in items:
        if (
            item.path.parent == Path(__file__).parent
            and item.path.name in ON_ANY_DATABASE
            and "[postgresql" in item.name
        ):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=BACKENDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CaseStore]:
    if request.param == "sqlite":
        made = open_file(tmp_path / "kept" / "cases.sqlite")
        yield made
        made.engine.dispose()
        return
    url = request.getfixturevalue("emptied_database")
    made = CaseStore(open_database(url), PixelFolder(tmp_path / "kept" / "pixels"))
    yield made
    made.engine.dispose()


@pytest.fixture(scope="session")
def database() -> Iterator[tuple[URL, str]]:
    """A database on the test server that this process's tests use one after another, and its schema's revision."""
    with _new_database() as url:
        engine = open_database(url)
        head = revision(engine)
        engine.dispose()
        yield url, head


@pytest.fixture
def emptied_database(database: tuple[URL, str]) -> URL:
    """The same, as its migrations leave it: making a new one takes ten times as long."""
    url, head = database
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(Base.metadata.tables)}"))
        connection.execute(text("INSERT INTO log_head (id, number, link) VALUES (1, 0, repeat('0', 64))"))
        connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})
    engine.dispose()
    return url


@pytest.fixture
def other(tmp_path: Path) -> Iterator[CaseStore]:
    """A second, empty store in a SQLite file."""
    made = open_file(tmp_path / "other" / "cases.sqlite")
    yield made
    made.engine.dispose()


def on_postgresql(pixels: Path) -> Iterator[CaseStore]:
    """A store in a database of its own on the test server, dropped afterwards."""
    with _new_database() as url:
        made = CaseStore(open_database(url), PixelFolder(pixels))
        try:
            yield made
        finally:
            made.engine.dispose()


@contextmanager
def _new_database() -> Iterator[URL]:
    server = make_url(SERVER or "").set(drivername="postgresql+psycopg")
    name = f"skinlens_{uuid4().hex[:12]}"
    manage = create_engine(server, isolation_level="AUTOCOMMIT")
    with manage.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield server.set(database=name)
    finally:
        with manage.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}"))
        manage.dispose()

"""An empty case store: in a SQLite file, and in PostgreSQL where SKINLENS_TEST_DB_URL names a server to test on."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

from skinlens.cases.database import open_database
from skinlens.cases.pixels import PixelFolder
from skinlens.cases.store import CaseStore, open_file

SERVER = os.environ.get("SKINLENS_TEST_DB_URL")
BACKENDS = ["sqlite", *(["postgresql"] if SERVER else [])]


@pytest.fixture(params=BACKENDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CaseStore]:
    if request.param == "sqlite":
        made = open_file(tmp_path / "kept" / "cases.sqlite")
        yield made
        made.engine.dispose()
        return
    yield from on_postgresql(tmp_path / "kept" / "pixels")


@pytest.fixture
def other(tmp_path: Path) -> Iterator[CaseStore]:
    """A second, empty store in a SQLite file."""
    made = open_file(tmp_path / "other" / "cases.sqlite")
    yield made
    made.engine.dispose()


def on_postgresql(pixels: Path) -> Iterator[CaseStore]:
    """A store in a database of its own on the test server, dropped afterwards."""
    server = make_url(SERVER or "").set(drivername="postgresql+psycopg")
    name = f"skinlens_{uuid4().hex[:12]}"
    manage = create_engine(server, isolation_level="AUTOCOMMIT")
    with manage.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    made = CaseStore(open_database(server.set(database=name)), PixelFolder(pixels))
    try:
        yield made
    finally:
        made.engine.dispose()
        with manage.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}"))
        manage.dispose()

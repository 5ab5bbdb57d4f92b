"""Opening the database: its schema brought up to date, and writers that take turns."""

from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event, text

from skinlens.cases.errors import CaseStoreError, told
from skinlens.cases.location import data_folder, own_folder
from skinlens.storage.private import private_database

MIGRATIONS = Path(__file__).parent / "migrations"
# Seconds that one writer waits for another.
PATIENCE = 10
WRITES = "skinlens_writes"


def open_database(url: URL) -> Engine:
    """Connect, and bring the schema up to date; a SQLite file and its folder are made if they are missing.

    Raises:
        CaseStoreError: If that is impossible, or the database was written by a newer SkinLens.
    """
    with told("The cases cannot be opened"):
        if url.get_backend_name() == "sqlite" and url.database:
            folder = Path(url.database).absolute().parent
            if folder == data_folder().absolute():
                own_folder(folder)
        engine = connected(url)
        try:
            _migrate(engine)
        except BaseException:
            engine.dispose()
            raise
    return engine


def connected(url: URL) -> Engine:
    """An engine, in whose SQLite connections writers wait for one another; nothing is opened yet."""
    engine = create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        if url.database:
            event.listen(engine, "do_connect", partial(_close_file, Path(url.database)))
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def revision(engine: Engine) -> str:
    """The schema's revision."""
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def forget_written_ahead(engine: Engine) -> None:
    """Empty SQLite's write-ahead file, which otherwise keeps what was erased until it is written over."""
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.close()
    finally:
        connection.close()


def _migrate(engine: Engine) -> None:
    # Two programs that start at once take turns here: SQLite's write lock, or a lock of PostgreSQL's for this purpose.
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(73656)"))
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise CaseStoreError(
                "The cases cannot be opened: the database was written by a newer SkinLens. Update SkinLens."
            ) from error


def _close_file(path: Path, *_: object) -> None:
    """Before SQLite makes the file with the rights that everyone's files get, or opens one that has them."""
    private_database(path)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Python's driver would begin transactions by itself, and too late; `_begin_sqlite` does it instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {round(1000 * PATIENCE)}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    # SQLite's own knows A to Z only, and a search would miss what begins with another capital.
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(text: str | None) -> str | None:
    return None if text is None else str(text).lower()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    # A writer that only turns into one half-way could not wait for another: SQLite would refuse it at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

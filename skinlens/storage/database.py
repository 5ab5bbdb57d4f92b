"""SQLite and PostgreSQL through one engine: private files, and writers that take turns."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.orm import Session

from skinlens.storage.private import private_database

# Seconds that one writer waits for another.
PATIENCE = 10
_WRITES = "skinlens_writes"


def connect(url: URL) -> Engine:
    """Make an engine whose transactions of `writing` take turns; the database is opened at first use.

    A SQLite file is readable by its owner alone, writes ahead (readers and a writer do not wait for each other), syncs
    fully, holds to foreign keys and overwrites what is deleted.

    Args:
        url: Of SQLite or PostgreSQL; a missing SQLite file and its folder are made at first use.

    Examples:
        >>> from sqlalchemy import text
        >>> engine = connect(URL.create("sqlite"))
        >>> with writing(engine) as session:
        ...     session.execute(text("SELECT 1")).scalar_one()
        1
        >>> engine.dispose()
    """
    engine = create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        if url.database:
            file = Path(url.database)
            # Before SQLite makes the file with the rights that everyone's files get, or opens one that has them.
            event.listen(engine, "do_connect", lambda *_: private_database(file))
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def writer(engine: Engine) -> Connection:
    """Connect for writing: in SQLite, every transaction of the connection takes the write lock when it begins.

    A transaction that reads first and writes later could not wait for another writer; see `_begin_sqlite`.

    Args:
        engine: From `connect`.
    """
    return engine.connect().execution_options(**{_WRITES: True})


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One transaction for writing, committed at the end and rolled back after an exception.

    Objects stay usable afterwards.

    Args:
        engine: From `connect`.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: If another writer takes longer than `PATIENCE`, or the database reports an
            error; wrap the call in `errors.explained`.
    """
    with writer(engine) as connection, Session(connection, expire_on_commit=False) as session, session.begin():
        yield session


def empty_write_ahead_log(engine: Engine) -> None:
    """Empty SQLite's write-ahead file, which otherwise keeps erased rows until it is written over.

    Args:
        engine: From `connect`; of another database than SQLite nothing is done.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: If the database cannot be opened.
    """
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.close()
    finally:
        connection.close()


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
    connection.create_function("lower", 1, lambda text: None if text is None else str(text).lower(), deterministic=True)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    # A writer that only turns into one half-way could not wait for another: SQLite would reject it at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

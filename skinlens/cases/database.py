"""The database of the cases: opened with its schema brought up to date."""

from pathlib import Path

from sqlalchemy import URL, Engine, text

from skinlens.cases.errors import CaseStoreError
from skinlens.storage.database import connect, writer
from skinlens.storage.errors import explained
from skinlens.storage.location import data_folder, own_folder
from skinlens.storage.migrating import CommandError, Config, command
from skinlens.translation import marked

MIGRATIONS = Path(__file__).parent / "migrations"


def open_database(url: URL) -> Engine:
    """Connect, and bring the schema up to date; a SQLite file and its folder are made if they are missing.

    Raises:
        CaseStoreError: If that is impossible, or the database was written by a newer SkinLens.
    """
    with explained(marked("The cases cannot be opened"), CaseStoreError):
        if url.get_backend_name() == "sqlite" and url.database:
            folder = Path(url.database).absolute().parent
            if folder == data_folder().absolute():
                own_folder(folder)
        engine = connect(url)
        try:
            _migrate(engine)
        except BaseException:
            engine.dispose()
            raise
    return engine


def revision(engine: Engine) -> str:
    """Return the schema's revision."""
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def _migrate(engine: Engine) -> None:
    # Two programs that start at once take turns here: SQLite's write lock, or a lock of PostgreSQL's for this purpose.
    with writer(engine) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(73656)"))
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise CaseStoreError(
                marked("The cases cannot be opened: the database was written by a newer SkinLens. Update SkinLens.")
            ) from error

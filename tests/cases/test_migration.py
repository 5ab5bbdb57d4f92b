"""A database of version 0.2 opened by this one: cases keep lesion, digests and log, in both kinds of database."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Engine, create_engine, make_url, text

from skinlens.cases.backup import restore
from skinlens.cases.database import MIGRATIONS, open_database, revision
from skinlens.cases.pixels import PixelFolder
from skinlens.cases.store import CaseStore
from skinlens.cases.verify import verify
from skinlens.triage.case import CaseFacts
from tests.cases.conftest import BACKENDS, SERVER, on_postgresql
from tests.made_up_cases import CARD, build_record, lesion_image

BACKUP = Path(__file__).parents[1] / "made_before" / "backup.zip"
HEAD = "89ed7efa4fbd4ef9a2d3a571c77140bdd99f4abba6bad2119278980351ba6f0d"
TABLES = ("patient", "lesion", "image", "pixels", "model", "assessment", "review", "log", "log_head")


def as_version_one(engine: Engine) -> None:
    """Tables as version 0.2 made them, with the rows of its backup."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("DELETE FROM log_head"))
        with zipfile.ZipFile(BACKUP) as archive:
            for table in TABLES:
                for line in archive.read(f"{table}.jsonl").decode().splitlines():
                    row = {key: _stored(key, value) for key, value in json.loads(line).items()}
                    names = ", ".join(row)
                    connection.execute(
                        text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in row)})"),
                        row,
                    )


def _stored(name: str, value: object) -> object:
    return bytes.fromhex(str(value)) if name == "signed_map" else value


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """Of a database of version 0.2, with three cases of two patients."""
    if request.param == "sqlite":
        address = URL.create("sqlite", database=str(tmp_path / "cases.sqlite"))
        engine = create_engine(address)
        as_version_one(engine)
        engine.dispose()
        yield address
        return
    for store in on_postgresql(tmp_path / "pixels"):
        with store.engine.connect() as connection, connection.begin():
            for table in (*reversed(TABLES), "alembic_version"):
                connection.execute(text(f"DROP TABLE {table}"))
        as_version_one(store.engine)
        yield make_url(SERVER or "").set(drivername="postgresql+psycopg", database=store.engine.url.database)


@pytest.fixture
def store(url: URL, tmp_path: Path) -> Iterator[CaseStore]:
    made = CaseStore(open_database(url), PixelFolder(tmp_path / "pixels"))
    yield made
    made.engine.dispose()


def test_the_schema_is_brought_up_to_date_and_nothing_counts_as_altered(store: CaseStore) -> None:
    assert revision(store.engine) == "0003"
    checked = verify(store, expected_head=HEAD)
    assert checked.head == HEAD
    missing = [finding for finding in checked.findings if "pixels" not in finding]
    assert missing == [], "the pixels lie elsewhere in this test"


def test_cases_become_lesions_by_what_distinguished_them(store: CaseStore) -> None:
    lesions = [(patient, lesion) for patient in store.patients() for lesion in store.lesions(patient)]
    assert [(patient, lesion.label, lesion.site, len(lesion.images)) for patient, lesion in lesions] == [
        ("P-1", "left shoulder", None, 1),
        ("P-2", "back", None, 1),
        ("P-2", "arm", None, 1),
    ]


def test_a_photograph_is_added_to_an_old_lesion_and_a_new_lesion_beside_it(store: CaseStore) -> None:
    for number, lesion in enumerate(("left shoulder", ""), 1):
        record = build_record(
            image=lesion_image(sha256=f"{number:064x}"), facts=CaseFacts("P-1", site="Shoulder", lesion=lesion)
        )
        store.save(record, CARD, actor="me")
    assert [(each.label, each.site, len(each.images)) for each in store.lesions("P-1")] == [
        ("left shoulder", None, 2),
        ("L2", "Shoulder", 1),
    ]
    assert [each for each in verify(store, expected_head=HEAD).findings if "pixels" not in each] == []


def test_an_old_lesion_is_deleted(store: CaseStore) -> None:
    store.erase_lesion(store.lesions("P-1")[0].id, actor="me")
    assert store.patients() == ["P-2"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backup_of_the_version_before_is_restored(backend: str, tmp_path: Path) -> None:
    def check(store: CaseStore) -> None:
        restored = restore(store, BACKUP)
        assert (restored.head, restored.findings) == (HEAD, ())
        assert len(store.lesions("P-2")) == 2

    if backend == "sqlite":
        address = URL.create("sqlite", database=str(tmp_path / "new.sqlite"))
        made = CaseStore(open_database(address), PixelFolder(tmp_path / "pixels"))
        check(made)
        made.engine.dispose()
    else:
        for made in on_postgresql(tmp_path / "pixels"):
            check(made)

"""Backup and restore: one zip archive that either kind of database can write and read."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, LargeBinary, Table, func, insert, select
from sqlalchemy.orm import Session

from skinlens.cases.database import revision
from skinlens.cases.errors import CaseStoreError
from skinlens.cases.log import take_turn
from skinlens.cases.schema import KEPT, Base, KeptPixels, LogEntry, LogHead
from skinlens.cases.store import CaseStore
from skinlens.cases.verify import Verified, verify
from skinlens.imaging.files import open_regular
from skinlens.storage.columns import plain, typed
from skinlens.storage.database import writer
from skinlens.storage.errors import explained
from skinlens.storage.private import private_file
from skinlens.storage.replaced import replaced
from skinlens.translation import marked, sentence

_FORMAT = 1
_MANIFEST = "manifest.json"
_TABLES: tuple[type[Base], ...] = (*KEPT, LogEntry, LogHead)
_MANY = 500


def back_up(store: CaseStore, path: Path) -> Verified:
    """Write everything that is kept into an archive, after checking it.

    Args:
        store: Nothing in it changes; writers wait for a moment.
        path: The archive; an existing file is replaced only once the new one is complete.

    Returns:
        What the check found; what was changed behind the program's back is backed up as it is.

    Raises:
        CaseStoreError: If it cannot be written; then no part of it is left.
    """
    # One transaction, so that rows and log belong together; it may not write, but it keeps writers out.
    with (
        explained(marked("The backup could not be written"), CaseStoreError),
        writer(store.engine) as connection,
        Session(connection) as session,
    ):
        take_turn(session)
        checked = verify(store)
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            replaced(path) as unfinished,
            private_file(unfinished) as stream,
            zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            _write(archive, session, store, checked)
    return checked


def restore(store: CaseStore, path: Path) -> Verified:
    """Fill an empty store from an archive.

    Args:
        store: Must hold nothing.
        path: From `back_up`.

    Returns:
        What a check of the filled store found; the log's head must be the archive's.

    Raises:
        CaseStoreError: If the store holds cases, or the archive is damaged or of a newer SkinLens; then it stays empty.
    """
    with explained(marked("The backup could not be restored"), CaseStoreError):
        try:
            with open_regular(path) as stream, zipfile.ZipFile(stream) as archive:
                manifest = _manifest(archive, store)
                _fill(archive, store)
        except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
            raise CaseStoreError(
                sentence("The backup could not be restored: {file} is damaged or no backup.", file=path.name)
            ) from error
    return verify(store, expected_head=manifest["head"])


def _write(archive: zipfile.ZipFile, session: Session, store: CaseStore, checked: Verified) -> None:
    manifest = {"format": _FORMAT, "revision": revision(store.engine), "head": checked.head, "entries": checked.entries}
    archive.writestr(_MANIFEST, json.dumps(manifest, indent=1))
    for kind in _TABLES:
        with archive.open(f"{kind.__tablename__}.jsonl", "w") as stream:
            for row in session.execute(select(_table(kind))).mappings():
                plain = {name: _written(_table(kind).c[name], value) for name, value in row.items()}
                stream.write(json.dumps(plain, ensure_ascii=False).encode() + b"\n")
    for image_id in session.scalars(select(KeptPixels.image_id)):
        file = store.pixels.file(image_id)
        if file.is_file():
            archive.write(file, f"pixels/{file.name}")


def _manifest(archive: zipfile.ZipFile, store: CaseStore) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(archive.read(_MANIFEST))
    if manifest["format"] != _FORMAT or manifest["revision"] > revision(store.engine):
        raise CaseStoreError(marked("The backup could not be restored: it was written by a newer SkinLens."))
    return manifest


def _fill(archive: zipfile.ZipFile, store: CaseStore) -> None:
    written: list[str] = []
    marks: list[Path] = []
    try:
        with writer(store.engine) as connection, connection.begin():
            _require_empty(connection)
            connection.execute(_table(LogHead).delete())
            for kind in _TABLES:
                for rows in _batches(archive, kind):
                    connection.execute(insert(_table(kind)), rows)
            for member in archive.namelist():
                folder, _, name = member.rpartition("/")
                # Only names that a row could have: an archive must not write elsewhere.
                if folder == "pixels" and name.endswith(".png") and name[:-4].isalnum():
                    marks.append(store.pixels.mark(name[:-4]))
                    written.append(name[:-4])
                    store.pixels.write_file(name[:-4], archive.read(member))
    except BaseException:
        for image_id in written:
            store.pixels.remove(image_id)
        raise
    finally:
        for mark in marks:
            mark.unlink(missing_ok=True)


def _require_empty(connection: Connection) -> None:
    if connection.execute(select(func.count()).select_from(LogEntry)).scalar_one():
        raise CaseStoreError(marked("The backup could not be restored: there are cases here already."))


def _batches(archive: zipfile.ZipFile, kind: type[Base]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    with archive.open(f"{kind.__tablename__}.jsonl") as stream:
        for line in stream:
            rows.append({name: _read(_table(kind).c[name], value) for name, value in json.loads(line).items()})
            if len(rows) == _MANY:
                yield rows
                rows = []
    if rows:
        yield rows


def _written(column: ColumnElement[Any], value: object) -> Any:
    """A value as JSON holds it."""
    stored = plain(column, value)
    return stored.hex() if isinstance(stored, bytes) else stored


def _read(column: ColumnElement[Any], value: Any) -> Any:
    return bytes.fromhex(value) if isinstance(column.type, LargeBinary) else typed(column, value)


def _table(kind: type[Base]) -> Table:
    table = kind.__table__
    if not isinstance(table, Table):
        raise TypeError(f"{kind.__name__} has no table of its own")
    return table

"""The log: append-only, each entry chained to the one before by a digest."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import update
from sqlalchemy.orm import Session

from skinlens.cases.schema import Base, Kept, LogEntry, LogHead
from skinlens.storage.columns import plain

START = "0" * 64
Action = Literal["created", "erased", "removed"]


def stored(row: Base) -> dict[str, object]:
    """A row as it lies in the database: plain numbers, text and None; bytes as their SHA-256.

    A column that a later version added counts only where it holds something: rows from before it keep their digest.
    """
    values: dict[str, object] = {}
    for column in row.__table__.columns:
        if column.info.get("later") and getattr(row, column.key) is None:
            continue
        value = plain(column, getattr(row, column.key))
        values[column.key] = hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value
    return values


def digest(content: object) -> str:
    """SHA-256 of JSON with sorted keys."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def link_of(entry: LogEntry) -> str:
    """What an entry's `link` must be."""
    return digest({key: value for key, value in stored(entry).items() if key != "link"})


def take_turn(session: Session) -> None:
    """Wait until no other writer is at work, and keep the others waiting until this transaction ends.

    Done before anything is read, since what another writer adds between a look and an addition would be added twice.
    """
    session.execute(update(LogHead).where(LogHead.id == 1).values(number=LogHead.number))


def append(session: Session, row: Kept, action: Action, actor: str) -> LogEntry:
    """Write an entry about a row that is written or erased in the same transaction, which began with `take_turn`."""
    return append_entry(session, row.__tablename__, row.id, digest(stored(row)), action, actor)


def append_entry(session: Session, table: str, row_id: str, content: str, action: Action, actor: str) -> LogEntry:
    """Write an entry in a transaction that began with `take_turn`.

    Args:
        session: Of that transaction.
        table: The row's table, or the kind of whatever else was changed.
        row_id: At most 32 characters.
        content: SHA-256 of what was written, erased or removed.
        action: What was done.
        actor: Who did it.
    """
    head = session.get_one(LogHead, 1)
    head.number += 1
    entry = LogEntry(
        number=head.number,
        moment=datetime.now(UTC),
        actor=actor,
        action=action,
        table_name=table,
        row_id=row_id,
        row_digest=content,
        previous=head.link,
    )
    entry.link = link_of(entry)
    head.link = entry.link
    session.add(entry)
    session.flush()
    return entry

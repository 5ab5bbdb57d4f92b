"""Has anything that was kept been changed, removed, added or put in another order behind the program's back?"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.log import START, digest, link_of, stored
from skinlens.cases.schema import KEPT, KeptPixels, LogEntry, LogHead
from skinlens.cases.store import CaseStore
from skinlens.cases.tidy import strays
from skinlens.runtime.card import sha256_of
from skinlens.storage.errors import explained
from skinlens.translation import marked


@dataclass(frozen=True)
class Verified:
    """What a check of the store found.

    Attributes:
        entries: Of the log.
        rows: That are kept.
        head: Digest of the log's last entry: written down elsewhere, it shows later that nothing before it changed.
        findings: A sentence for each thing that is not as it was written.
    """

    entries: int
    rows: int
    head: str
    findings: tuple[str, ...]


def verify(store: CaseStore, *, expected_head: str | None = None) -> Verified:
    """Check the chain of the log, every row against it, and the files of kept pixels.

    Someone who can write to the database could work out a whole new chain; only a head written down elsewhere, such
    as in a PDF or a backup, shows that.

    Args:
        store: To be checked; nothing in it changes.
        expected_head: The head of an earlier check, which must still be in the log.

    Raises:
        CaseStoreError: If the cases cannot be read.
    """
    with explained(marked("The cases could not be checked"), CaseStoreError), Session(store.engine) as session:
        entries = list(session.scalars(select(LogEntry).order_by(LogEntry.number)))
        head = session.get(LogHead, 1)
        written = _written(entries)
        present = {
            (row.__tablename__, row.id): digest(stored(row)) for kind in KEPT for row in session.scalars(select(kind))
        }
        findings = [
            *_chain(entries, head),
            *_rows(written, present),
            *_pixels(store, list(session.scalars(select(KeptPixels)))),
        ]
        last = entries[-1].link if entries else START
        if expected_head is not None and expected_head not in {START, *(entry.link for entry in entries)}:
            findings.append("The expected head is not in the log: entries before it were changed or removed.")
    return Verified(len(entries), len(present), last, tuple(findings))


def _chain(entries: list[LogEntry], head: LogHead | None) -> Iterator[str]:
    previous = START
    for number, entry in enumerate(entries, 1):
        if entry.number != number:
            yield f"Log entry {number} is missing; the next one has the number {entry.number}."
            return
        if entry.previous != previous:
            yield f"Log entry {number} does not follow the entry before it."
        if link_of(entry) != entry.link:
            yield f"Log entry {number} was changed."
        previous = entry.link
    if head is None or (head.number, head.link) != (len(entries), previous):
        yield "The log does not end where it should: entries were removed from its end, or added."


def _written(entries: list[LogEntry]) -> dict[tuple[str, str], str | None]:
    """By the log: the digest of every row, None for one that was erased."""
    rows: dict[tuple[str, str], str | None] = {}
    for entry in entries:
        rows[entry.table_name, entry.row_id] = entry.row_digest if entry.action == "created" else None
    return rows


def _rows(written: dict[tuple[str, str], str | None], present: dict[tuple[str, str], str]) -> Iterator[str]:
    for (table, row_id), expected in written.items():
        stored = present.get((table, row_id))
        if expected is None and stored is not None:
            yield f"The {table} {row_id} was erased by the log, but is there."
        elif expected is not None and stored is None:
            yield f"The {table} {row_id} was removed."
        elif expected != stored:
            yield f"The {table} {row_id} was changed."
    for table, row_id in present.keys() - written.keys():
        yield f"The {table} {row_id} was added without the log."


def _pixels(store: CaseStore, kept: list[KeptPixels]) -> Iterator[str]:
    for row in kept:
        path = store.pixels.file(row.image_id)
        if not path.is_file():
            yield f"The kept pixels of the image {row.image_id} are missing."
        elif sha256_of(path) != row.sha256:
            yield f"The kept pixels of the image {row.image_id} were changed."
    for name in strays(store.engine, store.pixels):
        yield f"{name} lies among the kept pixels without a row."

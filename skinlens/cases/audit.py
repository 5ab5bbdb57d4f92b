"""The log of the cases for people to read: who did what, when, to which patient's case."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.schema import Assessment, Image, KeptPixels, Lesion, LogEntry, Patient, Review
from skinlens.cases.store import CaseStore
from skinlens.storage.errors import explained
from skinlens.translation import marked


@dataclass(frozen=True)
class AuditLine:
    """One entry of the log.

    Attributes:
        number: Its place in the log, from 1.
        moment: When.
        actor: Who.
        action: `created`, `erased` or `removed`.
        kind: Table of the row, or `image file`.
        patient: Pseudonym of the patient that it is about; "" for a model, and for what has been deleted since.
        lesion: Name of the lesion; likewise.
        link: Digest that ends the log up to here.
    """

    number: int
    moment: datetime
    actor: str
    action: str
    kind: str
    patient: str
    lesion: str
    link: str


@dataclass(frozen=True)
class AuditPage:
    """A part of the log, the latest entry first, and how many entries there are in all."""

    lines: tuple[AuditLine, ...]
    total: int


def read_log(store: CaseStore, *, limit: int = 100, before: int | None = None) -> AuditPage:
    """Return entries of the log, the latest first.

    Args:
        store: Nothing in it changes.
        limit: How many at most.
        before: Only entries with a smaller number; None begins at the end.

    Raises:
        CaseStoreError: If the log cannot be read.
    """
    wanted = select(LogEntry).order_by(LogEntry.number.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(LogEntry.number < before)
    with explained(marked("The log could not be read"), CaseStoreError), Session(store.engine) as session:
        total = session.scalar(select(func.count()).select_from(LogEntry)) or 0
        entries = list(session.scalars(wanted))
        subjects = _subjects(session, {entry.row_id for entry in entries})
        lines = tuple(
            AuditLine(
                entry.number,
                entry.moment,
                entry.actor,
                entry.action,
                entry.table_name,
                *subjects.get((entry.table_name, entry.row_id), ("", "")),
                entry.link,
            )
            for entry in entries
        )
    return AuditPage(lines, total)


def _subjects(session: Session, ids: Iterable[str]) -> dict[tuple[str, str], tuple[str, str]]:
    """Patient and lesion of every row that is still there, by table and id."""
    wanted = list(ids)
    of_lesion = selectinload(Image.lesion).selectinload(Lesion.patient)
    subjects = {
        (Patient.__tablename__, row.id): (row.pseudonym, "")
        for row in session.scalars(select(Patient).where(Patient.id.in_(wanted)))
    }
    lesions: dict[tuple[str, str], Lesion] = {
        (Lesion.__tablename__, row.id): row
        for row in session.scalars(select(Lesion).where(Lesion.id.in_(wanted)).options(selectinload(Lesion.patient)))
    }
    for row in session.scalars(select(Image).where(Image.id.in_(wanted)).options(of_lesion)):
        lesions[Image.__tablename__, row.id] = row.lesion
    for kept, lesion in session.execute(
        select(KeptPixels, Lesion)
        .join(Image, Image.id == KeptPixels.image_id)
        .join(Image.lesion)
        .where(KeptPixels.id.in_(wanted))
    ):
        lesions[KeptPixels.__tablename__, kept.id] = lesion
    for assessment, lesion in session.execute(
        select(Assessment, Lesion).join(Assessment.image).join(Image.lesion).where(Assessment.id.in_(wanted))
    ):
        lesions[Assessment.__tablename__, assessment.id] = lesion
    for review, lesion in session.execute(
        select(Review, Lesion)
        .join(Review.assessment)
        .join(Assessment.image)
        .join(Image.lesion)
        .where(Review.id.in_(wanted))
    ):
        lesions[Review.__tablename__, review.id] = lesion
    return subjects | {key: (lesion.patient.pseudonym, lesion.label) for key, lesion in lesions.items()}

"""The case store: cases are saved, searched, reviewed and erased, each in one transaction with its log entry."""

import getpass
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, Engine, Select, func, or_, select
from sqlalchemy.orm import Session, selectinload

from skinlens.cases.database import open_database
from skinlens.cases.errors import CaseNotFoundError, CaseStoreError
from skinlens.cases.location import PIXELS, database_url
from skinlens.cases.log import append, digest, take_turn
from skinlens.cases.pixels import PixelFolder
from skinlens.cases.records import assessment_row, card_document, image_columns
from skinlens.cases.schema import Assessment, Image, Kept, KeptPixels, Lesion, Model, Patient, Review
from skinlens.cases.tidy import tidy
from skinlens.imaging.image import Pixels
from skinlens.runtime.card import ModelCard
from skinlens.storage.database import empty_write_ahead_log, writing
from skinlens.storage.errors import explained
from skinlens.storage.location import data_folder
from skinlens.storage.verdict import Verdict
from skinlens.triage.case import CaseRecord
from skinlens.triage.decision import Decision
from skinlens.triage.wording import NO_RESULT

LABEL_UNKNOWN = "site not given"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CaseLine:
    """One assessment in a list of cases."""

    id: str
    created: datetime
    patient: str
    lesion: str
    image_name: str
    image_sha256: str
    decision: Decision
    score: float
    score_name: str
    model: str
    reviews: int
    last_verdict: str


@dataclass(frozen=True)
class Found:
    """A page of cases, the latest first, and how many there are in all."""

    lines: tuple[CaseLine, ...]
    total: int


def current_user() -> str:
    """The name that the operating system knows the user by; it stands in the log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


class CaseStore:
    """The kept cases. Safe to use from several threads and by several programs at once.

    Args:
        engine: From `database.open_database`.
        pixels: Where pixels are kept, if the user wants them kept.

    Every method raises CaseStoreError if the database or the disk reports an error; then nothing was changed.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     store = open_file(Path(folder) / "cases.sqlite")
        ...     print(store.search("P-1").total, store.patients())
        ...     store.engine.dispose()
        0 []
    """

    def __init__(self, engine: Engine, pixels: PixelFolder) -> None:
        self.engine = engine
        self.pixels = pixels

    def save(
        self,
        record: CaseRecord,
        card: ModelCard,
        *,
        actor: str,
        keep_pixels: bool = False,
        prevalence: float | None = None,
    ) -> str:
        """Keep a case: a new assessment, and patient, lesion and image where they are new.

        Args:
            record: `facts.case_id` names the patient and must not be blank; `facts.site` names the lesion.
            card: Of the model that made the prediction.
            actor: Who saves it.
            keep_pixels: Keep the pixels too, in a folder beside the database.
            prevalence: At which the meaning was shown, in (0, 1).

        Returns:
            The assessment's id.

        Raises:
            CaseStoreError: If it cannot be saved; then nothing of it is.
        """
        pseudonym = " ".join(record.facts.case_id.split())
        if not pseudonym:
            raise CaseStoreError("The case could not be saved: it needs a pseudonymous id.")
        if not record.assessment.has_result:
            raise CaseStoreError(f"The case could not be saved: there is no result. {NO_RESULT}")
        with self._writing("The case could not be saved", actor) as writer:
            patient = writer.found_or_new(Patient, pseudonym=pseudonym)
            label = " ".join(record.facts.site.split()) or LABEL_UNKNOWN
            lesion = writer.found_or_new(Lesion, patient_id=patient.id, label=label)
            image = writer.found_or_new(
                Image, image_columns(record.image), lesion_id=lesion.id, sha256=record.image.sha256
            )
            document = card_document(card)
            model = writer.found_or_new(Model, {"card": document}, sha256=digest(document))
            assessment = assessment_row(record, image_id=image.id, model_id=model.id, actor=actor)
            assessment.prevalence = prevalence
            writer.add(assessment)
            if keep_pixels:
                self._keep_pixels(writer, image.id, record.image.pixels)
            return assessment.id

    def review(self, assessment_id: str, verdict: Verdict, *, note: str, blind: bool, actor: str) -> str:
        """Keep a person's verdict; earlier ones stay.

        Returns:
            The review's id.

        Raises:
            CaseStoreError: If there is no such assessment, or the verdict cannot be saved.
        """
        with self._writing("The verdict could not be saved", actor) as writer:
            if writer.session.get(Assessment, assessment_id) is None:
                raise CaseNotFoundError("The verdict could not be saved: the case is no longer there.")
            row = Review(assessment_id=assessment_id, actor=actor, verdict=verdict, note=note, blind=blind)
            writer.add(row)
            return row.id

    def search(self, words: str = "", *, decision: str | None = None, limit: int = 200) -> Found:
        """Return the cases whose patient, lesion, image or note holds every word, the latest first.

        Raises:
            CaseStoreError: If the cases cannot be read.
        """
        wanted = select(Assessment).join(Assessment.image).join(Image.lesion).join(Lesion.patient)
        for word in words.split():
            pattern = f"%{_escaped(word)}%"
            columns = (Patient.pseudonym, Lesion.label, Image.name, Image.sha256, Assessment.note)
            wanted = wanted.where(or_(*(column.ilike(pattern, escape="\\") for column in columns)))
        if decision is not None:
            wanted = wanted.where(Assessment.decision == decision)
        with self._reading("The cases could not be read") as session:
            total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
            rows = session.scalars(
                _with_all(wanted).order_by(Assessment.created.desc(), Assessment.id).limit(limit)
            ).all()
            return Found(tuple(_line(row) for row in rows), total)

    def assessment(self, assessment_id: str) -> Assessment:
        """Return one assessment with its image, lesion, patient, model and reviews.

        Raises:
            CaseNotFoundError: If there is none of that id.
            CaseStoreError: If it cannot be read.
        """
        with self._reading("The case could not be read") as session:
            row = session.scalars(_with_all(select(Assessment).where(Assessment.id == assessment_id))).one_or_none()
            if row is None:
                raise CaseNotFoundError("There is no such case; it may have been deleted.")
            return row

    def of_lesion(self, lesion_id: str) -> Sequence[Assessment]:
        """Return every assessment of a lesion, the earliest first; errors as for `assessment`."""
        wanted = select(Assessment).join(Assessment.image).where(Image.lesion_id == lesion_id)
        with self._reading("The lesion could not be read") as session:
            return session.scalars(_with_all(wanted).order_by(Assessment.created, Assessment.id)).all()

    def patients(self) -> list[str]:
        """Return every pseudonym, sorted; errors as for `search`."""
        with self._reading("The cases could not be read") as session:
            return list(session.scalars(select(Patient.pseudonym).order_by(Patient.pseudonym)))

    def erase(self, pseudonym: str, *, actor: str) -> int:
        """Erase everything about a patient; the log keeps that it was done, and no more.

        Returns:
            How many rows were erased.

        Raises:
            CaseNotFoundError: If there is no such patient.
            CaseStoreError: If it cannot be done; then nothing is erased.
        """
        with self._writing("The patient could not be deleted", actor) as writer:
            patient = writer.session.scalars(select(Patient).where(Patient.pseudonym == pseudonym)).one_or_none()
            if patient is None:
                raise CaseNotFoundError(f"There is no patient {pseudonym!r}.")
            images = [image for lesion in patient.lesions for image in lesion.images]
            assessments = [assessment for image in images for assessment in image.assessments]
            ids = [image.id for image in images]
            erased: list[Kept] = [
                *(review for assessment in assessments for review in assessment.reviews),
                *assessments,
                *writer.session.scalars(select(KeptPixels).where(KeptPixels.image_id.in_(ids))),
                *images,
                *patient.lesions,
                patient,
            ]
            kept = [row.image_id for row in erased if isinstance(row, KeptPixels)]
            for row in erased:
                writer.erase(row)
            marks = [self.pixels.mark(image_id) for image_id in kept]
        with explained("The patient's rows are deleted, but not every trace of them", CaseStoreError):
            for image_id in ids:
                self.pixels.remove(image_id)
            for mark in marks:
                mark.unlink(missing_ok=True)
            empty_write_ahead_log(self.engine)
        # An image of the patient's may lie there without a case, since a save was interrupted.
        self.tidy(actor=actor)
        return len(erased)

    def tidy(self, *, actor: str, unmarked: bool = False) -> int:
        """Delete image files that belong to no case, as `cases.tidy.tidy` does; returns how many there were."""
        return tidy(self.engine, self.pixels, actor=actor, unmarked=unmarked)

    def _keep_pixels(self, writer: "_Writer", image_id: str, pixels: Pixels) -> None:
        known = writer.session.scalars(select(KeptPixels).filter_by(image_id=image_id)).one_or_none()
        if known is not None:
            return
        writer.marks.append(self.pixels.mark(image_id))
        writer.undo = lambda: self.pixels.remove(image_id)
        writer.add(KeptPixels(image_id=image_id, sha256=self.pixels.write(image_id, pixels)))

    @contextmanager
    def _reading(self, what: str) -> Iterator[Session]:
        with explained(what, CaseStoreError), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def _writing(self, what: str, actor: str) -> Iterator["_Writer"]:
        marks: list[Path] = []
        with explained(what, CaseStoreError):
            try:
                with writing(self.engine) as session:
                    writer = _Writer(session, actor, marks)
                    take_turn(session)
                    try:
                        yield writer
                    except BaseException:
                        # Now, while nobody else can be writing the same file.
                        writer.undo()
                        writer.settle()
                        raise
            except BaseException:
                if marks:
                    # Whether the transaction came to an end is known to the database alone.
                    with suppress(CaseStoreError):
                        self.tidy(actor=actor)
                raise
            writer.settle()


def open_store(*, tidied: bool = True) -> CaseStore:
    """Open the store where `location` says; pixels lie in the user's data folder.

    Args:
        tidied: Delete what interrupted saves and deletions have left.

    Raises:
        CaseStoreError: If it cannot be opened.
    """
    store = CaseStore(open_database(database_url()), PixelFolder(data_folder() / PIXELS))
    if not tidied:
        return store
    try:
        store.tidy(actor=current_user())
    except CaseStoreError as error:
        # Not a reason to keep anyone from their cases; the next start tries again.
        _log.warning("%s", error)
    return store


def open_file(path: Path) -> CaseStore:
    """Open a store in a SQLite file, its pixels beside it; errors as for `open_store`."""
    return CaseStore(open_database(URL.create("sqlite", database=str(path))), PixelFolder(path.parent / PIXELS))


class _Writer:
    """A transaction in which every row gets its entry in the log."""

    def __init__(self, session: Session, actor: str, marks: list[Path]) -> None:
        self.session = session
        self.actor = actor
        self.undo: Callable[[], None] = lambda: None
        self.marks = marks

    def add(self, row: Kept) -> None:
        self.session.add(row)
        self.session.flush()
        append(self.session, row, "created", self.actor)

    def settle(self) -> None:
        """Delete the marks of files that agree with their rows; one that stays means nothing to the next tidy-up."""
        for mark in self.marks:
            with suppress(OSError):
                mark.unlink(missing_ok=True)
        self.marks.clear()

    def erase(self, row: Kept) -> None:
        append(self.session, row, "erased", self.actor)
        self.session.delete(row)
        self.session.flush()

    def found_or_new(self, kind: type[Kept], more: dict[str, object] | None = None, **key: object) -> Kept:
        """The row with that key, or a new one; no other writer can come between, since they take turns."""
        row = self.session.scalars(select(kind).filter_by(**key)).one_or_none()
        if row is None:
            row = kind(**key, **(more or {}))
            self.add(row)
        return row


def _with_all(wanted: Select[Assessment]) -> Select[Assessment]:
    return wanted.options(
        selectinload(Assessment.image).selectinload(Image.lesion).selectinload(Lesion.patient),
        selectinload(Assessment.model),
        selectinload(Assessment.reviews),
    )


def _line(row: Assessment) -> CaseLine:
    return CaseLine(
        id=row.id,
        created=row.created,
        patient=row.image.lesion.patient.pseudonym,
        lesion=row.image.lesion.label,
        image_name=row.image.name,
        image_sha256=row.image.sha256,
        decision=row.decision,
        score=row.score,
        score_name=row.score_name,
        model=f"{row.model.card['name']}{' (unverified)' if row.model.card.get('unverified') else ''}",
        reviews=len(row.reviews),
        last_verdict=row.reviews[-1].verdict if row.reviews else "",
    )


def _escaped(word: str) -> str:
    """A word as a pattern that matches itself alone."""
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")

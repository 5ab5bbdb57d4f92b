"""The case store: cases are saved, searched, reviewed and erased, each in one transaction with its log entry."""

import getpass
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Engine, Select, func, or_, select
from sqlalchemy.orm import Session, selectinload

from skinlens.cases.database import open_database
from skinlens.cases.errors import AlreadySavedError, CaseNotFoundError, CaseStoreError
from skinlens.cases.location import PIXELS, database_url
from skinlens.cases.log import append, digest, take_turn
from skinlens.cases.pixels import PixelFolder
from skinlens.cases.records import assessment_row, card_document, day_of, image_columns, second_of
from skinlens.cases.schema import Assessment, Image, Kept, KeptPixels, Lesion, Model, Patient, Review
from skinlens.cases.tidy import tidy
from skinlens.imaging.image import Pixels
from skinlens.runtime.card import ModelCard
from skinlens.storage.database import empty_write_ahead_log, writing
from skinlens.storage.errors import explained
from skinlens.storage.location import data_folder
from skinlens.storage.verdict import Verdict
from skinlens.translation import marked, sentence
from skinlens.triage.case import CaseRecord
from skinlens.triage.decision import Decision
from skinlens.triage.wording import NO_RESULT

AnyRow = TypeVar("AnyRow", bound=Kept)
_NUMBERED = re.compile(r"L([0-9]{1,6})")
_LONGEST_NAME = 120

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CaseLine:
    """One assessment in a list of cases."""

    id: str
    created: datetime
    patient: str
    lesion: str
    site: str | None
    photographed: str
    image_name: str
    image_sha256: str
    decision: Decision
    score: float
    score_name: str
    model: str
    reviews: int
    last_verdict: str


@dataclass(frozen=True)
class LesionLine:
    """One of a patient's lesions.

    Attributes:
        id: Of its row.
        label: Its name, such as L2.
        site: Body site in words; None for a lesion of an earlier version, whose label it is.
        images: Identity of each image of it, from `imaging.image.identity_of`.
        files: SHA-256 of the file of each of them.
        latest: Day of the latest photograph, as YYYY-MM-DD.
    """

    id: str
    label: str
    site: str | None
    site_code: str
    side: str
    images: tuple[str, ...]
    files: tuple[str, ...]
    latest: str


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

        An image is of one lesion: the same one again, as of a new lesion, is kept as of the lesion that it is of.
        Readers' assessments and pixels that a kept case lacks are added to it.

        Args:
            record: `facts.case_id` names the patient and must not be blank; `facts.lesion` names the lesion, "" a new
                one, which gets the next free of L1, L2 and so on.
            card: Of the model that made the prediction.
            actor: Who saves it.
            keep_pixels: Keep the pixels too, in a folder beside the database.
            prevalence: At which the meaning was shown, in (0, 1).

        Returns:
            The assessment's id.

        Raises:
            AlreadySavedError: If all of it is kept already.
            CaseStoreError: If it cannot be saved; then nothing of it is.
        """
        pseudonym = " ".join(record.facts.case_id.split())
        if not pseudonym:
            raise CaseStoreError(marked("The case could not be saved: it needs a pseudonymous id."))
        if not record.assessment.has_result:
            raise CaseStoreError(sentence("The case could not be saved: there is no result. {why}", why=NO_RESULT))
        for name, text, most in (
            (marked("pseudonymous id"), pseudonym, 60),
            (marked("name of the lesion"), record.facts.lesion, 80),
        ):
            if len(text) > most:
                raise CaseStoreError(
                    sentence(
                        "The case could not be saved: the {name} is longer than {most} characters.",
                        name=name,
                        most=most,
                    )
                )
        with self._writing(marked("The case could not be saved"), actor) as writer:
            patient = writer.found_or_new(Patient, pseudonym=pseudonym)
            lesion = _lesion_for(writer, patient, record)
            image = writer.found_or_new(
                Image, image_columns(record.image), lesion_id=lesion.id, sha256=record.image.identity
            )
            document = card_document(card)
            model = writer.found_or_new(Model, {"card": document}, sha256=digest(document))
            assessment = assessment_row(record, image_id=image.id, model_id=model.id, actor=actor)
            assessment.prevalence = prevalence
            same = _same_case(writer.session, assessment)
            if same is None:
                writer.add(assessment)
            case_id = assessment.id if same is None else same
            readings = _add_readings(writer, case_id, record)
            pixels = keep_pixels and self._keep_pixels(writer, image.id, record.image.pixels)
            if same is not None and not readings and not pixels:
                raise AlreadySavedError(
                    sentence(
                        "This case is saved already, as {lesion} of {patient}.", lesion=lesion.label, patient=pseudonym
                    ),
                    same,
                )
            return case_id

    def review(
        self, assessment_id: str, verdict: Verdict, *, note: str, blind: bool, actor: str, reader: str = ""
    ) -> str:
        """Keep a person's verdict; earlier ones stay.

        Args:
            assessment_id: Of the case.
            verdict: What the person makes of it.
            note: Anything the person wants to add.
            blind: Whether the model's decision was hidden until then.
            actor: Who saves it.
            reader: The name that the person gave; "" if it is the actor's.

        Returns:
            The review's id.

        Raises:
            CaseStoreError: If there is no such assessment, or the verdict cannot be saved.
        """
        with self._writing(marked("The verdict could not be saved"), actor) as writer:
            if writer.session.get(Assessment, assessment_id) is None:
                raise CaseNotFoundError(marked("The verdict could not be saved: the case is no longer there."))
            row = Review(
                assessment_id=assessment_id,
                actor=actor,
                verdict=verdict,
                note=note,
                blind=blind,
                reader=_reader(reader, actor),
            )
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
            columns = (
                *(Patient.pseudonym, Lesion.label, Lesion.site, Image.name, Image.sha256, Image.file_sha256),
                *(Assessment.site, Assessment.photographed, Assessment.note),
            )
            wanted = wanted.where(or_(*(column.ilike(pattern, escape="\\") for column in columns)))
        if decision is not None:
            wanted = wanted.where(Assessment.decision == decision)
        with self._reading(marked("The cases could not be read")) as session:
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
        with self._reading(marked("The case could not be read")) as session:
            row = session.scalars(_with_all(select(Assessment).where(Assessment.id == assessment_id))).one_or_none()
            if row is None:
                raise CaseNotFoundError(marked("There is no such case; it may have been deleted."))
            return row

    def of_lesion(self, lesion_id: str) -> Sequence[Assessment]:
        """Return every assessment of a lesion, by the day of its photograph, the oldest first.

        A photograph whose day is not known stands at the day on which it was saved. Errors as for `assessment`.
        """
        wanted = select(Assessment).join(Assessment.image).where(Image.lesion_id == lesion_id)
        with self._reading(marked("The lesion could not be read")) as session:
            rows = session.scalars(_with_all(wanted)).all()
        return sorted(rows, key=lambda row: (day_of(row), row.created, row.id))

    def of_patient(self, pseudonym: str) -> Sequence[Assessment]:
        """Return every assessment of a patient, in the order of saving; errors as for `assessment`."""
        wanted = select(Assessment).join(Assessment.image).join(Image.lesion).join(Lesion.patient)
        with self._reading(marked("The patient could not be read")) as session:
            return session.scalars(
                _with_all(wanted.where(Patient.pseudonym == pseudonym)).order_by(Assessment.created, Assessment.id)
            ).all()

    def lesions(self, pseudonym: str) -> tuple[LesionLine, ...]:
        """Return a patient's lesions in the order in which they were first saved; errors as for `search`.

        Args:
            pseudonym: Of the patient; one that is not known has no lesions.
        """
        wanted = (
            select(Lesion)
            .join(Lesion.patient)
            .where(Patient.pseudonym == pseudonym)
            .order_by(Lesion.created, Lesion.id)
            .options(selectinload(Lesion.images).selectinload(Image.assessments))
        )
        with self._reading(marked("The lesions could not be read")) as session:
            return tuple(_lesion_line(lesion) for lesion in session.scalars(wanted))

    def patients(self) -> list[str]:
        """Return every pseudonym, sorted; errors as for `search`."""
        with self._reading(marked("The cases could not be read")) as session:
            return list(session.scalars(select(Patient.pseudonym).order_by(Patient.pseudonym)))

    def erase(self, pseudonym: str, *, actor: str) -> int:
        """Erase everything about a patient; the log keeps that it was done, and no more.

        Returns:
            How many rows were erased.

        Raises:
            CaseNotFoundError: If there is no such patient.
            CaseStoreError: If it cannot be done; then nothing is erased.
        """

        def wanted(session: Session) -> list[Kept]:
            patient = session.scalars(select(Patient).where(Patient.pseudonym == pseudonym)).one_or_none()
            if patient is None:
                raise CaseNotFoundError(sentence("There is no patient {patient}.", patient=repr(pseudonym)))
            return [patient]

        return self._erase(marked("The patient"), wanted, actor)

    def erase_lesion(self, lesion_id: str, *, actor: str) -> int:
        """Erase a lesion with its photographs, and its patient if there is no other lesion; else as `erase`."""

        def wanted(session: Session) -> list[Kept]:
            lesion = session.get(Lesion, lesion_id)
            if lesion is None:
                raise CaseNotFoundError(marked("There is no such lesion; it may have been deleted."))
            return [lesion]

        return self._erase(marked("The lesion"), wanted, actor)

    def erase_case(self, assessment_id: str, *, actor: str) -> int:
        """Erase one case, and image, lesion and patient if no other case is of them; otherwise as `erase`."""

        def wanted(session: Session) -> list[Kept]:
            assessment = session.get(Assessment, assessment_id)
            if assessment is None:
                raise CaseNotFoundError(marked("There is no such case; it may have been deleted."))
            return [assessment]

        return self._erase(marked("The case"), wanted, actor)

    def _erase(self, what: str, wanted: Callable[[Session], list[Kept]], actor: str) -> int:
        with self._writing(sentence("{what} could not be deleted", what=what), actor) as writer:
            erased = _with_dependants(writer.session, wanted(writer.session))
            ids = [row.id for row in erased if isinstance(row, Image)]
            kept = [row.image_id for row in erased if isinstance(row, KeptPixels)]
            for row in erased:
                writer.erase(row)
            marks = [self.pixels.mark(image_id) for image_id in kept]
        with explained(sentence("{what}'s rows are deleted, but not every trace of them", what=what), CaseStoreError):
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

    def _keep_pixels(self, writer: "_Writer", image_id: str, pixels: Pixels) -> bool:
        """Whether they were not kept before."""
        known = writer.session.scalars(select(KeptPixels).filter_by(image_id=image_id)).one_or_none()
        if known is not None:
            return False
        writer.marks.append(self.pixels.mark(image_id))
        writer.undo = lambda: self.pixels.remove(image_id)
        writer.add(KeptPixels(image_id=image_id, sha256=self.pixels.write(image_id, pixels)))
        return True

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

    def found_or_new(self, kind: type[AnyRow], more: dict[str, object] | None = None, **key: object) -> AnyRow:
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


def _lesion_for(writer: _Writer, patient: Patient, record: CaseRecord) -> Lesion:
    """The lesion that a case is about: the one that it names, the one that its image is of, or a new one."""
    facts = record.facts
    label = " ".join(facts.lesion.split())
    known = {lesion.label: lesion for lesion in writer.session.scalars(select(Lesion).filter_by(patient_id=patient.id))}
    if label in known:
        return known[label]
    if not label:
        wanted = select(Lesion).join(Lesion.images)
        same = wanted.where(Lesion.patient_id == patient.id, Image.sha256 == record.image.identity)
        image_of = writer.session.scalars(same.order_by(Lesion.created).limit(1)).one_or_none()
        if image_of is not None:
            return image_of
        label = next_label(known)
    lesion = Lesion(
        patient_id=patient.id,
        label=label,
        site=" ".join(facts.site.split()),
        site_code=facts.site_code or None,
        side=facts.side or None,
    )
    writer.add(lesion)
    return lesion


def next_label(labels: Iterable[str]) -> str:
    """Return the name of a patient's next lesion: L and a number above those of all others.

    >>> next_label([]), next_label(["L1", "L4"]), next_label(["left upper back", "nose"])
    ('L1', 'L5', 'L3')
    """
    given = list(labels)
    numbers = [int(label[1:]) for label in given if _NUMBERED.fullmatch(label)]
    return f"L{max([len(given), *numbers]) + 1}"


def _same_case(session: Session, new: Assessment) -> str | None:
    """The id of a kept case with the same image, model, result and facts."""
    wanted = select(Assessment).where(Assessment.image_id == new.image_id, Assessment.model_id == new.model_id)
    same = (
        *("decision", "score", "point", "override", "prevalence"),
        *("age", "sex", "site", "note", "photographed", "checklists", "diameter"),
    )
    for kept in session.scalars(wanted.order_by(Assessment.created)):
        if all(getattr(kept, name) == getattr(new, name) for name in same) and second_of(kept) == second_of(new):
            return kept.id
    return None


def _add_readings(writer: _Writer, case_id: str, record: CaseRecord) -> int:
    """Keep the readers' assessments that a case lacks; return how many there were."""
    kept = writer.session.scalars(select(Review).filter_by(assessment_id=case_id)).all()
    known = {(review.verdict, review.note, review.reader or review.actor) for review in kept}
    new = [
        reading
        for reading in record.readings
        if (reading.verdict, reading.note, _reader(reading.reader, writer.actor) or writer.actor) not in known
    ]
    for reading in new:
        row = Review(
            assessment_id=case_id,
            created=reading.moment,
            actor=writer.actor,
            verdict=reading.verdict,
            note=reading.note,
            blind=False,
            reader=_reader(reading.reader, writer.actor),
        )
        writer.add(row)
    return len(new)


def _reader(name: str, actor: str) -> str | None:
    """A reader's name as it is kept: None where it is the actor's."""
    given = " ".join(name.split())[:_LONGEST_NAME]
    return given if given not in {"", actor} else None


def _with_dependants(session: Session, wanted: list[Kept]) -> list[Kept]:
    """Rows with everything that hangs on them, those first that point to others, and what would be left empty."""
    patients = [row for row in wanted if isinstance(row, Patient)]
    lesions = [row for row in wanted if isinstance(row, Lesion)]
    lesions += [lesion for patient in patients for lesion in patient.lesions]
    images = [image for lesion in lesions for image in lesion.images]
    assessments = [row for row in wanted if isinstance(row, Assessment)]
    assessments += [assessment for image in images for assessment in image.assessments]
    for image in dict.fromkeys(row.image for row in assessments):
        if image not in images and set(image.assessments) <= set(assessments):
            images.append(image)
    for lesion in dict.fromkeys(image.lesion for image in images):
        if lesion not in lesions and set(lesion.images) <= set(images):
            lesions.append(lesion)
    for patient in dict.fromkeys(lesion.patient for lesion in lesions):
        if patient not in patients and set(patient.lesions) <= set(lesions):
            patients.append(patient)
    ids = [image.id for image in images]
    return [
        *(review for assessment in assessments for review in assessment.reviews),
        *assessments,
        *session.scalars(select(KeptPixels).where(KeptPixels.image_id.in_(ids))),
        *images,
        *lesions,
        *patients,
    ]


def _lesion_line(lesion: Lesion) -> LesionLine:
    days = [day_of(row) for image in lesion.images for row in image.assessments]
    return LesionLine(
        id=lesion.id,
        label=lesion.label,
        site=lesion.site,
        site_code=lesion.site_code or "",
        side=lesion.side or "",
        images=tuple(image.sha256 for image in lesion.images),
        files=tuple(image.received_sha256 for image in lesion.images),
        latest=max(days, default=""),
    )


def _line(row: Assessment) -> CaseLine:
    return CaseLine(
        id=row.id,
        created=row.created,
        patient=row.image.lesion.patient.pseudonym,
        lesion=row.image.lesion.label,
        site=row.image.lesion.site,
        photographed=row.photographed or "",
        image_name=row.image.shown_name,
        image_sha256=row.image.received_sha256,
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

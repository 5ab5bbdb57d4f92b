"""The tables. A row is written once and never changed; a patient's rows can be erased, which the log keeps."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from skinlens.imaging.image import name_in_words
from skinlens.storage.columns import Document, Moment
from skinlens.storage.verdict import Verdict
from skinlens.triage.decision import Decision

# Marks a column that a later version added: left out of a row's digest while it is empty, so that the digests of rows
# written before stay what they were.
LATER = {"later": True}


class Base(DeclarativeBase):
    """Of every table."""


class Kept(Base):
    """A row that is written once.

    Attributes:
        id: A random name, which tells nothing about the row.
        created: When it was written.
    """

    __abstract__ = True

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=lambda: uuid4().hex)
    created: Mapped[datetime] = mapped_column(Moment, default=lambda: datetime.now(UTC))


class Patient(Kept):
    """A person, known by a pseudonym alone."""

    __tablename__ = "patient"

    pseudonym: Mapped[str] = mapped_column(String(60), unique=True)
    lesions: Mapped[list["Lesion"]] = relationship(back_populates="patient", order_by="Lesion.created")


class Lesion(Kept):
    """A spot on a person's skin.

    Attributes:
        label: Its name among the patient's lesions, such as L2. Earlier versions distinguished lesions by the body site
            alone; of theirs, it is that.
        site: Where it lies, in words; None for lesions of earlier versions.
        site_code: SNOMED CT's code of the body site.
        side: `left`, `right` or `midline`.
    """

    __tablename__ = "lesion"
    __table_args__ = (UniqueConstraint("patient_id", "label"),)

    patient_id: Mapped[str] = mapped_column(ForeignKey("patient.id"), index=True)
    label: Mapped[str] = mapped_column(String(80))
    site: Mapped[str | None] = mapped_column(Text, info=LATER)
    site_code: Mapped[str | None] = mapped_column(String(20), info=LATER)
    side: Mapped[str | None] = mapped_column(String(10), info=LATER)
    patient: Mapped[Patient] = relationship(back_populates="lesions")
    images: Mapped[list["Image"]] = relationship(back_populates="lesion", order_by="Image.created")


class Image(Kept):
    """An image of a lesion.

    Attributes:
        sha256: The image's identity: digest of the bytes as they were received, unless it is a further image of a file
            (see `imaging.image.identity_of`).
        file_sha256: Digest of the bytes of a file of which this is a further image; None where `sha256` is that.
        frame: Which image of the file it is, from 1; None where it holds one.
        frames: How many images the file holds; None where it holds one.
    """

    __tablename__ = "image"
    __table_args__ = (UniqueConstraint("lesion_id", "sha256"),)

    lesion_id: Mapped[str] = mapped_column(ForeignKey("lesion.id"), index=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(Text)
    width: Mapped[int]
    height: Mapped[int]
    synthetic: Mapped[bool]
    notes: Mapped[list[str]] = mapped_column(Document)
    file_sha256: Mapped[str | None] = mapped_column(String(64), info=LATER)
    frame: Mapped[int | None] = mapped_column(info=LATER)
    frames: Mapped[int | None] = mapped_column(info=LATER)
    lesion: Mapped[Lesion] = relationship(back_populates="images")
    assessments: Mapped[list["Assessment"]] = relationship(back_populates="image", order_by="Assessment.created")

    @property
    def received_sha256(self) -> str:
        """Digest of the whole file."""
        return self.file_sha256 or self.sha256

    @property
    def number(self) -> int:
        """Which image of its file it is, from 0, as `decode` takes it."""
        return (self.frame or 1) - 1

    @property
    def shown_name(self) -> str:
        """What to call it in front of a person."""
        return name_in_words(self.name, self.number, self.frames or 1)


class KeptPixels(Kept):
    """That the pixels of an image are kept in a file, and the SHA-256 of that file."""

    __tablename__ = "pixels"

    image_id: Mapped[str] = mapped_column(ForeignKey("image.id"), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))


class Model(Kept):
    """A model's card as it was when the model was first used, found by the digest of the card's text."""

    __tablename__ = "model"

    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    card: Mapped[dict[str, Any]] = mapped_column(Document)


class Assessment(Kept):
    """A model's prediction on an image, and the decision at an operating point.

    Attributes:
        actor: Who asked for it.
        software: Version of SkinLens.
        prediction: Logits, score, gate, provider, milliseconds.
        signed_map: float32 of the shape in `map_shape`, little-endian, as in `Prediction.signed_map`.
        point: The operating point.
        admission: Reasons, warnings, checks and out-of-distribution score; None if that was not asked.
        case_id: As the user typed it; likewise age, sex, site and note.
        prevalence: At which the meaning was shown; None if it was not.
        photographed: Day of the photograph as YYYY-MM-DD; None if it is not known.
        checklists: That a reader filled in, from `checklists.checklists_document`.
        diameter: Of the lesion, from `diameter.diameter_document`; None without a scale.
    """

    __tablename__ = "assessment"

    image_id: Mapped[str] = mapped_column(ForeignKey("image.id"), index=True)
    model_id: Mapped[str] = mapped_column(ForeignKey("model.id"))
    actor: Mapped[str] = mapped_column(String(120))
    software: Mapped[str] = mapped_column(String(20))
    decision: Mapped[Decision] = mapped_column(String(20), index=True)
    score: Mapped[float]
    score_name: Mapped[str] = mapped_column(String(20))
    prediction: Mapped[dict[str, Any]] = mapped_column(Document)
    signed_map: Mapped[bytes] = mapped_column(LargeBinary)
    map_shape: Mapped[list[int]] = mapped_column(Document)
    point: Mapped[dict[str, Any]] = mapped_column(Document)
    reasons: Mapped[list[str]] = mapped_column(Document)
    stability: Mapped[list[float] | None] = mapped_column(Document)
    admission: Mapped[dict[str, Any] | None] = mapped_column(Document)
    override: Mapped[str] = mapped_column(Text)
    case_id: Mapped[str] = mapped_column(Text)
    age: Mapped[str] = mapped_column(Text)
    sex: Mapped[str] = mapped_column(Text)
    site: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    prevalence: Mapped[float | None]
    photographed: Mapped[str | None] = mapped_column(String(10), info=LATER)
    checklists: Mapped[dict[str, Any] | None] = mapped_column(Document, info=LATER)
    diameter: Mapped[dict[str, Any] | None] = mapped_column(Document, info=LATER)
    image: Mapped[Image] = relationship(back_populates="assessments")
    model: Mapped[Model] = relationship()
    reviews: Mapped[list["Review"]] = relationship(back_populates="assessment", order_by="Review.created")


class Review(Kept):
    """A person's own verdict on an assessed image.

    Attributes:
        actor: Who saved it.
        blind: Whether the model's decision was hidden until then.
        reader: The name that the reader gave; None if it is the actor's.
    """

    __tablename__ = "review"

    assessment_id: Mapped[str] = mapped_column(ForeignKey("assessment.id"), index=True)
    actor: Mapped[str] = mapped_column(String(120))
    verdict: Mapped[Verdict] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(Text)
    blind: Mapped[bool]
    reader: Mapped[str | None] = mapped_column(String(120), info=LATER)
    assessment: Mapped[Assessment] = relationship(back_populates="reviews")


class LogEntry(Base):
    """One line of the log: who did what to which row, chained to the line before.

    Attributes:
        number: 1, 2, 3 and so on.
        action: `created` or `erased`; `removed` of an image file that belonged to no case.
        row_digest: SHA-256 of the row as it was written, or of the file; the log holds nothing else of it.
        previous: `link` of the entry before; 64 zeros for the first.
        link: SHA-256 of this entry with `previous`.
    """

    __tablename__ = "log"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    moment: Mapped[datetime] = mapped_column(Moment)
    actor: Mapped[str] = mapped_column(String(120))
    action: Mapped[str] = mapped_column(String(20))
    table_name: Mapped[str] = mapped_column(String(20))
    row_id: Mapped[str] = mapped_column(String(32), index=True)
    row_digest: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    link: Mapped[str] = mapped_column(String(64))


class LogHead(Base):
    """Where the log ends: one row, which every writer changes first, so that two of them take turns."""

    __tablename__ = "log_head"
    __table_args__ = (CheckConstraint("id = 1"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    number: Mapped[int] = mapped_column(default=0)
    link: Mapped[str] = mapped_column(String(64))


# Of the tables that hold rows of cases, those first that others point to.
KEPT: tuple[type[Kept], ...] = (Patient, Lesion, Image, KeptPixels, Model, Assessment, Review)

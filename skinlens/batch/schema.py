"""The tables of one run, in a SQLite file of its own: its images, their results, and people's verdicts."""

from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Column, Connection, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from skinlens.storage.columns import Document, Moment
from skinlens.storage.migrating import MigrationContext, Operations
from skinlens.storage.verdict import Verdict

# Of the tables below. `migrate` brings files of earlier versions up to it; a file of a later one is not read.
VERSION = 4
EARLIER = frozenset({1, 2, 3})

Kind = Literal["path", "upload"]
Wanted = Literal["run", "pause", "cancel"]
# "judged" is on disk: an image that was assessed.
State = Literal["waiting", "judged", "unreadable"]


class Base(DeclarativeBase):
    """Of every table."""


class Run(Base):
    """The run itself, one row.

    Attributes:
        kind: `path` reads the images where they lie, `upload` from the run's own spool.
        roots: The paths or names that the run was started with.
        card: Of the model, as it was when the run began.
        orientations: Whether each image is assessed turned and mirrored too.
        wanted: What the user wants done; whoever runs it looks here between images.
        listed: Whether every image has its row already.
        passed_over: How many files are no images; those of a run of version 3 on have a `PassedOverFile` each.
        spooled: Whether the run's own copies of uploaded images still lie in its folder.
        second_card: Of the second model that assesses each image, too; None without one.
    """

    __tablename__ = "run"

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    created: Mapped[datetime] = mapped_column(Moment, default=lambda: datetime.now(UTC))
    actor: Mapped[str] = mapped_column(String(120))
    title: Mapped[str] = mapped_column(Text)
    kind: Mapped[Kind] = mapped_column(String(10))
    roots: Mapped[list[str]] = mapped_column(Document)
    card: Mapped[dict[str, Any]] = mapped_column(Document)
    # The column is older than the word.
    orientations: Mapped[bool] = mapped_column("views")
    wanted: Mapped[Wanted] = mapped_column(String(10), default="run")
    listed: Mapped[bool] = mapped_column(default=False)
    passed_over: Mapped[int] = mapped_column(default=0)
    spooled: Mapped[bool] = mapped_column(default=False)
    second_card: Mapped[dict[str, Any] | None] = mapped_column(Document)


class RunImage(Base):
    """One image of the run, and what came of it.

    Attributes:
        number: Its place in the run, from 0 on.
        path: As shown to a reader; what it was found under and `relative`.
        file: Where it lies, as the file system knows it; None for what was never there to be read.
        member: Its number in an archive; None outside of archives.
        reason: Why it could not be read, as a short code, with its `sentence`.
        thumbnail: A small JPEG.
        frame: Which image of its file it is, from 0; None for the first.
        first: Number of the file's first image; None for that one.
        diameter: Of the lesion, from `triage.diameter.diameter_document`; None without a scale.
    """

    # As earlier versions called an image; on disk.
    __tablename__ = "picture"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    path: Mapped[str] = mapped_column(Text)
    relative: Mapped[str] = mapped_column(Text)
    file: Mapped[bytes | None] = mapped_column(LargeBinary)
    member: Mapped[int | None]
    state: Mapped[State] = mapped_column(String(12), default="waiting", index=True)
    finished: Mapped[datetime | None] = mapped_column(Moment)
    sha256: Mapped[str] = mapped_column(String(64), default="", index=True)
    width: Mapped[int | None]
    height: Mapped[int | None]
    notes: Mapped[list[str] | None] = mapped_column(Document)
    reason: Mapped[str] = mapped_column(String(20), default="")
    sentence: Mapped[str] = mapped_column(Text, default="")
    score: Mapped[float | None]
    prediction: Mapped[dict[str, Any] | None] = mapped_column(Document)
    signed_map: Mapped[bytes | None] = mapped_column(LargeBinary)
    map_shape: Mapped[list[int] | None] = mapped_column(Document)
    stability: Mapped[list[float] | None] = mapped_column(Document)
    admission: Mapped[dict[str, Any] | None] = mapped_column(Document)
    thumbnail: Mapped[bytes | None] = mapped_column(LargeBinary)
    frame: Mapped[int | None]
    first: Mapped[int | None]
    diameter: Mapped[dict[str, Any] | None] = mapped_column(Document)


class PassedOverFile(Base):
    """A file in a folder or archive that is no image, and why."""

    __tablename__ = "passed_over"

    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


class SecondResult(Base):
    """What the second model made of an image; there is no row where it gave no usable number.

    Attributes:
        number: Of the image; the other columns are those of `RunImage`.
    """

    __tablename__ = "second"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    score: Mapped[float]
    prediction: Mapped[dict[str, Any]] = mapped_column(Document)
    signed_map: Mapped[bytes] = mapped_column(LargeBinary)
    map_shape: Mapped[list[int]] = mapped_column(Document)
    stability: Mapped[list[float] | None] = mapped_column(Document)
    admission: Mapped[dict[str, Any] | None] = mapped_column(Document)


class Review(Base):
    """A person's verdict on an image; never changed, a later one stands beside it.

    Attributes:
        blind: Whether the model's result was hidden until then.
        withdrawn: When the person took it back; None if it counts. The row stays, since the person has seen the result.
    """

    __tablename__ = "review"

    id: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[datetime] = mapped_column(Moment, default=lambda: datetime.now(UTC))
    number: Mapped[int] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(120))
    verdict: Mapped[Verdict] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(Text)
    blind: Mapped[bool]
    withdrawn: Mapped[datetime | None] = mapped_column(Moment)


class FactsFile(Base):
    """A CSV of case facts that the user added, as it was; the latest counts."""

    __tablename__ = "facts"

    id: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[datetime] = mapped_column(Moment, default=lambda: datetime.now(UTC))
    name: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary)


def migrate(connection: Connection) -> None:
    """Bring a run's file up to `VERSION`, in the caller's transaction; nothing that is in it changes.

    Args:
        connection: To a file of an `EARLIER` version or `VERSION`.
    """
    # Another program may have done it since the caller looked.
    version = connection.scalar(text("PRAGMA user_version"))
    if version not in EARLIER:
        return
    change = Operations(MigrationContext.configure(connection))
    for column in (Column("frame", Integer), Column("first", Integer), Column("diameter", Document)):
        change.add_column(RunImage.__tablename__, column)
    if version == 1:
        change.add_column("run", Column("second_card", Document))
        change.add_column("review", Column("withdrawn", Moment))
    Base.metadata.create_all(connection)
    connection.execute(text(f"PRAGMA user_version = {VERSION}"))

"""The tables of one run, in a SQLite file of its own: its images, their results, and people's verdicts."""

from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from skinlens.storage.columns import Document, Moment
from skinlens.storage.verdict import Verdict

# Of the tables below; a file of another version is not read.
VERSION = 1

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
        views: Whether each image is assessed turned and mirrored too.
        wanted: What the user wants done; whoever runs it looks here between images.
        listed: Whether every image has its row already.
        passed_over: Files that are no images.
        spooled: Whether the run's own copies of uploaded images still lie in its folder.
    """

    __tablename__ = "run"

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    created: Mapped[datetime] = mapped_column(Moment, default=lambda: datetime.now(UTC))
    actor: Mapped[str] = mapped_column(String(120))
    title: Mapped[str] = mapped_column(Text)
    kind: Mapped[Kind] = mapped_column(String(10))
    roots: Mapped[list[str]] = mapped_column(Document)
    card: Mapped[dict[str, Any]] = mapped_column(Document)
    views: Mapped[bool]
    wanted: Mapped[Wanted] = mapped_column(String(10), default="run")
    listed: Mapped[bool] = mapped_column(default=False)
    passed_over: Mapped[int] = mapped_column(default=0)
    spooled: Mapped[bool] = mapped_column(default=False)


class RunImage(Base):
    """One image of the run, and what came of it.

    Attributes:
        number: Its place in the run, from 0 on.
        path: As shown to a reader; what it was found under and `relative`.
        file: Where it lies, as the file system knows it; None for what was never there to be read.
        member: Its number in an archive; None outside of archives.
        reason: Why it could not be read, as a short code, with its `sentence`.
        thumbnail: A small JPEG.
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


class Review(Base):
    """A person's verdict on an image; never changed, a later one stands beside it.

    Attributes:
        blind: Whether the model's result was hidden until then.
    """

    __tablename__ = "review"

    id: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[datetime] = mapped_column(Moment, default=lambda: datetime.now(UTC))
    number: Mapped[int] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(120))
    verdict: Mapped[Verdict] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(Text)
    blind: Mapped[bool]


class FactsFile(Base):
    """A CSV of case facts that the user added, as it was; the latest counts."""

    __tablename__ = "facts"

    id: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[datetime] = mapped_column(Moment, default=lambda: datetime.now(UTC))
    name: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(LargeBinary)

"""A run on the disk: its folder with a SQLite file and, for uploads, the spool. Several programs may have it open."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from sqlalchemy import URL, Engine, Select, func, insert, select, text, update
from sqlalchemy.orm import Session

from skinlens.batch.errors import BatchError, SeenByOtherError
from skinlens.batch.schema import (
    EARLIER,
    VERSION,
    Base,
    FactsFile,
    Kind,
    PassedOverFile,
    Review,
    Run,
    RunImage,
    SecondResult,
    State,
    Wanted,
    migrate,
)
from skinlens.imaging.frames import with_frame
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.sources import PassedOver, Place, Source
from skinlens.runtime.card import ModelCard
from skinlens.storage.database import connect, writer, writing
from skinlens.storage.errors import explained
from skinlens.storage.location import file_identity, own_folder
from skinlens.storage.verdict import Verdict
from skinlens.translation import marked, sentence
from skinlens.triage.decision import NO_RESULT_CODE, has_result
from skinlens.triage.diameter import Diameter, diameter_from
from skinlens.triage.wording import NO_RESULT

_DATABASE = "run.sqlite"
_SPOOL = "spool"
# What SQLite says of a file that no version of SkinLens has finished: its tables and its version come together.
_NEVER_WRITTEN = 0
_LISTED_AT_ONCE = 500
# Images from whose times the rate is taken.
_RATE_OVER = 60


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        title: What to call the run in front of a person.
        kind: Where the images are read from.
        roots: What was pointed at: paths, or names of uploads.
        card: Of the model.
        orientations: Whether each image is assessed in eight orientations.
        actor: Who wants it.
        second: Card of a second model that assesses each image, too; None for none.
    """

    title: str
    kind: Kind
    roots: tuple[str, ...]
    card: ModelCard
    orientations: bool
    actor: str
    second: ModelCard | None = None


@dataclass(frozen=True)
class Waiting:
    """An image that has not been assessed yet; a source for the pipeline.

    Attributes:
        frame: Which image of its file, from 0.
    """

    number: int
    relative: str
    place: Place
    frame: int = 0

    @property
    def name(self) -> str:
        """What people see as the image's name."""
        return PurePosixPath(self.relative).name

    def read(self) -> bytes:
        """Return the bytes; raises ImageRejectedError if they cannot be read."""
        return self.place.read()


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        total: Images found so far; all of them once `listed`.
        rate: Images a second over the latest ones; None before there are enough.
        wanted: What the user wants done with it.
    """

    total: int
    assessed: int
    unreadable: int
    passed_over: int
    listed: bool
    wanted: Wanted
    rate: float | None

    @property
    def done(self) -> int:
        """Images that have their result."""
        return self.assessed + self.unreadable

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.listed and self.done == self.total

    @property
    def seconds_left(self) -> float | None:
        """At the present rate; None while that is unknown."""
        return (self.total - self.done) / self.rate if self.rate and self.listed else None


@dataclass(frozen=True)
class Line:
    """What the table needs of an image; everything but the pixels, maps and features.

    Attributes:
        frame: Which image of its file, from 0.
        first: Number of the file's first image.
        diameter: Of the lesion; None without a scale.
        is_image: No for a folder or archive that holds no image or cannot be opened.
        second_score: Of the second model; None without one, or if it gave no number.
        second_stability: Its scores in the eight orientations; None if they were not computed.
        second_rejections: Why the second model may not assess the image.
    """

    number: int
    path: str
    relative: str
    state: State
    sha256: str
    width: int | None
    height: int | None
    notes: tuple[str, ...]
    reason: str
    sentence: str
    score: float | None
    stability: tuple[float, ...] | None
    rejections: tuple[str, ...]
    warnings: tuple[str, ...]
    flags: tuple[str, ...]
    is_image: bool = True
    second_score: float | None = None
    second_stability: tuple[float, ...] | None = None
    second_rejections: tuple[str, ...] = ()
    frame: int = 0
    first: int | None = None
    diameter: Diameter | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Sorts images in the order of the run, in which further images of a file stand below its first."""
        return self.number if self.first is None else self.first, self.number

    @property
    def shown_name(self) -> str:
        """What to call it in front of a person: where it lies, and which of the file's images it is."""
        return with_frame(self.relative, self.frame)

    @property
    def is_assessed(self) -> bool:
        """Whether it was assessed; only then can a person give a verdict on it."""
        return self.score is not None


class BatchStore:
    """One run. Safe to use from several threads and programs at once.

    Args:
        folder: Of the run.

    Raises:
        BatchError: If there is no run in it, or one of another version.

    Every method raises BatchError if the run cannot be read or written; then nothing was changed.

    Examples:
        >>> BatchStore(Path("no such run"))
        Traceback (most recent call last):
        ...
        skinlens.batch.errors.BatchError: There is no such run; it may have been discarded.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = _identity(folder)
        self.engine = _engine(folder)
        self._cards: tuple[ModelCard, ModelCard | None] | None = None
        with self._reading(marked("The run could not be opened")) as session:
            version = session.scalar(text("PRAGMA user_version"))
        if version == _NEVER_WRITTEN:
            raise BatchError(
                marked(
                    "This run was never begun: its file could not be written, as on a full disk, or SkinLens was "
                    "ended before it was. Nothing is in it; start the run again."
                )
            )
        if version in EARLIER:
            with self._writing(marked("The run of an earlier version could not be opened")) as session:
                migrate(session.connection())
        elif version != VERSION:
            raise BatchError(marked("This run was made by another version of SkinLens; score the images again."))

    @property
    def id(self) -> str:
        """The run's name in the file system."""
        return self.folder.name

    @property
    def spool(self) -> Path:
        """Where uploaded images lie until the run is finished or discarded."""
        return self.folder / _SPOOL

    def run(self) -> Run:
        """The run itself; raises BatchError if it cannot be read."""
        with self._reading(marked("The run could not be read")) as session:
            return session.scalars(select(Run)).one()

    def card(self) -> ModelCard:
        """The model's card as it was when the run began; read once, since it never changes. Errors as for `run`."""
        return self._both_cards()[0]

    def second_card(self) -> ModelCard | None:
        """The card of the run's second model; None without one. Errors as for `run`."""
        return self._both_cards()[1]

    def _both_cards(self) -> tuple[ModelCard, ModelCard | None]:
        if self._cards is None:
            with _undamaged(marked("The run could not be read")):
                run = self.run()
                second = None if run.second_card is None else ModelCard.model_validate(run.second_card)
                self._cards = ModelCard.model_validate(run.card), second
        return self._cards

    def list_images(self, sources: Iterable[Source], *, shown: dict[Path, str] | None = None) -> None:
        """Give every image its row, once; what an earlier, interrupted call has listed is listed again.

        Args:
            sources: In order. If they name files that were `passed_over`, these are kept.
            shown: What to call files in front of a person, by where they lie.

        Raises:
            BatchError: If it cannot be written.
        """
        with self._writing(marked("The images could not be listed")) as session:
            if session.scalars(select(Run.listed)).one():
                return
            session.query(RunImage).delete()
            rows = (_listed(number, source, shown or {}) for number, source in enumerate(sources))
            for chunk in _chunks(rows, _LISTED_AT_ONCE):
                session.execute(insert(RunImage), chunk)
            files: Sequence[PassedOver] = getattr(sources, "passed_over", ())
            session.query(PassedOverFile).delete()
            # A path need not be text; what is not is shown as its number.
            others = (
                {"path": file.path.encode("utf-8", "backslashreplace").decode(), "reason": file.reason}
                for file in files
            )
            for chunk in _chunks(others, _LISTED_AT_ONCE):
                session.execute(insert(PassedOverFile), chunk)
            session.execute(update(Run).values(listed=True, passed_over=Run.passed_over + len(files)))

    def passed_over(self) -> list[PassedOver]:
        """Files that are no images, each with its reason; none of a run of an earlier version. Errors as for `run`."""
        with self._reading(marked("The run could not be read")) as session:
            files = session.scalars(select(PassedOverFile).order_by(PassedOverFile.id)).all()
            return [PassedOver(file.path, file.reason) for file in files]

    def waiting(self, limit: int, *, after: int = -1) -> list[Waiting]:
        """Return the next images to assess, in order; errors as for `run`."""
        wanted = select(RunImage.number, RunImage.relative, RunImage.file, RunImage.member, RunImage.frame).where(
            RunImage.state == "waiting", RunImage.number > after, RunImage.file.is_not(None)
        )
        with self._reading(marked("The run could not be read")) as session:
            rows = session.execute(wanted.order_by(RunImage.number).limit(limit)).all()
        return [
            Waiting(number, relative, Place(Path(os.fsdecode(file or b"")), member), frame or 0)
            for number, relative, file, member, frame in rows
        ]

    def keep(
        self,
        results: Sequence[dict[str, Any]],
        second: Sequence[dict[str, Any]] = (),
        frames: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        """Keep what came of images: columns by name, with `number` and `state`; one that has a result keeps it.

        Args:
            results: Of the model.
            second: Of the second model, columns of `SecondResult` by name; of any of the same images.
            frames: How many images the file of an image holds, by its number. Further images of a file get a row each
                with its first, in the same transaction, so that an interruption loses none.

        Raises:
            BatchError: If it cannot be written; then none of them is kept.
        """
        finished = datetime.now(UTC)
        with self._writing(marked("The results could not be saved")) as session:
            waiting = set(
                session.scalars(
                    select(RunImage.number).where(
                        RunImage.number.in_([result["number"] for result in results]), RunImage.state == "waiting"
                    )
                )
            )
            for result in results:
                if result["number"] in waiting:
                    change = update(RunImage).where(RunImage.number == result["number"])
                    session.execute(change.values(**result, finished=finished))
            kept = [result for result in second if result["number"] in waiting]
            if kept:
                session.execute(insert(SecondResult), kept)
            for number, count in frames.items():
                if number in waiting and count > 1:
                    _add_frames(session, number, count)

    def want(self, wanted: Wanted) -> None:
        """Say what is to be done with the run; errors as for `keep`."""
        with self._writing(marked("The run could not be changed")) as session:
            session.execute(update(Run).values(wanted=wanted))

    def progress(self) -> Progress:
        """How far the run is; errors as for `run`."""
        with self._reading(marked("The run could not be read")) as session:
            run = session.scalars(select(Run)).one()
            counted = session.execute(select(RunImage.state, func.count()).group_by(RunImage.state))
            counts = {row[0]: row[1] for row in counted}
            latest = select(RunImage.finished).where(RunImage.finished.is_not(None))
            times = session.scalars(latest.order_by(RunImage.finished.desc()).limit(_RATE_OVER)).all()
        return Progress(
            total=sum(counts.values()),
            assessed=counts.get("judged", 0),
            unreadable=counts.get("unreadable", 0),
            passed_over=run.passed_over,
            listed=run.listed,
            wanted=run.wanted,
            rate=_rate([moment for moment in times if moment is not None]),
        )

    def lines(self) -> list[Line]:
        """Every image in the order of the run; errors as for `run`."""
        columns = (
            *(RunImage.number, RunImage.path, RunImage.relative, RunImage.state, RunImage.sha256),
            *(RunImage.width, RunImage.height, RunImage.notes, RunImage.reason, RunImage.sentence),
            *(RunImage.score, RunImage.stability, RunImage.admission, RunImage.file.is_not(None)),
            *(SecondResult.score, SecondResult.stability, SecondResult.admission),
            *(RunImage.frame, RunImage.first, RunImage.diameter),
        )
        wanted: Select[Any] = select(*columns).outerjoin(SecondResult, SecondResult.number == RunImage.number)
        with self._reading(marked("The run could not be read")) as session:
            # Further images of a file stand below its first.
            in_order = wanted.order_by(func.coalesce(RunImage.first, RunImage.number), RunImage.number)
            return [_line(*row) for row in session.execute(in_order)]

    def image(self, number: int) -> RunImage:
        """One image with everything that came of it; errors as for `run`."""
        with self._reading(marked("The image could not be read")) as session:
            stored = session.get(RunImage, number)
            if stored is None:
                raise BatchError(marked("There is no such image in this run."))
            return stored

    def second_result(self, number: int) -> SecondResult | None:
        """What the second model made of an image; None if there is nothing. Errors as for `run`."""
        with self._reading(marked("The image could not be read")) as session:
            return session.get(SecondResult, number)

    def thumbnails(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """Small JPEGs by number, of those that have one; errors as for `run`."""
        wanted = select(RunImage.number, RunImage.thumbnail).where(
            RunImage.number.in_(numbers), RunImage.thumbnail.is_not(None)
        )
        with self._reading(marked("The images could not be read")) as session:
            return {number: thumbnail for number, thumbnail in session.execute(wanted) if thumbnail}

    def features(self, numbers: Sequence[int]) -> dict[int, list[float]]:
        """Pooled fused features by number, of those that were assessed; errors as for `run`."""
        wanted: Select[Any] = select(RunImage.number, RunImage.prediction).where(
            RunImage.number.in_(numbers), RunImage.state == "judged"
        )
        with self._reading(marked("The images could not be read")) as session:
            return {number: kept["features"] for number, kept in session.execute(wanted)}

    def review(
        self, number: int, verdict: Verdict, *, note: str, blind: bool, actor: str, seen: int | None = None
    ) -> Review:
        """Keep a person's verdict, unless another one came in that the person has not seen.

        Args:
            number: Of the image.
            verdict: What the person makes of it.
            note: Anything the person wants to add.
            blind: Whether the model's result was hidden until then.
            actor: Who says it.
            seen: Id of the latest verdict on the image that the person knows of; None if of none.

        Returns:
            The verdict as it was kept.

        Raises:
            SeenByOtherError: If a verdict came in meanwhile; it is in the error, and nothing was written.
            BatchError: If the image was not assessed, or it cannot be written.
        """
        with self._writing(marked("The verdict could not be saved")) as session:
            assessed = select(RunImage.score).where(RunImage.number == number, RunImage.state == "judged")
            score = session.scalars(assessed).one_or_none()
            if score is None or not has_result(score):
                raise BatchError(marked("This file was not assessed, so it takes no verdict."))
            latest = session.scalars(
                select(Review)
                .where(Review.number == number, Review.withdrawn.is_(None))
                .order_by(Review.id.desc())
                .limit(1)
            ).one_or_none()
            if latest is not None and latest.id != seen:
                session.expunge(latest)
                raise SeenByOtherError(latest)
            kept = Review(number=number, verdict=verdict, note=note, blind=blind, actor=actor)
            session.add(kept)
        return kept

    def withdraw(self, review_id: int) -> None:
        """Take a verdict back; it stays in the file, marked with the time. Errors as for `keep`."""
        with self._writing(marked("The verdict could not be taken back")) as session:
            session.execute(
                update(Review)
                .where(Review.id == review_id, Review.withdrawn.is_(None))
                .values(withdrawn=datetime.now(UTC))
            )

    def reviews(self) -> list[Review]:
        """Every verdict, the earliest first, also those that were taken back; errors as for `run`."""
        with self._reading(marked("The verdicts could not be read")) as session:
            return list(session.scalars(select(Review).order_by(Review.id)))

    def add_facts(self, name: str, content: bytes) -> None:
        """Keep a CSV of case facts; it takes the place of an earlier one. Errors as for `keep`."""
        with self._writing(marked("The case facts could not be saved")) as session:
            session.add(FactsFile(name=name, content=content))

    def facts_file(self) -> FactsFile | None:
        """The latest CSV of case facts; errors as for `run`."""
        with self._reading(marked("The case facts could not be read")) as session:
            return session.scalars(select(FactsFile).order_by(FactsFile.id.desc()).limit(1)).one_or_none()

    def stamp(self) -> tuple[int, int, int]:
        """Images done, verdicts given or taken back, latest case facts: changes when anything does that a table shows.

        Raises:
            BatchError: As for `run`.
        """
        with self._reading(marked("The run could not be read")) as session:
            done = session.scalar(select(func.count()).where(RunImage.state != "waiting")) or 0
            reviews = session.scalar(select(func.count(Review.id) + func.count(Review.withdrawn))) or 0
            facts = session.scalar(select(func.max(FactsFile.id))) or 0
            return done, reviews, facts

    def finish(self) -> None:
        """Delete the run's own copies of uploaded images, and their thumbnails; results and verdicts stay.

        Raises:
            BatchError: If they cannot be deleted.
        """
        with explained(marked("The copies of the images could not be deleted"), BatchError):
            if self.spool.is_dir():
                shutil.rmtree(self.spool)
        with self._writing(marked("The run could not be changed")) as session:
            if session.scalars(select(Run.kind)).one() == "upload":
                session.execute(update(RunImage).values(thumbnail=None))
            session.execute(update(Run).values(spooled=False))

    def discard(self) -> None:
        """Delete everything of the run.

        Raises:
            BatchError: If it cannot be deleted.
        """
        self.engine.dispose()
        with explained(marked("The run could not be deleted"), BatchError):
            shutil.rmtree(self.folder)

    @contextmanager
    def _reading(self, what: str) -> Iterator[Session]:
        self._require_same_file()
        with _undamaged(what), explained(what, BatchError), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def _writing(self, what: str) -> Iterator[Session]:
        self._require_same_file()
        with explained(what, BatchError), writing(self.engine) as session:
            yield session

    def _require_same_file(self) -> None:
        """Let go of a file that was deleted or replaced: an open connection would go on with it, and lose verdicts."""
        try:
            stored = _identity(self.folder)
        except BatchError:
            self.engine.dispose()
            raise
        if stored != self._file:
            self.engine.dispose()
            self._file, self._cards = stored, None


@dataclass(frozen=True)
class RunLine:
    """A run in a list of runs."""

    id: str
    title: str
    created: datetime
    kind: Kind
    progress: Progress


def create_run(root: Path, plan: Plan) -> BatchStore:
    """Make the folder and the file of a new run.

    Args:
        root: Folder of all runs.
        plan: What is to be done.

    Raises:
        BatchError: If it cannot be written.
    """
    folder = root / f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{uuid4().hex[:6]}"
    with explained(marked("The run could not be started"), BatchError):
        own_folder(root)
        own_folder(folder)
        try:
            _write_run(folder, plan)
        except BaseException:
            # Half a run tells nobody anything, and on a full disk it takes room that is needed.
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return BatchStore(folder)


def _write_run(folder: Path, plan: Plan) -> None:
    engine = _engine(folder)
    try:
        with writer(engine) as connection, connection.begin():
            Base.metadata.create_all(connection)
            connection.execute(text(f"PRAGMA user_version = {VERSION}"))
            connection.execute(
                insert(Run).values(
                    title=plan.title,
                    kind=plan.kind,
                    roots=list(plan.roots),
                    card=plan.card.model_dump(mode="json"),
                    orientations=plan.orientations,
                    actor=plan.actor,
                    second_card=None if plan.second is None else plan.second.model_dump(mode="json"),
                    spooled=plan.kind == "upload",
                )
            )
    finally:
        engine.dispose()


def run_lines(root: Path) -> tuple[list[RunLine], list[tuple[str, str]]]:
    """Every run under a folder, the latest first; and those that cannot be read, by name, with why."""
    lines, unreadable = [], []
    for folder in sorted(root.glob("*"), reverse=True) if root.is_dir() else []:
        if not folder.is_dir():
            continue
        try:
            store = BatchStore(folder)
            try:
                run = store.run()
                lines.append(RunLine(store.id, run.title, run.created, run.kind, store.progress()))
            finally:
                store.engine.dispose()
        except BatchError as error:
            unreadable.append((folder.name, str(error)))
    return lines, unreadable


def _identity(folder: Path) -> tuple[int, int]:
    """Which file a run's file is; raises BatchError if there is none."""
    try:
        return file_identity(folder / _DATABASE)
    except OSError as error:
        if folder.is_dir():
            raise BatchError(
                sentence("The file {file} of this run is missing. Restore it from a backup.", file=_DATABASE)
            ) from error
        raise BatchError(marked("There is no such run; it may have been discarded.")) from error


@contextmanager
def _undamaged(what: str) -> Iterator[None]:
    """Turn a value that cannot be made sense of into a sentence; raises BatchError."""
    try:
        yield
    except ValueError as error:
        raise BatchError(sentence("{what}: the file is damaged. Restore it from a backup.", what=what)) from error


def _engine(folder: Path) -> Engine:
    return connect(URL.create("sqlite", database=str(folder / _DATABASE)))


def _add_frames(session: Session, number: int, count: int) -> None:
    """Give the further images of a file their rows."""
    first = session.get_one(RunImage, number)
    if first.frame:
        return
    free = (session.scalar(select(func.max(RunImage.number))) or 0) + 1
    rows = (
        {
            "number": free + frame - 1,
            "path": with_frame(first.path, frame),
            "relative": first.relative,
            "file": first.file,
            "member": first.member,
            "frame": frame,
            "first": number,
        }
        for frame in range(1, count)
    )
    for chunk in _chunks(rows, _LISTED_AT_ONCE):
        session.execute(insert(RunImage), chunk)


def _listed(number: int, source: Source, shown: dict[Path, str]) -> dict[str, Any]:
    row = {
        "number": number,
        "path": _text(source.path),
        "relative": _text(source.relative),
        "file": None,
        "member": None,
        "state": "waiting",
        "finished": None,
        "reason": "",
        "sentence": "",
    }
    if source.place is None:
        try:
            source.read()
        except ImageRejectedError as rejection:
            row |= {"state": "unreadable", "reason": rejection.reason, "sentence": str(rejection)}
        return row
    known = shown.get(source.place.file)
    if known is not None:
        row["path"] = known if source.place.member is None else f"{known}!/{_text(source.relative)}"
    return row | {"file": os.fsencode(source.place.file), "member": source.place.member}


def _text(path: str) -> str:
    """A path that a database takes: a file name need not be text."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def _line(
    number: int,
    path: str,
    relative: str,
    state: State,
    sha256: str,
    width: int | None,
    height: int | None,
    notes: list[str] | None,
    reason: str,
    sentence: str,
    score: float | None,
    stability: list[float] | None,
    admission: dict[str, Any] | None,
    is_image: bool,  # noqa: FBT001 - a column
    second_score: float | None,
    second_stability: list[float] | None,
    second_admission: dict[str, Any] | None,
    frame: int | None,
    first: int | None,
    diameter: dict[str, Any] | None,
) -> Line:
    admitted = admission or {"reasons": [], "warnings": [], "checks": []}
    if state == "judged" and (score is None or not has_result(score)):
        # Written by an earlier version, or behind the program's back: no number, no decision.
        state, score, stability, reason, sentence = "unreadable", None, None, NO_RESULT_CODE, NO_RESULT
    return Line(
        number=number,
        path=path,
        relative=relative,
        state=state,
        sha256=sha256,
        width=width,
        height=height,
        notes=tuple(notes or ()),
        reason=reason,
        sentence=sentence,
        score=score,
        stability=None if stability is None else tuple(stability),
        rejections=tuple(admitted["reasons"]),
        warnings=tuple(admitted["warnings"]),
        flags=tuple(check["name"] for check in admitted["checks"] if not check["passed"]),
        is_image=is_image,
        second_score=second_score,
        second_stability=None if second_stability is None else tuple(second_stability),
        second_rejections=tuple((second_admission or {"reasons": []})["reasons"]),
        frame=frame or 0,
        first=first,
        diameter=diameter_from(diameter),
    )


def _rate(times: Sequence[datetime]) -> float | None:
    """Images a second, from when the latest of them were kept, which happens to several at once."""
    first, last = min(times, default=None), max(times, default=None)
    if first is None or last is None or first == last:
        return None
    return sum(moment > first for moment in times) / (last - first).total_seconds()


def _chunks(rows: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk

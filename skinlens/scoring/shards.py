"""Results in Parquet, a shard at a time: a shard is there as a whole or not at all, and is never scored twice."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
from pyarrow import ArrowException, fs, parquet

from skinlens.imaging.image import ImageRejectedError
from skinlens.runtime.card import OperatingPoint
from skinlens.runtime.predictor import Predictor
from skinlens.scoring.items import Item, is_address
from skinlens.scoring.rows import BATCH, Row, assessed, refusal_row, row_of
from skinlens.triage.pipeline import in_chunks, judge, receive

# Images in a shard: what is lost when a worker dies. A multiple of `BATCH`, so that images are scored together with
# the same neighbours as by `predict`.
SHARD = 64
PLAN = "_plan.json"

_TEXT = pa.string()
SCHEMA = pa.schema(
    [
        ("path", _TEXT),
        ("sha256", _TEXT),
        ("probability", pa.float64()),
        ("decision", _TEXT),
        ("threshold", pa.float64()),
        ("point", _TEXT),
        ("reasons", _TEXT),
        ("quality_failed", _TEXT),
        ("stability", _TEXT),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("model", _TEXT),
        ("error", _TEXT),
    ]
)


class DestinationError(RuntimeError):
    """Results cannot be written, or the folder holds those of something else."""


@dataclass(frozen=True)
class Job:
    """How images are scored, in plain values that another machine understands.

    Attributes:
        model: Name of the released model.
        weights_sha256: Of its weights; a worker with others refuses.
        point: The operating point, as in the card.
        views: Whether each image is judged in eight orientations.
        destination: Folder or address for the shards.
        unverified: Whether the model may be one that was not released.
    """

    model: str
    weights_sha256: str
    point: dict[str, Any]
    views: bool
    destination: str
    unverified: bool = False


@dataclass(frozen=True)
class Shard:
    """A part of the list of images, by its place in it."""

    number: int
    items: tuple[Item, ...]

    @property
    def file(self) -> str:
        """The shard's file in the destination."""
        return f"part-{self.number:06d}.parquet"


def shards_of(items: Sequence[Item], size: int = SHARD) -> list[Shard]:
    """The list in parts of `size`, in order."""
    starts = range(0, len(items), size)
    return [Shard(number, tuple(items[start : start + size])) for number, start in enumerate(starts)]


def prepare(job: Job, shards: Sequence[Shard]) -> list[Shard]:
    """Make the destination, and tell which shards are still to be scored.

    Raises:
        DestinationError: If it cannot be written, or holds the shards of other images, another model or another
            operating point.
    """
    system, folder = destination(job.destination)
    plan = {
        "pictures": sum(len(shard.items) for shard in shards),
        "list_sha256": _digest(shards),
        "model": f"{job.model} (unverified)" if job.unverified else job.model,
        "weights_sha256": job.weights_sha256,
        "point": job.point,
        "views": job.views,
    }
    try:
        system.create_dir(folder, recursive=True)
        present = {Path(each.path).name for each in system.get_file_info(fs.FileSelector(folder))}
        if PLAN in present:
            with system.open_input_stream(f"{folder}/{PLAN}") as stream:
                _require_same(json.loads(stream.read()), plan)
        elif any(name.endswith(".parquet") for name in present):
            raise DestinationError(f"{job.destination} holds Parquet files of something else; choose another folder.")
        else:
            _write(system, folder, PLAN, json.dumps(plan, indent=1).encode())
    except (OSError, ArrowException, ValueError) as error:
        raise DestinationError(f"{job.destination} cannot be written: {error}") from error
    return [shard for shard in shards if shard.file not in present]


def score_shard(
    shard: Shard, job: Job, predictor: Predictor, read: Callable[[Item], bytes] = Item.read
) -> dict[str, int]:
    """Score the images of a shard, and write it.

    Args:
        shard: Its file is there once this returns.
        job: How to score.
        predictor: Of the job's model.
        read: Gives the bytes of an image, or raises ImageRejectedError.

    Returns:
        How many images have each decision.

    Raises:
        DestinationError: If it cannot be written, or the model is another one.
    """
    if predictor.model.sha256 != job.weights_sha256:
        raise DestinationError(f"this worker's {job.model} is not the model that the others use: its weights differ")
    rows = list(_rows(shard, job, predictor, read))
    columns = {
        column.name: [_cell(getattr(row, column.name), is_text=column.type == _TEXT) for row in rows]
        for column in SCHEMA
    }
    stream = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns, schema=SCHEMA), stream)
    system, folder = destination(job.destination)
    try:
        _write(system, folder, shard.file, stream.getvalue().to_pybytes())
    except (OSError, ArrowException) as error:
        raise DestinationError(f"{job.destination} cannot be written: {error}") from error
    return count(row.decision for row in rows)


def count(decisions: Iterable[str]) -> dict[str, int]:
    """How many of each there are."""
    counted: dict[str, int] = {}
    for decision in decisions:
        counted[decision] = counted.get(decision, 0) + 1
    return counted


def destination(text: str) -> tuple[fs.FileSystem, str]:
    """The storage of a folder or address, and the folder in it.

    Raises:
        DestinationError: If there is no such storage.
    """
    try:
        if is_address(text):
            system, folder = fs.FileSystem.from_uri(text)
            return system, folder.rstrip("/")
        return fs.LocalFileSystem(), str(Path(text).expanduser().absolute())
    except (OSError, ArrowException, ValueError) as error:
        raise DestinationError(f"{text} is no place to write to: {error}") from error


def _rows(shard: Shard, job: Job, predictor: Predictor, read: Callable[[Item], bytes]) -> Iterator[Row]:
    card, point = predictor.card, OperatingPoint.model_validate(job.point)
    received = ((item, receive(partial(read, item), name=item.name)) for item in shard.items)
    for chunk in in_chunks(received, BATCH):
        found = judge([each for _, each in chunk], predictor, views=job.views)
        for (item, each), made in zip(chunk, found, strict=True):
            if isinstance(made, ImageRejectedError):
                yield refusal_row(item.path, each.sha256, made, card, point)
            else:
                yield row_of(item.path, made, assessed(made, card, point), card)


def _write(system: fs.FileSystem, folder: str, name: str, content: bytes) -> None:
    """Write a file that is there as a whole or not at all."""
    unfinished = f"{folder}/_{uuid4().hex}.unfinished"
    with system.open_output_stream(unfinished) as stream:
        stream.write(content)
    system.move(unfinished, f"{folder}/{name}")


def _require_same(known: dict[str, Any], plan: dict[str, Any]) -> None:
    different = [name.replace("_", " ") for name in plan if known.get(name) != plan[name]]
    if different:
        raise DestinationError(
            f"The folder holds results of another run, which differs in {', '.join(different)}; choose another folder."
        )


def _digest(shards: Sequence[Shard]) -> str:
    digest = hashlib.sha256()
    for shard in shards:
        digest.update(json.dumps([asdict(item) for item in shard.items]).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _cell(value: float | str, *, is_text: bool) -> float | str | None:
    """A value as Parquet holds it: an empty number is nothing, and what is no text of a file name is escaped."""
    if not is_text:
        return None if value == "" else value
    return str(value).encode("utf-8", "backslashreplace").decode()

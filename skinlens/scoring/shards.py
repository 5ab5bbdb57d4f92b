"""Results in Parquet, a shard at a time: a shard is complete or absent, and is never scored twice."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
from pyarrow import ArrowException, fs, parquet

from skinlens.errors import SkinLensError
from skinlens.imaging.image import ImageRejectedError
from skinlens.runtime.card import OperatingPoint
from skinlens.runtime.predictor import Predictor
from skinlens.scoring.items import Item, is_address
from skinlens.triage.pipeline import Pipeline, Source
from skinlens.triage.row import Row, columns

# Images in a shard: what is lost when a worker dies. A multiple of `pipeline.BATCH`, so that images are scored
# together with the same neighbours as by `predict`.
SHARD = 64
PLAN = "_plan.json"
# Threads that decode ahead of the model in one process, of which there may be several.
_READERS = 2
# In a shard's own metadata: size and time of each file before it was read, so that a replaced one is noticed.
_STAMPS = b"skinlens_files"
# Keys of the plan that are called otherwise today; files keep them.
_IN_WORDS = {"pictures": "images", "views": "orientations"}

Stamp = tuple[int, int] | None

_ARROW_TYPES = {str: pa.string(), float: pa.float64(), int: pa.int32()}
SCHEMA = pa.schema([(name, _ARROW_TYPES[kind]) for name, kind in columns().items()])


class DestinationError(SkinLensError):
    """Results cannot be written, or the folder holds those of something else."""


@dataclass(frozen=True)
class Job:
    """How images are scored, in plain values that another machine understands.

    Attributes:
        model: Name of the released model.
        weights_sha256: Of its weights; a worker with other weights stops with an error.
        point: The operating point, as in the card.
        orientations: Whether each image is scored in eight orientations.
        destination: Folder or address for the shards.
        unverified: Whether the model may be one that was not released.
    """

    model: str
    weights_sha256: str
    point: dict[str, Any]
    orientations: bool
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
    """Divide a list of images into shards, in order.

    Args:
        items: All images.
        size: Images in a shard; the last may have fewer.
    """
    starts = range(0, len(items), size)
    return [Shard(number, tuple(items[start : start + size])) for number, start in enumerate(starts)]


def prepare(job: Job, shards: Sequence[Shard], *, on_changed: Callable[[Shard], None] = lambda _: None) -> list[Shard]:
    """Make the destination, and return the shards that are still to be scored.

    A shard that is there already is removed and scored again if one of its files was replaced since: files whose size
    or time differ are compared by their digest.

    Args:
        job: How to score, and where to.
        shards: All of the list.
        on_changed: Called with each shard that has to be scored again.

    Raises:
        DestinationError: If it cannot be written, or holds the shards of other images, another model or another
            operating point.
    """
    system, folder = destination(job.destination)
    listed = hashlib.sha256()
    for shard in shards:
        # A file's name need not be text; what is not keeps its place in the digest.
        listed.update(json.dumps([asdict(item) for item in shard.items]).encode("utf-8", "surrogatepass"))
    plan = {
        "pictures": sum(len(shard.items) for shard in shards),
        "list_sha256": listed.hexdigest(),
        "model": f"{job.model} (unverified)" if job.unverified else job.model,
        "weights_sha256": job.weights_sha256,
        "point": job.point,
        "views": job.orientations,
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
        left = []
        for shard in shards:
            if shard.file in present and _has_changed(system, f"{folder}/{shard.file}", shard):
                system.delete_file(f"{folder}/{shard.file}")
                on_changed(shard)
            elif shard.file in present:
                continue
            left.append(shard)
    except (OSError, ArrowException, ValueError) as error:
        raise DestinationError(f"{job.destination} cannot be written: {error}") from error
    return left


def score_shard(
    shard: Shard,
    job: Job,
    predictor: Predictor,
    sources: Sequence[Source] | None = None,
    stamps: Sequence[Stamp] | None = None,
) -> dict[str, int]:
    """Score the images of a shard, and write it.

    Args:
        shard: Its file is there once this returns.
        job: How to score.
        predictor: Of the job's model.
        sources: The shard's images in their order, where their bytes are at hand; by default they are read here.
        stamps: Of the shard's files from before `sources` were read.

    Returns:
        How many images have each decision.

    Raises:
        DestinationError: If it cannot be written, or the model is another one.
    """
    if predictor.model.sha256 != job.weights_sha256:
        raise DestinationError(f"this worker's {job.model} is not the model that the others use: its weights differ")
    point = OperatingPoint.model_validate(job.point)
    pipeline = Pipeline(predictor, point, orientations=job.orientations, all_pixels=False)
    # Before the files are read: one that is replaced meanwhile has another stamp the next time.
    known = [item.stamp() for item in shard.items] if stamps is None else list(stamps)
    outcomes = pipeline.stream(shard.items if sources is None else sources, readers=_READERS)
    rows = [
        Row.of(item.path, outcome, pipeline.card, pipeline.point)
        for item, (_, outcome) in zip(shard.items, outcomes, strict=True)
    ]
    stream = pa.BufferOutputStream()
    # What is not text in the name of a file is escaped: Parquet takes UTF-8 alone.
    parquet.write_table(
        pa.Table.from_pylist(
            [
                {
                    name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
                    for name, value in row.cells().items()
                }
                for row in rows
            ],
            schema=SCHEMA.with_metadata({_STAMPS: json.dumps(known).encode("ascii")}),
        ),
        stream,
    )
    system, folder = destination(job.destination)
    try:
        _write(system, folder, shard.file, stream.getvalue().to_pybytes())
    except (OSError, ArrowException) as error:
        raise DestinationError(f"{job.destination} cannot be written: {error}") from error
    return count(row.decision for row in rows)


def _has_changed(system: fs.FileSystem, file: str, shard: Shard) -> bool:
    """Whether the rows of a finished shard are of other files than those that lie there now."""
    with system.open_input_file(file) as stream:
        table = parquet.read_table(stream, columns=["sha256"])
    digests = table.column("sha256").to_pylist()
    if len(digests) != len(shard.items):
        return True
    # Shards of earlier versions have no stamps: each file is compared by its digest.
    stamps = json.loads((table.schema.metadata or {}).get(_STAMPS, b"null")) or [None] * len(digests)
    for item, stamp, digest in zip(shard.items, stamps, digests, strict=True):
        if item.reason or (stamp is not None and tuple(stamp) == item.stamp()):
            continue
        try:
            present = hashlib.sha256(item.read()).hexdigest()
        except ImageRejectedError:
            present = ""
        if present != digest:
            return True
    return False


def count(decisions: Iterable[str]) -> dict[str, int]:
    """Count how many of each there are.

    Args:
        decisions: In any order.

    Example:
        >>> count(["low", "refer", "low"])
        {'low': 2, 'refer': 1}
    """
    counted: dict[str, int] = {}
    for decision in decisions:
        counted[decision] = counted.get(decision, 0) + 1
    return counted


def destination(text: str) -> tuple[fs.FileSystem, str]:
    """Return the storage of a folder or address, and the folder in it.

    Args:
        text: As a user gave it.

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


def _write(system: fs.FileSystem, folder: str, name: str, content: bytes) -> None:
    """Write a file that is there as a whole or not at all."""
    unfinished = f"{folder}/_{uuid4().hex}.unfinished"
    with system.open_output_stream(unfinished) as stream:
        stream.write(content)
    system.move(unfinished, f"{folder}/{name}")


def _require_same(known: dict[str, Any], plan: dict[str, Any]) -> None:
    different = [_IN_WORDS.get(name, name.replace("_", " ")) for name in plan if known.get(name) != plan[name]]
    if different:
        raise DestinationError(
            f"The folder holds results of another run, which differs in {', '.join(different)}; choose another folder."
        )

"""`skinlens score`: many images into Parquet, on all cores of this machine or on a Ray cluster; restartable."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from skinlens.cli.say import say
from skinlens.errors import OutputError, UsageError
from skinlens.progress import tracked
from skinlens.runtime.choice import quickest_predictor
from skinlens.runtime.engine_names import VARIABLE
from skinlens.runtime.predictor import DEFAULT_MODEL
from skinlens.scoring.challenge import write_challenge
from skinlens.scoring.items import SourceError, list_items
from skinlens.scoring.shards import DestinationError, Job, Shard, prepare, shards_of
from skinlens.triage.decision import operating_point

Engine = Literal["local", "ray"]


def score(
    source: str,
    destination: str,
    *,
    engine: Engine,
    workers: int | None,
    model: str | None,
    point: str | None,
    threshold: float | None,
    orientations: bool,
    unverified: bool = False,
    isic: Path | None = None,
    runtime: str | None = None,
) -> None:
    """Score every image of a source; shards that an earlier call finished are not scored again.

    Args:
        source: Folder, archive, manifest or address.
        destination: Folder or address for the shards.
        engine: Processes of this machine, or a Ray cluster.
        workers: Processes or actors; None decides by the cores.
        model: Name of a released model; None takes the default one.
        point: Name of an operating point of its card; None takes the default one.
        threshold: In [0, 1], instead of an operating point.
        orientations: Score each image turned and mirrored too.
        unverified: Accept a card that was not released.
        isic: File for what isic-challenge-scoring takes; None writes none.
        runtime: Name of the engine that runs the model; None takes the quickest one of this machine.

    Raises:
        ModelFileError: If the model is missing or altered, or was not released and `unverified` is false.
        OutputError: If results cannot be written, or Ray is not installed.
        UsageError: If the source cannot be listed, or the operating point is unknown or given twice.
    """
    name = model or DEFAULT_MODEL
    predictor = quickest_predictor(name, unverified=unverified, engine=runtime)
    # For the processes that score, which load the model themselves: one choice for all of them.
    os.environ[VARIABLE] = str(predictor.engine)
    try:
        chosen = operating_point(predictor.card, name=point, threshold=threshold)
        shards = shards_of(list_items(source))
    except (SourceError, ValueError) as error:
        raise UsageError(str(error)) from error
    # A released model is never marked, whatever is allowed.
    own = predictor.card.unverified
    job = Job(name, predictor.model.sha256, chosen.model_dump(mode="json"), orientations, destination, unverified=own)
    # Its memory is for the workers, which load their own.
    del predictor
    total: dict[str, int] = {}
    try:
        changed: list[Shard] = []
        left = prepare(job, shards, on_changed=changed.append)
        if changed:
            say(f"{len(changed)} of {len(shards)} shards are scored again: files in them have changed")
        if len(left) < len(shards):
            say(f"{len(shards) - len(left)} of {len(shards)} shards are there already")
        for counted in tracked(_engine(engine, left, job, workers), "shards", total=len(left)):
            for decision, number in counted.items():
                total[decision] = total.get(decision, 0) + number
    except DestinationError as error:
        raise OutputError(str(error)) from error
    parts = [f"{number} {decision}" for decision, number in sorted(total.items())]
    say(", ".join(parts) or "nothing was left to score")
    if isic is not None:
        say(write_challenge(isic, destination))


def _engine(engine: Engine, left: list[Shard], job: Job, workers: int | None) -> Iterator[dict[str, int]]:
    if not left:
        return iter(())
    if engine == "local":
        from skinlens.scoring.local import score_locally

        cores = os.cpu_count() or 1
        return score_locally(left, job, workers=min(workers or max(1, cores // 2), len(left)))
    # Looked for but not imported: what keeps a cluster to this machine is read when Ray is imported.
    if find_spec("ray") is None:
        raise OutputError("Ray is not installed; it comes with the extra: pip install 'skinlens[ray]'")
    from skinlens.scoring.on_ray import score_on_ray

    return score_on_ray(left, job, workers=workers)

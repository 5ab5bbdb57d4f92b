"""Shards on this machine: a pool of processes, each with a predictor of its own."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from skinlens.runtime.choice import quickest_predictor
from skinlens.runtime.predictor import Predictor
from skinlens.scoring.shards import DestinationError, Job, Shard, score_shard

# How often in a row processes may die without a shard being finished.
_PATIENCE = 3

_predictor: Predictor | None = None


def score_locally(shards: Sequence[Shard], job: Job, *, workers: int) -> Iterator[dict[str, int]]:
    """Score shards in a pool of processes; what a process that dies had in hand is scored again by another.

    Args:
        shards: From `shards.prepare`.
        job: How to score.
        workers: Processes; they share the cores.

    Yields:
        For each finished shard how many images have each decision.

    Raises:
        DestinationError: If results cannot be written, or processes keep dying.
    """
    left = {shard.number: shard for shard in shards}
    deaths = 0
    threads = max(1, (os.cpu_count() or 1) // workers)
    while left:
        # A fresh interpreter a process: ONNX Runtime's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, _load, (job.model, threads, job.unverified)) as pool:
            running = {pool.submit(_score, shard, job): shard for shard in left.values()}
            try:
                for done in as_completed(running):
                    counted = done.result()
                    del left[running[done].number]
                    deaths = 0
                    yield counted
            except BrokenProcessPool as error:
                deaths += 1
                if deaths == _PATIENCE:
                    raise DestinationError(
                        "Processes keep dying, perhaps for want of memory; what is finished is kept. Run the same "
                        "command again, with fewer workers."
                    ) from error


def _load(model: str, threads: int, unverified: bool) -> None:  # noqa: FBT001 - a pool has no keywords
    global _predictor
    _predictor = quickest_predictor(model, threads=threads, unverified=unverified)


def _score(shard: Shard, job: Job) -> dict[str, int]:
    if _predictor is None:
        raise DestinationError("this process has no model")
    return score_shard(shard, job, _predictor)

"""Shards on a Ray cluster: readers fetch the bytes, a pool of actors holds the predictors."""

import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from skinlens.imaging.image import ImageRejectedError
from skinlens.runtime.choice import quickest_predictor
from skinlens.scoring.items import Item
from skinlens.scoring.shards import Job, Shard, score_shard

# Of a logical CPU; readers wait for storage most of the time.
_READER = 0.25
# Bytes of a shard's images that travel together: Arrow counts those of a row in 32 bits, and they fill the store that
# all processes share. The actor reads the rest itself.
_MOST_BYTES = 2**30
_READ_LATER = "read later"
_PROXY_VARIABLES = ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY")


def score_on_ray(shards: Sequence[Shard], job: Job, *, workers: int | None) -> Iterator[dict[str, int]]:
    """Score shards on the cluster that RAY_ADDRESS names, or on one that is started on this machine.

    Ray Data starts an actor that dies again, and gives it its shard once more.

    Args:
        shards: From `shards.prepare`.
        job: How to score; its destination must be the same place for every machine.
        workers: Actors; None takes one a GPU, or where there is none one a logical CPU, and leaves one CPU to the
            readers.

    Yields:
        For each finished shard how many images have each decision.

    Raises:
        ImportError: If Ray is not installed.
        RayError: If the cluster fails.
    """
    _listen_on_loopback_only()
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    started = not ray.is_initialized()
    if started:
        start_cluster()
    try:
        context = DataContext.get_current()
        context.enable_progress_bars = False
        cpus, gpus = (int(ray.cluster_resources().get(kind, 0)) for kind in ("CPU", "GPU"))
        actors = min(workers or gpus or max(1, cpus - 1), len(shards))
        rows = [{"number": shard.number, "items": _packed(shard)} for shard in shards]
        results = (
            ray.data.from_items(rows, override_num_blocks=len(rows))
            .map(_read, num_cpus=_READER)
            .map_batches(
                _Scorer,
                fn_constructor_kwargs={"job": asdict(job)},
                batch_size=1,
                compute=ActorPoolStrategy(size=actors),
                num_cpus=max(_READER, min(1.0, (cpus - _READER) / actors)),
                num_gpus=1 if gpus else None,
            )
        )
        for row in results.iter_rows():
            yield json.loads(row["counted"])
    finally:
        if started:
            ray.shutdown()


def start_cluster(**options: Any) -> None:
    """Connect to the cluster that RAY_ADDRESS names, or start one on this machine that no other one can reach.

    Args:
        options: Further ones of `ray.init`.
    """
    _listen_on_loopback_only()
    import ray

    with _no_questions_about_the_cloud():
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, **options)


def _listen_on_loopback_only() -> None:
    """Keep a cluster of one machine off the network; to be called before Ray is imported, which reads this."""
    if not os.environ.get("RAY_ADDRESS"):
        # On every system, whatever its name says.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"


@contextmanager
def _no_questions_about_the_cloud() -> Iterator[None]:
    """Start a cluster that asks no cloud's metadata service where it runs.

    Ray asks three of them even with its usage statistics off, and has no switch. It asks over plain HTTP, which goes to
    a proxy where the environment names one: here the discard port of this machine. Storage is read over HTTPS.
    """
    kept = {name: os.environ.pop(name) for name in _PROXY_VARIABLES if name in os.environ}
    os.environ.update(dict.fromkeys(("http_proxy", "HTTP_PROXY"), "http://127.0.0.1:9"))
    try:
        yield
    finally:
        for name in _PROXY_VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(kept)


def _packed(shard: Shard) -> str:
    # As text: Arrow would otherwise make a column of each of an item's fields.
    return json.dumps([asdict(item) for item in shard.items])


def _unpacked(number: int, packed: str) -> Shard:
    return Shard(number, tuple(Item(**values) for values in json.loads(packed)))


def _read(row: dict[str, Any]) -> dict[str, Any]:
    """The bytes of every image of a shard, up to `_MOST_BYTES`; for one that cannot be read, nothing but why."""
    contents, failures, stamps, size = [], [], [], 0
    for item in _unpacked(row["number"], row["items"]).items:
        stamps.append(item.stamp())
        try:
            content, failure = item.read(), ["", ""]
        except ImageRejectedError as error:
            content, failure = b"", [error.reason, str(error)]
        if size + len(content) > _MOST_BYTES:
            content, failure = b"", [_READ_LATER, ""]
        size += len(content)
        contents.append(content)
        failures.append(failure)
    return {**row, "contents": contents, "failures": json.dumps(failures), "stamps": json.dumps(stamps)}


class _Scorer:
    """An actor with a predictor.

    Args:
        job: As a dict.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = Job(**job)
        self.predictor = quickest_predictor(self.job.model, threads=1, unverified=self.job.unverified)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Score and write the shards of a batch."""
        counted = []
        columns = (batch[name] for name in ("number", "items", "contents", "failures", "stamps"))
        for number, packed, contents, failures, stamps in zip(*columns, strict=True):
            shard = _unpacked(int(number), packed)
            sources = [
                _Fetched(item, content, *failure)
                for item, content, failure in zip(shard.items, contents, json.loads(failures), strict=True)
            ]
            counted.append(json.dumps(score_shard(shard, self.job, self.predictor, sources, json.loads(stamps))))
        return {"number": np.asarray(batch["number"]), "counted": np.asarray(counted)}


@dataclass(frozen=True)
class _Fetched:
    """An image whose bytes, or the reason why there are none, came with the shard."""

    item: Item
    content: bytes
    reason: str
    sentence: str

    @property
    def name(self) -> str:
        return self.item.name

    def read(self) -> bytes:
        if self.reason == _READ_LATER:
            return self.item.read()
        if self.reason:
            raise ImageRejectedError(self.reason, self.sentence)
        return self.content

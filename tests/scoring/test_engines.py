"""Both engines give the rows of predict, also when a worker is killed half-way."""

import gc
import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from pyarrow import parquet

from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.runtime.predictor import Predictor
from skinlens.scoring import on_ray
from skinlens.scoring.items import Item, list_items
from skinlens.scoring.local import score_locally
from skinlens.scoring.on_ray import score_on_ray, start_cluster
from skinlens.scoring.shards import DestinationError, Job, Shard, count, prepare, shards_of
from tests.scoring.test_shards import as_predicted, assert_equal_rows

# Ray warns of its own defaults, leaves sockets to the garbage collector, and takes minutes to start on a busy machine.
pytestmark = [
    pytest.mark.filterwarnings("ignore:::ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A local cluster with two workers."""
    start_cluster(num_cpus=3)
    # Only now: when it is imported, Ray reads whether it may listen to other machines.
    import ray

    yield
    ray.shutdown()
    # What it leaves behind is collected here, where its warnings are expected.
    gc.collect()


def totals(counted: list[dict[str, int]]) -> dict[str, int]:
    return count(name for each in counted for name, number in each.items() for _ in range(number))


def many(tmp_path: Path, number: int) -> Path:
    """A folder of drawn images and a file among them that is none."""
    made = tmp_path / "many"
    made.mkdir()
    for seed in range(number):
        (made / f"{seed:03d}.png").write_bytes(encode_png(draw_pixels(seed % 9, height=96, width=128)))
    (made / "010.png").write_bytes(b"no image")
    return made


def killed_after_the_first(results: Iterator[dict[str, int]], victims: Callable[[], list[int]]) -> list[dict[str, int]]:
    """Everything that an engine gives, one of whose workers is killed once something is finished."""
    counted = [next(results)]
    victim = victims()[0]
    os.kill(victim, signal.SIGKILL)
    return counted + list(results)


def assert_nothing_is_lost(
    tmp_path: Path,
    job: Job,
    images: int,
    size: int,
    score: Callable[..., Iterator[dict[str, int]]],
    victims: Callable[[], list[int]],
) -> Sequence[Shard]:
    """Every image has its row, as `predict` gives it, although a worker is killed after the first of the shards."""
    folder = many(tmp_path, images)
    shards = prepare(job, shards_of(list_items(str(folder)), size=size))
    counted = killed_after_the_first(score(shards, job, workers=2), victims)
    assert len(counted) == len(shards)
    rows = parquet.read_table(job.destination).to_pandas()
    assert totals(counted) == rows["decision"].value_counts().to_dict()
    assert sum(totals(counted).values()) == images
    assert_equal_rows(rows, as_predicted(folder, tmp_path / "rows.csv"))
    return shards


def scorers() -> list[int]:
    """Process numbers of the actors that hold predictors."""
    found = subprocess.run(["pgrep", "-f", "^ray::.*_Scorer"], capture_output=True, text=True, check=True)
    return [int(line) for line in found.stdout.split()]


@pytest.mark.slow
def test_a_process_that_is_killed_loses_nothing(tmp_path: Path, job: Job) -> None:
    assert_nothing_is_lost(tmp_path, job, 24, 3, score_locally, children)


def children() -> list[int]:
    """Process numbers of the pool's workers."""
    return [child.pid for child in multiprocessing.active_children() if child.pid]


@pytest.mark.slow
def test_processes_that_keep_dying_are_told(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skinlens.scoring.local._load", _die)
    shard = Shard(0, (Item("a", "a", "a"),))
    with pytest.raises(DestinationError, match="Processes keep dying"):
        list(score_locally([shard], job, workers=1))


def _die(_model: str, _threads: int, _unverified: bool) -> None:
    os._exit(1)


def test_what_is_too_much_to_send_is_read_by_the_actor(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the readers and actors of a cluster do; 64 files of 700 MiB each are allowed in one shard."""
    (shard,) = shards_of(list_items(str(folder)))
    row = {"number": shard.number, "items": on_ray._packed(shard)}
    whole = on_ray._read(row)
    monkeypatch.setattr(on_ray, "_MOST_BYTES", len(whole["contents"][0]) + len(whole["contents"][1]))
    sent = on_ray._read(row)
    assert [len(each) > 0 for each in sent["contents"][:3]] == [True, True, False]
    assert sum(map(len, sent["contents"])) <= on_ray._MOST_BYTES
    received = [
        [
            on_ray._Fetched(item, content, *failure)
            for item, content, failure in zip(shard.items, each["contents"], json.loads(each["failures"]), strict=True)
        ]
        for each in (whole, sent)
    ]
    for at_once, later in zip(*received, strict=True):
        assert at_once.read() == later.read()


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_cluster_loses_nothing_and_scores_a_file_again_that_is_replaced(tmp_path: Path, job: Job) -> None:
    """In one test, since actors take long to start."""
    shards = assert_nothing_is_lost(tmp_path, job, 40, 4, score_on_ray, scorers)
    assert_stamped(job, shards)
    replaced = Path(shards[1].items[0].path)
    other = encode_png(draw_pixels(99, height=96, width=128))
    replaced.write_bytes(other)
    (left,) = prepare(job, shards)
    assert left == shards[1]
    list(score_on_ray([left], job, workers=1))
    rows = parquet.read_table(job.destination).to_pandas().set_index("path")
    assert rows.loc[str(replaced), "sha256"] == hashlib.sha256(other).hexdigest()
    assert_stamped(job, shards)


def test_an_actor_keeps_the_stamps_from_before_its_images_were_read(
    folder: Path, job: Job, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is replaced between the reader and the actor has the other image's row, and is noticed."""
    monkeypatch.setattr(on_ray, "quickest_predictor", lambda *_args, **_options: predictor)
    (shard,) = shards_of(list_items(str(folder))[:3])
    prepare(job, [shard])
    row = on_ray._read({"number": shard.number, "items": on_ray._packed(shard)})
    Path(shard.items[0].path).write_bytes(encode_png(draw_pixels(99, height=96, width=128)))
    on_ray._Scorer(asdict(job))({name: [value] for name, value in row.items()})
    assert prepare(job, [shard]) == [shard]


def assert_stamped(job: Job, shards: Sequence[Shard]) -> None:
    """Every finished shard holds size and time of its files as they lie there, and none is scored again."""
    for shard in shards:
        metadata = parquet.read_schema(Path(job.destination) / shard.file).metadata
        assert [tuple(each) for each in json.loads(metadata[b"skinlens_files"])] == [i.stamp() for i in shard.items]
    assert prepare(job, shards) == []


@pytest.mark.parametrize("unverified", [False, True])
def test_an_actor_takes_an_unverified_model_only_if_the_job_does(
    job: Job, predictor: Predictor, monkeypatch: pytest.MonkeyPatch, *, unverified: bool
) -> None:
    asked = []

    def load(name: str, **options: object) -> Predictor:
        asked.append((name, options))
        return predictor

    monkeypatch.setattr(on_ray, "quickest_predictor", load)
    on_ray._Scorer(asdict(replace(job, unverified=unverified)))
    assert asked == [(job.model, {"threads": 1, "unverified": unverified})]

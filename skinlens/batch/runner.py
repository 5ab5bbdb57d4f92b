"""Assessing a run: image after image, until it is finished, paused or cancelled, in whatever program has it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from time import sleep
from typing import Any

from filelock import FileLock, Timeout

from skinlens.batch.assess import columns_of, second_columns_of
from skinlens.batch.errors import BatchError
from skinlens.batch.schema import Run
from skinlens.batch.store import BatchStore, Waiting
from skinlens.imaging.sources import Sources
from skinlens.imaging.workers import worker_count
from skinlens.runtime.card import ModelCard
from skinlens.runtime.predictor import Predictor
from skinlens.storage.errors import explained
from skinlens.storage.private import FILE_MODE
from skinlens.translation import marked, sentence
from skinlens.triage.pipeline import Assessed, Outcome, Pipeline
from skinlens.triage.turns import ALONE

# Most images in a batch, and seconds for one, about: the first rows come soon, and a pause takes effect soon.
AT_ONCE = 16
_WITHIN = 2.0
# Rows that are looked up at once; nothing is read from them yet.
_LISTED = 64
# Seconds that a page which wants the model gets between two chunks.
_GIVE_WAY = 0.002
_LOCK = "running.lock"
# Seconds to wait for whoever looks, for a moment, whether the run is being worked on.
_PATIENCE = 2.0


class BusyError(BatchError):
    """Another program works on the run."""


@contextmanager
def alone(store: BatchStore) -> Iterator[None]:
    """Be the only one, on this computer, who works on a run.

    Raises:
        BusyError: If another one does.
        BatchError: If the run is gone.
    """
    store.run()
    with explained(marked("The run could not be started"), BatchError):
        lock = _lock_of(store)
        try:
            lock.acquire(timeout=_PATIENCE)
        except Timeout as error:
            raise BusyError(marked("Another window or program is already working on this run.")) from error
    try:
        yield
    finally:
        lock.release()


def _lock_of(store: BatchStore) -> FileLock:
    return FileLock(store.folder / _LOCK, mode=FILE_MODE, thread_local=False)


def is_worked_on(store: BatchStore) -> bool:
    """Whether anyone works on the run at this moment."""
    if not store.folder.is_dir():
        # The lock would make the folder of a deleted run again.
        return False
    lock = _lock_of(store)
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def go_through(
    store: BatchStore,
    predictor: Predictor,
    lock: AbstractContextManager[object],
    *,
    second: tuple[Predictor, AbstractContextManager[object]] | None = None,
    hold: Callable[[], float] = lambda: ALONE,
    pause: Callable[[float], object] = sleep,
) -> None:
    """Assess every image that waits; returns when none does, or when the user pauses or cancels the run.

    An image's result is kept in the same transaction as the fact that it has one, so an interruption at any moment
    loses only the images in work, and the next call resumes there.

    Args:
        store: The run.
        predictor: Of the model that the run was begun with.
        lock: Held while the model runs.
        second: The second model that the run was begun with, and its lock; None for a run without one.
        hold: Says for how many seconds, about, a lock may be held at a time.
        pause: Called with seconds between two chunks.

    Raises:
        BusyError: If another program works on it.
        BatchError: If a model is another one or missing, the folder or archive that the images lie in is gone, or the
            run cannot be read or written.
    """
    with alone(store):
        _require_same_model(store.card(), predictor)
        compared_with = store.second_card()
        if compared_with is not None:
            _require_same_model(compared_with, None if second is None else second[0])
        run = store.run()
        if not run.listed:
            _list(store, run)
        pipeline = Pipeline(predictor, orientations=run.orientations, lock=lock, all_pixels=False, hold=hold)
        other = None
        if compared_with is not None and second is not None:
            other = Pipeline(second[0], orientations=run.orientations, lock=second[1], hold=hold)
        # Further images of the last files have their rows only once those were assessed.
        while store.run().wanted == "run" and store.waiting(1):
            batches = pipeline.batches(
                _waiting(store),
                batch=AT_ONCE,
                # One process is left to decode for other pages.
                readers=max(1, worker_count() - 1),
                within=_WITHIN,
                keep_going=lambda: store.run().wanted == "run",
            )
            with closing(batches):
                for batch in batches:
                    results = [columns_of(waiting.number, outcome) for waiting, outcome in batch]
                    if any(result["state"] == "unreadable" for result in results):
                        # A drive that was unplugged would make every image that waits unreadable for good.
                        _require_roots(run)
                    store.keep(results, [] if other is None else _compared(batch, other), _frames(batch))
                    pause(_GIVE_WAY)


def _frames(batch: Sequence[tuple[Waiting, Outcome]]) -> dict[int, int]:
    """How many images the files of a batch hold, by number."""
    return {waiting.number: outcome.image.frames for waiting, outcome in batch if isinstance(outcome, Assessed)}


def _compared(batch: Sequence[tuple[Waiting, Outcome]], other: Pipeline) -> list[dict[str, Any]]:
    """What the second model makes of the same pixels: nothing is read, decoded or checked twice."""
    assessed = [(waiting.number, outcome) for waiting, outcome in batch if isinstance(outcome, Assessed)]
    again = other.assess_again([outcome for _, outcome in assessed])
    results = (second_columns_of(number, outcome) for (number, _), outcome in zip(assessed, again, strict=True))
    return [result for result in results if result is not None]


def _require_same_model(begun: ModelCard, predictor: Predictor | None) -> None:
    used = None if predictor is None else (predictor.model.sha256, predictor.card.unverified)
    if (begun.files["weights"].sha256, begun.unverified) != used:
        raise BatchError(
            sentence(
                "This run was begun with {model} {version}, which is not the model in use. Restore that model, "
                "or start a new run.",
                model=begun.shown_name,
                version=begun.version,
            )
        )


def _list(store: BatchStore, run: Run) -> None:
    if run.kind == "upload":
        raise BatchError(marked("The upload of this run was interrupted. Discard it, and drop the images again."))
    _require_roots(run)
    store.list_images(Sources([Path(root) for root in run.roots]))


def _require_roots(run: Run) -> None:
    gone = [root for root in run.roots if not _is_there(Path(root))] if run.kind == "path" else []
    if gone:
        raise BatchError(
            sentence("{path} can no longer be found. Connect its drive or put it back, and try again.", path=gone[0])
        )


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except OSError:
        return False
    return True


def _waiting(store: BatchStore) -> Iterator[Waiting]:
    """The images that wait, in order."""
    after = -1
    while waiting := store.waiting(_LISTED, after=after):
        yield from waiting
        after = waiting[-1].number

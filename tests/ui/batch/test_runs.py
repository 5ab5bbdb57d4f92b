"""Runs in the background: one thread a run, and every failure has a sentence."""

import threading

import pytest

from skinlens.batch.errors import BatchError
from skinlens.batch.runner import BusyError
from skinlens.batch.store import BatchStore
from skinlens.runtime.predictor import Predictor
from skinlens.triage.turns import Turns
from skinlens.ui.batch.runs import Workers, open_store, workers
from skinlens.ui.model import LoadedModel


@pytest.fixture
def model(predictor: Predictor) -> LoadedModel:
    return LoadedModel(predictor, Turns())


def test_a_run_is_worked_on_until_it_is_complete(waiting: BatchStore, model: LoadedModel) -> None:
    own = Workers(failures={waiting.id: "an earlier failure"})
    own.start(waiting, model)
    own.wait(waiting.id, 120)
    assert waiting.progress().complete
    assert not own.works_on(waiting.id)
    assert own.failures == {}


def test_no_second_thread_is_started_for_a_run(
    waiting: BatchStore, model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, release = [], threading.Event()

    def go_through(store: BatchStore, *_: object, **__: object) -> None:
        started.append(store.id)
        release.wait(30)

    monkeypatch.setattr("skinlens.ui.batch.runs.go_through", go_through)
    own = Workers()
    own.start(waiting, model)
    own.start(waiting, model)
    assert own.works_on(waiting.id)
    release.set()
    own.wait(waiting.id, 30)
    assert started == [waiting.id]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (BatchError("The disk is full."), "The disk is full."),
        (KeyError("x"), "The run stopped because of an unexpected error (KeyError)."),
        (BusyError("elsewhere"), ""),
    ],
)
def test_why_a_thread_stopped_is_kept(
    waiting: BatchStore, model: LoadedModel, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    def go_through(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("skinlens.ui.batch.runs.go_through", go_through)
    own = Workers()
    own.start(waiting, model)
    own.wait(waiting.id, 30)
    assert own.failures.get(waiting.id, "").startswith(sentence)
    assert (waiting.id in own.failures) == bool(sentence)


def test_waiting_for_a_run_that_nobody_works_on_returns_at_once() -> None:
    own = Workers()
    own.wait("none")
    assert not own.works_on("none")


@pytest.mark.usefixtures("home")
def test_workers_and_stores_are_shared_by_all_sessions(run: BatchStore) -> None:
    shared = workers()
    assert workers() is shared
    first = open_store(str(run.folder))
    assert open_store(str(run.folder)) is first
    with pytest.raises(BatchError):
        open_store(str(run.folder.with_name("nowhere")))

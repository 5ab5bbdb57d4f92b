"""Runs in the background of this program, which continue while the browser is closed."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from skinlens.batch.errors import BatchError
from skinlens.batch.runner import BusyError, go_through
from skinlens.batch.store import BatchStore
from skinlens.runtime.card import ModelFileError
from skinlens.storage.location import data_folder
from skinlens.ui.model import LoadedModel, loaded_model


def runs_folder() -> Path:
    """Return the folder that holds the runs."""
    return data_folder() / "batches"


@dataclass
class Workers:
    """The threads that work on runs.

    Attributes:
        threads: By the id of the run.
        failures: By the id of the run, why its thread stopped early, as a sentence for the user.
        lock: Held while a thread is started.
    """

    threads: dict[str, threading.Thread] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, store: BatchStore, model: LoadedModel, second: LoadedModel | None = None) -> None:
        """Work on a run until it is done, paused or cancelled; do nothing if a thread works on it already.

        Args:
            store: The run.
            model: That it was begun with.
            second: Its second model; None for a run without one.

        Raises:
            BatchError: If the run cannot be changed.
        """
        with self.lock:
            if self.works_on(store.id):
                return
            store.want("run")
            self.failures.pop(store.id, None)
            thread = threading.Thread(
                target=self._work, args=(store, model, second), name=f"skinlens-{store.id}", daemon=True
            )
            self.threads[store.id] = thread
            thread.start()

    def works_on(self, run_id: str) -> bool:
        """Return whether a thread of this program works on a run."""
        thread = self.threads.get(run_id)
        return thread is not None and thread.is_alive()

    def wait(self, run_id: str, seconds: float | None = None) -> None:
        """Wait until no thread of this program works on a run."""
        thread = self.threads.get(run_id)
        if thread is not None:
            thread.join(seconds)

    def _work(self, store: BatchStore, model: LoadedModel, second: LoadedModel | None) -> None:
        try:
            compared = None if second is None else (second.predictor, second.lock.behind)
            go_through(store, model.predictor, model.lock.behind, second=compared, hold=model.lock.hold)
        except BusyError:
            # Another program works on it; the page shows its progress.
            return
        except BatchError as error:
            self.failures[store.id] = str(error)
        except Exception as error:  # noqa: BLE001 - a thread's error would be lost, and the page would wait for ever
            self.failures[store.id] = (
                f"The run stopped because of an unexpected error ({type(error).__name__}). Results so far are saved. "
                "Try again, or report the error."
            )


def second_model(store: BatchStore) -> LoadedModel | None:
    """Load the second model of a run; None for a run without one.

    Raises:
        BatchError: If it cannot be used, or the run cannot be read.
    """
    card = store.second_card()
    if card is None:
        return None
    try:
        return loaded_model(card.name)
    except ModelFileError as error:
        raise BatchError(str(error)) from error


@st.cache_resource(show_spinner=False)
def workers() -> Workers:
    """Return the workers of this program, the same for all browser sessions."""
    return Workers()


def open_store(folder: str) -> BatchStore:
    """Open a run by its folder; raises BatchError if it cannot be opened."""
    return _opened(folder)


@st.cache_resource(show_spinner=False, max_entries=8, on_release=lambda store: store.engine.dispose())
def _opened(folder: str) -> BatchStore:
    return BatchStore(Path(folder))

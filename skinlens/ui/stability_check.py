"""The second half of an assessment, after its first result is on the page: the other orientations, in a thread."""

import logging
import threading
from collections.abc import Callable

from skinlens.triage.pipeline import Assessed, Pipeline
from skinlens.ui.model import LoadedModel

_LOG = logging.getLogger(__name__)


class StabilityCheck:
    """The check of one first result; it goes on while the visitor looks at another page.

    Args:
        early: The first result.
        model: That made it.
        keep: Called with the complete result, in the thread of the check.
    """

    def __init__(self, early: Assessed, model: LoadedModel, keep: Callable[[Assessed], None]) -> None:
        self.failed = False
        self._early, self._model, self._keep = early, model, keep
        self._is_wanted = True
        self._thread: threading.Thread | None = None
        self._is_done = threading.Event()

    @property
    def is_done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._is_done.is_set()

    @property
    def is_wanted(self) -> bool:
        """Whether nobody has given it up."""
        return self._is_wanted

    def start(self) -> None:
        """Begin in the background, if it has not begun; returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self.run, name="skinlens-check", daemon=True)
            self._thread.start()

    def give_up(self) -> None:
        """Let another image go first: the model does not begin on this one any more."""
        self._is_wanted = False

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended; return whether it has."""
        return self._is_done.wait(seconds)

    def run(self) -> None:
        """Check in this thread."""
        try:
            with self._model.lock:
                # Another image may have come while this thread waited.
                if self._is_wanted:
                    self._keep(Pipeline(self._model.predictor).complete(self._early))
        except Exception as error:  # noqa: BLE001 - the page says so, and offers to try again
            self.failed = True
            # The message alone: a traceback may quote what a user named.
            _LOG.error("The check in eight orientations failed: %s", type(error).__name__)
        finally:
            self._is_done.set()

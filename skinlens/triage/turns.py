"""Who gets the model next: a page on which a person waits goes before a run in the background."""

import math
import threading
from contextlib import AbstractContextManager
from time import monotonic

# Seconds for which work in the background may hold the lock: long enough for a pass of a size that is efficient, or
# short while a person is at work, who counts as being so for some time after the last image.
ALONE, WITH_COMPANY = 1.5, 0.3
_COMPANY_SECONDS = 60.0


class Turns:
    """A lock for the cores of a machine, with two kinds of users.

    `with turns:` is for someone who waits. `with turns.behind:` is for work in the background: it waits until nobody
    else wants the lock, and holds up others for no longer than it holds it itself.

    >>> turns = Turns()
    >>> with turns.behind:
    ...     turns.locked()
    True
    >>> turns.locked()
    False
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_held = False
        self._waiting = 0
        self._last_wanted = -math.inf
        self.behind: AbstractContextManager[None] = _Behind(self)

    def __enter__(self) -> None:
        with self._changed:
            self._waiting += 1
            self._last_wanted = monotonic()
            try:
                self._changed.wait_for(lambda: not self._is_held)
            finally:
                self._waiting -= 1
            self._is_held = True

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire_behind(self) -> None:
        """Wait until nobody holds the lock or waits for it, and hold it."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_held and not self._waiting)
            self._is_held = True

    def release(self) -> None:
        """Let the next one in, those who wait in person first."""
        with self._changed:
            self._is_held = False
            self._changed.notify_all()

    def locked(self) -> bool:
        """Return whether someone holds the lock."""
        return self._is_held

    def hold(self) -> float:
        """Return for how many seconds, about, work in the background may hold the lock now."""
        return WITH_COMPANY if monotonic() - self._last_wanted < _COMPANY_SECONDS else ALONE

    @property
    def is_wanted(self) -> bool:
        """Whether a person waits for the lock."""
        return self._waiting > 0


class _Behind(AbstractContextManager[None]):
    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def __enter__(self) -> None:
        self._turns.acquire_behind()

    def __exit__(self, *_: object) -> None:
        self._turns.release()

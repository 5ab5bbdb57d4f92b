"""Decode images in processes of their own, which can be ended: a budget of time and memory for each image.

The processes import `skinlens.imaging` alone. They are started when first needed, kept for the next image, and end with
the program: also when it is killed, since their standard input is then closed. They may be used from any thread; a
forked process starts its own.
"""

import atexit
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from time import monotonic

import numpy as np

from skinlens.imaging.channel import Channel, shared_memory
from skinlens.imaging.guards import decoder_failed, takes_too_long
from skinlens.imaging.image import Decoded, ImageRejectedError
from skinlens.imaging.limits import CLOCK_SECONDS, MAX_WORKERS, START_SECONDS

_LOG = logging.getLogger(__name__)
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
# Seconds before a program in which no process could be started tries again.
_RETRY_SECONDS = 300.0
# Seconds for a process that has closed its pipes to be gone.
_GOODBYE_SECONDS = 5.0
# A decoder that fails over an image gets it once more, in a new process: an earlier image may have damaged the first.
_ATTEMPTS = 2


# Threads of linear algebra would reserve memory, and no decoder uses them. glibc would give all memory back after each
# image, and take half as long as decoding to get it again for the next.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 2**20),
}


class NoWorkerError(RuntimeError):
    """No process for decoding can be started here."""


class WorkerFaultError(RuntimeError):
    """Our own code failed in a worker; the message is the worker's traceback."""


class _DiedError(Exception):
    """A worker ended before it had answered."""


class _Worker:
    """One process that decodes, and this program's end of the connection to it."""

    def __init__(self) -> None:
        self._shared = shared_memory()
        self._is_late = False
        self._is_done = True
        try:
            self._process = self._start()
        except BaseException:
            self._close_shared()
            raise
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        assert self._process.stdout is not None  # noqa: S101
        self._channel = Channel(self._process.stdout.fileno(), self._process.stdin.fileno(), self._shared)
        try:
            with self._deadline(START_SECONDS):
                self._channel.receive()
        except (EOFError, OSError, ValueError) as error:
            self.end()
            raise NoWorkerError(f"it ended with status {self._process.returncode} as it was started") from error
        except BaseException:
            self.end()
            raise

    def _start(self) -> "subprocess.Popen[bytes]":
        shared = -1 if self._shared is None else self._shared
        paths = [str(_PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        changed = {"PYTHONPATH": os.pathsep.join(paths)} | _ENVIRONMENT
        return subprocess.Popen(  # noqa: S603 - this interpreter on a module of ours
            # -P: no module in the current folder may stand in for one of ours.
            [sys.executable, "-P", "-m", "skinlens.imaging.worker", str(shared)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=os.environ | changed,
            pass_fds=() if self._shared is None else (self._shared,),
            # A group of its own, so that what a decoder starts can be ended with it.
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )

    def decode(self, data: bytes, name: str, frame: int = 0, side: int | None = None) -> tuple[Decoded, date | None]:
        """Have one image decoded.

        Raises:
            ImageRejectedError: From the process, or `over_budget` if it took too long.
            WorkerFaultError: If our own code failed in it.
            _DiedError: If the process ended for another reason; it cannot be used again.
        """
        self._is_done = False
        try:
            with self._deadline(CLOCK_SECONDS):
                self._channel.send({"name": name, "frame": frame, "side": side}, data)
                answer, size = self._channel.receive()
                pixels = np.empty(size, np.uint8)
                self._channel.content_into(pixels.data)
            self._channel.tidy()
            self._is_done = True
        except (EOFError, OSError, ValueError) as error:
            if self._is_late or self._used_its_time():
                raise takes_too_long(name) from error
            raise _DiedError from error
        if "fault" in answer:
            raise WorkerFaultError(answer["fault"])
        if "reason" in answer:
            raise ImageRejectedError(answer["reason"], answer["sentence"])
        pixels.setflags(write=False)
        taken, full_size = answer["taken"], answer["full_size"]
        decoded = Decoded(
            pixels.reshape(answer["height"], answer["width"], 3),
            tuple(answer["notes"]),
            answer["frames"],
            answer["millimetres"],
            None if full_size is None else tuple(full_size),
        )
        return decoded, None if taken is None else date.fromisoformat(taken)

    def _used_its_time(self) -> bool:
        """Whether the process ended because the system counted more processor time than the budget has."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GOODBYE_SECONDS)
        return self._process.returncode == -getattr(signal, "SIGXCPU", 0) != 0

    @property
    def is_usable(self) -> bool:
        """Whether the process can be asked for the next image: it is alive, and its last answer was received."""
        return self._is_done and not self._is_late and self._process.poll() is None

    @contextmanager
    def _deadline(self, seconds: float) -> Iterator[None]:
        timer = threading.Timer(seconds, self._kill_late)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _kill_late(self) -> None:
        self._is_late = True
        self.kill()

    def kill(self) -> None:
        """Kill the process and whatever it has started; who uses it finds that it died."""
        # Not waited for yet, so the id cannot belong to another process.
        if os.name == "posix" and self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(OSError):
            self._process.kill()

    def end(self) -> None:
        """End the process and free everything that belongs to it."""
        self.kill()
        self._process.wait()
        self._close_pipes()

    def forget(self) -> None:
        """In a forked copy of the program: let go of a process that belongs to the original."""
        self._process.returncode = 0
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._close_shared()

    def _close_shared(self) -> None:
        if self._shared is not None:
            os.close(self._shared)
            self._shared = None


class _Workers:
    """The processes of this program; a thread that finds all of them busy waits for one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = threading.Condition()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._taken = 0
        self._no_worker_until = 0.0

    @contextmanager
    def worker(self) -> Iterator[_Worker]:
        """Lend a process to one thread.

        Raises:
            NoWorkerError: If none can be started.
        """
        with self._free:
            if monotonic() < self._no_worker_until:
                raise NoWorkerError("none could be started a short while ago")
            self._free.wait_for(lambda: self._taken < self._most)
            self._taken += 1
            # The last one given back is the likeliest to be in the processor's caches.
            worker = self._idle.pop() if self._idle else None
        try:
            worker = worker or self._start()
            yield worker
        finally:
            self._give_back(worker)

    def _start(self) -> _Worker:
        try:
            worker = _Worker()
        except (OSError, ValueError, NoWorkerError) as error:
            self._no_worker_until = monotonic() + _RETRY_SECONDS
            _LOG.warning(
                "No process for decoding can be started (%s); images are decoded without a limit of time and memory.",
                error,
            )
            raise NoWorkerError(str(error)) from error
        with self._free:
            self._all.add(worker)
        return worker

    def _give_back(self, worker: _Worker | None) -> None:
        is_usable = worker is not None and worker.is_usable
        if worker is not None and not is_usable:
            worker.end()
        with self._free:
            self._taken -= 1
            if worker is not None and is_usable:
                self._idle.append(worker)
            elif worker is not None:
                self._all.discard(worker)
            self._free.notify()

    def end(self) -> None:
        """End all processes; a thread that uses one finds that it died, and frees what belongs to it."""
        with self._free:
            idle, self._idle = self._idle, []
            self._all -= set(idle)
            for worker in self._all:
                worker.kill()
        for worker in idle:
            worker.end()

    def forget(self) -> None:
        """In a forked copy of the program: let go of the original's processes."""
        for worker in self._all:
            worker.forget()


def worker_count() -> int:
    """Return how many images this program decodes at the same time."""
    return min(MAX_WORKERS, os.cpu_count() or 1)


_workers = _Workers(worker_count())


def decode_in_worker(data: bytes, name: str, frame: int = 0, side: int | None = None) -> tuple[Decoded, date | None]:
    """Decode one image within the budget of `limits`.

    Args:
        data: The whole file, not empty.
        name: How a rejection names the image.
        frame: Which of the file's images, from 0.
        side: As for `decode.decode`.

    Returns:
        What `formats.decode_content` makes of it, its pixels read-only, and the day from `taken.day_taken`.

    Raises:
        ImageRejectedError: As `formats.decode_content` does, `over_budget` beyond the time or memory of the budget,
            and `decoder_failed` if the decoder crashed over it twice.
        NoWorkerError: If there is no process to decode in.
        WorkerFaultError: If our own code failed.
    """
    for _ in range(_ATTEMPTS):
        try:
            with _workers.worker() as worker:
                return worker.decode(data, name, frame, side)
        except _DiedError:
            continue
    raise decoder_failed(name)


def start_ahead() -> None:
    """Start a process in the background, so that the first image does not wait for it; returns at once.

    Where none can be started, the log says so, and the first image tries no more (see `decode_in_worker`).
    """
    threading.Thread(target=_start_one, name="skinlens-start-worker", daemon=True).start()


def _start_one() -> None:
    with suppress(NoWorkerError), _workers.worker():
        pass


def end_workers() -> None:
    """End the processes of this program; the next image starts a new one."""
    _workers.end()


def _start_anew() -> None:
    """After a fork, in the copy: the original's processes answer to the original alone."""
    global _workers
    _workers.forget()
    _workers = _Workers(worker_count())


atexit.register(end_workers)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)

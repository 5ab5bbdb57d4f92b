"""The app as a server of its own."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
STREAMLIT = ("-m", "streamlit", "run", "app.py", "--server.port")
SKINLENS = ("-m", "skinlens", "app", "--port")


@contextmanager
def serving(start: Sequence[str] = STREAMLIT) -> Iterator[str]:
    """A server's address."""
    with started(start) as (url, _):
        yield url


@contextmanager
def started(start: Sequence[str] = STREAMLIT) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server's address and its process.

    Args:
        start: Words after `python` that start it, without the port.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, *start, str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=ROOT, stdout=quiet, stderr=quiet) as server:
        try:
            wait_until_healthy(f"http://localhost:{port}/_stcore/health")
            yield f"http://localhost:{port}", server
        finally:
            server.terminate()


def wait_until_healthy(url: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own server on localhost
                return
        except OSError:
            time.sleep(0.3)
    raise TimeoutError(f"nothing answers at {url}")

"""The processes of the app: one that decodes is ready before the first image, and none outlives the server."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serving import started

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def decoders(parent: int) -> list[int]:
    """Process numbers of the workers that a program has."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = status.read_text().rpartition(")")
            words = status.with_name("cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(rest.split()[1]) == parent and b"skinlens.imaging.worker" in words:
            found.append(int(status.parent.name))
    return found


def waited_for(condition: Callable[[], object]) -> bool:
    limit = time.monotonic() + 60
    while not condition() and time.monotonic() < limit:
        time.sleep(0.1)
    return bool(condition())


@pytest.mark.slow
def test_a_decoding_process_waits_for_the_first_image_and_ends_with_the_server() -> None:
    with started() as (_, server):
        assert waited_for(lambda: decoders(server.pid))
        (number,) = decoders(server.pid)
    assert waited_for(lambda: not Path(f"/proc/{number}/cmdline").exists())

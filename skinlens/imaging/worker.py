"""The process that decodes images for a program: run by `workers`, and ended when the program ends.

Reads requests from its standard input until that is closed. Whatever the decoding libraries print goes nowhere.
"""

import math
import os
import signal
import sys
import traceback

import numpy as np

from skinlens.imaging.channel import Channel
from skinlens.imaging.formats import decode_content
from skinlens.imaging.guards import needs_too_much_memory
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.limits import CLOCK_SECONDS, MEMORY_BYTES, SECONDS
from skinlens.imaging.taken import day_taken

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

# The program kills a worker that is late; where the program itself was killed, the worker ends itself so much later.
_GRACE_SECONDS = 5.0
# What the interpreter and its libraries take before any image; measured at 110 MB on Linux.
_BASELINE_BYTES = 256 * 2**20


def main() -> None:
    """Answer requests until there are no more."""
    shared = int(sys.argv[1])
    # The decoders get other descriptors, so that what they print cannot end up in an answer.
    channel = Channel(os.dup(0), os.dup(1), shared if shared >= 0 else None)
    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(quiet, descriptor)
    # Ctrl-C in a terminal is for the program, which then closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Keep the system from writing this process's memory to disk when a decoder crashes: it holds a patient's image.
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_memory()
    try:
        channel.send({})
        while True:
            _answer(channel)
    except (EOFError, BrokenPipeError):
        return


def _limit_memory() -> None:
    """Have the system refuse memory beyond the budget, where it can."""
    if resource is None:
        return
    # Linux counts what is written to; the address space would count libraries and shared memory too.
    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    limit = MEMORY_BYTES + _BASELINE_BYTES
    try:
        _, most = resource.getrlimit(kind)
        if most == resource.RLIM_INFINITY or most > limit:
            resource.setrlimit(kind, (limit, limit))
    except (OSError, ValueError):  # macOS takes some limits and refuses others; the deadline still holds.
        return


def _answer(channel: Channel) -> None:
    """Decode one image within the budget; the system ends this process once the image has had its time, where it can.

    Raises:
        EOFError: If the program is gone.
        OSError: If the answer cannot be sent.
    """
    request, size = channel.receive()
    data = channel.content(size)
    _limit_time()
    try:
        name = str(request["name"])
        try:
            decoded = decode_content(data, name, int(request["frame"]), request["side"])
            taken = day_taken(data, name)
            # Before the answer, which may need as much memory again.
            del data
            height, width, _ = decoded.pixels.shape
            answer = {
                "height": height,
                "width": width,
                "notes": decoded.notes,
                "frames": decoded.frames,
                "millimetres": decoded.millimetres,
                "full_size": decoded.full_size,
                "taken": taken and taken.isoformat(),
            }
            channel.send(answer, np.ascontiguousarray(decoded.pixels).data)
        except MemoryError as error:
            raise needs_too_much_memory(name) from error
    except ImageRejectedError as error:
        channel.send({"reason": error.reason, "sentence": str(error)})
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - a mistake of our own, which the program raises again
        channel.send({"fault": traceback.format_exc()})
    if resource is not None:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _limit_time() -> None:
    """Have the system end this process once the next image has had its time, where it can."""
    if resource is not None:
        # From now on, so that earlier images do not count.
        used = resource.getrusage(resource.RUSAGE_SELF)
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        limit = math.ceil(used.ru_utime + used.ru_stime) + SECONDS
        # A hard limit that was set from outside stays in force.
        resource.setrlimit(resource.RLIMIT_CPU, (limit if most == resource.RLIM_INFINITY else min(limit, most), most))
        signal.setitimer(signal.ITIMER_REAL, CLOCK_SECONDS + _GRACE_SECONDS)


if __name__ == "__main__":
    main()

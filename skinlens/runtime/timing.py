"""What a call costs, beside another: they alternate, so that both meet the same load of the machine."""

import statistics
import time
from collections.abc import Callable

WARM_UPS = 3
REPEATS = 20


def timed_in_turn(
    first: Callable[[], object], second: Callable[[], object], *, warm_ups: int = WARM_UPS, repeats: int = REPEATS
) -> tuple[float, float]:
    """Median milliseconds of each of two calls.

    Args:
        first: Called in turn with `second`, first in every turn.
        second: The other.
        warm_ups: Turns that do not count, before those that do.
        repeats: Turns that count, at least one.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for repeat in range(warm_ups + repeats):
        for call, kept in zip((first, second), times, strict=True):
            began = time.perf_counter()
            call()
            if repeat >= warm_ups:
                kept.append(1000 * (time.perf_counter() - began))
    return statistics.median(times[0]), statistics.median(times[1])

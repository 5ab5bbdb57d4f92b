"""What a call costs, beside others: they take turns, so that all meet the same load of the machine."""

import statistics
import time
from collections.abc import Callable, Sequence

WARM_UPS = 3
REPEATS = 20
# Seconds before each call: the threads of the engine before it wait in a loop for a while, and take the cores.
REST = 0.01


def timed_in_turn(
    first: Callable[[], object], second: Callable[[], object], *, warm_ups: int = WARM_UPS, repeats: int = REPEATS
) -> tuple[float, float]:
    """Median milliseconds of each of two calls, as `medians_in_turn`."""
    one, other = medians_in_turn([first, second], warm_ups=warm_ups, repeats=repeats)
    return one, other


def medians_in_turn(
    calls: Sequence[Callable[[], object]],
    *,
    warm_ups: int = WARM_UPS,
    repeats: int = REPEATS,
    seconds: float | None = None,
) -> list[float]:
    """Median milliseconds of each of several calls, with a rest before each.

    Args:
        calls: Called in their order, in every turn.
        warm_ups: Turns that do not count, before those that do.
        repeats: Most turns that count, at least one.
        seconds: No further turn begins after so long, the warm-ups included; None sets no end.

    Returns:
        A number for each call, in their order.
    """
    times: list[list[float]] = [[] for _ in calls]
    started = 0.0 if seconds is None else time.perf_counter()
    for repeat in range(warm_ups + repeats):
        is_late = seconds is not None and time.perf_counter() - started > seconds
        if is_late and repeat > warm_ups:
            break
        for call, kept in zip(calls, times, strict=True):
            time.sleep(REST)
            began = time.perf_counter()
            call()
            if repeat >= warm_ups:
                kept.append(1000 * (time.perf_counter() - began))
    return [statistics.median(kept) for kept in times]

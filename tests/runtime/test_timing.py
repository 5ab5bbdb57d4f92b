"""Two calls are timed in turn."""

from types import SimpleNamespace

import pytest

from skinlens.runtime import timing


def test_takes_turns_and_leaves_the_warm_up_out(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0, 0, 0, 1, 0, 4, 0, 2, 0, 6, 0, 3, 0, 5])
    calls: list[str] = []
    # Sleeping is no part of the time that counts.
    stand = SimpleNamespace(perf_counter=lambda: next(clock), sleep=lambda _seconds: calls.append("rest"))
    monkeypatch.setattr(timing, "time", stand)
    medians = timing.timed_in_turn(lambda: calls.append("a"), lambda: calls.append("b"), warm_ups=1, repeats=3)
    assert calls == ["rest", "a", "rest", "b"] * 4
    assert medians == (2000, 5000)


def test_no_turn_begins_after_the_time_is_up_but_one_always_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: now[0], sleep=lambda _seconds: None))

    def call() -> None:
        now[0] += 1

    assert timing.medians_in_turn([call, call], warm_ups=1, repeats=100, seconds=5) == [1000, 1000]
    assert now[0] == 6
    now[0] = 0
    assert timing.medians_in_turn([call], warm_ups=1, repeats=100, seconds=0.5) == [1000]
    assert now[0] == 2

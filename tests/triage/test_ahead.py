"""Things made ahead by threads: in order, no more than there is room for, and errors in their place."""

import threading
import time
from collections.abc import Iterator

import pytest

from skinlens.triage.ahead import Ahead

THREADS = pytest.mark.parametrize("threads", [0, 1, 4])


class Work:
    """Sources that are numbers, of which each gives some things, and counts of what is in hand."""

    def __init__(self, number: int, *, each: int = 1, weight: int = 1) -> None:
        self.number, self.each, self.weight = number, each, weight
        self.begun, self.made = 0, 0
        self.reading, self.read_at_once = 0, 0
        self._lock = threading.Lock()

    def sources(self) -> Iterator[int]:
        for number in range(self.number):
            self.begun += 1
            yield number

    def read(self, source: int) -> str:
        self.reading += 1
        self.read_at_once = max(self.read_at_once, self.reading)
        self.reading -= 1
        return str(source)

    def make(self, source: int, content: str) -> Iterator[tuple[str, int]]:
        for part in range(self.each):
            # Later ones are ready sooner.
            time.sleep(0.002 * (3 - source % 4))
            with self._lock:
                self.made += 1
            yield content, part

    def ahead(self, *, threads: int, most: int = 100, room: int = 10**9) -> Ahead[int, str, tuple[str, int]]:
        return Ahead(self.sources(), self.read, self.make, lambda _: self.weight, threads=threads, most=most, room=room)


@THREADS
@pytest.mark.parametrize("each", [1, 3])
def test_the_order_is_that_of_the_sources(threads: int, each: int) -> None:
    work = Work(17, each=each)
    with work.ahead(threads=threads) as ahead:
        taken = list(ahead)
    assert taken == [(number, (str(number), part)) for number in range(17) for part in range(each)]
    assert work.read_at_once == 1


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("limit", [{"most": 3}, {"room": 30}])
@pytest.mark.parametrize("each", [1, 7])
def test_no_more_is_made_than_there_is_room_for(threads: int, limit: dict[str, int], each: int) -> None:
    work, most = Work(12, each=each, weight=10), 0
    with work.ahead(threads=threads, **limit) as ahead:
        for taken, _ in enumerate(ahead, 1):
            time.sleep(0.003)
            most = max(most, work.made - taken)
    assert work.made == 12 * each
    # What each thread has in hand comes on top, and what was taken in between.
    assert most <= 3 + threads + 1


def test_nothing_is_made_before_it_is_asked_for_without_threads() -> None:
    work = Work(5)
    images = iter(work.ahead(threads=0))
    assert work.begun == 0
    next(images)
    assert (work.begun, work.made) == (1, 1)


@THREADS
@pytest.mark.parametrize("where", ["sources", "read", "make"])
def test_an_error_comes_in_its_place(threads: int, where: str) -> None:
    class Failing(Work):
        def sources(self) -> Iterator[int]:
            yield from super().sources()
            if where == "sources":
                raise KeyError

        def read(self, source: int) -> str:
            if where == "read" and source == 4:
                raise KeyError
            return super().read(source)

        def make(self, source: int, content: str) -> Iterator[tuple[str, int]]:
            yield from super().make(source, content)
            if where == "make" and source == 4:
                raise KeyError

    taken: list[int] = []
    with pytest.raises(KeyError), Failing(5).ahead(threads=threads) as ahead:
        taken.extend(source for source, _ in ahead)
    assert taken == list(range(4 if where == "read" else 5))


@pytest.mark.parametrize("threads", [1, 4])
def test_closing_ends_the_threads_in_mid_work(threads: int) -> None:
    before = threading.active_count()
    work = Work(1000)
    with work.ahead(threads=threads, most=2) as ahead:
        assert next(iter(ahead)) == (0, ("0", 0))
    assert threading.active_count() == before
    assert work.made <= 4 + 2 * threads

"""Images decoded ahead of the model, by several threads, in order and within a fixed amount of memory."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

Source = TypeVar("Source")
Content = TypeVar("Content")
Made = TypeVar("Made")


class Ahead(Generic[Source, Content, Made]):
    """What threads make of sources, in the order of the sources.

    The iterator of sources is asked by one thread at a time. Close it, or use it in a `with` statement, to end the
    threads.

    Args:
        sources: Asked for one when a thread is free and there is room.
        read: Gets the bytes of a source; called by one thread at a time, since an archive has one place to read at.
        make: Makes the images of a source from what `read` returned, one after another; called by several threads.
        weight: Of something made, in the unit of `room`.
        threads: How many; without any, a thing is made when it is taken.
        most: Things that are made and not taken.
        room: Weight of things that are made and not taken, beyond which nothing more is begun.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        read: Callable[[Source], Content],
        make: Callable[[Source, Content], Iterator[Made]],
        weight: Callable[[Made], int],
        *,
        threads: int,
        most: int,
        room: int,
    ) -> None:
        self._sources = iter(sources)
        self._read, self._make, self._weight = read, make, weight
        self._most, self._room = most, room
        self._reading = threading.Lock()
        self._changed = threading.Condition()
        # By the source's number; one that has ended stays until it has been emptied.
        self._made: dict[int, deque[tuple[Source, Made]]] = {}
        self._ended: set[int] = set()
        self._begun, self._taking, self._held, self._weighs, self._working = 0, 0, 0, 0, threads
        self._error: BaseException | None = None
        self._is_closed = False
        self._threads = [threading.Thread(target=self._work, name="skinlens-read", daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Ahead[Source, Content, Made]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[Source, Made]]:
        """Yield each source with what was made of it, as often as something was.

        Raises:
            BaseException: Whatever the iterator of sources, `read` or `make` raised, in its place.
        """
        if not self._threads:
            for source in self._sources:
                for made in self._make(source, self._read(source)):
                    yield source, made
            return
        while (taken := self._take()) is not None:
            yield taken

    def close(self) -> None:
        """End the threads; returns when none of them works any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _take(self) -> tuple[Source, Made] | None:
        with self._changed:
            while True:
                made = self._made.get(self._taking)
                if made:
                    taken = made.popleft()
                    self._held -= 1
                    self._weighs -= self._weight(taken[1])
                    self._changed.notify_all()
                    return taken
                if self._taking in self._ended:
                    self._ended.discard(self._taking)
                    self._made.pop(self._taking, None)
                    self._taking += 1
                    self._changed.notify_all()
                elif self._working == 0:
                    if self._error is not None:
                        raise self._error
                    return None
                else:
                    self._changed.wait()

    def _work(self) -> None:
        try:
            while (begun := self._begin()) is not None:
                number, source, content = begun
                for made in self._make(source, content):
                    if not self._keep(number, source, made):
                        return
                with self._changed:
                    self._ended.add(number)
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - raised again where the images are taken
            with self._changed:
                self._error = self._error or error
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def _begin(self) -> tuple[int, Source, Content] | None:
        """Take the next source and its bytes; None if there is none, or nothing more is wanted."""
        with self._reading:
            with self._changed:
                self._changed.wait_for(lambda: self._is_over or self._has_room)
                if self._is_over:
                    return None
            try:
                source = next(self._sources)
            except StopIteration:
                return None
            with self._changed:
                number, self._begun = self._begun, self._begun + 1
                self._made[number] = deque()
            return number, source, self._read(source)

    def _keep(self, number: int, source: Source, made: Made) -> bool:
        """Wait for room, and keep something; False if nothing more is wanted."""
        with self._changed:
            # What is waited for is always let in, or the others, which wait for it, would hold its place.
            self._changed.wait_for(
                lambda: self._is_closed or self._has_room or (number == self._taking and not self._made[number])
            )
            if self._is_closed:
                return False
            self._made[number].append((source, made))
            self._held += 1
            self._weighs += self._weight(made)
            self._changed.notify_all()
            return True

    @property
    def _has_room(self) -> bool:
        return self._held < self._most and self._weighs < self._room

    @property
    def _is_over(self) -> bool:
        return self._is_closed or self._error is not None

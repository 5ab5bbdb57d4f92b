"""A progress bar for a person at a terminal; a file or another program gets none."""

from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")


def tracked(items: Iterable[Item], description: str, *, total: int | None = None) -> Iterator[Item]:
    """Pass items on, and show on standard error how many are done.

    Args:
        items: What is worked on.
        description: One word, such as "reading".
        total: How many there are; None asks the items, if they know.

    Examples:
        >>> list(tracked([1, 2], "counting"))
        [1, 2]
    """
    console = Console(stderr=True)
    known = len(items) if total is None and isinstance(items, Sized) else total
    yield from track(items, description, total=known, console=console, transient=True, disable=not console.is_terminal)

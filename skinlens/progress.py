"""A progress bar for a person at a terminal; a file or another program gets none."""

from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Item = TypeVar("Item")


def tracked(items: Iterable[Item], description: str, *, total: int | None = None, shown: bool = True) -> Iterator[Item]:
    """Pass items on, and show on standard error how many are done.

    Args:
        items: What is worked on.
        description: A word or two, such as "reading".
        total: How many there are; None asks the items, and shows the time that has passed where they do not know.
        shown: Whether to show anything: of several processes that work together, one does.

    Yields:
        The items, in their order.

    Examples:
        >>> list(tracked([1, 2], "counting"))
        [1, 2]
    """
    console = Console(stderr=True)
    known = len(items) if total is None and isinstance(items, Sized) else total
    time = TimeElapsedColumn() if known is None else TimeRemainingColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), time)
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as progress:
        yield from progress.track(items, total=known, description=description)

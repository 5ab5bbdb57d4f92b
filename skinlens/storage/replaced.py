"""Files that are replaced in one step, so that whoever reads them sees the old content or the new, never a part."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give a file beside another to write to; it takes the other's place once the block has ended without an error.

    Args:
        path: What is to be replaced, or made; its folder exists.

    Yields:
        The path to write to. Processes that write at the same time get one each; the last to end wins.

    Raises:
        OSError: If the written file cannot take the place; it is deleted, as after an error in the block.

    Example:
        >>> from tempfile import mkdtemp
        >>> file = Path(mkdtemp(), "count.txt")
        >>> with replaced(file) as unfinished:
        ...     _ = unfinished.write_text("3")
        >>> file.read_text()
        '3'
    """
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)

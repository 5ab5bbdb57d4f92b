"""Files in folders and archives that got no row: each named with its reason."""

import csv
from collections.abc import Sequence
from pathlib import Path

from skinlens.cli.say import say
from skinlens.errors import OutputError
from skinlens.imaging.sources import PassedOver
from skinlens.storage.spreadsheet import guarded

# A folder may hold thousands; a file takes them all.
_MOST_SAID = 20


def say_passed_over(files: Sequence[PassedOver], table: Path | None) -> None:
    """Name each file that was passed over: all of them in a table, the first ones at the terminal without.

    Args:
        files: In order.
        table: CSV with `path` and `reason`; None writes none.

    Raises:
        OutputError: If the table cannot be written.
    """
    if table is not None:
        try:
            table.parent.mkdir(parents=True, exist_ok=True)
            with table.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
                writer = csv.writer(stream)
                writer.writerow(("path", "reason"))
                writer.writerows((guarded(file.path, "path"), file.reason) for file in files)
        except OSError as error:
            raise OutputError(f"{table} cannot be written: {error}") from error
        return
    for file in files[:_MOST_SAID]:
        say(f"passed over {file.path}: {file.reason}")
    if len(files) > _MOST_SAID:
        say(f"{len(files) - _MOST_SAID} more were passed over; --passed-over FILE lists them all")

"""Which batch runs still hold results or copies of images that a person deletes elsewhere."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from skinlens.batch.errors import BatchError
from skinlens.batch.facts import read_facts
from skinlens.batch.store import BatchStore, run_lines
from skinlens.storage.csv_file import CsvFileError

# The folder of all runs in the data folder.
RUNS = "batches"


@dataclass(frozen=True)
class Holding:
    """A run that holds something.

    Attributes:
        title: Of the run.
        created: When it began.
        images: How many of the images it has results of.
        named: Whether its case facts name the patient.
    """

    title: str
    created: datetime
    images: int
    named: bool


def runs_holding(root: Path, digests: Collection[str], *, pseudonym: str = "") -> tuple[tuple[Holding, ...], int]:
    """Return the runs that hold results of images, or case facts that name a patient.

    Args:
        root: Folder of all runs.
        digests: SHA-256 of the images.
        pseudonym: Of the patient; "" looks for images alone.

    Returns:
        The runs, the latest first, and how many runs could not be read.
    """
    lines, unreadable = run_lines(root)
    unread = len(unreadable)
    holding = []
    for line in lines:
        try:
            store = BatchStore(root / line.id)
            try:
                images = sum(each.sha256 in digests for each in store.lines() if each.sha256)
                named = bool(pseudonym) and _names(store, pseudonym)
            finally:
                store.engine.dispose()
        except (BatchError, CsvFileError):
            unread += 1
            continue
        if images or named:
            holding.append(Holding(line.title, line.created, images, named))
    return tuple(sorted(holding, key=lambda each: each.created, reverse=True)), unread


def _names(store: BatchStore, pseudonym: str) -> bool:
    file = store.facts_file()
    return file is not None and any(row.facts.case_id == pseudonym for row in read_facts(file.content, name=file.name))

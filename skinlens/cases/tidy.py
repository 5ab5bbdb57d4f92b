"""Deleting images that no case knows, left where SkinLens was ended between writing a file and saving its case."""

import hashlib
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.log import append_entry, take_turn
from skinlens.cases.pixels import PixelFolder
from skinlens.cases.schema import KeptPixels, LogHead
from skinlens.runtime.card import sha256_of
from skinlens.storage.database import writing
from skinlens.storage.errors import explained
from skinlens.translation import marked

# Stands in the log in place of a table; no row has it.
FILE = "image file"
_LONGEST_ID = 32


def tidy(engine: Engine, pixels: PixelFolder, *, actor: str, unmarked: bool) -> int:
    """Delete image files that no case knows, and write each into the log.

    An image that is just being saved is safe: its file is written by whoever has the writers' turn, and the turn ends
    when the case is saved. This waits for the turn, and keeps it while it looks.

    Args:
        engine: The database.
        pixels: The folder.
        actor: Who wants it.
        unmarked: Whether to delete files too that SkinLens did not mark before it was ended. Someone must know that no
            other database keeps its images in the folder.

    Returns:
        How many files were deleted.

    Raises:
        CaseStoreError: If it cannot be done; the next call finds what was not deleted.
    """
    if not pixels.marked() and not (unmarked and pixels.files()):
        return 0
    removed: list[Path] = []
    with explained(marked("Images without a case could not be deleted"), CaseStoreError):
        with writing(engine) as session:
            take_turn(session)
            # The row may have been replaced, by a restore, while this waited for it.
            session.get_one(LogHead, 1, with_for_update=True)
            known = set(session.scalars(select(KeptPixels.image_id)))
            strays = {path.stem for path in pixels.files()} - known if unmarked else set()
            for image_id in sorted(strays.union(pixels.marked())):
                kept = pixels.file(image_id) if image_id in known else None
                for path in pixels.leftovers(image_id):
                    if path == kept:
                        continue
                    append_entry(session, FILE, _row_id(image_id), sha256_of(path), "removed", actor)
                    # Only moved until the log has it: at every moment, another call can do the rest.
                    removed.append(pixels.set_aside(image_id, path))
                for mark in pixels.marks(image_id):
                    mark.unlink(missing_ok=True)
        for path in removed:
            path.unlink(missing_ok=True)
    return len(removed)


def strays(engine: Engine, pixels: PixelFolder) -> list[str]:
    """Names of files among the kept pixels that belong to no case and are not being saved, sorted.

    Raises:
        CaseStoreError: If the cases cannot be read.
    """
    # In this order: a file that is not marked any more has its row by now.
    names = {path.stem: path.name for path in pixels.files()}
    unfinished = set(pixels.marked())
    with explained(marked("The cases could not be read"), CaseStoreError), Session(engine) as session:
        known = set(session.scalars(select(KeptPixels.image_id)))
    return [name for image_id, name in names.items() if image_id not in known | unfinished]


def _row_id(image_id: str) -> str:
    """The image's id; of a file that SkinLens never wrote, a digest of its name, which may tell anything."""
    if len(image_id) <= _LONGEST_ID and image_id.isalnum():
        return image_id
    return hashlib.sha256(image_id.encode("utf-8", "surrogateescape")).hexdigest()[:_LONGEST_ID]

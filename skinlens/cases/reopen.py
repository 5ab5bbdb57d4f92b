"""A kept case as the app had it, ready for a summary."""

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.records import assessment_of, card_of, facts_of, image_of, readings_of, second_of
from skinlens.cases.schema import Assessment
from skinlens.cases.store import CaseStore
from skinlens.explain.heatmap import heatmap_of, record_overlay
from skinlens.imaging.image import LesionImage, Pixels
from skinlens.storage.errors import explained
from skinlens.translation import marked
from skinlens.triage.case import CaseRecord
from skinlens.triage.diameter import diameter_from
from skinlens.triage.field import as_assessed
from skinlens.triage.risk import meaning


class PixelsNotKeptError(CaseStoreError):
    """The image itself is needed, and its pixels are not kept."""


def reopen(store: CaseStore, row: Assessment, *, original: LesionImage | None = None) -> CaseRecord:
    """Everything that a case summary shows, as it was when the case was saved.

    Args:
        store: Where the case is kept.
        row: From `CaseStore.assessment`.
        original: The image, if the user has the file at hand; needed only where its pixels are not kept. Of a file
            with several, the one that `row.image.number` says.

    Raises:
        PixelsNotKeptError: If neither is to be had.
        CaseStoreError: If the file is another image, or the kept pixels cannot be read.
    """
    image = image_of(row, _pixels(store, row, original))
    assessment = assessment_of(row)
    overlay = record_overlay(image.pixels, heatmap_of(assessment.prediction, card_of(row)))
    known = None if row.prevalence is None else meaning(assessment, card_of(row), row.prevalence)
    return CaseRecord(
        image=image,
        overlay=overlay,
        assessment=assessment,
        facts=facts_of(row),
        created=row.created.astimezone(),
        meaning=known,
        comparison=second_of(row),
        readings=readings_of(row),
        diameter=diameter_from(row.diameter),
    )


def _pixels(store: CaseStore, row: Assessment, original: LesionImage | None) -> Pixels:
    if original is not None:
        if original.identity != row.image.sha256:
            raise CaseStoreError(marked("This file is not the image of the case: its SHA-256 differs."))
        return as_assessed(original, tuple(row.image.notes or ())).pixels
    with explained(marked("The kept pixels could not be read"), CaseStoreError):
        kept = store.pixels.read(row.image_id)
    if kept is None:
        raise PixelsNotKeptError(marked("The pixels of this image are not kept. Give the original file."))
    return kept

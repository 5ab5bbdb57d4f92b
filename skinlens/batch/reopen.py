"""An image of a run as a case: read again, with the result that was kept."""

import os
from datetime import datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath

from skinlens.batch.errors import BatchError
from skinlens.batch.facts import Facts
from skinlens.batch.schema import RunImage, SecondResult
from skinlens.explain.heatmap import heatmap_of, record_overlay
from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError, LesionImage
from skinlens.imaging.sources import Place
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.runtime.orientations import Stability
from skinlens.translation import marked, sentence
from skinlens.triage.case import CaseFacts, CaseRecord
from skinlens.triage.decision import Assessment, assess
from skinlens.triage.diameter import Diameter, diameter_from, diameter_of
from skinlens.triage.documents import admission_of, prediction_of
from skinlens.triage.field import as_assessed
from skinlens.triage.risk import meaning


def read_again(row: RunImage) -> bytes:
    """Return the bytes that were assessed.

    Raises:
        BatchError: If they are no longer there, or no longer the same.
    """
    if row.file is None:
        raise BatchError(row.sentence)
    try:
        content = Place(Path(os.fsdecode(row.file)), row.member).read()
    except ImageRejectedError as error:
        raise BatchError(sentence("The image can no longer be read: {error}", error=str(error))) from error
    if sha256(content).hexdigest() != row.sha256:
        raise BatchError(marked("The file has changed since it was assessed, so it is not shown. Score it again."))
    return content


def image_again(row: RunImage) -> LesionImage:
    """Return the image that was assessed; errors as for `read_again`."""
    try:
        decoded = decode(read_again(row), name=PurePosixPath(row.relative).name, frame=row.frame or 0)
    except ImageRejectedError as error:
        raise BatchError(str(error)) from error
    return as_assessed(decoded, tuple(row.notes or ()))


def assessment_again(row: RunImage | SecondResult, card: ModelCard, point: OperatingPoint) -> Assessment:
    """Return the assessment of an image at an operating point, from its kept prediction.

    Args:
        row: Of the image, or of the second model's result.
        card: Of the model whose result it is.
        point: Of the same model.
    """
    return assess(
        prediction_of(row, card),
        card,
        point,
        notes=tuple(row.notes or ()) if isinstance(row, RunImage) else (),
        stability=None if row.stability is None else Stability(tuple(row.stability)),
        admission=None if row.admission is None else admission_of(row.admission),
    )


def record_again(
    row: RunImage,
    card: ModelCard,
    point: OperatingPoint,
    facts: Facts,
    *,
    created: datetime,
    prevalence: float | None = None,
) -> CaseRecord:
    """A case with its image, as a summary shows it; errors as for `read_again`."""
    image = image_again(row)
    assessment = assessment_again(row, card, point)
    overlay = record_overlay(image.pixels, heatmap_of(assessment.prediction, card))
    known = None if prevalence is None else meaning(assessment, card, prevalence)
    return CaseRecord(
        image, overlay, assessment, case_facts(facts), created, known, diameter=_diameter_again(row, image, assessment)
    )


def _diameter_again(row: RunImage, image: LesionImage, assessment: Assessment) -> Diameter | None:
    """Return the diameter as it was kept; that of a run of an earlier version is measured now."""
    if assessment.decision == "rejected":
        return None
    return diameter_of(image) if row.diameter is None else diameter_from(row.diameter)


def case_facts(facts: Facts) -> CaseFacts:
    """Return what a case holds of the facts; without a name, the lesion is a new one of the patient's."""
    return CaseFacts(
        case_id=facts.case_id,
        age=facts.age,
        sex=facts.sex,
        site=facts.site,
        note=facts.note,
        lesion=facts.lesion,
        photographed=facts.date,
    )

"""The columns in which a run keeps what the pipeline made of an image."""

import io
from typing import Any

from PIL import Image

from skinlens.imaging.image import Pixels
from skinlens.imaging.preprocess import fitted
from skinlens.triage.decision import NO_RESULT_CODE, Assessment, has_result
from skinlens.triage.diameter import diameter_document, diameter_of
from skinlens.triage.documents import admission_document, prediction_columns
from skinlens.triage.pipeline import Assessed, Outcome, Unreadable
from skinlens.triage.wording import NO_RESULT

THUMBNAIL_SIDE = 128


def columns_of(number: int, outcome: Outcome) -> dict[str, Any]:
    """Return what is kept of an image, for `BatchStore.keep`.

    A run keeps scores rather than decisions: those follow the operating point that a reader chooses.

    Args:
        number: The image's place in the run.
        outcome: From the pipeline.
    """
    if isinstance(outcome, Unreadable):
        return _without_result(number, outcome.sha256, outcome.error.reason, str(outcome.error))
    image, assessment = outcome.image, outcome.assessment
    if not has_result(assessment.prediction.score, stability=assessment.stability):
        return _without_result(number, image.sha256, NO_RESULT_CODE, NO_RESULT)
    return {
        "number": number,
        "state": "judged",
        "sha256": image.sha256,
        "width": image.width,
        "height": image.height,
        "notes": list(image.notes),
        "thumbnail": thumbnail(image.pixels),
        "diameter": diameter_document(diameter_of(image)),
        **_assessment_columns(assessment),
    }


def second_columns_of(number: int, outcome: Assessed) -> dict[str, Any] | None:
    """Return what is kept of the second model's result, for `BatchStore.keep`; None if it gave no usable number."""
    assessment = outcome.assessment
    if not has_result(assessment.prediction.score, stability=assessment.stability):
        return None
    return {"number": number, **_assessment_columns(assessment)}


def _assessment_columns(assessment: Assessment) -> dict[str, Any]:
    return {
        "stability": None if assessment.stability is None else list(assessment.stability.scores),
        "admission": None if assessment.admission is None else admission_document(assessment.admission),
        **prediction_columns(assessment.prediction),
    }


def _without_result(number: int, sha256: str, reason: str, sentence: str) -> dict[str, Any]:
    return {"number": number, "state": "unreadable", "sha256": sha256, "reason": reason, "sentence": sentence}


def thumbnail(pixels: Pixels) -> bytes:
    """Return a small JPEG of an image, at most `THUMBNAIL_SIDE` wide and high."""
    stream = io.BytesIO()
    Image.fromarray(fitted(pixels, THUMBNAIL_SIDE)).save(stream, "JPEG", quality=80)
    return stream.getvalue()

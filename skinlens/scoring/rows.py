"""The row that a scored image gets, on the command line and in Parquet."""

from dataclasses import dataclass

from skinlens.imaging.image import ImageRejectedError
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.triage.decision import NO_RESULT_CODE, Assessment, assess
from skinlens.triage.pipeline import Judged

# Images that are scored together.
BATCH = 16


@dataclass(frozen=True)
class Row:
    """One line of the result; an empty string where a column does not apply."""

    path: str
    sha256: str
    probability: float | str
    decision: str
    threshold: float
    point: str
    reasons: str
    quality_failed: str
    stability: str
    width: int | str
    height: int | str
    model: str
    error: str


def assessed(judged: Judged, card: ModelCard, point: OperatingPoint) -> Assessment:
    """A judged image at an operating point."""
    return assess(
        judged.prediction,
        card,
        point,
        notes=judged.image.notes,
        stability=judged.stability,
        admission=judged.admission,
    )


def row_of(path: str, judged: Judged, assessment: Assessment, card: ModelCard) -> Row:
    """The row of an image that could be read; a refused one keeps its number, if it is one.

    Args:
        path: As shown in the row.
        judged: From `judging.judge`.
        assessment: From `assessed`.
        card: Of the model.
    """
    return Row(
        path=path,
        sha256=judged.image.sha256,
        probability=assessment.prediction.score if assessment.has_result else "",
        decision=assessment.decision,
        threshold=assessment.point.threshold,
        point=assessment.point.name,
        reasons=" ".join(assessment.reasons),
        quality_failed=";".join(check.name for check in judged.admission.quality.failed),
        stability=_stability(assessment),
        width=judged.image.width,
        height=judged.image.height,
        model=card.shown_name,
        error="" if assessment.has_result else NO_RESULT_CODE,
    )


def refusal_row(path: str, sha256: str, refusal: ImageRejectedError, card: ModelCard, point: OperatingPoint) -> Row:
    """The row of a file that could not be read; `sha256` is empty if there were no bytes."""
    return Row(
        path=path,
        sha256=sha256,
        probability="",
        decision="rejected",
        threshold=point.threshold,
        point=point.name,
        reasons=str(refusal),
        quality_failed="",
        stability="",
        width="",
        height="",
        model=card.shown_name,
        error=refusal.reason,
    )


def _stability(assessment: Assessment) -> str:
    """In how many of the views the verdict is the same, as in `7/8`."""
    found = assessment.stability
    return (
        ""
        if found is None or not assessment.has_result
        else f"{found.unchanged(assessment.point.threshold)}/{len(found.scores)}"
    )

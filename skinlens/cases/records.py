"""Cases as rows, and back."""

from typing import Any

from skinlens import __version__
from skinlens.cases.schema import Assessment as Row
from skinlens.imaging.image import LesionImage, Pixels
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.runtime.orientations import Stability
from skinlens.translation import gettext as _
from skinlens.translation import marked
from skinlens.triage.case import CaseFacts, CaseRecord, Reading
from skinlens.triage.checklists import checklists_document, checklists_of
from skinlens.triage.decision import Assessment
from skinlens.triage.diameter import diameter_document
from skinlens.triage.documents import admission_document, admission_of, prediction_columns, prediction_of
from skinlens.triage.second import Comparison, comparison_document, comparison_of
from skinlens.triage.sites import site_in_language

# Key of another model's decision in the document of the prediction.
_SECOND = "second"

SITE_UNKNOWN = marked("site not given")


def card_document(card: ModelCard) -> dict[str, Any]:
    """Return a card as JSON holds it."""
    return card.model_dump(mode="json")


def card_of(row: Row) -> ModelCard:
    """Return the card as it was when the image was assessed."""
    return ModelCard.model_validate(row.model.card)


def assessment_row(record: CaseRecord, *, image_id: str, model_id: str, actor: str) -> Row:
    """Return a row that holds all of an assessment but the image."""
    assessment, prediction = record.assessment, record.assessment.prediction
    columns = prediction_columns(prediction)
    if record.comparison is not None:
        columns["prediction"] |= {_SECOND: comparison_document(record.comparison)}
    return Row(
        image_id=image_id,
        model_id=model_id,
        created=record.created,
        actor=actor,
        software=__version__,
        decision=assessment.decision,
        score_name=assessment.score_name,
        **columns,
        point=assessment.point.model_dump(mode="json"),
        reasons=list(assessment.reasons),
        stability=None if assessment.stability is None else list(assessment.stability.scores),
        admission=None if assessment.admission is None else admission_document(assessment.admission),
        override=assessment.override,
        case_id=record.facts.case_id,
        age=record.facts.age,
        sex=record.facts.sex,
        site=record.facts.site,
        note=record.facts.note,
        photographed=record.facts.photographed or None,
        checklists=checklists_document(record.facts.checklists),
        diameter=diameter_document(record.diameter),
    )


def assessment_of(row: Row) -> Assessment:
    """Return the assessment of a row, with the reasons as they were given."""
    return Assessment(
        decision=row.decision,
        point=OperatingPoint.model_validate(row.point),
        reasons=tuple(row.reasons),
        score_name=row.score_name,
        prediction=prediction_of(row, card_of(row)),
        stability=None if row.stability is None else Stability(tuple(row.stability)),
        admission=None if row.admission is None else admission_of(row.admission),
        override=row.override,
    )


def second_of(row: Row) -> Comparison | None:
    """Return the comparison with another model; None for a case that has none."""
    document = row.prediction.get(_SECOND)
    return None if document is None else comparison_of(document)


def image_columns(image: LesionImage) -> dict[str, object]:
    """Return the columns of an image besides its lesion and its identity."""
    return {
        "name": image.name,
        "width": image.width,
        "height": image.height,
        "synthetic": image.synthetic,
        "notes": list(image.notes),
        "file_sha256": image.sha256 if image.frame else None,
        "frame": None if image.frames == 1 else image.frame + 1,
        "frames": None if image.frames == 1 else image.frames,
    }


def image_of(row: Row, pixels: Pixels) -> LesionImage:
    """Return the image, with pixels from wherever they were kept."""
    image = row.image
    return LesionImage(
        pixels=pixels,
        sha256=image.received_sha256,
        name=image.name,
        notes=tuple(image.notes),
        synthetic=image.synthetic,
        frames=image.frames or 1,
        frame=image.number,
    )


def facts_of(row: Row) -> CaseFacts:
    """Return what the user typed, with the name that the lesion has by now."""
    lesion = row.image.lesion
    return CaseFacts(
        case_id=row.case_id,
        age=row.age,
        sex=row.sex,
        site=row.site,
        note=row.note,
        # Of a case of an earlier version, the body site is all that there is.
        lesion="" if lesion.site is None else lesion.label,
        photographed=row.photographed or "",
        site_code=lesion.site_code or "",
        side=lesion.side or "",
        checklists=checklists_of(row.checklists),
    )


def readings_of(row: Row) -> tuple[Reading, ...]:
    """Return readers' assessments, the earliest first."""
    return tuple(
        Reading(review.verdict, review.note, review.reader or review.actor, review.created) for review in row.reviews
    )


def lesion_title(label: str, site: str | None) -> str:
    """Return a lesion as people call it, in the reader's language: its name with its body site.

    >>> lesion_title("L2", "Upper back, left"), lesion_title("L3", ""), lesion_title("left upper back", None)
    ('L2, Upper back, left', 'L3, site not given', 'left upper back')
    """
    return label if site is None else f"{label}, {site_in_language(site) if site else _(SITE_UNKNOWN)}"


def day_of(row: Row) -> str:
    """Return the day of the photograph as YYYY-MM-DD; of one whose day is not known, that of saving it."""
    return row.photographed or f"{row.created.astimezone():%Y-%m-%d}"

"""From a case as the app holds it to a row, and back."""

from typing import Any, Protocol

import numpy as np

from skinlens import __version__
from skinlens.cases.schema import Assessment as Row
from skinlens.imaging.image import LesionImage, Pixels
from skinlens.imaging.quality import Check, Quality
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.runtime.orientations import Stability
from skinlens.runtime.prediction import GateSummary, ModelId, Prediction
from skinlens.triage.admission import Admission
from skinlens.triage.case import CaseFacts, CaseRecord
from skinlens.triage.decision import Assessment


def card_document(card: ModelCard) -> dict[str, Any]:
    """A card as JSON holds it."""
    return card.model_dump(mode="json")


def card_of(row: Row) -> ModelCard:
    """The card as it was when the image was judged."""
    return ModelCard.model_validate(row.model.card)


def assessment_row(record: CaseRecord, *, image_id: str, model_id: str, actor: str) -> Row:
    """A row that holds all of an assessment but the image."""
    assessment, prediction = record.assessment, record.assessment.prediction
    return Row(
        image_id=image_id,
        model_id=model_id,
        created=record.created,
        actor=actor,
        software=__version__,
        decision=assessment.decision,
        score_name=assessment.score_name,
        **prediction_columns(prediction),
        point=assessment.point.model_dump(mode="json"),
        reasons=list(assessment.reasons),
        stability=None if assessment.stability is None else list(assessment.stability.scores),
        admission=None if assessment.admission is None else admission_document(assessment.admission),
        override=assessment.override,
        **vars(record.facts),
    )


def prediction_columns(prediction: Prediction) -> dict[str, Any]:
    """What a row holds of a prediction; the heatmap is drawn again from the signed map."""
    signed = np.ascontiguousarray(prediction.signed_map, "<f4")
    gate = prediction.gate
    return {
        "score": prediction.score,
        "prediction": {
            "logits": [float(value) for value in prediction.logits],
            "features": [round(float(value), 6) for value in prediction.features],
            "gate": None if gate is None else [gate.mean, gate.low, gate.high],
            "provider": prediction.provider,
            "milliseconds": prediction.milliseconds,
        },
        "signed_map": signed.tobytes(),
        "map_shape": list(signed.shape),
    }


class PredictionRow(Protocol):
    """Anything that holds what `prediction_columns` gives."""

    score: Any
    prediction: Any
    signed_map: Any
    map_shape: Any


def prediction_of(row: PredictionRow, card: ModelCard) -> Prediction:
    """What the model of a card said."""
    said = row.prediction
    signed = np.frombuffer(row.signed_map, "<f4").reshape(row.map_shape)
    return Prediction(
        logits=np.array(said["logits"], np.float32),
        score=row.score,
        signed_map=signed,
        features=np.array(said["features"], np.float32),
        gate=None if said["gate"] is None else GateSummary(*said["gate"]),
        model=ModelId(card.name, card.version, card.files["weights"].sha256),
        provider=said["provider"],
        milliseconds=said["milliseconds"],
    )


def assessment_of(row: Row) -> Assessment:
    """How it was judged, with the reasons as they were given."""
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


def image_columns(image: LesionImage) -> dict[str, object]:
    """What an image's row holds besides its lesion and its digest."""
    return {
        "name": image.name,
        "width": image.width,
        "height": image.height,
        "synthetic": image.synthetic,
        "notes": list(image.notes),
    }


def image_of(row: Row, pixels: Pixels) -> LesionImage:
    """The image, with pixels from wherever they were kept."""
    image = row.image
    return LesionImage(
        pixels=pixels, sha256=image.sha256, name=image.name, notes=tuple(image.notes), synthetic=image.synthetic
    )


def facts_of(row: Row) -> CaseFacts:
    """What the user typed."""
    return CaseFacts(row.case_id, row.age, row.sex, row.site, row.note)


def admission_document(admission: Admission) -> dict[str, Any]:
    """Whether an image may be judged, as JSON holds it."""
    return {
        "rejected": admission.rejected,
        "reasons": list(admission.reasons),
        "warnings": list(admission.warnings),
        "checks": [vars(check) for check in admission.quality.checks],
        "familiarity": admission.ood_score,
    }


def admission_of(document: dict[str, Any]) -> Admission:
    """The inverse of `admission_document`."""
    return Admission(
        rejected=document["rejected"],
        reasons=tuple(document["reasons"]),
        warnings=tuple(document["warnings"]),
        quality=Quality(tuple(Check(**check) for check in document["checks"])),
        ood_score=document["familiarity"],
    )

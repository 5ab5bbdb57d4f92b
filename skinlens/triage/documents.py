"""A prediction and an admission as rows and JSON hold them, and back: what case store and runs share."""

from typing import Any, Protocol

import numpy as np

from skinlens.imaging.quality import Check, Quality
from skinlens.runtime.card import ModelCard
from skinlens.runtime.prediction import GateSummary, ModelId, Prediction
from skinlens.runtime.predictor import evidence_heatmap
from skinlens.triage.admission import Admission


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
        heatmap=evidence_heatmap(signed, scale=card.heatmap.scale, size=card.preprocessing.size),
        signed_map=signed,
        features=np.array(said["features"], np.float32),
        gate=None if said["gate"] is None else GateSummary(*said["gate"]),
        model=ModelId(card.name, card.version, card.files["weights"].sha256),
        provider=said["provider"],
        milliseconds=said["milliseconds"],
    )


def admission_document(admission: Admission) -> dict[str, Any]:
    """Whether an image may be judged, as JSON holds it."""
    return {
        "rejected": admission.rejected,
        "reasons": list(admission.reasons),
        "warnings": list(admission.warnings),
        "checks": [vars(check) for check in admission.quality.checks],
        "familiarity": admission.familiarity,
    }


def admission_of(document: dict[str, Any]) -> Admission:
    """The inverse of `admission_document`."""
    return Admission(
        rejected=document["rejected"],
        reasons=tuple(document["reasons"]),
        warnings=tuple(document["warnings"]),
        quality=Quality(tuple(Check(**check) for check in document["checks"])),
        familiarity=document["familiarity"],
    )

"""A prediction and an admission as rows and JSON hold them, and back: what case store and runs share."""

from typing import Any, Protocol

import numpy as np

from skinlens.imaging.quality import Check, Quality
from skinlens.runtime.card import ModelCard
from skinlens.runtime.prediction import GateSummary, ModelId, Prediction
from skinlens.triage.admission import Admission


def prediction_columns(prediction: Prediction) -> dict[str, Any]:
    """Return the columns that keep a prediction; the heatmap is drawn again from the signed map."""
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
    """Any row with the columns of `prediction_columns`."""

    score: Any
    prediction: Any
    signed_map: Any
    map_shape: Any


def prediction_of(row: PredictionRow, card: ModelCard) -> Prediction:
    """Return the prediction that a row holds; `card` is that of its model."""
    kept = row.prediction
    signed = np.frombuffer(row.signed_map, "<f4").reshape(row.map_shape)
    return Prediction(
        logits=np.array(kept["logits"], np.float32),
        score=row.score,
        signed_map=signed,
        features=np.array(kept["features"], np.float32),
        gate=None if kept["gate"] is None else GateSummary(*kept["gate"]),
        model=ModelId(card.name, card.version, card.files["weights"].sha256),
        provider=kept["provider"],
        milliseconds=kept["milliseconds"],
    )


def admission_document(admission: Admission) -> dict[str, Any]:
    """Return whether an image may be assessed, as JSON holds it."""
    return {
        "rejected": admission.rejected,
        "reasons": list(admission.reasons),
        "warnings": list(admission.warnings),
        "checks": [vars(check) for check in admission.quality.checks],
        "familiarity": admission.ood_score,
    }


def admission_of(document: dict[str, Any]) -> Admission:
    """Return the inverse of `admission_document`."""
    return Admission(
        rejected=document["rejected"],
        reasons=tuple(document["reasons"]),
        warnings=tuple(document["warnings"]),
        quality=Quality(tuple(Check(**check) for check in document["checks"])),
        ood_score=document["familiarity"],
    )

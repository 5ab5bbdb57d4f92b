"""The row of an image in a table: CSV and JSON of `predict`, Parquet of `score`, the export of a batch run."""

from dataclasses import asdict, dataclass, fields
from types import NoneType, UnionType
from typing import get_args

from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.runtime.orientations import Stability
from skinlens.triage.decision import NO_RESULT_CODE
from skinlens.triage.diameter import Diameter, assessed_diameter
from skinlens.triage.pipeline import Assessed, Outcome
from skinlens.triage.risk import PRIMARY_CARE, Meaning, meaning


@dataclass(frozen=True)
class Row:
    """One image; the fields are the columns, in their order and with their types.

    A number that does not apply is None, a text "".

    Attributes:
        path: Opens from the current directory; `archive.zip!/member` inside an archive.
        sha256: Hex digest of the file's bytes; "" if they could not be read.
        probability: P(malignant) in [0, 1], unrounded; None if the file could not be read or has no result.
        decision: `refer`, `uncertain`, `low` or `rejected`.
        threshold: Of the operating point.
        point: Name of the operating point.
        reasons: Sentences, joined by spaces.
        quality_failed: Names of the quality checks that failed, joined by semicolons.
        stability: Orientations with the same decision, as in `7/8`; "" if they were not computed.
        width: In pixels.
        height: In pixels.
        model: Name of the model, marked if it was not released.
        error: Stable code of why there is no probability; "" if there is one.
        prevalence: Share of malignant lesions that the risk is for; None where there is no risk.
        risk: P(malignant) at that prevalence; None for a rejected image and for a model that is not calibrated.
        risk_low: Lower end of its 95 % interval.
        risk_high: Upper end of it.
        diameter_mm: Largest diameter of the lesion in millimetres, by an estimated outline; None without a scale, and
            for a rejected image.
        diameter_by: What the scale comes from, `pixel spacing`; "" without a diameter.
    """

    path: str
    sha256: str
    probability: float | None
    decision: str
    threshold: float
    point: str
    reasons: str
    quality_failed: str
    stability: str
    width: int | None
    height: int | None
    model: str
    error: str
    prevalence: float | None = None
    risk: float | None = None
    risk_low: float | None = None
    risk_high: float | None = None
    diameter_mm: float | None = None
    diameter_by: str = ""

    @classmethod
    def of(
        cls,
        path: str,
        outcome: Outcome,
        card: ModelCard,
        point: OperatingPoint,
        *,
        prevalence: float = PRIMARY_CARE,
    ) -> "Row":
        """Return the row of what the pipeline made of a file.

        Args:
            path: As shown in the row.
            outcome: From `Pipeline.stream`; that of a rejected image keeps its probability.
            card: Of the model.
            point: The pipeline's operating point.
            prevalence: Share of malignant lesions that the risk is for, in (0, 1).
        """
        if not isinstance(outcome, Assessed):
            return cls(
                path=path,
                sha256=outcome.sha256,
                probability=None,
                decision="rejected",
                threshold=point.threshold,
                point=point.name,
                reasons=str(outcome.error),
                quality_failed="",
                stability="",
                width=None,
                height=None,
                model=card.shown_name,
                error=outcome.error.reason,
            )
        image, assessment = outcome.image, outcome.assessment
        failed = () if assessment.admission is None else assessment.admission.quality.failed
        usable = assessment.has_result
        millimetres, source = diameter_cells(assessed_diameter(image, assessment.decision))
        return cls(
            path=path,
            sha256=image.sha256,
            probability=assessment.prediction.score if usable else None,
            decision=assessment.decision,
            threshold=assessment.point.threshold,
            point=assessment.point.name,
            reasons=" ".join(assessment.reasons),
            quality_failed=";".join(check.name for check in failed),
            stability=stability_cell(assessment.stability, assessment.point) if usable else "",
            width=image.width,
            height=image.height,
            model=card.shown_name,
            error="" if usable else NO_RESULT_CODE,
            **risk_cells(meaning(assessment, card, prevalence)),
            diameter_mm=millimetres,
            diameter_by=source,
        )

    def cells(self) -> dict[str, float | str | None]:
        """Return the values by column, in order."""
        return asdict(self)


def risk_cells(risk: Meaning | None) -> dict[str, float | None]:
    """Return the columns `prevalence`, `risk`, `risk_low` and `risk_high`; all None where there is no risk.

    Args:
        risk: From `triage.risk.meaning`.
    """
    known = None if risk is None else risk.risk
    if risk is None or known is None:
        return dict.fromkeys(("prevalence", "risk", "risk_low", "risk_high"))
    return {"prevalence": risk.prevalence, "risk": known.value, "risk_low": known.low, "risk_high": known.high}


def diameter_cells(diameter: Diameter | None) -> tuple[float | None, str]:
    """Return the values of the columns `diameter_mm` and `diameter_by`.

    Args:
        diameter: Of the lesion; None without a scale.
    """
    return (None, "") if diameter is None else (round(diameter.millimetres, 2), diameter.source)


def columns() -> dict[str, type]:
    """Return the columns in their order, with the type of their values: `str`, `float` or `int`.

    >>> list(columns())[:4], columns()["probability"]
    (['path', 'sha256', 'probability', 'decision'], <class 'float'>)
    """
    return {field.name: _without_none(field.type) for field in fields(Row)}


def stability_cell(stability: Stability | None, point: OperatingPoint) -> str:
    """Return in how many orientations the decision is the same, as in `7/8`; "" if they were not computed."""
    return "" if stability is None else f"{stability.unchanged(point.threshold)}/{len(stability.scores)}"


def _without_none(annotation: object) -> type:
    if isinstance(annotation, UnionType):
        (annotation,) = (each for each in get_args(annotation) if each is not NoneType)
    assert isinstance(annotation, type)  # noqa: S101 - the annotations are those above
    return annotation

"""A model card with and without calibration, and assessments under it, for tests of decisions and their words."""

from skinlens.imaging.preprocess import Preprocessing
from skinlens.metrics.measurement import Measurement
from skinlens.runtime.card import (
    Architecture,
    Calibration,
    HeatmapScale,
    MeasuredRates,
    ModelCard,
    ModelFile,
    OperatingPoint,
    RiskPoint,
    TrainingRecord,
    UncertainBand,
)
from skinlens.triage.decision import Assessment, assess
from tests.made_up_cases import prediction


def rates(population: str, sensitivity: float | None, specificity: float | None) -> MeasuredRates:
    return MeasuredRates(
        population=population,
        sensitivity=Measurement(value=sensitivity, n=72 if sensitivity is not None else 0),
        specificity=Measurement(value=specificity, n=335 if specificity is not None else 0),
    )


CALIBRATION = Calibration(temperature=1.4, prevalence=0.4, chosen_on="nothing", error_before=0.1, error_after=0.02)
CURVE = (
    RiskPoint(score=0.02, rate=Measurement(value=0.03, low=0.01, high=0.06, n=300)),
    RiskPoint(score=0.25, rate=Measurement(value=0.2, low=0.15, high=0.3, n=200)),
    RiskPoint(score=0.5, rate=Measurement(value=0.55, low=0.4, high=0.6, n=80)),
    RiskPoint(score=0.95, rate=Measurement(value=0.9, low=0.8, high=0.97, n=40)),
)
BAND = UncertainBand(low=0.2, high=0.35, error=Measurement(value=0.06, n=900), decided=Measurement(value=0.9, n=1000))


def made_card(*, calibrated: bool = False) -> ModelCard:
    file = ModelFile(file="made_up.safetensors", sha256="0" * 64, bytes=1)
    return ModelCard(
        name="made_up",
        title="Made up",
        version="1.0.0",
        architecture=Architecture(name="asff_resnet50", parameters=1),
        preprocessing=Preprocessing(),
        files={"weights": file},
        heatmap=HeatmapScale(scale=1.0, chosen_on="nothing"),
        calibrated=calibrated,
        calibration=CALIBRATION if calibrated else None,
        risk_curve=CURVE if calibrated else (),
        operating_points=(
            OperatingPoint(name="careful", threshold=0.1, chosen_on="nothing"),
            OperatingPoint(name="banded", threshold=0.25, chosen_on="nothing", band=BAND),
            OperatingPoint(
                name="balanced", threshold=0.25, chosen_on="nothing", measured=(rates("test, all", 0.93, 0.9),)
            ),
        ),
        default_point="balanced",
        training=TrainingRecord(data="none", images={}, recipe={}, command="", start="", seed=0, epochs=0, seconds=0.0),
        folds={},
        intended_use="Tests.",
        limits=(),
        licence="Apache-2.0",
    )


def assessed(score: float, *, calibrated: bool = False, notes: tuple[str, ...] = ()) -> Assessment:
    card = made_card(calibrated=calibrated)
    return assess(prediction(score), card, card.point(), notes=notes)

"""A model card, drawn images and case records that do not exist, for tests of what is made from them."""

from datetime import datetime, timedelta, timezone
from functools import cache

import numpy as np
import numpy.typing as npt

from skinlens.imaging.image import LesionImage, Pixels
from skinlens.imaging.preprocess import Preprocessing
from skinlens.metrics.measurement import Measurement
from skinlens.runtime.card import (
    Architecture,
    HeatmapScale,
    MeasuredRates,
    ModelCard,
    ModelFile,
    OperatingPoint,
    TrainingRecord,
)
from skinlens.runtime.prediction import GateSummary, ModelId, Prediction
from skinlens.triage.case import CaseFacts, CaseRecord
from skinlens.triage.decision import Assessment, assess

WEIGHTS_SHA256 = "a1" * 32
IMAGE_SHA256 = "5c" * 32
CREATED = datetime(2026, 3, 4, 15, 6, 7, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def _rates(population: str, sensitivity: float, specificity: float, malignant: int, benign: int) -> MeasuredRates:
    return MeasuredRates(
        population=population,
        sensitivity=Measurement(value=sensitivity, low=sensitivity - 0.071, high=sensitivity + 0.031, n=malignant),
        specificity=Measurement(value=specificity, low=specificity - 0.042, high=specificity + 0.038, n=benign),
    )


POINT = OperatingPoint(
    name="high_sensitivity",
    threshold=0.31,
    chosen_on="out-of-fold predictions on the training images: the highest threshold with sensitivity 0.95",
    measured=(
        _rates("clean-native", 0.917, 0.842, 72, 335),
        _rates("native", 0.925, 0.851, 144, 360),
        _rates("no-twins", 0.937, 0.848, 190, 335),
        _rates("all", 0.953, 0.856, 300, 360),
    ),
)
CARD = ModelCard(
    name="asff_resnet50",
    title="ASFF ResNet-50",
    version="1.2.3",
    architecture=Architecture(name="asff_resnet50", parameters=30_857_282),
    preprocessing=Preprocessing(),
    files={"weights": ModelFile(file="asff_resnet50.safetensors", sha256=WEIGHTS_SHA256, bytes=62_000_000)},
    heatmap=HeatmapScale(scale=2.5, chosen_on="99th percentile of out-of-fold maxima"),
    calibrated=False,
    operating_points=(POINT,),
    default_point=POINT.name,
    training=TrainingRecord(
        data="train", images={}, recipe={}, command="train", start="imagenet", seed=1, epochs=1, seconds=1.0
    ),
    folds={},
    intended_use="Research.",
    limits=(),
    licence="Apache-2.0",
)


def drawn_lesion(width: int, height: int) -> Pixels:
    """A brown blob on a skin-coloured gradient, without pure white anywhere."""
    return _drawn_lesion(width, height).copy()


@cache
def _drawn_lesion(width: int, height: int) -> Pixels:
    y, x = np.mgrid[0:height, 0:width]
    skin = np.stack([225 - 20 * x / width, 180 - 15 * y / height, 160 + 0 * x], axis=-1)
    blob = np.exp(-((((x - width / 2) / (0.22 * width)) ** 2 + ((y - height / 2) / (0.25 * height)) ** 2) ** 3))
    return np.asarray(skin + blob[..., None] * (np.array([80, 45, 35]) - skin), dtype=np.uint8)


def reddened(pixels: Pixels) -> Pixels:
    """The same image with its centre pulled towards red, as a heatmap would."""
    weight = _centre(*pixels.shape[:2])
    return np.asarray(pixels * (1 - 0.6 * weight) + np.array([220, 20, 20]) * 0.6 * weight, dtype=np.uint8)


@cache
def _centre(height: int, width: int) -> npt.NDArray[np.float64]:
    y, x = np.mgrid[0:height, 0:width]
    return np.asarray(np.exp(-(((x / width - 0.5) / 0.2) ** 2 + ((y / height - 0.5) / 0.2) ** 2))[..., None])


def lesion_image(width: int = 640, height: int = 480, **changes: object) -> LesionImage:
    values: dict[str, object] = {"pixels": drawn_lesion(width, height), "sha256": IMAGE_SHA256, "name": "IMG_0042.jpg"}
    return LesionImage(**{**values, **changes})  # type: ignore[arg-type]


def prediction(score: float) -> Prediction:
    return Prediction(
        logits=np.zeros(2, np.float32),
        score=score,
        signed_map=np.zeros((14, 14), np.float32),
        features=np.zeros(1024, np.float32),
        gate=GateSummary(0.5, 0.1, 0.9),
        model=ModelId("asff_resnet50", "1.2.3", WEIGHTS_SHA256),
        provider="CPUExecutionProvider",
        milliseconds=41.0,
    )


def build_record(
    *,
    score: float = 0.87,
    image: LesionImage | None = None,
    facts: CaseFacts | None = None,
    assessment: Assessment | None = None,
    created: datetime = CREATED,
) -> CaseRecord:
    shown = image or lesion_image()
    return CaseRecord(
        image=shown,
        overlay=reddened(shown.pixels),
        assessment=assessment or assess(prediction(score), CARD, POINT, notes=shown.notes),
        facts=facts or CaseFacts("P-2026-0117", "57", "female", "left shoulder", "Grew over six months."),
        created=created,
    )

"""The model card: everything SkinLens knows about a released model, in one JSON file beside its weights."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from skinlens.imaging.preprocess import Preprocessing

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class ModelFileError(RuntimeError):
    """A released model cannot be used: a file is missing, altered or not what its card says."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Frozen):
    """A measured figure with its interval; `value` is None where the figure is undefined.

    Attributes:
        value: Point estimate.
        low: Lower end of the 95 % interval.
        high: Upper end of the 95 % interval.
        n: Images the figure rests on (the malignant ones for a sensitivity, the benign ones for a specificity).
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int


OUT_OF_ORIGIN = "out of origin"
_POPULATIONS = {
    OUT_OF_ORIGIN: "unseen hospitals",
    "out of fold": "unseen lesions",
}


class MeasuredRates(_Frozen):
    """Sensitivity and specificity of one threshold on one set of images."""

    population: str
    sensitivity: Estimate
    specificity: Estimate

    @property
    def measured_on(self) -> str:
        """The population in a clinician's words."""
        if self.origin is not None:
            return f"{self.origin}, unseen"
        return _POPULATIONS.get(self.population, self.population)

    @property
    def origin(self) -> str | None:
        """The one hospital or archive that this is about; None for several, and for lesions of known ones."""
        beginning = f"{OUT_OF_ORIGIN} "
        return self.population.removeprefix(beginning) if self.population.startswith(beginning) else None


class UncertainBand(_Frozen):
    """Scores round a threshold that are too close to call.

    Attributes:
        low: Lowest uncertain score.
        high: Highest uncertain score.
        error: Share of wrong decisions outside the band, on images that the model had not trained on.
        decided: Share of those images outside the band.
    """

    low: Probability
    high: Probability
    error: Estimate
    decided: Estimate


class OperatingPoint(_Frozen):
    """A named threshold on P(malignant): at or above it an image is called worrying.

    Attributes:
        chosen_on: On which predictions, and by what rule, the threshold was chosen.
        measured: What the threshold does, per set of images, the one to believe first.
        band: None where no band was chosen.
    """

    name: str
    threshold: Probability
    chosen_on: str
    measured: tuple[MeasuredRates, ...] = ()
    band: UncertainBand | None = None

    @model_validator(mode="after")
    def _band_holds_threshold(self) -> "OperatingPoint":
        if self.band is not None and not self.band.low <= self.threshold <= self.band.high:
            raise ValueError("the band does not hold the threshold")
        return self


class Calibration(_Frozen):
    """How the network's logits become an estimate.

    Attributes:
        temperature: Divides the difference of the logits.
        offset: Is added to it then.
        prevalence: Share of malignant images where the estimate holds.
        chosen_on: On which predictions, and by what rule.
        error_before: Calibration error of the raw probability, out of fold.
        error_after: Of the estimate, scaled by what was fitted to the other folds or origins.
    """

    temperature: Annotated[float, Field(gt=0)]
    offset: float = 0.0
    prevalence: Annotated[float, Field(gt=0, lt=1)]
    chosen_on: str
    error_before: float
    error_after: float


def scaling_of(calibration: Calibration | None) -> tuple[float, float]:
    """Temperature and offset; 1 and 0 without calibration."""
    return (1.0, 0.0) if calibration is None else (calibration.temperature, calibration.offset)


class ScoreBin(_Frozen):
    """What came true among images with a score in [low, high), the last bin with its end; at the same prevalence."""

    low: Probability
    high: Probability
    rate: Estimate


class Architecture(_Frozen):
    """What has to be built to hold the weights."""

    name: str
    options: dict[str, str | bool | int] = {}
    classes: tuple[Literal["benign"], Literal["malignant"]] = ("benign", "malignant")
    parameters: int


class ModelFile(_Frozen):
    """A file beside the card, and the digest it must have."""

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    sha256: Sha256
    bytes: int


class HeatmapScale(_Frozen):
    """The value of the signed map, after ReLU, that is drawn as full evidence (1.0)."""

    scale: Annotated[float, Field(gt=0)]
    chosen_on: str


class FamiliarityRecord(_Frozen):
    """Where the statistics of familiar pictures lie, and from which value on a picture passes for dermoscopy.

    Attributes:
        statistics: A safetensors file, read by `runtime.familiarity`.
        threshold: A picture whose familiarity lies below it is not taken for dermoscopy.
        chosen_on: On which pictures, and by what rule, statistics and threshold were chosen.
    """

    statistics: ModelFile
    threshold: float
    chosen_on: str


class TrainingRecord(_Frozen):
    """How the weights came about."""

    data: str
    images: dict[str, int]
    recipe: dict[str, object]
    command: str
    start: str
    start_sha256: Sha256 | None = None
    seed: int
    epochs: int
    seconds: float
    software: dict[str, str] = {}


class ViewScores(_Frozen):
    """Every figure of one test view."""

    explanation: str
    n: int
    benign: int
    malignant: int
    metrics: dict[str, Estimate]


class EvaluationRecord(_Frozen):
    """Scores on one set of images; `views` are subsets that are always reported together."""

    data: str
    threshold: Probability
    interval: str
    views: dict[str, ViewScores]
    times_scored: str | None = None


class ModelCard(_Frozen):
    """The card. See the attributes of its parts; all text is written for the person who uses the model."""

    card_version: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: str
    version: str
    architecture: Architecture
    preprocessing: Preprocessing
    files: dict[Literal["graph", "weights"], ModelFile]
    heatmap: HeatmapScale
    familiarity: FamiliarityRecord | None = None
    calibrated: bool
    calibration: Calibration | None = None
    score_bins: tuple[ScoreBin, ...] = ()
    operating_points: tuple[OperatingPoint, ...]
    default_point: str
    training: TrainingRecord
    folds: dict[str, object]
    test: EvaluationRecord | None = None
    intended_use: str
    limits: tuple[str, ...]
    licence: str

    @model_validator(mode="after")
    def _agrees(self) -> "ModelCard":
        self.point(self.default_point)
        if self.calibrated != (self.calibration is not None):
            raise ValueError("calibrated says one thing and calibration another")
        return self

    @property
    def scaling(self) -> tuple[float, float]:
        """Temperature and offset of the difference of the logits; 1 and 0 for a model that is not calibrated."""
        return scaling_of(self.calibration)

    @property
    def every_file(self) -> dict[str, ModelFile]:
        """By what it is for: all that must lie beside the card."""
        every: dict[str, ModelFile] = {str(role): file for role, file in self.files.items()}
        if self.familiarity is not None:
            every["statistics"] = self.familiarity.statistics
        return every

    def score_bin(self, score: float) -> ScoreBin | None:
        """The bin that a score lies in; None if the card has no bins."""
        found = [each for each in self.score_bins if each.low <= score]
        return found[-1] if found else None

    def point(self, name: str | None = None) -> OperatingPoint:
        """The operating point of that name, or the default one.

        Raises:
            ValueError: If the card has no point of that name; the message lists those it has.
        """
        wanted = self.default_point if name is None else name
        for point in self.operating_points:
            if point.name == wanted:
                return point
        known = ", ".join(point.name for point in self.operating_points)
        raise ValueError(f"model {self.name} has no operating point {wanted!r}; it has: {known}")


def read_card(path: Path) -> ModelCard:
    """Read a card.

    Raises:
        ModelFileError: If the file is missing or is not a valid card.
    """
    try:
        return ModelCard.model_validate(json.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ModelFileError(f"There is no model card at {path}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise ModelFileError(f"The model card {path} cannot be read; restore it from the release.") from error


def write_card(card: ModelCard, path: Path) -> None:
    """Write a card as JSON that reads well in a diff."""
    path.write_text(card.model_dump_json(indent=1) + "\n", "utf-8")


def sha256_of(path: Path) -> str:
    """Hex SHA-256 digest of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verified_path(card: ModelCard, role: Literal["graph", "weights"], folder: Path) -> Path:
    """The path of one of the card's files, after comparing its digest; errors as for `verified_file`."""
    return verified_file(card, card.files[role], folder)


def verified_file(card: ModelCard, expected: ModelFile, folder: Path) -> Path:
    """The path of a file that a card names anywhere, after comparing its digest.

    Raises:
        ModelFileError: If the file is missing, cannot be read, or its SHA-256 is not the card's.
    """
    path = folder / expected.file
    if not path.is_file():
        raise ModelFileError(f"Model {card.name} is incomplete: {expected.file} is missing from {folder}.")
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise ModelFileError(f"{expected.file} cannot be read ({error.strerror}); check its permissions.") from error
    if digest != expected.sha256:
        raise ModelFileError(
            f"{expected.file} is not the file that the card of {card.name} describes (its SHA-256 differs). "
            "It may be damaged or altered; restore it from the release."
        )
    return path

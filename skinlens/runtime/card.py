"""The model card: everything SkinLens knows about a released model, in one JSON file beside its weights."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from skinlens.errors import SkinLensError
from skinlens.imaging.files import open_regular
from skinlens.imaging.preprocess import Preprocessing
from skinlens.metrics.datasets import dataset_title
from skinlens.metrics.measurement import Measurement, StoredNumbers
from skinlens.metrics.scaling import Scaling
from skinlens.runtime import strict_json
from skinlens.storage.replaced import replaced
from skinlens.translation import marked, sentence

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# Strict: `true` is no number, "0.5" is none, and neither NaN nor infinity is one.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Probability = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0.0, le=1.0)]
Count = Annotated[int, Field(strict=True, ge=0, le=10**12)]
Flag = Annotated[bool, Field(strict=True)]


class ModelFileError(SkinLensError):
    """A released model cannot be used: a file is missing, altered or not what its card says."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _counted(measurement: Measurement) -> Measurement:
    if measurement.n is None:
        raise ValueError("n, the number of images, is missing")
    return measurement


def _within_one(measurement: Measurement) -> Measurement:
    numbers = (measurement.value, measurement.low, measurement.high)
    if any(number is not None and not 0 <= number <= 1 for number in numbers):
        raise ValueError("a rate lies between 0 and 1")
    return measurement


# A measurement on a card always tells its number of images.
CardMeasurement = Annotated[StoredNumbers, AfterValidator(_counted)]
Rate = Annotated[CardMeasurement, AfterValidator(_within_one)]
OUT_OF_ORIGIN = "out of origin"
# The keys are in cards.
_POPULATIONS = {
    OUT_OF_ORIGIN: marked("held-out datasets, together"),
    "out of fold": marked("held-out lesions"),
    "test, all": marked("all test images"),
    "test, no-twins": marked("test images without duplicates"),
    "test, native": marked("test images without shortcut"),
    "test, clean-native": marked("test images without duplicates or shortcut"),
}


class MeasuredRates(_Frozen):
    """Sensitivity and specificity of one threshold on one set of images."""

    population: str
    sensitivity: Rate
    specificity: Rate

    @property
    def measured_on(self) -> str:
        """The population in a clinician's words; a dataset by its name."""
        if self.origin is not None:
            return dataset_title(self.origin)
        return _POPULATIONS.get(self.population, self.population)

    @property
    def origin(self) -> str | None:
        """The one dataset that this is about; None for several, and for lesions of known ones."""
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
    error: Rate
    decided: Rate

    def contains(self, score: float) -> bool:
        """Return whether a score is too close to call; a band without width contains nothing."""
        return self.low < self.high and self.low <= score <= self.high


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

    temperature: Annotated[Number, Field(ge=1e-3, le=1e3)]
    offset: Annotated[Number, Field(ge=-100, le=100)] = 0.0
    prevalence: Annotated[Number, Field(gt=0, lt=1)]
    chosen_on: str
    error_before: Probability
    error_after: Probability


def scaling_of(calibration: Calibration | None) -> Scaling:
    """Return temperature and offset; 1 and 0, which change nothing, without calibration."""
    return Scaling() if calibration is None else Scaling(calibration.temperature, calibration.offset)


class ScoreBin(_Frozen):
    """What came true among images with a score in [low, high); in cards of earlier versions, and shown no more."""

    low: Probability
    high: Probability
    rate: Rate


class RiskPoint(_Frozen):
    """The malignancy rate among held-out images with a score, at the prevalence of the calibration.

    Attributes:
        score: In (0, 1).
        rate: With its interval; `n` images have about this score. See `metrics.risk_curve`.
    """

    score: Annotated[Number, Field(gt=0, lt=1)]
    rate: Rate


class Architecture(_Frozen):
    """What has to be built to hold the weights."""

    name: str
    options: dict[str, str | Flag | int] = {}
    classes: tuple[Literal["benign"], Literal["malignant"]] = ("benign", "malignant")
    parameters: Count


FILE_ROLES: tuple[Literal["graph"], Literal["weights"]] = ("graph", "weights")


class ModelFile(_Frozen):
    """A file beside the card, and the digest it must have."""

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    sha256: Sha256
    bytes: Count


class HeatmapScale(_Frozen):
    """The value of the signed map, after ReLU, that is drawn as full evidence (1.0)."""

    scale: Annotated[Number, Field(ge=1e-9, le=1e9)]
    chosen_on: str


class OodRecord(_Frozen):
    """The file with a model's out-of-distribution statistics, and the lowest score of an image that is assessed.

    Attributes:
        statistics: A safetensors file, read by `runtime.ood`.
        threshold: An image whose out-of-distribution score is below it is not taken for dermoscopy.
        chosen_on: On which images, and by what rule, statistics and threshold were chosen.
    """

    statistics: ModelFile
    threshold: Annotated[Number, Field(ge=-1e4, le=1e4)]
    chosen_on: str


class SimilarRecord(_Frozen):
    """The index of training images by which similar cases are found.

    Attributes:
        index: A safetensors file, read by `explain.similar`.
        images: How many training images it lists.
        measured: How often a similar image had the same diagnosis, in words.
    """

    index: ModelFile
    images: Count
    measured: str


class TrainingRecord(_Frozen):
    """How the weights came about."""

    data: str
    images: dict[str, Count]
    recipe: dict[str, object]
    command: str
    start: str
    start_sha256: Sha256 | None = None
    seed: Count
    epochs: Count
    seconds: Annotated[Number, Field(ge=0, le=1e10)]
    software: dict[str, str] = {}


class ViewScores(_Frozen):
    """Every figure of one test view."""

    explanation: str
    n: Count
    benign: Count
    malignant: Count
    metrics: dict[str, CardMeasurement]


class EvaluationRecord(_Frozen):
    """Scores on one set of images; `views` are subsets that are always reported together."""

    data: str
    threshold: Probability
    interval: str
    views: dict[str, ViewScores]
    times_scored: str | None = None


class ModelCard(_Frozen):
    """The card. See the attributes of its parts; all text is written for the person who uses the model.

    Attributes:
        unverified: Whether the user took a card that was not released for their own. Never in a card's file, but in
            every result of the model that is kept.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    card_version: Annotated[int, Field(strict=True, ge=1, le=1)] = 1
    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: str
    version: str
    architecture: Architecture
    preprocessing: Preprocessing
    files: dict[Literal["graph", "weights"], ModelFile]
    heatmap: HeatmapScale
    # "familiarity" in the files of every version.
    ood: OodRecord | None = Field(default=None, alias="familiarity")
    similar: Annotated[SimilarRecord | None, Field(exclude_if=lambda similar: similar is None)] = None
    calibrated: Flag
    calibration: Calibration | None = None
    score_bins: tuple[ScoreBin, ...] = ()
    # Absent from cards of earlier versions and of models that are not calibrated.
    risk_curve: Annotated[tuple[RiskPoint, ...], Field(exclude_if=lambda curve: not curve)] = ()
    operating_points: tuple[OperatingPoint, ...]
    default_point: str
    training: TrainingRecord
    folds: dict[str, object]
    test: EvaluationRecord | None = None
    intended_use: str
    limits: tuple[str, ...]
    licence: str
    unverified: Annotated[Flag, Field(exclude_if=lambda unverified: not unverified)] = False

    @property
    def shown_name(self) -> str:
        """The name, with a mark if the card was not released."""
        return f"{self.name} (unverified)" if self.unverified else self.name

    @model_validator(mode="after")
    def _agrees(self) -> "ModelCard":
        self.point(self.default_point)
        names = [point.name for point in self.operating_points]
        if len(set(names)) < len(names):
            raise ValueError("two operating points have one name")
        lows = [each.low for each in self.score_bins]
        if lows != sorted(lows) or any(each.low > each.high for each in self.score_bins):
            raise ValueError("the score bins are not in order")
        if self.calibrated != (self.calibration is not None):
            raise ValueError("calibrated says one thing and calibration another")
        self._require_rising_curve()
        return self

    def _require_rising_curve(self) -> None:
        """Raise unless the risk rises with the score and lies in its own interval."""
        if self.risk_curve and self.calibration is None:
            raise ValueError("a risk curve needs a calibration")
        before = (0.0, 0.0, 0.0, 0.0)
        for point in self.risk_curve:
            low, value, high = point.rate.low, point.rate.value, point.rate.high
            if low is None or value is None or high is None or not low <= value <= high:
                raise ValueError("a rate of the risk curve is not inside its interval")
            now = (point.score, low, value, high)
            if point.score <= before[0] or any(new < old for new, old in zip(now, before, strict=True)):
                raise ValueError("the risk curve does not rise")
            before = now

    @property
    def scaling(self) -> Scaling:
        """Temperature and offset of the difference of the logits; 1 and 0 for a model that is not calibrated."""
        return scaling_of(self.calibration)

    @property
    def every_file(self) -> dict[str, ModelFile]:
        """By what it is for: all that must lie beside the card."""
        every: dict[str, ModelFile] = {str(role): file for role, file in self.files.items()}
        if self.ood is not None:
            every["statistics"] = self.ood.statistics
        if self.similar is not None:
            every["similar"] = self.similar.index
        return every

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
    """Read a card, whosever it is; `released.trusted_card` tells whether it was released.

    Raises:
        ModelFileError: If the file is missing or is not a valid card; the message names file and entry.
    """
    return parse_card(card_bytes(path), path)


def card_bytes(path: Path) -> bytes:
    """What lies in a card's file; a bit more than a card may have, if it is larger.

    Raises:
        ModelFileError: If there is none, or it cannot be read.
    """
    # Reading from anything but a file might never end.
    if not path.is_file():
        raise ModelFileError(sentence("There is no model card at {path}.", path=path))
    try:
        with open_regular(path) as stream:
            return stream.read(strict_json.MOST_BYTES + 1) or b""
    except OSError as error:
        raise ModelFileError(
            sentence(
                "The model card {path} cannot be read ({why}); check its permissions.", path=path, why=error.strerror
            )
        ) from error


def parse_card(content: bytes, path: Path) -> ModelCard:
    """The card in a file's bytes.

    Raises:
        ModelFileError: If it is no valid card; the message names the path and the entry.
    """
    try:
        card = ModelCard.model_validate(strict_json.parse(content))
    except strict_json.StrictJsonError as error:
        raise _unusable(path, str(error)) from error
    except ValidationError as error:
        raise _unusable(path, _first_of(error)) from error
    absent = [role for role in FILE_ROLES if role not in card.files]
    if absent:
        raise _unusable(path, f"files.{absent[0]} is missing")
    return card


def _unusable(path: Path, why: str) -> ModelFileError:
    return ModelFileError(
        sentence("The model card {path} cannot be used: {why}. Restore it from the release.", path=path, why=why)
    )


def _first_of(error: ValidationError) -> str:
    """The first entry at fault and what is wrong with it, and how many more there are."""
    first, *others = error.errors(include_url=False, include_input=False)
    entry = ".".join(str(part) for part in first["loc"]) or "the card"
    wrong = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    more = f" ({len(others)} more)" if others else ""
    return f"{entry}: {wrong[:1].lower()}{wrong[1:]}{more}"


def write_card(card: ModelCard, path: Path) -> None:
    """Write a card as JSON that reads well in a diff, replacing the file in one step.

    Raises:
        ModelFileError: If it could not be read again, such as one with a number that is none; then it is not written.
        OSError: If it cannot be written.
    """
    content = (card.model_dump_json(indent=1, exclude={"unverified"}) + "\n").encode()
    parse_card(content, path)
    with replaced(path) as unfinished:
        unfinished.write_bytes(content)


def sha256_of(path: Path) -> str:
    """Hex SHA-256 digest of a regular file, read in pieces; raises OSError if there is none."""
    with open_regular(path) as stream:
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
        raise ModelFileError(
            sentence(
                "Model {model} is incomplete: {file} is missing from {folder}.",
                model=card.name,
                file=expected.file,
                folder=folder,
            )
        )
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise ModelFileError(
            sentence("{file} cannot be read ({why}); check its permissions.", file=expected.file, why=error.strerror)
        ) from error
    if digest != expected.sha256:
        raise ModelFileError(
            sentence(
                "{file} is not the file that the card of {model} describes (its SHA-256 differs). "
                "It may be damaged or altered; restore it from the release.",
                file=expected.file,
                model=card.name,
            )
        )
    return path

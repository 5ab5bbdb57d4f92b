"""Evaluation records as typed documents: what `evaluate` and `subgroups` write and everything else reads.

`<model>[.seedN][.tta].<split>.json` holds an `EvaluationRecord`, `<model>.held_out.json` a `HeldOut`. Reading a shipped
file and writing it again gives the same bytes: keys that a file lacks stay out of it, and unknown keys are kept.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from skinlens.errors import SkinLensError
from skinlens.metrics.intervals import RESAMPLES
from skinlens.metrics.measurement import Measurement
from skinlens.metrics.report import Document, ViewResult

# Raised when the meaning of a key changes; a new key does not need it. Files without a version are version 1.
RECORD_VERSION = 1


class ResultError(SkinLensError, ValueError):
    """A file of the evaluation folder cannot be used; the message names it and the key or line at fault."""


class Training(Document):
    """How the weights were trained; what was not recorded is None.

    Attributes:
        start: The weights that training began from, in words.
        imagenet_start: Whether those had been trained on ImageNet.
        seconds: Wall time of the training.
        images: How many, by label.
    """

    start: str | None = None
    imagenet_start: bool | None = None
    epochs: int | None = None
    seconds: float | None = None
    images: dict[str, int] = Field(default_factory=dict)


class Corruption(Document):
    """Accuracy and ROC AUC under one corruption at one strength, from 1 to 5.

    Attributes:
        parameter: Of the corruption at that strength.
    """

    name: str
    strength: int
    parameter: Any = None
    n: int | None = None
    accuracy: Measurement
    roc_auc: Measurement


class CleanScores(Document):
    """Accuracy and ROC AUC of the untouched images."""

    accuracy: Measurement
    roc_auc: Measurement


class Robustness(Document):
    """Every corruption at every strength, and the images as they are.

    Attributes:
        clean: None if nothing was corrupted, as in a quick evaluation.
        corruptions: Likewise.
        reason: Why nothing was corrupted.
    """

    n: int | None = None
    clean: CleanScores | None = None
    corruptions: tuple[Corruption, ...] | None = None
    reason: str | None = None


class CentreDisc(Document):
    """ROC AUC by test view with the centre of every image painted over.

    Attributes:
        radius_share: Radius of the disc, as a share of the image's side.
        fill: The disc's colour, in words.
        views: With the disc.
        plain_views: The same images without it.
    """

    n: int | None = None
    radius_share: float | None = None
    fill: str | None = None
    views: dict[str, Measurement] = Field(default_factory=dict)
    plain_views: dict[str, Measurement] = Field(default_factory=dict)


class OutlineTest(Document):
    """ROC AUC with the lesion painted over; None where the test could not be run.

    Attributes:
        dilation_share: How far the painted area reaches beyond the outline, as a share of the image's side.
        plain_auc: Of the images as they are.
        painted_over_auc: With the lesion painted over.
        shape_alone_auc: Of the outline's shape.
        shape_learned_from: Number of training outlines behind that.
        reason: Why the test could not be run.
    """

    n: int | None = None
    dilation_share: float | None = None
    plain_auc: Measurement | None = None
    painted_over_auc: Measurement | None = None
    shape_alone_auc: Measurement | None = None
    shape_learned_from: int | None = None
    reason: str | None = None


class BackgroundTest(Document):
    """Lesions moved onto other backgrounds, `studies.shortcuts.measure_backgrounds`; None where it could not be run."""

    n: int | None = None
    dilation_share: float | None = None
    plain_auc: Measurement | None = None
    same_class_auc: Measurement | None = None
    swapped_auc: Measurement | None = None
    crossed_auc_by_lesion: Measurement | None = None
    crossed_auc_by_background: Measurement | None = None
    score_change_plain_to_same_class: Measurement | None = None
    score_change_plain_to_swapped: Measurement | None = None
    score_change_same_class_to_swapped: Measurement | None = None
    logit_change_plain_to_same_class: Measurement | None = None
    logit_change_plain_to_swapped: Measurement | None = None
    logit_change_same_class_to_swapped: Measurement | None = None
    logit_towards_background: Measurement | None = None
    verdict_is_backgrounds: Measurement | None = None
    flipped_by_background: Measurement | None = None
    flipped_by_moving: Measurement | None = None
    reason: str | None = None


class Shortcuts(Document):
    """The shortcut tests. Tests of later versions are kept, and `records.shortcut_measurements` lists them too."""

    centre_disc: CentreDisc | None = None
    outline: OutlineTest | None = None
    backgrounds: BackgroundTest | None = None

    @model_validator(mode="after")
    def _only_measurements(self) -> "Shortcuts":
        try:
            list(self.measurements())
        except ValidationError as error:
            raise ValueError(f"an entry is not a measurement: {error.errors()[0]['msg']}") from error
        return self

    def measurements(self) -> Iterator[tuple[tuple[str, ...], Measurement]]:
        """Iterate over every measurement with the keys that lead to it, those of unknown tests included."""
        yield from _measurements(self.model_dump(exclude_unset=True), ())


class Time(Document):
    """Time for one image, taken in turn with another model in one process.

    Attributes:
        milliseconds: Median.
        reference: Name of the other model.
        reference_milliseconds: Its median.
        relative: The first over the second.
        repeats: How often each was timed.
    """

    milliseconds: Annotated[float, Field(gt=0)]
    reference: str
    reference_milliseconds: Annotated[float, Field(gt=0)]
    relative: Annotated[float, Field(gt=0)]
    repeats: int | None = None


class Part(Document):
    """How often a model is right on the images of one label in one part.

    Attributes:
        column: The column that divides the images into parts.
        value: The part.
        right: Correct decisions on `n` images; None where the part has too few images.
        rate: `right / n` with Wilson's interval; likewise undefined.
    """

    column: str
    value: str
    label: Literal["benign", "malignant"]
    metric: Literal["sensitivity", "specificity"]
    right: int | None
    n: int
    rate: Measurement


class MissedMelanomas(Document):
    """Of `n` images known to be melanomas, the ids of those called benign."""

    n: int
    ids: tuple[str, ...]


class Subgroups(Document):
    """Sensitivity and specificity by subgroup; a subgroup of fewer than `fewest` images has no rates.

    Attributes:
        not_in_manifest: Columns that the manifest lacks.
    """

    fewest: int
    not_in_manifest: tuple[str, ...] = ()
    cells: tuple[Part, ...]
    missed_melanomas: MissedMelanomas


class _Record(Document):
    """A file of the evaluation folder."""

    record_version: Annotated[int, Field(ge=1, le=RECORD_VERSION)] = 1

    def write(self, path: Path) -> None:
        """Write the document as JSON that reads well in a diff.

        Raises:
            OSError: If it cannot be written.
        """
        path.write_text(self.to_json(), "utf-8")

    def stored(self) -> dict[str, Any]:
        """Return the keys of the file for `json.dumps`: every one that was given, in the order of the fields."""
        return self.model_dump(mode="json", exclude_unset=True)

    def to_json(self) -> str:
        """Return the content of the file."""
        return json.dumps(self.stored(), indent=1) + "\n"


class HeldOut(_Record):
    """One `<model>.held_out.json`: parts of the images that the runs of a model's choice held out.

    Attributes:
        held_out: Which folds or datasets, as in `origin ham, bcn`.
        n: Images.
        threshold: On the calibrated probability; an image is called malignant at or above it.
        data: Names of the manifests.
    """

    model: str | None = None
    held_out: str
    n: int
    threshold: Annotated[float, Field(ge=0, le=1)]
    data: tuple[str, ...] = ()
    subgroups: Subgroups


class EvaluationRecord(_Record):
    """One `<model>[.seedN][.tta].<split>.json`; keys that it may lack are None.

    Attributes:
        record_version: Of this format.
        tta: Whether the probabilities are means over eight orientations.
        version: Of the model.
        options: Of the network.
        bytes: Size of the weights file.
        unverified: Whether the model's card was not that of a release.
        provider: The engine that ran the network.
        data: Names of the manifests.
        point: Name of the operating point whose threshold was used.
        interval: How the intervals were made, in words.
        scored: When, in UTC.
        milliseconds_per_image: As the first records had it, instead of `time`.
        views: By name of the test view, `all` among them.
        subgroups: None in records from before it was measured, and with test-time augmentation; likewise the next two.
    """

    model: str
    tta: bool | None = None
    title: str | None = None
    version: str | None = None
    weights_sha256: str | None = None
    architecture: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    parameters: int | None = None
    bytes: int | None = None
    unverified: bool = False
    seed: int | None = None
    training: Training | None = None
    provider: str | None = None
    data: tuple[str, ...] = ()
    data_sha256: tuple[str, ...] = ()
    split: str | None = None
    threshold: Annotated[float, Field(ge=0, le=1)]
    point: str | None = None
    interval: str
    scored: str | None = None
    milliseconds_per_image: float | None = None
    time: Time | None = None
    views: dict[str, ViewResult]
    subgroups: Subgroups | None = None
    shortcuts: Shortcuts | None = None
    robustness: Robustness | None = None

    @model_validator(mode="after")
    def _has_all(self) -> "EvaluationRecord":
        if "all" not in self.views:
            raise ValueError("views lacks all")
        return self

    @property
    def resamples(self) -> int:
        """How many draws the intervals rest on."""
        stated = re.search(r"(\d+) resamples", self.interval)
        return int(stated[1]) if stated else RESAMPLES


_Kind = TypeVar("_Kind", bound=_Record)


def parse(kind: type[_Kind], content: bytes, name: str) -> _Kind:
    """Read a document from a file's bytes.

    Args:
        kind: `EvaluationRecord` or `HeldOut`.
        content: JSON in UTF-8.
        name: The file's, for messages.

    Raises:
        ResultError: If it is not JSON, a key is missing or wrong, or a later version wrote it.
    """
    try:
        document = json.loads(content.decode("utf-8"))
    # A number of many digits is a ValueError of its own.
    except (ValueError, RecursionError) as error:
        raise ResultError(f"{name} is not JSON: {error}") from error
    version = document.get("record_version", 1) if isinstance(document, Mapping) else 1
    if isinstance(version, int) and version > RECORD_VERSION:
        raise ResultError(f"{name} was written by a later SkinLens (record version {version}); update SkinLens")
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        raise ResultError(f"{name}, key {key}: {first['msg']}") from error


def _measurements(part: object, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Measurement]]:
    """Every mapping with a `value` in it."""
    if not isinstance(part, Mapping):
        return
    if "value" in part:
        yield keys, _Entry.model_validate({"entry": part}).entry
        return
    for key, inner in part.items():
        yield from _measurements(inner, (*keys, str(key)))


class _Entry(Document):
    entry: Measurement

"""The evaluation folder as typed records: what was measured for each model, and which file is wrong where."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from skinlens.errors import SkinLensError
from skinlens.leaderboard.submitted import match, read_predictions
from skinlens.metrics.classification import METRICS, Confusion, MetricName
from skinlens.metrics.intervals import RESAMPLES
from skinlens.metrics.report import evaluate_views
from skinlens.metrics.views import views_of
from skinlens.storage.csv_file import CsvFileError

Source = Literal["ours", "yours", "paper"]
NO_IMAGENET = "no ImageNet start"
WITH_TTA = "test-time augmentation"
UNVERIFIED = "unverified"
SUBMITTED = "Yours: "
_SUFFIX = ".test.json"
_SEED = re.compile(r"\.seed(\d+)(?=\.|$)")


class ResultError(SkinLensError, ValueError):
    """A file of the evaluation folder cannot be used; the message names it and the key or line at fault."""


class _Frozen(BaseModel):
    # Later versions write more keys; one that is not known here must not make the rest unreadable.
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


_Kind = TypeVar("_Kind", bound=_Frozen)


class Figure(_Frozen):
    """A measured figure; `value` is None where it is undefined, and both ends where it has no interval."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None


class ViewRecord(_Frozen):
    """Every figure of one test view."""

    explanation: str
    n: int
    benign: int
    malignant: int
    confusion: Confusion
    metrics: dict[MetricName, Figure]

    @model_validator(mode="after")
    def _complete(self) -> "ViewRecord":
        absent = [name for name in METRICS if name not in self.metrics]
        if absent:
            raise ValueError(f"metrics lacks {', '.join(absent)}")
        if self.confusion.n != self.n:
            raise ValueError(f"confusion counts {self.confusion.n} images, not n = {self.n}")
        return self


class Training(_Frozen):
    """How the weights came about; what was not recorded is None.

    Attributes:
        start: Which weights training began from, in words.
        imagenet_start: Whether those had been trained on ImageNet.
        seconds: Wall time of the training.
        images: How many, by label.
    """

    start: str | None = None
    imagenet_start: bool | None = None
    epochs: int | None = None
    seconds: float | None = None
    images: dict[str, int] = {}


class Corruption(_Frozen):
    """Accuracy and ROC AUC on images spoilt in one way at one strength, from 1 to 5."""

    name: str
    strength: int
    n: int | None = None
    accuracy: Figure
    roc_auc: Figure


class CleanScores(_Frozen):
    """The same two figures on the untouched images."""

    accuracy: Figure
    roc_auc: Figure


class Robustness(_Frozen):
    """Every corruption at every strength, and the images as they are."""

    clean: CleanScores
    corruptions: tuple[Corruption, ...]


class Time(_Frozen):
    """What one image costs, timed in turn with another model in one process.

    Attributes:
        milliseconds: Median.
        reference: Name of the other model.
        reference_milliseconds: Its median.
        relative: The first over the second.
    """

    milliseconds: Annotated[float, Field(gt=0)]
    reference: str
    reference_milliseconds: Annotated[float, Field(gt=0)]
    relative: Annotated[float, Field(gt=0)]


class Part(_Frozen):
    """How often a model is right on the images of one label in one part, as `subgroups.subgroup_record` wrote it.

    Attributes:
        column: What the part is made by.
        right: Of `n` images; None where they are too few to tell.
        rate: Likewise undefined.
    """

    column: str
    value: str
    label: Literal["benign", "malignant"]
    metric: Literal["sensitivity", "specificity"]
    right: int | None
    n: int
    rate: Figure


class Missed(_Frozen):
    """Of `n` melanomas that are known as such, those called benign."""

    n: int
    ids: tuple[str, ...]


class Subgroups(_Frozen):
    """Every part of the images, those with fewer than `fewest` withheld."""

    fewest: int
    cells: tuple[Part, ...]
    missed_melanomas: Missed


class HeldOut(_Frozen):
    """One `<model>.held_out.json`: the parts of what the runs of its choice held out.

    Attributes:
        held_out: Which folds or origins, as in `origin ham, bcn`.
        n: Images.
        threshold: On the estimate; an image is called malignant at or above it.
    """

    held_out: str
    n: int
    threshold: Annotated[float, Field(ge=0, le=1)]
    subgroups: Subgroups


class Record(_Frozen):
    """One `<model>[.seedN][.tta].test.json`; keys that it may lack are None.

    Attributes:
        interval: How the intervals were made, in words.
        bytes: Size of the weights file.
        unverified: Whether its card was not that of a release.
        shortcuts: The shortcut tests as written; `shortcut_figures` lists what they hold.
    """

    model: str
    threshold: Annotated[float, Field(ge=0, le=1)]
    interval: str
    views: dict[str, ViewRecord]
    title: str | None = None
    weights_sha256: str | None = None
    architecture: str | None = None
    seed: int | None = None
    tta: bool | None = None
    unverified: bool = False
    training: Training | None = None
    parameters: int | None = None
    bytes: int | None = None
    time: Time | None = None
    subgroups: Subgroups | None = None
    shortcuts: dict[str, Any] | None = None
    robustness: Robustness | None = None

    @field_validator("robustness", mode="before")
    @classmethod
    def _measured_at_all(cls, found: object) -> object:
        # A quick evaluation corrupts nothing and says so.
        return None if isinstance(found, Mapping) and found.get("clean") is None else found

    @model_validator(mode="after")
    def _has_all(self) -> "Record":
        if "all" not in self.views:
            raise ValueError("views lacks all")
        try:
            list(_figures(self.shortcuts))
        except ValidationError as error:
            raise ValueError(f"shortcuts holds a figure that is none: {error.errors()[0]['msg']}") from error
        return self

    @property
    def resamples(self) -> int:
        """How many draws the intervals rest on."""
        found = re.search(r"(\d+) resamples", self.interval)
        return int(found[1]) if found else RESAMPLES


@dataclass(frozen=True, eq=False)
class EvaluatedModel:
    """A model's predictions on the test images, and what was recorded about it.

    Attributes:
        name: Of its files without their ends, such as `resnet50.seed1.tta`; unique in a folder.
        title: As a reader should see it, without the marks that `label` adds.
        source: `ours`, or `yours` if a person submitted it.
        rows: As `submitted.read_predictions` gives them.
        threshold: An image is called malignant at or above it.
        digest: SHA-256 of all that it was read from.
        record: Its JSON; None for a submitted model.
        log: Its training curves, one row an epoch; None if it has none.
        held_out: Its parts on what the runs of its choice held out; None if nobody looked.
    """

    name: str
    title: str
    source: Source
    rows: pd.DataFrame
    threshold: float
    digest: str
    record: Record | None = None
    log: pd.DataFrame | None = None
    held_out: HeldOut | None = None

    @property
    def family(self) -> str:
        """The name without its seed: what the seeds of one model share."""
        return _SEED.sub("", self.name)

    @property
    def seed(self) -> int:
        """Of its training; 0 where none is given."""
        found = _SEED.search(self.name)
        if found:
            return int(found[1])
        return (self.record.seed if self.record else None) or 0

    @property
    def tta(self) -> bool:
        """Whether its probabilities are means over several views of each image."""
        return self.name.endswith(".tta") or bool(self.record and self.record.tta)

    @property
    def imagenet_start(self) -> bool | None:
        """Whether its training began from ImageNet weights; None if that was not recorded."""
        training = self.record.training if self.record else None
        return training.imagenet_start if training else None

    @property
    def label(self) -> str:
        """The title with what must stand wherever its number appears."""
        marks = [WITH_TTA] if self.tta else []
        marks += [NO_IMAGENET] if self.imagenet_start is False else []
        marks += [UNVERIFIED] if self.record and self.record.unverified else []
        return f"{self.title} ({', '.join(marks)})" if marks else self.title

    @cached_property
    def views(self) -> tuple[str, ...]:
        """The test views that its rows allow."""
        return tuple(views_of(self.rows))

    def seen_in(self, view: str) -> pd.DataFrame:
        """Its rows in one of `views`; none if they do not allow it."""
        found = views_of(self.rows).get(view)
        return self.rows[found.mask] if found else self.rows.iloc[:0]


@dataclass(frozen=True, eq=False)
class Results:
    """Everything that an evaluation folder holds.

    Attributes:
        models: Those that could be read, by family and seed.
        problems: A sentence for each that could not.
    """

    models: tuple[EvaluatedModel, ...]
    problems: tuple[str, ...]

    @property
    def shown(self) -> tuple[EvaluatedModel, ...]:
        """The first seed of every family: what the charts show."""
        return tuple(seeds[0] for seeds in self.by_family().values())

    def by_family(self) -> dict[str, tuple[EvaluatedModel, ...]]:
        """The seeds of each family, lowest first."""
        families: dict[str, tuple[EvaluatedModel, ...]] = {}
        for model in self.models:
            families[model.family] = (*families.get(model.family, ()), model)
        return families


def read_results(folder: Path) -> Results:
    """Read every model of a folder; a damaged file is a problem and stops no other.

    Args:
        folder: As `evaluate` fills it; one that does not exist holds nothing.
    """
    models, problems = [], []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            models.append(read_model(path))
        except ResultError as error:
            problems.append(str(error))
    ordered = sorted(models, key=lambda model: (model.family, model.seed))
    return Results(tuple(_told_apart(ordered)), tuple(problems))


def read_model(path: Path) -> EvaluatedModel:
    """Read `<name>.test.json`, the predictions beside it, and `<name>.log.csv` and `.held_out.json` where there is one.

    Raises:
        ResultError: If one cannot be read, a key is missing or wrong, or the two do not hold the same images.
    """
    name = path.name.removesuffix(_SUFFIX)
    contents = {file: _content(file) for file in (path, path.with_suffix(".csv"))}
    record = _validated(Record, contents[path], path)
    rows = _rows(contents[path.with_suffix(".csv")], path.with_suffix(".csv"))
    if len(rows) != record.views["all"].n:
        raise ResultError(
            f"{path.name}, key views.all.n: {record.views['all'].n} images, but {path.stem}.csv has {len(rows)}"
        )
    log_path = path.with_name(f"{name}.log.csv")
    held_out_path = path.with_name(f"{name}.held_out.json")
    contents |= {file: _content(file) for file in (log_path, held_out_path) if file.is_file()}
    held_out = contents.get(held_out_path)
    return EvaluatedModel(
        name=name,
        title=record.title or record.model,
        source="ours",
        rows=rows,
        threshold=record.threshold,
        digest=_digest(contents.values()),
        record=record,
        log=_log(log_path) if log_path in contents else None,
        held_out=None if held_out is None else _validated(HeldOut, held_out, held_out_path),
    )


def submitted_model(
    content: bytes, *, name: str, threshold: float, like: EvaluatedModel | None
) -> tuple[EvaluatedModel, str]:
    """A person's own predictions as a model, and how many images were matched, in words.

    Args:
        content: The CSV, as for `submitted.read_predictions`.
        name: What to call it.
        threshold: In [0, 1].
        like: A shipped model; its images are the ones that count, with its groups and flags. None takes the CSV's own.

    Raises:
        CsvFileError: If the CSV cannot be used; the message names the lines.
    """
    rows = read_predictions(content, name=name)
    said = f"{len(rows)} images were read; there are no evaluated images here to match them with."
    if like is not None:
        matched = match(rows, like.rows)
        rows = matched.rows.assign(probability=matched.rows["submitted"]).drop(columns="submitted")
        said = matched.sentence()
    digest = _digest([content, repr(threshold).encode(), (like.digest if like else "").encode()])
    return EvaluatedModel(f"yours/{name}", f"{SUBMITTED}{name}", "yours", rows, threshold, digest), said


def measured(model: EvaluatedModel, view: str, *, resamples: int = RESAMPLES) -> ViewRecord | None:
    """A model's figures on one view: as recorded, or worked out (seconds) for a submitted one; None without images."""
    if model.record is not None:
        return model.record.views.get(view)
    rows = model.seen_in(view)
    if rows.empty:
        return None
    plain = rows.drop(columns=["leaky", "foreign_jpeg"], errors="ignore")
    result = evaluate_views(plain, plain["probability"], model.threshold, resamples=resamples)["all"]
    return ViewRecord.model_validate(asdict(result))


def shortcut_figures(record: Record) -> pd.DataFrame:
    """Everything measured in a record's shortcut tests, flat.

    Returns:
        `test`, `figure` (the keys that lead to it), `view` (if one of them is a test
        view, else ""), `value`, `low`, `high`, `n`, and `plain_auc`: the ROC AUC on the untouched images of that view,
        None without a view.
    """
    rows = []
    for test, part in (record.shortcuts or {}).items():
        for keys, figure in _figures(part):
            view = next((key for key in keys if key in record.views), "")
            plain = record.views[view].metrics["roc_auc"].value if view else None
            named = " ".join(key.removesuffix("_views") for key in keys if key not in {view, "views"})
            rows.append({"test": test, "figure": named, "view": view, **figure.model_dump(), "plain_auc": plain})
    return pd.DataFrame(rows, columns=["test", "figure", "view", *Figure.model_fields, "plain_auc"])


def _figures(part: object, keys: tuple[str, ...] = ()) -> Iterable[tuple[tuple[str, ...], Figure]]:
    """Every mapping with a `value` in it, under the keys that lead to it."""
    if not isinstance(part, Mapping):
        return
    if "value" in part:
        yield keys, Figure.model_validate(part)
        return
    for key, inner in part.items():
        yield from _figures(inner, (*keys, str(key)))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ResultError(f"{path.name} is missing") from error
    except OSError as error:
        raise ResultError(f"{path.name} cannot be read: {error.strerror}") from error


def _validated(kind: type[_Kind], content: bytes, path: Path) -> _Kind:
    try:
        document = json.loads(content.decode("utf-8"))
    # A number of many digits is a ValueError of its own.
    except (ValueError, RecursionError) as error:
        raise ResultError(f"{path.name} is not JSON: {error}") from error
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        raise ResultError(f"{path.name}, key {key}: {first['msg']}") from error


def _rows(content: bytes, path: Path) -> pd.DataFrame:
    try:
        return read_predictions(content, name=path.name)
    except CsvFileError as error:
        raise ResultError(str(error)) from error


def _log(path: Path) -> pd.DataFrame:
    try:
        log = pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise ResultError(f"{path.name} is not a CSV: {error}") from error
    if "epoch" not in log.columns:
        raise ResultError(f"{path.name} lacks the column epoch")
    wrong = [column for column in log.columns if not pd.api.types.is_numeric_dtype(log[column])]
    if wrong:
        raise ResultError(f"{path.name}, column {wrong[0]}: not every value is a number")
    return log


def _digest(contents: Iterable[bytes]) -> str:
    """One digest of several contents; where one ends and the next begins matters."""
    parts = [hashlib.sha256(content).digest() for content in contents]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def _told_apart(models: list[EvaluatedModel]) -> list[EvaluatedModel]:
    """The models, with the family added to a label that another family has too."""
    families: dict[str, set[str]] = {}
    for model in models:
        families.setdefault(model.label, set()).add(model.family)
    return [
        replace(model, title=f"{model.title} [{model.family}]") if len(families[model.label]) > 1 else model
        for model in models
    ]

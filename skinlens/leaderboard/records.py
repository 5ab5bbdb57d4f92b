"""The evaluation folder: each model's predictions, record and log, and which file is damaged where."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import pandas as pd

from skinlens.leaderboard.documents import EvaluationRecord, HeldOut, ResultError, parse
from skinlens.leaderboard.submitted import match, predictions_sentence, read_predictions
from skinlens.metrics.intervals import RESAMPLES
from skinlens.metrics.report import ViewResult, evaluate_views
from skinlens.metrics.views import views_of
from skinlens.storage.csv_file import CsvFileError

Source = Literal["ours", "yours", "paper"]
NO_IMAGENET = "no ImageNet start"
WITH_TTA = "test-time augmentation"
UNVERIFIED = "unverified"
SUBMITTED = "Yours: "
_SUFFIX = ".test.json"
_SEED = re.compile(r"\.seed(\d+)(?=\.|$)")


@dataclass(frozen=True, eq=False)
class EvaluatedModel:
    """A model's predictions on the test images, and its record.

    Attributes:
        name: Of its files without their extensions, as in `resnet50.seed1.tta`; unique in a folder.
        title: As a reader should see it, without the marks that `label` adds.
        source: `ours`, or `yours` if a person submitted it.
        rows: As `submitted.read_predictions` gives them.
        threshold: An image is called malignant at or above it.
        digest: SHA-256 of every file that it was read from.
        record: Its JSON; None for a submitted model.
        log: Its training curves, one row an epoch; None if it has none.
        held_out: Its parts on the images that the runs of its choice held out; None if they were not measured.
    """

    name: str
    title: str
    source: Source
    rows: pd.DataFrame
    threshold: float
    digest: str
    record: EvaluationRecord | None = None
    log: pd.DataFrame | None = None
    held_out: HeldOut | None = None

    @property
    def family(self) -> str:
        """The name without its seed, which the seeds of one model share."""
        return _SEED.sub("", self.name)

    @property
    def seed(self) -> int:
        """Of its training; 0 where none is given."""
        seed = _SEED.search(self.name)
        if seed:
            return int(seed[1])
        return (self.record.seed if self.record else None) or 0

    @property
    def tta(self) -> bool:
        """Whether its probabilities are means over several orientations of each image."""
        return self.name.endswith(".tta") or bool(self.record and self.record.tta)

    @property
    def imagenet_start(self) -> bool | None:
        """Whether its training began from ImageNet weights; None if that was not recorded."""
        training = self.record.training if self.record else None
        return training.imagenet_start if training else None

    @property
    def label(self) -> str:
        """The title with the marks that must accompany its numbers."""
        marks = [WITH_TTA] if self.tta else []
        marks += [NO_IMAGENET] if self.imagenet_start is False else []
        marks += [UNVERIFIED] if self.record and self.record.unverified else []
        return f"{self.title} ({', '.join(marks)})" if marks else self.title

    @cached_property
    def views(self) -> tuple[str, ...]:
        """The test views that its rows allow."""
        return tuple(views_of(self.rows))

    def seen_in(self, view: str) -> pd.DataFrame:
        """Return its rows in a test view.

        Args:
            view: One of `views`; rows that do not allow it give an empty table.
        """
        chosen = views_of(self.rows).get(view)
        return self.rows[chosen.mask] if chosen else self.rows.iloc[:0]


@dataclass(frozen=True, eq=False)
class Results:
    """The content of an evaluation folder.

    Attributes:
        models: Those that could be read, by family and seed.
        problems: A sentence for each that could not.
    """

    models: tuple[EvaluatedModel, ...]
    problems: tuple[str, ...]

    @property
    def shown(self) -> tuple[EvaluatedModel, ...]:
        """The first seed of every family, which the charts show."""
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
    families: dict[str, set[str]] = {}
    for model in ordered:
        families.setdefault(model.label, set()).add(model.family)
    # A label that another family has too gets the family's name.
    distinct = [
        replace(model, title=f"{model.title} [{model.family}]") if len(families[model.label]) > 1 else model
        for model in ordered
    ]
    return Results(tuple(distinct), tuple(problems))


def read_model(path: Path) -> EvaluatedModel:
    """Read `<name>.test.json`, the predictions beside it, and `<name>.log.csv` and `.held_out.json` where there is one.

    Args:
        path: The JSON.

    Raises:
        ResultError: If one cannot be read, a key is missing or wrong, or the two do not hold the same images.
    """
    name = path.name.removesuffix(_SUFFIX)
    contents = {file: _content(file) for file in (path, path.with_suffix(".csv"))}
    record = parse(EvaluationRecord, contents[path], path.name)
    try:
        rows = read_predictions(contents[path.with_suffix(".csv")], name=path.with_suffix(".csv").name)
    except CsvFileError as error:
        raise ResultError(str(error)) from error
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
        held_out=None if held_out is None else parse(HeldOut, held_out, held_out_path.name),
    )


def submitted_model(
    content: bytes, *, name: str, threshold: float, like: EvaluatedModel | None
) -> tuple[EvaluatedModel, str]:
    """Return a person's predictions as a model, and a sentence on how many images were matched.

    Args:
        content: The CSV, as for `submitted.read_predictions`.
        name: What to call it.
        threshold: In [0, 1].
        like: A shipped model; its images are the ones that count, with its groups and flags. None takes the CSV's own.

    Raises:
        CsvFileError: If the CSV cannot be used; the message names the lines.
    """
    rows = read_predictions(content, name=name)
    sentence = f"{len(rows)} images were read; there are no evaluated images here to match them with."
    if like is not None:
        matched = match(rows, like.rows)
        rows = matched.rows.assign(probability=matched.rows["submitted"]).drop(columns="submitted")
        sentence = matched.sentence()
    sentence = " ".join(part for part in (sentence, predictions_sentence(content, name=name)) if part)
    digest = _digest([content, repr(threshold).encode(), (like.digest if like else "").encode()])
    return EvaluatedModel(f"yours/{name}", f"{SUBMITTED}{name}", "yours", rows, threshold, digest), sentence


def measured(model: EvaluatedModel, view: str, *, resamples: int = RESAMPLES) -> ViewResult | None:
    """Return a model's measurements on one view: as recorded, or computed (seconds) for a submitted model.

    Args:
        model: Shipped or submitted.
        view: A test view.
        resamples: Draws of the bootstrap, where it is computed.

    Returns:
        None if the model has no images in the view.
    """
    if model.record is not None:
        return model.record.views.get(view)
    rows = model.seen_in(view)
    if rows.empty:
        return None
    # Without the flags there is one view, so that nothing is computed twice.
    plain = rows.drop(columns=["leaky", "foreign_jpeg"], errors="ignore")
    return evaluate_views(plain, plain["probability"], model.threshold, resamples=resamples)["all"]


def shortcut_measurements(record: EvaluationRecord) -> pd.DataFrame:
    """List every measurement of a record's shortcut tests.

    Args:
        record: Tests of later versions in it are listed too.

    Returns:
        `test`, `figure` (the keys that lead to it), `view` (if one of them is a test view, else ""), `value`, `low`,
        `high`, `n`, and `plain_auc`: the ROC AUC on the untouched images of that view, None without a view.
    """
    rows = []
    for (test, *keys), measurement in record.shortcuts.measurements() if record.shortcuts else ():
        view = next((key for key in keys if key in record.views), "")
        plain = record.views[view].metrics["roc_auc"].value if view else None
        named = " ".join(key.removesuffix("_views") for key in keys if key not in {view, "views"})
        rows.append({"test": test, "figure": named, "view": view, **measurement.numbers(), "plain_auc": plain})
    return pd.DataFrame(rows, columns=["test", "figure", "view", "value", "low", "high", "n", "plain_auc"])


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ResultError(f"{path.name} is missing") from error
    except OSError as error:
        raise ResultError(f"{path.name} cannot be read: {error.strerror}") from error


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
    """Digest several contents; moving bytes from one to the next changes it."""
    parts = [hashlib.sha256(content).digest() for content in contents]
    return hashlib.sha256(b"".join(parts)).hexdigest()

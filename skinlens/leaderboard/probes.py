"""Linear probes on record: `<evaluation folder>/probe/<name>.json` with the predictions beside it."""

import hashlib
import io
import json
import operator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from skinlens.leaderboard.documents import ResultError
from skinlens.leaderboard.held_out import HeldOutMeasurements
from skinlens.storage.spreadsheet import unguarded_table

FOLDER = "probe"
VERSION = 1
PREDICTION_COLUMNS = ("path", "label", "group_id", "origin", "probability")


class _Frozen(BaseModel):
    # A later version may write more keys.
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class DatasetProbe(HeldOutMeasurements):
    """A probe's measurements on a source dataset whose images, and images of the same lesions, it was not fitted to.

    Attributes:
        origin: The dataset.
        strength: The chosen inverse regularisation, scikit-learn's `C`.
        fitted_to: Images that the probe was fitted to.
    """

    origin: str
    strength: float
    fitted_to: int


class FoldProbe(HeldOutMeasurements):
    """Likewise on a fold of the training images."""

    fold: int
    strength: float
    fitted_to: int


class StageSet(_Frozen):
    """ROC AUC by held-out dataset of a probe that reads some of the stages alone.

    Attributes:
        stages: Modules of the network whose averages are read.
        roc_auc: By origin.
        mean: Over the datasets.
        strengths: The chosen `C` by origin.
    """

    stages: tuple[str, ...]
    roc_auc: dict[str, float]
    mean: float
    strengths: dict[str, float]


class ProbeRecord(_Frozen):
    """One `<name>.json`.

    Attributes:
        version: Of this format.
        title: As a reader should see it.
        network: Name and options in the registry.
        preprocessing: How images were brought to the network's input.
        start: The pretrained weights, in words.
        start_sha256: Of their file; None for weights without one.
        stages: Modules whose averages over the image the probe reads.
        intercepts: Whether it was fitted with an intercept for each dataset.
        leave_out: Columns by which rows were left out.
        data: Names of the manifests.
        images: Training images that took part, by label.
        strengths: Candidates for `C`.
        interval: How the intervals were made.
        datasets: One entry a dataset that was held out.
        mean: Of their ROC AUC.
        folds: One entry a fold.
        stage_sets: The last stage alone, the last two and so on; the last entry is the probe itself.
        predictions: Name of the CSV with the predictions for held-out datasets, beside this file.
        predictions_sha256: Of that CSV.
        seconds: Wall time, by `features` (reading them, and computing those that were not cached) and `fitting`.
    """

    version: int
    name: str
    title: str
    network: dict[str, object]
    preprocessing: dict[str, object]
    start: str
    start_sha256: str | None
    stages: tuple[str, ...]
    # Left out where it says nothing new, so that records made before it stay as they are.
    intercepts: bool = Field(default=False, exclude_if=operator.not_)
    leave_out: tuple[str, ...]
    data: tuple[str, ...]
    images: dict[str, int]
    strengths: tuple[float, ...]
    interval: str
    datasets: tuple[DatasetProbe, ...]
    mean: float
    folds: tuple[FoldProbe, ...]
    stage_sets: tuple[StageSet, ...]
    predictions: str
    predictions_sha256: str
    seconds: dict[str, float]
    software: dict[str, str]

    @property
    def by_origin(self) -> dict[str, HeldOutMeasurements]:
        """Measurements by held-out dataset."""
        return {each.origin: each for each in self.datasets}


@dataclass(frozen=True)
class Probe:
    """A probe on record.

    Attributes:
        file: Its JSON.
        sha256: Of that file.
        record: What it holds.
    """

    file: Path
    sha256: str
    record: ProbeRecord

    def is_of(self, start: str, start_sha256: str | None) -> bool:
        """Whether a probe reads the given pretrained weights.

        Args:
            start: Their description.
            start_sha256: Of their file; weights without a file are identified by their description.
        """
        if start_sha256 is not None:
            return self.record.start_sha256 == start_sha256
        return self.record.start_sha256 is None and self.record.start == start

    def predictions(self) -> pd.DataFrame:
        """Read the predictions for held-out datasets, with `PREDICTION_COLUMNS`.

        Raises:
            ResultError: If the file is missing or damaged, or is not the one that the record was written with.
        """
        path = self.file.parent / self.record.predictions
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ResultError(f"the predictions of {self.file.name} cannot be read: {error}") from error
        if hashlib.sha256(content).hexdigest() != self.record.predictions_sha256:
            raise ResultError(f"{path.name} is not the file that {self.file.name} was written with")
        dtypes = {"path": str, "label": str, "group_id": str, "origin": str}
        return unguarded_table(pd.read_csv(io.BytesIO(content), dtype=dtypes))


def read_probes(evaluation: Path) -> tuple[Probe, ...]:
    """Read every probe of an evaluation folder.

    Args:
        evaluation: The folder; it may have no folder of probes.

    Returns:
        By name.

    Raises:
        ResultError: If a file is damaged or was written by a later version in a format of its own.
    """
    return tuple(read_probe(path) for path in sorted((evaluation / FOLDER).glob("*.json")))


def read_probe(path: Path) -> Probe:
    """Read one probe; its predictions are read when they are asked for.

    Args:
        path: Its JSON.

    Raises:
        ResultError: As for `read_probes`.
    """
    try:
        content = path.read_bytes()
        record = ProbeRecord.model_validate(json.loads(content.decode("utf-8")))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ResultError(f"{path.name} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        raise ResultError(f"{path.name}, key {key}: {first['msg']}") from error
    if record.version > VERSION:
        raise ResultError(f"{path.name} has version {record.version}; this program knows {VERSION}")
    return Probe(path, hashlib.sha256(content).hexdigest(), record)

"""Measurements on held-out datasets on record, `<evaluation folder>/held_out/<model>.json`: measuring takes seconds."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from skinlens.leaderboard.held_out import INTERVAL, HeldOutMeasurements
from skinlens.storage.results import write_results

FOLDER = "held_out"
_Datasets = dict[str, HeldOutMeasurements]


class _Kept(BaseModel):
    """One record.

    Attributes:
        version: Of this format.
        interval: How the intervals were made.
        predictions: SHA-256 of each file of predictions, by its path from the evaluation folder.
        datasets: Measurements by `origin`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    version: Literal[1] = 1
    interval: str
    predictions: dict[str, str]
    datasets: _Datasets


def kept_datasets(folder: Path, name: str, files: Sequence[str]) -> _Datasets | None:
    """Return a model's measurements from its record.

    Args:
        folder: The evaluation folder.
        name: Of the model.
        files: Its predictions, from `folder`.

    Returns:
        By `origin`; None if there is no record, or it was made from other predictions or in another way.

    Raises:
        OSError: If a file of predictions cannot be read.
    """
    try:
        record = _Kept.model_validate_json(_path(folder, name).read_bytes())
    except (OSError, ValidationError):
        return None
    same = record.interval == INTERVAL and record.predictions == _digests(folder, files)
    return record.datasets if same else None


def keep_datasets(folder: Path, name: str, files: Sequence[str], datasets: _Datasets) -> None:
    """Write a model's measurements into its record.

    Args:
        folder: The evaluation folder.
        name: Of the model.
        files: The predictions that were measured, from `folder`.
        datasets: By `origin`.

    Raises:
        OSError: If a file of predictions cannot be read.
        OutputError: If the record cannot be written.
    """
    record = _Kept(interval=INTERVAL, predictions=_digests(folder, files), datasets=datasets)
    write_results(folder / FOLDER, name, record)


def _path(folder: Path, name: str) -> Path:
    return folder / FOLDER / f"{name}.json"


def _digests(folder: Path, files: Sequence[str]) -> dict[str, str]:
    return {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files}

"""Training runs as `train` writes them, and read again with the rows that they held out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from skinlens.errors import UsageError
from skinlens.imaging.files import LARGEST_TABLE_FILE, read_regular
from skinlens.models.checkpoint import read_tensors, save_tensors
from skinlens.storage.spreadsheet import guarded_table, unguarded_table
from skinlens.training.recipe import Recipe

MODEL = "model.safetensors"
START = "start.safetensors"
LOG = "log.csv"
FOLD_SCORES = "fold.csv"
RUN = "run.json"


@dataclass(frozen=True, eq=False)
class HeldOutRun:
    """A run that held something out.

    Attributes:
        folder: Its folder.
        record: Its own description, from `run.json`.
        recipe: Its recipe.
        rows: The images that it held out, in its order, with every column of the manifests.
    """

    folder: Path
    record: Mapping[str, Any]
    recipe: Recipe
    rows: pd.DataFrame

    @property
    def held_out(self) -> str:
        """What it held out, as in `fold 0` or `origin bcn`."""
        fold, origin = self.record.get("fold"), self.record.get("origin")
        return f"origin {origin}" if fold is None else f"fold {fold}"

    def tensors(self) -> dict[str, Tensor]:
        """Read its trained network, again at each call: hundreds of megabytes.

        Raises:
            CheckpointError: If they cannot be read.
        """
        return read_tensors(self.folder / MODEL)[0]


def write_run(
    folder: Path, record: Mapping[str, Any], tensors: Mapping[str, Tensor], predictions: pd.DataFrame | None
) -> None:
    """Write the results of a run into its folder, which is made if need be.

    Args:
        folder: Of the run.
        record: Its description, for `run.json` and the header of its network.
        tensors: Of its trained network.
        predictions: For what it held out, a row an image; None if it held nothing out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if predictions is not None:
        guarded_table(predictions).to_csv(folder / FOLD_SCORES, index=False)
    (folder / RUN).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    # Last: a folder with a network is a complete run.
    save_tensors(folder / MODEL, tensors, record)


def read_record(run: Path) -> dict[str, Any]:
    """Read the description of a run that held out a fold or an origin.

    Args:
        run: Its folder.

    Returns:
        What `run.json` holds.

    Raises:
        UsageError: If the folder holds no complete run, or it held nothing out.
    """
    try:
        record: dict[str, Any] = json.loads(read_regular(run / RUN, largest=LARGEST_TABLE_FILE))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{run} holds no complete run: {error}") from error
    nothing = record.get("fold") is None and record.get("origin") is None
    if nothing or not (run / FOLD_SCORES).is_file():
        raise UsageError(f"{run} held out no fold and no origin, so nothing can be chosen or measured on it")
    return record


def read_run(run: Path, listed: pd.DataFrame) -> HeldOutRun:
    """Read a run that held out a fold or an origin.

    Args:
        run: Its folder.
        listed: From `read_manifests`, of the manifests that it was trained on.

    Raises:
        UsageError: If the folder holds no such run, or the manifests lack its images.
    """
    record = read_record(run)
    try:
        scores = unguarded_table(pd.read_csv(run / FOLD_SCORES))
    except (OSError, ValueError) as error:
        raise UsageError(f"the predictions of {run} cannot be read: {error}") from error
    rows = listed_rows(scores, listed, run)
    return HeldOutRun(run, record, Recipe.model_validate(record["recipe"]), rows)


def listed_rows(scores: pd.DataFrame, listed: pd.DataFrame, source: Path) -> pd.DataFrame:
    """Return the rows of manifests for images that were held out, in their order.

    Args:
        scores: N rows with a column `path`.
        listed: From `read_manifests`.
        source: Where the scores are from, for the message.

    Returns:
        N rows with every column of the manifests.

    Raises:
        UsageError: If the manifests lack an image.
    """
    rows = scores[["path"]].merge(listed, on="path", how="left", validate="one_to_one")
    if rows["file"].isna().any():
        raise UsageError(f"the manifests lack {int(rows['file'].isna().sum())} images held out by {source}")
    return rows

"""Finished runs as `train` leaves them, read again with the rows that they held out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from skinlens.cli.errors import UsageError
from skinlens.models.stored import read_tensors
from skinlens.training.loop import FOLD_SCORES, MODEL, RUN
from skinlens.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A run that held something out.

    Attributes:
        record: What it wrote about itself.
        recipe: Its recipe.
        tensors: Of the network that it kept.
        rows: What it held out, in its order, with everything that the manifests say of it.
    """

    record: Mapping[str, Any]
    recipe: Recipe
    tensors: Mapping[str, Tensor]
    rows: pd.DataFrame

    @property
    def held_out(self) -> str:
        """What it held out, as in `fold 0` or `origin bcn`."""
        fold, origin = self.record.get("fold"), self.record.get("origin")
        return f"origin {origin}" if fold is None else f"fold {fold}"


def read_finished(run: Path, listed: pd.DataFrame) -> FinishedRun:
    """Read a finished run that held out a fold or an origin.

    Args:
        run: Its folder.
        listed: From `read_manifests`, of the manifests that it was trained on.

    Raises:
        UsageError: If the folder holds no such run, or the manifests lack its images.
        CheckpointError: If its weights cannot be read.
    """
    try:
        record = json.loads((run / RUN).read_text("utf-8"))
        scores = pd.read_csv(run / FOLD_SCORES)
    except (OSError, ValueError) as error:
        raise UsageError(f"{run} holds no finished run that held something out: {error}") from error
    rows = scores[["path"]].merge(listed, on="path", how="left", validate="one_to_one")
    if rows["file"].isna().any():
        raise UsageError(f"the manifests lack {int(rows['file'].isna().sum())} images that {run} held out")
    tensors, _ = read_tensors(run / MODEL)
    return FinishedRun(record, Recipe.model_validate(record["recipe"]), tensors, rows)

"""The columns of a manifest as arrays: labels, groups and texts."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from skinlens.metrics.classification import Labels, require_rows

LABELS = ("benign", "malignant")


def labels_of(manifest: pd.DataFrame) -> Labels:
    """The column `label` as 1 for malignant and 0 for benign, `(N,)`.

    Raises:
        ValueError: If the column is missing, or a label is neither; the message names the rows.
    """
    require_columns(manifest, "label")
    require_rows(manifest["label"].isin(LABELS).to_numpy(dtype=np.bool_), "label must be benign or malignant")
    return manifest["label"].isin(("malignant",)).to_numpy().astype(np.int64)


def text_of(manifest: pd.DataFrame, column: str) -> npt.NDArray[np.object_]:
    """A text column as strings, `(N,)`; empty where it is blank or missing."""
    if column not in manifest.columns:
        return np.full(len(manifest), "", dtype=object)
    return np.array(["" if pd.isna(value) else str(value) for value in manifest[column]], dtype=object)


def groups_of(manifest: pd.DataFrame) -> Labels:
    """A number per group, `(N,)`; a row without `group_id` is a group of its own."""
    names = [(name, -1) if name else ("", row) for row, name in enumerate(text_of(manifest, "group_id"))]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.int64)


def require_columns(manifest: pd.DataFrame, *columns: str) -> None:
    """Insist that columns exist.

    Raises:
        ValueError: If one is missing; the message names it.
    """
    absent = [name for name in columns if name not in manifest.columns]
    if absent:
        raise ValueError(f"the manifest lacks the column(s) {', '.join(absent)}")

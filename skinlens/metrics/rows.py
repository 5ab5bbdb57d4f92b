"""The columns of a manifest as arrays (labels, groups and texts), and an even choice of rows."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from skinlens.metrics.classification import Labels, require_rows

LABELS = ("benign", "malignant")


def labels_of(manifest: pd.DataFrame) -> Labels:
    """Return the column `label` as numbers.

    Args:
        manifest: N rows.

    Returns:
        int64 `(N,)`, 1 for malignant and 0 for benign.

    Raises:
        ValueError: If the column is missing, or a label is neither; the message names the rows.
    """
    require_columns(manifest, "label")
    require_rows(manifest["label"].isin(LABELS).to_numpy(dtype=np.bool_), "label must be benign or malignant")
    return manifest["label"].isin(("malignant",)).to_numpy().astype(np.int64)


def text_of(manifest: pd.DataFrame, column: str) -> npt.NDArray[np.object_]:
    """Return a column as texts.

    Args:
        manifest: N rows.
        column: Its name; it may be missing.

    Returns:
        Strings, `(N,)`; empty where the column is blank or missing.
    """
    if column not in manifest.columns:
        return np.full(len(manifest), "", dtype=object)
    return np.array(["" if pd.isna(value) else str(value) for value in manifest[column]], dtype=object)


def groups_of(manifest: pd.DataFrame) -> Labels:
    """Return a number per group.

    Args:
        manifest: N rows, perhaps with `group_id`.

    Returns:
        int64 `(N,)`, equal for rows of a group, from 0 in the order in which groups first occur. A row without
        `group_id` forms its own group.
    """
    # A pair, so that no name can be taken for the number of a row.
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


def evenly_spread(labels: Labels, most: int) -> Labels:
    """Choose rows where all are too many: each label in its share, evenly spread over its rows.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        most: About how many to take; rounding and the rule of at least one a label can add one.

    Returns:
        The chosen rows, rising; all of them if N is not more than `most`.

    Raises:
        ValueError: If `most` is under 1.
    """
    if most < 1:
        raise ValueError(f"most must be at least 1, not {most}")
    if len(labels) <= most:
        return np.arange(len(labels))
    chosen = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = max(1, round(most * len(members) / len(labels)))
        chosen.append(members[np.linspace(0, len(members) - 1, count).round().astype(int)])
    return np.sort(np.concatenate(chosen))

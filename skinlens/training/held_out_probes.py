"""Linear probes with each source dataset, and each fold, held out in turn."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skinlens.training.features import Features
from skinlens.training.manifest import (
    FOLDS,
    ManifestError,
    dataset_numbers,
    origin_rows,
    training_rows,
    usable_rows,
)
from skinlens.training.probe import balanced, choose_probe

# Columns that mark rows which nothing is fitted to, where a manifest has them.
LEFT_OUT = ("twin_in_test",)
LEAST_ROWS = 100

# Rounded as they are kept, so that anybody can compute the figures again from the file.
_DIGITS = 7
_ROW = "feature_row"


@dataclass(frozen=True, eq=False)
class HeldOutPart:
    """Predictions for rows that a probe was not fitted to.

    Attributes:
        rows: What was held out, with `probability`.
        strength: The chosen inverse regularisation.
        fitted_to: Number of rows that the probe was fitted to.
    """

    rows: pd.DataFrame
    strength: float
    fitted_to: int


def probed_rows(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Select the training rows that take part.

    Args:
        rows: From `read_manifests`.

    Returns:
        Training rows without train-test duplicates and without datasets that have one label alone, and the columns by
        which rows were left out.

    Raises:
        ManifestError: If there is no column `origin`, a training row has none, or no training row is left.
    """
    columns = tuple(name for name in LEFT_OUT if name in rows)
    usable, _ = training_rows(usable_rows(rows, columns, paired_origins=True), None)
    return usable, columns


def held_out_origins(rows: pd.DataFrame, least: int = LEAST_ROWS) -> list[str]:
    """List the source datasets that are large enough to be held out, by name.

    Args:
        rows: From `probed_rows`, so that each dataset has both labels.
        least: Fewest rows.

    Returns:
        Sorted.

    Raises:
        ManifestError: If none is, or nothing is left to fit to.
    """
    counts = rows["origin"].astype(str).value_counts()
    origins = sorted(counts.index[counts >= least])
    if not origins:
        raise ManifestError(f"no source dataset has both labels and at least {least} training rows")
    if len(counts) == 1:
        raise ManifestError(f"all training rows are of {origins[0]}: with it held out there is nothing to fit to")
    return origins


def probe_origin(rows: pd.DataFrame, features: Features, origin: str, *, intercepts: bool = False) -> HeldOutPart:
    """Fit a probe to all datasets but one, without images of that one's lesions, and score that one.

    Args:
        rows: N rows from `probed_rows`.
        features: `(N, K)`.
        origin: The dataset that is held out.
        intercepts: Whether the probe has an intercept for each of the other datasets.

    Returns:
        The rows of that dataset with `probability`.

    Raises:
        ManifestError: If what is left does not allow a fit.
    """
    train, held = origin_rows(rows.assign(**{_ROW: np.arange(len(rows))}), [origin])
    return _probed(train, held, features, f"origin {origin}", intercepts=intercepts)


def probe_folds(
    rows: pd.DataFrame, features: Features, *, intercepts: bool = False
) -> Iterator[tuple[int, HeldOutPart]]:
    """Hold out each fold in turn; where no row has a fold, five are made.

    Args:
        rows: N rows from `probed_rows`.
        features: `(N, K)`.
        intercepts: Whether the probe has an intercept for each dataset.

    Yields:
        A fold's number, and its rows with `probability`.

    Raises:
        ManifestError: If what is left does not allow a fit.
    """
    numbered = rows.assign(**{_ROW: np.arange(len(rows))})
    known = sorted(int(fold) for fold in rows["fold"].unique() if fold >= 0)
    for fold in known or range(FOLDS):
        yield fold, _probed(*training_rows(numbered, fold), features, f"fold {fold}", intercepts=intercepts)


def _probed(train: pd.DataFrame, held: pd.DataFrame, features: Features, name: str, *, intercepts: bool) -> HeldOutPart:
    malignant = train["malignant"].to_numpy()
    if len(np.unique(malignant)) < 2:
        raise ManifestError(f"no probe can be fitted with {name} held out: the other rows do not have both labels")
    try:
        probe = choose_probe(
            features[train[_ROW]],
            malignant,
            train["group_id"],
            balanced(malignant),
            datasets=dataset_numbers(train) if intercepts else None,
        )
    except ValueError as error:
        raise ManifestError(f"no probe can be fitted with {name} held out: {error}") from error
    rounded = [float(f"{probability:.{_DIGITS}g}") for probability in probe.probability(features[held[_ROW]])]
    return HeldOutPart(held.drop(columns=_ROW).assign(probability=rounded), probe.strength, len(train))

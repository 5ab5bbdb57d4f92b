"""The floor of a choice: the linear probe of the pretrained weights that the candidate started from."""

import logging
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from skinlens.errors import UsageError
from skinlens.export.selection import NO_FLOOR, Floor
from skinlens.leaderboard.datasets import in_order
from skinlens.leaderboard.probes import Probe, read_probes
from skinlens.metrics.rows import labels_of

_LOG = logging.getLogger(__name__)


def require_floor(
    scores: pd.DataFrame, start: str, start_sha256: str | None, evaluation: Path
) -> Floor | Literal["none"]:
    """Insist that a candidate is no worse than the probe of its own pretrained weights on datasets neither has seen.

    The two are compared on the images that both have scored, by the mean of the datasets' ROC AUC. Where several probes
    of the weights are on record, the best one counts.

    Args:
        scores: The candidate's predictions for datasets that it held out, with `path`, `label`, `origin` and
            `probability`.
        start: The pretrained weights, in words.
        start_sha256: Of their file; None for weights without one.
        evaluation: The evaluation folder, in which probes are on record.

    Returns:
        The floor that was passed, or "none" where no probe of these weights has scored the same datasets.

    Raises:
        UsageError: If the candidate is below the floor, or the two disagree about a label.
        ResultError: If a probe on record is damaged.
    """
    compared = [_compared(scores, probe) for probe in read_probes(evaluation) if probe.is_of(start, start_sha256)]
    floors = [floor for floor in compared if floor is not None]
    if not floors:
        _LOG.info(
            "no linear probe of %s on these datasets is on record, so the choice has no floor; "
            "make one with `python -m skinlens probe`",
            start,
        )
        return NO_FLOOR
    floor = max(floors, key=lambda each: each.mean)
    means = f"mean ROC AUC {floor.candidate:.5f} over {', '.join(floor.datasets)}, linear probe {floor.mean:.5f}"
    if floor.candidate < floor.mean:
        raise UsageError(
            f"the candidate is worse than a linear probe of its own pretrained weights on datasets that neither has "
            f"seen ({means}; {floor.probe}) and cannot be chosen"
        )
    _LOG.info("above the floor: %s", means)
    return floor


def _compared(scores: pd.DataFrame, probe: Probe) -> Floor | None:
    """Both means on the datasets, and in them the images, that both have; None without such a dataset."""
    known = probe.predictions()[["path", "label", "origin", "probability"]]
    candidate = scores[["path", "label", "origin", "probability"]].astype({"origin": str})
    try:
        both = candidate.merge(known, on=["path", "origin"], suffixes=("", "_probe"), validate="one_to_one")
    except pd.errors.MergeError as error:
        raise UsageError(f"the candidate or {probe.file.name} has scored an image twice") from error
    disputed = both.loc[both["label"] != both["label_probe"], "path"]
    if len(disputed):
        raise UsageError(f"{probe.file.name} has another label for {disputed.iloc[0]}")
    paired = both.groupby("origin")["label"].transform("nunique") == 2
    both = both[paired]
    if both.empty:
        return None
    datasets = in_order(set(both["origin"]))
    return Floor(
        probe=f"{probe.file.parent.name}/{probe.file.name}",
        sha256=probe.sha256,
        datasets=tuple(datasets),
        n=len(both),
        mean=_mean_area(both, datasets, "probability_probe"),
        candidate=_mean_area(both, datasets, "probability"),
    )


def _mean_area(rows: pd.DataFrame, datasets: list[str], column: str) -> float:
    parts = [rows[rows["origin"] == dataset] for dataset in datasets]
    return round(float(np.mean([roc_auc_score(labels_of(part), part[column]) for part in parts])), 5)

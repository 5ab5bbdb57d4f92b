"""Interpolation between pretrained and fine-tuned weights: which share of the way should be released (WiSE-FT)?"""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from skinlens.errors import OutputError, UsageError
from skinlens.metrics.rows import evenly_spread, labels_of
from skinlens.models.checkpoint import read_tensors
from skinlens.models.normalise import Normalise
from skinlens.models.registry import build
from skinlens.storage.results import write_results
from skinlens.storage.spreadsheet import unguarded_table
from skinlens.training.dataset import DecodedRows
from skinlens.training.interpolation import interpolated
from skinlens.training.manifest import read_manifests
from skinlens.training.runs import FOLD_SCORES, LOG, START, HeldOutRun, read_run, write_run
from skinlens.training.scoring import score_rows

_LOG = logging.getLogger(__name__)

SHARES = tuple(round(0.1 * step, 1) for step in range(11))


def interpolate(
    runs: Sequence[Path], data: Sequence[Path], out: Path, *, images: int | None, apply: float | None
) -> None:
    """Score what runs held out with weights between their start and their end.

    Without `apply` the shares 0 to 1 are compared, and `interpolation.csv` in `out` lists the ROC AUC by held-out
    dataset. With it, each run is copied to `out` with the weights at that share, as a recipe with that `interpolation`
    leaves them.

    Args:
        runs: Folders of runs whose head began as a probe, so that they kept their first weights.
        data: The manifests that they were trained on.
        out: Folder of the table or of the new runs.
        images: Images of each held-out dataset, evenly spread over the labels; None for all.
        apply: The share to keep; None compares.

    Raises:
        UsageError: If a folder holds no such run or the manifests lack its images.
        OutputError: If a new run's folder exists already.
    """
    listed = read_manifests(data)
    tables = []
    for folder in runs:
        run = read_run(folder, listed)
        if not (folder / START).is_file():
            raise UsageError(f'{folder} kept no {START}: only runs whose recipe has head = "probe" do')
        start = read_tensors(folder / START)[0]
        if apply is not None:
            _keep_at(run, start, apply, out / folder.name)
        else:
            tables.append(_compared(run, start, images))
    if apply is None:
        table = pd.concat(tables, ignore_index=True)
        write_results(out, "interpolation", tables={"interpolation.csv": table})
        means = table.groupby("share")["roc_auc"].mean()
        best = float(means.index[int(means.argmax())])
        _LOG.info("%s", "; ".join(f"{share:g}: {value:.4f}" for share, value in means.items()))
        datasets = table["origin"].nunique()
        _LOG.info("the best share is %g, by the mean ROC AUC over %d held-out datasets", best, datasets)


def _compared(run: HeldOutRun, start: dict[str, Tensor], images: int | None) -> pd.DataFrame:
    rows = run.rows
    if images is not None:
        # Of each dataset as many, so that a large one does not take the others' place.
        by_dataset = [part for _, part in rows.groupby("origin")]
        places = [part.index.to_numpy()[evenly_spread(labels_of(part), min(images, len(part)))] for part in by_dataset]
        rows = rows.loc[np.sort(np.concatenate(places))].reset_index(drop=True)
    decoded = DecodedRows(rows)
    network, normalise = _network(run)
    trained = run.tensors()
    lines = []
    for share in SHARES:
        network.load_state_dict(interpolated(start, trained, share))
        logits = score_rows(network, normalise, decoded, run.recipe).probability
        for origin, part in rows.assign(score=logits).groupby("origin"):
            area = float(roc_auc_score(part["malignant"], part["score"]))
            lines.append({"origin": origin, "n": len(part), "share": share, "roc_auc": round(area, 5)})
        _LOG.info("%s: share %g scored on %d images", run.held_out, share, len(rows))
    return pd.DataFrame(lines)


def _keep_at(run: HeldOutRun, start: dict[str, Tensor], share: float, folder: Path) -> None:
    """Write a copy of a run with its weights at a share, scored again."""
    if folder.exists():
        raise OutputError(f"{folder} exists; name another --out")
    network, normalise = _network(run)
    network.load_state_dict(interpolated(start, run.tensors(), share))
    scores = score_rows(network, normalise, DecodedRows(run.rows), run.recipe)
    kept = unguarded_table(pd.read_csv(run.folder / FOLD_SCORES))
    kept = kept.assign(probability=scores.probability, heatmap_max=scores.heatmap_max)
    record = {**run.record, "recipe": {**run.record["recipe"], "interpolation": share}}
    write_run(folder, record, network.state_dict(), kept)
    shutil.copyfile(run.folder / LOG, folder / LOG)


def _network(run: HeldOutRun) -> tuple[nn.Module, Normalise]:
    network = build(run.recipe.network.name, run.recipe.network.options).to(memory_format=torch.channels_last)
    return network, Normalise(run.recipe.preprocessing.mean, run.recipe.preprocessing.std)

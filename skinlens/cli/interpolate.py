"""`skinlens interpolate`: how far from its start a fine-tuned network should be released."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from skinlens.cli.say import say
from skinlens.errors import OutputError, UsageError
from skinlens.metrics.rows import evenly_spread, labels_of
from skinlens.models.checkpoint import read_tensors, save_tensors
from skinlens.models.normalise import Normalise
from skinlens.models.registry import build
from skinlens.storage.spreadsheet import guarded_table, unguarded_table
from skinlens.training.dataset import DecodedRows
from skinlens.training.interpolation import interpolated
from skinlens.training.loop import FOLD_SCORES, LOG, MODEL, RUN, START, score_rows
from skinlens.training.manifest import read_manifests
from skinlens.training.runs import FinishedRun, read_finished

SHARES = tuple(round(0.1 * step, 1) for step in range(11))


def interpolate(
    runs: Sequence[Path], data: Sequence[Path], out: Path, *, images: int | None, apply: float | None
) -> None:
    """Score what runs held out with weights between their start and their end.

    Without `apply` the shares 0 to 1 are compared, and `interpolation.csv` in `out` lists the ROC AUC by held-out
    dataset. With it, each run gets a twin in `out` that keeps the weights at that share, as a recipe with that
    `interpolation` leaves them.

    Args:
        runs: Folders of finished runs whose head began as a probe, so that they kept their start.
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
        run = read_finished(folder, listed)
        if not (folder / START).is_file():
            raise UsageError(f'{folder} kept no {START}: only runs whose recipe has head = "probe" do')
        start = read_tensors(folder / START)[0]
        if apply is not None:
            _keep_at(run, start, apply, out / folder.name)
        else:
            tables.append(_compared(run, start, images))
    if apply is None:
        table = pd.concat(tables, ignore_index=True)
        out.mkdir(parents=True, exist_ok=True)
        guarded_table(table).to_csv(out / "interpolation.csv", index=False)
        means = table.groupby("share")["roc_auc"].mean()
        best = float(means.index[int(means.argmax())])
        say("; ".join(f"{share:g}: {value:.4f}" for share, value in means.items()))
        say(f"the best share is {best:g}, by the mean ROC AUC over {table['origin'].nunique()} held-out datasets")


def _compared(run: FinishedRun, start: dict[str, Tensor], images: int | None) -> pd.DataFrame:
    rows = _spread(run.rows, images)
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
        say(f"{run.held_out}: share {share:g} scored on {len(rows)} images")
    return pd.DataFrame(lines)


def _keep_at(run: FinishedRun, start: dict[str, Tensor], share: float, folder: Path) -> None:
    """Write a run's twin at a share, with its predictions made anew."""
    if folder.exists():
        raise OutputError(f"{folder} exists; name another --out")
    folder.mkdir(parents=True)
    network, normalise = _network(run)
    network.load_state_dict(interpolated(start, run.tensors(), share))
    scores = score_rows(network, normalise, DecodedRows(run.rows), run.recipe)
    kept = unguarded_table(pd.read_csv(run.folder / FOLD_SCORES))
    kept = kept.assign(probability=scores.probability, heatmap_max=scores.heatmap_max)
    guarded_table(kept).to_csv(folder / FOLD_SCORES, index=False)
    record = {**run.record, "recipe": {**run.record["recipe"], "interpolation": share}}
    (folder / RUN).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    save_tensors(folder / MODEL, network.state_dict(), record)
    shutil.copyfile(run.folder / LOG, folder / LOG)


def _network(run: FinishedRun) -> tuple[nn.Module, Normalise]:
    network = build(run.recipe.network.name, run.recipe.network.options).to(memory_format=torch.channels_last)
    return network, Normalise(run.recipe.preprocessing.mean, run.recipe.preprocessing.std)


def _spread(rows: pd.DataFrame, images: int | None) -> pd.DataFrame:
    if images is None:
        return rows
    places = [
        part.index.to_numpy()[evenly_spread(labels_of(part), min(images, len(part)))]
        for _, part in rows.groupby("origin")
    ]
    return rows.loc[np.sort(np.concatenate(places))].reset_index(drop=True)

"""`skinlens evaluate`: a released model on a manifest, in every test view, with intervals."""

import csv
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import Progress

from skinlens.cli.errors import OutputError
from skinlens.cli.say import say
from skinlens.cli.stress import Trial, format_stress, stress
from skinlens.evaluation.report import evaluate_views, format_views, to_json
from skinlens.evaluation.views import views_of
from skinlens.imaging.decode import decode
from skinlens.runtime.card import read_card, sha256_of
from skinlens.runtime.predictor import Predictor, load_predictor
from skinlens.training.manifest import ManifestError, read_manifests

RESAMPLES = 2000
QUICK_RESAMPLES = 200
INTERVAL = "95 %, bootstrap over group_id, percentile, {resamples} resamples; second: Wilson, and DeLong for ROC AUC"
_BATCH = 32
_KEPT_COLUMNS = ("group_id", "leaky", "foreign_jpeg", "dx")


def evaluate(model: str, data: Sequence[Path], split: str, out: Path, *, quick: bool) -> None:
    """Score a split and write `<model>.<split>.json` and `.csv`; no picture is ever refused by its content.

    Raises:
        ManifestError: If a manifest or a picture of it cannot be used, or the split is empty.
        ModelFileError: If the model is missing or altered.
        OutputError: If the results cannot be written.
    """
    predictor = _load(model)
    listed = read_manifests(data)
    rows = listed[listed["split"] == split].reset_index(drop=True)
    if rows.empty:
        raise ManifestError(f"the manifest has no rows with split {split}")
    try:
        views_of(rows)
    except ValueError as error:
        raise ManifestError(f"the rows with split {split} cannot be sorted into views: {error}") from error
    probabilities, milliseconds = _score(predictor, rows)
    point = predictor.card.point()
    resamples = QUICK_RESAMPLES if quick else RESAMPLES
    results = evaluate_views(rows, probabilities, point.threshold, resamples=resamples)
    trial = Trial(predictor, rows, np.array(probabilities), point.threshold, predictor.card.preprocessing, resamples)
    stressed = stress(trial, listed[listed["split"] == "train"], quick=quick)
    record = {
        "model": predictor.model.name,
        "version": predictor.model.version,
        "weights_sha256": predictor.model.sha256,
        "data": [path.name for path in data],
        "data_sha256": [sha256_of(path) for path in data],
        "split": split,
        "threshold": point.threshold,
        "point": point.name,
        "interval": INTERVAL.format(resamples=resamples),
        "scored": datetime.now(UTC).isoformat(timespec="seconds"),
        "provider": predictor.provider,
        "milliseconds_per_image": round(milliseconds, 2),
        "views": to_json(results),
        **stressed,
    }
    try:
        _write(record, rows.assign(probability=probabilities), out)
    except OSError as error:
        raise OutputError(f"the results cannot be written to {out}: {error}") from error
    sys.stdout.write(f"{format_views(results)}\n\n{format_stress(stressed)}\n")


def _load(model: str) -> Predictor:
    """A released model by name, or any other by the path of its card (or of a file beside it)."""
    path = Path(model)
    if path.suffix in {".json", ".onnx", ".safetensors"}:
        return Predictor(read_card(path.with_suffix(".json")), path.parent)
    return load_predictor(model)


def _score(predictor: Predictor, rows: pd.DataFrame) -> tuple[list[float], float]:
    """P(malignant) of every row, and the mean milliseconds of the model for one."""
    probabilities: list[float] = []
    total = 0.0
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("scoring", total=len(rows))
        for first in range(0, len(rows), _BATCH):
            images = [decode(Path(file)) for file in rows["file"].iloc[first : first + _BATCH]]
            for prediction in predictor.predict(images):
                probabilities.append(prediction.score)
                total += prediction.milliseconds
            progress.advance(task, len(images))
    return probabilities, total / len(rows)


def _write(record: dict[str, Any], rows: pd.DataFrame, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    stem = f"{record['model']}.{record['split']}"
    (out / f"{stem}.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    columns = ["path", "label", "probability", *(name for name in _KEPT_COLUMNS if name in rows)]
    rows[columns].to_csv(out / f"{stem}.csv", index=False)
    _log_scoring(record, len(rows), out / "scorings.csv")
    say(f"wrote {out / stem}.json and .csv")


def _log_scoring(record: dict[str, Any], images: int, path: Path) -> None:
    """One line for every time that a split was scored into this folder."""
    columns = ("scored", "model", "version", "weights_sha256", "split", "images")
    fresh = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        if fresh:
            writer.writeheader()
        writer.writerow({key: record.get(key, images) for key in columns})

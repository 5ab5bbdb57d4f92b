"""`skinlens evaluate`: a model on a manifest, in every test view, with intervals."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import Progress

from skinlens.cli.model_under_test import Subject, load_subject
from skinlens.cli.say import print_text, say
from skinlens.errors import OutputError
from skinlens.imaging.decode import decode
from skinlens.imaging.skin_tone import skin_tone
from skinlens.imaging.synthetic import draw_lesion
from skinlens.leaderboard.documents import RECORD_VERSION, EvaluationRecord, Time
from skinlens.metrics.classification import Floats
from skinlens.metrics.report import evaluate_views, format_views
from skinlens.metrics.views import views_of
from skinlens.runtime.card import ModelFileError, sha256_of
from skinlens.runtime.orientations import Scorer
from skinlens.runtime.prediction import is_probability
from skinlens.runtime.predictor import load_predictor
from skinlens.runtime.timing import REPEATS, timed_in_turn
from skinlens.storage.spreadsheet import guarded, guarded_table
from skinlens.studies.robustness import Trial, format_stress, stress
from skinlens.studies.subgroups import format_subgroups, subgroup_record, with_skin_tones
from skinlens.training.manifest import ManifestError, read_manifests

RESAMPLES = 2000
QUICK_RESAMPLES = 200
INTERVAL = "95 %, bootstrap over group_id, percentile, {resamples} resamples; second: Wilson, and DeLong for ROC AUC"
# What every model is timed in turn with, so that all ratios are to one model.
TIMED_AGAINST = "asff_resnet50_paper"
_BATCH = 32
_KEPT_COLUMNS = ("group_id", "leaky", "foreign_jpeg", "dx")


def evaluate(
    model: str,
    data: Sequence[Path],
    split: str,
    out: Path,
    *,
    quick: bool,
    tta: bool = False,
    selected: Path,
    unverified: bool = False,
) -> None:
    """Score a split and write `<model>[.seedN][.tta].<split>.json` and `.csv`; no image is refused by its content.

    Args:
        model: Name of a released model, path of its card, or path of a finished run's `model.safetensors`.
        data: Manifests.
        split: Which rows.
        out: Folder of the results.
        quick: Fewer bootstrap draws, shortcut tests on fewer images, and no corruptions.
        tta: Score the mean over eight orientations, in the views alone.
        selected: selected.json, which must hold the choice of a run that is not released.
        unverified: Take a card that was not released.

    Raises:
        ManifestError: If a manifest or an image of it cannot be used, or the split is empty.
        ModelFileError: If the model is missing or altered.
        CheckpointError: If a run's checkpoint cannot be used.
        SelectionError: If a run is not what the folds chose.
        OutputError: If the results cannot be written.
    """
    subject = load_subject(model, selected, tta=tta, unverified=unverified)
    listed = read_manifests(data)
    rows = _rows(listed, split)
    probabilities, tones = _score(subject.judge, rows)
    resamples = QUICK_RESAMPLES if quick else RESAMPLES
    results = evaluate_views(rows, probabilities, subject.threshold, resamples=resamples)
    trial = Trial(subject.judge, rows, probabilities, subject.threshold, subject.preprocessing, resamples)
    parts = subgroup_record(with_skin_tones(rows, tones), probabilities, subject.threshold)
    stressed = None if tta else stress(trial, listed[listed["split"] == "train"], quick=quick)
    # A key that was not measured stays out of the file.
    tests: dict[str, Any] = {"shortcuts": stressed.shortcuts, "robustness": stressed.robustness} if stressed else {}
    record = EvaluationRecord(
        record_version=RECORD_VERSION,
        model=subject.name,
        tta=subject.tta,
        **subject.described,
        data=tuple(path.name for path in data),
        data_sha256=tuple(sha256_of(path) for path in data),
        split=split,
        threshold=subject.threshold,
        point=subject.point,
        interval=INTERVAL.format(resamples=resamples),
        scored=datetime.now(UTC).isoformat(timespec="seconds"),
        time=_time(subject),
        views=results,
        subgroups=parts,
        **tests,
    )
    try:
        _write(subject, record, rows.assign(probability=probabilities), out)
    except OSError as error:
        raise OutputError(f"the results cannot be written to {out}: {error}") from error
    printed = [format_views(results), format_subgroups(parts), *([format_stress(stressed)] if stressed else [])]
    print_text("\n\n".join(printed))


def _rows(listed: pd.DataFrame, split: str) -> pd.DataFrame:
    rows = listed[listed["split"] == split].reset_index(drop=True)
    if rows.empty:
        raise ManifestError(f"the manifest has no rows with split {split}")
    try:
        views_of(rows)
    except ValueError as error:
        raise ManifestError(f"the rows with split {split} cannot be sorted into views: {error}") from error
    return rows


def _score(judge: Scorer, rows: pd.DataFrame) -> tuple[Floats, list[str]]:
    """P(malignant) of every row, `(N,)`, and the tone of the skin around each lesion, empty where there is none."""
    probabilities: list[float] = []
    tones: list[str] = []
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("scoring", total=len(rows))
        for first in range(0, len(rows), _BATCH):
            images = [decode(Path(file)) for file in rows["file"].iloc[first : first + _BATCH]]
            probabilities += [answer.score for answer in judge.predict(images)]
            _require_numbers(probabilities, rows)
            tones += [skin_tone(image.pixels).name or "" for image in images]
            progress.advance(task, len(images))
    return np.array(probabilities), tones


def _require_numbers(probabilities: Sequence[float], rows: pd.DataFrame) -> None:
    """Insist that every score so far is a number: a figure that leaves some out would be about other images."""
    for path, probability in zip(rows["path"], probabilities, strict=False):
        if not is_probability(probability):
            raise ModelFileError(f"The model gave no usable number for {path}, so nothing can be measured.")


def _time(subject: Subject) -> Time:
    """Median milliseconds for one image, in turn with one model: their ratio holds on a busy machine too."""
    image = [draw_lesion(0)]
    reference = load_predictor(TIMED_AGAINST)
    own, others = timed_in_turn(lambda: subject.judge.predict(image), lambda: reference.predict(image))
    return Time(
        milliseconds=round(own, 2),
        reference=reference.card.name,
        reference_milliseconds=round(others, 2),
        relative=round(own / others, 3),
        repeats=REPEATS,
    )


def _write(subject: Subject, record: EvaluationRecord, rows: pd.DataFrame, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    stem = f"{subject.stem}.{record.split}"
    record.write(out / f"{stem}.json")
    columns = ["path", "label", "probability", *(name for name in _KEPT_COLUMNS if name in rows)]
    guarded_table(rows[columns]).to_csv(out / f"{stem}.csv", index=False)
    if subject.log is not None:
        guarded_table(subject.log).to_csv(out / f"{subject.stem}.log.csv", index=False)
    _log_scoring(record.model_copy(update={"model": subject.stem}), len(rows), out / "scorings.csv")
    say(f"wrote {out / stem}.json and .csv")


def _log_scoring(record: EvaluationRecord, images: int, path: Path) -> None:
    """One line for every time that a split was scored into this folder."""
    columns = ("scored", "model", "version", "weights_sha256", "split", "images")
    fresh = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns)
        if fresh:
            writer.writeheader()
        writer.writerow({key: guarded(getattr(record, key, images)) for key in columns})

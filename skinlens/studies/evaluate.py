"""Evaluation of a model on a manifest, in every test view, with intervals."""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skinlens.errors import OutputError
from skinlens.imaging.decode import decode
from skinlens.imaging.skin_tone import skin_tone
from skinlens.imaging.synthetic import draw_lesion
from skinlens.leaderboard.documents import RECORD_VERSION, EvaluationRecord, Time
from skinlens.metrics.classification import Floats
from skinlens.metrics.report import evaluate_views, format_views
from skinlens.metrics.views import views_of
from skinlens.progress import tracked
from skinlens.runtime.card import ModelFileError, sha256_of
from skinlens.runtime.orientations import Scorer
from skinlens.runtime.prediction import is_probability
from skinlens.runtime.predictor import load_predictor
from skinlens.runtime.timing import REPEATS, timed_in_turn
from skinlens.storage.results import write_results
from skinlens.storage.spreadsheet import guarded
from skinlens.studies.model_under_test import ModelUnderTest, load_model_under_test
from skinlens.studies.robustness import Trial, format_robustness, measure_robustness
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
) -> str:
    """Score a split and write `<model>[.seedN][.tta].<split>.json` and `.csv`; no image is rejected for its content.

    Args:
        model: Name of a released model, path of its card, or path of a run's `model.safetensors`.
        data: Manifests.
        split: Which rows.
        out: Folder of the results.
        quick: Fewer bootstrap draws, shortcut tests on fewer images, and no corruptions.
        tta: Score the mean over eight orientations, in the views alone.
        selected: selected.json, which must hold the choice of a run that is not released.
        unverified: Accept a card that was not released.

    Returns:
        The results in words.

    Raises:
        ManifestError: If a manifest or an image of it cannot be used, or the split is empty.
        ModelFileError: If the model is missing or altered.
        CheckpointError: If a run's checkpoint cannot be used.
        SelectionError: If a run is not what the folds chose.
        OutputError: If the results cannot be written.
    """
    tested = load_model_under_test(model, selected, tta=tta, unverified=unverified)
    listed = read_manifests(data)
    rows = _rows(listed, split)
    probabilities, tones = _score(tested.scorer, rows)
    resamples = QUICK_RESAMPLES if quick else RESAMPLES
    results = evaluate_views(rows, probabilities, tested.threshold, resamples=resamples)
    trial = Trial(tested.scorer, rows, probabilities, tested.threshold, tested.preprocessing, resamples)
    parts = subgroup_record(with_skin_tones(rows, tones), probabilities, tested.threshold)
    tests = None if tta else measure_robustness(trial, listed[listed["split"] == "train"], quick=quick)
    # A key that was not measured stays out of the file.
    measured: dict[str, Any] = {"shortcuts": tests.shortcuts, "robustness": tests.robustness} if tests else {}
    record = EvaluationRecord(
        record_version=RECORD_VERSION,
        model=tested.name,
        tta=tested.tta,
        **tested.described,
        data=tuple(path.name for path in data),
        data_sha256=tuple(sha256_of(path) for path in data),
        split=split,
        threshold=tested.threshold,
        point=tested.point,
        interval=INTERVAL.format(resamples=resamples),
        scored=datetime.now(UTC).isoformat(timespec="seconds"),
        time=_time(tested),
        views=results,
        subgroups=parts,
        **measured,
    )
    try:
        _write(tested, record, rows.assign(probability=probabilities), out)
    except OSError as error:
        raise OutputError(f"the results cannot be written to {out}: {error}") from error
    parts_in_words = [format_views(results), format_subgroups(parts), *([format_robustness(tests)] if tests else [])]
    return "\n\n".join(parts_in_words)


def _rows(listed: pd.DataFrame, split: str) -> pd.DataFrame:
    rows = listed[listed["split"] == split].reset_index(drop=True)
    if rows.empty:
        raise ManifestError(f"the manifest has no rows with split {split}")
    try:
        views_of(rows)
    except ValueError as error:
        raise ManifestError(f"the rows with split {split} cannot be sorted into views: {error}") from error
    return rows


def _score(scorer: Scorer, rows: pd.DataFrame) -> tuple[Floats, list[str]]:
    """Return P(malignant) of every row, `(N,)`, and the skin tone around each lesion, empty where it is unknown."""
    probabilities: list[float] = []
    tones: list[str] = []
    for first in tracked(range(0, len(rows), _BATCH), "scoring"):
        images = [decode(Path(file)) for file in rows["file"].iloc[first : first + _BATCH]]
        probabilities += [answer.score for answer in scorer.predict(images)]
        _require_numbers(probabilities, rows)
        tones += [skin_tone(image.pixels).name or "" for image in images]
    return np.array(probabilities), tones


def _require_numbers(probabilities: Sequence[float], rows: pd.DataFrame) -> None:
    """Raise unless every score so far is a number: metrics that leave some out would be about other images."""
    for path, probability in zip(rows["path"], probabilities, strict=False):
        if not is_probability(probability):
            raise ModelFileError(f"The model gave no usable number for {path}, so nothing can be measured.")


def _time(tested: ModelUnderTest) -> Time:
    """Median milliseconds for one image, in turn with one model: their ratio holds on a busy machine too."""
    image = [draw_lesion(0)]
    reference = load_predictor(TIMED_AGAINST)
    own, others = timed_in_turn(lambda: tested.scorer.predict(image), lambda: reference.predict(image))
    return Time(
        milliseconds=round(own, 2),
        reference=reference.card.name,
        reference_milliseconds=round(others, 2),
        relative=round(own / others, 3),
        repeats=REPEATS,
    )


def _write(tested: ModelUnderTest, record: EvaluationRecord, rows: pd.DataFrame, out: Path) -> None:
    stem = f"{tested.stem}.{record.split}"
    columns = ["path", "label", "probability", *(name for name in _KEPT_COLUMNS if name in rows)]
    log = {} if tested.log is None else {f"{tested.stem}.log.csv": tested.log}
    write_results(out, stem, record.stored(), tables={f"{stem}.csv": rows[columns]} | log)
    # One line for every time that a split was scored into this folder: the card says how often the test rows were.
    path = out / "scorings.csv"
    line: dict[str, object] = {"scored": record.scored, "model": tested.stem, "version": record.version}
    line |= {"weights_sha256": record.weights_sha256, "split": record.split, "images": len(rows)}
    fresh = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(line))
        if fresh:
            writer.writeheader()
        writer.writerow({key: guarded(value) for key, value in line.items()})

"""The choice among training runs, made on what they held out and committed before the test images are scored."""

import logging
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from skinlens.errors import UsageError
from skinlens.export.floor import require_floor
from skinlens.export.selection import Considered, Selection, held_out_words, read_selection, write_selection
from skinlens.metrics.calibration import calibration_error, fitted_scaling, scaled_across
from skinlens.metrics.classification import Floats, Labels
from skinlens.metrics.operating_points import PointChoice, choose_points
from skinlens.metrics.risk_curve import risk_curve
from skinlens.metrics.rows import labels_of
from skinlens.metrics.scaling import Scaling
from skinlens.metrics.thresholds import Rates, fitted_threshold, wilson_rates
from skinlens.runtime.card import (
    OUT_OF_ORIGIN,
    Calibration,
    MeasuredRates,
    OperatingPoint,
    RiskPoint,
    UncertainBand,
)
from skinlens.storage.spreadsheet import unguarded_table
from skinlens.training.runs import read_record
from skinlens.translation import marked

_LOG = logging.getLogger(__name__)

HEATMAP_QUANTILE = 0.99
# In cards, which stay English; pages translate them by these templates.
_THRESHOLD_RULE = marked(
    "the score at which a logistic curve fitted to the out-of-fold predictions of {n} training images "
    "({held_out}) passes one half"
)
_SCALING_RULE = marked("smallest log loss on the out-of-fold predictions of {n} training images ({held_out})")
_POINT_RULE = marked("{rule}, on the out-of-fold estimates of {n} training images ({held_out})")
DEFAULT_POINT = "screening"
_HEATMAP_RULE = marked("99th percentile of the largest evidence per image on the same {n} images")


def choose(name: str, runs: Sequence[Path], considered: Sequence[Path], out: Path, *, calibrate: bool = False) -> None:
    """Choose threshold and heatmap scale on what the runs held out, folds or origins, and record all that was compared.

    Args:
        name: Of the model to be released.
        runs: Folders of runs of one recipe, pretrained weights and seed, that held out folds or that held out origins.
        considered: Folders of further runs that were compared.
        out: The evaluation folder; gets selected.json and the predictions for what was held out.
        calibrate: Scale the logits too, and choose three named points with bands; else one threshold on the raw score.

    Raises:
        UsageError: If a folder holds no run that held something out, the runs differ in more than that, some
            hold out folds and some origins, two have the same recipe name, start, seed and held-out part, no
            threshold can be fitted, or the runs are worse than a linear probe of their own pretrained weights.
        ResultError: If a probe on record is damaged.
    """
    records = [read_record(run) for run in runs]
    for key, value in _identity(records[0]).items():
        if any(_identity(record)[key] != value for record in records):
            raise UsageError(
                f"the runs differ in their {key}; choose with runs that differ in their fold or origin alone"
            )
    folds = tuple(int(record["fold"]) for record in records if record["fold"] is not None)
    origins = tuple(origin for record in records if record["fold"] is None for origin in _origins(record))
    if folds and origins:
        raise UsageError("some runs hold out a fold and some an origin; choose with runs of one kind")
    if len({*folds, *origins}) < len(folds) + len(origins):
        raise UsageError("two runs hold out the same fold" if folds else "two runs hold out the same origin")
    kept = [_kept_name(record) for record in [*records, *(read_record(run) for run in considered)]]
    if len(set(kept)) < len(kept):
        raise UsageError(f"two runs would both be kept as {max(kept, key=kept.count)}; give one's recipe another name")
    scores = pd.concat([_scores(run, record) for run, record in zip(runs, records, strict=True)], ignore_index=True)
    labels = labels_of(scores)
    kind = "fold" if folds else "origin"
    named = {"n": len(scores), "held_out": held_out_words(folds, origins), "kind": kind}
    try:
        chosen = _calibrated(scores, labels, named) if calibrate else _threshold(scores, labels, named)
    except ValueError as error:
        raise UsageError(str(error)) from error
    first = records[0]
    floor = require_floor(scores, first["start"], first["start_sha256"], out) if origins else None
    selection = Selection(
        chosen_on=datetime.now(UTC).date().isoformat(),
        recipe=first["recipe"],
        start=first["start"],
        start_sha256=first["start_sha256"],
        seed=first["seed"],
        folds=folds,
        origins=origins,
        out_of_fold=tuple(_keep_predictions(run, record, out) for run, record in zip(runs, records, strict=True)),
        roc_auc=round(float(roc_auc_score(labels, scores["probability"])), 5),
        heatmap_scale=_heatmap_scale(scores["heatmap_max"]),
        heatmap_rule=_HEATMAP_RULE.format(**named),
        considered=tuple(_considered(run) for run in [*runs, *considered]),
        floor=floor,
        **chosen,
    )
    for run in considered:
        _keep_predictions(run, read_record(run), out)
    write_selection(out / "selected.json", name, selection)
    areas = [roc_auc_score(labels_of(part), part["probability"]) for _, part in scores.groupby(kind)]
    _LOG.info(
        "chose threshold %s and heatmap scale %s on %d out-of-%s predictions (ROC AUC %s; mean over %ss %.5f)",
        selection.threshold,
        selection.heatmap_scale,
        len(scores),
        kind,
        selection.roc_auc,
        kind,
        np.mean(areas),
    )


def _origins(record: dict[str, Any]) -> list[str]:
    """The origins that a run held out, several of them together where its record joins them."""
    return str(record["origin"]).split("+")


def _scores(run: Path, record: dict[str, Any]) -> pd.DataFrame:
    """A run's predictions for what it held out; its one origin where they do not name each row's."""
    scores = unguarded_table(pd.read_csv(run / "fold.csv"))
    if record["fold"] is not None or "origin" in scores:
        return scores
    if len(_origins(record)) > 1:
        raise UsageError(f"{run} held out {record['origin']}, but its predictions name no origin of each image")
    return scores.assign(origin=str(record["origin"]))


def _threshold(scores: pd.DataFrame, labels: Labels, named: dict[str, Any]) -> dict[str, Any]:
    """One threshold on the score as it is."""
    probabilities = scores["probability"].to_numpy()
    threshold = fitted_threshold(labels, probabilities)
    return {
        "threshold": round(threshold, 4),
        "threshold_rule": _THRESHOLD_RULE.format(**named),
        "rates": _measured(wilson_rates(labels, probabilities, threshold), named),
    }


def _calibrated(scores: pd.DataFrame, labels: Labels, named: dict[str, Any]) -> dict[str, Any]:
    """Return a scaling, three points on the scaled score with their bands, and the risk as a function of it."""
    raw = scores["probability"].to_numpy()
    fitted = fitted_scaling(labels, raw)
    scaling = Scaling(round(fitted.temperature, 5), round(fitted.offset, 5))
    estimates = scaling.of_probabilities(raw)
    points = tuple(
        _point(choice, named, _by_origin(scores, labels, estimates, choice.threshold, named))
        for choice in choose_points(labels, estimates)
    )
    default = next(point for point in points if point.name == DEFAULT_POINT)
    return {
        "threshold": default.threshold,
        "threshold_rule": default.chosen_on,
        "rates": default.measured[0],
        "points": points,
        "calibration": Calibration(
            temperature=scaling.temperature,
            offset=scaling.offset,
            prevalence=round(float(labels.mean()), 5),
            chosen_on=_SCALING_RULE.format(**named),
            error_before=round(calibration_error(labels, raw), 5),
            error_after=round(calibration_error(labels, scaled_across(labels, raw, _parts(scores))), 5),
        ),
        "risk_curve": _risk_curve(scores, labels, estimates),
    }


def _risk_curve(scores: pd.DataFrame, labels: Labels, estimates: Floats) -> tuple[RiskPoint, ...]:
    """Return the risk by score, with intervals over datasets and lesions; over lesions alone for one dataset."""
    datasets = scores["origin"] if "origin" in scores else np.zeros(len(scores), int)
    curve = risk_curve(labels, estimates, scores["group_id"].astype(str), np.asarray(datasets).astype(str))
    return tuple(RiskPoint(score=point.score, rate=point.rate) for point in curve)


def measure_curve(name: str, evaluation: Path) -> tuple[RiskPoint, ...]:
    """Measure the risk curve of a chosen model again, from the predictions kept with the choice, and record it there.

    Args:
        name: Of the model.
        evaluation: The evaluation folder, with selected.json and the predictions on what was held out.

    Raises:
        SelectionError: If the folder holds no choice for the model.
        UsageError: If the choice has no calibration, or its predictions are missing or damaged.
    """
    selection = read_selection(evaluation / "selected.json", name)
    if selection.calibration is None:
        raise UsageError(f"{name} is not calibrated, so its scores have no risk; choose it with --calibrate first")
    try:
        scores = pd.concat(
            [unguarded_table(pd.read_csv(evaluation / file)) for file in selection.out_of_fold], ignore_index=True
        )
        labels, raw = labels_of(scores), scores["probability"].to_numpy()
        curve = _risk_curve(scores, labels, selection.scaling.of_probabilities(raw))
    except (OSError, KeyError, ValueError) as error:
        raise UsageError(f"the predictions kept for {name} in {evaluation} cannot be used: {error}") from error
    write_selection(
        evaluation / "selected.json", name, selection.model_copy(update={"risk_curve": curve, "score_bins": ()})
    )
    return curve


def _by_origin(
    scores: pd.DataFrame, labels: Labels, estimates: Floats, threshold: float, named: dict[str, Any]
) -> tuple[MeasuredRates, ...]:
    """Return the rates of a threshold on each held-out origin: their mean may hold for none of them."""
    if named["kind"] != "origin" or scores["origin"].nunique() == 1:
        return ()
    parts = {str(origin): (scores["origin"] == origin).to_numpy() for origin in scores["origin"].unique()}
    return tuple(
        _rates_on(f"{OUT_OF_ORIGIN} {origin}", wilson_rates(labels[of_it], estimates[of_it], threshold))
        for origin, of_it in parts.items()
    )


def _point(choice: PointChoice, named: dict[str, Any], by_origin: tuple[MeasuredRates, ...]) -> OperatingPoint:
    band = choice.band
    return OperatingPoint(
        name=choice.name,
        threshold=choice.threshold,
        chosen_on=_POINT_RULE.format(rule=choice.rule, **named),
        measured=(_measured(choice.rates, named), *by_origin),
        band=None
        if band is None
        else UncertainBand(low=band.low, high=band.high, error=band.error, decided=band.decided),
    )


def _parts(scores: pd.DataFrame) -> Any:
    """Return which part each row was held out with; two halves of the lesions where there is one part alone."""
    for column in ("origin", "fold"):
        if column in scores and scores[column].nunique() > 1:
            return scores[column].to_numpy()
    return pd.factorize(scores["group_id"], sort=True)[0] % 2


def _measured(rates: Rates, named: dict[str, Any]) -> MeasuredRates:
    return _rates_on(f"out of {named['kind']}", rates)


def _rates_on(population: str, rates: Rates) -> MeasuredRates:
    return MeasuredRates(population=population, sensitivity=rates.sensitivity, specificity=rates.specificity)


def _heatmap_scale(largest: pd.Series) -> float | None:
    """Return the evidence drawn in full colour; None for a network without evidence map, whose column is blank."""
    return None if largest.isna().any() else round(float(np.quantile(largest, HEATMAP_QUANTILE)), 5)


def _identity(record: dict[str, Any]) -> dict[str, object]:
    """Return what the runs of one choice must have in common; weights that are in no file have no digest."""
    return {
        "recipe": record["recipe"],
        "start": record["start_sha256"] or record["start"],
        "seed": record["seed"],
        "share": record.get("share", 1.0),
    }


def _considered(run: Path) -> Considered:
    record, scores = read_record(run), pd.read_csv(run / "fold.csv")
    labels, probabilities = labels_of(scores), scores["probability"].to_numpy()
    return Considered(
        recipe=record["recipe"]["name"],
        start=record["start"],
        seed=record["seed"],
        fold=record["fold"],
        epochs=record["epochs"],
        n=len(scores),
        roc_auc=round(float(roc_auc_score(labels, probabilities)), 5),
        log_loss=round(float(log_loss(labels, probabilities)), 5),
        accuracy_at_half=round(float(((probabilities >= 0.5) == labels).mean()), 5),
        seconds=record["seconds"],
        share=record.get("share", 1.0),
        origin=record.get("origin"),
    )


def _keep_predictions(run: Path, record: dict[str, Any], out: Path) -> str:
    """Copy a fold's predictions beside the choice; returns the name from the evaluation folder."""
    name = _kept_name(record)
    (out / "folds").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / "fold.csv", out / name)
    shutil.copyfile(run / "log.csv", out / name.replace(".csv", ".log.csv"))
    return name


def _kept_name(record: dict[str, Any]) -> str:
    start = Path(str(record["start"])).stem
    share = f".share{record['share']:g}" if "share" in record else ""
    held_out = f"origin-{record['origin']}" if record["fold"] is None else f"fold{record['fold']}"
    return f"folds/{record['recipe']['name']}.{start}.seed{record['seed']}{share}.{held_out}.csv"

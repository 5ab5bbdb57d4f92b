"""Errors of fold runs on the images that each held out: where they are, and whether the labels are wrong."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from skinlens.errors import UsageError
from skinlens.metrics.classification import Floats
from skinlens.metrics.measure import measure
from skinlens.metrics.measurement import Measurement, as_percent, from_table
from skinlens.metrics.rows import groups_of, labels_of, text_of
from skinlens.models.checkpoint import load_released
from skinlens.models.normalise import Normalise
from skinlens.models.registry import build
from skinlens.storage.results import write_results
from skinlens.studies.error_analysis import (
    MOST_NEIGHBOURS,
    NEIGHBOURS,
    SURE,
    auc_without,
    doubtful,
    label_noise,
    neighbour_votes,
    shared_errors,
)
from skinlens.studies.subgroups import subgroups
from skinlens.training.dataset import DecodedRows
from skinlens.training.manifest import read_manifests
from skinlens.training.runs import read_run
from skinlens.training.scoring import score_rows

COLUMNS = ("origin", "dx", "twin_in_test", "flag_vignette", "flag_hair", "age", "sex", "site")
_SHOWN = ("path", "label", "fold", "isic_id", "dx", "origin")


@dataclass(frozen=True, eq=False)
class _FoldRun:
    """A fold run: its name, its held-out rows in the manifest's order, and its scores and features of them."""

    name: str
    fold: int
    rows: pd.DataFrame
    probability: Floats
    pooled: Floats


def analyse_errors(runs: Sequence[Path], data: Sequence[Path], out: Path) -> None:
    """Analyse the errors of fold runs; writes `review.json`, `review.md` and `review.csv`, and no pixel.

    Args:
        runs: Folders of fold runs. Each fold that one of them held out is analysed; where several did, by the mean of
            their probabilities.
        data: The manifests that they were trained on.
        out: Folder of the results.

    Raises:
        UsageError: If a folder holds no fold run, the manifests lack its images, or the runs of two folds are
            not the same recipes.
        ManifestError: If a manifest cannot be used.
        CheckpointError: If a run's weights cannot be used.
        OutputError: If the results cannot be written.
    """
    listed = read_manifests(data)
    read = [_read(run, listed) for run in runs]
    folds = sorted({run.fold for run in read})
    names = {fold: sorted(run.name for run in read if run.fold == fold) for fold in folds}
    if any(names[fold] != names[folds[0]] for fold in folds):
        raise UsageError(f"every fold must have the same runs, but they are {names}")
    rows = pd.concat([_fold_table([run for run in read if run.fold == fold]) for fold in folds], ignore_index=True)
    record = {
        "data": [path.name for path in data],
        "runs": names[folds[0]],
        "folds": folds,
        **_figures(rows, names[folds[0]]),
    }
    # The names of the files are those of results that are on record.
    # A line an image, without what only the manifest says of it.
    kept = [name for name in _SHOWN if name in rows]
    measured = ["probability", "neighbours_malignant", "runs_wrong", "doubtful_label"]
    own = [name for name in rows if str(name).startswith("probability: ")]
    table = rows[[*kept, *measured, *own]].round(5)
    write_results(out, "review", record, summarise(record, rows), {"review.csv": table})


def _read(run: Path, listed: pd.DataFrame) -> _FoldRun:
    held_out = read_run(run, listed)
    if held_out.record.get("fold") is None:
        raise UsageError(f"{run} held out no fold; the error analysis compares folds")
    recipe, record, rows = held_out.recipe, held_out.record, held_out.rows
    network = load_released(build(recipe.network.name, recipe.network.options), held_out.tensors())
    normalise = Normalise(recipe.preprocessing.mean, recipe.preprocessing.std)
    seen = score_rows(network, normalise, DecodedRows(rows), recipe)
    seed = f", seed {record['seed']}" if record["seed"] else ""
    return _FoldRun(f"{recipe.name}{seed}", int(record["fold"]), rows, seen.probability, seen.pooled.astype(np.float64))


def _fold_table(runs: Sequence[_FoldRun]) -> pd.DataFrame:
    """One fold's rows with the mean probability, each run's own, the neighbours' vote and who else errs."""
    first = runs[0]
    rows, labels = first.rows, labels_of(first.rows)
    own = {run.name: pd.Series(run.probability, index=run.rows["path"])[rows["path"]].to_numpy() for run in runs}
    voters = [run for run in runs if run.pooled.shape[1]]
    try:
        votes = [
            pd.Series(neighbour_votes(run.pooled, labels_of(run.rows), groups_of(run.rows)), index=run.rows["path"])
            for run in voters
        ]
    except ValueError as error:
        raise UsageError(f"fold {first.fold} is too small to analyse: {error}") from error
    mean = np.mean(list(own.values()), axis=0)
    voted = np.mean([vote[rows["path"]].to_numpy() for vote in votes], axis=0) if votes else np.full(len(rows), np.nan)
    return rows.assign(
        probability=mean,
        neighbours_malignant=voted,
        runs_wrong=shared_errors(labels, own),
        doubtful_label=doubtful(labels, mean, voted),
        **{f"probability: {name}": probability for name, probability in own.items()},
    )


def _figures(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, Any]:
    """Return the measured part of `review.json`."""
    labels, probability, groups = labels_of(rows), rows["probability"].to_numpy(), groups_of(rows)
    wrong = (probability >= 0.5) != (labels == 1)
    votes = rows["neighbours_malignant"].to_numpy()
    voted = not np.isnan(votes).any()
    doubt, all_wrong = rows["doubtful_label"].to_numpy(dtype=bool), rows["runs_wrong"].to_numpy() == len(names)
    return {
        "n": len(rows),
        "malignant": int(labels.sum()),
        "mean_of_runs": {
            name: asdict(measured)
            for name, measured in measure(labels, probability, 0.5, groups, "roc_auc", "accuracy").items()
        },
        "each_run": {name: round(float(roc_auc_score(labels, rows[f"probability: {name}"])), 5) for name in names},
        "by_origin": _by_origin(rows, labels, probability, groups),
        "errors": int(wrong.sum()),
        "errors_of_every_run": int(all_wrong.sum()),
        "errors_of_some_run": int((rows["runs_wrong"] > 0).sum()),
        # What is counted are errors, and the file says so.
        "subgroups": [{"errors": each.pop("count"), **each} for each in map(asdict, subgroups(rows, wrong, COLUMNS))],
        "labels": {
            "confident_joint": asdict(label_noise(labels, probability)),
            "neighbours": NEIGHBOURS,
            "sure": SURE,
            "most_neighbours": MOST_NEIGHBOURS,
            "doubtful": int(doubt.sum()),
            "auc_without_doubtful": auc_without(labels, probability, doubt),
            "auc_without_errors_of_every_run": auc_without(labels, probability, all_wrong),
            "neighbours_auc": auc_without(labels, votes, np.zeros(len(rows), bool)) if voted else None,
        },
    }


def _by_origin(rows: pd.DataFrame, labels: Any, probability: Floats, groups: Any) -> dict[str, Any]:
    """Return the ROC AUC of all benign images against the malignant ones of each origin."""
    if "origin" not in rows:
        return {}
    origins, benign = text_of(rows, "origin"), labels == 0
    areas = {}
    for origin in sorted(set(origins[~benign])):
        part = benign | (origins == origin)
        areas[str(origin)] = asdict(
            measure(labels[part], probability[part], 0.5, groups[part], "roc_auc")["roc_auc"]
        ) | {"malignant": int((part & ~benign).sum())}
    return areas


def summarise(record: dict[str, Any], rows: pd.DataFrame) -> str:
    """Return the analysis as Markdown.

    Args:
        record: What `review.json` holds.
        rows: The held-out images, for the list of those that every run gets wrong.
    """
    auc, accuracy, labels = record["mean_of_runs"]["roc_auc"], record["mean_of_runs"]["accuracy"], record["labels"]
    joint = labels["confident_joint"]
    lines = [
        f"# Error analysis of fold runs on {', '.join(record['data'])}",
        "",
        f"{record['n']} held-out images ({record['malignant']} malignant) of fold "
        f"{', '.join(str(fold) for fold in record['folds'])}; mean probability of {len(record['runs'])} runs a fold "
        f"({', '.join(record['runs'])}), called malignant from one half.",
        "",
        f"- ROC AUC {_measurement(auc).text()}, accuracy {_measurement(accuracy).text()}.",
        *(
            f"- Benign against malignant images of origin {origin} ({each['malignant']}): "
            f"ROC AUC {_measurement(each).text()}."
            for origin, each in record["by_origin"].items()
        ),
        f"- Wrong: {record['errors']}. {record['errors_of_every_run']} images are wrong in every run, "
        f"{record['errors_of_some_run']} in at least one.",
        "",
        "## Are the labels wrong?",
        "",
        f"- Confident joint: {joint['benign_surely_malignant']} labelled benign look surely malignant, "
        f"{joint['malignant_surely_benign']} the reverse: {joint['share']:.1%} of the images that can be placed, hard "
        "cases among them, so that wrong labels are at most about that many.",
        f"- Doubtful labels: {labels['doubtful']} (the mean contradicts the label by at least {labels['sure']:.0%}, "
        f"and at least {labels['most_neighbours']:.0%} of its {labels['neighbours']} nearest neighbours among the "
        f"held-out images carry the other one). Without them the ROC AUC is "
        f"{from_table(labels['auc_without_doubtful']).text()}, "
        f"without the images that every run gets wrong {from_table(labels['auc_without_errors_of_every_run']).text()}.",
        f"- The neighbours' vote alone: ROC AUC {from_table(labels['neighbours_auc']).text()}.",
        "",
        "## Where the errors are",
        "",
        "| part | value | label | wrong | share (95 % Wilson) |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {part['column']} | {part['value']} | {part['label']} | {part['errors']} of {part['n']} | "
            f"{_measurement(part['rate']).text(as_percent)} |"
            for part in record["subgroups"]
        ),
        "",
        "## Wrong in every run",
        "",
        *_listed(rows, len(record["runs"])),
    ]
    return "\n".join([*lines, ""])


def _listed(rows: pd.DataFrame, runs: int) -> list[str]:
    """The ids of the images that every run gets wrong, the most surely wrong first."""
    wrong = rows[rows["runs_wrong"] == runs]
    against = np.where(wrong["label"] == "malignant", 1 - wrong["probability"], wrong["probability"])
    lines = []
    for row, sure in sorted(zip(wrong.to_dict("records"), against, strict=True), key=lambda pair: -pair[1]):
        known = ", ".join(str(row[name]) for name in ("isic_id", "dx") if isinstance(row.get(name), str) and row[name])
        vote = (
            f", {row['neighbours_malignant']:.0%} of its neighbours malignant"
            if row["neighbours_malignant"] >= 0
            else ""
        )
        doubt = "; label doubtful" if row["doubtful_label"] else ""
        lines.append(f"- {row['path']} ({known or 'not identified'}): {sure:.0%} the other way{vote}{doubt}")
    return lines


def _measurement(stored: dict[str, Any]) -> Measurement:
    return from_table(stored["value"], stored["low"], stored["high"])

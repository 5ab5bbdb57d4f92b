"""The table of all models: ours with intervals, the paper's published numbers next to them, for page and documents."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skinlens.leaderboard.documents import ResultError
from skinlens.leaderboard.published import published_as, published_models
from skinlens.leaderboard.records import EvaluatedModel, measured, read_results
from skinlens.metrics.classification import Confusion
from skinlens.metrics.intervals import wilson
from skinlens.metrics.measurement import NOT_MEASURED, Measurement, from_table, undefined
from skinlens.metrics.registry import METRICS, MetricName
from skinlens.metrics.report import ViewResult
from skinlens.translation import marked, sentence

PUBLISHED = "published.csv"
NOT_TRAINED = marked("not trained here")
_BELIEVED = "clean-native"
_SOURCES = {"ours": marked("ours"), "yours": marked("yours"), "paper": marked("paper")}
_ROW = ("name", "title", "source", "paper_model", "paper_accuracy", "paper_right", "trained_here", "imagenet_start",
        "seeds", "n", "right")  # fmt: skip
_COST = ("relative_time", "milliseconds", "megabytes", "parameters", "epochs", "minutes")


def leaderboard(folder: Path, *, view: str = "all") -> pd.DataFrame:
    """Tabulate every model of an evaluation folder, and every one of the paper's.

    Args:
        folder: As `evaluate` fills it, with the paper's table as `published.csv`.
        view: A test view; the paper has numbers for `all` alone, so its rows stand in no other.

    Returns:
        As `leaderboard_of`.

    Raises:
        ResultError: If a file cannot be used; a table for publication must not leave a model out.
    """
    results = read_results(folder)
    if results.problems:
        raise ResultError("; ".join(results.problems))
    return leaderboard_of(results.by_family(), read_published(folder), view=view)


def read_published(folder: Path) -> pd.DataFrame:
    """Read the paper's table of a folder.

    Args:
        folder: As `evaluate` fills it.

    Returns:
        As `published_models`; without rows if the folder has no such table.

    Raises:
        ResultError: If the file is damaged.
    """
    path = folder / PUBLISHED
    if not path.is_file():
        return pd.DataFrame(columns=["model", "architecture", "tn", "fp", "fn", "tp", *METRICS])
    try:
        return published_models(path)
    except (ValueError, KeyError) as error:
        raise ResultError(f"{PUBLISHED} cannot be read: {error}") from error


def leaderboard_of(
    families: Mapping[str, Sequence[EvaluatedModel]],
    published: pd.DataFrame,
    *,
    view: str = "all",
    worked_out: Mapping[str, ViewResult | None] | None = None,
) -> pd.DataFrame:
    """Tabulate one row a model and one a published model, the most accurate first.

    Args:
        families: The seeds of each model, the one to show first.
        published: From `published_models`.
        view: A test view.
        worked_out: Measurements, by model name, of models without a record; None computes them here.

    Returns:
        `name`, `title` (with its marks), `source` (`ours`, `yours` or `paper`), `paper_model` (what the paper calls the
        network, or None), `paper_accuracy` and `paper_right` (its published numbers), `trained_here`, `imagenet_start`
        (None: not recorded), `seeds` (how many were trained here), `n`, `right`; of every metric the value with `_low`
        and `_high` of the 95 % interval, `_missing` (`not measured` or `undefined` where one of ours has no value), and
        over seeds `_mean` and `_spread` (standard deviation), both missing for a single seed; `relative_time` of one
        image (against `asff_resnet50_paper`, timed in turn), `milliseconds` of it on the machine that measured,
        `megabytes`, `parameters`, `epochs` and `minutes` of training. Intervals of the paper's rows are Wilson's, from
        its counts. Models without images in the view are left out.
    """
    known = worked_out or {}
    rows = [
        _own_row(seeds, [known.get(model.name) or measured(model, view) for model in seeds], published, view)
        for seeds in families.values()
    ]
    shown = [row for row in rows if row is not None]
    if view == "all":
        trained = {row.get("paper_model") for row in shown}
        shown += [_paper_row(row, trained) for row in published.to_dict("records")]
    ends = ("", "_low", "_high", "_missing", "_mean", "_spread")
    columns = [*_ROW, *(f"{metric}{end}" for metric in METRICS for end in ends), *_COST]
    table = pd.DataFrame(shown, columns=columns).astype({"seeds": "int64", "epochs": "Int64"})
    return table.sort_values("accuracy", ascending=False, kind="stable", ignore_index=True)


def readable(board: pd.DataFrame) -> pd.DataFrame:
    """Return a leaderboard for a reader: a column a metric, each with its interval in brackets.

    A metric that one of our records lacks is `not measured`; "" stands for what the paper does not give. The order of
    texts is the order of their numbers, so that a table which sorts texts sorts the metrics.

    Args:
        board: From `leaderboard_of`.
    """
    table = pd.DataFrame(
        {
            marked("Model"): board["title"],
            marked("From"): [_SOURCES.get(source, source) for source in board["source"]],
            marked("Note"): [_note(row) for _, row in board.iterrows()],
        }
    )
    for metric in ("accuracy", "roc_auc", "pr_auc"):
        table[heading(metric)] = _texts(board, metric)
    table[marked("Right")] = board["right"]
    table[marked("Images")] = board["n"]
    for metric in METRICS:
        if heading(metric) not in table:
            table[heading(metric)] = _texts(board, metric)
    over_seeds = {"accuracy": marked("Accuracy over seeds"), "roc_auc": marked("ROC AUC over seeds")}
    for metric, title in over_seeds.items():
        table[title] = [_over_seeds(row, metric=metric) for _, row in board.iterrows()]
    table[marked("Paper's accuracy")] = ["" if pd.isna(each) else f"{each:.3f}" for each in board["paper_accuracy"]]
    table[marked("Time")] = [f"{times:.2f} x" if times > 0 else "" for times in board["relative_time"]]
    table["MB"] = board["megabytes"]
    return table.assign(**{marked("Epochs"): board["epochs"], marked("Training, min"): board["minutes"]})


def heading(metric: MetricName) -> str:
    """Return a metric's title as it begins a line."""
    return METRICS[metric].heading


def markdown_leaderboard(folder: Path) -> str:
    """Tabulate the main metrics of every model as Markdown, for the documents.

    Args:
        folder: As `evaluate` fills it.

    Raises:
        ResultError: As for `leaderboard`.
    """
    board = leaderboard(folder)
    believed = leaderboard(folder, view=_BELIEVED).set_index("name")
    heads = [
        "model",
        "from",
        "right, all",
        *(f"{METRICS[name].title}, all" for name in ("accuracy", "roc_auc", "pr_auc")),
    ]
    heads += [f"{METRICS[name].title}, {_BELIEVED}" for name in ("accuracy", "roc_auc")]
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    lines += [_markdown_row(row, believed) for _, row in board.iterrows()]
    return "\n".join(lines)


def _own_row(
    seeds: Sequence[EvaluatedModel], results: Sequence[ViewResult | None], published: pd.DataFrame, view: str
) -> dict[str, Any] | None:
    shown, result = seeds[0], results[0]
    if result is None:
        return None
    row: dict[str, Any] = {
        "name": shown.family,
        "title": shown.label,
        "source": shown.source,
        "trained_here": shown.source == "ours",
        "imagenet_start": shown.imagenet_start,
        "seeds": len(seeds),
        "n": result.n,
        "right": result.confusion.right,
    }
    for metric in METRICS:
        over = [_measurement(other, metric).value for other in results if other is not None]
        measurement = _measurement(result, metric)
        row |= _metric_columns(metric, measurement)
        defined = [value for value in over if value is not None]
        if 1 < len(defined) == len(over):
            row |= {f"{metric}_mean": float(np.mean(defined)), f"{metric}_spread": float(np.std(defined, ddof=1))}
        row[f"{metric}_missing"] = measurement.text() if measurement.value is None else ""
    return row | _cost(shown) | _papers_number(shown, published, view)


def _measurement(result: ViewResult, metric: MetricName) -> Measurement:
    """A metric of a record, which may be older than the metric."""
    return result.metrics.get(metric, undefined(NOT_MEASURED))


def _metric_columns(metric: MetricName, measurement: Measurement) -> dict[str, Any]:
    return {metric: measurement.value, f"{metric}_low": measurement.low, f"{metric}_high": measurement.high}


def _cost(model: EvaluatedModel) -> dict[str, Any]:
    record = model.record
    if record is None:
        return {}
    training = record.training
    return {
        "relative_time": record.time.relative if record.time else None,
        "milliseconds": record.time.milliseconds if record.time else None,
        "megabytes": None if record.bytes is None else record.bytes / 1e6,
        "parameters": record.parameters,
        "epochs": training.epochs if training else None,
        "minutes": training.seconds / 60 if training and training.seconds is not None else None,
    }


def _papers_number(model: EvaluatedModel, published: pd.DataFrame, view: str) -> dict[str, Any]:
    """The paper's number of the same network; it has one for all images only."""
    if model.record is None:
        return {}
    name = published_as(model.record.architecture or model.record.model, published)
    if name is None or view != "all":
        return {"paper_model": name}
    row = published[published["model"] == name].to_dict("records")[0]
    return {"paper_model": name, "paper_accuracy": row["accuracy"], "paper_right": int(row["tn"] + row["tp"])}


def _paper_row(published: dict[Any, Any], trained: set[str | None]) -> dict[str, Any]:
    counts = Confusion(*(int(published[name]) for name in ("tn", "fp", "fn", "tp")))
    row: dict[str, Any] = {
        "name": f"paper/{published['model']}",
        "title": paper_label(published["model"]),
        "source": "paper",
        "paper_model": published["model"],
        "paper_accuracy": published["accuracy"],
        "paper_right": counts.right,
        "trained_here": published["model"] in trained,
        "seeds": 0,
        "n": counts.n,
        "right": counts.right,
    }
    for metric in METRICS:
        row[metric] = published.get(metric)
        proportion = METRICS[metric].counts
        if proportion is not None:
            row |= _metric_columns(metric, wilson(*proportion(counts)))
    return row


def paper_label(model: str) -> str:
    """Return how a published model is named, so that its number is not taken for one measured here."""
    return f"{model} (paper)"


def _note(row: pd.Series) -> str:
    if row["source"] == "paper":
        return "" if row["trained_here"] else NOT_TRAINED
    if row["source"] == "yours":
        return sentence("held for this visit only")
    unknown_start = pd.isna(row["imagenet_start"])
    if row["seeds"] > 1:
        words = marked("first of {n} seeds, start not recorded") if unknown_start else marked("first of {n} seeds")
        return sentence(words, n=row["seeds"])
    return sentence("start not recorded") if unknown_start else ""


def _texts(board: pd.DataFrame, metric: MetricName) -> list[str]:
    return [_cell(row, metric) for _, row in board.iterrows()]


def _cell(row: pd.Series, metric: MetricName) -> str:
    measurement = from_table(row[metric], row[f"{metric}_low"], row[f"{metric}_high"])
    if measurement.value is not None:
        return measurement.text()
    missing = row[f"{metric}_missing"]
    return missing if isinstance(missing, str) else ""


def _over_seeds(row: pd.Series, *, metric: MetricName) -> str:
    mean, spread = row[f"{metric}_mean"], row[f"{metric}_spread"]
    return (
        ""
        if pd.isna(mean) or pd.isna(spread)
        else sentence("{mean} ± {spread} ({n} seeds)", mean=f"{mean:.3f}", spread=f"{spread:.3f}", n=row["seeds"])
    )


def _markdown_row(row: pd.Series, believed: pd.DataFrame) -> str:
    title = ", ".join(part for part in (str(row["title"]), _note(row)) if part).replace("|", "\\|")
    cells = [title, row["source"], f"{row['right']} of {row['n']}"]
    cells += [_markdown_cell(row, name) for name in ("accuracy", "roc_auc", "pr_auc")]
    # The paper has no such view.
    hard = believed.loc[row["name"]] if row["name"] in believed.index else None
    cells += ["" if hard is None else _markdown_cell(hard, name) for name in ("accuracy", "roc_auc")]
    return "| " + " | ".join(cell or "-" for cell in cells) + " |"


def _markdown_cell(row: pd.Series, metric: MetricName) -> str:
    seeds = _over_seeds(row, metric=metric)
    cell = _cell(row, metric)
    return f"{cell}; {seeds}" if seeds else cell

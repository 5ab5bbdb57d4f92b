"""The data of every comparison chart: one long table a chart, with the model's label in the column `model`.

A model without what a chart needs has no rows in its table; `absent` lists such models.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict

import pandas as pd

from skinlens.leaderboard.records import EvaluatedModel, shortcut_measurements
from skinlens.metrics.classification import confusion_at
from skinlens.metrics.curves import coverage_error, decision_curve, pr_points, reliability, roc_points
from skinlens.metrics.measurement import Measurement, from_table
from skinlens.metrics.rows import labels_of
from skinlens.metrics.views import views_of
from skinlens.translation import marked, sentence

Models = Sequence[EvaluatedModel]

# What a reader is shown of the shortcut tests, in order: test, figure (as `shortcut_measurements` names them), words.
SHORTCUT_ROWS = (
    ("centre_disc", "plain", marked("ROC AUC of the images as they are")),
    ("centre_disc", "", marked("ROC AUC with the centre of every image painted over")),
    ("outline", "plain_auc", marked("ROC AUC as they are")),
    ("outline", "painted_over_auc", marked("ROC AUC with the lesion painted over")),
    ("outline", "shape_alone_auc", marked("ROC AUC of the shape of the painted area alone")),
    ("backgrounds", "same_class_auc", marked("ROC AUC with the lesion on another background of its own class")),
    ("backgrounds", "swapped_auc", marked("ROC AUC with the lesion on a background of the other class")),
    ("backgrounds", "score_change_same_class_to_swapped", marked("Mean change of the score between these two")),
    ("backgrounds", "flipped_by_background", marked("Correct decisions that the other class's background reverses")),
    ("backgrounds", "flipped_by_moving", marked("Correct decisions that moving alone reverses")),
)


def in_alternatives(counts: Sequence[int]) -> str:
    """Return numbers of images in a row, as in `160 or 660`; "" for none."""
    every = [str(n) for n in counts]
    if len(every) < 2:
        return "".join(every)
    return sentence("{some} or {last}", some=", ".join(every[:-1]), last=every[-1])


def absent(models: Models, table: pd.DataFrame) -> list[str]:
    """Return the labels of the models that have no rows in a table.

    Args:
        models: Those that were asked for.
        table: With a column `model`.
    """
    there = set(table["model"])
    return [model.label for model in models if model.label not in there]


def label_counts(model: EvaluatedModel, view: str) -> dict[str, int]:
    """Count benign and malignant images of a test view.

    Args:
        model: With predictions.
        view: A test view.

    Returns:
        By label, `benign` and `malignant`; both are 0 where the model's images do not allow the view.
    """
    in_view = views_of(model.rows).get(view)
    labels: list[str] = [] if in_view is None else model.rows.loc[in_view.mask, "label"].tolist()
    return {label: labels.count(label) for label in ("benign", "malignant")}


def malignant_share(models: Models, view: str) -> float | None:
    """Return the share of malignant images in a test view, by the first model that has it.

    Args:
        models: With predictions.
        view: A test view.

    Returns:
        In [0, 1]; None if no model has it.
    """
    for model in models:
        counts = label_counts(model, view)
        if sum(counts.values()):
            return counts["malignant"] / sum(counts.values())
    return None


def roc_table(models: Models, view: str) -> pd.DataFrame:
    """Tabulate `curves.roc_points` of each model that has the view: threshold, false positive rate and sensitivity."""
    return _stacked(
        models,
        lambda _, rows: roc_points(labels_of(rows), rows["probability"]),
        ["threshold", "false_positive_rate", "sensitivity"],
        view,
    )


def pr_table(models: Models, view: str) -> pd.DataFrame:
    """Tabulate `curves.pr_points` of each model that has the view: threshold, sensitivity and precision."""
    return _stacked(
        models,
        lambda _, rows: pr_points(labels_of(rows), rows["probability"]),
        ["threshold", "sensitivity", "precision"],
        view,
    )


def operating_points(models: Models, published: pd.DataFrame, view: str) -> pd.DataFrame:
    """Count decisions at each model's threshold, and take the paper's counts where the view is `all`.

    Args:
        models: With predictions.
        published: Rows of `published_models`, with `label` as the reader should see them.
        view: A test view.

    Returns:
        `model`, `source`, `threshold` (missing for the paper, which names none), `tn`, `fp`, `fn`, `tp`, `sensitivity`,
        `false_positive_rate` and `precision`, missing where undefined.
    """
    rows: list[dict[str, object]] = []
    for model in models:
        if view in model.views:
            seen = model.seen_in(view)
            counts = asdict(confusion_at(labels_of(seen), seen["probability"], model.threshold))
            rows.append({"model": model.label, "source": model.source, "threshold": model.threshold, **counts})
    if view == "all":
        rows += [
            {"model": row["label"], "source": "paper", **{name: row[name] for name in ("tn", "fp", "fn", "tp")}}
            for row in published.to_dict("records")
        ]
    columns = ["model", "source", "threshold", "tn", "fp", "fn", "tp"]
    table = pd.DataFrame(rows, columns=columns)
    tn, fp, fn, tp = (table[name].astype("float64") for name in ("tn", "fp", "fn", "tp"))
    return table.assign(sensitivity=tp / (tp + fn), false_positive_rate=fp / (fp + tn), precision=tp / (tp + fp))


def confusion_table(points: pd.DataFrame) -> pd.DataFrame:
    """Tabulate the confusion matrices of `operating_points`, one row a cell.

    Args:
        points: From `operating_points`.

    Returns:
        `model`, `actual` and `called` (benign or malignant), `images`, and `share` of the actual class, in [0, 1].
    """
    cells = [
        ("benign", "benign", "tn"),
        ("benign", "malignant", "fp"),
        ("malignant", "benign", "fn"),
        ("malignant", "malignant", "tp"),
    ]
    rows = [
        (row["model"], actual, called, int(row[count]))
        for row in points.to_dict("records")
        for actual, called, count in cells
    ]
    table = pd.DataFrame(rows, columns=["model", "actual", "called", "images"])
    whole = table.groupby(["model", "actual"], sort=False)["images"].transform("sum")
    return table.assign(share=table["images"] / whole)


def reliability_table(models: Models, view: str) -> pd.DataFrame:
    """Tabulate `curves.reliability` of each model that has the view: mean probability, observed share, interval, n."""
    return _stacked(
        models,
        lambda _, rows: reliability(labels_of(rows), rows["probability"]),
        ["mean_probability", "observed", "low", "high", "n"],
        view,
    )


def decision_table(models: Models, view: str) -> pd.DataFrame:
    """Tabulate `curves.decision_curve` of each model that has the view, its own net benefit as `net_benefit`."""
    return _stacked(
        models,
        lambda _, rows: decision_curve(labels_of(rows), rows["probability"]).rename(columns={"model": "net_benefit"}),
        ["threshold", "net_benefit", "treat_all", "treat_none"],
        view,
    )


def coverage_table(models: Models, view: str) -> pd.DataFrame:
    """Tabulate `curves.coverage_error` of each model that has the view, at the model's own threshold."""
    return _stacked(
        models,
        lambda model, rows: coverage_error(labels_of(rows), rows["probability"], model.threshold),
        ["distance", "coverage", "n", "errors", "error", "low", "high"],
        view,
    )


def robustness_table(models: Models) -> pd.DataFrame:
    """Tabulate accuracy and ROC AUC on corrupted images; strength 0 are the images as they are.

    Args:
        models: Those whose record has no corruptions have no rows.

    Returns:
        `model`, `corruption`, `strength`, `metric` (`accuracy` or `roc_auc`), `value`, `low`, `high`, `n`.
    """
    rows = []
    for model in models:
        robustness = model.record.robustness if model.record else None
        if robustness is None or robustness.clean is None or robustness.corruptions is None:
            continue
        for name in dict.fromkeys(corruption.name for corruption in robustness.corruptions):
            rows += _strength_rows(model.label, name, 0, robustness.clean.accuracy, robustness.clean.roc_auc)
        for each in robustness.corruptions:
            rows += _strength_rows(model.label, each.name, each.strength, each.accuracy, each.roc_auc)
    columns = ["model", "corruption", "strength", "metric", "value", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["model", "corruption", "metric", "strength"], kind="stable", ignore_index=True
    )


def training_table(models: Models) -> pd.DataFrame:
    """Join the training curves as they were logged.

    Args:
        models: Those without a log have no rows.

    Returns:
        `model`, `epoch`, and a column for whatever else a log holds.
    """
    logs = [model.log.assign(model=model.label) for model in models if model.log is not None]
    if not logs:
        return pd.DataFrame(columns=["model", "epoch"])
    table = pd.concat(logs, ignore_index=True)
    return table[["model", "epoch", *(name for name in table if name not in {"model", "epoch"})]]


def shortcut_table(models: Models) -> pd.DataFrame:
    """Tabulate `records.shortcut_measurements` of each model.

    Args:
        models: Those without a record have no rows.

    Returns:
        `model`, `test`, `figure`, `view`, `value`, `low`, `high`, `n`, `plain_auc`.
    """
    tables = [shortcut_measurements(model.record).assign(model=model.label) for model in models if model.record]
    filled = [table for table in tables if len(table)]
    columns = ["model", "test", "figure", "view", "value", "low", "high", "n", "plain_auc"]
    return pd.concat(filled, ignore_index=True)[columns] if filled else pd.DataFrame(columns=columns)


def readable_shortcuts(table: pd.DataFrame, view: str) -> pd.DataFrame:
    """Tabulate the main measurements of a `shortcut_table` for a reader.

    Args:
        table: From `shortcut_table`.
        view: The test view, for what was measured in several.

    Returns:
        A row for each of `SHORTCUT_ROWS` that some model has, in words in the column `Test`, with the number of images
        in `Images`; and a column a model with the measurement, "" where it has none.
    """
    of_view = table[(table["view"] == "") | (table["view"] == view)]
    rows = []
    for test, figure, words in SHORTCUT_ROWS:
        measured = of_view[(of_view["test"] == test) & (of_view["figure"] == figure)]
        if measured.empty:
            continue
        counts = sorted({int(n) for n in measured["n"].dropna()})
        cells = {
            row["model"]: from_table(row["value"], row["low"], row["high"]).text()
            for row in measured.to_dict("records")
        }
        rows.append({"Test": words, "Images": in_alternatives(counts), **cells})
    columns = ["Test", "Images", *dict.fromkeys(table["model"])]
    return pd.DataFrame(rows, columns=columns).fillna("")


def _stacked(
    models: Models,
    points: Callable[[EvaluatedModel, pd.DataFrame], pd.DataFrame | None],
    columns: list[str],
    view: str,
) -> pd.DataFrame:
    tables = []
    for model in models:
        if view not in model.views:
            continue
        table = points(model, model.seen_in(view))
        if table is not None:
            tables.append(table.assign(model=model.label))
    if not tables:
        return pd.DataFrame(columns=["model", *columns])
    return pd.concat(tables, ignore_index=True)[["model", *columns]]


def _strength_rows(
    label: str, corruption: str, strength: int, accuracy: Measurement, roc_auc: Measurement
) -> list[tuple[object, ...]]:
    return [
        (label, corruption, strength, metric, each.value, each.low, each.high, each.n)
        for metric, each in (("accuracy", accuracy), ("roc_auc", roc_auc))
    ]

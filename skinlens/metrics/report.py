"""Every metric of every test view, with intervals: the table that goes into the card and onto the terminal."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from skinlens.metrics.classification import METRICS, Confusion, Floats, Labels, MetricName, checked, score
from skinlens.metrics.intervals import RESAMPLES, Interval, Rate, bootstrap, delong, wilson, wilson_rate
from skinlens.metrics.rows import groups_of, labels_of, text_of
from skinlens.metrics.views import views_of


@dataclass(frozen=True)
class MetricResult:
    """One metric on one view.

    Attributes:
        value: Point estimate; None where it is undefined.
        low: Lower end of the 95 % bootstrap interval over groups; None where there is none.
        high: Upper end of it.
        n: Images the figure rests on: the malignant ones for the sensitivity, the benign ones for the specificity,
            those called malignant for the precision, else all.
        second: For accuracy, sensitivity, specificity and precision Wilson's interval, for the ROC AUC DeLong's. Both
            take images as independent.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    second: Interval | None = None


@dataclass(frozen=True)
class DiagnosisResult:
    """How often one diagnosis is called malignant, with Wilson's interval."""

    n: int
    called_malignant: int
    rate: Rate


@dataclass(frozen=True)
class ViewResult:
    """Every figure of one view.

    Attributes:
        explanation: What the view holds, for a reader.
        threshold: An image is called malignant at or above it.
        confusion: What those decisions come to.
        metrics: All of `METRICS`.
        per_diagnosis: By `dx`, in alphabetical order; images without one are left out.
    """

    explanation: str
    n: int
    benign: int
    malignant: int
    threshold: float
    confusion: Confusion
    metrics: dict[MetricName, MetricResult]
    per_diagnosis: dict[str, DiagnosisResult]


def evaluate_views(
    manifest: pd.DataFrame,
    probabilities: npt.ArrayLike,
    threshold: float,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, ViewResult]:
    """Score predictions on every test view that a manifest allows.

    Args:
        manifest: N rows, one an image: `label` benign or malignant, and optionally `group_id` (blank or missing: the
            image is a group of its own), `dx`, and the flags of `views_of`.
        probabilities: P(malignant), `(N,)` in [0, 1], in the order of the rows.
        threshold: In [0, 1]; the decision is `probability >= threshold`.
        resamples: Draws of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        Per view its figures, `all` first.

    Raises:
        ValueError: If a label, probability or flag is missing or out of range (the message names the rows), the lengths
            differ, or the manifest has no row.
    """
    labels, chances = checked(labels_of(manifest), probabilities)
    groups, diagnoses = groups_of(manifest), text_of(manifest, "dx")
    results = {}
    for name, view in views_of(manifest).items():
        truth, chance = labels[view.mask], chances[view.mask]
        scores = score(truth, chance, threshold)
        intervals = bootstrap(truth, chance, threshold, groups[view.mask], resamples=resamples, seed=seed)
        seconds = _second_intervals(truth, chance, scores.confusion)
        results[name] = ViewResult(
            explanation=view.explanation,
            n=scores.confusion.n,
            benign=scores.confusion.benign,
            malignant=scores.confusion.malignant,
            threshold=threshold,
            confusion=scores.confusion,
            metrics={
                metric: _result(scores.values[metric], intervals[metric], seconds.get(metric), scores.confusion, metric)
                for metric in METRICS
            },
            per_diagnosis=_per_diagnosis(diagnoses[view.mask], chance >= threshold),
        )
    return results


def to_json(results: dict[str, ViewResult]) -> dict[str, Any]:
    """The results as dicts, strings, ints, floats and None, for `json.dumps`."""
    return {name: asdict(result) for name, result in results.items()}


def format_views(results: dict[str, ViewResult]) -> str:
    """The results as a table for a terminal: views side by side, each figure with its bootstrap interval."""
    views = list(results.values())
    rows = [["", *results], ["images", *(str(view.n) for view in views)]]
    rows.append(["benign + malignant", *(f"{view.benign} + {view.malignant}" for view in views)])
    rows.extend(
        [metric.replace("_", " "), *(_metric_cell(view.metrics[metric]) for view in views)] for metric in METRICS
    )
    diagnoses = sorted({diagnosis for view in views for diagnosis in view.per_diagnosis})
    rows.extend(
        [f"{diagnosis} called malignant", *(_diagnosis_cell(view.per_diagnosis.get(diagnosis)) for view in views)]
        for diagnosis in diagnoses
    )
    notes = [f"{name}: {view.explanation}" for name, view in results.items()]
    return "\n".join(
        [*_aligned(rows), "", "In brackets: 95 % interval, bootstrap over groups (diagnoses: Wilson).", *notes]
    )


def _proportions(confusion: Confusion) -> dict[MetricName, tuple[int, int]]:
    return {
        "accuracy": (confusion.tn + confusion.tp, confusion.n),
        "sensitivity": (confusion.tp, confusion.malignant),
        "specificity": (confusion.tn, confusion.benign),
        "precision": (confusion.tp, confusion.called),
    }


def _second_intervals(truth: Labels, chances: Floats, confusion: Confusion) -> dict[MetricName, Interval | None]:
    seconds = {metric: wilson(*counts) for metric, counts in _proportions(confusion).items()}
    return seconds | {"roc_auc": delong(truth, chances)}


def _result(
    value: float | None, interval: Interval | None, second: Interval | None, confusion: Confusion, metric: MetricName
) -> MetricResult:
    _, n = _proportions(confusion).get(metric, (0, confusion.n))
    if value is None or interval is None:
        return MetricResult(value, None, None, n, second)
    return MetricResult(value, interval.low, interval.high, n, second)


def _per_diagnosis(diagnoses: npt.NDArray[np.object_], called: npt.NDArray[np.bool_]) -> dict[str, DiagnosisResult]:
    results = {}
    for diagnosis in sorted(set(diagnoses) - {""}):
        of_it = diagnoses == diagnosis
        n, calls = int(of_it.sum()), int((of_it & called).sum())
        results[diagnosis] = DiagnosisResult(n, calls, wilson_rate(calls, n))
    return results


def _metric_cell(result: MetricResult) -> str:
    return "undefined" if result.value is None else f"{result.value:.3f}{bracket(result.low, result.high)}"


def _diagnosis_cell(result: DiagnosisResult | None) -> str:
    if result is None:
        return "-"
    return f"{result.called_malignant}/{result.n}{bracket(result.rate.low, result.rate.high)}"


def bracket(low: float | None, high: float | None) -> str:
    """An interval as it follows a figure on a terminal; nothing where there is none."""
    return "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]

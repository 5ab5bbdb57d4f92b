"""Every metric of every test view, with intervals: the table that goes into the record, the card and the terminal."""

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_serializer, model_validator

from skinlens.metrics.classification import Confusion, Floats, Labels, checked, confusion_at
from skinlens.metrics.intervals import RESAMPLES, delong, wilson
from skinlens.metrics.measure import measure
from skinlens.metrics.measurement import NOT_MEASURED, Measurement, StoredNumbers, with_ends
from skinlens.metrics.registry import METRICS, Metric, MetricName
from skinlens.metrics.rows import groups_of, labels_of, text_of
from skinlens.metrics.views import views_of


class Document(BaseModel):
    """A part of an evaluation record. Unknown keys, which later versions may write, are kept as they are."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


class DiagnosisResult(Document):
    """How often one diagnosis is called malignant, with Wilson's interval."""

    n: int
    called_malignant: int
    rate: StoredNumbers


class ViewResult(Document):
    """Every measurement of one test view.

    In JSON the second interval stands in its metric's entry, as `second`.

    Attributes:
        explanation: The images that the view holds, for a reader.
        threshold: An image is called malignant at or above it; None where that was not recorded.
        confusion: Counts of those decisions.
        metrics: By name in `METRICS`. A metric that was added after the view was measured is missing.
        per_diagnosis: By `dx`, in alphabetical order; images without one are left out.
        second: The metrics that have a second interval, with that interval: Wilson's for a proportion, DeLong's for the
            ROC AUC. Both take images as independent.
    """

    explanation: str
    n: int
    benign: int
    malignant: int
    threshold: float | None = None
    confusion: Confusion
    metrics: dict[MetricName, Measurement]
    per_diagnosis: dict[str, DiagnosisResult] = Field(default_factory=dict)
    second: dict[MetricName, Measurement] = Field(default_factory=dict, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _second_apart(cls, document: Any) -> Any:
        if not isinstance(document, Mapping) or "second" in document:
            return document
        metrics = document.get("metrics")
        if not isinstance(metrics, Mapping):
            return document
        second = {
            name: {**entry["second"], "value": entry.get("value"), "n": entry.get("n")}
            for name, entry in metrics.items()
            if isinstance(entry, Mapping) and isinstance(entry.get("second"), Mapping)
        }
        return {**document, "second": second}

    @model_validator(mode="after")
    def _counts_agree(self) -> "ViewResult":
        if self.confusion.n != self.n:
            raise ValueError(f"confusion counts {self.confusion.n} images, not n = {self.n}")
        return self

    @field_serializer("metrics")
    def _with_second(self, metrics: dict[MetricName, Measurement]) -> dict[str, Any]:
        # Its value and n are those of the metric, and not written twice.
        second = {name: {"low": each.low, "high": each.high} for name, each in self.second.items()}
        return {name: each.numbers() | {"second": second.get(name)} for name, each in metrics.items()}


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
        Per view its measurements, `all` first.

    Raises:
        ValueError: If a label, probability or flag is missing or out of range (the message names the rows), the lengths
            differ, or the manifest has no row.
    """
    labels, probabilities = checked(labels_of(manifest), probabilities)
    groups, diagnoses = groups_of(manifest), text_of(manifest, "dx")
    results = {}
    for name, view in views_of(manifest).items():
        inside = labels[view.mask], probabilities[view.mask]
        confusion = confusion_at(*inside, threshold)
        measured = measure(*inside, threshold, groups[view.mask], *METRICS, resamples=resamples, seed=seed)
        second = {metric: _second(METRICS[metric], measured[metric], *inside, confusion) for metric in METRICS}
        called = inside[1] >= threshold
        per_diagnosis = {}
        for diagnosis in sorted(set(diagnoses[view.mask]) - {""}):
            members = diagnoses[view.mask] == diagnosis
            n, calls = int(members.sum()), int((members & called).sum())
            per_diagnosis[diagnosis] = DiagnosisResult(n=n, called_malignant=calls, rate=wilson(calls, n))
        results[name] = ViewResult(
            explanation=view.explanation,
            n=confusion.n,
            benign=confusion.benign,
            malignant=confusion.malignant,
            threshold=threshold,
            confusion=confusion,
            metrics=measured,
            per_diagnosis=per_diagnosis,
            second={metric: each for metric, each in second.items() if each is not None},
        )
    return results


def to_json(results: dict[str, ViewResult]) -> dict[str, Any]:
    """Return results for `json.dumps`.

    Args:
        results: From `evaluate_views`.

    Returns:
        Per view dicts, strings, ints, floats and None. Fields that were never set are left out, so that a record that
        was read is written as it was.
    """
    return {name: result.model_dump(mode="json", exclude_unset=True) for name, result in results.items()}


def format_views(results: dict[str, ViewResult]) -> str:
    """Tabulate results for a terminal.

    Args:
        results: From `evaluate_views`.

    Returns:
        Lines: a column a view, each measurement with its bootstrap interval, and what each view holds.
    """
    views = list(results.values())
    rows = [["", *results], ["images", *(str(view.n) for view in views)]]
    rows.append(["benign + malignant", *(f"{view.benign} + {view.malignant}" for view in views)])
    rows.extend(
        [metric.title, *(view.metrics[name].text() if name in view.metrics else NOT_MEASURED for view in views)]
        for name, metric in METRICS.items()
    )
    diagnoses = sorted({diagnosis for view in views for diagnosis in view.per_diagnosis})
    rows.extend(
        [
            f"{diagnosis} called malignant",
            *(
                f"{known.called_malignant}/{known.n} ({known.rate.interval()})" if known else "-"
                for known in (view.per_diagnosis.get(diagnosis) for view in views)
            ),
        ]
        for diagnosis in diagnoses
    )
    notes = [f"{name}: {view.explanation}" for name, view in results.items()]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    aligned = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*aligned, "", "In brackets: 95 % interval, bootstrap over groups (diagnoses: Wilson).", *notes])


def _second(
    metric: Metric, measured: Measurement, labels: Labels, probabilities: Floats, confusion: Confusion
) -> Measurement | None:
    """The metric with its second interval; None where it has none or that is undefined."""
    if measured.value is None:
        return None
    if metric.second_interval == "wilson" and metric.counts is not None:
        return wilson(*metric.counts(confusion))
    ends = delong(labels, probabilities) if metric.second_interval == "delong" else None
    return None if ends is None else with_ends(measured.value, ends, confusion.n)

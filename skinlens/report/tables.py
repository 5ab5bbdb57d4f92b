"""A card's measurements as tables for pages and documents: a value never without its interval and n."""

from collections.abc import Sequence

import pandas as pd

from skinlens.metrics.measurement import as_percent
from skinlens.metrics.registry import METRICS
from skinlens.runtime.card import EvaluationRecord, OodRecord, OperatingPoint, RiskPoint
from skinlens.translation import marked, sentence, together

CURVE_SENTENCE = marked(
    "How many of the held-out images with about this score were malignant, at that share of malignant images. The 95 % "
    "intervals come from resampling datasets and lesions. Where malignant lesions are rarer or commoner, the rates "
    "follow by Bayes' rule."
)
# Shown before the other metrics, which follow in the order of the registry.
_FIRST = ("roc_auc", "pr_auc")


def view_table(record: EvaluationRecord) -> pd.DataFrame:
    """One row a test view: how many images, and every metric with its interval."""
    rows, ordered = [], dict.fromkeys([*_FIRST, *METRICS])
    for name, view in record.views.items():
        counts = {
            marked("View"): name,
            marked("Images"): sentence(
                "{n} ({benign} benign, {malignant} malignant)", n=view.n, benign=view.benign, malignant=view.malignant
            ),
        }
        rows.append(
            counts
            | {METRICS[metric].heading: view.metrics[metric].text() for metric in ordered if metric in view.metrics}
        )
    return pd.DataFrame(rows)


def markdown_views(record: EvaluationRecord) -> str:
    """Tabulate the main metrics of every view as Markdown."""
    shown = ("roc_auc", "accuracy", "sensitivity", "specificity")
    lines = [
        "| view | images | " + " | ".join(METRICS[name].heading for name in shown) + " |",
        "| --- " * (len(shown) + 2) + "|",
    ]
    for name, view in record.views.items():
        cells = " | ".join(view.metrics[name].text() for name in shown)
        lines.append(f"| {name} | {view.benign} benign, {view.malignant} malignant | {cells} |")
    return "\n".join(lines)


def markdown_points(points: Sequence[OperatingPoint]) -> str:
    """Tabulate what every operating point does, as Markdown: a row a set of images that it was measured on."""
    lines = ["| point | threshold | measured on | sensitivity | specificity |", "| --- " * 5 + "|"]
    for point in points:
        for rates in point.measured:
            sensitivity, specificity = rates.sensitivity.text(n=True), rates.specificity.text(n=True)
            head = f"| {point.name} | {point.threshold:.4f} | {rates.measured_on} "
            lines.append(f"{head}| {sensitivity} | {specificity} |")
    return "\n".join(lines)


def point_table(point: OperatingPoint) -> pd.DataFrame:
    """One row a set of images on which the point was measured."""
    return pd.DataFrame(
        {
            marked("Measured on"): rates.measured_on,
            marked("Sensitivity"): rates.sensitivity.text(),
            marked("of malignant"): rates.sensitivity.n,
            marked("Specificity"): rates.specificity.text(),
            marked("of benign"): rates.specificity.n,
        }
        for rates in point.measured
    )


def rejection_sentence(record: OodRecord | None) -> str:
    """By what a model tells images that are not dermoscopic, and how that was chosen."""
    if record is None:
        return sentence("It rejects images by their quality alone: it has no statistics of what dermoscopy looks like.")
    return together(
        sentence(
            "Images that look less like dermoscopy than {threshold} standard deviations from the mean are rejected.",
            threshold=f"{record.threshold:.2f}",
        ),
        record.chosen_on,
    )


def curve_table(curve: Sequence[RiskPoint]) -> pd.DataFrame:
    """One row a point of the risk curve: how many of the held-out images with about that score were malignant."""
    return pd.DataFrame(
        {
            marked("Score"): f"{point.score:.3f}",
            marked("Malignant"): point.rate.text(as_percent),
            marked("Images"): point.rate.n,
        }
        for point in curve
    )

"""A card's figures as tables for pages and documents: a value never without its interval and n."""

from collections.abc import Sequence

import pandas as pd

from skinlens.runtime.card import Estimate, EvaluationRecord, OodRecord, OperatingPoint, ScoreBin

METRICS = {
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "precision": "Precision",
    "f1": "F1",
    "brier": "Brier score",
    "calibration_error": "Calibration error",
}


def figure(estimate: Estimate) -> str:
    """A value with its interval, as in `0.967 (0.951 to 0.980)`; `undefined` where it is."""
    if estimate.value is None:
        return "undefined"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def view_table(record: EvaluationRecord) -> pd.DataFrame:
    """One row a test view: how many images, and every metric with its interval."""
    rows = []
    for name, view in record.views.items():
        counts = {"View": name, "Images": f"{view.n} ({view.benign} benign, {view.malignant} malignant)"}
        rows.append(
            counts | {title: figure(view.metrics[key]) for key, title in METRICS.items() if key in view.metrics}
        )
    return pd.DataFrame(rows)


def markdown_views(record: EvaluationRecord) -> str:
    """Tabulate the main figures of every view as Markdown."""
    shown = ("roc_auc", "accuracy", "sensitivity", "specificity")
    lines = ["| view | images | " + " | ".join(METRICS[key] for key in shown) + " |", "| --- " * (len(shown) + 2) + "|"]
    for name, view in record.views.items():
        figures = " | ".join(figure(view.metrics[key]) for key in shown)
        lines.append(f"| {name} | {view.benign} benign, {view.malignant} malignant | {figures} |")
    return "\n".join(lines)


def markdown_points(points: Sequence[OperatingPoint]) -> str:
    """Tabulate what every operating point does, as Markdown: a row a set of images that it was measured on."""
    lines = ["| point | threshold | measured on | sensitivity | specificity |", "| --- " * 5 + "|"]
    for point in points:
        for rates in point.measured:
            sensitivity, specificity = (
                f"{figure(rate)}, n = {rate.n:,}" for rate in (rates.sensitivity, rates.specificity)
            )
            head = f"| {point.name} | {point.threshold:.4f} | {rates.measured_on} "
            lines.append(f"{head}| {sensitivity} | {specificity} |")
    return "\n".join(lines)


def point_table(point: OperatingPoint) -> pd.DataFrame:
    """One row a set of images on which the point was measured."""
    return pd.DataFrame(
        {
            "Measured on": rates.measured_on,
            "Sensitivity": figure(rates.sensitivity),
            "of malignant": rates.sensitivity.n,
            "Specificity": figure(rates.specificity),
            "of benign": rates.specificity.n,
        }
        for rates in point.measured
    )


def rejection_sentence(record: OodRecord | None) -> str:
    """By what a model tells images that are not dermoscopic, and how that was chosen."""
    if record is None:
        return "It rejects images by their quality alone: it has no statistics of what dermoscopy looks like."
    return (
        f"Images that look less like dermoscopy than {record.threshold:.2f} standard deviations from the mean are "
        f"rejected. {record.chosen_on}"
    )


def bin_table(bins: Sequence[ScoreBin]) -> pd.DataFrame:
    """One row a bin of the estimate: what came true among the images in it."""
    return pd.DataFrame(
        {
            "Estimate": f"{each.low:.3f} to {each.high:.3f}",
            "Malignant": figure(each.rate),
            "Images": each.rate.n,
        }
        for each in bins
    )

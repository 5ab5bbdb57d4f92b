"""Measurements on source datasets that a model had not seen in training: one row a model, one column a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict

from skinlens.leaderboard.datasets import dataset_title, in_order
from skinlens.metrics.classification import checked
from skinlens.metrics.intervals import RESAMPLES, wilson
from skinlens.metrics.measure import measure_roc_auc
from skinlens.metrics.measurement import Measurement, StoredNumbers
from skinlens.metrics.operating_points import LEAST_RATE
from skinlens.metrics.rows import groups_of, labels_of
from skinlens.translation import marked, sentence

INTERVAL = f"95 %: ROC AUC by bootstrap over groups ({RESAMPLES} resamples), specificity by Wilson"
COLUMNS = ("model", "kind", "default", "origin", "dataset", "roc_auc", "low", "high", "n", "benign", "malignant",
           "specificity")  # fmt: skip


class HeldOutMeasurements(BaseModel):
    """Measurements on images that were held out together.

    Attributes:
        roc_auc: With its interval; `value` is None where one label is missing.
        specificity: At the highest threshold that detects 95 % of the malignant images, chosen on these images.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    n: int
    benign: int
    malignant: int
    roc_auc: StoredNumbers
    specificity: StoredNumbers


@dataclass(frozen=True)
class HeldOutModel:
    """A model, or a probe, with its measurements on datasets that it had not seen.

    Attributes:
        title: As a reader should see it.
        kind: `model`, or `probe` of the pretrained weights that a model starts from.
        default: Whether it is the app's default model.
        datasets: Measurements by `origin`.
        name: Of the model, or of the probe's record; "" where nobody asks for it.
    """

    title: str
    kind: Literal["model", "probe"]
    default: bool
    datasets: dict[str, HeldOutMeasurements]
    name: str = ""


def measure_held_out(rows: pd.DataFrame, *, resamples: int = RESAMPLES) -> HeldOutMeasurements:
    """Measure predictions on images that were held out together.

    Args:
        rows: N rows with `label`, `probability` and optionally `group_id`.
        resamples: Draws of the bootstrap.

    Returns:
        Rounded to five digits, as they are kept.

    Raises:
        ValueError: As for `registry.score`.
    """
    labels, probabilities = labels_of(rows), rows["probability"].to_numpy()
    malignant = int(labels.sum())
    return HeldOutMeasurements(
        n=len(labels),
        benign=len(labels) - malignant,
        malignant=malignant,
        roc_auc=_rounded(measure_roc_auc(labels, probabilities, groups_of(rows), resamples=resamples)),
        specificity=_rounded(specificity_at_sensitivity(labels, probabilities)),
    )


def measure_datasets(rows: pd.DataFrame, *, resamples: int = RESAMPLES) -> dict[str, HeldOutMeasurements]:
    """Measure predictions on each source dataset; otherwise as `measure_held_out`.

    Args:
        rows: N rows with `origin`, `label`, `probability` and optionally `group_id`.
        resamples: Draws of the bootstrap.

    Returns:
        By `origin`, as `datasets.in_order` sorts them.
    """
    origins = rows["origin"].astype(str)
    return {origin: measure_held_out(rows[origins == origin], resamples=resamples) for origin in in_order(set(origins))}


def specificity_at_sensitivity(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, least: float = LEAST_RATE
) -> Measurement:
    """Measure the share of benign images below the highest threshold that detects a share of the malignant ones.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1]; compared unrounded.
        least: Sensitivity that is wanted, in (0, 1].

    Returns:
        The share with Wilson's interval; undefined, with `n` 0, where one label is missing.

    Raises:
        ValueError: As for `metrics.score`.
    """
    labels, probabilities = checked(labels, probabilities)
    malignant, benign = np.sort(probabilities[labels == 1])[::-1], probabilities[labels == 0]
    if not len(malignant) or not len(benign):
        return wilson(0, 0)
    # The tolerance keeps 0.95 * 20 from being 20 by a rounding error.
    detected = max(1, int(np.ceil(least * len(malignant) - 1e-9)))
    return wilson(int((benign < malignant[detected - 1]).sum()), len(benign))


def mean_area(datasets: dict[str, HeldOutMeasurements], origins: Sequence[str]) -> float | None:
    """Average the ROC AUC over some datasets, each counting the same.

    Args:
        datasets: Measurements by `origin`.
        origins: Which of them.

    Returns:
        In [0, 1]; None if there is none, or one was not measured or is undefined.
    """
    areas = [datasets[origin].roc_auc.value if origin in datasets else None for origin in origins]
    defined = [area for area in areas if area is not None]
    return float(np.mean(defined)) if areas and len(defined) == len(areas) else None


def averaged_origins(models: Sequence[HeldOutModel]) -> list[str]:
    """List the datasets over which means are compared.

    Args:
        models: With their measurements.

    Returns:
        Those on which the default model was measured, so that its mean is the same wherever it is shown; without a
        default model those on which every model was measured. As `datasets.in_order` sorts them.
    """
    every = [set(model.datasets) for model in [model for model in models if model.default] or models]
    return in_order(set.intersection(*every)) if every else []


def held_out_table(models: Sequence[HeldOutModel]) -> pd.DataFrame:
    """Tabulate measurements by model and dataset.

    Args:
        models: With their measurements.

    Returns:
        `COLUMNS`, a row a model and dataset; models by their mean over `averaged_origins`, the best first.
    """
    rows = [
        (
            model.title, model.kind, model.default, origin, dataset_title(origin),
            each.roc_auc.value, each.roc_auc.low, each.roc_auc.high, each.n, each.benign, each.malignant,
            each.specificity.value,
        )
        for model in _best_first(models)
        for origin in in_order(set(model.datasets))
        for each in [model.datasets[origin]]
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def readable_held_out(models: Sequence[HeldOutModel]) -> pd.DataFrame:
    """Tabulate ROC AUC for a reader: a row a model, the best first, and a column a dataset.

    Args:
        models: With their measurements.

    Returns:
        `Model`, `Mean` over `averaged_origins` (a hyphen for a model that was not measured on all of them), then by
        dataset the ROC AUC with its interval and its number of images, "not held out" where a model was not measured.
    """
    averaged = averaged_origins(models)
    origins = in_order({origin for model in models for origin in model.datasets})
    rows = []
    for model in _best_first(models):
        mean = mean_area(model.datasets, averaged)
        title = sentence("{model} (this app's model)", model=model.title) if model.default else model.title
        row: dict[str, object] = {
            marked("Model"): title,
            marked("Mean"): "-" if mean is None else f"{mean:.3f}",
        }
        for origin in origins:
            known = model.datasets.get(origin)
            row[dataset_title(origin)] = (
                sentence("not held out")
                if known is None
                else sentence("{measured}, n = {n}", measured=known.roc_auc.text(), n=f"{known.n:,}")
            )
        rows.append(row)
    return pd.DataFrame(rows, columns=["Model", "Mean", *(dataset_title(origin) for origin in origins)])


def markdown_held_out(models: Sequence[HeldOutModel]) -> str:
    """Tabulate every model on every dataset that it had not seen, as Markdown.

    Means over `averaged_origins` stand at the end. Each row has its own counts, since models may have been measured on
    different images of a dataset.

    Args:
        models: With their measurements.
    """
    ordered = _best_first(models)
    lines = [
        f"| held out | model | images | malignant | ROC AUC | specificity at a sensitivity of {LEAST_RATE:.0%} |",
        "| --- " * 6 + "|",
    ]
    for origin in in_order({origin for model in models for origin in model.datasets}):
        for model in ordered:
            if measured := model.datasets.get(origin):
                shown = f"{measured.roc_auc.text()} | {measured.specificity.text()}"
                cells = (dataset_title(origin), model.title, f"{measured.n:,}", f"{measured.malignant:,}", shown)
                lines.append(f"| {' | '.join(cells)} |")
    averaged = averaged_origins(models)
    means = [(model.title, mean_area(model.datasets, averaged)) for model in ordered]
    lines += [
        f"| mean of {', '.join(averaged)} | {title} | | | {mean:.3f} | |" for title, mean in means if mean is not None
    ]
    return "\n".join(lines)


def markdown_headline(model: HeldOutModel) -> list[str]:
    """List the rows of one model for a table of `measured on`, `images`, `malignant` and `ROC AUC`, the mean last.

    Args:
        model: With its measurements.
    """
    origins = in_order(set(model.datasets))
    rows = [
        f"| {dataset_title(origin)}, held out | {each.n:,} | {each.malignant:,} | {each.roc_auc.text()} |"
        for origin in origins
        for each in [model.datasets[origin]]
    ]
    mean = mean_area(model.datasets, origins)
    return rows if mean is None else [*rows, f"| mean of these datasets | | | {mean:.3f} |"]


def _best_first(models: Sequence[HeldOutModel]) -> list[HeldOutModel]:
    averaged = averaged_origins(models)
    return sorted(models, key=lambda model: -(mean_area(model.datasets, averaged) or 0.0))


def _rounded(measurement: Measurement) -> Measurement:
    numbers = (measurement.value, measurement.low, measurement.high)
    value, low, high = (None if number is None else round(number, 5) for number in numbers)
    return replace(measurement, value=value, low=low, high=high)

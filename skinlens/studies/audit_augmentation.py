"""Audit of a recipe's augmentation: does compression still give the label away in what a network is shown?"""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skinlens.metrics.classification import Floats
from skinlens.metrics.measure import measure
from skinlens.metrics.measurement import from_table
from skinlens.metrics.rows import evenly_spread, groups_of, labels_of
from skinlens.storage.results import write_results
from skinlens.studies.compression_traits import compression_features, label_probabilities
from skinlens.training.dataset import DecodedRows, TrainingImages
from skinlens.training.manifest import read_manifests, training_rows, usable_rows
from skinlens.training.recipe import read_recipe
from skinlens.training.sampling import row_weights

_LOG = logging.getLogger(__name__)

_LEAST = 40
_ANY_THRESHOLD = 0.5
STAGES = ("decoded", "augmented")


def audit_augmentation(recipe: Path, data: Sequence[Path], out: Path, *, images: int, seed: int) -> None:
    """Measure, dataset by dataset, how well compression alone predicts the label before and after augmentation.

    Where two manifests hold images of one dataset, also measure how well it predicts which of the two an image is from.

    Args:
        recipe: A recipe.
        data: Manifests with a column `origin`.
        out: Folder of the results, `<recipe>.json` and `.md`.
        images: Images of each dataset, evenly spread over the labels.
        seed: Of the augmentation.

    Raises:
        RecipeError: If the recipe cannot be read.
        ManifestError: If a manifest cannot be used.
        ImageRejectedError: If an image cannot be used.
        OutputError: If the results cannot be written.
    """
    settings = read_recipe(recipe)
    rows, _ = training_rows(usable_rows(read_manifests(data), settings.leave_out, paired_origins=True), None)
    lines = []
    for origin, part in rows.groupby("origin"):
        if part["label"].value_counts().min() < _LEAST:
            continue
        chosen = part.iloc[evenly_spread(labels_of(part), min(images, len(part)))].reset_index(drop=True)
        # As the images are decoded, and as one epoch shows them.
        decoded = DecodedRows(chosen, side=settings.keep_side, outlines=settings.needs_outlines)
        weights = row_weights(chosen, settings.balance, even_labels=settings.even_labels)
        size = settings.schedule.size(settings.schedule.epochs - 1, settings.preprocessing.size)
        shown = TrainingImages(decoded, weights, settings.compose(size), seed=seed)
        features = {
            "decoded": np.stack([compression_features(decoded.pixels(row)) for row in range(len(chosen))]),
            "augmented": np.stack([compression_features(shown[0, row][0].numpy()) for row in range(len(chosen))]),
        }
        lines += [_line(str(origin), "label", stage, chosen, labels_of(chosen), features[stage]) for stage in STAGES]
        files = chosen["manifest"].value_counts()
        if len(files) > 1 and files.iloc[1] >= _LEAST:
            both = chosen["manifest"].isin(files.index[:2]).to_numpy()
            which = (chosen["manifest"][both] == files.index[0]).to_numpy().astype(np.int64)
            lines += [
                _line(str(origin), "manifest", stage, chosen[both], which, features[stage][both]) for stage in STAGES
            ]
        _LOG.info("measured %d images of %s", len(chosen), origin)
    record = {"recipe": settings.name, "data": [path.name for path in data], "seed": seed, "results": lines}
    write_results(out, settings.name, record, summarise(record))


def _line(origin: str, target: str, stage: str, rows: pd.DataFrame, labels: Any, features: Floats) -> dict[str, Any]:
    probabilities = label_probabilities(features, labels, groups_of(rows))
    auc = measure(labels, probabilities, _ANY_THRESHOLD, groups_of(rows), "roc_auc")["roc_auc"]
    return {"origin": origin, "target": target, "stage": stage, **asdict(auc)}


def summarise(record: dict[str, Any]) -> str:
    """Return the results as Markdown: a row a dataset and what is predicted.

    Args:
        record: What the JSON holds.
    """
    lines = [
        f"# Does compression give the label away? Recipe {record['recipe']}",
        "",
        "ROC AUC of gradient boosting on traces of the file in the pixels (JPEG squares, fine detail, spectrum), five "
        "folds of whole lesions, 95 % bootstrap intervals over lesions. 0.5: it says nothing about the label.",
        "",
        "| dataset | what is predicted | n | as decoded | as augmented |",
        "| --- | --- | --- | --- | --- |",
    ]
    results = {(one["origin"], one["target"], one["stage"]): one for one in record["results"]}
    for origin, target in dict.fromkeys((one["origin"], one["target"]) for one in record["results"]):
        before, after = (results[origin, target, stage] for stage in STAGES)
        shown = " | ".join(from_table(one["value"], one["low"], one["high"]).text() for one in (before, after))
        lines.append(f"| {origin} | {target} | {before['n']} | {shown} |")
    return "\n".join([*lines, ""])

"""`skinlens export --int8` and `--fp16`: a graph of lower precision from a released model and labelled images."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from skinlens.errors import OutputError, UsageError
from skinlens.export.reduced import Method, build_fp16, build_int8
from skinlens.imaging.decode import decode_trusted
from skinlens.imaging.image import ImageRejectedError, LesionImage
from skinlens.imaging.preprocess import Preprocessing, to_input
from skinlens.runtime.predictor import card_of
from skinlens.runtime.reduced import Reduced, reduced_folder
from skinlens.training.manifest import read_manifests

# Training images whose activations give the ranges; more change them little.
CALIBRATION_IMAGES = 256
# Images on which the results are compared.
COMPARED_IMAGES = 1000


def reduce_precision(
    name: str,
    precision: Literal["int8", "fp16"],
    data: Sequence[Path],
    *,
    weights: Path,
    method: Method = "percentile",
    calibration: int = CALIBRATION_IMAGES,
    compared: int = COMPARED_IMAGES,
    unverified: bool = False,
) -> str:
    """Build a graph of lower precision on this machine, and keep it in the data folder.

    Args:
        name: Of a released model.
        precision: Of the new graph.
        data: Manifests. Training rows calibrate; test rows, or else other rows, are compared.
        weights: The folder of released models.
        method: How ranges follow from the calibration images.
        calibration: Most images that calibrate, spread evenly over the training rows.
        compared: Most images that are compared, likewise.
        unverified: Accept a card that was not released.

    Returns:
        What was measured, in words, with where the graph lies.

    Raises:
        ManifestError: If a manifest cannot be used.
        ModelFileError: If the model is missing or altered.
        ReducedError: If its answers differ too much; then nothing is kept.
        OutputError: If it cannot be written.
        UsageError: If no image can be used.
    """
    card = card_of(name, weights, unverified=unverified)
    rows = read_manifests(data)
    calibrated = evenly(rows[rows["split"] == "train"], calibration)
    images, labels = labelled_images(compared_rows(rows.drop(calibrated.index), compared), card.preprocessing)
    try:
        if precision == "fp16":
            done = build_fp16(card, weights, compared=images, labels=labels)
        else:
            inputs = [image.pixels for image in labelled_images(calibrated, card.preprocessing)[0]]
            names = [path.name for path in data]
            done = build_int8(
                card, weights, calibration=inputs, compared=images, labels=labels, data=names, method=method
            )
    except OSError as error:
        raise OutputError(f"the {precision} graph cannot be kept: {error}") from error
    return "\n".join([_in_words(done), f"kept in {reduced_folder(card)}"])


def evenly(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return at most so many rows, spread evenly over all of them."""
    places = np.linspace(0, len(rows) - 1, min(most, len(rows)))
    return rows.iloc[np.unique(places.round().astype(int))]


def compared_rows(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return at most so many test rows, spread evenly over them; of all rows where there are none."""
    test = rows[rows["split"] == "test"]
    return evenly(rows if test.empty else test, most)


def labelled_images(rows: pd.DataFrame, preprocessing: Preprocessing) -> tuple[list[LesionImage], list[int]]:
    """Return the images of a manifest's rows, and 0 or 1 (malignant) for each; unreadable ones are left out.

    Args:
        rows: Of `read_manifests`.
        preprocessing: Of the model. Images come at its input's size, so that a thousand fit into memory.

    Raises:
        UsageError: If none can be read.
    """
    images, labels = [], []
    for file, label in zip(rows["file"], rows["malignant"], strict=True):
        try:
            image = decode_trusted(Path(str(file)))
        except ImageRejectedError:
            continue
        images.append(replace(image, pixels=to_input(image.pixels, preprocessing)))
        labels.append(int(label))
    if not images:
        raise UsageError("no image of the manifests can be used")
    return images, labels


def _in_words(done: Reduced) -> str:
    sentences = []
    for engine, measured in done.measured.items():
        changed = "" if measured.risk is None else f", the risk by up to {measured.risk:.4f}"
        area = "" if measured.auc_change is None else f", and changes the ROC AUC by {measured.auc_change:+.4f}"
        may = "may be chosen" if measured.keeps_results else "is used only if it is named"
        sentences.append(
            f"{engine}: on {measured.images} images it changes P(malignant) by up to {measured.probability:.4f}"
            f"{changed}, keeps {100 * measured.decisions_kept:.2f} % of the decisions{area}. It {may}."
        )
    return "\n".join(sentences)

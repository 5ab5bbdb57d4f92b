"""The index of similar images: made from a model's training images, measured on lesions that are not in it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skinlens.errors import OutputError
from skinlens.explain.similar import NEAREST, SimilarIndex, encoded, projected, save_similar_index
from skinlens.metrics.intervals import percentiles, resample_weights
from skinlens.metrics.measurement import Measurement, as_percent
from skinlens.runtime.card import ModelFile, SimilarRecord, sha256_of
from skinlens.runtime.prediction import Floats
from skinlens.runtime.predictor import DEFAULT_MODEL, load_predictor
from skinlens.runtime.released import store_card
from skinlens.runtime.weights import weights_folder
from skinlens.storage.results import write_results
from skinlens.studies.feature_cache import features_of
from skinlens.studies.subgroups import DIAGNOSES
from skinlens.training.manifest import ManifestError, read_manifests, training_rows, usable_rows

# More dimensions did not find more images of the same diagnosis.
DIMENSIONS = 64
# Lesions of this fold are asked for while the other folds are the index.
ASKED_FOLD = 0
_RESAMPLES = 1000
_SPLIT = (
    "Images of fold {fold} were looked up among those of the other folds, by the model that was trained on both: their "
    "similarity is what the model makes of them, and no measure of how well it recognises a diagnosis."
)


def measure_similar(
    model: str | None,
    data: Sequence[Path],
    out: Path,
    *,
    cache: Path | None,
    release: bool,
    unverified: bool = False,
) -> str:
    """Make the index of a model's training images and measure it; writes `<model>.similar.json` and no pixel.

    Args:
        model: Name of a released model; None for the default one.
        data: The manifests that it was trained on; test rows and their train-test duplicates stay out.
        out: Folder of the result.
        cache: A file that keeps features between calls, by the images' digests; None keeps nothing.
        release: Write the index beside the model's card, and name it there.
        unverified: Accept a card that was not released.

    Returns:
        The result in words.

    Raises:
        ManifestError: If a manifest cannot be used, or lacks the column `isic_id` or `dx`.
        ModelFileError: If the model is missing or altered.
        ImageRejectedError: If an image cannot be used.
        OutputError: If the index or the result cannot be written.
    """
    predictor = load_predictor(model or DEFAULT_MODEL, unverified=unverified)
    rows = _indexed_rows(data, predictor.card.training.recipe)
    features = np.stack(
        [values for _, values in features_of(predictor, rows["file"].tolist(), lambda each: each.features, cache)]
    )
    asked = (rows["fold"] == ASKED_FOLD).to_numpy()
    measured = _found(index_of(features[~asked], rows[~asked]), features[asked], rows[asked])
    record: dict[str, Any] = {
        "model": predictor.model.name,
        "weights_sha256": predictor.model.sha256,
        "data": {path.name: sha256_of(path) for path in data},
        "split": _SPLIT.format(fold=ASKED_FOLD),
        "nearest": NEAREST,
        "dimensions": DIMENSIONS,
        "indexed": len(rows),
        **measured,
    }
    write_results(out, f"{predictor.model.name}.similar", record)
    if release:
        path = weights_folder() / f"{predictor.card.name}.similar.safetensors"
        try:
            save_similar_index(index_of(features, rows), path)
            file = ModelFile(file=path.name, sha256=sha256_of(path), bytes=path.stat().st_size)
            described = SimilarRecord(index=file, images=len(rows), measured=_words(record))
            store_card(predictor.card.model_copy(update={"similar": described}), weights_folder())
        except OSError as error:
            raise OutputError(f"the index cannot be written beside the card: {error}") from error
    return _words(record)


def index_of(features: Floats, rows: pd.DataFrame, dimensions: int = DIMENSIONS) -> SimilarIndex:
    """Return the index of some images.

    Args:
        features: Pooled features, `(N, C)`.
        rows: N rows with `isic_id`, `path`, `dx`, `origin`, `malignant` and `group_id`.
        dimensions: Principal directions to keep; at most C and N.
    """
    centre = features.mean(axis=0)
    _, _, directions = np.linalg.svd(features - centre, full_matrices=False)
    # The file holds half precision; the codes are made with what a reader of it has.
    kept = directions[:dimensions].astype(np.float16).astype(np.float32)
    lesions = pd.factorize(rows["group_id"])[0]
    return SimilarIndex(
        centre=centre,
        directions=kept,
        codes=encoded(projected(features, centre, kept)),
        lesions=np.asarray(lesions, np.int32),
        malignant=rows["malignant"].to_numpy().astype(bool),
        image_ids=tuple(rows["isic_id"]),
        paths=tuple(rows["path"]),
        diagnoses=tuple(rows["dx"]),
        datasets=tuple(rows["origin"]),
    )


def _indexed_rows(data: Sequence[Path], recipe: dict[str, Any]) -> pd.DataFrame:
    """Return the rows that the model was trained on, with the texts that the index needs."""
    rows = read_manifests(data)
    absent = {"isic_id", "dx", "origin"} - set(rows)
    if absent:
        raise ManifestError(f"the manifests lack the column {', '.join(sorted(absent))}")
    usable = usable_rows(rows, recipe.get("leave_out", ()), paired_origins=bool(recipe.get("paired_origins")))
    rows, _ = training_rows(usable, None)
    diagnoses = rows["dx"].fillna("").astype(str).str.strip().str.lower()
    return rows.assign(
        dx=diagnoses.replace(DIAGNOSES), isic_id=rows["isic_id"].fillna(rows["path"].map(lambda path: Path(path).stem))
    )


def _found(index: SimilarIndex, features: Floats, rows: pd.DataFrame) -> dict[str, Any]:
    """Return how often a similar image has the diagnosis, and the label, of the image asked for."""
    nearest = [index.nearest(values) for values in features]
    shares = pd.Series(index.diagnoses).value_counts(normalize=True)
    labels = [
        np.mean([image.malignant == bool(malignant) for image in measured])
        for measured, malignant in zip(nearest, rows["malignant"], strict=True)
    ]
    diagnoses = [
        np.mean([image.diagnosis == dx for image in measured]) for measured, dx in zip(nearest, rows["dx"], strict=True)
    ]
    known = (rows["dx"] != "").to_numpy()
    return {
        "same_label": _share(np.array(labels), rows["group_id"]).numbers(),
        "same_diagnosis": _share(np.array(diagnoses)[known], rows["group_id"][known]).numbers(),
        "same_diagnosis_by_chance": round(float(shares.reindex(rows["dx"][known]).fillna(0.0).mean()), 5),
    }


def _share(shares: Floats, groups: pd.Series) -> Measurement:
    """Return the mean over images of the share of their neighbours, with a bootstrap interval over lesions."""
    drawn = [
        np.average(shares, weights=weights)
        for block in resample_weights(groups.to_numpy(), resamples=_RESAMPLES, seed=0)
        for weights in block
    ]
    low, high = percentiles(np.array(drawn)) or (None, None)
    return Measurement(float(shares.mean()), low, high, len(shares))


def _words(record: dict[str, Any]) -> str:
    measured = Measurement(**record["same_diagnosis"])
    return (
        f"{record['indexed']} training images. Of the {record['nearest']} nearest images from other lesions, "
        f"{measured.text(as_percent, n=True)} had the same diagnosis; by chance it would be "
        f"{as_percent(record['same_diagnosis_by_chance'])}. {record['split']}"
    )

"""`skinlens similar` on drawn images: which rows it lists, what it measures, and what it releases."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skinlens.errors import UsageError
from skinlens.explain.similar import load_similar_index
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.runtime.card import ModelCard, read_card
from skinlens.runtime.predictor import DEFAULT_MODEL
from skinlens.studies import similar_images as command
from skinlens.studies.similar_images import NEAREST, measure_similar
from skinlens.training.manifest import ManifestError

DRAWN = 30


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of drawn lesions: a test row, a duplicate of a test row and a dataset of one label among them."""
    folder = tmp_path_factory.mktemp("similar")
    numbers = np.arange(DRAWN)
    for number in numbers:
        pixels = draw_pixels(int(number), height=64, width=80, malignant_look=number % 2 == 1)
        (folder / f"{number}.png").write_bytes(encode_png(pixels))
    pd.DataFrame(
        {
            "path": [f"{number}.png" for number in numbers],
            "isic_id": [f"ISIC_{number}" for number in numbers],
            "label": np.where(numbers % 2 == 1, "malignant", "benign"),
            "dx": np.where(numbers % 2 == 1, "Melanoma", "naevus"),
            "origin": np.where(numbers >= DRAWN - 2, "alone", "here"),
            "group_id": [f"L{number}" for number in numbers],
            "fold": numbers // 2 % 3,
            "split": np.where(numbers == 0, "test", "train"),
            "twin_in_test": (numbers == 2).astype(int),
        }
    ).drop(index=DRAWN - 1).to_csv(folder / "rows.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def released(data: Path, tmp_path_factory: pytest.TempPathFactory, released_folder: Path) -> Path:
    """A copy of the weights folder into which the index was released."""
    weights = tmp_path_factory.mktemp("weights")
    for file in released_folder.glob(f"{DEFAULT_MODEL}.*"):
        shutil.copyfile(file, weights / file.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "load_predictor", _loader(weights))
        patch.setattr(command, "weights_folder", lambda: weights)
        patch.setattr(command, "store_card", _store)
        measure_similar(None, [data / "rows.csv"], weights / "out", cache=weights / "kept.safetensors", release=True)
    return weights


def _loader(weights: Path) -> Callable[..., Any]:
    from skinlens.runtime.predictor import load_predictor

    return lambda name, **options: load_predictor(name, weights, **{**options, "unverified": True})


def _store(card: ModelCard, folder: Path) -> None:
    from skinlens.runtime.card import write_card

    write_card(card, folder / f"{card.name}.json")


@pytest.mark.slow
def test_the_index_holds_the_rows_that_the_model_was_trained_on(released: Path) -> None:
    card = read_card(released / f"{DEFAULT_MODEL}.json")
    index = load_similar_index(card, released)
    assert index is not None
    assert card.similar is not None
    # Not the test row, its duplicate, or the image of a dataset with one label.
    absent = {"ISIC_0", "ISIC_2", f"ISIC_{DRAWN - 2}"}
    assert set(index.image_ids) == {f"ISIC_{number}" for number in range(DRAWN - 1)} - absent
    assert card.similar.images == len(index.image_ids) == DRAWN - 4
    assert set(index.diagnoses) == {"nv", "mel"}


def test_what_was_measured_is_written_with_its_number_of_images(released: Path) -> None:
    record = json.loads((released / "out" / f"{DEFAULT_MODEL}.similar.json").read_text("utf-8"))
    asked = record["same_diagnosis"]
    assert record["indexed"] == DRAWN - 4
    assert asked["n"] == record["same_label"]["n"]
    assert 0 <= asked["low"] <= asked["value"] <= asked["high"] <= 1
    # A diagnosis names its label here, so that the two shares are one.
    assert asked["value"] == record["same_label"]["value"]
    assert record["nearest"] == NEAREST


def test_features_are_kept_and_belong_to_one_model(data: Path, released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "load_predictor", _loader(released))

    def never(*_arguments: object) -> None:
        raise AssertionError("the model ran again")

    monkeypatch.setattr("skinlens.runtime.predictor.Predictor._predict_batch", never)
    measure_similar(None, [data / "rows.csv"], released / "again", cache=released / "kept.safetensors", release=False)
    assert (released / "again" / f"{DEFAULT_MODEL}.similar.json").is_file()
    monkeypatch.undo()
    with pytest.raises(UsageError, match="features of another model"):
        measure_similar(
            "asff_resnet50_paper", [data / "rows.csv"], released, cache=released / "kept.safetensors", release=False
        )


def test_a_manifest_without_ids_is_an_error(data: Path, tmp_path: Path) -> None:
    rows = pd.read_csv(data / "rows.csv").drop(columns="isic_id")
    rows["path"] = [str(data / name) for name in rows["path"]]
    rows.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(ManifestError, match="lack the column isic_id"):
        measure_similar(None, [tmp_path / "rows.csv"], tmp_path, cache=None, release=False)

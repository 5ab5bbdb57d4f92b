"""Similar images: who is nearest, one of each lesion, and what a file of the index keeps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skinlens.explain.similar import (
    SimilarImage,
    SimilarIndex,
    by_diagnosis,
    data_folder,
    load_similar_index,
    save_similar_index,
    similar_sentence,
)
from skinlens.runtime.card import ModelCard, ModelFile, ModelFileError, SimilarRecord, read_card, sha256_of
from skinlens.studies.similar_images import index_of

N, CHANNELS = 60, 12


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """Two kinds of lesions, far from each other; two images of each lesion, which differ a little."""
    random = np.random.default_rng(3)
    kinds = np.repeat([[4.0] * CHANNELS, [-4.0] * CHANNELS], N // 2, axis=0)
    lesions = np.repeat(random.normal(size=(N // 2, CHANNELS)), 2, axis=0)
    return (kinds + lesions + random.normal(scale=0.05, size=(N, CHANNELS))).astype(np.float32)


@pytest.fixture(scope="module")
def index(features: np.ndarray) -> SimilarIndex:
    numbers = np.arange(N)
    rows = pd.DataFrame(
        {
            "isic_id": [f"ISIC_{number}" for number in numbers],
            "path": [f"extra/{number}.png" for number in numbers],
            "dx": np.where(numbers < N // 2, "nv", "mel"),
            "origin": "ham",
            "malignant": (numbers >= N // 2).astype(int),
            "group_id": [f"L{number // 2}" for number in numbers],
        }
    )
    return index_of(features, rows, dimensions=8)


def test_an_image_is_nearest_to_itself(index: SimilarIndex, features: np.ndarray) -> None:
    for number in (0, 17, 44):
        first = index.nearest(features[number], 1)[0]
        assert first.image_id == f"ISIC_{number}"
        assert first.same
        assert first.similarity == pytest.approx(1, abs=0.01)


def test_the_nearest_come_first_and_show_a_lesion_once(index: SimilarIndex, features: np.ndarray) -> None:
    found = index.nearest(features[40], 10)
    assert [image.similarity for image in found] == sorted((image.similarity for image in found), reverse=True)
    lesions = [int(image.image_id.removeprefix("ISIC_")) // 2 for image in found]
    assert len(set(lesions)) == 10
    assert all(image.diagnosis == "mel" and image.malignant for image in found)
    assert by_diagnosis(found) == [("mel", 10)]
    assert similar_sentence(found) == "Of the 10 most similar training images, 10 were malignant."


def test_the_nearest_are_those_of_the_exact_cosine(index: SimilarIndex, features: np.ndarray) -> None:
    centred = (features - features.mean(axis=0)) @ index.directions.T
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    exact = unit @ unit[5]
    found = {image.image_id: image.similarity for image in index.nearest(features[5], 15)}
    for name, similarity in found.items():
        assert similarity == pytest.approx(float(exact[int(name.removeprefix("ISIC_"))]), abs=0.01)


def test_there_are_no_more_similar_images_than_lesions(index: SimilarIndex, features: np.ndarray) -> None:
    assert len(index.nearest(features[0], 1000)) == N // 2


def test_features_of_another_network_are_an_error(index: SimilarIndex) -> None:
    with pytest.raises(ValueError, match="features of length 5; the index has 12"):
        index.nearest(np.zeros(5, np.float32))


def test_parts_that_do_not_fit_together_are_an_error(index: SimilarIndex) -> None:
    with pytest.raises(ValueError, match="do not fit together"):
        replace(index, paths=index.paths[1:])


def card_with(index: SimilarIndex, folder: Path, released_folder: Path) -> tuple[ModelCard, Path]:
    file = folder / "m.similar.safetensors"
    save_similar_index(index, file)
    record = SimilarRecord(
        index=ModelFile(file=file.name, sha256=sha256_of(file), bytes=file.stat().st_size), images=N, measured="not"
    )
    return read_card(released_folder / "asff_resnet50.json").model_copy(update={"similar": record}), file


def test_an_index_reads_as_it_was_written(
    index: SimilarIndex, features: np.ndarray, tmp_path: Path, released_folder: Path
) -> None:
    card, file = card_with(index, tmp_path, released_folder)
    again = load_similar_index(card, tmp_path)
    assert again is not None
    assert again.nearest(features[33]) == index.nearest(features[33])
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelFileError, match="may be damaged or altered"):
        load_similar_index(card, tmp_path)


def test_a_card_without_an_index_has_no_similar_images(released_folder: Path, tmp_path: Path) -> None:
    card = read_card(released_folder / "asff_resnet50.json").model_copy(update={"similar": None})
    assert load_similar_index(card, tmp_path) is None
    assert "similar" not in card.model_dump()


@pytest.mark.parametrize("path", ["../outside.png", "/etc/hostname", "extra/absent.png", ""])
def test_only_files_of_the_data_folder_are_shown(path: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "outside.png").write_bytes(b"x")
    image = SimilarImage("a", path, "nv", "ham", malignant=False, similarity=0.5)
    assert image.file_in(tmp_path / "data") is None
    assert image.file_in(None) is None


def test_a_file_of_the_data_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "1.png").write_bytes(b"x")
    monkeypatch.setenv("SKINLENS_DATA", str(tmp_path))
    image = SimilarImage("a", "extra/1.png", "nv", "ham", malignant=False, similarity=0.5)
    assert image.file_in(data_folder()) == tmp_path / "extra" / "1.png"
    monkeypatch.setenv("SKINLENS_DATA", str(tmp_path / "absent"))
    assert data_folder() is None

"""The predictor: what it answers, that batches and threads change nothing, and what bad model files get."""

import hashlib
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from skinlens.imaging.image import LesionImage
from skinlens.runtime import predictor as predictor_module
from skinlens.runtime.card import Calibration, ModelCard, ModelFileError, write_card
from skinlens.runtime.prediction import GateSummary, Prediction
from skinlens.runtime.predictor import (
    DEFAULT_MODEL,
    Predictor,
    load_predictor,
    released_models,
    scaled,
)
from skinlens.runtime.providers import CPU
from skinlens.runtime.weights import weights_folder

# Batches of other sizes are summed in another order.
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def predictions(predictor: Predictor, images: list[LesionImage]) -> list[Prediction]:
    return predictor.predict(images)


def assert_same_answers(found: list[Prediction], expected: list[Prediction]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for part in ("logits", "signed_map", "features"):
            np.testing.assert_allclose(getattr(one, part), getattr(other, part), **CLOSE, err_msg=part)  # type: ignore[call-overload]
        assert one.score == pytest.approx(other.score, abs=1e-5)


def test_shapes_types_and_ranges(predictor: Predictor, predictions: list[Prediction]) -> None:
    size = predictor.card.preprocessing.size
    for prediction in predictions:
        assert prediction.logits.shape == (2,)
        assert prediction.logits.dtype == np.float32
        assert isinstance(prediction.score, float)
        assert 0.0 <= prediction.score <= 1.0
        assert prediction.signed_map.shape == (size // 16, size // 16)
        assert prediction.signed_map.dtype == np.float32
        assert prediction.features.shape == (512,)
        assert prediction.features.dtype == np.float32
        assert prediction.milliseconds > 0
        for part in (prediction.logits, prediction.signed_map, prediction.features):
            assert np.isfinite(part).all()


def test_the_score_is_that_of_the_scaled_logits(predictions: list[Prediction], predictor: Predictor) -> None:
    temperature, offset = predictor.card.scaling
    for prediction in predictions:
        benign, malignant = prediction.logits.astype(float) / temperature
        assert prediction.score == pytest.approx(softmax(np.array([benign, malignant + offset]))[1], abs=1e-6)


def test_different_images_get_different_answers(predictions: list[Prediction]) -> None:
    assert len({prediction.score for prediction in predictions}) == len(predictions)


def test_the_gate_is_summarised_in_order(predictions: list[Prediction]) -> None:
    for prediction in predictions:
        gate = prediction.gate
        assert isinstance(gate, GateSummary)
        assert 0.0 <= gate.low <= gate.mean <= gate.high <= 1.0


def test_the_answer_names_model_and_provider(predictor: Predictor, predictions: list[Prediction]) -> None:
    for prediction in predictions:
        assert prediction.model == predictor.model
        assert prediction.provider == predictor.provider
    assert predictor.model.name == predictor.card.name == DEFAULT_MODEL
    assert predictor.model.version == predictor.card.version
    assert predictor.model.sha256 == predictor.card.files["weights"].sha256
    assert predictor.provider.endswith("ExecutionProvider")


def test_a_batch_is_its_images_in_order(
    predictor: Predictor, images: list[LesionImage], predictions: list[Prediction]
) -> None:
    singles = [predictor.predict([image])[0] for image in images]
    assert_same_answers(predictions, singles)
    assert_same_answers(predictor.predict(images[::-1]), singles[::-1])


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_the_batch_size_changes_nothing(
    predictor: Predictor,
    images: list[LesionImage],
    predictions: list[Prediction],
    batch_size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(predictor, "batch_size", batch_size)
    assert_same_answers(predictor.predict(images), predictions)


def test_no_more_than_a_batch_goes_through_at_once(
    predictor: Predictor, images: list[LesionImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    run = predictor._predict_batch
    monkeypatch.setattr(predictor, "batch_size", 2)
    monkeypatch.setattr(predictor, "_predict_batch", lambda batch: sizes.append(len(batch)) or run(batch))
    predictor.predict(images)
    assert sizes == [2, 2, 1]


def test_no_images_get_no_predictions(predictor: Predictor) -> None:
    assert predictor.predict([]) == []


def test_the_same_image_in_a_batch_gets_the_same_answer(predictor: Predictor, images: list[LesionImage]) -> None:
    first, _, again = predictor.predict([images[0], images[1], images[0]])
    assert_same_answers([first], [again])


def test_threads_get_the_answers_of_one(
    predictor: Predictor, images: list[LesionImage], predictions: list[Prediction]
) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(predictor.predict, [[image] for image in images * 2]))
    assert_same_answers([one for answer in answers for one in answer], predictions * 2)


def test_images_are_left_as_they_were(predictor: Predictor, images: list[LesionImage]) -> None:
    before = [image.pixels.copy() for image in images[:2]]
    predictor.predict(images[:2])
    for image, pixels in zip(images, before, strict=False):
        np.testing.assert_array_equal(image.pixels, pixels)


def test_loading_and_predicting_is_silent(
    released_folder: Path, images: list[LesionImage], capfd: pytest.CaptureFixture[str]
) -> None:
    load_predictor(folder=released_folder).predict(images[:1])
    assert capfd.readouterr() == ("", "")


def copied(predictor: Predictor, released_folder: Path, folder: Path, graph: bytes | None = None) -> ModelCard:
    """The released model in a folder of its own; with another graph if given, which its card then describes."""
    card = predictor.card
    for file in card.every_file.values():
        shutil.copyfile(released_folder / file.file, folder / file.file)
    if graph is not None:
        (folder / card.files["graph"].file).write_bytes(graph)
        described = card.files["graph"].model_copy(update={"sha256": hashlib.sha256(graph).hexdigest()})
        card = card.model_copy(update={"files": {**card.files, "graph": described}})
    write_card(card, folder / f"{card.name}.json")
    return card


@pytest.mark.parametrize("role", ["graph", "weights"])
def test_a_flipped_byte_stops_the_model_before_it_is_loaded(
    predictor: Predictor, released_folder: Path, role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = copied(predictor, released_folder, tmp_path)
    with (tmp_path / card.files[role].file).open("r+b") as stream:
        stream.seek(card.files[role].bytes // 2)
        byte = stream.read(1)[0]
        stream.seek(-1, 1)
        stream.write(bytes([byte ^ 0x10]))
    monkeypatch.delattr(predictor_module.onnxruntime, "InferenceSession")
    with pytest.raises(ModelFileError, match=f"{card.files[role].file} is not the file"):
        load_predictor(card.name, tmp_path, unverified=True)


@pytest.mark.parametrize("role", ["graph", "weights"])
def test_a_missing_file_stops_the_model(predictor: Predictor, released_folder: Path, role: str, tmp_path: Path) -> None:
    card = copied(predictor, released_folder, tmp_path)
    (tmp_path / card.files[role].file).unlink()
    with pytest.raises(ModelFileError, match=f"is incomplete: {card.files[role].file} is missing"):
        load_predictor(card.name, tmp_path, unverified=True)


@pytest.mark.parametrize("kept", [0, 1000, 0.5], ids=["empty", "1000 bytes", "half"])
def test_a_truncated_graph_with_the_cards_digest_cannot_be_loaded(
    predictor: Predictor, released_folder: Path, kept: float, tmp_path: Path
) -> None:
    whole = (released_folder / predictor.card.files["graph"].file).read_bytes()
    graph = whole[: int(kept if kept >= 1 else kept * len(whole))]
    card = copied(predictor, released_folder, tmp_path, graph)
    with pytest.raises(ModelFileError, match=rf"cannot load {card.files['graph'].file}"):
        load_predictor(card.name, tmp_path, unverified=True)


def test_garbage_with_the_cards_digest_cannot_be_loaded(
    predictor: Predictor, released_folder: Path, tmp_path: Path
) -> None:
    card = copied(predictor, released_folder, tmp_path, b"\x08\x0anot a graph" * 50)
    with pytest.raises(ModelFileError, match="cannot load"):
        Predictor(card, tmp_path)


def test_a_copied_model_gives_the_same_answers(
    predictor: Predictor,
    released_folder: Path,
    tmp_path: Path,
    images: list[LesionImage],
    predictions: list[Prediction],
) -> None:
    card = copied(predictor, released_folder, tmp_path)
    again = Predictor(card, tmp_path, providers=[CPU], batch_size=2)
    assert again.provider == CPU
    assert_same_answers(again.predict(images[:3]), predictions[:3])


def test_released_models_are_the_cards_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "a.onnx", "notes.txt"):
        (tmp_path / name).touch()
    assert released_models(tmp_path) == ("a", "b")
    assert released_models(tmp_path / "absent") == ()


@pytest.mark.parametrize("name", ["other", "../a", ""])
def test_an_unknown_model_lists_those_there_are(name: str, tmp_path: Path) -> None:
    for known in ("b.json", "a.json"):
        (tmp_path / known).touch()
    with pytest.raises(ModelFileError, match=r"There is no model '.*' in .*; models there: a, b\."):
        load_predictor(name, tmp_path)


def test_an_empty_folder_has_no_models(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="nor any other"):
        load_predictor(folder=tmp_path)


@pytest.mark.parametrize(("temperature", "offset"), [(0.5, 0.0), (1.0, -1.5), (2.5, 0.7), (1.0, 0.0)])
def test_a_temperature_divides_the_logits_and_an_offset_is_added(temperature: float, offset: float) -> None:
    for logits in np.random.default_rng(0).normal(0, 4, (20, 2)).astype(np.float32):
        expected = float(softmax(logits.astype(np.float64) / temperature + np.array([0.0, offset]))[1])
        assert scaled(float(softmax(logits)[1]), logits, temperature, offset) == pytest.approx(expected, abs=1e-6)


def test_a_scaling_that_changes_nothing_leaves_the_graphs_number() -> None:
    assert scaled(0.123456789, np.array([3.0, -1.0], np.float32), 1.0) == 0.123456789


def test_the_score_is_scaled_by_the_card(predictor: Predictor, images: list[LesionImage]) -> None:
    calibration = Calibration(
        temperature=2.0, offset=-0.5, prevalence=0.45, chosen_on="a test", error_before=0.1, error_after=0.1
    )
    card = predictor.card.model_copy(update={"calibrated": True, "calibration": calibration})
    for plain, soft in zip(predictor.predict(images), Predictor(card, weights_folder()).predict(images), strict=True):
        assert soft.score == pytest.approx(
            float(softmax(plain.logits / 2 + np.array([0, -0.5], np.float32))[1]), abs=1e-5
        )
        np.testing.assert_allclose(soft.logits, plain.logits, **CLOSE)  # type: ignore[call-overload]

"""Run time and training see the same pixels: one decoder, one resizing, one normalisation."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch
from PIL import Image

from skinlens.imaging.decode import decode
from skinlens.imaging.image import LesionImage, Pixels
from skinlens.imaging.preprocess import Preprocessing, resize, to_input
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.models.normalise import Normalise
from skinlens.runtime.predictor import Predictor
from skinlens.training.dataset import DecodedRows, ScoringImages
from skinlens.triage.admission import examine


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """JPEG and PNG files: smaller and larger than the model's input, wide and high, turned by EXIF."""
    paths = []
    for seed, (height, width) in enumerate([(100, 150), (224, 224), (240, 600), (450, 300), (150, 500)]):
        pixels = draw_pixels(seed, height=height, width=width)
        png, jpeg = tmp_path / f"{seed}.png", tmp_path / f"{seed}.jpg"
        png.write_bytes(encode_png(pixels))
        exif = Image.Exif()
        exif[0x0112] = (1, 6, 3, 8, 1)[seed]
        Image.fromarray(pixels).save(jpeg, quality=80 + 3 * seed, exif=exif)
        paths += [png, jpeg]
    return paths


def training_items(files: list[Path], preprocessing: Preprocessing) -> list[Pixels]:
    rows = DecodedRows(pd.DataFrame({"file": [str(path) for path in files], "malignant": 0}))
    dataset = ScoringImages(rows, preprocessing)
    return [dataset[index].numpy() for index in range(len(dataset))]


def test_run_time_pixels_are_training_pixels(predictor: Predictor, files: list[Path]) -> None:
    size = predictor.card.preprocessing.size
    items = training_items(files, predictor.card.preprocessing)
    assert len(items) == len(files)
    for path, item in zip(files, items, strict=True):
        prepared = predictor.prepare(decode(path))
        assert prepared.shape == (size, size, 3)
        assert prepared.dtype == np.uint8
        np.testing.assert_array_equal(prepared, item, err_msg=path.name)


def test_what_the_session_gets_is_what_prepare_gives(
    predictor: Predictor, images: list[LesionImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No further step lies between `prepare` and the graph."""
    session, given = predictor._session, []

    class Recording:
        def run(self, names: list[str], feeds: dict[str, Pixels]) -> list[np.ndarray]:
            given.append(feeds["pixels"])
            return session.run(names, feeds)

    monkeypatch.setattr(predictor, "_session", Recording())
    predictor.predict(images[:2])
    np.testing.assert_array_equal(given[0], np.stack([predictor.prepare(image) for image in images[:2]]))


def test_real_pixels_of_the_models_size_are_left_alone(predictor: Predictor, real_images: list[LesionImage]) -> None:
    size = predictor.card.preprocessing.size
    assert len(real_images) == 20
    assert len({image.sha256 for image in real_images}) == 20
    for image in real_images:
        prepared = predictor.prepare(image)
        if image.pixels.shape == (size, size, 3):
            np.testing.assert_array_equal(prepared, image.pixels)
        assert prepared.std() > 5


def test_real_malignant_images_score_higher(predictor: Predictor, real_images: list[LesionImage]) -> None:
    """The manifest's labels in alphabetical order: ten benign images, then ten malignant ones."""
    scores = [prediction.score for prediction in predictor.predict(real_images)]
    assert np.mean(scores[10:]) > np.mean(scores[:10])


@pytest.mark.parametrize(("height", "width"), [(448, 448), (896, 448)])
def test_shrinking_averages_areas(height: int, width: int) -> None:
    pixels = draw_pixels(1, height=height, width=width)
    blocks = pixels.reshape(224, height // 224, 224, width // 224, 3).astype(float).mean(axis=(1, 3))
    difference = np.abs(to_input(pixels, Preprocessing()) - blocks)
    assert difference.max() <= 0.5 + 1e-9


def test_enlarging_is_cubic() -> None:
    pixels = draw_pixels(1, height=100, width=300)
    expected = cv2.resize(pixels, (224, 224), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_array_equal(resize(pixels, height=224, width=224), expected)


@pytest.fixture(scope="module")
def graph(released_folder: Path, predictor: Predictor) -> onnx.ModelProto:
    """The released graph without its weights."""
    return onnx.load(released_folder / predictor.card.files["graph"].file, load_external_data=False)


@pytest.fixture(scope="module")
def graphs_own_input(graph: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """A session of what the released graph does to pixels before its first convolution."""
    # Some networks pad one side more than the other, in a step of its own.
    first = next(node for node in graph.graph.node if node.op_type in {"Conv", "Pad"})
    wanted = {first.input[0]}
    nodes = []
    for node in reversed(graph.graph.node):
        if wanted & set(node.output):
            nodes.insert(0, node)
            wanted |= set(node.input)
    part = onnx.helper.make_graph(
        nodes,
        "before the first convolution",
        list(graph.graph.input),
        [onnx.helper.make_tensor_value_info(first.input[0], onnx.TensorProto.FLOAT, None)],
        [initializer for initializer in graph.graph.initializer if initializer.name in wanted],
    )
    model = onnx.helper.make_model(part, opset_imports=graph.opset_import, ir_version=graph.ir_version)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def test_the_graphs_normalisation_is_that_of_training(
    predictor: Predictor, graphs_own_input: onnxruntime.InferenceSession, images: list[LesionImage]
) -> None:
    preprocessing = predictor.card.preprocessing
    pixels = np.stack([predictor.prepare(image) for image in images])
    pixels[0, 0, :, :] = np.arange(preprocessing.size)[:, None] % 256
    found = graphs_own_input.run(None, {"pixels": pixels})[0]
    trained_on = Normalise(preprocessing.mean, preprocessing.std)(torch.from_numpy(pixels)).numpy()
    assert found.shape == (len(images), 3, preprocessing.size, preprocessing.size)
    np.testing.assert_allclose(found, trained_on, rtol=0, atol=1e-6)
    by_hand = (pixels / 255.0 - preprocessing.mean) / preprocessing.std
    np.testing.assert_allclose(found, by_hand.transpose(0, 3, 1, 2), rtol=0, atol=1e-5)


def test_real_dermoscopy_is_in_distribution(predictor: Predictor, real_images: Any) -> None:
    admissions = [examine(image, *predictor.predict([image]), predictor) for image in real_images]  # type: ignore[arg-type]
    assert all(admission.ood_score is not None for admission in admissions)
    assert not any(admission.rejected for admission in admissions)

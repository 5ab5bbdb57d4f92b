"""Eight orientations, and the mean over them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from skinlens.imaging.synthetic import draw_lesion
from skinlens.runtime.orientations import (
    ORIENTATIONS,
    EightOrientations,
    Score,
    Stability,
    orientations,
    predict_orientations,
)
from skinlens.runtime.predictor import Predictor


class TopLeft:
    """A model whose score is the red of the first pixel, so that it sees the orientation."""

    def __init__(self) -> None:
        self.asked = []

    def predict(self, images: Any) -> Any:
        self.asked.append(len(images))
        return [Score(image.pixels[0, 0, 0] / 255, 2.0) for image in images]


def test_the_eight_are_the_symmetries_of_the_square() -> None:
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    found = orientations(image)
    assert len(found) == ORIENTATIONS
    assert len({(turned.shape, turned.tobytes()) for turned in found}) == 8
    again = {(turned.shape, turned.tobytes()) for turned in orientations(found[5])}
    assert again == {(turned.shape, turned.tobytes()) for turned in found}
    assert all(sorted(turned.ravel()) == sorted(image.ravel()) for turned in found)


def test_the_first_is_the_image_itself() -> None:
    image = draw_lesion(0, height=64, width=96).pixels
    assert np.array_equal(orientations(image)[0], image)


def test_the_answer_is_the_mean_of_eight_and_takes_their_time() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 0, 0], pixels[0, 1, 0], pixels[1, 0, 0], pixels[1, 1, 0] = 10, 20, 30, 60
    model = TopLeft()
    (answer,) = EightOrientations(model).predict([replace(draw_lesion(0), pixels=pixels)])
    # Each corner comes to the top left twice.
    assert answer.score == pytest.approx(30 / 255)
    assert answer.milliseconds == 16.0
    assert model.asked == [8]


def test_a_released_model_no_longer_depends_on_the_orientation(predictor: Predictor) -> None:
    image = draw_lesion(3, height=224, width=224, malignant_look=True)
    turned = replace(image, pixels=np.ascontiguousarray(np.rot90(image.pixels)))
    model = EightOrientations(predictor)
    first, second = model.predict([image, turned])
    assert first.score == pytest.approx(second.score, abs=1e-4)
    scores = [prediction.score for prediction in predictor.predict([image, turned])]
    assert scores[0] != pytest.approx(scores[1], abs=1e-4)


def test_views_are_counted_by_their_verdict_and_the_image_itself_is_one() -> None:
    views = Stability((0.4, 0.45, 0.6, 0.4, 0.4, 0.4, 0.4, 0.5))
    assert [views.unchanged(threshold) for threshold in (0.3, 0.45, 0.5, 0.55, 0.7)] == [8, 5, 6, 7, 8]
    assert [views.holds(threshold) for threshold in (0.3, 0.5)] == [True, False]
    assert views.spread == pytest.approx(0.2)


@pytest.mark.slow
def test_the_views_of_an_image_are_what_the_model_says_of_it_turned(predictor: Predictor) -> None:
    images = [draw_lesion(seed, height=200, width=160, malignant_look=seed == 1) for seed in range(2)]
    plain = predictor.predict(images)
    found = predict_orientations(predictor, images)
    for (prediction, views), expected, image in zip(found, plain, images, strict=True):
        assert prediction.score == pytest.approx(expected.score, abs=1e-5)
        assert np.allclose(prediction.signed_map, expected.signed_map, atol=1e-4)
        sized = predictor.prepare(image)
        turned = predictor.predict([replace(image, pixels=pixels) for pixels in orientations(sized)])
        assert views.scores == pytest.approx([answer.score for answer in turned], abs=1e-5)
    assert predict_orientations(predictor, []) == []

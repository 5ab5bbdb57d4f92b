"""Eight orientations, and the mean over them."""

from dataclasses import replace

import numpy as np
import pytest

from skinlens.imaging.synthetic import draw_lesion
from skinlens.runtime.orientations import ORIENTATIONS, EightOrientations, Score, orientations


class TopLeft:
    """A model whose score is the red of the first pixel, so that it sees the orientation."""

    def __init__(self):
        self.asked = []

    def predict(self, images):
        self.asked.append(len(images))
        return [Score(image.pixels[0, 0, 0] / 255, 2.0) for image in images]


def test_the_eight_are_the_symmetries_of_the_square():
    picture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    found = orientations(picture)
    assert len(found) == ORIENTATIONS
    assert len({(turned.shape, turned.tobytes()) for turned in found}) == 8
    again = {(turned.shape, turned.tobytes()) for turned in orientations(found[5])}
    assert again == {(turned.shape, turned.tobytes()) for turned in found}
    assert all(sorted(turned.ravel()) == sorted(picture.ravel()) for turned in found)


def test_the_first_is_the_picture_itself():
    picture = draw_lesion(0, height=64, width=96).pixels
    assert np.array_equal(orientations(picture)[0], picture)


def test_the_answer_is_the_mean_of_eight_and_takes_their_time():
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 0, 0], pixels[0, 1, 0], pixels[1, 0, 0], pixels[1, 1, 0] = 10, 20, 30, 60
    model = TopLeft()
    (answer,) = EightOrientations(model).predict([replace(draw_lesion(0), pixels=pixels)])
    # Each corner comes to the top left twice.
    assert answer.score == pytest.approx(30 / 255)
    assert answer.milliseconds == 16.0
    assert model.asked == [8]


def test_a_released_model_no_longer_depends_on_the_orientation(predictor):
    image = draw_lesion(3, height=224, width=224, malignant_look=True)
    turned = replace(image, pixels=np.ascontiguousarray(np.rot90(image.pixels)))
    model = EightOrientations(predictor)
    first, second = model.predict([image, turned])
    assert first.score == pytest.approx(second.score, abs=1e-4)
    scores = [prediction.score for prediction in predictor.predict([image, turned])]
    assert scores[0] != pytest.approx(scores[1], abs=1e-4)

"""The border probe: blind to the lesion, sharp for a planted border."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import roc_auc_score

from skinlens.imaging.synthetic import draw_pixels
from skinlens.studies.border_probe import border_features, border_probabilities
from tests.drawn_at_random import LabelsAndProbabilities


@pytest.fixture(scope="module")
def image() -> npt.NDArray[np.uint8]:
    return draw_pixels(4, height=224, width=224)


def test_it_does_not_see_the_middle(image: npt.NDArray[np.uint8]) -> None:
    changed = image.copy()
    # 12 % of 224 are 27 pixels; the widest blur of the texture reaches 12 pixels further in.
    changed[42:-42, 42:-42] = 255 - changed[42:-42, 42:-42]
    np.testing.assert_allclose(border_features(changed), border_features(image), rtol=1e-6, atol=1e-6)


def test_it_sees_the_border(image: npt.NDArray[np.uint8]) -> None:
    changed = image.copy()
    changed[:20] = cv2.GaussianBlur(changed[:20], (0, 0), 3)
    assert not np.allclose(border_features(changed), border_features(image))


def test_it_sees_the_squares_of_jpeg(image: Any) -> None:
    coarse = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 8])[1], cv2.IMREAD_COLOR)
    different = np.flatnonzero(border_features(coarse) > 1.5 * np.abs(border_features(image)))  # type: ignore[arg-type]
    assert different.size


def test_images_of_any_size_give_as_many_features(image: npt.NDArray[np.uint8]) -> None:
    assert border_features(draw_pixels(1, height=300, width=200)).shape == border_features(image).shape


def planted(strength: int, n: int = 160) -> LabelsAndProbabilities:
    rng = np.random.default_rng(1)
    labels = np.arange(n) % 2
    pixels = rng.normal(120, 12, (n, 60, 60, 3))
    pixels[labels == 1, :8] += strength
    features = np.stack([border_features(np.clip(each, 0, 255).astype(np.uint8)) for each in pixels])
    return labels, border_probabilities(features, labels, np.arange(n) // 2 % 5)


@pytest.mark.slow
def test_a_planted_border_is_found_and_none_is_not() -> None:
    labels, probabilities = planted(12)
    assert roc_auc_score(labels, probabilities) > 0.95
    labels, probabilities = planted(0)
    assert 0.3 < roc_auc_score(labels, probabilities) < 0.7


def test_a_held_out_fold_is_not_learned_from() -> None:
    """Where folds and labels are one, nothing is left to learn a class from."""
    features = np.random.default_rng(0).normal(size=(80, 3))
    labels = np.r_[np.zeros(40, int), np.ones(40, int)]
    with pytest.raises(ValueError, match="without fold 0 the border probe has only one class"):
        border_probabilities(features, labels, labels)

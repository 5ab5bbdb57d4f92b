"""Traces of compression: they show strong JPEG wherever its grid lies, and say nothing about random labels."""

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from skinlens.imaging.image import Pixels
from skinlens.imaging.synthetic import draw_lesion
from skinlens.studies.compression_traits import compression_features, label_probabilities


def recompressed(pixels: Pixels, quality: int) -> Pixels:
    _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


@pytest.fixture(scope="module")
def drawn() -> list[Pixels]:
    return [draw_lesion(seed, height=192, width=192, malignant_look=seed % 2 == 1).pixels for seed in range(40)]


def test_the_squares_of_jpeg_show_wherever_their_grid_begins(drawn: list[Pixels]) -> None:
    coded = recompressed(drawn[0], 10)
    # The features at 4 and 5 are the squares along both axes.
    for shift in (0, 3):
        moved = np.roll(coded, (shift, shift), axis=(0, 1))
        assert (compression_features(moved)[4:6] > compression_features(drawn[0])[4:6] + 0.1).all()


def test_features_are_finite_and_as_many_for_every_size(drawn: list[Pixels]) -> None:
    for pixels in (drawn[0], drawn[0][:150, :120], np.zeros((192, 192, 3), np.uint8)):
        features = compression_features(pixels)
        assert features.shape == (14,)
        assert np.isfinite(features).all()


def test_compression_that_goes_with_the_label_is_found_and_noise_is_not(drawn: list[Pixels]) -> None:
    labels = np.arange(40) % 2
    told = np.stack(
        [compression_features(recompressed(one, 95 if label else 20)) for one, label in zip(drawn, labels, strict=True)]
    )
    assert roc_auc_score(labels, label_probabilities(told, labels, np.arange(40))) > 0.95
    random = np.random.default_rng(0).permutation(labels)
    alike = np.stack([compression_features(recompressed(one, 60)) for one in drawn])
    assert 0.2 < roc_auc_score(random, label_probabilities(alike, random, np.arange(40))) < 0.8

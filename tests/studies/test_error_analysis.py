"""The review of errors, on images whose labels and features are known."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.neighbors import NearestNeighbors

from skinlens.studies.error_analysis import (
    auc_without,
    doubtful,
    label_noise,
    neighbour_votes,
    shared_errors,
)

N = 60


@pytest.fixture
def labels() -> npt.NDArray[np.int64]:
    return (np.arange(N) % 3 == 0).astype(int)


@pytest.fixture
def features(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Two clouds of directions, and a length that must not matter."""
    generator = np.random.default_rng(0)
    centres = np.where(labels[:, None] == 1, [1.0, 0.0, 0.2, 0.0], [0.0, 1.0, 0.0, 0.2])
    return (centres + generator.normal(0, 0.6, (N, 4))) * generator.uniform(0.1, 9.0, (N, 1))


def test_votes_are_those_of_a_library_where_every_image_is_its_own_group(
    features: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]
) -> None:
    votes = neighbour_votes(features, labels, np.arange(N), k=7)
    _, nearest = NearestNeighbors(n_neighbors=8, metric="cosine").fit(features).kneighbors(features)
    assert votes == pytest.approx(labels[nearest[:, 1:]].mean(axis=1))
    assert len(set(votes.round(3))) > 4


def test_an_own_group_does_not_vote(features: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> None:
    """Ten copies of one image of the other label, in its group: they would win every vote."""
    copies = np.repeat(features[[0]], 10, axis=0) * 2
    truth = np.concatenate([labels, np.full(10, 1 - labels[0])])
    groups = np.concatenate([np.arange(N), np.zeros(10, int)])
    with_copies = neighbour_votes(np.concatenate([features, copies]), truth, groups)
    assert with_copies[0] == neighbour_votes(features, labels, np.arange(N))[0]


def test_too_few_other_groups_is_an_error(features: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> None:
    with pytest.raises(ValueError, match="fewer than 10 images of other groups"):
        neighbour_votes(features, labels, np.arange(N) // 52)
    with pytest.raises(ValueError, match="fewer than 10"):
        neighbour_votes(features[:10], labels[:10], np.arange(10))


def test_flipped_labels_are_counted(labels: npt.NDArray[np.int64]) -> None:
    chance = np.where(labels == 1, 0.95, 0.05)
    assert label_noise(labels, chance).share == 0
    given = labels.copy()
    given[[0, 1, 4]] = 1 - given[[0, 1, 4]]
    noise = label_noise(given, chance)
    assert (noise.benign_surely_malignant, noise.malignant_surely_benign) == (1, 2)
    assert noise.share == pytest.approx(3 / N)


def test_an_unsure_image_contradicts_no_label() -> None:
    truth = np.array([1, 1, 1, 0, 0, 0])
    noise = label_noise(truth, [0.9, 0.9, 0.45, 0.1, 0.1, 0.55])
    assert (noise.benign_surely_malignant, noise.malignant_surely_benign) == (0, 0)


def test_label_noise_needs_both_labels() -> None:
    with pytest.raises(ValueError, match="both labels"):
        label_noise([1, 1], [0.2, 0.3])


def test_a_label_is_doubted_only_by_models_and_neighbours_together() -> None:
    assert doubtful([1, 1, 1, 0, 0], [0.05, 0.05, 0.2, 0.95, 0.4], [0.1, 0.5, 0.0, 0.9, 1.0]).tolist() == [
        True,
        False,
        False,
        True,
        False,
    ]


def test_shared_errors_are_counted_an_image() -> None:
    runs = {"a": [0.9, 0.2, 0.5, 0.1], "b": [0.4, 0.1, 0.4, 0.2]}
    assert shared_errors([1, 1, 0, 0], runs).tolist() == [1, 2, 1, 0]


def test_an_auc_without_some_images() -> None:
    truth, chance = [0, 0, 1, 1], [0.1, 0.8, 0.7, 0.9]
    assert auc_without(truth, chance, np.zeros(4, bool)) == 0.75
    assert auc_without(truth, chance, np.array([False, True, False, False])) == 1.0
    assert auc_without(truth, chance, np.array([True, True, False, False])) is None

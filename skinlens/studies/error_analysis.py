"""Why a model errs on images it has not seen: on which, with whom, and whether the label may be at fault."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from skinlens.metrics.classification import Floats, Labels

NEIGHBOURS = 10
# A label is doubted where the models contradict it on average this surely, and this share of the neighbours does too.
SURE = 0.9
MOST_NEIGHBOURS = 0.8


def neighbour_votes(
    features: npt.ArrayLike, labels: npt.ArrayLike, groups: npt.ArrayLike, *, k: int = NEIGHBOURS
) -> Floats:
    """Share of each image's nearest neighbours that are malignant.

    Args:
        features: What a network that saw none of the images makes of them, `(N, D)`.
        labels: `(N,)`, 1 for malignant and 0 for benign.
        groups: `(N,)`; an image's own group is no neighbour.
        k: How many neighbours vote.

    Returns:
        `(N,)` in [0, 1], by cosine similarity.

    Raises:
        ValueError: If some image has fewer than `k` images in other groups.
    """
    unit = np.asarray(features, dtype=np.float64)
    unit = unit / np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    names, labelled = np.asarray(groups), np.asarray(labels)
    similarity = unit @ unit.T
    # Its own lesion would always vote for itself.
    similarity[names[:, None] == names[None, :]] = -np.inf
    if len(labelled) <= k or np.isneginf(np.partition(similarity, -k, axis=1)[:, -k]).any():
        raise ValueError(f"some image has fewer than {k} images of other groups beside it")
    nearest = np.argpartition(similarity, -k, axis=1)[:, -k:]
    return labelled[nearest].mean(axis=1)


@dataclass(frozen=True)
class LabelNoise:
    """How many labels look wrong, by the confident joint of Northcutt et al., arXiv 1911.00068.

    Attributes:
        benign_surely_malignant: Images labelled benign whose probability reaches the mean of those labelled malignant.
        malignant_surely_benign: The reverse.
        share: Of all images that could be placed, the ones placed in the other class.
    """

    benign_surely_malignant: int
    malignant_surely_benign: int
    share: float


def label_noise(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> LabelNoise:
    """Count the labels that predictions made without them contradict surely.

    It counts hard cases too, so it bounds the share of wrong labels from above (confident joint, arXiv 1911.00068).

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant) from models that did not see the image, `(N,)`.

    Raises:
        ValueError: Unless there are both labels.
    """
    labelled, probability = np.asarray(labels).astype(bool), np.asarray(probabilities, dtype=np.float64)
    if labelled.all() or not labelled.any():
        raise ValueError("label noise needs images of both labels")
    malignant, benign = (
        probability >= probability[labelled].mean(),
        1 - probability >= 1 - probability[~labelled].mean(),
    )
    # Where both thresholds are reached, the likelier class counts.
    both = malignant & benign
    malignant, benign = malignant & ~(both & (probability < 0.5)), benign & ~(both & (probability >= 0.5))
    contradicted = (malignant & ~labelled) | (benign & labelled)
    return LabelNoise(
        benign_surely_malignant=int((malignant & ~labelled).sum()),
        malignant_surely_benign=int((benign & labelled).sum()),
        share=float(contradicted.sum() / (malignant | benign).sum()),
    )


def doubtful(labels: npt.ArrayLike, probabilities: npt.ArrayLike, votes: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Find images whose label both the models and the neighbours contradict.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant) from models that did not see the image, `(N,)`; they contradict at `SURE`.
        votes: From `neighbour_votes`, `(N,)`; they contradict at `MOST_NEIGHBOURS`.

    Returns:
        `(N,)`.
    """
    labelled, probability, voted = np.asarray(labels), np.asarray(probabilities), np.asarray(votes)
    against, neighbours = (
        np.where(labelled == 1, 1 - probability, probability),
        np.where(labelled == 1, 1 - voted, voted),
    )
    return (against >= SURE) & (neighbours >= MOST_NEIGHBOURS)


def shared_errors(labels: npt.ArrayLike, runs: Mapping[str, npt.ArrayLike], threshold: float = 0.5) -> Labels:
    """Count on each image how many of several models are wrong.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        runs: P(malignant) `(N,)` of each model.
        threshold: In [0, 1].

    Returns:
        `(N,)`, from 0 to the number of models.
    """
    labelled = np.asarray(labels) == 1
    return np.sum([(np.asarray(probability) >= threshold) != labelled for probability in runs.values()], axis=0)


def auc_without(labels: npt.ArrayLike, probabilities: npt.ArrayLike, left_out: npt.NDArray[np.bool_]) -> float | None:
    """Compute the ROC AUC of the images that remain when some are left out.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)`.
        left_out: `(N,)`, true for those to leave out.

    Returns:
        In [0, 1]; None if the others are of one label.
    """
    labelled, probability = np.asarray(labels)[~left_out], np.asarray(probabilities)[~left_out]
    return float(roc_auc_score(labelled, probability)) if 0 < labelled.sum() < len(labelled) else None

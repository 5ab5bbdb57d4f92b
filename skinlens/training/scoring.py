"""Scores of rows by a network in training, and the metrics that a run logs."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import log_loss, roc_auc_score
from torch import nn
from torch.utils.data import DataLoader

from skinlens.models.explainable import Explainable, evidence_map
from skinlens.models.normalise import Normalise
from skinlens.training.dataset import DecodedRows, ScoringImages
from skinlens.training.recipe import Recipe


@dataclass(frozen=True)
class RowScores:
    """The output of a network for rows, in their order.

    Attributes:
        probability: P(malignant), `(N,)`.
        heatmap_max: Largest value of the signed evidence map after ReLU, `(N,)`; NaN for a network without one.
        pooled: Feature maps averaged over the image, `(N, C)`; C is 0 for a network without an evidence map.
    """

    probability: npt.NDArray[np.float64]
    heatmap_max: npt.NDArray[np.float64]
    pooled: npt.NDArray[np.float32]


@torch.inference_mode()
def score_rows(network: nn.Module, normalise: Normalise, rows: DecodedRows, recipe: Recipe) -> RowScores:
    """Score images exactly as the run time prepares them; the network's mode is restored.

    Args:
        network: From normalised RGB `(B, 3, H, W)` to logits `(B, 2)`.
        normalise: On the device on which to compute.
        rows: N rows.
        recipe: Its preprocessing is applied.

    Raises:
        ImageRejectedError: If an image cannot be used.
    """
    was_training = network.training
    network.eval()
    device = normalise.scale.device
    probability: list[float] = []
    heatmap_max: list[float] = []
    pooled = [np.empty((0, 0), np.float32)] if len(rows) == 0 else []
    try:
        for batch in DataLoader(ScoringImages(rows, recipe.preprocessing), batch_size=32):
            images = normalise(batch.to(device))
            if isinstance(network, Explainable):
                output = network.analyse(images)
                logits = output.logits
                heatmap_max += evidence_map(output, network).float().relu().amax(dim=(1, 2)).tolist()
                pooled.append(output.pooled.float().cpu().numpy())
            else:
                logits = network(images)
                pooled.append(np.empty((len(batch), 0), np.float32))
                heatmap_max += [math.nan] * len(batch)
            probability += logits.float().softmax(dim=1)[:, 1].tolist()
    finally:
        network.train(was_training)
    return RowScores(np.array(probability), np.array(heatmap_max), np.concatenate(pooled))


@contextmanager
def full_precision() -> Iterator[None]:
    """Compute in fp32 for the time of the block, without the shorter formats that a GPU may use in its place."""
    before, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
        torch.backends.cudnn.allow_tf32 = convolutions


def held_out_metrics(malignant: npt.NDArray[np.int64], scores: RowScores) -> dict[str, float]:
    """Compute the metrics that a run logs on the rows it held out.

    Args:
        malignant: `(N,)`, 0 or 1.
        scores: Of the same rows.

    Returns:
        `fold_accuracy` at a threshold of 0.5, and, if both labels occur, `fold_auc` (ROC AUC) and `fold_loss` (log loss
        in nats), rounded to five digits.

    Example:
        >>> scores = RowScores(np.array([0.1, 0.6, 0.9]), np.zeros(3), np.empty((3, 0), np.float32))
        >>> held_out_metrics(np.array([0, 0, 1]), scores)
        {'fold_accuracy': 0.66667, 'fold_auc': 1.0, 'fold_loss': 0.37567}
    """
    metrics = {"fold_accuracy": float(((scores.probability >= 0.5) == malignant).mean())}
    if 0 < malignant.sum() < len(malignant):
        metrics["fold_auc"] = float(roc_auc_score(malignant, scores.probability))
        metrics["fold_loss"] = float(log_loss(malignant, scores.probability))
    return {name: round(value, 5) for name, value in metrics.items()}

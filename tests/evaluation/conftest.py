"""Predictions that several test modules look at."""

import numpy as np
import pytest


@pytest.fixture
def paper():
    """Labels and probabilities whose confusion matrix at 0.5 is the paper's: TN 336, FP 24, FN 21, TP 279."""
    return np.repeat([0, 0, 1, 1], [336, 24, 21, 279]), np.repeat([0.1, 0.8, 0.2, 0.9], [336, 24, 21, 279])


@pytest.fixture
def predictions():
    """300 labels and informative probabilities in steps of 0.02, so with many ties."""
    generator = np.random.default_rng(7)
    labels = (generator.random(300) < 0.4).astype(int)
    evidence = generator.normal(2.0 * labels - 1.0, 1.3)
    return labels, np.round(1 / (1 + np.exp(-evidence)) * 50) / 50


@pytest.fixture
def rival(predictions):
    """A second model's probabilities for `predictions`: somewhat worse, correlated with the first, also with ties."""
    labels, probabilities = predictions
    generator = np.random.default_rng(8)
    evidence = np.log((probabilities + 0.01) / (1.01 - probabilities)) + generator.normal(-0.1 * labels, 0.8)
    return np.round(1 / (1 + np.exp(-evidence)) * 50) / 50

"""Logit, sigmoid and scaling against scipy, identities, and the run time's use of them."""

import numpy as np
import pytest
from scipy import special

from skinlens.metrics.scaling import SATURATION, Scaling, logit, sigmoid
from skinlens.runtime.predictor import scaled

LOGITS = np.linspace(-30, 30, 241)


def test_they_are_those_of_scipy() -> None:
    np.testing.assert_allclose(sigmoid(LOGITS), special.expit(LOGITS), atol=1e-15)
    probabilities = np.linspace(0.001, 0.999, 999)
    np.testing.assert_allclose(logit(probabilities), special.logit(probabilities), atol=1e-12)


def test_one_undoes_the_other() -> None:
    inner = LOGITS[np.abs(LOGITS) < 16]
    np.testing.assert_allclose(logit(sigmoid(inner)), inner, atol=1e-6)


def test_saturated_probabilities_have_finite_logits() -> None:
    assert logit([0.0, 1.0]).tolist() == pytest.approx(
        [special.logit(SATURATION), -special.logit(SATURATION)], rel=1e-6
    )
    assert logit([0.0], least=1e-3).tolist() == pytest.approx([special.logit(1e-3)])
    assert np.isfinite(sigmoid([-1e6, 1e6])).all()
    assert np.isnan(sigmoid(np.nan))


@pytest.mark.parametrize("scaling", [Scaling(), Scaling(2.5, -0.8), Scaling(0.4, 1.2)])
def test_run_time_and_statistics_scale_alike(scaling: Scaling) -> None:
    for benign, malignant in ((0.3, -1.2), (0.0, 2.4), (-3.0, 3.0)):
        probability = float(sigmoid(malignant - benign))
        by_runtime = scaled(probability, np.array([benign, malignant], np.float32), *scaling)
        assert by_runtime == pytest.approx(float(scaling.of_probabilities(probability)), abs=1e-6)
        assert by_runtime == pytest.approx(float(scaling.of_logits(malignant - benign)), abs=1e-6)

"""Calibration, against scikit-learn, Bayes' rule and identities."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skinlens.metrics.calibration import fitted_scaling, scaled_across
from skinlens.metrics.scaling import Scaling, logit
from tests.drawn_at_random import LabelsAndProbabilities


@pytest.fixture
def overconfident() -> LabelsAndProbabilities:
    """Labels drawn from true probabilities, and scores whose logits are 2.5 times too large and 0.8 too high then."""
    generator = np.random.default_rng(3)
    evidence = generator.normal(-0.3, 1.4, 4000)
    return (generator.random(4000) < expit(evidence)).astype(int), expit(2.5 * evidence + 0.8)


def test_the_scaling_undoes_a_scale_and_a_shift(
    overconfident: LabelsAndProbabilities,
) -> None:
    found = fitted_scaling(*overconfident)
    assert found.temperature == pytest.approx(2.5, rel=0.08)
    assert found.offset == pytest.approx(-0.8 / 2.5, abs=0.1)


def test_the_scaling_is_a_regression_on_the_logit(
    overconfident: LabelsAndProbabilities,
) -> None:
    labels, chances = overconfident
    model = LogisticRegression(C=np.inf, tol=1e-9, max_iter=1000)
    model.fit(logit(chances)[:, None], labels)
    found = fitted_scaling(labels, chances)
    assert found.temperature == pytest.approx(1 / model.coef_[0, 0], rel=1e-3)
    assert found.offset == pytest.approx(model.intercept_[0], abs=1e-3)


def test_no_other_scaling_has_a_smaller_loss(
    overconfident: LabelsAndProbabilities,
) -> None:
    labels, chances = overconfident
    best = fitted_scaling(labels, chances)
    least = log_loss(labels, best.of_probabilities(chances))
    for factor, more in ((0.9, 0.0), (1.1, 0.0), (1.0, 0.1), (1.0, -0.1)):
        assert least < log_loss(
            labels, Scaling(best.temperature * factor, best.offset + more).of_probabilities(chances)
        )


def test_a_scaling_makes_the_mean_estimate_the_share_that_came_true(
    overconfident: LabelsAndProbabilities,
) -> None:
    labels, chances = overconfident
    assert fitted_scaling(labels, chances).of_probabilities(chances).mean() == pytest.approx(labels.mean(), abs=1e-4)


def test_scaling_keeps_the_order_and_without_an_offset_one_half(
    overconfident: LabelsAndProbabilities,
) -> None:
    _, chances = overconfident
    assert (np.argsort(Scaling(3.0, -1.0).of_probabilities(chances)) == np.argsort(chances)).all()
    assert Scaling(3.0).of_probabilities([0.5]).tolist() == [0.5]
    assert Scaling().of_probabilities(chances) == pytest.approx(chances, abs=1e-7)


def test_each_part_is_scaled_by_the_others(
    overconfident: LabelsAndProbabilities,
) -> None:
    labels, chances = overconfident
    parts = np.arange(4000) % 3
    found = scaled_across(labels, chances, parts)
    others = fitted_scaling(labels[parts != 1], chances[parts != 1])
    assert found[parts == 1] == pytest.approx(others.of_probabilities(chances[parts == 1]))
    with pytest.raises(ValueError, match="at least two parts"):
        scaled_across(labels, chances, np.zeros(4000))


@pytest.mark.parametrize(
    ("labels", "chances", "why"),
    [
        ([1, 1, 1], [0.2, 0.6, 0.9], "all images have the same label"),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], "separate the classes wholly"),
        ([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9], "a higher score does not mean more"),
    ],
)
def test_where_no_temperature_is_best_there_is_an_error(labels: list[int], chances: list[float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fitted_scaling(labels, chances)

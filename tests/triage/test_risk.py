"""Prevalence: against counted patients and Bayes' rule."""

import math

import pytest

from skinlens.runtime.card import OperatingPoint
from skinlens.triage.decision import assess, operating_point
from skinlens.triage.risk import at_prevalence, meaning, outlook
from tests.made_up_assessments import assessed, made_card, rates
from tests.made_up_cases import prediction


def positive(prevalence):
    """Share of the ill among the positive of a test that is positive in 90 % of the ill and 20 % of the healthy."""
    return 0.9 * prevalence / (0.9 * prevalence + 0.2 * (1 - prevalence))


def test_another_prevalence_is_bayes_rule():
    assert at_prevalence(positive(0.45), trained=0.45, target=0.02) == pytest.approx(positive(0.02))


@pytest.mark.parametrize("probability", [0.0, 1e-9, 0.2, 0.5, 0.99, 1.0])
def test_there_and_back_changes_nothing(probability):
    there = at_prevalence(probability, trained=0.45, target=0.02)
    assert at_prevalence(there, trained=0.02, target=0.45) == pytest.approx(probability)
    assert at_prevalence(probability, trained=0.3, target=0.3) == pytest.approx(probability)


def test_the_shift_is_one_of_logits():
    moved = at_prevalence(0.7, trained=0.4, target=0.1)
    logit = lambda share: math.log(share / (1 - share))  # noqa: E731
    assert logit(moved) == pytest.approx(logit(0.7) + logit(0.1) - logit(0.4))


@pytest.mark.parametrize(
    "bad",
    [
        {"probability": 0.5, "trained": 0.0, "target": 0.1},
        {"probability": 0.5, "trained": 0.5, "target": 1.0},
        {"probability": 1.5, "trained": 0.5, "target": 0.5},
        {"probability": math.nan, "trained": 0.5, "target": 0.5},
    ],
)
def test_numbers_out_of_range_are_errors(bad):
    with pytest.raises(ValueError, match=r"must lie between 0 and 1|lies in \[0, 1\]"):
        at_prevalence(**bad)


def test_an_outlook_counts_patients():
    """20 ill of 1,000: 19 found and 1 missed; 147 of the 980 healthy are referred too."""
    found = outlook(0.95, 0.85, 0.02)
    assert (found.detected, found.missed, found.referred) == pytest.approx((19, 1, 166))
    assert found.ppv == pytest.approx(19 / 166)
    assert found.npv == pytest.approx(833 / 834)
    assert found.referrals_per_cancer == pytest.approx(166 / 19)
    assert found.sentence() == (
        "Of 1,000 lesions where 2 % are malignant, this threshold would refer 166, find 19 malignant ones "
        "(8.7 referrals for each) and miss 1."
    )


def test_what_cannot_be_is_none():
    nobody = outlook(0.0, 1.0, 0.1)
    assert (nobody.ppv, nobody.referrals_per_cancer) == (None, None)
    assert nobody.sentence().endswith("finds none of them.")
    assert outlook(1.0, 0.0, 0.1).npv is None


@pytest.mark.parametrize(("missed", "said"), [(0.0, "miss 0."), (0.2, "miss 0.2."), (0.01, "miss fewer than 0.1.")])
def test_a_small_number_missed_is_not_rounded_away(missed, said):
    assert outlook(1 - missed / 20, 0.5, 0.02).sentence().endswith(said)


@pytest.mark.parametrize("bad", [(1.1, 0.5, 0.1), (0.5, -0.1, 0.1), (0.5, 0.5, 0.0)])
def test_rates_out_of_range_are_errors(bad):
    with pytest.raises(ValueError, match=r"lies in \[0, 1\]|between 0 and 1"):
        outlook(*bad)


class TestMeaning:
    def test_a_calibrated_estimate_is_moved_to_the_prevalence(self) -> None:
        assessment, card = assessed(0.5, calibrated=True), made_card(calibrated=True)
        found = meaning(assessment, card, 0.02)
        assert found.estimate == pytest.approx(at_prevalence(0.5, trained=0.4, target=0.02))
        assert found.observed is not None
        assert found.observed.value == pytest.approx(at_prevalence(0.8, trained=0.4, target=0.02))
        assert found.observed.low == pytest.approx(at_prevalence(0.7, trained=0.4, target=0.02))
        assert found.observed.n == 80
        assert found.sentences()[0] == "Where 2 % of lesions are malignant: about 1 in 34 is malignant (3 %)."

    def test_at_its_own_prevalence_nothing_moves(self) -> None:
        found = meaning(assessed(0.5, calibrated=True), made_card(calibrated=True), 0.4)
        assert found.estimate == pytest.approx(0.5)
        assert found.observed is not None
        assert found.observed.value == pytest.approx(0.8)

    def test_a_score_that_is_not_calibrated_has_an_outlook_alone(self) -> None:
        found = meaning(assessed(0.5), made_card(), 0.1)
        assert (found.estimate, found.observed) == (None, None)
        assert found.outlook == outlook(0.93, 0.9, 0.1)
        assert found.sentences() == (outlook(0.93, 0.9, 0.1).sentence(),)

    def test_an_unmeasured_threshold_has_none(self) -> None:
        card = made_card()
        assert meaning(assess(prediction(0.5), card, operating_point(card, threshold=0.3)), card, 0.1).sentences() == ()

    def test_undefined_rates_have_none(self) -> None:
        point = OperatingPoint(name="x", threshold=0.2, chosen_on="nothing", measured=(rates("nobody", None, 0.9),))
        assert meaning(assess(prediction(0.5), made_card(), point), made_card(), 0.1).outlook is None

"""Prevalence: against counted patients and Bayes' rule."""

import math

import numpy as np
import pandas as pd
import pytest

from skinlens.imaging.quality import Quality
from skinlens.metrics.measurement import Measurement
from skinlens.metrics.scaling import logit, sigmoid
from skinlens.runtime.card import ModelCard, OperatingPoint, read_card
from skinlens.runtime.predictor import DEFAULT_MODEL
from skinlens.runtime.weights import shipped_folder
from skinlens.triage.admission import Admission
from skinlens.triage.decision import assess, operating_point
from skinlens.triage.risk import at_prevalence, meaning, meaning_of, one_in, outlook, risk_of, risk_words
from tests.made_up_assessments import CURVE, assessed, made_card, rates
from tests.made_up_cases import prediction


def positive(prevalence: float) -> float:
    """Share of the ill among the positive of a test that is positive in 90 % of the ill and 20 % of the healthy."""
    return 0.9 * prevalence / (0.9 * prevalence + 0.2 * (1 - prevalence))


def test_another_prevalence_is_bayes_rule() -> None:
    assert at_prevalence(positive(0.45), trained=0.45, target=0.02) == pytest.approx(positive(0.02))


@pytest.mark.parametrize("probability", [0.0, 1e-9, 0.2, 0.5, 0.99, 1.0])
def test_there_and_back_changes_nothing(probability: float) -> None:
    there = at_prevalence(probability, trained=0.45, target=0.02)
    assert at_prevalence(there, trained=0.02, target=0.45) == pytest.approx(probability)
    assert at_prevalence(probability, trained=0.3, target=0.3) == pytest.approx(probability)


def test_the_shift_is_one_of_logits() -> None:
    moved = at_prevalence(0.7, trained=0.4, target=0.1)
    logit = lambda share: math.log(share / (1 - share))  # noqa: E731
    assert logit(moved) == pytest.approx(logit(0.7) + logit(0.1) - logit(0.4))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "bad",
    [
        {"probability": 0.5, "trained": 0.0, "target": 0.1},
        {"probability": 0.5, "trained": 0.5, "target": 1.0},
        {"probability": 1.5, "trained": 0.5, "target": 0.5},
        {"probability": math.nan, "trained": 0.5, "target": 0.5},
    ],
)
def test_numbers_out_of_range_are_errors(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must lie between 0 and 1|lies in \[0, 1\]"):
        at_prevalence(**bad)


def test_an_outlook_counts_patients() -> None:
    """20 ill of 1,000: 19 found and 1 missed; 147 of the 980 healthy are referred too."""
    found = outlook(0.95, 0.85, 0.02)
    assert (found.detected, found.missed, found.referred) == pytest.approx((19, 1, 166))
    assert found.counts() == {"referred": "166", "found": "19", "missed": "1"}


def test_nobody_and_everybody_can_be_referred() -> None:
    assert outlook(0.0, 1.0, 0.1).counts() == {"referred": "0", "found": "0", "missed": "100"}
    assert outlook(1.0, 0.0, 0.1).counts() == {"referred": "1000", "found": "100", "missed": "0"}


@pytest.mark.parametrize(
    ("missed", "said"),
    [(0.0, "0"), (0.2, "0.2"), (0.01, "fewer than 0.1"), (0.997, "1")],
)
def test_a_small_number_missed_is_not_rounded_away(missed: float, said: str) -> None:
    assert outlook(1 - missed / 20, 0.5, 0.02).counts()["missed"] == said


@pytest.mark.parametrize("bad", [(1.1, 0.5, 0.1), (0.5, -0.1, 0.1), (0.5, 0.5, 0.0)])
def test_rates_out_of_range_are_errors(bad: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"lies in \[0, 1\]|between 0 and 1"):
        outlook(*bad)


PREVALENCES = (0.01, 0.02, 0.1, 0.3)
SCORES = (0.0, *(float(score) for score in sigmoid(np.linspace(-9, 9, 200))), 1.0)


@pytest.fixture(scope="module")
def released() -> ModelCard:
    return read_card(shipped_folder() / f"{DEFAULT_MODEL}.json")


class TestRiskOf:
    def test_at_a_point_of_the_curve_it_is_the_points_rate(self) -> None:
        card = made_card(calibrated=True)
        for point in CURVE:
            risk = risk_of(point.score, card, 0.02)
            assert risk is not None
            expected = [
                at_prevalence(end, trained=0.4, target=0.02)  # type: ignore[arg-type]
                for end in (point.rate.value, point.rate.low, point.rate.high)
            ]
            assert [risk.value, risk.low, risk.high] == pytest.approx(expected)
            assert risk.n == point.rate.n

    def test_between_points_it_lies_between_their_rates(self) -> None:
        card = made_card(calibrated=True)
        middle = float(sigmoid((logit(0.25) + logit(0.5)) / 2))
        risk = risk_of(middle, card, 0.4)
        assert risk is not None
        assert risk.value == pytest.approx((0.2 + 0.55) / 2)

    def test_beyond_the_ends_it_stays(self) -> None:
        card = made_card(calibrated=True)
        assert risk_of(0.0, card, 0.1) == risk_of(0.02, card, 0.1)
        assert risk_of(1.0, card, 0.1) == risk_of(0.95, card, 0.1)

    def test_a_card_of_an_earlier_version_gives_a_risk_without_interval(self) -> None:
        card = made_card(calibrated=True).model_copy(update={"risk_curve": ()})
        assert risk_of(0.5, card, 0.02) == Measurement(at_prevalence(0.5, trained=0.4, target=0.02))

    def test_a_model_that_is_not_calibrated_gives_none(self) -> None:
        assert risk_of(0.5, made_card(), 0.02) is None
        paper = read_card(shipped_folder() / "asff_resnet50_paper.json")
        assert all(risk_of(score, paper, 0.1) is None for score in SCORES)

    @pytest.mark.parametrize("prevalence", [0.0, 1.0, math.nan])
    def test_an_impossible_prevalence_is_an_error(self, prevalence: float) -> None:
        with pytest.raises(ValueError, match="prevalence"):
            risk_of(0.5, made_card(calibrated=True), prevalence)


class TestReleasedModel:
    """The whole range of scores, at every prevalence: what `TestOneNumber` in tests/test_one_risk.py shows is this."""

    @pytest.mark.parametrize("prevalence", PREVALENCES)
    def test_a_higher_score_has_no_lower_risk_and_each_lies_in_its_interval(
        self, released: ModelCard, prevalence: float
    ) -> None:
        risks = [risk_of(score, released, prevalence) for score in SCORES]
        for end in ("low", "value", "high"):
            ends = [getattr(risk, end) for risk in risks]
            assert ends == sorted(ends)
        assert all(risk.low <= risk.value <= risk.high for risk in risks)

    @pytest.mark.parametrize("prevalence", PREVALENCES)
    def test_the_decision_never_contradicts_the_risk(self, released: ModelCard, prevalence: float) -> None:
        for point in released.operating_points:
            for score in SCORES:
                found = meaning_of(score, released, point, prevalence)
                assert found.risk is not None
                assert (found.risk.value >= found.threshold) or score < point.threshold
                assert (found.risk.value <= found.threshold) or score >= point.threshold

    def test_it_is_the_empirical_rate_round_a_score(self, released: ModelCard) -> None:
        """Scores from 0.85 to 0.95 on the held-out predictions: 836 images, of which 89.6 % were malignant."""
        evaluation = shipped_folder() / "evaluation"
        held_out = pd.concat([pd.read_csv(evaluation / name) for name in released.folds["out_of_fold"]])
        scores = released.scaling.of_probabilities(held_out["probability"])
        malignant = (held_out["label"] == "malignant").to_numpy()
        trained = released.calibration.prevalence
        assert malignant.mean() == pytest.approx(trained, abs=1e-4)
        for low, high, most in ((0.05, 0.15, 0.01), (0.3, 0.5, 0.02), (0.6, 0.8, 0.025), (0.85, 0.95, 0.02)):
            inside = (scores >= low) & (scores <= high)
            shown = np.mean([risk_of(score, released, trained).value for score in scores[inside]])
            assert shown == pytest.approx(malignant[inside].mean(), abs=most)
        assert ((scores >= 0.85) & (scores <= 0.95)).sum() == 836

    def test_no_point_of_the_curve_stands_for_a_wide_range_of_scores(self, released: ModelCard) -> None:
        places = logit([point.score for point in released.risk_curve])
        assert np.diff(places).max() < 0.5


class TestWords:
    def test_a_larger_share_never_sounds_smaller(self) -> None:
        def spoken(share: float) -> float:
            words = one_in(share)
            numbers = [int(word.replace(",", "")) for word in words.split() if word[0].isdigit()]
            assert words.split()[0] in {"about", "fewer", "more"}
            return numbers[0] / numbers[1]

        shares = [float(share) for share in sigmoid(np.linspace(-12, 12, 5000))]
        values = [spoken(share) for share in shares]
        assert values == sorted(values)
        for share, value in zip(shares, values, strict=True):
            if 1e-4 <= share <= 0.99:
                assert value == pytest.approx(share, rel=0.16)

    @pytest.mark.parametrize(
        ("risk", "words"),
        [
            (Measurement(0.15, 0.11, 0.19), "about 1 in 7 (15 %, 11 to 19 %)"),
            (Measurement(0.0056, 0.0041, 0.0089), "about 1 in 180 (0.56 %, 0.41 to 0.89 %)"),
            (Measurement(0.00002, 0.0, 0.0002), "fewer than 1 in 10,000 (<0.01 %, 0 to 0.02 %)"),
            (Measurement(0.996, 0.9, 1.0), "more than 99 in 100 (>99 %, 90 to 100 %)"),
            (Measurement(0.37), "about 4 in 10 (37 %)"),
        ],
    )
    def test_a_risk_is_said_with_its_interval(self, risk: Measurement, words: str) -> None:
        assert risk_words(risk) == words


class TestMeaning:
    def test_risk_threshold_and_consequences_are_for_one_prevalence(self) -> None:
        card = made_card(calibrated=True)
        found = meaning(assessed(0.5, calibrated=True), card, 0.02)
        assert found is not None
        assert found.risk == risk_of(0.5, card, 0.02)
        at_threshold = risk_of(0.25, card, 0.02)
        assert at_threshold is not None
        assert found.threshold == at_threshold.value
        assert found.outlook == outlook(0.93, 0.9, 0.02)
        assert found.headline == "about 1 in 28 (3.6 %, 2 to 4.4 %)"
        assert found.threshold_words == "balanced refers from about 1 in 130 upward"
        assert found.sentences() == (
            "Risk where 2 % of lesions are malignant: about 1 in 28 (3.6 %, 95 % interval 2 to 4.4 %).",
            "There, the point balanced refers from about 1 in 130 upward.",
            "Of 1,000 lesions where 2 % are malignant, balanced refers 117, finds 19 cancers and misses 1.",
        )

    def test_at_its_own_prevalence_nothing_moves(self) -> None:
        found = meaning(assessed(0.5, calibrated=True), made_card(calibrated=True), 0.4)
        assert found is not None
        assert found.risk is not None
        assert found.risk.value == pytest.approx(0.55)

    def test_a_score_that_is_not_calibrated_has_an_outlook_alone(self) -> None:
        found = meaning(assessed(0.5), made_card(), 0.1)
        assert found is not None
        assert (found.risk, found.threshold, found.headline, found.threshold_words) == (None, None, "", "")
        assert found.outlook == outlook(0.93, 0.9, 0.1)
        assert len(found.sentences()) == 1

    def test_a_rejected_image_has_none_and_one_assessed_against_advice_neither(self) -> None:
        card = made_card(calibrated=True)
        admission = Admission(rejected=True, reasons=("It is a shark.",), warnings=(), quality=Quality(()))
        for override in ("", "I know it"):
            assessment = assess(prediction(0.5), card, card.point(), admission=admission, override=override)
            assert meaning(assessment, card, 0.02) is None

    def test_an_unmeasured_threshold_has_none(self) -> None:
        card = made_card()
        found = meaning(assess(prediction(0.5), card, operating_point(card, threshold=0.3)), card, 0.1)
        assert found is not None
        assert found.sentences() == ()

    def test_undefined_rates_have_none(self) -> None:
        point = OperatingPoint(name="x", threshold=0.2, chosen_on="nothing", measured=(rates("nobody", None, 0.9),))
        found = meaning(assess(prediction(0.5), made_card(), point), made_card(), 0.1)
        assert found is not None
        assert found.outlook is None

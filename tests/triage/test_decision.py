"""The clinical rule: which decision, with which words, at which threshold."""

import numpy as np
import pytest

from skinlens.imaging.quality import Quality
from skinlens.runtime.card import OperatingPoint
from skinlens.runtime.orientations import Stability
from skinlens.triage.admission import Admission
from skinlens.triage.decision import Assessment, assess, operating_point
from skinlens.triage.wording import AGAINST_ADVICE, HEADLINES, LOW_SENTENCE, UNCERTAIN_SENTENCE, rates_sentence
from tests.made_up_assessments import BAND, assessed, made_card
from tests.made_up_cases import prediction

UNCALIBRATED = "The score is not calibrated: it ranks images, it is not a probability of cancer."


class TestOperatingPoint:
    def test_the_cards_default_without_a_wish(self) -> None:
        assert operating_point(made_card()).name == "balanced"

    def test_a_point_by_name(self) -> None:
        assert operating_point(made_card(), name="careful").threshold == 0.1

    def test_an_unknown_name_lists_the_known(self) -> None:
        with pytest.raises(ValueError, match="no operating point 'strict'; it has: careful, banded, balanced"):
            operating_point(made_card(), name="strict")

    @pytest.mark.parametrize("threshold", [0.0, 0.25, 1.0])
    def test_a_threshold_of_the_users_own_is_unmeasured(self, threshold: float) -> None:
        """Even where it happens to be the number of a measured point."""
        point = operating_point(made_card(), threshold=threshold)
        assert (point.name, point.threshold, point.measured) == ("custom", threshold, ())
        assert point.chosen_on == "typed by the user; nothing was measured at it"
        assert rates_sentence(point) == "Sensitivity and specificity at this threshold were not measured."

    def test_not_both(self) -> None:
        with pytest.raises(ValueError, match="not both"):
            operating_point(made_card(), name="careful", threshold=0.3)

    @pytest.mark.parametrize("threshold", [-1e-9, 1.0001, 50, float("nan"), float("inf")])
    def test_a_threshold_outside_0_to_1_is_rejected(self, threshold: float) -> None:
        with pytest.raises(ValueError, match=f"between 0 and 1, not {threshold}"):
            operating_point(made_card(), threshold=threshold)


class TestAssess:
    @pytest.mark.parametrize(
        ("score", "decision"),
        [
            (0.0, "low"),
            (np.nextafter(0.25, 0), "low"),
            (0.25, "refer"),
            (np.nextafter(0.25, 1), "refer"),
            (1.0, "refer"),
        ],
    )
    def test_at_the_threshold_is_above_it(self, score: float, decision: str) -> None:
        assessment = assessed(float(score))
        assert assessment.decision == decision
        assert assessment.headline == HEADLINES[decision]

    @pytest.mark.parametrize(("threshold", "score", "decision"), [(0.0, 0.0, "refer"), (1.0, 0.999, "low")])
    def test_thresholds_at_the_ends(self, threshold: float, score: float, decision: str) -> None:
        card = made_card()
        assert assess(prediction(score), card, operating_point(card, threshold=threshold)).decision == decision

    @pytest.mark.parametrize("calibrated", [False, True])
    @pytest.mark.parametrize("notes", [(), ("Converted from CMYK.",)])
    @pytest.mark.parametrize("score", [0.0, 0.1, 0.2499])
    def test_low_never_comes_without_its_sentence(self, *, score: float, notes: tuple[str], calibrated: bool) -> None:
        assert assessed(score, calibrated=calibrated, notes=notes).reasons.count(LOW_SENTENCE) == 1

    @pytest.mark.parametrize("score", [0.25, 0.6, 1.0])
    def test_refer_never_has_it(self, score: float) -> None:
        assert LOW_SENTENCE not in assessed(score).reasons

    def test_nothing_says_all_clear(self) -> None:
        words = " ".join((*assessed(0.001).reasons, assessed(0.001).headline)).lower()
        for soothing in ("benign", "healthy", "no cancer", "safe", "normal", "harmless"):
            assert soothing not in words

    def test_reasons_of_a_low_score_in_order(self) -> None:
        assert assessed(0.125, notes=("This file holds 3 frames; the first is used.", "Second.")).reasons == (
            "The score 0.12 is below the threshold 0.25.",
            LOW_SENTENCE,
            UNCALIBRATED,
            "This file holds 3 frames; the first is used.",
            "Second.",
        )

    def test_reasons_of_a_high_score_in_order(self) -> None:
        assert assessed(0.875, notes=("Turned.",)).reasons == (
            "The score 0.88 is at or above the threshold 0.25.",
            UNCALIBRATED,
            "Turned.",
        )

    def test_the_number_of_every_model_is_a_score(self) -> None:
        assessment = assessed(0.5, calibrated=True)
        assert assessment.score_name == "score"
        assert assessment.reasons == ("The score 0.50 is at or above the threshold 0.25.",)

    def test_one_that_is_not_calibrated_says_so(self) -> None:
        assessment = assessed(0.5)
        assert assessment.score_name == "score"
        assert UNCALIBRATED in assessment.reasons
        assert not any("estimate" in reason or "%" in reason for reason in assessment.reasons)

    def test_what_was_judged_is_kept(self) -> None:
        given, card = prediction(0.3), made_card()
        assessment = assess(given, card, card.point("careful"))
        assert assessment.prediction is given
        assert assessment.point == card.point("careful")


def banded(score: float, **more: object) -> Assessment:
    card = made_card()
    return assess(prediction(score), card, card.point("banded"), **more)  # type: ignore[arg-type]


class TestUncertain:
    @pytest.mark.parametrize(
        ("score", "decision"),
        [(0.19, "low"), (0.2, "uncertain"), (0.3, "uncertain"), (0.35, "uncertain"), (0.36, "refer")],
    )
    def test_the_band_and_both_its_ends(self, score: float, decision: str) -> None:
        assessment = banded(score)
        assert assessment.decision == decision
        assert (UNCERTAIN_SENTENCE in assessment.reasons) == (decision == "uncertain")

    def test_the_band_is_reported_with_its_error(self) -> None:
        assert banded(0.3).reasons[1] == (
            "The score is too close to the threshold to call at this operating point. "
            "Further away, 6.0% of the decisions on held-out images were wrong."
        )

    def test_a_band_of_no_width_makes_nothing_uncertain(self) -> None:
        empty = BAND.model_copy(update={"low": 0.25, "high": 0.25})
        point = OperatingPoint(name="x", threshold=0.25, chosen_on="nothing", band=empty)
        assert assess(prediction(0.25), made_card(), point).decision == "refer"

    def test_one_view_with_another_verdict_is_enough(self) -> None:
        turned = Stability((0.6, 0.6, 0.6, 0.24, 0.6, 0.6, 0.6, 0.7))
        assessment = banded(0.6, stability=turned)
        assert assessment.decision == "uncertain"
        assert assessment.reasons[1] == ("Turned or mirrored, the image gets another decision in 1 of 8 orientations.")
        assert assessment.stability_sentence == "Turned or mirrored: same result in 7 of 8."

    def test_scores_that_move_on_one_side_change_nothing(self) -> None:
        assessment = banded(0.6, stability=Stability((0.6, 0.95) * 4))
        assert assessment.decision == "refer"
        assert assessment.stability_sentence == "Turned or mirrored: same result in 8 of 8."

    def test_without_views_nothing_is_said_of_them(self) -> None:
        assert banded(0.6).stability_sentence == ""


def rejected(*reasons: str) -> Admission:
    return Admission(rejected=True, reasons=reasons, warnings=(), quality=Quality(()))


class TestRejection:
    def test_a_rejected_image_is_rejected_whatever_its_score(self) -> None:
        for score in (0.01, 0.3, 0.99):
            assessment = banded(score, admission=rejected("It is not dermoscopic."), notes=("Turned.",))
            assert assessment.decision == "rejected"
            assert assessment.reasons == ("It is not dermoscopic.", "Turned.")
            assert assessment.prediction.score == score

    def test_an_override_is_reported_beside_what_it_overrides(self) -> None:
        assessment = banded(0.9, admission=rejected("It is not dermoscopic."), override="seen through a dermatoscope")
        assert assessment.decision == "refer"
        assert assessment.override == "seen through a dermatoscope"
        assert assessment.headline == AGAINST_ADVICE
        assert assessment.reasons[:2] == (
            "Assessed against advice, because: seen through a dermatoscope",
            "It is not dermoscopic.",
        )

    def test_warnings_stand_beside_the_result_and_change_nothing(self) -> None:
        admission = Admission(rejected=False, reasons=(), warnings=("There seems to be hair.",), quality=Quality(()))
        warned, plain = banded(0.9, admission=admission), banded(0.9)
        assert (warned.decision, warned.reasons) == (plain.decision, plain.reasons)
        assert warned.quality_sentences == ("There seems to be hair.",)

    def test_an_image_without_findings_is_said_to_be_one(self) -> None:
        admission = Admission(rejected=False, reasons=(), warnings=(), quality=Quality(()))
        assert banded(0.9, admission=admission).quality_sentences == ("Image quality: nothing found against it.",)
        assert banded(0.9).quality_sentences == ()
        # An image that was rejected is not called good after an override.
        assert banded(0.9, admission=rejected("It is grey."), override="known").quality_sentences == ()

    def test_an_override_of_nothing_is_not_told(self) -> None:
        assessment = banded(0.9, override="in a hurry")
        assert assessment.override == ""
        assert not any("hurry" in reason for reason in assessment.reasons)

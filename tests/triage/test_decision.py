"""The clinical rule: which decision, with which words, at which threshold."""

import numpy as np
import pytest

from skinlens.imaging.preprocess import Preprocessing
from skinlens.imaging.quality import Quality
from skinlens.metrics.measurement import Measurement
from skinlens.runtime.card import (
    Architecture,
    Calibration,
    HeatmapScale,
    MeasuredRates,
    ModelCard,
    ModelFile,
    OperatingPoint,
    ScoreBin,
    TrainingRecord,
    UncertainBand,
)
from skinlens.runtime.orientations import Stability
from skinlens.triage.admission import Admission
from skinlens.triage.decision import (
    HEADLINES,
    LOW_SENTENCE,
    UNCERTAIN_SENTENCE,
    Assessment,
    assess,
    meaning,
    operating_point,
    quality_sentences,
    rates_sentence,
    stability_sentence,
    told_apart,
)
from skinlens.triage.risk import at_prevalence, outlook
from tests.made_up_cases import prediction

UNCALIBRATED = "The score is not calibrated: it ranks images, it is not a probability of cancer."


def rates(population: str, sensitivity: float | None, specificity: float | None) -> MeasuredRates:
    return MeasuredRates(
        population=population,
        sensitivity=Measurement(value=sensitivity, n=72 if sensitivity is not None else 0),
        specificity=Measurement(value=specificity, n=335 if specificity is not None else 0),
    )


CALIBRATION = Calibration(temperature=1.4, prevalence=0.4, chosen_on="nothing", error_before=0.1, error_after=0.02)
BINS = (
    ScoreBin(low=0.0, high=0.3, rate=Measurement(value=0.05, low=0.03, high=0.09, n=300)),
    ScoreBin(low=0.3, high=1.0, rate=Measurement(value=0.8, low=0.7, high=0.9, n=80)),
)
BAND = UncertainBand(low=0.2, high=0.35, error=Measurement(value=0.06, n=900), decided=Measurement(value=0.9, n=1000))


def made_card(*, calibrated: bool = False) -> ModelCard:
    file = ModelFile(file="made_up.safetensors", sha256="0" * 64, bytes=1)
    return ModelCard(
        name="made_up",
        title="Made up",
        version="1.0.0",
        architecture=Architecture(name="asff_resnet50", parameters=1),
        preprocessing=Preprocessing(),
        files={"weights": file},
        heatmap=HeatmapScale(scale=1.0, chosen_on="nothing"),
        calibrated=calibrated,
        calibration=CALIBRATION if calibrated else None,
        score_bins=BINS if calibrated else (),
        operating_points=(
            OperatingPoint(name="careful", threshold=0.1, chosen_on="nothing"),
            OperatingPoint(name="banded", threshold=0.25, chosen_on="nothing", band=BAND),
            OperatingPoint(
                name="balanced", threshold=0.25, chosen_on="nothing", measured=(rates("test, all", 0.93, 0.9),)
            ),
        ),
        default_point="balanced",
        training=TrainingRecord(data="none", images={}, recipe={}, command="", start="", seed=0, epochs=0, seconds=0.0),
        folds={},
        intended_use="Tests.",
        limits=(),
        licence="Apache-2.0",
    )


def judged(score: float, *, calibrated: bool = False, notes: tuple[str, ...] = ()) -> Assessment:
    card = made_card(calibrated=calibrated)
    return assess(prediction(score), card, card.point(), notes=notes)


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
    def test_a_threshold_outside_0_to_1_is_refused(self, threshold: float) -> None:
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
        assessment = judged(float(score))
        assert assessment.decision == decision
        assert assessment.headline == HEADLINES[decision]

    @pytest.mark.parametrize(("threshold", "score", "decision"), [(0.0, 0.0, "refer"), (1.0, 0.999, "low")])
    def test_thresholds_at_the_ends(self, threshold: float, score: float, decision: str) -> None:
        card = made_card()
        assert assess(prediction(score), card, operating_point(card, threshold=threshold)).decision == decision

    @pytest.mark.parametrize("calibrated", [False, True])
    @pytest.mark.parametrize("notes", [(), ("Converted from CMYK.",)])
    @pytest.mark.parametrize("score", [0.0, 0.1, 0.2499])
    def test_low_never_comes_without_its_sentence(self, *, score: float, notes, calibrated: bool) -> None:
        assert judged(score, calibrated=calibrated, notes=notes).reasons.count(LOW_SENTENCE) == 1

    @pytest.mark.parametrize("score", [0.25, 0.6, 1.0])
    def test_refer_never_has_it(self, score: float) -> None:
        assert LOW_SENTENCE not in judged(score).reasons

    def test_nothing_says_all_clear(self) -> None:
        words = " ".join((*judged(0.001).reasons, judged(0.001).headline)).lower()
        for soothing in ("benign", "healthy", "no cancer", "safe", "normal", "harmless"):
            assert soothing not in words

    def test_reasons_of_a_low_score_in_order(self) -> None:
        assert judged(0.125, notes=("This file holds 3 frames; the first is used.", "Second.")).reasons == (
            "The score 0.12 is below the threshold 0.25.",
            LOW_SENTENCE,
            UNCALIBRATED,
            "This file holds 3 frames; the first is used.",
            "Second.",
        )

    def test_reasons_of_a_high_score_in_order(self) -> None:
        assert judged(0.875, notes=("Turned.",)).reasons == (
            "The score 0.88 is at or above the threshold 0.25.",
            UNCALIBRATED,
            "Turned.",
        )

    def test_a_calibrated_score_is_an_estimate(self) -> None:
        assessment = judged(0.5, calibrated=True)
        assert assessment.score_name == "estimate"
        assert assessment.reasons == ("The estimate 0.50 is at or above the threshold 0.25.",)

    def test_an_uncalibrated_one_is_a_score(self) -> None:
        assessment = judged(0.5)
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

    def test_the_band_is_told_with_its_error(self) -> None:
        assert banded(0.3).reasons[1] == (
            "It lies in the band from 0.20 to 0.35 that is too close to call: "
            "outside it 6.0% of the decisions were wrong."
        )

    def test_a_band_of_no_width_makes_nothing_uncertain(self) -> None:
        empty = BAND.model_copy(update={"low": 0.25, "high": 0.25})
        point = OperatingPoint(name="x", threshold=0.25, chosen_on="nothing", band=empty)
        assert assess(prediction(0.25), made_card(), point).decision == "refer"

    def test_one_view_with_another_verdict_is_enough(self) -> None:
        turned = Stability((0.6, 0.6, 0.6, 0.24, 0.6, 0.6, 0.6, 0.7))
        assessment = banded(0.6, stability=turned)
        assert assessment.decision == "uncertain"
        assert assessment.reasons[1] == (
            "Turned or mirrored, the image gets the other verdict in 1 of 8 views (score 0.24 to 0.70)."
        )
        assert stability_sentence(assessment).startswith("Verdict unchanged in 7 of 8 views")
        assert "score spread 0.46" in stability_sentence(assessment)

    def test_scores_that_move_on_one_side_change_nothing(self) -> None:
        assessment = banded(0.6, stability=Stability((0.6, 0.95) * 4))
        assert assessment.decision == "refer"
        assert stability_sentence(assessment).startswith("Verdict unchanged in 8 of 8 views")

    def test_without_views_nothing_is_said_of_them(self) -> None:
        assert stability_sentence(banded(0.6)) == ""


def refused(*reasons: str) -> Admission:
    return Admission(rejected=True, reasons=reasons, warnings=(), quality=Quality(()))


class TestRefusal:
    def test_a_refused_image_is_rejected_whatever_its_score(self) -> None:
        for score in (0.01, 0.3, 0.99):
            assessment = banded(score, admission=refused("It is not dermoscopic."), notes=("Turned.",))
            assert assessment.decision == "rejected"
            assert assessment.reasons == ("It is not dermoscopic.", "Turned.")
            assert assessment.prediction.score == score

    def test_an_override_is_told_beside_what_it_overrides(self) -> None:
        assessment = banded(0.9, admission=refused("It is not dermoscopic."), override="seen through a dermatoscope")
        assert assessment.decision == "refer"
        assert assessment.override == "seen through a dermatoscope"
        assert assessment.reasons[1:3] == (
            "Judged all the same, because: seen through a dermatoscope",
            "It is not dermoscopic.",
        )

    def test_warnings_stand_beside_the_result_and_change_nothing(self) -> None:
        admission = Admission(rejected=False, reasons=(), warnings=("There seems to be hair.",), quality=Quality(()))
        warned, plain = banded(0.9, admission=admission), banded(0.9)
        assert (warned.decision, warned.reasons) == (plain.decision, plain.reasons)
        assert quality_sentences(warned) == ("There seems to be hair.",)

    def test_a_image_without_findings_is_said_to_be_one(self) -> None:
        admission = Admission(rejected=False, reasons=(), warnings=(), quality=Quality(()))
        assert quality_sentences(banded(0.9, admission=admission)) == ("Image quality: nothing found against it.",)
        assert quality_sentences(banded(0.9)) == ()
        # Nor is a refused image called a good one, because somebody had it judged.
        assert quality_sentences(banded(0.9, admission=refused("It is grey."), override="known")) == ()

    def test_an_override_of_nothing_is_not_told(self) -> None:
        assessment = banded(0.9, override="in a hurry")
        assert assessment.override == ""
        assert not any("hurry" in reason for reason in assessment.reasons)


class TestMeaning:
    def test_a_calibrated_estimate_is_moved_to_the_prevalence(self) -> None:
        assessment, card = judged(0.5, calibrated=True), made_card(calibrated=True)
        found = meaning(assessment, card, 0.02)
        assert found.estimate == pytest.approx(at_prevalence(0.5, trained=0.4, target=0.02))
        assert found.observed is not None
        assert found.observed.value == pytest.approx(at_prevalence(0.8, trained=0.4, target=0.02))
        assert found.observed.low == pytest.approx(at_prevalence(0.7, trained=0.4, target=0.02))
        assert found.observed.n == 80
        assert found.sentences()[0] == "Where 2 % of lesions are malignant: about 1 in 34 is malignant (3 %)."

    def test_at_its_own_prevalence_nothing_moves(self) -> None:
        found = meaning(judged(0.5, calibrated=True), made_card(calibrated=True), 0.4)
        assert found.estimate == pytest.approx(0.5)
        assert found.observed is not None
        assert found.observed.value == pytest.approx(0.8)

    def test_a_score_that_is_not_calibrated_has_an_outlook_alone(self) -> None:
        found = meaning(judged(0.5), made_card(), 0.1)
        assert (found.estimate, found.observed) == (None, None)
        assert found.outlook == outlook(0.93, 0.9, 0.1)
        assert found.sentences() == (outlook(0.93, 0.9, 0.1).sentence(),)

    def test_an_unmeasured_threshold_has_none(self) -> None:
        card = made_card()
        assert meaning(assess(prediction(0.5), card, operating_point(card, threshold=0.3)), card, 0.1).sentences() == ()

    def test_undefined_rates_have_none(self) -> None:
        point = OperatingPoint(name="x", threshold=0.2, chosen_on="nothing", measured=(rates("nobody", None, 0.9),))
        assert meaning(assess(prediction(0.5), made_card(), point), made_card(), 0.1).outlook is None


class TestToldApart:
    @pytest.mark.parametrize(
        ("score", "threshold", "shown"),
        [
            (0.5, 0.25, ("0.50", "0.25")),
            (0.25, 0.25, ("0.25", "0.25")),
            (0.249, 0.25, ("0.249", "0.250")),
            (0.24999, 0.25, ("0.24999", "0.25000")),
            (0.9999, 1.0, ("0.9999", "1.0000")),
        ],
    )
    def test_different_numbers_look_different(self, score: float, threshold: float, shown: tuple[str, str]) -> None:
        assert told_apart(score, threshold) == shown


class TestRatesSentence:
    @staticmethod
    def point(*measured: MeasuredRates) -> OperatingPoint:
        return OperatingPoint(name="p", threshold=0.5, chosen_on="nothing", measured=measured)

    def test_both_rates_with_their_n(self) -> None:
        assert rates_sentence(self.point(rates("clean-native", 0.9166, 0.842))) == (
            "Measured at this threshold: clean-native: sensitivity 91.7% (n = 72 malignant), "
            "specificity 84.2% (n = 335 benign)."
        )

    def test_every_set_in_order_or_the_first_ones(self) -> None:
        point = self.point(rates("first", 0.9, 0.8), rates("second", 0.7, 0.6), rates("third", 0.5, 0.4))
        words = rates_sentence(point)
        assert words.index("first:") < words.index("; second:") < words.index("; third:")
        assert "third" not in rates_sentence(point, shown=2)
        assert rates_sentence(point, shown=1) == rates_sentence(self.point(point.measured[0]))

    def test_how_far_hospitals_lie_apart(self) -> None:
        hospitals = [rates("out of origin a", 0.93, 0.104), rates("out of origin b", 0.972, 0.669)]
        point = self.point(rates("out of origin", 0.95, 0.492), *hospitals, rates("test, all", 0.9, 0.9))
        assert rates_sentence(point, shown=1).endswith(
            "specificity 49.2% (n = 335 benign). By hospital (2): sensitivity 93% to 97%, specificity 10% to 67%."
        )
        assert "By hospital" not in rates_sentence(self.point(point.measured[0], hospitals[0]), shown=1)
        assert "b, unseen: sensitivity 97.2%" in rates_sentence(point)

    def test_nothing_measured(self) -> None:
        assert rates_sentence(self.point()) == "Sensitivity and specificity at this threshold were not measured."

    def test_an_undefined_rate_is_said_to_be_undefined(self) -> None:
        assert rates_sentence(self.point(rates("benign only", None, 0.842))) == (
            "Measured at this threshold: benign only: sensitivity undefined (n = 0 malignant), "
            "specificity 84.2% (n = 335 benign)."
        )

    def test_nothing_defined_does_not_read_as_measured_figures(self) -> None:
        words = rates_sentence(self.point(rates("nobody", None, None)))
        assert words.count("undefined") == 2
        assert "%" not in words

"""The clinical rule: from a prediction and an operating point to a decision with its reasons in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from skinlens.imaging.image import LesionImage, Pixels
from skinlens.metrics.measurement import Measurement, as_percent
from skinlens.runtime.card import MeasuredRates, ModelCard, OperatingPoint
from skinlens.runtime.orientations import Stability
from skinlens.runtime.prediction import Prediction, is_probability
from skinlens.triage.admission import Admission
from skinlens.triage.risk import Outlook, at_prevalence, one_in, outlook, percent

Decision = Literal["refer", "uncertain", "low", "rejected"]

DISCLAIMER = "Research demonstrator, not a medical device: not for diagnosis or treatment decisions."
LOW_SENTENCE = "A low score does not exclude melanoma."
UNCERTAIN_SENTENCE = "Treat it as undecided; it does not exclude melanoma."
UNCALIBRATED = "The score is not calibrated: it ranks images, it is not a probability of cancer."
# Of an image for which there is no number to decide on: its code in tables, and why.
NO_RESULT_CODE = "no_result"
UNVERIFIED = (
    "Unverified model: its card is not that of a release, so its thresholds and estimates are its maker's word alone."
)
NO_RESULT = (
    "The model gave no usable number for this image, so nothing was decided. Restore the model from the release, or "
    "use another one."
)
HEADLINES: dict[Decision, str] = {
    "refer": "Above the referral threshold",
    "uncertain": "Uncertain",
    "low": "Below the referral threshold",
    "rejected": "Not judged",
}


@dataclass(frozen=True)
class CaseFacts:
    """What the user typed about the case; every field is optional and nothing is inferred from it."""

    case_id: str = ""
    age: str = ""
    sex: str = ""
    site: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class Assessment:
    """A prediction judged at an operating point.

    Attributes:
        decision: `refer` at or above the threshold, `low` below it, `uncertain` where that cannot be relied on, and
            `rejected` where the image may not be judged.
        point: The operating point used; a threshold the user typed has the name `custom` and no measured rates.
        reasons: Sentences in plain words, the most important first.
        score_name: What the number may be called: "score" until the model is calibrated, then "estimate".
        prediction: What the model said.
        stability: What it said of the image turned and mirrored; None if it was not asked.
        admission: Whether the image may be judged, and what speaks against its quality; None if that was not asked.
        override: Why the user wanted a refused image judged; "" if it was not refused, or stayed so.
    """

    decision: Decision
    point: OperatingPoint
    reasons: tuple[str, ...]
    score_name: str
    prediction: Prediction
    stability: Stability | None = None
    admission: Admission | None = None
    override: str = ""

    @property
    def headline(self) -> str:
        """The decision in words."""
        return HEADLINES[self.decision]

    @property
    def has_result(self) -> bool:
        """Whether there is a number to decide on; without one, no reason overrides that the image is rejected."""
        return has_result(self.prediction.score, self.point, self.stability)


@dataclass(frozen=True, eq=False)
class CaseRecord:
    """All that a case summary shows.

    Attributes:
        overlay: The heatmap drawn over the image, RGB uint8, `image.pixels` or smaller, of the same aspect.
        created: When the summary was made, with a time zone.
        meaning: What the result means at a prevalence; None if that was not asked.
    """

    image: LesionImage
    overlay: Pixels
    assessment: Assessment
    facts: CaseFacts
    created: datetime
    meaning: "Meaning | None" = None


def operating_point(card: ModelCard, *, name: str | None = None, threshold: float | None = None) -> OperatingPoint:
    """The point to judge at: the card's default, one of its names, or a threshold of the user's own.

    Raises:
        ValueError: If both are given, the name is unknown, or the threshold is outside [0, 1].
    """
    if threshold is None:
        return card.point(name)
    if name is not None:
        raise ValueError("give an operating point or a threshold, not both")
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"a threshold lies between 0 and 1, not {threshold}")
    return OperatingPoint(name="custom", threshold=threshold, chosen_on="typed by the user; nothing was measured at it")


def assess(
    prediction: Prediction,
    card: ModelCard,
    point: OperatingPoint,
    *,
    notes: tuple[str, ...] = (),
    stability: Stability | None = None,
    admission: Admission | None = None,
    override: str = "",
) -> Assessment:
    """Judge a prediction at an operating point.

    Args:
        prediction: From the model that the card describes.
        card: Says whether the score is calibrated.
        point: From `operating_point`.
        notes: The image's own notes; they end up behind the reasons.
        stability: The scores in eight orientations; None if they were not asked for.
        admission: Whether the image may be judged; None judges it unasked.
        override: Why a user wants it judged all the same; it is told with the result.

    Returns:
        An assessment: `rejected` if the image is refused and there is no override, or if there is no number to decide
        on, `uncertain` if the score lies in the point's band or some orientation has another verdict, else `refer` or
        `low`.
    """
    refusal = () if admission is None else admission.reasons
    decision, reasons = judged(
        prediction.score, card, point, notes=notes, stability=stability, refusal=refusal, override=override
    )
    return Assessment(
        decision=decision,
        point=point,
        reasons=reasons,
        score_name=score_name(card),
        prediction=prediction,
        stability=stability,
        admission=admission,
        override=override if refusal else "",
    )


def judged(
    score: float,
    card: ModelCard,
    point: OperatingPoint,
    *,
    notes: tuple[str, ...] = (),
    stability: Stability | None = None,
    refusal: tuple[str, ...] = (),
    override: str = "",
) -> tuple[Decision, tuple[str, ...]]:
    """The decision on a score and its reasons; arguments as for `assess`, `refusal` being the admission's reasons."""
    name = score_name(card)
    notes = (UNVERIFIED, *notes) if card.unverified else notes
    if not has_result(score, point, stability):
        return "rejected", (NO_RESULT, *refusal, *notes)
    decision = decide(score, point, stability=stability, refused=bool(refusal) and not override)
    reasons = list(refusal) if decision == "rejected" else _reasons(score, name, point, stability)
    if refusal and override:
        reasons = [*reasons, f"Judged all the same, because: {override}", *refusal]
    if not card.calibrated and decision != "rejected":
        reasons.append(UNCALIBRATED)
    return decision, (*reasons, *notes)


def score_name(card: ModelCard) -> str:
    """What a model's number may be called."""
    return "estimate" if card.calibrated else "score"


def has_result(score: float, point: OperatingPoint | None = None, stability: Stability | None = None) -> bool:
    """Whether there is something to decide on: the score, every number of the point, and the score of every view."""
    numbers = [score, *(() if stability is None else stability.scores)]
    if point is not None:
        numbers += [point.threshold, *(() if point.band is None else (point.band.low, point.band.high))]
    return all(is_probability(number) for number in numbers)


def decide(
    score: float, point: OperatingPoint, *, stability: Stability | None = None, refused: bool = False
) -> Decision:
    """The decision alone, without its reasons: the one place where it is made.

    Args:
        score: P(malignant) in [0, 1].
        point: From `operating_point`.
        stability: The scores in eight orientations; None if they were not asked for.
        refused: Whether the image may not be judged.

    Returns:
        `rejected` also where a number is none, since every comparison with it would come out as `low`.
    """
    if refused or not has_result(score, point, stability):
        return "rejected"
    if _in_band(score, point) or (stability is not None and not stability.holds(point.threshold)):
        return "uncertain"
    return "refer" if score >= point.threshold else "low"


def _in_band(score: float, point: OperatingPoint) -> bool:
    """Whether a score is too close to call; a band without width has nothing in it."""
    band = point.band
    return band is not None and band.low < band.high and band.low <= score <= band.high


def _reasons(score: float, name: str, point: OperatingPoint, stability: Stability | None) -> list[str]:
    """Why an image that may be judged gets its decision."""
    above = score >= point.threshold
    shown, threshold = told_apart(score, point.threshold)
    relation = "at or above" if above else "below"
    reasons = [f"The {name} {shown} is {relation} the threshold {threshold}."]
    doubts = _doubts(score, name, point, stability)
    if doubts:
        return [*reasons, *doubts, UNCERTAIN_SENTENCE]
    return reasons if above else [*reasons, LOW_SENTENCE]


def _doubts(score: float, name: str, point: OperatingPoint, stability: Stability | None) -> list[str]:
    """Why a verdict at the point is not to be relied on."""
    doubts = []
    if point.band is not None and _in_band(score, point):
        doubts.append(
            f"It lies in the band from {point.band.low:.2f} to {point.band.high:.2f} that is too close to call: "
            f"outside it {point.band.error.text(as_percent, interval=False)} of the decisions were wrong."
        )
    if stability is not None and not stability.holds(point.threshold):
        doubts.append(
            f"Turned or mirrored, the image gets the other verdict in "
            f"{len(stability.scores) - stability.unchanged(point.threshold)} of {len(stability.scores)} views "
            f"({name} {min(stability.scores):.2f} to {max(stability.scores):.2f})."
        )
    return doubts


def stability_sentence(assessment: Assessment) -> str:
    """Whether the verdict holds in all orientations; "" if that was not asked."""
    found = assessment.stability
    if found is None:
        return ""
    unchanged = found.unchanged(assessment.point.threshold)
    return (
        f"Verdict unchanged in {unchanged} of {len(found.scores)} views, turned or mirrored "
        f"({assessment.score_name} spread {found.spread:.2f})."
    )


def quality_sentences(assessment: Assessment) -> tuple[str, ...]:
    """What makes the image harder to judge, or that nothing does; empty if that was not asked, or it was refused."""
    admission = assessment.admission
    if admission is None or (admission.reasons and not admission.warnings):
        return ()
    return admission.warnings or ("Image quality: nothing found against it.",)


@dataclass(frozen=True)
class Meaning:
    """What a result means at a prevalence.

    Attributes:
        prevalence: Share of malignant lesions among those that are scored.
        estimate: P(malignant) of this image there; None if the model is not calibrated.
        observed: Malignancy rate of images with such scores there, with its interval; None if it was not measured.
        outlook: What the operating point comes to there; None if its rates were not measured.
    """

    prevalence: float
    estimate: float | None
    observed: Measurement | None
    outlook: Outlook | None

    def sentences(self) -> tuple[str, ...]:
        """The same in plain words; empty if nothing is known."""
        said = []
        if self.estimate is not None:
            said.append(f"Where {percent(self.prevalence)} of lesions are malignant: {one_in(self.estimate)}.")
        if self.observed is not None and self.observed.value is not None:
            said.append(
                f"Of images with such a score, {percent(self.observed.value)} were malignant{self._interval()}."
            )
        if self.outlook is not None:
            said.append(self.outlook.sentence())
        return tuple(said)

    def _interval(self) -> str:
        ends = self.observed.interval(percent) if self.observed else ""
        if self.observed is None or not ends:
            return ""
        return f" (95 % interval {ends}, n = {self.observed.n} before the shift to this prevalence)"


def meaning(assessment: Assessment, card: ModelCard, prevalence: float) -> Meaning:
    """What a result means where a share of the lesions is malignant.

    Args:
        assessment: From `assess`.
        card: Of its model.
        prevalence: In (0, 1).

    Raises:
        ValueError: If the prevalence is not between 0 and 1.
    """
    score, calibration = assessment.prediction.score, card.calibration
    estimate = observed = None
    if calibration is not None and is_probability(score):
        estimate = at_prevalence(score, trained=calibration.prevalence, target=prevalence)
        found = card.score_bin(score)
        observed = None if found is None else _moved(found.rate, calibration.prevalence, prevalence)
    measured = assessment.point.measured[0] if assessment.point.measured else None
    rates = (measured.sensitivity.value, measured.specificity.value) if measured else (None, None)
    known = None if rates[0] is None or rates[1] is None else outlook(rates[0], rates[1], prevalence)
    return Meaning(prevalence, estimate, observed, known)


def _moved(rate: Measurement, trained: float, target: float) -> Measurement:
    ends = (
        None if end is None else at_prevalence(end, trained=trained, target=target)
        for end in (rate.value, rate.low, rate.high)
    )
    value, low, high = ends
    return Measurement(value=value, low=low, high=high, n=rate.n)


def told_apart(score: float, threshold: float) -> tuple[str, str]:
    """Both numbers with two decimals, or as many more as it takes for different numbers to look different."""
    for decimals in range(2, 8):
        shown = f"{score:.{decimals}f}", f"{threshold:.{decimals}f}"
        if shown[0] != shown[1] or score == threshold:
            break
    return shown


def rates_sentence(point: OperatingPoint, *, shown: int | None = None) -> str:
    """What is known about the point, in one sentence: measured sensitivity and specificity with n.

    Args:
        point: The operating point.
        shown: How many sets of images to name, the one to believe first; None names all.
    """
    if not point.measured:
        return "Sensitivity and specificity at this threshold were not measured."
    parts = [
        f"{rates.measured_on}: "
        f"sensitivity {rates.sensitivity.text(as_percent, interval=False)} (n = {rates.sensitivity.n} malignant), "
        f"specificity {rates.specificity.text(as_percent, interval=False)} (n = {rates.specificity.n} benign)"
        for rates in point.measured[:shown]
    ]
    by_hospital = [rates for rates in point.measured[shown:] if rates.origin is not None] if shown else []
    return "Measured at this threshold: " + "; ".join(parts) + "." + _spread_over(by_hospital)


def _spread_over(hospitals: Sequence[MeasuredRates]) -> str:
    """How far hospitals lie apart, as a sentence; nothing for fewer than two."""
    if len(hospitals) < 2:
        return ""
    ranges = []
    for name in ("sensitivity", "specificity"):
        found = [getattr(rates, name).value for rates in hospitals if getattr(rates, name).value is not None]
        if not found:
            return ""
        ranges.append(f"{name} {min(found):.0%} to {max(found):.0%}")
    return f" By hospital ({len(hospitals)}): " + ", ".join(ranges) + "."

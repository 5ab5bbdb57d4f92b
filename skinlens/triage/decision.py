"""The decision rule: from a score, an operating point and an admission to a decision with its reasons."""

from dataclasses import dataclass
from typing import Literal

from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.runtime.orientations import Stability
from skinlens.runtime.prediction import Prediction, is_probability
from skinlens.translation import sentence
from skinlens.triage import wording
from skinlens.triage.admission import Admission
from skinlens.triage.wording import AGAINST_ADVICE, DECISION_WORDS, HEADLINES, NO_RESULT, UNCALIBRATED, UNVERIFIED

Decision = Literal["refer", "uncertain", "low", "rejected"]

# The code, in tables, of an image without a number to decide on.
NO_RESULT_CODE = "no_result"


@dataclass(frozen=True, eq=False)
class Assessment:
    """A prediction with its decision at an operating point.

    Attributes:
        decision: `refer` at or above the threshold, `low` below it, `uncertain` where that is not reliable, and
            `rejected` where the image may not be assessed.
        point: The operating point used; a threshold typed by the user has the name `custom` and no measured rates.
        reasons: Sentences in plain words, the most important first.
        prediction: The model's output.
        stability: Its scores in the eight orientations; None if they were not computed.
        admission: Whether the image may be assessed, and warnings about its quality; None if that was not checked.
        override: The user's reason for assessing a rejected image; "" if it was not rejected or stayed so.
        score_name: What the number is called: "score"; cases of earlier versions have "estimate" too.
    """

    decision: Decision
    point: OperatingPoint
    reasons: tuple[str, ...]
    prediction: Prediction
    stability: Stability | None = None
    admission: Admission | None = None
    override: str = ""
    score_name: str = "score"

    @property
    def headline(self) -> str:
        """The decision in a word or two; for a rejected image with an override, that it is against advice."""
        return sentence(AGAINST_ADVICE if self.override else HEADLINES[self.decision])

    @property
    def explanation(self) -> str:
        """The decision in a plain sentence or two."""
        return sentence(DECISION_WORDS[self.decision])

    @property
    def has_result(self) -> bool:
        """Whether there is a number to decide on; without one, no reason overrides the rejection."""
        return has_result(self.prediction.score, self.point, self.stability)

    @property
    def stability_sentence(self) -> str:
        """In how many orientations the decision holds; "" if they were not computed."""
        if self.stability is None:
            return ""
        return wording.stability_sentence(self.stability, self.point.threshold)

    @property
    def quality_sentences(self) -> tuple[str, ...]:
        """Warnings about the image's quality, or that there are none; empty if that was not checked."""
        return () if self.admission is None else self.admission.quality_sentences


def operating_point(card: ModelCard, *, name: str | None = None, threshold: float | None = None) -> OperatingPoint:
    """Return the operating point of a card by its name, one for a threshold, or by default the card's own default.

    Args:
        card: Of the model.
        name: Of one of the card's points.
        threshold: On P(malignant), in [0, 1]; the point is then called `custom`.

    Raises:
        ValueError: If both are given, the name is unknown, or the threshold is outside [0, 1].
    """
    if threshold is None:
        return card.point(name)
    if name is not None:
        raise ValueError("give an operating point or a threshold, not both")
    if not 0.0 <= threshold <= 1.0:
        raise ValueError(f"a threshold lies between 0 and 1, not {threshold}")
    rule = sentence("typed by the user; nothing was measured at it")
    return OperatingPoint(name="custom", threshold=threshold, chosen_on=rule)


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
    """Decide on a prediction at an operating point. `triage.pipeline` does this for images.

    Args:
        prediction: From the model that the card describes.
        card: Says whether the score is calibrated and the model a release.
        point: From `operating_point`.
        notes: The image's notes; they follow the reasons.
        stability: The scores in eight orientations; None if they were not computed.
        admission: Whether the image may be assessed; None assesses every image.
        override: A user's reason for assessing a rejected image; it is shown with the result.

    Returns:
        An assessment: `rejected` if the image is rejected without an override, or if there is no number to decide on;
        `uncertain` if the score is in the point's band, or on the other side of the threshold in some orientation;
        else `refer` or `low`.
    """
    rejections = () if admission is None else admission.reasons
    decision, reasons = decision_with_reasons(
        prediction.score, card, point, notes=notes, stability=stability, rejections=rejections, override=override
    )
    return Assessment(
        decision=decision,
        point=point,
        reasons=reasons,
        prediction=prediction,
        stability=stability,
        admission=admission,
        override=override if rejections else "",
    )


def decision_with_reasons(
    score: float,
    card: ModelCard,
    point: OperatingPoint,
    *,
    notes: tuple[str, ...] = (),
    stability: Stability | None = None,
    rejections: tuple[str, ...] = (),
    override: str = "",
) -> tuple[Decision, tuple[str, ...]]:
    """Return the decision on a score and its reasons.

    Args:
        score: P(malignant) in [0, 1]; anything else is no result.
        card: As for `assess`, as are the arguments not named here.
        point: As for `assess`.
        notes: As for `assess`.
        stability: As for `assess`.
        rejections: The admission's reasons; not empty for a rejected image.
        override: As for `assess`.
    """
    notes = (UNVERIFIED, *notes) if card.unverified else notes
    if not has_result(score, point, stability):
        return "rejected", (NO_RESULT, *rejections, *notes)
    decision = decide(score, point, stability=stability, rejected=bool(rejections) and not override)
    if decision == "rejected":
        return decision, (*rejections, *notes)
    reasons = wording.decision_sentences(score, point, stability)
    if rejections:
        reasons = [wording.override_sentence(override), *rejections, *reasons]
    if not card.calibrated:
        reasons.append(UNCALIBRATED)
    return decision, (*reasons, *notes)


def decide(
    score: float, point: OperatingPoint, *, stability: Stability | None = None, rejected: bool = False
) -> Decision:
    """Return the decision alone: the one place where it is made.

    Args:
        score: P(malignant) in [0, 1].
        point: From `operating_point`.
        stability: The scores in eight orientations; None if they were not computed.
        rejected: Whether the image may not be assessed.

    Returns:
        `rejected` also where any number is outside [0, 1] or NaN, since NaN compares as below every threshold.

    >>> point = OperatingPoint(name="custom", threshold=0.25, chosen_on="an example")
    >>> decide(0.3, point), decide(0.2, point), decide(float("nan"), point)
    ('refer', 'low', 'rejected')
    >>> decide(0.3, point, stability=Stability((0.3,) * 7 + (0.2,)))
    'uncertain'
    """
    if rejected or not has_result(score, point, stability):
        return "rejected"
    is_close = point.band is not None and point.band.contains(score)
    if is_close or (stability is not None and not stability.holds(point.threshold)):
        return "uncertain"
    return "refer" if score >= point.threshold else "low"


def has_result(score: float, point: OperatingPoint | None = None, stability: Stability | None = None) -> bool:
    """Return whether the score, the point's numbers and the score of every orientation are all in [0, 1]."""
    numbers = [score, *(() if stability is None else stability.scores)]
    if point is not None:
        numbers += [point.threshold, *(() if point.band is None else (point.band.low, point.band.high))]
    return all(is_probability(number) for number in numbers)

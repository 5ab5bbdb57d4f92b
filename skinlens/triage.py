"""The clinical rule: from a prediction and an operating point to a decision with its reasons in plain words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from skinlens.imaging.image import LesionImage, Pixels
from skinlens.runtime.card import Estimate, ModelCard, OperatingPoint
from skinlens.runtime.prediction import Prediction

Decision = Literal["refer", "uncertain", "low", "rejected"]

DISCLAIMER = "Research demonstrator, not a medical device: not for diagnosis or treatment decisions."
LOW_SENTENCE = "A low score does not exclude melanoma."
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
        decision: `refer` at or above the threshold, `low` below it.
        point: The operating point used; a threshold the user typed has the name `custom` and no measured rates.
        reasons: Sentences in plain words, the most important first.
        score_name: What the number may be called: "score" until the model is calibrated, then "estimate".
        prediction: What the model said.
    """

    decision: Decision
    point: OperatingPoint
    reasons: tuple[str, ...]
    score_name: str
    prediction: Prediction

    @property
    def headline(self) -> str:
        """The decision in words."""
        return HEADLINES[self.decision]


@dataclass(frozen=True, eq=False)
class CaseRecord:
    """All that a case summary shows.

    Attributes:
        overlay: The heatmap drawn over the picture, RGB uint8, `image.pixels` or smaller, of the same aspect.
        created: When the summary was made, with a time zone.
    """

    image: LesionImage
    overlay: Pixels
    assessment: Assessment
    facts: CaseFacts
    created: datetime


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
    prediction: Prediction, card: ModelCard, point: OperatingPoint, *, notes: tuple[str, ...] = ()
) -> Assessment:
    """Judge a prediction at an operating point.

    Args:
        prediction: From the model that the card describes.
        card: Says whether the score is calibrated.
        point: From `operating_point`.
        notes: The image's own notes; they end up behind the reasons.

    Returns:
        An assessment whose decision is `refer` or `low`.
    """
    name = "estimate" if card.calibrated else "score"
    above = prediction.score >= point.threshold
    relation = "at or above" if above else "below"
    score, threshold = told_apart(prediction.score, point.threshold)
    reasons = [f"The {name} {score} is {relation} the threshold {threshold}."]
    if not above:
        reasons.append(LOW_SENTENCE)
    if not card.calibrated:
        reasons.append("The score is not calibrated: it ranks pictures, it is not a probability of cancer.")
    reasons.extend(notes)
    return Assessment(
        decision="refer" if above else "low",
        point=point,
        reasons=tuple(reasons),
        score_name=name,
        prediction=prediction,
    )


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
        f"{rates.population}: sensitivity {_percentage(rates.sensitivity)} (n = {rates.sensitivity.n} malignant), "
        f"specificity {_percentage(rates.specificity)} (n = {rates.specificity.n} benign)"
        for rates in point.measured[:shown]
    ]
    return "Measured at this threshold: " + "; ".join(parts) + "."


def _percentage(rate: Estimate) -> str:
    return "undefined" if rate.value is None else f"{rate.value:.1%}"

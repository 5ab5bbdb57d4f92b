"""The risk at a prevalence: what a score and an operating point mean where malignant lesions are rarer or commoner.

`meaning` is the only place where a risk is computed. Page, PDF, tables and batch runs show its numbers and its words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skinlens.metrics.measurement import Measurement
from skinlens.metrics.scaling import logit
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.runtime.prediction import is_probability
from skinlens.translation import marked, sentence
from skinlens.triage.decision import Assessment

# Share of malignant lesions among those a clinician would score: general practice, and a pigmented-lesion clinic.
PRIMARY_CARE = 0.02
LESION_CLINIC = 0.10
SETTINGS = {marked("primary care"): PRIMARY_CARE, marked("pigmented-lesion clinic"): LESION_CLINIC}


def at_prevalence(probability: float, *, trained: float, target: float) -> float:
    """Return a probability moved from one prevalence to another, by Bayes' rule.

    The logit is shifted by logit(target) - logit(trained) (Saerens et al., Neural Computation 14, 2002), as if both
    classes looked the same in both places.

    Args:
        probability: In [0, 1], calibrated where the share of malignant images is `trained`; 0 and 1 stay.
        trained: In (0, 1).
        target: In (0, 1).

    Raises:
        ValueError: If a number is out of its range.

    >>> round(at_prevalence(0.5, trained=0.5, target=0.1), 3)
    0.1
    """
    _require_share("trained", trained)
    _require_share("target", target)
    if not 0 <= probability <= 1:
        raise ValueError(f"a probability lies in [0, 1], not {probability}")
    ill = probability * target / trained
    return ill / (ill + (1 - probability) * (1 - target) / (1 - trained))


def risk_of(score: float, card: ModelCard, prevalence: float) -> Measurement | None:
    """Return the risk that belongs to a score where a given share of the lesions is malignant.

    Between the points of the card's curve, rates are interpolated linearly along the logit of the score; beyond its
    ends they stay as they are there.

    Args:
        score: P(malignant) from the model, in [0, 1].
        card: Of the model. Cards of earlier versions have a calibration but no curve; they give a risk without
            interval.
        prevalence: In (0, 1).

    Returns:
        The risk in [0, 1] with its 95 % interval, which contains it, and with the number of held-out images near the
        score; None if the model is not calibrated or the score is no probability. A higher score never has a lower
        risk.

    Raises:
        ValueError: If the prevalence is not between 0 and 1.
    """
    _require_share("prevalence", prevalence)
    if card.calibration is None or not is_probability(score):
        return None
    trained = card.calibration.prevalence
    if not card.risk_curve:
        return Measurement(at_prevalence(score, trained=trained, target=prevalence))
    known, place = logit([point.score for point in card.risk_curve]), logit(score)
    rates = [point.rate for point in card.risk_curve]

    def moved(ends: Sequence[float | None]) -> float:
        # Every rate of a card's curve has a value and both ends.
        rate = np.interp(place, known, np.array(ends, np.float64))
        return at_prevalence(float(rate), trained=trained, target=prevalence)

    nearest = rates[int(np.abs(known - place).argmin())]
    return Measurement(
        moved([rate.value for rate in rates]),
        moved([rate.low for rate in rates]),
        moved([rate.high for rate in rates]),
        nearest.n,
    )


@dataclass(frozen=True)
class Outlook:
    """The consequences of an operating point at a prevalence, for 1,000 lesions.

    Attributes:
        prevalence: Share of malignant lesions among those scored.
        referred: Of 1,000 lesions, how many are referred.
        detected: Of 1,000 lesions, how many malignant ones are referred.
        missed: Of 1,000 lesions, how many malignant ones are not.
    """

    prevalence: float
    referred: float
    detected: float
    missed: float

    def counts(self) -> dict[str, str]:
        """Return `referred`, `found` and `missed` of 1,000 lesions in words."""
        return {
            "referred": _count(self.referred),
            "found": _count(self.detected),
            "missed": _count(self.missed),
        }


def outlook(sensitivity: float, specificity: float, prevalence: float) -> Outlook:
    """Return the consequences of a sensitivity and a specificity at a prevalence.

    Args:
        sensitivity: In [0, 1].
        specificity: In [0, 1].
        prevalence: In (0, 1).

    Raises:
        ValueError: If a number is out of its range.
    """
    for name, rate in (("sensitivity", sensitivity), ("specificity", specificity)):
        if not 0 <= rate <= 1:
            raise ValueError(f"a {name} lies in [0, 1], not {rate}")
    _require_share("prevalence", prevalence)
    detected, missed = 1000 * prevalence * sensitivity, 1000 * prevalence * (1 - sensitivity)
    alarms = 1000 * (1 - prevalence) * (1 - specificity)
    return Outlook(
        prevalence=prevalence,
        referred=detected + alarms,
        detected=detected,
        missed=missed,
    )


def outlook_of(point: OperatingPoint, prevalence: float) -> Outlook | None:
    """Return the consequences of an operating point by its most trustworthy rates; None if none were measured."""
    if not point.measured:
        return None
    sensitivity, specificity = point.measured[0].sensitivity.value, point.measured[0].specificity.value
    return None if sensitivity is None or specificity is None else outlook(sensitivity, specificity, prevalence)


@dataclass(frozen=True)
class Meaning:
    """The risk of one image at a prevalence, and the consequences of its operating point.

    Attributes:
        prevalence: Share of malignant lesions among those that are assessed.
        risk: P(malignant) of this image there, with its 95 % interval; None if the model is not calibrated.
        point: Name of the operating point.
        threshold: P(malignant) there of an image at the operating point's threshold; None where `risk` is.
        outlook: The consequences of the operating point there; None if its rates were not measured.
    """

    prevalence: float
    risk: Measurement | None
    point: str
    threshold: float | None = None
    outlook: Outlook | None = None

    @property
    def headline(self) -> str:
        """The risk in words, as in `about 1 in 7 (15 %, 11 to 19 %)`; "" if it is not known."""
        return "" if self.risk is None else risk_words(self.risk)

    @property
    def threshold_words(self) -> str:
        """The threshold in the same terms, as in `screening refers from about 1 in 200 upward`; "" if not known."""
        if self.threshold is None:
            return ""
        return sentence("{point} refers from {risk} upward", point=self.point, risk=one_in(self.threshold))

    @property
    def consequences(self) -> str:
        """The consequences of the operating point in a sentence; "" if they are not known."""
        if self.outlook is None:
            return ""
        return sentence(
            "Of 1,000 lesions where {prevalence} are malignant, {point} refers {referred}, finds {found} cancers and "
            "misses {missed}.",
            prevalence=percent(self.prevalence),
            point=self.point,
            **self.outlook.counts(),
        )

    def sentences(self) -> tuple[str, ...]:
        """Return the risk in plain words; empty if nothing is known."""
        sentences: list[str] = []
        if self.risk is not None:
            sentences.append(
                sentence(
                    "Risk where {prevalence} of lesions are malignant: {risk}.",
                    prevalence=percent(self.prevalence),
                    risk=risk_words(self.risk, named=True),
                )
            )
        if self.threshold is not None:
            sentences.append(sentence("There, the point {threshold}.", threshold=self.threshold_words))
        if self.consequences:
            sentences.append(self.consequences)
        return tuple(sentences)


def meaning(assessment: Assessment, card: ModelCard, prevalence: float) -> Meaning | None:
    """Return the risk of an assessed image where a given share of the lesions is malignant.

    Args:
        assessment: From `triage.decision.assess`.
        card: Of its model.
        prevalence: In (0, 1).

    Returns:
        None for an image that was rejected, whether or not it was assessed against advice: the rates were measured on
        images that may be assessed, so they say nothing about it.

    Raises:
        ValueError: If the prevalence is not between 0 and 1.
    """
    _require_share("prevalence", prevalence)
    if assessment.decision == "rejected" or assessment.override:
        return None
    return meaning_of(assessment.prediction.score, card, assessment.point, prevalence)


def meaning_of(score: float, card: ModelCard, point: OperatingPoint, prevalence: float) -> Meaning:
    """Return the risk of an image that may be assessed, by its score; the other arguments are those of `meaning`."""
    at_threshold = risk_of(point.threshold, card, prevalence)
    return Meaning(
        prevalence=prevalence,
        risk=risk_of(score, card, prevalence),
        point=point.name,
        threshold=None if at_threshold is None else at_threshold.value,
        outlook=outlook_of(point, prevalence),
    )


def _require_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value}")


def percent(share: float) -> str:
    """Return a share that somebody chose in per cent, with up to three digits, as in `2 %` or `12.5 %`."""
    return f"{100 * share:.3g} %"


def risk_words(risk: Measurement, *, named: bool = False) -> str:
    """Return a risk with its interval in words, as in `about 1 in 7 (15 %, 11 to 19 %)`.

    Args:
        risk: From `risk_of`.
        named: Say that the interval is one of 95 %.

    >>> risk_words(Measurement(0.153, 0.088, 0.224))
    'about 1 in 7 (15 %, 8.8 to 22 %)'
    """
    if risk.value is None:
        return ""
    return sentence("{words} ({share})", words=one_in(risk.value), share=share_words(risk, named=named))


def share_words(risk: Measurement, *, named: bool = False) -> str:
    """Return a risk in per cent with its interval, as in `15 %, 11 to 19 %`; "" if it is not known.

    Args:
        risk: From `risk_of`.
        named: Say that the interval is one of 95 %.
    """
    if risk.value is None:
        return ""
    share = _percentage(risk.value)
    if risk.low is None or risk.high is None:
        return sentence("{share} %", share=share)
    low, high = _percentage(risk.low), _percentage(risk.high)
    if named:
        return sentence("{share} %, 95 % interval {low} to {high} %", share=share, low=low, high=high)
    return sentence("{share} %, {low} to {high} %", share=share, low=low, high=high)


def one_in(share: float) -> str:
    """Return a share in everyday words; a larger share never sounds smaller.

    >>> [one_in(share) for share in (0.00001, 0.0056, 0.15, 0.37, 0.97)]
    ['fewer than 1 in 10,000', 'about 1 in 180', 'about 1 in 7', 'about 4 in 10', 'about 97 in 100']
    """
    if share < 1e-4:
        return sentence("fewer than 1 in 10,000")
    if share > 0.99:
        return sentence("more than 99 in 100")
    # One in 4 and 3 in 10 meet here, and 9 in 10 and 95 in 100 further up.
    part, whole = (round(100 * share), 100) if share >= 0.95 else (round(10 * share), 10)
    if share < 0.275:
        part, whole = 1, _two_digits(1 / share)
    shown = f"{whole:,}"
    return sentence("about {part} in {whole}", part=part, whole=shown)


def _two_digits(number: float) -> int:
    return round(number) if number < 100 else int(round(number, 2 - len(str(int(number)))))


def _percentage(share: float) -> str:
    """Return a share in per cent without the sign, with two digits that count, and never 0 or 100 for what is not."""
    shown = 100 * share
    if 0 < shown < 0.01:
        return "<0.01"
    if 99 < shown < 100:
        return ">99"
    return f"{shown:.0f}" if shown >= 9.95 else f"{shown:.2g}"


def _count(number: float) -> str:
    """Return a count that is not rounded down to nothing."""
    return (
        f"{number:.0f}"
        if number >= 0.95 or number == 0
        else f"{number:.1f}"
        if number >= 0.05
        else sentence("fewer than 0.1")
    )

"""The risk at a prevalence: what a score and an operating point mean where malignant lesions are rarer or commoner."""

from dataclasses import dataclass

from skinlens.metrics.measurement import Measurement
from skinlens.runtime.card import ModelCard
from skinlens.runtime.prediction import is_probability
from skinlens.triage.decision import Assessment

# Share of malignant lesions among those a clinician would score: general practice, and a pigmented-lesion clinic.
PRIMARY_CARE = 0.02
LESION_CLINIC = 0.10
SETTINGS = {"primary care": PRIMARY_CARE, "pigmented-lesion clinic": LESION_CLINIC}


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


@dataclass(frozen=True)
class Outlook:
    """The consequences of an operating point at a prevalence, for 1,000 lesions.

    Attributes:
        prevalence: Share of malignant lesions among those scored.
        referred: Of 1,000 lesions, how many are referred.
        found: Of 1,000 lesions, how many malignant ones are referred.
        missed: Of 1,000 lesions, how many malignant ones are not.
        ppv: Share of malignant lesions among the referred; None if none is referred.
        npv: Share of benign lesions among the rest; None if there is no rest.
    """

    prevalence: float
    referred: float
    detected: float
    missed: float
    ppv: float | None
    npv: float | None

    @property
    def referrals_per_cancer(self) -> float | None:
        """Referrals for each malignant lesion found; None if none is found."""
        return self.referred / self.detected if self.detected else None

    def sentence(self) -> str:
        """Return the consequences in plain words."""
        if self.referrals_per_cancer is None:
            return f"Where {percent(self.prevalence)} of lesions are malignant, this threshold finds none of them."
        return (
            f"Of 1,000 lesions where {percent(self.prevalence)} are malignant, this threshold would "
            f"refer {self.referred:.0f}, find {self.detected:.0f} malignant ones "
            f"({self.referrals_per_cancer:.1f} referrals for each) and miss {_count(self.missed)}."
        )


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
    alarms, cleared = 1000 * (1 - prevalence) * (1 - specificity), 1000 * (1 - prevalence) * specificity
    return Outlook(
        prevalence=prevalence,
        referred=detected + alarms,
        detected=detected,
        missed=missed,
        ppv=detected / (detected + alarms) if detected + alarms else None,
        npv=cleared / (cleared + missed) if cleared + missed else None,
    )


@dataclass(frozen=True)
class Meaning:
    """The risk of one image at a prevalence.

    Attributes:
        prevalence: Share of malignant lesions among those that are scored.
        estimate: P(malignant) of this image there; None if the model is not calibrated.
        observed: Malignancy rate of images with similar scores there, with its interval; None if it was not measured.
        outlook: The consequences of the operating point there; None if its rates were not measured.
    """

    prevalence: float
    estimate: float | None
    observed: Measurement | None
    outlook: Outlook | None

    def sentences(self) -> tuple[str, ...]:
        """Return the risk in plain words; empty if nothing is known."""
        sentences = []
        if self.estimate is not None:
            sentences.append(f"Where {percent(self.prevalence)} of lesions are malignant: {one_in(self.estimate)}.")
        if self.observed is not None and self.observed.value is not None:
            sentences.append(
                f"Of images with such a score, {percent(self.observed.value)} were malignant{_interval(self.observed)}."
            )
        if self.outlook is not None:
            sentences.append(self.outlook.sentence())
        return tuple(sentences)


def meaning(assessment: Assessment, card: ModelCard, prevalence: float) -> Meaning:
    """Return the risk of an assessed image where a given share of the lesions is malignant.

    Args:
        assessment: From `triage.decision.assess`.
        card: Of its model.
        prevalence: In (0, 1).

    Raises:
        ValueError: If the prevalence is not between 0 and 1.
    """
    score, calibration = assessment.prediction.score, card.calibration
    estimate = observed = None
    if calibration is not None and is_probability(score):
        estimate = at_prevalence(score, trained=calibration.prevalence, target=prevalence)
        similar = card.score_bin(score)
        observed = None if similar is None else _moved(similar.rate, calibration.prevalence, prevalence)
    measured = assessment.point.measured[0] if assessment.point.measured else None
    rates = (measured.sensitivity.value, measured.specificity.value) if measured else (None, None)
    known = None if rates[0] is None or rates[1] is None else outlook(rates[0], rates[1], prevalence)
    return Meaning(prevalence, estimate, observed, known)


def _moved(rate: Measurement, trained: float, target: float) -> Measurement:
    value, low, high = (
        None if end is None else at_prevalence(end, trained=trained, target=target)
        for end in (rate.value, rate.low, rate.high)
    )
    return Measurement(value=value, low=low, high=high, n=rate.n)


def _interval(rate: Measurement) -> str:
    ends = rate.interval(percent)
    return f" (95 % interval {ends}, n = {rate.n} before the shift to this prevalence)" if ends else ""


def _require_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value}")


def percent(share: float) -> str:
    """Return a share in per cent with two or three digits that count, as in `2 %` or `0.34 %`."""
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.3g} %"


def one_in(share: float) -> str:
    """Return a share in everyday words, as in `about 1 in 9 is malignant (11 %)`."""
    if share <= 0:
        return "none is malignant (0 %)"
    if share > 2 / 3:
        return f"about {percent(share)} are malignant"
    return f"about 1 in {_rounded(1 / share)} is malignant ({percent(share)})"


def _rounded(number: float) -> str:
    """Return a number with two digits that count; below ten, one decimal unless it is whole."""
    if number >= 10:
        digits = len(str(int(number))) - 2
        return f"{round(number, -digits):,.0f}"
    return f"{number:.1f}".removesuffix(".0")


def _count(number: float) -> str:
    """Return a count that is not rounded down to nothing."""
    return f"{number:.0f}" if number >= 1 or number == 0 else f"{number:.1f}" if number >= 0.05 else "fewer than 0.1"

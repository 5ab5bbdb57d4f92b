"""What a score and an operating point mean where malignant lesions are rarer, or commoner, than in the training set."""

from dataclasses import dataclass

# Of the images a clinician would score: general practice, and a pigmented-lesion clinic.
PRIMARY_CARE = 0.02
LESION_CLINIC = 0.10


def at_prevalence(probability: float, *, trained: float, target: float) -> float:
    """A probability moved from one prevalence to another, by Bayes' rule.

    The logit is shifted by logit(target) - logit(trained) (Saerens et al., Neural Computation 14, 2002), as if both
    classes looked the same in both places.

    Args:
        probability: In [0, 1], calibrated where the share of malignant images is `trained`; 0 and 1 stay.
        trained: In (0, 1).
        target: In (0, 1).

    Raises:
        ValueError: If a number is out of its range.
    """
    _require_share("trained", trained)
    _require_share("target", target)
    if not 0 <= probability <= 1:
        raise ValueError(f"a probability lies in [0, 1], not {probability}")
    ill = probability * target / trained
    return ill / (ill + (1 - probability) * (1 - target) / (1 - trained))


@dataclass(frozen=True)
class Outlook:
    """What an operating point comes to at a prevalence.

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
    found: float
    missed: float
    ppv: float | None
    npv: float | None

    @property
    def referrals_per_cancer(self) -> float | None:
        """Referrals for each malignant lesion found; None if none is found."""
        return self.referred / self.found if self.found else None

    def sentence(self) -> str:
        """The same in plain words."""
        if self.referrals_per_cancer is None:
            return f"Where {percent(self.prevalence)} of lesions are malignant, this threshold finds none of them."
        return (
            f"Of 1,000 lesions where {percent(self.prevalence)} are malignant, this threshold would refer "
            f"{self.referred:.0f}, find {self.found:.0f} malignant ones ({self.referrals_per_cancer:.1f} referrals for "
            f"each) and miss {_count(self.missed)}."
        )


def outlook(sensitivity: float, specificity: float, prevalence: float) -> Outlook:
    """What rates come to at a prevalence.

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
    found, missed = 1000 * prevalence * sensitivity, 1000 * prevalence * (1 - sensitivity)
    alarms, cleared = 1000 * (1 - prevalence) * (1 - specificity), 1000 * (1 - prevalence) * specificity
    return Outlook(
        prevalence=prevalence,
        referred=found + alarms,
        found=found,
        missed=missed,
        ppv=found / (found + alarms) if found + alarms else None,
        npv=cleared / (cleared + missed) if cleared + missed else None,
    )


def _require_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value}")


def percent(share: float) -> str:
    """A share in per cent with two or three digits that count, as in `2 %` or `0.34 %`."""
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.3g} %"


def one_in(share: float) -> str:
    """A share as a person says it, as in `about 1 in 9 is malignant (11 %)`."""
    if share <= 0:
        return "none is malignant (0 %)"
    if share > 2 / 3:
        return f"about {percent(share)} are malignant"
    return f"about 1 in {_rounded(1 / share)} is malignant ({percent(share)})"


def _rounded(number: float) -> str:
    """A number with two digits that count; below ten, one decimal unless it is whole."""
    if number >= 10:
        digits = len(str(int(number))) - 2
        return f"{round(number, -digits):,.0f}"
    return f"{number:.1f}".removesuffix(".0")


def _count(number: float) -> str:
    """A count that is not rounded down to nothing."""
    return f"{number:.0f}" if number >= 1 or number == 0 else f"{number:.1f}" if number >= 0.05 else "fewer than 0.1"

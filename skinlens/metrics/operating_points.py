"""Named operating points and their bands of uncertainty, from predictions on images that the model has not seen."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skinlens.metrics.classification import checked
from skinlens.metrics.curves import coverage_error
from skinlens.metrics.intervals import wilson
from skinlens.metrics.measurement import Measurement
from skinlens.metrics.scaling import logit, sigmoid
from skinlens.metrics.thresholds import Rates, wilson_rates
from skinlens.translation import sentence

LEAST_RATE = 0.95
MOST_ERROR = 0.10
# A band that leaves fewer images decided than this is of no use.
LEAST_DECIDED = 0.25
_DIGITS = 4


@dataclass(frozen=True)
class Band:
    """Scores around a threshold that are too close to call.

    Attributes:
        low: Uncertain from here, in [0, threshold].
        high: Certain again from above here, in [threshold, 1].
        error: Wrong decisions among the images outside the band, with Wilson's interval.
        decided: Share of images outside the band, likewise.
    """

    low: float
    high: float
    error: Measurement
    decided: Measurement


@dataclass(frozen=True)
class PointChoice:
    """An operating point as it was chosen.

    Attributes:
        threshold: Rounded so that the rule still holds.
        rule: How it was chosen, in words.
        rates: What it does on the images that it was chosen on.
        band: None where no band reaches the wanted error.
    """

    name: str
    threshold: float
    rule: str
    rates: Rates
    band: Band | None


def choose_points(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, most_error: float = MOST_ERROR
) -> tuple[PointChoice, ...]:
    """Choose the three points: `screening`, `balanced` and `specialist`.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1], of images that the model has not trained on.
        most_error: Wanted share of wrong decisions outside the bands.

    Returns:
        In that order, each with its rule in words and its rates on the given images.

    Raises:
        ValueError: As for `registry.score`, without one of the labels, or as for `threshold_of_specificity`.
    """
    thresholds = {
        "screening": (
            threshold_of_sensitivity(labels, probabilities),
            sentence("the highest threshold with a sensitivity of at least {rate}", rate=f"{LEAST_RATE:.0%}"),
        ),
        "balanced": (
            threshold_of_balance(labels, probabilities),
            sentence("the lowest threshold whose sensitivity and specificity are closest to one another"),
        ),
        "specialist": (
            threshold_of_specificity(labels, probabilities),
            sentence("the lowest threshold with a specificity of at least {rate}", rate=f"{LEAST_RATE:.0%}"),
        ),
    }
    return tuple(
        PointChoice(
            name,
            threshold,
            rule,
            wilson_rates(labels, probabilities, threshold),
            uncertain_band(labels, probabilities, threshold, most_error=most_error),
        )
        for name, (threshold, rule) in thresholds.items()
    )


def threshold_of_sensitivity(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, least: float = LEAST_RATE
) -> float:
    """Return the highest threshold of four digits that detects at least a share of the malignant images.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].
        least: The share, in (0, 1].

    Returns:
        In [0, 1], rounded down, so that the rule still holds.

    Raises:
        ValueError: As for `registry.score`, or without a malignant image.

    Example:
        >>> threshold_of_sensitivity([0, 1, 1, 1], [0.1, 0.32571, 0.6, 0.9])
        0.3257
    """
    labels, probabilities = checked(labels, probabilities)
    malignant = np.sort(probabilities[labels == 1])[::-1]
    if not len(malignant):
        raise ValueError("a sensitivity needs malignant images")
    # As many as must score at least the threshold; the tolerance keeps 0.95 * 20 from being 20 by a rounding error.
    detected = max(1, math.ceil(least * len(malignant) - 1e-9))
    return math.floor(malignant[detected - 1] * 10**_DIGITS) / 10**_DIGITS


def threshold_of_specificity(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, least: float = LEAST_RATE
) -> float:
    """Return the lowest threshold of four digits that leaves at least a share of the benign images below it.

    Args:
        labels: As for `threshold_of_sensitivity`.
        probabilities: Likewise.
        least: The share, in (0, 1].

    Returns:
        In [0, 1], one step of 0.0001 above the last benign score that must lie below it.

    Raises:
        ValueError: As for `registry.score`, without a benign image, or if a score of 1 makes it impossible.
    """
    labels, probabilities = checked(labels, probabilities)
    benign = np.sort(probabilities[labels == 0])
    if not len(benign):
        raise ValueError("a specificity needs benign images")
    below = max(1, math.ceil(least * len(benign) - 1e-9))
    threshold = (math.floor(benign[below - 1] * 10**_DIGITS) + 1) / 10**_DIGITS
    if threshold > 1:
        raise ValueError(f"no threshold has a specificity of {least}: too many benign images score 1")
    return threshold


def threshold_of_balance(labels: npt.ArrayLike, probabilities: npt.ArrayLike) -> float:
    """Return the lowest threshold of four digits at which sensitivity and specificity differ least.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1].

    Returns:
        Inside (0, 1).

    Raises:
        ValueError: As for `registry.score`, or without one of the labels.
    """
    labels, probabilities = checked(labels, probabilities)
    malignant, benign = np.sort(probabilities[labels == 1]), np.sort(probabilities[labels == 0])
    if not len(malignant) or not len(benign):
        raise ValueError("a sensitivity and a specificity need images of both labels")
    thresholds = np.arange(1, 10**_DIGITS) / 10**_DIGITS
    sensitivity = 1 - np.searchsorted(malignant, thresholds, side="left") / len(malignant)
    specificity = np.searchsorted(benign, thresholds, side="left") / len(benign)
    # Rounded, since equal differences of shares can differ in their last bits.
    return float(thresholds[np.abs(sensitivity - specificity).round(9).argmin()])


def uncertain_band(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, threshold: float, *, most_error: float = MOST_ERROR
) -> Band | None:
    """Return the narrowest band around a threshold outside which at most a share of the decisions is wrong.

    It reaches equally far to both sides in logits.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        probabilities: P(malignant), `(N,)` in [0, 1], of images that the model has not trained on.
        threshold: In (0, 1).
        most_error: In [0, 1].

    Returns:
        The band, of no width where none is needed; None where it would leave less than `LEAST_DECIDED` decided.

    Raises:
        ValueError: As for `registry.score`, or if the threshold is not between 0 and 1.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"a band is drawn around a threshold between 0 and 1, not {threshold}")
    curve = coverage_error(labels, probabilities, threshold)
    # The error is no smooth function of the width: of all widths that do, the narrowest counts.
    usable = np.flatnonzero((curve["error"] <= most_error) & (curve["coverage"] >= LEAST_DECIDED))
    if not len(usable):
        return None
    last = int(usable[-1])
    # The band reaches up to the nearest images that it must leave undecided.
    width = float(curve["distance"].iloc[last + 1]) if last + 1 < len(curve) else 0.0
    centre, decided = float(logit(threshold)), curve.iloc[last]
    return Band(
        low=float(sigmoid(centre - width)),
        high=float(sigmoid(centre + width)),
        error=wilson(int(decided["errors"]), int(decided["n"])),
        decided=wilson(int(decided["n"]), int(curve["n"].iloc[-1])),
    )

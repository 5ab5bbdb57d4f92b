"""Out-of-distribution rejection: two halves that share no patient, a threshold, and rejected shares with n."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skinlens.metrics.classification import Floats
from skinlens.metrics.intervals import wilson
from skinlens.metrics.measurement import Measurement

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RejectedShare:
    """How many images of one kind are refused.

    Attributes:
        refused: Images refused.
        share: With its Wilson interval.
        target: The share that is wanted; at least that much, or at most.
        met: Whether the share, not its interval, is on the right side of the target; None without images.
    """

    refused: int
    share: Measurement
    target: float
    met: bool | None


def first_halves(kinds: Sequence[str]) -> Flags:
    """Tell which images belong to the first half of their kind, in the order in which they are listed.

    Images of one patient, slide or subject are listed one after another, so that at most one of them per kind lies in
    both halves.

    Args:
        kinds: Of each image, `(N,)`.

    Returns:
        `(N,)`.

    Example:
        >>> first_halves(["xray", "xray", "closeup", "xray"]).tolist()
        [True, False, False, False]
    """
    names = np.asarray(kinds, dtype=object)
    first = np.zeros(len(names), np.bool_)
    for kind in set(kinds):
        places = np.flatnonzero(names == kind)
        first[places[: len(places) // 2]] = True
    return first


def choose_threshold(familiarities: Floats, groups: Sequence[str], *, allowed: float) -> float:
    """Choose the highest threshold that rejects no more than a share of every group of images that should pass.

    A group in which that share is less than one image says too little by itself. All images together are a further
    group.

    Args:
        familiarities: `(N,)`; an image below the threshold is rejected.
        groups: Of each image, `(N,)`.
        allowed: The share, in [0, 1).

    Raises:
        ValueError: If there is no image, the share is out of range, or an out-of-distribution score is no number.
    """
    if not len(familiarities) or len(familiarities) != len(groups):
        raise ValueError(f"{len(familiarities)} familiarities and {len(groups)} groups give no threshold")
    if not 0 <= allowed < 1:
        raise ValueError(f"the allowed share lies from 0 to below 1, not at {allowed}")
    if not np.isfinite(familiarities).all():
        raise ValueError("an out-of-distribution score is not a number")
    sizes = Counter(groups)
    names = np.array(groups, dtype=object)
    large = [familiarities[names == group] for group, size in sizes.items() if allowed * size >= 1]
    # The first that is not rejected: below it lie no more than the allowed share.
    return min(float(np.sort(of_group)[int(allowed * len(of_group))]) for of_group in [familiarities, *large])


def rejected_shares(refused: Flags, groups: Sequence[str], *, at_least: dict[str, float]) -> dict[str, RejectedShare]:
    """Measure rejected shares of groups of images that should be rejected.

    Args:
        refused: `(N,)`, whether an image is rejected.
        groups: Of each image, `(N,)`.
        at_least: The groups and the share that is wanted of each.

    Returns:
        By group.
    """
    return {group: _share(refused, groups, group, target, least=True) for group, target in at_least.items()}


def wrongly_rejected(refused: Flags, groups: Sequence[str], *, at_most: float) -> dict[str, RejectedShare]:
    """Measure rejected shares of groups of images that should pass.

    Args:
        refused: `(N,)`, whether an image is rejected.
        groups: Of each image, `(N,)`.
        at_most: The share that may be rejected in every group.

    Returns:
        By group, sorted.
    """
    return {group: _share(refused, groups, group, at_most, least=False) for group in sorted(set(groups))}


def _share(refused: Flags, groups: Sequence[str], group: str, target: float, *, least: bool) -> RejectedShare:
    members = np.asarray(groups, dtype=object) == group
    count, n = int(refused[members].sum()), int(members.sum())
    share = wilson(count, n)
    met = None if share.value is None else (share.value >= target if least else share.value <= target)
    return RejectedShare(count, share, target, met)

"""Shortcut tests: how well a lesion's outline alone tells the classes apart, and who follows the background."""

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier

from skinlens.metrics.classification import Floats, Labels
from skinlens.metrics.measure import measure_mean, measure_roc_auc
from skinlens.metrics.measurement import Measurement
from skinlens.metrics.scaling import logit

BACKGROUND_MEASUREMENTS = (
    "plain_auc", "same_class_auc", "swapped_auc", "crossed_auc_by_lesion", "crossed_auc_by_background",
    "score_change_plain_to_same_class", "score_change_plain_to_swapped", "score_change_same_class_to_swapped",
    "logit_change_plain_to_same_class", "logit_change_plain_to_swapped", "logit_change_same_class_to_swapped",
    "logit_towards_background", "verdict_is_backgrounds", "flipped_by_background", "flipped_by_moving",
)  # fmt: skip

_TREES = 300
_LEAF = 5
# Where a probability is cut before its logit is taken, at 13.8.
_LIMIT = 1e-6


def shape_probabilities(features: Floats, labels: Labels, scored: Floats) -> Floats:
    """Predict labels from the shape of an outline, by a random forest that has seen other outlines.

    Args:
        features: Shapes to learn from, `(M, F)`.
        labels: Theirs, `(M,)`, 1 for malignant and 0 for benign.
        scored: Shapes to score, `(N, F)`.

    Returns:
        P(malignant), `(N,)` in [0, 1]; always the same for the same arguments.

    Raises:
        ValueError: Unless there are both labels to learn from.
    """
    if len(np.unique(labels)) < 2:
        raise ValueError("there are no outlines of both classes to learn from")
    forest = RandomForestClassifier(_TREES, min_samples_leaf=_LEAF, class_weight="balanced", random_state=0)
    # Averaged over trees, so that rounding can lead past 1.
    return np.clip(forest.fit(features, labels).predict_proba(scored)[:, 1], 0, 1)


def partners(labels: Labels, groups: npt.ArrayLike, *, other_class: bool, seed: int) -> Labels:
    """For each image another one that lends its background.

    Both are shuffled, then taken in turn, so that the backgrounds of a class are used equally often as far as it goes.
    An image never gets one of its own group, which may show the same lesion.

    Args:
        labels: `(N,)`, 1 for malignant and 0 for benign.
        groups: `(N,)`, equal for images that belong together.
        other_class: Whether the background comes from the other class or from the image's own.
        seed: The same seed gives the same partners.

    Returns:
        Row numbers, `(N,)`.

    Raises:
        ValueError: If an image has no possible partner.
    """
    names = np.asarray(groups)
    order = np.random.default_rng(seed).permutation(len(labels))
    chosen = np.empty(len(labels), dtype=np.int64)
    for label in (0, 1):
        lenders = order[labels[order] == (1 - label if other_class else label)]
        for turn, row in enumerate(order[labels[order] == label], 1):
            others = [lender for lender in np.roll(lenders, -turn) if names[lender] != names[row]]
            if not others:
                raise ValueError("an image has no other image, of the class asked for, to take its background from")
            chosen[row] = others[0]
    return chosen


def measure_backgrounds(
    labels: Labels,
    groups: npt.ArrayLike,
    threshold: float,
    *,
    plain: Floats,
    same_class: Floats,
    swapped: Floats,
    resamples: int,
) -> dict[str, Measurement]:
    """Measure how a model scores lesions that were moved onto other backgrounds.

    Moving a lesion changes the image in ways that have nothing to do with the background's class, so the fair
    comparison is with the same lesion moved onto a background of its own class. What is left of the other lesion counts
    as background: where that lesion was large, so is the area that was filled in. Draws are over the groups of the
    lesions; that a background serves several lesions is not accounted for, which makes the intervals somewhat narrow.

    Args:
        labels: Of the lesions, `(N,)`, 1 for malignant and 0 for benign.
        groups: Of the lesions, `(N,)`.
        threshold: In [0, 1]; the verdict is malignant if `probability >= threshold`.
        plain: P(malignant) of the images as they are, `(N,)`.
        same_class: On a background of the lesion's own class.
        swapped: On a background of the other class.
        resamples: Draws of the bootstrap.

    Returns:
        By the names of `BACKGROUND_MEASUREMENTS`.
        ROC AUCs: `plain_auc`, `same_class_auc` and `swapped_auc` by the label of the lesion (on swapped images the
        background's is the opposite, so its AUC is 1 minus that), and `crossed_auc_by_lesion` and
        `crossed_auc_by_background` over both kinds together, where the two labels are independent: 0.5 by background is
        a model that ignores it.
        Mean absolute changes of score and logit (of the probability cut at 1e-6): `..._plain_to_same_class` (what
        moving alone does), `..._plain_to_swapped` and `..._same_class_to_swapped`; and
        `logit_towards_background`, the mean signed change from own class to swapped in the direction of the
        background's class.
        Shares of verdicts: `verdict_is_backgrounds` (of the swapped), `flipped_by_background` (right on a background of
        its own class, the background's class on the other) and `flipped_by_moving` (right as it was, wrong once moved
        onto a background of its own class: what to compare the former with).
    """
    kinds = {"plain": plain, "same_class": same_class, "swapped": swapped}
    names = np.asarray(groups)
    measured = {
        f"{kind}_auc": measure_roc_auc(labels, probabilities, names, resamples=resamples)
        for kind, probabilities in kinds.items()
    }
    both, twice = np.concatenate([same_class, swapped]), np.concatenate([names, names])
    for by, both_labels in (("lesion", (labels, labels)), ("background", (labels, 1 - labels))):
        measured[f"crossed_auc_by_{by}"] = measure_roc_auc(
            np.concatenate(both_labels), both, twice, resamples=resamples
        )
    right = {kind: (probabilities >= threshold) == (labels == 1) for kind, probabilities in kinds.items()}
    # 1 or 0 for each question, and NaN for the lesions it is not asked of.
    answers = {
        "verdict_is_backgrounds": 1.0 - right["swapped"],
        "flipped_by_background": np.where(right["same_class"], 1.0 - right["swapped"], np.nan),
        "flipped_by_moving": np.where(right["plain"], 1.0 - right["same_class"], np.nan),
    }
    for name, values in (_changes(kinds, labels) | answers).items():
        known = ~np.isnan(values)
        measured[name] = measure_mean(
            values[known], names[known], resamples=resamples, absent="no lesion was classified correctly before"
        )
    return measured


def _changes(kinds: dict[str, Floats], labels: Labels) -> dict[str, Floats]:
    logits = {kind: logit(probabilities, least=_LIMIT) for kind, probabilities in kinds.items()}
    changes = {}
    for scale, values in (("score", kinds), ("logit", logits)):
        for before, after in (("plain", "same_class"), ("plain", "swapped"), ("same_class", "swapped")):
            changes[f"{scale}_change_{before}_to_{after}"] = np.abs(values[after] - values[before])
    # A benign lesion lies on a malignant one's background, so that its logit is drawn upwards.
    changes["logit_towards_background"] = (1 - 2 * labels) * (logits["swapped"] - logits["same_class"])
    return changes

"""Figures of a run: against ground truth, and against its reviewers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from skinlens.batch.schema import Review
from skinlens.batch.table import Entry
from skinlens.metrics.agreement import Agreement, agreement
from skinlens.metrics.measurement import Measurement
from skinlens.metrics.registry import MetricName
from skinlens.metrics.report import ViewResult, evaluate_views
from skinlens.runtime.card import OperatingPoint

_RESAMPLES = 500
# Verdicts below which a kappa says next to nothing: its interval spans most of the scale.
FEWEST_FOR_KAPPA = 20
_CALLED = {"malignant": True, "benign": False}


@dataclass(frozen=True)
class AgainstTruth:
    """A run against its ground truth.

    Attributes:
        result: Of the images that have a score and a label, each called by its score at the threshold alone.
        not_assessed: Images with a label that were rejected or could not be read, and so are not in the result.
        undecided: Images of the result that the app calls uncertain.
    """

    result: ViewResult
    not_assessed: int
    undecided: int


def against_truth(entries: Sequence[Entry], point: OperatingPoint) -> AgainstTruth | None:
    """Every metric with its interval; images of one patient are drawn together.

    Args:
        entries: The whole run.
        point: Its threshold decides.

    Returns:
        None if no assessed image has a label.
    """
    labelled = [entry for entry in entries if entry.facts.label and entry.outcome != "waiting"]
    assessed = [entry for entry in labelled if entry.line.score is not None and not entry.line.rejections]
    if not assessed:
        return None
    manifest = pd.DataFrame(
        {"label": entry.facts.label, "group_id": entry.facts.case_id or f"image {entry.number}"} for entry in assessed
    )
    scores = [entry.line.score or 0.0 for entry in assessed]
    result = evaluate_views(manifest, scores, point.threshold, resamples=_RESAMPLES)["all"]
    return AgainstTruth(
        result=result,
        not_assessed=len(labelled) - len(assessed),
        undecided=sum(entry.outcome == "uncertain" for entry in assessed),
    )


def measured(comparison: AgainstTruth) -> dict[MetricName, Measurement]:
    """Every metric by name, with an interval that has a width, or with none.

    Where every draw of the bootstrap gives the same number, as with 18 of 18, its interval would claim certainty: then
    a proportion has Wilson's interval instead, and any other metric has none.
    """
    shown = {}
    for name, each in comparison.result.metrics.items():
        if each.low is None or each.low != each.high:
            shown[name] = each
            continue
        wilson = comparison.result.second.get(name)
        with_width = wilson is not None and wilson.low != wilson.high
        shown[name] = wilson if wilson is not None and with_width else replace(each, low=None, high=None)
    return shown


def with_reviewers(entries: Sequence[Entry], point: OperatingPoint, *, blind_alone: bool) -> Agreement:
    """Reviewers against the model: the first verdict of each person on each image, where it is benign or malignant.

    Args:
        entries: The whole run.
        point: The model calls an image malignant at or above its threshold; rejected ones are left out.
        blind_alone: Count only verdicts that were given without knowing the model's.
    """
    people, model = [], []
    for entry in entries:
        if entry.line.score is None or entry.line.rejections:
            continue
        first: dict[str, Review] = {}
        for review in entry.reviews:
            first.setdefault(review.actor, review)
        for review in first.values():
            if review.verdict in _CALLED and (review.blind or not blind_alone):
                people.append(_CALLED[review.verdict])
                model.append(entry.line.score >= point.threshold)
    return agreement(people, model)

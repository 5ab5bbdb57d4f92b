"""Two models of an evaluation folder on one view: aligned by image, compared, and put into words and a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skinlens.leaderboard.records import EvaluatedModel
from skinlens.leaderboard.submitted import match
from skinlens.leaderboard.table import heading
from skinlens.metrics.classification import METRICS, MetricName
from skinlens.metrics.figures import bracketed
from skinlens.metrics.intervals import RESAMPLES
from skinlens.metrics.paired import (
    Comparison,
    Difference,
    ScoredModel,
    compare,
    disagreements,
    in_words,
    paired_bootstrap_over_seeds,
)
from skinlens.metrics.rows import groups_of, labels_of

NOT_SHOWN = "difference not shown"
SHOWN = "difference shown"
_LOWER_IS_BETTER = " (lower is better)"

Seeds = Sequence[EvaluatedModel]


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Two models compared.

    Attributes:
        first_seed: Of one training of each, the one that the charts show.
        over_seeds: Differences of means over all trainings of each; None unless both have two or more.
        first: The first model's name.
        second: The second's.
    """

    first: str
    second: str
    first_seed: Comparison
    over_seeds: dict[MetricName, Difference] | None


def side_by_side(first: Seeds, second: Seeds, view: str, *, resamples: int = RESAMPLES) -> SideBySide:
    """Compare two models (seconds) on the images of a view that all their seeds have scored.

    Args:
        first: The seeds of the first model, the one to show first.
        second: Likewise.
        view: A test view.
        resamples: Draws of each bootstrap.

    Raises:
        ValueError: If they share no image, their labels contradict, or the images do not allow the view.
    """
    rows, one, other = scored(first[0], second[0])
    comparison = compare(rows, one, other, view=view, resamples=resamples)
    several = min(len(first), len(second)) > 1
    differences = _over_seeds(first, second, view, resamples) if several else None
    return SideBySide(one.name, other.name, comparison, differences)


def scored(first: EvaluatedModel, second: EvaluatedModel) -> tuple[pd.DataFrame, ScoredModel, ScoredModel]:
    """The images that both models have scored, with the first one's columns, and both sets of predictions on them.

    Raises:
        CsvFileError: If they share no image, or their labels contradict.
    """
    rows = match(second.rows, first.rows).rows
    return (
        rows,
        ScoredModel(first.label, rows["probability"].to_numpy(), first.threshold),
        ScoredModel(second.label, rows["submitted"].to_numpy(), second.threshold),
    )


def disagreeing(first: EvaluatedModel, second: EvaluatedModel, view: str) -> pd.DataFrame:
    """`comparison.disagreements` of two models; errors as for `side_by_side`."""
    rows, one, other = scored(first, second)
    return disagreements(rows, one, other, view=view)


def pair_table(comparison: Comparison) -> pd.DataFrame:
    """Every metric of both models, the difference with its interval, and in words whether it was shown."""
    rows = []
    for metric in METRICS:
        found = comparison.metrics[metric]
        lower = _LOWER_IS_BETTER if metric in {"brier", "calibration_error"} else ""
        rows.append(
            {
                "Figure": heading(metric) + lower,
                comparison.first: found.first,
                comparison.second: found.second,
                "First minus second": bracketed(found.value, found.low, found.high) or "undefined",
                "Verdict": SHOWN if found.shown else NOT_SHOWN,
            }
        )
    return pd.DataFrame(rows)


def sentences(pair: SideBySide) -> list[str]:
    """What the comparison comes to: ROC AUC, accuracy, both tests, and the seeds where there are several."""
    comparison = pair.first_seed
    said = [comparison.sentence("roc_auc")]
    if comparison.ranking is not None:
        said[0] += f" DeLong's test: {p_in_words(comparison.ranking.p)}."
    decisions = comparison.decisions
    said.append(comparison.sentence("accuracy") + f" McNemar's test: {p_in_words(decisions.p)}.")
    said.append(
        f"Of {comparison.n} images both decide {decisions.both_right} rightly and {decisions.both_wrong} wrongly; "
        f"{decisions.only_first} are right by {pair.first} alone and {decisions.only_second} by {pair.second} alone."
    )
    if pair.over_seeds is not None:
        over = in_words(pair.over_seeds["roc_auc"], "roc_auc", pair.first, pair.second)
        said.append(f"Over all seeds, training chance included: {over}")
    return said


def p_in_words(p: float) -> str:
    """A p-value with as many digits as a reader can use."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _over_seeds(first: Seeds, second: Seeds, view: str, resamples: int) -> dict[MetricName, Difference]:
    rows = first[0].seen_in(view)
    for model in (*first, *second):
        rows = match(model.rows, rows).rows.drop(columns="submitted")
    chances = [[_probabilities(model, rows) for model in seeds] for seeds in (first, second)]
    thresholds = [np.array([model.threshold for model in seeds]) for seeds in (first, second)]
    return paired_bootstrap_over_seeds(
        labels_of(rows),
        chances[0],
        chances[1],
        (thresholds[0], thresholds[1]),
        groups_of(rows),
        resamples=resamples,
        seed=0,
    )


def _probabilities(model: EvaluatedModel, rows: pd.DataFrame) -> np.ndarray:
    return match(model.rows, rows).rows["submitted"].to_numpy()

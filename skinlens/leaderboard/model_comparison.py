"""Two models of an evaluation folder on one view: aligned by image, compared, and described in words and a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from skinlens.leaderboard.records import EvaluatedModel
from skinlens.leaderboard.submitted import match
from skinlens.leaderboard.table import heading
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
from skinlens.metrics.registry import METRICS, MetricName
from skinlens.metrics.rows import groups_of, labels_of
from skinlens.translation import marked, sentence, together

NOT_SHOWN = marked("difference not shown")
SHOWN = marked("difference shown")

Seeds = Sequence[EvaluatedModel]


@dataclass(frozen=True, eq=False)
class ModelComparison:
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


def compare_models(first: Seeds, second: Seeds, view: str, *, resamples: int = RESAMPLES) -> ModelComparison:
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
    return ModelComparison(one.name, other.name, comparison, differences)


def scored(first: EvaluatedModel, second: EvaluatedModel) -> tuple[pd.DataFrame, ScoredModel, ScoredModel]:
    """Return the images that both models have scored, with the first one's columns, and both sets of predictions.

    Args:
        first: The first model.
        second: The second model.

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
    """List the images that two models decide differently, as `paired.disagreements`.

    Args:
        first: The first model.
        second: The second model.
        view: A test view.

    Raises:
        ValueError: As for `compare_models`.
    """
    rows, one, other = scored(first, second)
    return disagreements(rows, one, other, view=view)


def pair_table(comparison: Comparison) -> pd.DataFrame:
    """Tabulate every metric of both models.

    Args:
        comparison: From `compare_models`.

    Returns:
        `Figure`, a column for each model, `First minus second` with its interval, and `Verdict`: whether a difference
        was shown.
    """
    rows = []
    for metric in METRICS:
        difference = comparison.metrics[metric]
        title = heading(metric)
        if METRICS[metric].lower_is_better:
            title = sentence("{metric} (lower is better)", metric=title)
        rows.append(
            {
                marked("Figure"): title,
                comparison.first: difference.first,
                comparison.second: difference.second,
                marked("First minus second"): difference.change.text(),
                marked("Verdict"): SHOWN if difference.shown else NOT_SHOWN,
            }
        )
    return pd.DataFrame(rows)


def sentences(pair: ModelComparison) -> list[str]:
    """Describe a comparison: ROC AUC, accuracy, both tests, and the seeds where there are several.

    Args:
        pair: From `compare_models`.

    Returns:
        Three sentences, or four with seeds.
    """
    comparison = pair.first_seed
    written = [comparison.sentence("roc_auc")]
    if comparison.ranking is not None:
        tested = sentence("DeLong's test: {p}.", p=p_in_words(comparison.ranking.p))
        written[0] = together(written[0], tested)
    decisions = comparison.decisions
    tested = sentence("McNemar's test: {p}.", p=p_in_words(decisions.p))
    written.append(together(comparison.sentence("accuracy"), tested))
    written.append(
        sentence(
            "Of {n} images both decide {both_right} correctly and {both_wrong} wrongly; {first} alone decides "
            "{only_first} correctly and {second} alone {only_second}.",
            n=comparison.n,
            both_right=decisions.both_right,
            both_wrong=decisions.both_wrong,
            first=pair.first,
            only_first=decisions.only_first,
            second=pair.second,
            only_second=decisions.only_second,
        )
    )
    if pair.over_seeds is not None:
        over = in_words(pair.over_seeds["roc_auc"], "roc_auc", pair.first, pair.second)
        written.append(sentence("Over all seeds, training chance included: {over}", over=over))
    return written


def p_in_words(p: float) -> str:
    """Write a p-value with as many digits as a reader can use.

    Args:
        p: In [0, 1].

    Example:
        >>> p_in_words(0.0123), p_in_words(1e-9)
        ('p = 0.012', 'p < 0.001')
    """
    return sentence("p < {p}", p="0.001") if p < 0.001 else sentence("p = {p}", p=f"{p:.3f}")


def _over_seeds(first: Seeds, second: Seeds, view: str, resamples: int) -> dict[MetricName, Difference]:
    rows = first[0].seen_in(view)
    for model in (*first, *second):
        rows = match(model.rows, rows).rows.drop(columns="submitted")
    # The images that every seed of both has scored.
    one, other = ([match(each.rows, rows).rows["submitted"].to_numpy() for each in seeds] for seeds in (first, second))
    return paired_bootstrap_over_seeds(
        labels_of(rows),
        one,
        other,
        (np.array([each.threshold for each in first]), np.array([each.threshold for each in second])),
        groups_of(rows),
        resamples=resamples,
        seed=0,
    )

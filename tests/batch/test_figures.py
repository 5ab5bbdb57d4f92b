"""A run against ground truth and against its reviewers."""

import pytest
from statsmodels.stats.proportion import proportion_confint

from skinlens.batch.facts import Facts
from skinlens.batch.figures import against_truth, with_reviewers
from skinlens.batch.store import Line
from skinlens.batch.summary import agreement_sentence, label_rows, label_sentence
from skinlens.batch.table import Entry
from skinlens.metrics.registry import score
from skinlens.triage.wording import NOT_DERMOSCOPY
from tests.batch.test_table import POINT, line, review, table

SCORES = (0.9, 0.8, 0.4, 0.3, 0.6, 0.1)
LABELS = ("malignant", "malignant", "malignant", "benign", "benign", "benign")


def labelled(*more: Line, stability: tuple[float, float] | None = None) -> list[Entry]:
    run = [line(number, value, stability=stability) for number, value in enumerate(SCORES)]
    facts = {number: Facts(label=label, case_id=f"P-{number}") for number, label in enumerate(LABELS)}
    facts |= {each.number: Facts(label="malignant") for each in more}
    return table(*run, *more, facts=facts)


def test_the_metrics_are_those_of_the_evaluation() -> None:
    found = against_truth(labelled(), POINT)
    assert found is not None
    expected = score([int(label == "malignant") for label in LABELS], SCORES, 0.5)
    assert {name: metric.value for name, metric in found.result.metrics.items()} == pytest.approx(expected.values)
    assert label_sentence(found) == (
        "Of 3 malignant images, 2 reach the threshold and 1 do not. "
        "Of 3 benign images, 2 stay below the threshold and 1 do not."
    )
    assert label_rows(found)[0] == ("Metric", "Value", "95 % interval", "n")


def test_what_was_not_assessed_is_counted_apart() -> None:
    strange, unreadable = line(6, 0.9, rejections=(NOT_DERMOSCOPY,)), line(7, None, state="unreadable")
    found = against_truth(labelled(strange, unreadable, line(8, None)), POINT)
    assert found is not None
    assert (found.result.n, found.not_assessed) == (6, 2)


def test_uncertain_ones_count_by_their_score_and_are_reported() -> None:
    found = against_truth(labelled(stability=(0.9, 0.1)), POINT)
    assert found is not None
    assert found.undecided == 6


def test_without_labels_there_is_nothing() -> None:
    assert against_truth(table(line(0)), POINT) is None


def test_reviewers_are_compared_by_their_first_verdict_on_each_image() -> None:
    reviews = [
        review(0, "malignant", blind=True),
        # Changed after the model's result was seen.
        review(2, "malignant", blind=True),
        review(2, "benign"),
        review(3, "benign", actor="you"),
        review(4, "unsure"),
    ]
    found = table(*(line(number, value) for number, value in enumerate(SCORES)), reviews=reviews)
    every = with_reviewers(found, POINT, blind_alone=False)
    assert (every.n, every.both_malignant, every.both_benign, every.first_alone) == (3, 1, 1, 1)
    blind = with_reviewers(found, POINT, blind_alone=True)
    assert (blind.n, blind.both_malignant, blind.first_alone) == (2, 1, 1)
    assert "Verdicts given blind: reviewer and model agree on 1 of 2" in agreement_sentence(blind, blind=True)


@pytest.mark.parametrize(("n", "kappa"), [(19, False), (20, True)])
def test_few_verdicts_have_no_kappa_and_the_reason_is_given(n: int, *, kappa: bool) -> None:
    images = [line(number, number % 2) for number in range(n)]
    reviews = [review(number, "malignant" if number % 3 else "benign") for number in range(n)]
    sentence = agreement_sentence(
        with_reviewers(table(*images, reviews=reviews), POINT, blind_alone=False), blind=False
    )
    assert ("Cohen's kappa" in sentence) == kappa
    assert ("No kappa is shown: with fewer than 20 verdicts" in sentence) == (not kappa)


def test_where_nothing_varies_a_proportion_has_wilsons_interval_and_no_metric_claims_certainty() -> None:
    n = 18
    images = [line(number, 0.9 if number < n else 0.1) for number in range(2 * n)]
    facts = {number: Facts(label="malignant" if number < n else "benign") for number in range(2 * n)}
    found = against_truth(table(*images, facts=facts), POINT)
    assert found is not None
    low, high = proportion_confint(n, n, method="wilson")
    rows = {name: interval for name, _, interval, _ in label_rows(found)[1:]}
    assert rows["sensitivity"] == rows["specificity"] == f"{low:.3f} to {high:.3f}"
    assert "1.000 to 1.000" not in rows.values()
    assert rows["ROC AUC"] == "-"


def test_without_verdicts_there_is_no_agreement() -> None:
    found = with_reviewers(table(line(0)), POINT, blind_alone=False)
    assert agreement_sentence(found, blind=False) == "No image has a verdict of benign or malignant."
    assert agreement_sentence(found, blind=True).endswith("that was given blind.")

"""A run against ground truth and against its reviewers."""

import pytest

from skinlens.batch.facts import Facts
from skinlens.batch.figures import against_truth, with_reviewers
from skinlens.batch.summary import agreement_sentence, label_rows, label_sentence
from skinlens.metrics.registry import score
from skinlens.triage.wording import NOT_DERMOSCOPY
from tests.batch.test_table import POINT, line, review, table

SCORES = (0.9, 0.8, 0.4, 0.3, 0.6, 0.1)
LABELS = ("malignant", "malignant", "malignant", "benign", "benign", "benign")


def labelled(*more, stability=None):
    run = [line(number, value, stability=stability) for number, value in enumerate(SCORES)]
    facts = {number: Facts(label=label, case_id=f"P-{number}") for number, label in enumerate(LABELS)}
    facts |= {each.number: Facts(label="malignant") for each in more}
    return table(*run, *more, facts=facts)


def test_the_metrics_are_those_of_the_evaluation() -> None:
    found = against_truth(labelled(), POINT)
    assert found is not None
    expected = score([int(label == "malignant") for label in LABELS], SCORES, 0.5)
    assert {name: metric.value for name, metric in found.result.metrics.items()} == pytest.approx(expected.values)
    assert label_sentence(found).startswith(
        "Ground truth: of 3 malignant images 2 reach the threshold and 1 do not; of 3 benign ones 2 stay below it"
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
    assert "agree on 1 of 2 verdicts given without knowing" in agreement_sentence(blind, blind=True)


def test_without_verdicts_there_is_no_agreement() -> None:
    found = with_reviewers(table(line(0)), POINT, blind_alone=False)
    assert agreement_sentence(found, blind=False) == "No verdict benign or malignant yet."

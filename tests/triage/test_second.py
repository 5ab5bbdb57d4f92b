"""Two models on one image: when they agree, and what is said where they do not."""

import json
from dataclasses import replace

import pytest

from skinlens.runtime.prediction import ModelId
from skinlens.triage.decision import Assessment, Decision
from skinlens.triage.second import Comparison, compare, comparison_document, comparison_of
from tests.made_up_assessments import assessed

OTHER = ModelId("other_model", "2.0.0", "b2" * 32)
DECISIONS: tuple[Decision, ...] = ("refer", "uncertain", "low", "rejected")


def decided(decision: Decision, *, model: ModelId | None = None) -> Assessment:
    made = replace(assessed(0.4), decision=decision)
    return made if model is None else replace(made, prediction=replace(made.prediction, model=model))


def compared(first: Decision, second: Decision) -> Comparison:
    return compare(decided(first), decided(second, model=OTHER))


@pytest.mark.parametrize("first", DECISIONS)
@pytest.mark.parametrize("second", DECISIONS)
def test_they_agree_where_the_decision_is_the_same(first: Decision, second: Decision) -> None:
    assert compared(first, second).agree == (first == second)


@pytest.mark.parametrize(
    ("first", "second", "begin", "end"),
    [
        ("refer", "refer", "Both models decide the same: above the referral threshold.", "threshold."),
        ("rejected", "rejected", "Both models decide the same: not assessed.", "assessed."),
        ("refer", "low", "The two models disagree. ", "Treat the result as undecided."),
        ("low", "refer", "The two models disagree. ", "Treat the result as undecided."),
        ("uncertain", "low", "One of the two models is uncertain. ", "below the referral threshold."),
        ("refer", "rejected", "Only one of the two models assessed this image. ", "says not assessed."),
        ("rejected", "uncertain", "Only one of the two models assessed this image. ", "says uncertain."),
    ],
)
def test_the_sentence(first: Decision, second: Decision, begin: str, end: str) -> None:
    sentence = compared(first, second).sentence
    assert sentence.startswith(begin)
    assert sentence.endswith(end)


def test_a_disagreement_says_who_decided_what() -> None:
    known = compared("low", "refer")
    own = known.first.model
    assert f"{own} says below the referral threshold, other_model says above the referral threshold." in known.sentence


def test_each_model_is_named_with_its_version_and_weights() -> None:
    first, second = decided("refer"), decided("low", model=OTHER)
    known = compare(first, second)
    model = first.prediction.model
    assert (known.first.model, known.first.version, known.first.weights_sha256) == (
        model.name,
        model.version,
        model.sha256,
    )
    assert (known.second.model, known.second.version, known.second.weights_sha256) == (
        OTHER.name,
        OTHER.version,
        OTHER.sha256,
    )
    assert (known.first.point, known.first.score) == (first.point.name, first.prediction.score)


def test_a_rejected_image_has_no_score() -> None:
    assert compared("refer", "rejected").second.score is None


def test_a_model_is_not_compared_with_itself() -> None:
    with pytest.raises(ValueError, match="both assessments are by"):
        compare(decided("refer"), decided("low"))


@pytest.mark.parametrize("second", DECISIONS)
def test_it_survives_json(second: Decision) -> None:
    known = compared("refer", second)
    document = json.loads(json.dumps(comparison_document(known)))
    assert comparison_of(document) == known
    document["second"]["of_a_later_version"] = 1
    assert comparison_of(document) == known

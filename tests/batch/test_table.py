"""Decisions follow the threshold; order and filter do what they say."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from skinlens.batch.facts import Facts
from skinlens.batch.schema import Review
from skinlens.batch.store import Line
from skinlens.batch.table import (
    Entry,
    Filter,
    counts,
    entries,
    ordered,
    second_point,
    short_names,
    shortened_at_the_front,
    with_reviews,
)
from skinlens.metrics.measurement import Measurement
from skinlens.runtime.card import OperatingPoint, UncertainBand
from skinlens.runtime.orientations import Stability
from skinlens.triage.decision import decide
from skinlens.triage.wording import NOT_DERMOSCOPY
from tests.made_up_cases import CARD

POINT = OperatingPoint(name="middle", threshold=0.5, chosen_on="nothing")


def line(number: int, score: float | None = 0.5, *, path: str = "", **more: object) -> Line:
    values: dict[str, object] = {
        "number": number,
        "path": path or f"/ward/{number}.jpg",
        "relative": path or f"{number}.jpg",
        "state": "judged" if score is not None else "waiting",
        "sha256": f"{number:064x}",
        "width": 4,
        "height": 3,
        "notes": (),
        "reason": "",
        "sentence": "",
        "score": score,
        "stability": None,
        "rejections": (),
        "warnings": (),
        "flags": (),
    }
    return Line(**{**values, **more})  # type: ignore[arg-type]


def review(number: int, verdict: str, *, actor: str = "me", blind: bool = False) -> Review:
    return Review(number=number, verdict=verdict, actor=actor, blind=blind, note="", created=datetime.now(UTC))


def table(
    *lines: Line,
    point: OperatingPoint = POINT,
    facts: dict[int, Facts] | None = None,
    reviews: Sequence[Review] = (),
) -> list[Entry]:
    return entries(lines, point, facts=facts or {}, reviews=reviews)


RUN = (
    line(0, 0.2),
    line(1, 0.9),
    line(2, 0.7, stability=(0.7, 0.3, *[0.7] * 6)),
    line(3, 0.99, rejections=(NOT_DERMOSCOPY,)),
    line(4, None, state="unreadable", reason="empty", sentence="It is empty."),
    line(5, None),
    line(6, 0.6, flags=("dark_corners",), warnings=("Black corners.",)),
)


def test_every_outcome_is_counted() -> None:
    expected = {"refer": 2, "uncertain": 1, "low": 1, "rejected": 1, "unreadable": 1, "waiting": 1}
    assert counts(table(*RUN)) == expected


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.35, 0.65, 0.95, 1.0])
def test_moving_the_threshold_is_assessing_again(threshold: float) -> None:
    point = POINT.model_copy(update={"threshold": threshold})
    for entry in table(*RUN, point=point):
        if entry.line.score is not None:
            stability = None if entry.line.stability is None else Stability(entry.line.stability)
            rejected = bool(entry.line.rejections)
            assert entry.outcome == decide(entry.line.score, point, stability=stability, rejected=rejected)


def test_a_band_makes_scores_uncertain() -> None:
    rate = Measurement(value=0.1, low=0.0, high=0.2, n=10)
    band = UncertainBand(low=0.4, high=0.65, error=rate, decided=rate)
    assert table(line(0, 0.6), point=POINT.model_copy(update={"band": band}))[0].outcome == "uncertain"


def test_the_most_worrying_come_first_and_what_was_not_assessed_last() -> None:
    assert [entry.number for entry in ordered(table(*RUN), "worry")] == [1, 2, 6, 0, 3, 4, 5]
    assert [entry.number for entry in ordered(table(*RUN), "run")] == list(range(7))


def test_mistakes_come_first_the_worst_at_the_top() -> None:
    labels = {0: "malignant", 1: "benign", 6: "malignant", 3: "benign"}
    found = ordered(table(*RUN, facts={n: Facts(label=label) for n, label in labels.items()}), "mistakes")
    assert [entry.number for entry in found[:2]] == [1, 0]
    assert [entry.is_mistake for entry in found] == [True, True, False, False, False, False, False]


def test_flags_name_what_speaks_against_an_image() -> None:
    found = table(*RUN)
    assert found[3].flags == ("not dermoscopy",)
    assert found[6].flags == ("dark corners",)


def test_views_with_the_same_verdict_are_counted_at_the_threshold() -> None:
    assert table(*RUN)[2].unchanged == 7
    assert table(*RUN, point=POINT.model_copy(update={"threshold": 0.2}))[2].unchanged == 8
    assert table(*RUN)[0].unchanged is None


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        (Filter(), [0, 1, 2, 3, 4, 5, 6]),
        (Filter(outcomes=("refer", "low")), [0, 1, 6]),
        (Filter(flags=("dark corners", "not dermoscopy")), [3, 6]),
        (Filter(verdicts=("malignant",)), [1]),
        (Filter(verdicts=("",)), [2, 3, 4, 5, 6]),
        (Filter(words="p-1 LEG"), [0]),
        (Filter(words="2.jpg"), [2]),
        (Filter(outcomes=("refer",), words="6"), [6]),
    ],
)
def test_a_filter_lets_through_what_fits_all_of_it(wanted: Filter, left: list[int]) -> None:
    reviews = [review(0, "benign"), review(1, "benign"), review(1, "malignant")]
    found = table(*RUN, facts={0: Facts(case_id="P-1", site="Leg")}, reviews=reviews)
    assert [entry.number for entry in found if wanted.lets_through(entry)] == left


def compared(one: Any, other: Any, **more: Any) -> Entry:
    """An image with the scores of two models, both decided on at 0.5."""
    (entry,) = entries([line(0, one, second_score=other, **more)], POINT, facts={}, reviews=(), second_point=POINT)
    return entry


@pytest.mark.parametrize(
    ("entry", "disagree"),
    [
        (compared(0.9, 0.8), False),
        (compared(0.9, 0.1), True),
        (compared(0.9, 0.8, second_stability=(0.8, 0.2)), True),
        (compared(0.9, 0.8, second_rejections=(NOT_DERMOSCOPY,)), True),
        (compared(0.9, None), None),
        (compared(None, 0.9, state="unreadable"), None),
    ],
    ids=["same", "other side", "one uncertain", "one rejects", "no number", "not readable"],
)
def test_two_models_disagree_where_their_decisions_differ(entry: Entry, *, disagree: bool | None) -> None:
    assert entry.models_disagree is disagree
    assert Filter(disagreeing=True).lets_through(entry) is bool(disagree)


def test_the_second_model_has_an_operating_point_of_its_own() -> None:
    named = CARD.operating_points[0]
    assert second_point(CARD, OperatingPoint(name=named.name, threshold=0.123, chosen_on="")) == named
    assert second_point(CARD, OperatingPoint(name="custom", threshold=0.123, chosen_on="")) == CARD.point()


def test_a_missed_lesion_is_malignant_and_neither_referred_nor_uncertain() -> None:
    malignant = {number: Facts(label="malignant") for number in range(7)}
    missed = [entry.number for entry in table(*RUN, facts=malignant) if entry.is_missed]
    assert missed == [0, 3, 4]
    assert not any(entry.is_missed for entry in table(*RUN))
    by_reader = table(*RUN, reviews=[review(0, "benign"), review(0, "malignant")])
    assert [entry.number for entry in by_reader if entry.is_missed] == [0]
    # The ground truth counts before the reader.
    benign = table(*RUN, facts={0: Facts(label="benign")}, reviews=[review(0, "malignant")])
    assert not any(entry.is_missed for entry in benign)


def test_a_verdict_that_was_taken_back_does_not_count_but_was_given() -> None:
    back, kept = review(0, "malignant", actor="A"), review(0, "benign", actor="B")
    back.withdrawn = datetime.now(UTC)
    first, *_ = with_reviews(table(*RUN), [back, kept])
    assert first.reviews == (kept,)
    assert first.seen_by == {"A", "B"}


class TestNames:
    def test_the_folders_that_all_share_are_left_out(self) -> None:
        run = [line(0, path="batch60/left/1.jpg"), line(1, path="batch60/right/1.jpg")]
        assert short_names(run) == {0: "left/1.jpg", 1: "right/1.jpg"}
        assert short_names([line(0, path="a/1.jpg"), line(1, path="2.jpg")]) == {0: "a/1.jpg", 1: "2.jpg"}

    def test_the_end_stays(self) -> None:
        name = f"{'folder/' * 9}lesion_0001.jpg"
        shown = short_names([line(0, path=name), line(1, path="x.jpg")])[0]
        assert shown == f"…{name[-25:]}"
        assert shortened_at_the_front("lesion.jpg", 10) == "lesion.jpg"

    def test_every_row_of_a_folder_has_a_name_of_its_own(self) -> None:
        run = [line(n, path=f"batch60/lesion_{n:04d}_of_the_dermatology_ward.jpg") for n in range(60)]
        assert len(set(short_names(run, length=40).values())) == 60

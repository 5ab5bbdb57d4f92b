"""The two checklists: published weights and bounds, complete forms only, and documents that come back."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from skinlens.triage.checklists import (
    COLOURS,
    MAJOR,
    MINOR,
    STRUCTURES,
    Abcd,
    Checklists,
    SevenPoint,
    abcd_of,
    checklists_document,
    checklists_of,
)


def rule(a: int, b: int, c: int, d: int) -> Abcd:
    return Abcd(a, b, frozenset(list(COLOURS)[:c]), frozenset(list(STRUCTURES)[:d]))


def test_major_criteria_count_two_and_minor_ones_one() -> None:
    """Argenziano 1998: three major and four minor criteria, ten points together, suspicious from three on."""
    assert (len(MAJOR), len(MINOR)) == (3, 4)
    assert SevenPoint(frozenset({*MAJOR, *MINOR})).points == 10
    assert SevenPoint(frozenset(MAJOR)).points == 6
    assert SevenPoint(frozenset(MINOR)).points == 4
    assert not SevenPoint().suspicious
    assert not SevenPoint(frozenset(["blue_whitish_veil"])).suspicious
    assert not SevenPoint(frozenset(["regression", "irregular_dots"])).suspicious
    assert SevenPoint(frozenset(["blue_whitish_veil", "regression"])).suspicious
    assert SevenPoint(frozenset(["regression", "irregular_dots", "irregular_streaks"])).suspicious


def test_the_total_dermoscopy_score_is_the_published_sum_everywhere() -> None:
    """Stolz 1994, Nachbar 1994: 1.3 A + 0.1 B + 0.5 C + 0.5 D, up to 4.75, up to 5.45, above."""
    for a, b, c, d in product(range(3), range(9), range(1, 7), range(1, 6)):
        filled = rule(a, b, c, d)
        total = 1.3 * a + 0.1 * b + 0.5 * c + 0.5 * d
        assert filled.tds == pytest.approx(total, abs=1e-9)
        # No sum of these weights lies on a bound, so rounding decides nothing.
        assert filled.level == ("low" if total < 4.75 else "suspicious" if total <= 5.45 else "high")
    assert (rule(0, 0, 1, 1).tds, rule(2, 8, 6, 5).tds) == (1.0, 8.9)


@pytest.mark.parametrize(
    ("filled", "level"), [((1, 4, 3, 3), "low"), ((1, 5, 3, 3), "suspicious"), ((2, 4, 3, 2), "high")]
)
def test_a_sentence_names_the_score_and_excludes_nothing(filled: tuple[int, int, int, int], level: str) -> None:
    sentence = rule(*filled).sentence()
    assert f"total score {rule(*filled).tds:.1f}" in sentence
    assert ("excludes nothing" in sentence) == (level == "low") == (rule(*filled).level == "low")
    assert f"A {filled[0]}, B {filled[1]}, C {filled[2]}, D {filled[3]}" in sentence


def test_the_criteria_that_were_seen_are_named() -> None:
    sentence = SevenPoint(frozenset({"regression", "blue_whitish_veil"})).sentence()
    assert sentence.startswith("Seven-point checklist: 3 of 10, suspicious")
    assert sentence.endswith("Seen: Blue-whitish veil, Regression structures.")
    assert "excludes nothing" in SevenPoint().sentence()
    assert "Seen" not in SevenPoint().sentence()


@pytest.mark.parametrize(
    "filled",
    [
        lambda: SevenPoint(frozenset({"hair"})),
        lambda: rule(3, 0, 1, 1),
        lambda: rule(0, 9, 1, 1),
        lambda: rule(0, 0, 0, 1),
        lambda: rule(0, 0, 1, 0),
        lambda: Abcd(0, 0, frozenset({"green"}), frozenset({"dots"})),
        lambda: Abcd(0, 0, frozenset({"red"}), frozenset({"lines"})),
    ],
)
def test_what_the_rules_do_not_know_is_an_error(filled: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"not|needs"):
        filled()


@pytest.mark.parametrize(
    "entries", [(None, 1, ["red"], ["dots"]), (1, None, ["red"], ["dots"]), (1, 1, [], ["dots"]), (1, 1, ["red"], [])]
)
def test_a_form_with_an_answer_missing_has_no_score(entries: tuple[Any, ...]) -> None:
    assert abcd_of(*entries) is None


def test_a_complete_form_has_one() -> None:
    assert abcd_of(0, 0, ["red"], ["dots"]) == Abcd(0, 0, frozenset({"red"}), frozenset({"dots"}))


@pytest.mark.parametrize(
    "checklists",
    [
        Checklists(),
        Checklists(SevenPoint()),
        Checklists(abcd=Abcd(2, 8, frozenset(COLOURS), frozenset(STRUCTURES))),
        Checklists(SevenPoint(frozenset({*MAJOR, "regression"})), Abcd(0, 0, frozenset({"red"}), frozenset({"dots"}))),
    ],
)
def test_documents_come_back(checklists: Checklists) -> None:
    document = checklists_document(checklists)
    assert (document is None) == (not checklists)
    assert checklists_of(document) == checklists
    assert len(checklists.sentences()) == (checklists.seven_point is not None) + (checklists.abcd is not None)

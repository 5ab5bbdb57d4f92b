"""Case facts that go along to the Triage page: each to its field, and nothing lost."""

from datetime import date
from typing import Any

import pytest

from skinlens.batch.facts import Facts
from skinlens.ui.batch.to_triage import carry_facts


def carried(state: dict[str, Any], facts: Facts) -> dict[str, Any]:
    carry_facts("ab", facts)
    return {key.removesuffix("-ab"): value for key, value in state.items()}


def test_each_fact_goes_into_its_field(state: dict[str, Any]) -> None:
    facts = Facts("P-1", "L2", "2026-01-02", "54", "Female", "left arm", "itches", "malignant")
    assert carried(state, facts) == {
        "id": "P-1",
        "age": 54,
        "sex": "female",
        "more": "left arm",
        "day": date(2026, 1, 2),
        "note": "itches Lesion: L2.",
    }


@pytest.mark.parametrize("age", ["about 50", "130", "-4", "5.5"])
def test_what_a_field_does_not_take_goes_into_the_note(state: dict[str, Any], age: str) -> None:
    assert carried(state, Facts(age=age, sex="f")) == {"note": f"Age: {age}. Sex: f."}


def test_what_is_not_known_leaves_what_was_typed(state: dict[str, Any]) -> None:
    state["note-ab"] = "typed"
    assert carried(state, Facts(age="54")) == {"note": "typed", "age": 54}

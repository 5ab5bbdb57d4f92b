"""What a visitor entered outlives the widgets, and gives way where it is no longer allowed."""

from typing import Any

import pytest

from skinlens.ui.entered import entered, forget, restore


def leave(state: dict[str, Any], *keys: str) -> None:
    """As Streamlit does when a page without the widgets is shown."""
    for key in keys:
        del state[key]


def test_a_value_comes_back_with_its_widget(state: dict[str, Any]) -> None:
    assert restore("age") == "age"
    assert "age" not in state
    state["age"] = 54
    restore("age")
    leave(state, "age")
    assert entered("age", None) == 54
    restore("age")
    assert state["age"] == 54


def test_a_default_holds_until_somebody_chooses(state: dict[str, Any]) -> None:
    restore("order", "worry")
    assert state["order"] == "worry"
    state["order"] = "run"
    assert entered("order", "worry") == "run"
    leave(state, "order")
    restore("order", "worry")
    assert state["order"] == "run"


def test_a_choice_that_is_no_longer_allowed_gives_way(state: dict[str, Any]) -> None:
    state["point"] = "specialist"
    restore("point", "screening", ["screening", "specialist"])
    assert state["point"] == "specialist"
    restore("point", "screening", ["screening"])
    assert state["point"] == "screening"


def test_what_is_forgotten_does_not_come_back(state: dict[str, Any]) -> None:
    state["note"] = "itches"
    restore("note")
    forget("note")
    assert entered("note", "") == ""
    restore("note")
    assert "note" not in state


@pytest.mark.parametrize("value", ["", 0, None, []])
def test_an_empty_value_is_a_value(state: dict[str, Any], value: object) -> None:
    state["field"] = value
    restore("field", "something")
    leave(state, "field")
    restore("field", "something")
    assert state["field"] == value

"""The hazard table names tests that exist."""

import ast
from pathlib import Path

import pytest

from skinlens.triage.hazards import HAZARDS, Hazard

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("hazard", HAZARDS, ids=lambda hazard: hazard.tested)
def test_every_control_is_held_by_a_test_that_exists(hazard: Hazard) -> None:
    file, *names = hazard.tested.split("::")
    found = ast.parse((ROOT / file).read_text("utf-8")).body
    for name in names:
        (node,) = [each for each in found if isinstance(each, ast.ClassDef | ast.FunctionDef) and each.name == name]
        found = node.body
    assert names[-1].startswith("test_")


def test_every_field_says_something() -> None:
    assert all(len(text) > 10 for hazard in HAZARDS for text in (hazard.harm, hazard.cause, hazard.control))

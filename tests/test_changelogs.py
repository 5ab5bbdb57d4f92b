"""Both changelogs: dated versions, newest first, that agree with the program and with the released models."""

import re
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from skinlens import __version__
from skinlens.runtime.card import read_card
from skinlens.runtime.predictor import released_models
from skinlens.runtime.weights import weights_folder

ROOT = Path(__file__).parents[1]
PROGRAM = (ROOT / "CHANGELOG.md").read_text("utf-8")
MODELS = (ROOT / "docs" / "models-changelog.md").read_text("utf-8")


class Version(NamedTuple):
    """A heading: the model's name, empty for the program; three numbers; a day."""

    name: str
    number: tuple[int, ...]
    day: date


def versions(text: str) -> list[Version]:
    found = re.findall(r"^## (?:(\w+) )?(\d+\.\d+\.\d+) - (\S+)$", text, re.MULTILINE)
    return [
        Version(name, tuple(int(part) for part in number.split(".")), date.fromisoformat(day))
        for name, number, day in found
    ]


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.+)$", text, re.MULTILINE)


def test_what_is_not_released_comes_first_and_all_else_has_a_version_and_a_date() -> None:
    first, *others = headings(PROGRAM)
    assert first == "Unreleased"
    assert len(others) == len(versions(PROGRAM)) > 0
    assert len(headings(MODELS)) == len(versions(MODELS)) > 0


@pytest.mark.parametrize("text", [PROGRAM, MODELS], ids=["program", "models"])
def test_the_newest_stands_above(text: str) -> None:
    for name in {each.name for each in versions(text)}:
        own = [each for each in versions(text) if each.name == name]
        assert own == sorted(set(own), key=lambda each: (each.number, each.day), reverse=True)


def test_the_newest_version_is_the_programs() -> None:
    assert ".".join(str(part) for part in versions(PROGRAM)[0].number) == __version__


@pytest.mark.parametrize("name", released_models())
def test_the_newest_version_of_a_model_is_its_cards(name: str) -> None:
    newest = max(each.number for each in versions(MODELS) if each.name == name)
    assert ".".join(str(part) for part in newest) == read_card(weights_folder() / f"{name}.json").version


def test_each_change_is_one_short_entry() -> None:
    for text in (PROGRAM, MODELS):
        for entry in re.findall(r"^- (.+(?:\n  .+)*)", text, re.MULTILINE):
            assert len(entry.splitlines()) <= 3, entry

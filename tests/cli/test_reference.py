"""The reference of commands says what `--help` says."""

import re

import typer

from skinlens.cli.main import app
from skinlens.cli.reference import command_reference

REFERENCE = command_reference()


def section(name: str) -> str:
    (found,) = re.findall(rf"^### {name}\n(.*?)(?=^### |\Z)", REFERENCE, re.MULTILINE | re.DOTALL)
    return str(found)


def test_every_command_that_is_shown_has_its_section_in_order() -> None:
    root = typer.main.get_command(app).commands
    names = [name for name, command in root.items() if not command.hidden and name != "cases"]
    names += [f"cases {name}" for name in root["cases"].commands]
    assert re.findall(r"^### (.+)$", REFERENCE, re.MULTILINE) == sorted(names)


def test_kinds_defaults_and_repeats() -> None:
    found = section("score")
    assert "Score many" in found
    assert "| `SOURCE` | required | Folder, zip archive" in found
    assert "| `--engine local/ray` | `local` |" in found
    assert "| `--workers INTEGER` | by cores |" in found
    assert "| `--views, --no-views` | on |" in found
    assert "| `--unverified` |  |" in found
    assert "| `PATHS ...` | required |" in section("predict")
    assert "| `--data PATH ...` | required |" in section("train")


def test_every_row_has_three_cells_and_no_markup_of_its_own() -> None:
    rows = [line for line in REFERENCE.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}
    assert not re.search(r"(?<!\\)<", REFERENCE)

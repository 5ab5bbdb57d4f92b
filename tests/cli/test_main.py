"""Renamed commands keep their old names for one release, and what studies log reaches a person."""

import logging
from pathlib import Path

import pytest
import typer

from skinlens.cli.main import app
from skinlens.cli.say import LogToTerminal
from tests.cli.conftest import Caller

COMMANDS = typer.main.get_command(app).commands
RENAMED = {"review": "errors", "retouching": "ablate-preprocessing", "refusal": "ood"}


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_is_hidden_and_takes_the_same_options(old: str, new: str) -> None:
    assert (COMMANDS[old].hidden, COMMANDS[new].hidden) == (True, False)
    assert [each.opts for each in COMMANDS[old].params] == [each.opts for each in COMMANDS[new].params]
    assert COMMANDS[old].help == COMMANDS[new].help


@pytest.mark.parametrize(
    ("old", "words", "sentence"),
    [
        ("review", ["run"], "none.csv"),
        ("retouching", ["name", "run"], "none.csv"),
        ("refusal", ["--refuse", "none.csv", "--model", "nothing"], "There is no model 'nothing'"),
    ],
)
def test_an_old_name_says_the_new_one_and_runs_it(
    call: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, old: str, words: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call(old, *words, "--data", "none.csv", "--out", "out")
    note, error = done.err.splitlines()
    assert note == f"skinlens: `{old}` is now `{RENAMED[old]}`; the old name will be removed in the next release"
    assert sentence in error
    assert done.status > 0


def test_what_is_logged_is_said_while_a_command_runs(capfd: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("skinlens")
    level = logger.level
    with LogToTerminal(logger):
        logging.getLogger("skinlens.studies.made_up").info("compared %d images of %s", 3, "fold\x1b 0")
    logger.info("nobody waits for this")
    assert capfd.readouterr().err == "skinlens: compared 3 images of fold\\x1b 0\n"
    assert (logger.level, logger.handlers) == (level, [])


def test_a_library_that_configures_logging_repeats_no_line(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of those that quantize does when it is imported."""
    monkeypatch.setattr(logging.root, "handlers", [])
    logger = logging.getLogger("skinlens")
    with LogToTerminal(logger):
        logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO)
        logging.getLogger("skinlens.export.reduced").info("int8 keeps the results")
        logging.getLogger("somebody.else").info("a line of its own")
    assert capfd.readouterr().err == "skinlens: int8 keeps the results\nsomebody.else: a line of its own\n"
    assert logger.propagate

"""Every error for people that a command can meet has an exit status, and no other error has one."""

import ast
from pathlib import Path

import pytest

import skinlens
from skinlens.cli.errors import _STATUS, OutputError, UsageError, exit_status
from skinlens.imaging.image import ImageRejectedError
from skinlens.leaderboard.records import ResultError
from skinlens.runtime.card import ModelFileError

PACKAGE = Path(skinlens.__file__).parent


def errors_in(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Error")
    }


def behind_the_commands() -> set[Path]:
    """The command line's modules, and all of ours that they import directly or through others."""
    found, waiting = set(), [*(PACKAGE / "cli").glob("*.py")]
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        waiting += [
            PACKAGE.joinpath(*str(node.module).split(".")[1:]).with_suffix(".py")
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("skinlens.")
        ]
    return found


# The pool of decoding workers catches these itself.
DEALT_WITH = {"NoWorkerError", "_DiedError"}
# Our own mistakes, which should be seen in full.
DEFECTS = {"WorkerFaultError"}


def test_every_error_that_a_command_can_meet_has_a_status() -> None:
    modules = behind_the_commands()
    assert PACKAGE / "imaging" / "dicom.py" in modules, "found through other modules alone"
    assert set().union(*map(errors_in, modules)) - DEALT_WITH - DEFECTS <= set(_STATUS)


def test_every_status_belongs_to_an_error_of_that_name() -> None:
    assert set(_STATUS) <= set().union(*map(errors_in, PACKAGE.rglob("*.py")))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ModelFileError("gone"), 1),
        (OutputError("full"), 1),
        (ResultError("damaged"), 1),
        (UsageError("both"), 2),
        (ImageRejectedError("empty", "It is empty."), 2),
        (ValueError("a mistake of ours"), None),
        (OSError("unexpected"), None),
        (KeyError("missing"), None),
    ],
)
def test_statuses(error: Exception, status: int | None) -> None:
    assert exit_status(error) == status

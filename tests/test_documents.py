"""The documents: links resolve, commands and files exist, and what is generated is up to date."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from skinlens.cli.documents import DOCUMENTS, generators_of
from skinlens.cli.main import app
from skinlens.report.generated import MarkError, rewritten
from tests.test_rooms import MAY_IMPORT

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
COMMANDS = typer.main.get_command(app)

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"(?:python -m|-m) skinlens ([^`\n]+)")
# A name of one of our files in backticks; `*`, `<` or capitals stand for other names.
_FILE = re.compile(
    r"`((?:skinlens|tests|docs|pages|recipes|weights|\.ci|\.streamlit)/[\w./-]+|app\.py|requirements[\w-]*\.txt)(?:::\w+)?`"
)
# Made by commands, or by following a how-to.
_MADE = {
    "weights/evaluation/augmentation",
    "pages/notes.py",
    "recipes/regnet_y_400mf.toml",
    "skinlens/ui/notes",
    "tests/ui/notes",
}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands_in(text: str) -> Iterator[list[str]]:
    """Words after `skinlens` of every command, without what a shell takes for itself."""
    for found in _COMMAND.findall(text):
        yield shlex.split(found.replace("...", ""), comments=True)


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that words call, and the words behind its name."""
    command, rest = COMMANDS, words
    while getattr(command, "commands", None):
        assert rest, "no command is named"
        assert rest[0] in command.commands, f"there is no command {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_resolve(path: Path) -> None:
    for link in _LINK.findall(path.read_text("utf-8")):
        if link.startswith("https://"):
            continue
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        assert target.is_relative_to(ROOT), link
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_commands_and_their_options_exist(path: Path) -> None:
    for words in commands_in(path.read_text("utf-8")):
        if words[0] in {"COMMAND", "--help"} or not words[0][0].isalpha():
            continue
        command, rest = command_of(words)
        known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}
        unknown = [word for word in rest if word.startswith("--") and word not in known]
        assert not unknown, f"{' '.join(words)}: no option {', '.join(unknown)}"


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_files_that_are_named_exist(path: Path) -> None:
    for name in _FILE.findall(path.read_text("utf-8")):
        if not re.search(r"NAME", name) and name.rstrip("/") not in _MADE:
            assert (ROOT / name).exists(), name


@pytest.mark.parametrize(
    ("words", "message"),
    [(["fly"], "no command fly"), (["cases", "fly"], "no command fly"), (["cases"], "no command is named")],
)
def test_an_unknown_command_would_be_noticed(words: list[str], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        command_of(words)


def test_commands_are_found_in_a_text() -> None:
    text = "`python -m skinlens cases list` or\n\n    torchrun -m skinlens train ...\n"
    assert list(commands_in(text)) == [["cases", "list"], ["train"]]


@pytest.fixture(scope="module")
def generators() -> Any:
    return generators_of(ROOT)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_rewrite_changes_nothing(name: str, generators: Any) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert rewritten(text, generators) == text, "run `python -m skinlens documents`"


def test_every_generated_block_stands_somewhere(generators: Any) -> None:
    """No document but those that are rewritten has marks."""
    kinds = {path: set(re.findall(r"^<!-- end of ([a-z-]+) -->$", path.read_text("utf-8"), re.M)) for path in PAGES}
    assert set().union(*kinds.values()) == set(generators)
    assert {named(path) for path, found in kinds.items() if found} == set(DOCUMENTS)


def test_the_rooms_are_those_of_the_rule() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("## Rooms")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w.]+)` \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE)
    table = {room: set(re.findall(r"`([\w.]+)`", may)) for room, may in rows}

    def short(name: str) -> str:
        return name.removeprefix("skinlens.")

    assert table == {short(room): {short(other) for other in may} for room, may in MAY_IMPORT.items()}


class TestBlocks:
    TEXT = "a\n<!-- sum: 1+2 -->\nold\nolder\n<!-- end of sum -->\nb\n<!-- sum: 3+4 -->\n<!-- end of sum -->\n"

    def test_each_is_written_from_what_its_mark_names(self) -> None:
        once = rewritten(self.TEXT, {"sum": lambda source: f"{source} of it\n"})
        first = "a\n<!-- sum: 1+2 -->\n1+2 of it\n<!-- end of sum -->\n"
        assert once == first + "b\n<!-- sum: 3+4 -->\n3+4 of it\n<!-- end of sum -->\n"
        assert rewritten(once, {"sum": lambda source: f"{source} of it"}) == once

    def test_a_backslash_stays(self) -> None:
        assert r"a \1 \| b" in rewritten(self.TEXT, {"sum": lambda _: r"a \1 \| b"})

    @pytest.mark.parametrize(
        "wrong",
        [
            "<!-- sum: 1 -->\n",
            "<!-- end of sum -->\n",
            "<!-- sum: 1 -->\n<!-- end of difference -->\n",
            "<!-- sum: 1 -->\n<!-- sum: 2 -->\n<!-- end of sum -->\n",
        ],
    )
    def test_marks_that_do_not_fit_are_noticed(self, wrong: str) -> None:
        with pytest.raises(MarkError, match="every block needs"):
            rewritten(wrong, {"sum": str})

    def test_an_unknown_kind_is_named(self) -> None:
        with pytest.raises(MarkError, match="sum"):
            rewritten(self.TEXT, {"product": str})

"""Every example in a docstring runs and gives what it shows."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted((ROOT / "skinlens").rglob("*.py"))
    if re.search(r"^ *>>> ", path.read_text("utf-8"), re.MULTILINE)
]


def failures(name: str, examples: list[doctest.DocTest]) -> list[str]:
    """Run examples, and return doctest's own words on those that fail."""
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    output: list[str] = []
    for each in examples:
        runner.run(each, out=output.append)
    assert runner.tries > 0, f"no example of {name} was found"
    return output


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder, so that an example that writes leaves nothing behind."""
    module = importlib.import_module(name)
    monkeypatch.chdir(tmp_path)
    assert failures(name, doctest.DocTestFinder(exclude_empty=True).find(module)) == []


def test_there_are_examples() -> None:
    assert MODULES


def test_a_wrong_example_is_noticed() -> None:
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert failures("wrong", [wrong])


def test_a_module_without_an_example_is_noticed() -> None:
    with pytest.raises(AssertionError, match="no example of none was found"):
        failures("none", [])

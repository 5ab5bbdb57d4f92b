"""Habits of the tests themselves: each can fail, and none does its work while tests are being collected."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
# Calls that fail a test: pytest's, Playwright's, numpy's `assert_...`.
FAILS = ("raises", "warns", "fail", "expect")
# Building a network takes seconds, which every run would pay while it collects tests, also for one other test.
HEAVY = {"build", "load_predictor", "load_released", "torchvision.models"}


def can_fail(node: ast.AST, checks: frozenset[str]) -> bool:
    """Whether a function asserts something, itself or by a call of one of `checks` or of `FAILS`."""
    called = {ast.unparse(each.func).rpartition(".")[2] for each in ast.walk(node) if isinstance(each, ast.Call)}
    asserts = any(isinstance(each, ast.Assert) for each in ast.walk(node))
    return asserts or bool(called & checks) or any(name in FAILS or name.startswith("assert_") for name in called)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def is_fixture(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("fixture" in ast.unparse(decorator) for decorator in function.decorator_list)


def without_a_check(source: str) -> list[str]:
    """Names of the tests in a module that pass whatever the code under test returns."""
    tree = ast.parse(source)
    helpers = [each for each in functions(tree) if not each.name.startswith("test_") and not is_fixture(each)]
    checks: frozenset[str] = frozenset()
    # A helper may leave the assertion to another helper.
    for _ in helpers:
        checks |= {each.name for each in helpers if can_fail(each, checks)}
    return [each.name for each in functions(tree) if each.name.startswith("test_") and not can_fail(each, checks)]


def compared_with_themselves(source: str) -> list[str]:
    """Comparisons of an expression with the same expression, as in `f(x) == f(x)`."""
    pairs = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            pairs += zip([node.left, *node.comparators], node.comparators, strict=False)
        if isinstance(node, ast.Call) and "assert" in ast.unparse(node.func) and len(node.args) > 1:
            pairs.append((node.args[0], node.args[1]))
    return [ast.unparse(one) for one, other in pairs if ast.dump(one) == ast.dump(other)]


def heavy_at_collection(source: str) -> list[str]:
    """Calls that build or load a network outside any function, so also in the decorators of tests."""
    found = []
    outside: list[ast.AST] = list(ast.parse(source).body)
    while outside:
        node = outside.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            outside += node.decorator_list
        elif not isinstance(node, ast.Lambda):
            outside += ast.iter_child_nodes(node)
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                found += [
                    name for heavy in HEAVY if name.rpartition(".")[2] == heavy or heavy in name.rpartition(".")[0]
                ]
    return found


def in_all(scan: Callable[[str], list[str]]) -> dict[str, list[str]]:
    """Modules of tests in which a scan finds something, with what it finds."""
    found = {path.relative_to(ROOT).as_posix(): scan(path.read_text("utf-8")) for path in TESTS}
    return {name: each for name, each in found.items() if each}


def test_every_test_can_fail() -> None:
    assert in_all(without_a_check) == {}


def test_nothing_is_compared_with_itself() -> None:
    assert in_all(compared_with_themselves) == {}


def test_no_network_is_built_at_collection() -> None:
    assert in_all(heavy_at_collection) == {}


def test_a_commit_passes_the_checks_that_continuous_integration_makes() -> None:
    hooks = re.findall(r"^ +entry: (.+)$", (ROOT / ".pre-commit-config.yaml").read_text("utf-8"), re.MULTILINE)
    checks = re.findall(r"^ *(ruff .+|mypy.*)$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    assert hooks == [check.removesuffix(" .") for check in checks]


HELPED = """
def deeper(x):
    assert x

def helper(x):
    deeper(x)

class TestIt:
    def test_a(self):
        self.helper(1)
"""
FIXTURE = """
@pytest.fixture
def value():
    assert True

def test_a(value):
    value()
"""


class TestTheScans:
    @pytest.mark.parametrize(
        "source",
        [
            "def test_a():\n    assert f()",
            "def test_a():\n    with pytest.raises(E):\n        f()",
            "def test_a():\n    np.testing.assert_allclose(f(), 1)",
            "async def test_a():\n    expect(page).to_be_visible()",
            HELPED,
        ],
    )
    def test_checks_are_seen(self, source: str) -> None:
        assert without_a_check(source) == []

    @pytest.mark.parametrize(
        "source", ["def test_a():\n    f()", "def helper():\n    f()\ndef test_a():\n    helper()", FIXTURE]
    )
    def test_their_absence_is_noticed(self, source: str) -> None:
        assert without_a_check(source) == ["test_a"]

    def test_a_comparison_with_itself_is_noticed(self) -> None:
        source = "assert f(x) == f(x)\nassert_equal(g(1), g(1))\na == b == b\nf(x) == f(y)"
        assert sorted(compared_with_themselves(source)) == ["b", "f(x)", "g(1)"]

    @pytest.mark.parametrize(
        ("source", "found"),
        [
            ("@mark([build('xception', {})])\ndef test_a():\n    pass", ["build"]),
            ("NETWORK = torchvision.models.resnet50()", ["torchvision.models.resnet50"]),
            ("def test_a():\n    build('xception', {})", []),
            ("@mark([lambda: build('xception', {})])\ndef test_a():\n    pass", []),
            ("class Test:\n    network = build('lenet5', {})", ["build"]),
        ],
    )
    def test_a_network_at_collection_is_noticed(self, source: str, found: list[str]) -> None:
        assert heavy_at_collection(source) == found

"""One word for one thing: the words that docs/glossary.md has replaced are gone from code, pages and documents.

Names that are on disk, or that others call, stay; each is listed here with the place that reads it.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = [*sorted((ROOT / "skinlens").rglob("*.py")), ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py"))]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
DOCUMENTS += [path for path in sorted((ROOT / "docs").rglob("*.md")) if path.name != "glossary.md"]

# What is looked for, also inside identifiers, in any case.
REPLACED = {
    "picture": "image",
    "judg": "predict, assess",
    "strange": "out-of-distribution",
    "familiarity": "out-of-distribution score",
    "surroundings": "background transforms",
    "withheld": "lesion removed",
    "withhold": "lesion removed",
    "even odds": "soft label 0.5",
    "even_odds": "soft label 0.5",
    "twin": "train-test duplicates",
    "retouch": "preprocessing ablation",
    "hospital": "dataset",
    "refusal": "rejection; out-of-distribution study",
    "side_by_side": "model comparison",
}
# Only as a word of its own.
REPLACED_WORDS = {"kin": "similarity", "Unlike": "ugly duckling", "stranger": "out-of-distribution", "desktop": "ui"}
# As names of variables, parameters and attributes.
REPLACED_NAMES = {"said", "told", "found", "chances", "truth"}

# Spans that stay, by regular expression: on disk, in a contract, or a name of somebody else.
STAY = (
    r'__tablename__ = "picture"',  # the SQLite table of a batch run
    r'"pictures"',  # a key of a shard's manifest
    r'say "Picture"|\(\?:Image\|Picture\)',  # a label in PDFs of earlier versions, which `verify` reads
    r"picture_as_pdf",  # an icon of Streamlit's
    r"no-twins",  # a test view
    r"twin_in_test|has_twin|twins?_of",  # columns of manifests
    r"withhold_(share|flat)|\"withhold\"",  # keys of recipes
    r'[`"]familiarity[`"]|\.familiarity\.safetensors|familiarity=',  # a key of cards and records, and a file
    r'"strangers?"',  # keys of evaluation records
    r'"not judgeable"',  # a verdict in kept databases
    r'"Not judged"',  # a headline of earlier PDFs
    r"strangers_first_half",  # a key of evaluation records
    r"weights/evaluation/(refusal|retouching|review)",  # folders of evaluations
    r'[`"](refusal|retouching|review|judged)[`"]|^### (refusal|retouching)$',  # old names of commands, and keys
    r"Hospital Italiano|University Hospital",  # names of sources
    r"remote desktop",
    r"desktop\.ini",  # a file of Windows
    r"side_by_side\(result|original_alone, side_by_side",  # image and heatmap on the Triage page
)
_STAYS = re.compile("|".join(STAY))
_WORDS = re.compile("|".join(map(re.escape, REPLACED)), re.IGNORECASE)
_WHOLE = re.compile(r"\b(?:" + "|".join(REPLACED_WORDS) + r")\b")


def replaced_in(line: str) -> list[str]:
    """Words of a line that have been replaced, without what stays."""
    kept = _STAYS.sub("", line)
    return [found.group().lower() for found in _WORDS.finditer(kept)] + _WHOLE.findall(kept)


def replaced_names(source: str) -> list[tuple[int, str]]:
    """Lines and names of variables, parameters and attributes that have been replaced."""
    names: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append((node.lineno, node.id))
        elif isinstance(node, ast.arg):
            names.append((node.lineno, node.arg))
    return [(line, name) for line, name in names if name in REPLACED_NAMES]


def places() -> Iterator[tuple[str, int, str]]:
    """File, line and word of everything that is left."""
    for path in [*CODE, *DOCUMENTS]:
        name, text = path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
        for number, line in enumerate(text.splitlines(), start=1):
            yield from ((name, number, word) for word in replaced_in(line))
        if path.suffix == ".py":
            yield from ((name, number, word) for number, word in replaced_names(text))


def test_no_replaced_word_is_left() -> None:
    left = [f"{name}:{line}: {word}" for name, line, word in places()]
    assert not left, "\n".join(["words that docs/glossary.md has replaced:", *left])


def test_every_replaced_word_stands_in_the_glossary() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text("utf-8").lower().replace("-", " ")
    for word in [*REPLACED, *REPLACED_WORDS]:
        assert word.lower().replace("_", " ") in glossary, word


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("A picture that was judged strange", ["picture", "judg", "strange"]),
        ("def judge_pictures(self):", ["judg", "picture"]),
        ('    __tablename__ = "picture"', []),
        ("the test view `no-twins`", []),
        ("the kin of kinetic", ["kin"]),
        ("Unlike the others", ["Unlike"]),
    ],
)
def test_words_are_seen(line: str, words: list[str]) -> None:
    assert replaced_in(line) == words


def test_names_are_seen() -> None:
    source = "def f(told, *, other):\n    found = said.truth\n    return found"
    assert replaced_names(source) == [(1, "told"), (2, "found")]

"""No text from outside is a formula, every path still opens, and what was guarded reads back as it was."""

import ast
import io
import random
from pathlib import Path

import pandas as pd
import pytest

import skinlens
from skinlens.storage.csv_file import read_rows
from skinlens.storage.spreadsheet import guarded, guarded_table, unguarded, unguarded_table

FORMULAS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "|x", "%x", " =1", "\t=1", "\r=1", "\n=1", "\tplain", "\rplain", "\nplain",
    "\u00a0=1", "\ufeff=1", "\u200b=1", "\u202e=1", "\x00=1", "\x1b=1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20x",
    "'=1", "''=1",
]  # fmt: skip
HARMLESS = ["a=1", "P-1", "", "'", "'quoted'", "a\t=1", "1-1", "Ærø", "./=1", "/=1", "\u200b", "\udcff.jpg"]


def begins_a_formula(cell: str) -> bool:
    """As strictly as any spreadsheet: whatever stands before it that cannot be seen."""
    return cell.lstrip("\x00\x1b\u00a0\ufeff\u200b\u202e \t\r\n")[:1] in {*"=+-@|%＝＋－＠"} if cell.strip() else False  # noqa: RUF001


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_looks_like_a_formula_is_made_a_text(text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert not begins_a_formula(guarded(text))
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("value", [*HARMLESS, 0.5, -0.5, None, True, 7])
@pytest.mark.parametrize("column", ["", "path"])
def test_anything_else_stays(value: object, column: str) -> None:
    assert guarded(value, column) is value
    if not str(value).startswith("./"):
        assert unguarded(value, column) is value


@pytest.mark.parametrize("name", ["=1+1.jpg", "-a.jpg", "@b.jpg", "+c.jpg", " =d.jpg", "\t=e.jpg", "|f.jpg", "%g.jpg"])
def test_a_guarded_path_still_opens(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_text("here")
    monkeypatch.chdir(tmp_path)
    cell = guarded(name, "path")
    assert not begins_a_formula(cell)
    assert Path(cell).read_text() == "here"
    assert unguarded(cell, "path") == name


def test_reading_back_undoes_it_whatever_the_text() -> None:
    draw = random.Random(7)  # noqa: S311
    for _ in range(20_000):
        text = "".join(draw.choices("'=-+@ \t./a'\u200b", k=draw.randrange(6)))
        assert unguarded(guarded(text)) == text
        assert not begins_a_formula(guarded(text))
        assert not begins_a_formula(guarded(text, "path"))


def test_a_table_and_back() -> None:
    table = pd.DataFrame(
        {"path": ["=a.png", "b.png"], "=name": ["-1", None], "value": [-0.5, 0.5], "known": pd.Categorical(["@x", "y"])}
    )
    safe = guarded_table(table)
    assert safe["path"].tolist() == ["./=a.png", "b.png"]
    assert list(safe) == ["path", "'=name", "value", "known"]
    assert safe["known"].tolist() == ["'@x", "y"]
    written = pd.read_csv(io.StringIO(safe.to_csv(index=False)))
    back = unguarded_table(written)
    assert back["path"].tolist() == ["=a.png", "b.png"]
    assert back["=name"].tolist()[0] == "-1"
    assert back["value"].tolist() == [-0.5, 0.5]
    assert table["path"].tolist() == ["=a.png", "b.png"]


def test_the_reader_of_csv_files_undoes_it() -> None:
    _, ((_, row),) = read_rows(b"path,note\n./=a.png,'-n\n", name="t.csv", required=["path", "note"])
    assert row == {"path": "=a.png", "note": "-n"}
    _, ((_, row),) = read_rows(b"path,note\n'=a.png,'n\n", name="t.csv", required=["path", "note"])
    assert row == {"path": "=a.png", "note": "'n"}


# Tables without a text from outside: numbers by epoch.
NUMBERS_ALONE = {("skinlens/training/loop.py", "_write_log")}


def test_every_csv_that_is_written_passes_the_guard() -> None:
    """A function or class that writes CSV names the guard, or holds numbers alone."""
    package = Path(skinlens.__file__).parent
    unguarded_places = []
    for path in package.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        for node in (each for each in tree.body if isinstance(each, ast.FunctionDef | ast.ClassDef)):
            called = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
            names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            if called & {"to_csv", "DictWriter", "writer"} and not names & {"guarded", "guarded_table"}:
                unguarded_places.append((path.relative_to(package.parent).as_posix(), node.name))
    assert set(unguarded_places) <= NUMBERS_ALONE

"""The one guard against formulas in tables: a text from outside stays a text in a spreadsheet, and can be read back."""

import unicodedata
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import pandas as pd

Value = TypeVar("Value")

# Columns whose texts are paths, and must still open.
PATHS = frozenset({"path", "path_a", "path_b"})
_HERE = "./"
_MARK = "'"
# What makes a spreadsheet take a text for a formula, a command, or the beginning of a new cell.
_FORMULA = frozenset("=+-@|%")
_BREAKS = ("\t", "\r", "\n")
# White space, control and invisible characters: before a formula they do not keep it from being one.
_PASSED_OVER = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})


def guarded(value: Value, column: str = "") -> Value | str:
    """Return a cell in which no spreadsheet finds a formula.

    A text that begins like one gets an apostrophe before it, which a spreadsheet takes as the mark of a text. A path
    gets `./` instead, so that it still opens from the same folder. `unguarded` gives back what there was.

    Args:
        value: A number, boolean or None is given back as it is.
        column: The cell's column; those in `PATHS` hold paths.

    Example:
        >>> guarded("=1+1"), guarded("=1+1.jpg", "path"), guarded(-0.5)
        ("'=1+1", './=1+1.jpg', -0.5)
    """
    if not isinstance(value, str):
        return value
    if column in PATHS:
        return f"{_HERE}{value}" if _is_formula(value) else value
    return f"{_MARK}{value}" if _is_marked_formula(value) else value


def unguarded(value: Value, column: str = "") -> Value | str:
    """Return a cell as it was before `guarded`.

    Args:
        value: A text that `guarded` leaves alone stays as it is.
        column: The cell's column.

    Example:
        >>> unguarded("'=1+1"), unguarded("'tis")
        ('=1+1', "'tis")
    """
    if not isinstance(value, str):
        return value
    if column in PATHS and value.startswith(_HERE) and _is_formula(value.removeprefix(_HERE)):
        return value.removeprefix(_HERE)
    # Paths too: earlier versions wrote them with an apostrophe.
    return value[1:] if value.startswith(_MARK) and _is_marked_formula(value) else value


def guarded_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a copy of a table with every text in it guarded, column names too.

    Args:
        table: Columns of numbers stay as they are.
    """
    return _changed(table, guarded).rename(columns=guarded)


def unguarded_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a copy of a table as it was before `guarded_table`.

    Args:
        table: As read from a file.
    """
    named = table.rename(columns=unguarded)
    return _changed(named, unguarded)


def _changed(table: "pd.DataFrame", change: Callable[..., object]) -> "pd.DataFrame":
    # A third of a second, which `predict` need not wait for: it writes its rows without tables.
    from pandas.api.types import is_numeric_dtype

    changed = table.copy()
    for column in table.columns:
        if not is_numeric_dtype(table[column]):
            changed[column] = table[column].map(partial(change, column=str(column)))
    return changed


def _is_marked_formula(text: str) -> bool:
    """Whether it is a formula behind any number of marks, so that taking one away always undoes adding one."""
    return _is_formula(text.lstrip(_MARK))


def _is_formula(text: str) -> bool:
    visible = (character for character in text if unicodedata.category(character) not in _PASSED_OVER)
    # Full-width forms such as U+FF1D are taken for the plain ones.
    first = unicodedata.normalize("NFKC", next(visible, ""))[:1]
    return first in _FORMULA or text.startswith(_BREAKS)

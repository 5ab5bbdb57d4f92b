"""CSV files that people made: every message about one names the lines at fault."""

import csv
import io
from collections.abc import Callable, Sequence

from skinlens.errors import SkinLensError
from skinlens.storage.spreadsheet import unguarded

_SHOWN = 5
_SHOWN_CHARACTERS = 40

# A line's number, the header being the first, and its values by column.
Row = tuple[int, dict[str, str]]


class CsvFileError(SkinLensError, ValueError):
    """A CSV cannot be used; the message names the file, the lines and what to do."""

    exit_status = 2


def read_rows(
    content: bytes, *, name: str, required: Sequence[str], optional: Sequence[str] = (), delimiters: str = ","
) -> tuple[list[str], list[Row]]:
    r"""Read the known columns of a CSV, and its rows.

    Args:
        content: The file, in UTF-8, with a header line whose capitals do not matter.
        name: What to call the file in messages.
        required: Columns that it must have.
        optional: Further columns that are known.
        delimiters: What may part the columns; the first of them that stands in the header does.

    Returns:
        The known columns that are there, required ones first, and every row that is not blank with all its values,
        stripped, without the marks that our own tables put before formulas.

    Raises:
        CsvFileError: If it is empty or no such CSV, a required column is missing, a known one is there twice, or a row
            has more or fewer values than the header.

    Example:
        >>> read_rows(b"Path,Label\na.jpg,benign\n", name="rows.csv", required=["path"], optional=["label"])
        (['path', 'label'], [(2, {'path': 'a.jpg', 'label': 'benign'})])
    """
    try:
        # Spreadsheets put a mark of three bytes before UTF-8, which is no part of the first column's name.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CsvFileError(f"{name} is not a CSV in UTF-8 (byte {error.start}): save it as CSV UTF-8") from error
    if "\0" in text:
        raise CsvFileError(f"{name} is not a CSV: it holds zero bytes")
    header_line = text.lstrip().partition("\n")[0]
    delimiter = next((mark for mark in delimiters if mark in header_line), delimiters[0])
    (_, first), *body = _lines(text, name, delimiter)
    header = [column.lower() for column in first]
    columns = _known_columns(header, required, [*required, *optional], name)
    return columns, _rows(header, body, name)


def reject_rows(name: str, rows: Sequence[Row], column: str, is_bad: Callable[[str], bool], what: str) -> None:
    """Reject a CSV if a column has a bad value.

    Args:
        name: What to call the file in the message.
        rows: From `read_rows`.
        column: Of the value.
        is_bad: Of a value.
        what: What is wrong with it, as in "have no path".

    Raises:
        CsvFileError: If some row has one; the message names the first few lines.
    """
    bad = [f"line {line} ({quoted(row[column])})" for line, row in rows if is_bad(row[column])]
    if bad:
        raise CsvFileError(f"{name}: {len(bad)} row(s) {what}: {listed(bad)}")


def quoted(text: str) -> str:
    """Return a value as it is shown in a message.

    Args:
        text: Cut after 40 characters.
    """
    return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}...")


def listed(texts: Sequence[str]) -> str:
    """Return the first few of many, and how many more there are.

    Args:
        texts: Five are shown.

    Example:
        >>> listed(["a", "b", "c", "d", "e", "f"])
        'a, b, c, d, e and 1 more'
    """
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def _lines(text: str, name: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Every line that is not blank, as its number and its stripped values."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        stripped = [(reader.line_num, [value.strip() for value in values]) for values in reader]
    except csv.Error as error:
        raise CsvFileError(f"{name} is not a CSV: {error} (line {reader.line_num})") from error
    lines = [(line, values) for line, values in stripped if any(values)]
    if not lines:
        raise CsvFileError(f"{name} is empty")
    return lines


def _known_columns(header: Sequence[str], required: Sequence[str], known: Sequence[str], name: str) -> list[str]:
    absent = [column for column in required if column not in header]
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        raise CsvFileError(f"{name} does not part its columns by commas: save it with commas")
    if absent:
        header_names = ", ".join(quoted(column) for column in header[:10])
        raise CsvFileError(f"{name} lacks the column(s) {', '.join(absent)}; its first line has {header_names}")
    twice = [column for column in known if header.count(column) > 1]
    if twice:
        raise CsvFileError(f"{name} has the column(s) {', '.join(twice)} more than once")
    return [column for column in known if column in header]


def _rows(header: list[str], body: list[tuple[int, list[str]]], name: str) -> list[Row]:
    if not body:
        raise CsvFileError(f"{name} has a header but no rows")
    uneven = [f"line {line} ({len(values)})" for line, values in body if len(values) != len(header)]
    if uneven:
        raise CsvFileError(f"{name}: {len(uneven)} row(s) do not have {len(header)} values: {listed(uneven)}")
    return [
        (line, {column: unguarded(value, column).strip() for column, value in zip(header, values, strict=True)})
        for line, values in body
    ]

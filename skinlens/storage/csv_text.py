"""The bytes of a CSV to lines of values, whatever spreadsheet wrote them: encoding, separator and numbers."""

import codecs
import csv
import io
import locale
import math
import re
from collections.abc import Collection
from dataclasses import dataclass

from skinlens.errors import SkinLensError
from skinlens.translation import sentence

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SEP_LINE = re.compile(r'\s*"?sep=([,;\t|])"?[ ,;\t\r]*$', re.IGNORECASE)
# Beside white space, no text holds these; 0x1A ended a file under DOS.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f]")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)


class CsvFileError(SkinLensError, ValueError):
    """A CSV cannot be used; the message names the file, the lines and what to do."""

    exit_status = 2


@dataclass(frozen=True)
class Grid:
    """A CSV as it is, before anything is known of its columns.

    Attributes:
        lines: The number of each line that is not blank, as an editor shows it, and its stripped values; at least one.
        separator: That stands between the values.
        encoding: As a reader knows it; "" for UTF-8.
    """

    lines: tuple[tuple[int, list[str]], ...]
    separator: str
    encoding: str


def read_grid(content: bytes, *, name: str, known: Collection[str]) -> Grid:
    """Read the values of a CSV.

    Args:
        content: The file: UTF-8 or UTF-16, or else the encoding of this system or of Windows in western Europe.
            Commas, semicolons, tabs or vertical bars separate the values; a first line such as `sep=;` decides which.
        name: What to call the file in messages.
        known: Names of columns, in small letters. The separator is the one by which most of them are found.

    Raises:
        CsvFileError: If it is empty or no CSV.
    """
    text, encoding = _decoded(content, name)
    # Kept as a blank line, so that lines have the numbers that an editor shows.
    head, end, rest = text.partition("\n")
    stated = _SEP_LINE.match(head)
    if stated:
        text = end + rest
    separator = stated[1] if stated else _separator(text, known)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    try:
        stripped = [(reader.line_num, [value.strip() for value in values]) for values in reader]
    except csv.Error as error:
        raise CsvFileError(
            sentence("{name} is not a CSV: {error} (line {line})", name=name, error=str(error), line=reader.line_num)
        ) from error
    lines = tuple((line, values) for line, values in stripped if any(values))
    if not lines:
        raise CsvFileError(sentence("{name} is empty", name=name))
    return Grid(lines, separator, encoding)


def number(text: str) -> float:
    """Return a number as a spreadsheet writes it, with a point or a comma; NaN for what is none.

    Args:
        text: Without separators of thousands.

    Example:
        >>> number("0,93"), number("7.5e-1")
        (0.93, 0.75)
    """
    try:
        return float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
    except ValueError:
        return math.nan


def has_decimal_comma(text: str) -> bool:
    """Whether a value is a number with a comma."""
    return _DECIMAL_COMMA.fullmatch(text) is not None


def _decoded(content: bytes, name: str) -> tuple[str, str]:
    for encoding, words in _encodings(content):
        try:
            text = content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if "\0" in text:
            raise CsvFileError(sentence("{name} is not a CSV: it holds zero bytes", name=name))
        if words and _CONTROL.search(text):
            break
        return text, words
    raise CsvFileError(
        sentence("{name} is not a CSV in UTF-8 or another encoding that can be read: save it as CSV UTF-8", name=name)
    )


def _encodings(content: bytes) -> list[tuple[str, str]]:
    """Encodings to try in turn, with their names for a reader; "" for UTF-8."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return [("utf-16", "UTF-16")]
    head = content[:64]
    if len(head) > 3 and any(head) and not any(head[1::2]) and all(head[::2]):
        return [("utf-16-le", "UTF-16")]
    # Spreadsheets put a mark of three bytes before UTF-8, which is no part of the first column's name.
    tried = [("utf-8-sig", "")]
    of_system = codecs.lookup(locale.getencoding()).name
    # Chinese, Japanese and Korean encodings, which reject most texts that are not in them.
    if of_system.startswith(("cp932", "shift_jis", "euc", "gb", "cp936", "cp949", "cp950", "big5")):
        tried.append((of_system, of_system))
    if b"\r" in content and b"\n" not in content:
        return [*tried, ("mac_roman", "Mac Roman")]
    return [*tried, ("cp1252", "Windows-1252")]


def _separator(text: str, known: Collection[str]) -> str:
    def fitness(separator: str) -> tuple[int, int]:
        try:
            header = next(csv.reader(io.StringIO(first, newline=""), delimiter=separator), [])
        except csv.Error:
            return 0, 0
        return sum(column.strip().lower() in known for column in header), len(header)

    first = next((line for line in text.splitlines() if line.strip()), "")
    # Commas where nothing speaks for another one: `max` takes the first of equals.
    return max(SEPARATORS, key=fitness)

"""Days as spreadsheets write them, to days that mean the same everywhere."""

import re
from collections.abc import Sequence
from datetime import date, timedelta

from skinlens.storage.csv_text import CsvFileError
from skinlens.translation import sentence

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})")
_MONTH_IN_LETTERS = re.compile(r"(\d{1,2})[- ]([A-Za-z]{3})[a-z]*[- ](\d{4}|\d{2})")
_DAY_NUMBER = re.compile(r"\d{5}")
_TIME = re.compile(r"[T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?Z?$")
# Day 0 of a spreadsheet, from March 1900 on: it counts a 29 February in that year, which there was not.
_DAY_ZERO = date(1899, 12, 30)


def days(values: Sequence[str], *, name: str) -> list[str]:
    """Return the days of a column as YYYY-MM-DD.

    Args:
        values: Such as 2026-04-03, 3.4.2026, 13/04/2026, 4/13/26, 3-Apr-26, with or without a time, or the number of
            the day that a spreadsheet keeps. Between slashes and dashes the whole column decides whether the day or
            the month comes first.
        name: What to call the file in the message.

    Returns:
        One a value; what is no day is returned as it is.

    Raises:
        CsvFileError: If nothing in the column decides that, or its dates disagree.

    Example:
        >>> days(["3.4.2026", "", "46115"], name="facts.csv")
        ['2026-04-03', '', '2026-04-03']
    """
    bare = [_TIME.sub("", value) for value in values]
    order = _day_first(bare, name)
    return [_day(text, day_first=order) or value for text, value in zip(bare, values, strict=True)]


def _day_first(values: Sequence[str], name: str) -> bool:
    """Whether the day comes before the month in dates with slashes or dashes."""
    matched = [match for match in map(_YEAR_LAST.fullmatch, values) if match and match[2] != "."]
    pairs = [(int(match[1]), int(match[3])) for match in matched]
    first, second = any(one > 12 for one, _ in pairs), any(two > 12 for _, two in pairs)
    unclear = next((match[0] for match, (one, two) in zip(matched, pairs, strict=True) if one != two), "")
    if first == second and unclear:
        raise CsvFileError(
            sentence(
                "{name}: {date} may be a day and a month in either order; write dates as YYYY-MM-DD",
                name=name,
                date=repr(unclear),
            )
        )
    return first


def _day(text: str, *, day_first: bool) -> str:
    """A day as YYYY-MM-DD; "" for what is none."""
    try:
        if match := _YEAR_FIRST.fullmatch(text):
            return date(int(match[1]), int(match[2]), int(match[3])).isoformat()
        if match := _YEAR_LAST.fullmatch(text):
            one, two = int(match[1]), int(match[3])
            day, month = (one, two) if day_first or match[2] == "." else (two, one)
            return date(_year(match[4]), month, day).isoformat()
        if match := _MONTH_IN_LETTERS.fullmatch(text):
            return date(_year(match[3]), _MONTHS.index(match[2].lower()) + 1, int(match[1])).isoformat()
        if _DAY_NUMBER.fullmatch(text):
            return (_DAY_ZERO + timedelta(int(text))).isoformat()
    except ValueError:
        pass
    return ""


def _year(text: str) -> int:
    """A year, of two digits as spreadsheets take it: up to 29 after 2000."""
    year = int(text)
    return year if len(text) == 4 else year + (2000 if year < 30 else 1900)

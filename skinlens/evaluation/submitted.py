"""A person's own predictions as a CSV: reading it, and matching it to a shipped evaluation CSV by path."""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from skinlens.evaluation.rows import LABELS

REQUIRED = ("path", "label", "probability")
OPTIONAL = ("group_id", "leaky", "foreign_jpeg", "dx")
_FLAGS = ("leaky", "foreign_jpeg")
_SHOWN = 5
_SHOWN_CHARACTERS = 40

_Row = tuple[int, dict[str, str]]


class SubmittedError(ValueError):
    """A CSV of predictions cannot be used; the message names the file, the lines and what to do."""


@dataclass(frozen=True, eq=False)
class Match:
    """Submitted predictions beside the shipped ones of the same images.

    Attributes:
        rows: The shipped rows that were also submitted, in shipped order, with the shipped `label`, `probability`,
            groups and flags, and the person's probability as `submitted`.
        missing: Shipped paths that were not submitted.
        extra: Submitted paths that were not shipped.
    """

    rows: pd.DataFrame
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    def sentence(self) -> str:
        """How many images were matched, which are missing and which were left out, for a reader."""
        total = len(self.rows) + len(self.missing)
        if not self.missing and not self.extra:
            return f"All {total} images were matched."
        parts = [f"{len(self.rows)} of {total} images were matched."]
        if self.missing:
            parts.append(f"Missing from your file, so not compared: {_listed(self.missing)}.")
        if self.extra:
            parts.append(f"Only in your file, so not compared: {_listed(self.extra)}.")
        return " ".join(parts)


def read_predictions(content: bytes, *, name: str) -> pd.DataFrame:
    """Read a CSV of predictions, submitted or shipped.

    Args:
        content: The file: UTF-8, commas, a header line with `path`, `label` (benign or malignant) and `probability` (of
            malignant, in [0, 1]) in any order, and optionally `group_id`, `leaky`, `foreign_jpeg` (0, 1 or blank) and
            `dx`. Other columns are ignored.
        name: What to call the file in messages.

    Returns:
        The known columns in the order above; texts stripped, with "" for a blank, `probability` as float64, paths with
        forward slashes and without "./".

    Raises:
        SubmittedError: If the file is empty or no such CSV, a column is missing, or a row has a blank path or one that
            is already listed, another label, no number in [0, 1], or another flag; the message names lines, of which
            the header is the first.
    """
    (_, first), *body = _lines(content, name)
    header = [column.lower() for column in first]
    columns = _known_columns(header, name)
    rows = _rows(header, body, name)
    _refuse(name, rows, "path", lambda path: not path, "have no path")
    rows = [(line, row | {"path": _path(row["path"])}) for line, row in rows]
    _refuse_repeated(name, rows)
    _refuse(name, rows, "label", lambda label: label not in LABELS, "have a label other than benign or malignant")
    wrong = "have a probability that is no number from 0 to 1 (with a point, as in 0.93)"
    _refuse(name, rows, "probability", lambda probability: not 0 <= _number(probability) <= 1, wrong)
    for flag in (column for column in columns if column in _FLAGS):
        _refuse(name, rows, flag, _is_no_flag, f"have a {flag} other than 0, 1 or blank")
    table = pd.DataFrame({column: [row[column] for _, row in rows] for column in columns})
    return table.assign(probability=[_number(row["probability"]) for _, row in rows])


def match(submitted: pd.DataFrame, shipped: pd.DataFrame) -> Match:
    """Put submitted predictions beside the shipped ones of the same paths.

    Args:
        submitted: From `read_predictions`.
        shipped: From `read_predictions`; its labels, groups and flags count.

    Raises:
        SubmittedError: If no path is in both, or a label contradicts the shipped one.
    """
    shared = shipped["path"].isin(submitted["path"])
    if not shared.any():
        raise SubmittedError(
            "none of the submitted paths is one of the evaluated images: they must read like "
            f"{_quoted(shipped['path'].iloc[0])}, not like {_quoted(submitted['path'].iloc[0])}"
        )
    theirs = submitted.set_index("path").reindex(shipped.loc[shared, "path"])
    rows = shipped[shared].reset_index(drop=True).assign(submitted=theirs["probability"].to_numpy())
    contradicting = rows.loc[theirs["label"].to_numpy() != rows["label"].to_numpy(), "path"]
    if len(contradicting):
        raise SubmittedError(f"the submitted label is not that of the evaluated image: {_listed(tuple(contradicting))}")
    return Match(
        rows=rows,
        missing=tuple(shipped.loc[~shared, "path"]),
        extra=tuple(submitted.loc[~submitted["path"].isin(shipped["path"]), "path"]),
    )


def _lines(content: bytes, name: str) -> list[tuple[int, list[str]]]:
    """Every line that is not blank, as its number and its stripped values."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SubmittedError(f"{name} is not a CSV in UTF-8 (byte {error.start}): save it as CSV UTF-8") from error
    if "\0" in text:
        raise SubmittedError(f"{name} is not a CSV: it holds zero bytes")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        stripped = [(reader.line_num, [value.strip() for value in values]) for values in reader]
    except csv.Error as error:
        raise SubmittedError(f"{name} is not a CSV: {error} (line {reader.line_num})") from error
    lines = [(line, values) for line, values in stripped if any(values)]
    if not lines:
        raise SubmittedError(f"{name} is empty")
    return lines


def _known_columns(header: list[str], name: str) -> list[str]:
    absent = [column for column in REQUIRED if column not in header]
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        raise SubmittedError(f"{name} does not part its columns by commas: save it with commas")
    if absent:
        found = ", ".join(_quoted(column) for column in header[:10])
        raise SubmittedError(f"{name} lacks the column(s) {', '.join(absent)}; its first line has {found}")
    twice = [column for column in (*REQUIRED, *OPTIONAL) if header.count(column) > 1]
    if twice:
        raise SubmittedError(f"{name} has the column(s) {', '.join(twice)} more than once")
    return [column for column in (*REQUIRED, *OPTIONAL) if column in header]


def _rows(header: list[str], body: list[tuple[int, list[str]]], name: str) -> list[_Row]:
    if not body:
        raise SubmittedError(f"{name} has a header but no rows")
    uneven = [f"line {line} ({len(values)})" for line, values in body if len(values) != len(header)]
    if uneven:
        raise SubmittedError(f"{name}: {len(uneven)} row(s) do not have {len(header)} values: {_listed(uneven)}")
    return [(line, dict(zip(header, values, strict=True))) for line, values in body]


def _refuse(name: str, rows: list[_Row], column: str, is_bad: Callable[[str], bool], what: str) -> None:
    bad = [f"line {line} ({_quoted(row[column])})" for line, row in rows if is_bad(row[column])]
    if bad:
        raise SubmittedError(f"{name}: {len(bad)} row(s) {what}: {_listed(bad)}")


def _refuse_repeated(name: str, rows: list[_Row]) -> None:
    first_line: dict[str, int] = {}
    repeated = [
        f"line {line} (as line {first_line[row['path']]}: {_quoted(row['path'])})"
        for line, row in rows
        if first_line.setdefault(row["path"], line) != line
    ]
    if repeated:
        raise SubmittedError(f"{name}: {len(repeated)} row(s) have a path that is already listed: {_listed(repeated)}")


def _path(text: str) -> str:
    return PurePosixPath(text.replace("\\", "/")).as_posix()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _is_no_flag(text: str) -> bool:
    return bool(text) and _number(text) not in (0, 1)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}...")


def _listed(texts: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more

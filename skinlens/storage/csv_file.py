"""The reader of CSV files that people made or downloaded: every message about one names the lines at fault."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skinlens.storage.column_roles import KNOWN, LABELS, Labelled, Roles, diagnosis_of, headless, labelled, roles_of
from skinlens.storage.csv_text import CsvFileError, Grid, has_decimal_comma, number, read_grid
from skinlens.storage.dates import days
from skinlens.storage.diagnoses import known_diagnosis
from skinlens.storage.spreadsheet import unguarded
from skinlens.translation import gettext as _
from skinlens.translation import marked, ngettext, sentence

__all__ = [
    "CsvFileError",
    "Row",
    "Table",
    "has_decimal_comma",
    "listed",
    "number",
    "quoted",
    "read_rows",
    "read_table",
    "reject_rows",
]

_SHOWN = 5
_SHOWN_CHARACTERS = 40

# A line's number, the header being the first, and its values by column.
Row = tuple[int, dict[str, str]]

# What our columns are called in the sentence about the columns of a table.
_WORDS = {
    "path": marked("image"),
    "label": marked("label"),
    "group_id": marked("group"),
    "case_id": marked("patient"),
    "lesion": marked("lesion"),
    "age": marked("age"),
    "site": marked("site"),
    "skin_tone": marked("skin tone"),
    "recorded_skin_tone": marked("recorded skin tone"),
    "dx": marked("diagnosis"),
}
_SEPARATOR_WORDS = {";": marked("semicolons"), "\t": marked("tabs"), "|": marked("vertical bars")}


@dataclass(frozen=True)
class Table:
    """A CSV of which some columns are known.

    Attributes:
        columns: Our names of the known columns that are there, in the order in which they were asked for.
        rows: Every row that is not blank and not left out. Values are stripped, without the marks that our own tables
            put before formulas, by our name of a known column and by the name in the file of any other.
        sources: Of a known column that has another name in the file, the columns that it was taken from.
        unlabelled: How many rows have no label, by what they have instead. They are left out where a label is required.
        left_out: Whether they were.
        total: Rows of the file that are not blank.
        separator: Between the values.
        encoding: As a reader knows it; "" for UTF-8.
        by_folder: Whether `path` names the folder of a lesion, not an image, as in MILK10k's ground truth.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    sources: dict[str, tuple[str, ...]]
    unlabelled: dict[str, int]
    left_out: bool
    total: int
    separator: str
    encoding: str
    by_folder: bool

    def sentence(self) -> str:
        """Which columns were taken for what, how the file was read, and which rows have no label; "" if all is ours."""
        parts = []
        if self.encoding:
            parts.append(_("The text was read as {encoding}.").format(encoding=self.encoding))
        if self.separator in _SEPARATOR_WORDS:
            parts.append(
                _("The columns are separated by {separator}.").format(separator=_(_SEPARATOR_WORDS[self.separator]))
            )
        if self.sources:
            taken = (
                _("{what} from {columns}").format(what=_(_WORDS[role]), columns=", ".join(names))
                for role, names in self.sources.items()
            )
            parts.append(_("Columns: {taken}.").format(taken="; ".join(taken)))
        if self.unlabelled:
            number_of = sum(self.unlabelled.values())
            one, many = (_LEFT_OUT_ONE, _LEFT_OUT_MANY) if self.left_out else (_UNLABELLED_ONE, _UNLABELLED_MANY)
            reasons = [f"{quoted(reason)} ({count})" for reason, count in self.unlabelled.items()]
            parts.append(
                ngettext(one, many, number_of).format(
                    n=f"{number_of:,}", total=f"{self.total:,}", reasons=listed(reasons)
                )
            )
        return " ".join(parts)


_LEFT_OUT_ONE = marked("{n} of {total} rows was left out because it is neither benign nor malignant: {reasons}.")
_LEFT_OUT_MANY = marked("{n} of {total} rows were left out because they are neither benign nor malignant: {reasons}.")
_UNLABELLED_ONE = marked("{n} of {total} rows has no label because it is neither benign nor malignant: {reasons}.")
_UNLABELLED_MANY = marked("{n} of {total} rows have no label because they are neither benign nor malignant: {reasons}.")


def read_table(content: bytes, *, name: str, required: Sequence[str], optional: Sequence[str] = ()) -> Table:
    r"""Read a CSV, its own or a public dataset's.

    Args:
        content: The file; encodings and separators as for `csv_text.read_grid`. Capitals in its header do not matter.
        name: What to call the file in messages.
        required: Columns that it must have, by our names; `column_roles` knows others for some of them.
        optional: Further columns that are known. Where `label` is among these, a row without one stays.

    Raises:
        CsvFileError: If it is empty or no such CSV, a required column is missing, a known one is there twice, a row
            has more or fewer values than the header, no row has a label where one is required, or day and month of a
            column `date` cannot be told apart.

    Example:
        >>> table = read_table(b"isic_id;target\nISIC_0000001;1\n", name="rows.csv", required=["path", "label"])
        >>> table.rows[0][1]["label"], table.sources
        ('malignant', {'path': ('isic_id',), 'label': ('target',)})
    """
    wanted = [*required, *optional]
    grid = read_grid(content, name=name, known={*wanted, *KNOWN})
    header, body = _header_and_body(grid, wanted)
    lowered = [column.lower() for column in header]
    values, uneven = _values(lowered, body)
    roles = roles_of(lowered, [row for _line, row in values], wanted)
    sources = _sources(roles, lowered, wanted)
    # Before the rows: what is wrong with the header is why they do not fit it.
    _require_columns(lowered, sources, required, wanted, name)
    if uneven:
        raise CsvFileError(
            sentence(
                "{name}: {n} row(s) do not have {count} values: {rows}",
                name=name,
                n=len(uneven),
                count=len(header),
                rows=listed(uneven),
            )
        )
    if not body:
        raise CsvFileError(sentence("{name} has a header but no rows", name=name))
    rows, unlabelled = _rows(header, values, roles, wanted, required)
    if not rows:
        reasons = ", ".join(f"{quoted(reason)} ({count})" for reason, count in unlabelled.items())
        raise CsvFileError(
            sentence("{name} has no row that is benign or malignant: {reasons}", name=name, reasons=reasons)
        )
    if "date" in wanted and "date" in lowered:
        written = days([row["date"] for _line, row in rows], name=name)
        rows = [(line, row | {"date": day}) for (line, row), day in zip(rows, written, strict=True)]
    return Table(
        columns=tuple(column for column in wanted if column in lowered or column in sources),
        rows=tuple(rows),
        sources=sources,
        unlabelled=dict(unlabelled.most_common()),
        left_out="label" in required,
        total=len(body),
        separator=grid.separator,
        encoding=grid.encoding,
        by_folder=roles.by_folder,
    )


def read_rows(
    content: bytes, *, name: str, required: Sequence[str], optional: Sequence[str] = ()
) -> tuple[list[str], list[Row]]:
    r"""Read the known columns of a CSV, and its rows, as `read_table` does.

    Returns:
        The known columns that are there, required ones first, and the rows.

    Example:
        >>> read_rows(b"Path,Label\na.jpg,benign\n", name="rows.csv", required=["path"], optional=["label"])
        (['path', 'label'], [(2, {'path': 'a.jpg', 'label': 'benign'})])
    """
    table = read_table(content, name=name, required=required, optional=optional)
    return list(table.columns), list(table.rows)


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
    _reject(name, [f"line {line} ({quoted(row[column])})" for line, row in rows if is_bad(row[column])], what)


def reject_repeated(name: str, rows: Sequence[Row], column: str, what: str) -> None:
    """Reject a CSV if a value stands in a column twice.

    Args:
        name: What to call the file in the message.
        rows: From `read_rows`.
        column: Of the value.
        what: What is wrong with the later row, as in "have a path that is already listed".

    Raises:
        CsvFileError: If some value does; the message names the first few lines, and those that they repeat.
    """
    first: dict[str, int] = {}
    lines = [(line, row[column], first.setdefault(row[column], line)) for line, row in rows]
    repeated = [f"line {line} (as line {other}: {quoted(value)})" for line, value, other in lines if other != line]
    _reject(name, repeated, what)


def _reject(name: str, bad: Sequence[str], what: str) -> None:
    if bad:
        raise CsvFileError(
            sentence("{name}: {n} row(s) {what}: {rows}", name=name, n=len(bad), what=what, rows=listed(bad))
        )


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


def _header_and_body(grid: Grid, wanted: Sequence[str]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    (_line, first), *body = grid.lines
    columns = headless(first)
    if columns is not None and not {*wanted, *KNOWN} & {value.lower() for value in first}:
        return list(columns), list(grid.lines)
    return first, body


def _values(header: list[str], body: list[tuple[int, list[str]]]) -> tuple[list[Row], list[str]]:
    """The rows by the names in the file, in small letters, and which ones do not fit the header."""
    rows, uneven = [], []
    for line, all_values in body:
        # A spreadsheet ends lines in separators where a cell to the right was once filled.
        values = all_values if any(all_values[len(header) :]) else all_values[: len(header)]
        if len(values) != len(header):
            uneven.append(f"line {line} ({len(values)})")
            continue
        named = zip(header, values, strict=True)
        rows.append((line, {column: unguarded(value, column).strip() for column, value in named}))
    return rows, uneven


def _sources(roles: Roles, header: Sequence[str], wanted: Sequence[str]) -> dict[str, tuple[str, ...]]:
    taken: dict[str, tuple[str, ...]] = {role: (column,) for role, column in roles.columns.items()}
    if "label" in wanted and "label" not in header:
        # The diagnosis is asked where nothing coarser is there, or says nothing.
        labels = roles.labels or roles.classes or roles.diagnoses
        taken |= {"label": labels} if labels else {}
    if roles.groups:
        taken["group_id"] = roles.groups
    if "dx" in wanted and "dx" not in header and (roles.classes or roles.diagnoses):
        taken["dx"] = roles.classes or roles.diagnoses
    return {column: taken[column] for column in wanted if column in taken}


def _require_columns(
    header: Sequence[str],
    sources: dict[str, tuple[str, ...]],
    required: Sequence[str],
    wanted: Sequence[str],
    name: str,
) -> None:
    absent = [column for column in required if column not in header and column not in sources]
    if absent:
        header_names = ", ".join(quoted(column) for column in header[:10])
        raise CsvFileError(
            sentence(
                "{name} lacks the column(s) {columns}; its first line has {found}",
                name=name,
                columns=", ".join(absent),
                found=header_names,
            )
        )
    used = {*wanted, *(column for columns in sources.values() for column in columns)}
    twice = [column for column in dict.fromkeys(header) if column in used and header.count(column) > 1]
    if twice:
        raise CsvFileError(
            sentence("{name} has the column(s) {columns} more than once", name=name, columns=", ".join(twice))
        )


def _rows(
    header: Sequence[str], values: Sequence[Row], roles: Roles, wanted: Sequence[str], required: Sequence[str]
) -> tuple[list[Row], Counter[str]]:
    """The rows by our names, without those that lack a label they need, and why labels are missing."""
    rows: list[Row] = []
    unlabelled: Counter[str] = Counter()
    patients = _patients(values, roles)
    names = [column.lower() if column.lower() in wanted else column for column in header]
    lowered = [column.lower() for column in header]
    for line, value in values:
        row = dict(zip(names, (value[column] for column in lowered), strict=True))
        row |= {role: _cell(role, value[column]) for role, column in roles.columns.items()}
        stated = _label(row, value, roles) if "label" in wanted else None
        if stated is not None:
            row["label"] = stated.label
            if stated.reason:
                unlabelled[stated.reason] += 1
                if "label" in required:
                    continue
        if "dx" in wanted and "dx" not in row and (roles.classes or roles.diagnoses):
            row["dx"] = diagnosis_of(value, roles)
        if roles.groups:
            lesion = value.get("lesion_id", "")
            row["group_id"] = value[roles.groups[0]] or patients.get(lesion, "") or lesion
        rows.append((line, row))
    return rows, unlabelled


def _label(row: dict[str, str], value: dict[str, str], roles: Roles) -> Labelled | None:
    """The label of a row; one of the column `label` that is none of ours stays, for a message that names its line."""
    if "label" not in row:
        return labelled(value, roles) if roles.labels or roles.classes or roles.diagnoses else None
    own, known = row["label"].lower(), known_diagnosis(row["label"])
    if own in LABELS:
        return Labelled(own, "", "label")
    vague = known is not None and known.code == "other"
    return Labelled("", row["label"], "label") if vague else None


def _patients(values: Sequence[Row], roles: Roles) -> dict[str, str]:
    """The patient of each lesion, for rows that name the lesion alone."""
    if len(roles.groups) < 2:
        return {}
    patient, lesion = roles.groups[0], roles.groups[-1]
    return {row[lesion]: row[patient] for _line, row in values if row[lesion] and row[patient]}


def _cell(role: str, value: str) -> str:
    """A value as we write it: ages without a decimal that is 0, and what scale a skin tone is on."""
    if role == "age" and has_decimal_comma(value):
        value = value.replace(",", ".")
    if role == "age":
        return value.removesuffix(".0")
    return f"Fitzpatrick {value}" if role == "recorded_skin_tone" and value else value

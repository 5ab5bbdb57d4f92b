"""Case facts and ground truth that a person has in a CSV, and which image each of its rows is about."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import PurePosixPath

from skinlens.batch.store import Line
from skinlens.storage.csv_file import CsvFileError, Row, Table, read_table, reject_rows
from skinlens.translation import marked, sentence

KEYS = ("path", "sha256")
COLUMNS = ("case_id", "lesion", "date", "age", "sex", "site", "note", "label")
LABELS = ("", "benign", "malignant")


@dataclass(frozen=True)
class Facts:
    """What is known of an image beside it; "" for what is not.

    Attributes:
        case_id: Pseudonym of the patient.
        lesion: Which of the patient's lesions; the same one at another date has the same.
        date: When the photograph was taken, as YYYY-MM-DD.
        label: Ground truth: `benign` or `malignant`.
    """

    case_id: str = ""
    lesion: str = ""
    date: str = ""
    age: str = ""
    sex: str = ""
    site: str = ""
    note: str = ""
    label: str = ""


@dataclass(frozen=True)
class FactsRow:
    """A row of the CSV: its line, what names its image, and the facts.

    Attributes:
        path: Of the image, or its file's name with or without the ending.
        is_folder: Whether `path` names a folder, all of whose images the row is about.
    """

    line: int
    path: str
    sha256: str
    facts: Facts
    is_folder: bool = False


@dataclass(frozen=True)
class Matched:
    """Which facts belong to which image.

    Attributes:
        facts: By the image's number.
        unmatched: Rows about no image of the run.
        ambiguous: Sentences about rows that could mean several images, or several rows about one: none is used.
        taken: Which columns of the CSV were taken for what; "" where all have our names.
    """

    facts: dict[int, Facts]
    unmatched: tuple[FactsRow, ...]
    ambiguous: tuple[str, ...]
    taken: str = ""


def read_facts(content: bytes, *, name: str) -> tuple[FactsRow, ...]:
    """Read a CSV of case facts.

    Args:
        content: Columns `path` (in the folder or archive, with or without the name of the folder itself; or a file's
            name, with or without its ending, where only one image has it) or `sha256` or both, and any of `COLUMNS`;
            or the table of a public dataset as it was downloaded (`storage.column_roles`). Other columns are ignored.
        name: What to call the file in messages.

    Raises:
        CsvFileError: If it is no such CSV, has none of the columns, a row names no image, a label is neither benign
            nor malignant, or a date is none.
    """
    return _facts_rows(_table(content, name), name)


def matched_facts(content: bytes, lines: Sequence[Line], *, name: str) -> Matched:
    """Read a CSV of case facts and find the image of each of its rows.

    Args:
        content: As for `read_facts`.
        lines: Of the run.
        name: What to call the file in messages.

    Raises:
        CsvFileError: As for `read_facts`.
    """
    table = _table(content, name)
    return replace(match_facts(_facts_rows(table, name), lines), taken=table.sentence())


def _table(content: bytes, name: str) -> Table:
    table = read_table(content, name=name, required=(), optional=(*KEYS, *COLUMNS))
    if not set(KEYS) & set(table.columns):
        raise CsvFileError(
            sentence("{name} needs a column path or sha256 that says which image a row is about", name=name)
        )
    if not set(COLUMNS) & set(table.columns):
        raise CsvFileError(sentence("{name} has none of the columns {columns}", name=name, columns=", ".join(COLUMNS)))
    return table


def _facts_rows(table: Table, name: str) -> tuple[FactsRow, ...]:
    filled = [(line, {column: row.get(column, "") for column in (*KEYS, *COLUMNS)}) for line, row in table.rows]
    filled = [(line, row | {"sha256": row["sha256"].lower()}) for line, row in filled]
    _check(name, filled)
    return tuple(
        FactsRow(
            line,
            _posix(row["path"]),
            row["sha256"],
            Facts(**{column: row[column] for column in COLUMNS}),
            is_folder=table.by_folder,
        )
        for line, row in filled
    )


def match_facts(rows: Sequence[FactsRow], lines: Sequence[Line]) -> Matched:
    """Find each row's image: by SHA-256 where it has one, else by path, else by a file name that only one has.

    A name fits with and without its ending, and however its accents are stored: a Mac writes them as signs of their
    own.

    A SHA-256 is known only of images that were read already, and the same bytes may be there several times: the row
    is about each of them.
    """
    matched: dict[int, list[FactsRow]] = defaultdict(list)
    unmatched, ambiguous = [], []
    index = _Index(lines)
    for row in rows:
        numbers, unclear = index.find(row)
        if unclear:
            ambiguous.append(unclear)
        elif not numbers:
            unmatched.append(row)
        for number in numbers:
            matched[number].append(row)
    several = {number: about for number, about in matched.items() if len({row.facts for row in about}) > 1}
    paths = {line.number: line.shown_name for line in lines}
    ambiguous += [
        f"Lines {', '.join(str(row.line) for row in about)} say different things about {paths[number]}."
        for number, about in several.items()
    ]
    facts = {number: about[0].facts for number, about in matched.items() if number not in several}
    return Matched(facts, tuple(unmatched), tuple(ambiguous))


class _Index:
    """Images by everything that may name them."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._by_sha256: dict[str, list[int]] = defaultdict(list)
        self._by_path: dict[str, list[int]] = defaultdict(list)
        self._by_other_path: dict[str, list[int]] = defaultdict(list)
        self._by_name: dict[str, list[Line]] = defaultdict(list)
        self._by_stem: dict[str, list[Line]] = defaultdict(list)
        self._by_folder: dict[str, list[int]] = defaultdict(list)
        tops = {_posix(line.relative).partition("/")[0] for line in lines if line.is_image}
        for line in lines:
            if line.sha256:
                self._by_sha256[line.sha256].append(line.number)
            whole, relative = _posix(line.path), _posix(line.shown_name)
            for path in {whole, relative}:
                self._by_path[path].append(line.number)
            for path in _with_and_without_top(whole, relative, only_top=len(tops) == 1):
                self._by_other_path[path].append(line.number)
            place = PurePosixPath(_posix(line.relative))
            if line.frame:
                # A name alone means the file's first image.
                self._by_folder[place.parent.name or _top(whole, relative)].append(line.number)
                continue
            self._by_name[place.name].append(line)
            if line.is_image:
                self._by_stem[place.stem].append(line)
                self._by_folder[place.parent.name or _top(whole, relative)].append(line.number)

    def find(self, row: FactsRow) -> tuple[list[int], str]:
        """Numbers of the images that a row is about, or a sentence that says why that is unclear."""
        if row.sha256 and (matched := self._by_sha256.get(row.sha256)):
            return matched, ""
        if row.is_folder:
            return self._by_folder.get(row.path, []), ""
        exact = self._by_path.get(row.path) or self._by_other_path.get(row.path, [])
        if len(exact) == 1:
            return exact, ""
        named = (self._by_name.get(row.path) or self._by_stem.get(row.path, [])) if not exact else []
        if len(named) == 1:
            return [named[0].number], ""
        several = [line.path for line in named] or [f"{len(exact)} images of that path"] * bool(exact)
        if several:
            return [], f"Line {row.line}: {row.path} may be {_either(several)}."
        return [], ""


def _top(whole: str, relative: str) -> str:
    """The name of the folder or archive that was named, for an image that lies in it directly."""
    return whole.removesuffix(f"/{relative}").removesuffix("!").rpartition("/")[2].removesuffix(".zip")


def _with_and_without_top(whole: str, relative: str, *, only_top: bool) -> set[str]:
    """Return the path in the folder or archive with that folder's name in front, and without it.

    A dropped folder comes with its name in front of every path, one whose path was typed comes without; the CSV beside
    it may be written either way.
    """
    paths = {relative.partition("/")[2]} if only_top and "/" in relative else set()
    if whole.endswith(f"/{relative}"):
        root = whole.removesuffix(f"/{relative}").removesuffix("!").rpartition("/")[2]
        paths |= {f"{root}/{relative}", f"{root.removesuffix('.zip')}/{relative}"}
    return paths


def _check(name: str, rows: list[Row]) -> None:
    nameless = [line for line, row in rows if not row["path"] and not row["sha256"]]
    if nameless:
        raise CsvFileError(
            sentence(
                "{name}: {n} row(s) name no image, the first in line {line}",
                name=name,
                n=len(nameless),
                line=nameless[0],
            )
        )
    reject_rows(
        name,
        rows,
        "label",
        lambda label: label not in LABELS,
        marked("have a label other than benign, malignant or blank"),
    )
    reject_rows(
        name,
        rows,
        "date",
        lambda text: bool(text) and not _is_date(text),
        marked("have a date that is none; write YYYY-MM-DD"),
    )


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _posix(path: str) -> str:
    return unicodedata.normalize("NFC", path.replace("\\", "/").removeprefix("./"))


def _either(paths: Sequence[str], shown: int = 4) -> str:
    more = f" or one of {len(paths) - shown} more" if len(paths) > shown else ""
    return " or ".join(paths[:shown]) + more

"""A person's own predictions as a CSV: reading it, and matching it to a shipped evaluation CSV by path."""

from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from skinlens.metrics.rows import LABELS
from skinlens.storage.csv_file import (
    CsvFileError,
    listed,
    number,
    quoted,
    read_rows,
    read_table,
    reject_repeated,
    reject_rows,
)
from skinlens.translation import marked, sentence, together

REQUIRED = ("path", "label", "probability")
OPTIONAL = ("group_id", "leaky", "foreign_jpeg", "dx")
_FLAGS = ("leaky", "foreign_jpeg")


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
            return sentence("All {total} images were matched.", total=total)
        parts = [sentence("{n} of {total} images were matched.", n=len(self.rows), total=total)]
        if self.missing:
            parts.append(sentence("Missing from your file, so not compared: {images}.", images=listed(self.missing)))
        if self.extra:
            parts.append(sentence("Only in your file, so not compared: {images}.", images=listed(self.extra)))
        return together(*parts)


def read_predictions(content: bytes, *, name: str) -> pd.DataFrame:
    """Read a CSV of predictions, submitted or shipped.

    Args:
        content: The file: a header line with `path`, `label` (benign or malignant) and `probability` (of malignant, in
            [0, 1]) in any order, and optionally `group_id`, `leaky`, `foreign_jpeg` (0, 1 or blank) and `dx`. Other
            columns are ignored.
        name: What to call the file in messages.

    Returns:
        The known columns in the order above; texts stripped, with "" for a blank, `probability` as float64, paths with
        forward slashes and without "./".

    Raises:
        CsvFileError: If the file is empty or no such CSV, a column is missing, or a row has a blank path or one that
            is already listed, another label, no number in [0, 1], or another flag; the message names lines, of which
            the header is the first.
    """
    columns, rows = read_rows(content, name=name, required=REQUIRED, optional=OPTIONAL)
    reject_rows(name, rows, "path", lambda path: not path, marked("have no path"))
    rows = [(line, row | {"path": PurePosixPath(row["path"].replace("\\", "/")).as_posix()}) for line, row in rows]
    # After the paths are brought into one form: `./a.jpg` and `a.jpg` are one image.
    reject_repeated(name, rows, "path", marked("have a path that is already listed"))
    reject_rows(
        name, rows, "label", lambda label: label not in LABELS, marked("have a label other than benign or malignant")
    )
    wrong = marked("have a probability that is no number from 0 to 1")
    reject_rows(name, rows, "probability", lambda probability: not 0 <= number(probability) <= 1, wrong)
    for flag in (column for column in columns if column in _FLAGS):
        reject_rows(
            name,
            rows,
            flag,
            lambda text: bool(text) and number(text) not in (0, 1),
            sentence("have a {flag} other than 0, 1 or blank", flag=flag),
        )
    table = pd.DataFrame({column: [row[column] for _, row in rows] for column in columns})
    return table.assign(probability=[number(row["probability"]) for _, row in rows])


def predictions_sentence(content: bytes, *, name: str) -> str:
    """Return which columns of a CSV of predictions were taken for what; "" where all have our names.

    Args:
        content: As for `read_predictions`.
        name: What to call the file in messages.
    """
    return read_table(content, name=name, required=REQUIRED, optional=OPTIONAL).sentence()


def submission_template(shipped: pd.DataFrame) -> pd.DataFrame:
    """Return what to fill in: every evaluated image with its label, and no probability yet.

    Args:
        shipped: From `read_predictions`.

    Returns:
        `path`, `label` and `probability`, which is "" everywhere.

    Example:
        >>> shipped = pd.DataFrame({"path": ["a.jpg"], "label": ["benign"], "probability": [0.3]})
        >>> submission_template(shipped).values.tolist()
        [['a.jpg', 'benign', '']]
    """
    return shipped[["path", "label"]].reset_index(drop=True).assign(probability="")


def match(submitted: pd.DataFrame, shipped: pd.DataFrame) -> Match:
    """Put submitted predictions beside the shipped ones of the same paths.

    Args:
        submitted: From `read_predictions`.
        shipped: From `read_predictions`; its labels, groups and flags count.

    Raises:
        CsvFileError: If no path is in both, or a label contradicts the shipped one.
    """
    shared = shipped["path"].isin(submitted["path"])
    if not shared.any():
        raise CsvFileError(
            sentence(
                "none of the submitted paths is one of the evaluated images: they must read like {known}, not "
                "like {given}",
                known=quoted(shipped["path"].iloc[0]),
                given=quoted(submitted["path"].iloc[0]),
            )
        )
    theirs = submitted.set_index("path").reindex(shipped.loc[shared, "path"])
    rows = shipped[shared].reset_index(drop=True).assign(submitted=theirs["probability"].to_numpy())
    contradicting = rows.loc[theirs["label"].to_numpy() != rows["label"].to_numpy(), "path"]
    if len(contradicting):
        raise CsvFileError(
            sentence(
                "the submitted label is not that of the evaluated image: {rows}", rows=listed(tuple(contradicting))
            )
        )
    return Match(
        rows=rows,
        missing=tuple(shipped.loc[~shared, "path"]),
        extra=tuple(submitted.loc[~submitted["path"].isin(shipped["path"]), "path"]),
    )

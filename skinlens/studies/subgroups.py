"""Subgroups: rates by diagnosis, age, sex, site, origin and skin tone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from skinlens.leaderboard.documents import MissedMelanomas, Part, Subgroups
from skinlens.metrics.classification import checked, require_threshold
from skinlens.metrics.intervals import wilson
from skinlens.metrics.measurement import Measurement, undefined
from skinlens.metrics.rows import LABELS, labels_of, text_of

# What the parts are made by; a manifest may lack some of them.
COLUMNS = ("dx", "age", "sex", "site", "origin", "skin_tone", "recorded_skin_tone")
# A part with fewer images says nothing of the model, and might point at a person.
FEWEST = 20
NOT_RECORDED = "not recorded"

# MILK10k's classes, as a person recorded them.
_RECORDED_TONES = ("0 (very dark)", "1", "2", "3", "4", "5 (very light)")

_AGE_BANDS = (0, 30, 45, 60, 75, 200)
_MELANOMA = "mel"
# Other names that manifests have for a diagnosis; seborrhoeic keratosis is part of HAM10000's bkl.
DIAGNOSES = {"nevus": "nv", "naevus": "nv", "melanoma": _MELANOMA, "sk": "bkl", "ak": "akiec"}
_ID_COLUMNS = ("isic_id", "path")


@dataclass(frozen=True)
class Subgroup:
    """How often something happened to the images of one label in one part.

    Attributes:
        column: What the part is made by.
        value: Its value there.
        label: benign or malignant.
        count: Images to which it happened; None where there are too few images to tell.
        n: Images.
        rate: `count / n` with Wilson's interval; undefined, with the reason, likewise.
    """

    column: str
    value: str
    label: str
    count: int | None
    n: int
    rate: Measurement


def subgroups(
    rows: pd.DataFrame, happened: npt.NDArray[np.bool_], columns: Sequence[str], *, fewest: int = 1
) -> list[Subgroup]:
    """Count how often something happened to the images of each label in each part.

    Args:
        rows: N rows with `label`; of `columns` those that exist are looked at, `age` in bands of years.
        happened: `(N,)`; for instance, that the image was classified wrongly.
        columns: Names.
        fewest: A rate on fewer images is left out, and its count too.

    Returns:
        By column, value and label; blank values are a part of their own, `NOT_RECORDED`. A part without images of a
        label has no entry for it.
    """
    return [
        _subgroup(column, value, label, happened[members], fewest)
        for column in columns
        if column in rows
        for value, of_value in _parts(rows, column)
        for label in LABELS
        if (members := of_value & (rows["label"] == label).to_numpy()).any()
    ]


def subgroup_record(rows: pd.DataFrame, probabilities: npt.ArrayLike, threshold: float) -> Subgroups:
    """Measure sensitivity and specificity in every part of the images, and list the melanomas that were missed.

    By diagnosis this gives the sensitivity for each malignant one and the specificity for each benign one, under
    HAM10000's names (`mel`, `bcc`, `scc`, `akiec`; `nv`, `bkl`, `df`, `vasc`), `nevus` and `sk` being taken as `nv` and
    `bkl`.

    Args:
        rows: N rows with `label`, any of `COLUMNS`, and `isic_id` or `path` to name an image by.
        probabilities: P(malignant), `(N,)` in [0, 1].
        threshold: In [0, 1]; the decision is `probability >= threshold`.

    Returns:
        The parts, with the columns of `COLUMNS` that are missing; missed melanomas are those known by `dx`, in the
        order of the rows.

    Raises:
        ValueError: If a label, a probability or the threshold is missing or out of range.
    """
    labels, probabilities = checked(labels_of(rows), probabilities)
    require_threshold(threshold)
    right = (probabilities >= threshold) == (labels == 1)
    named = rows.assign(dx=[DIAGNOSES.get(dx, dx) for dx in text_of(rows, "dx")]) if "dx" in rows else rows
    melanoma = (text_of(named, "dx") == _MELANOMA) & (labels == 1)
    return Subgroups(
        fewest=FEWEST,
        not_in_manifest=tuple(column for column in COLUMNS if column not in rows),
        cells=tuple(_cell(part) for part in subgroups(named, right, COLUMNS, fewest=FEWEST)),
        missed_melanomas=MissedMelanomas(n=int(melanoma.sum()), ids=tuple(_ids(rows[melanoma & ~right]))),
    )


def with_skin_tones(rows: pd.DataFrame, estimated: Sequence[str]) -> pd.DataFrame:
    """Return the rows with the skin tone that was estimated from each image beside the one that was recorded.

    Args:
        rows: N rows; `skin_tone`, if they have it, is MILK10k's class from 0 (very dark) to 5 (very light).
        estimated: N names of tones, "" where none could be estimated.

    Returns:
        The rows with `skin_tone` as estimated and, where the manifest had one, `recorded_skin_tone` in words.
    """
    if "skin_tone" in rows:
        classes = pd.to_numeric(rows["skin_tone"], errors="coerce")
        named = classes.map(dict(enumerate(_RECORDED_TONES))).fillna("")
        rows = rows.assign(recorded_skin_tone=named)
    return rows.assign(skin_tone=list(estimated))


def format_subgroups(record: Subgroups) -> str:
    """Write the record in short, as lines for a terminal: what was measured, what was left out, and what was missed.

    Args:
        record: From `subgroup_record`.
    """
    lines = [
        f"{part.column.replace('_', ' ')} {part.value}: {part.metric} {part.rate.text()} ({part.right} of {part.n})"
        for part in record.cells
        if part.rate.value is not None
    ]
    left_out = len(record.cells) - len(lines)
    if left_out:
        lines.append(f"{left_out} parts with fewer than {record.fewest} images are not shown.")
    missed = record.missed_melanomas
    named = f": {', '.join(missed.ids)}" if missed.ids else ""
    return "\n".join(
        [
            "By part, in brackets the 95 % Wilson interval:",
            *lines,
            f"Melanomas missed: {len(missed.ids)} of {missed.n}{named}",
        ]
    )


def _parts(rows: pd.DataFrame, column: str) -> Iterator[tuple[str, npt.NDArray[np.bool_]]]:
    """Each value of a column with the rows `(N,)` that have it."""
    values = text_of(rows, column)
    if column == "age":
        names = [f"{low} to {high - 1}" if high < 200 else f"{low} or more" for low, high in pairwise(_AGE_BANDS)]
        years = pd.to_numeric(rows["age"], errors="coerce")
        bands = pd.cut(years, list(_AGE_BANDS), right=False, labels=names).astype(object)
        values = bands.where(bands.notna(), "").to_numpy()
    values = np.where(values == "", NOT_RECORDED, values)
    for value in sorted(set(values)):
        yield value, values == value


def _subgroup(column: str, value: str, label: str, happened: npt.NDArray[np.bool_], fewest: int) -> Subgroup:
    count, n = int(happened.sum()), len(happened)
    if n < fewest:
        return Subgroup(column, value, label, None, n, undefined(f"fewer than {fewest}", n))
    return Subgroup(column, value, label, count, n, wilson(count, n))


def _cell(part: Subgroup) -> Part:
    malignant = part.label == "malignant"
    return Part(
        column=part.column,
        value=part.value,
        label="malignant" if malignant else "benign",
        metric="sensitivity" if malignant else "specificity",
        right=part.count,
        n=part.n,
        rate=part.rate,
    )


def _ids(rows: pd.DataFrame) -> list[str]:
    """What to call each image: the first that it has of `_ID_COLUMNS`, else its row."""
    names = [text_of(rows, column) for column in _ID_COLUMNS]
    return [
        next((str(name) for name in known if name), f"row {row}")
        for row, *known in zip(rows.index, *names, strict=True)
    ]

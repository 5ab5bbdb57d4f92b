"""Manifests: CSV files that list labelled images with their split, fold and group."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from skinlens.errors import SkinLensError
from skinlens.imaging.files import LARGEST_TABLE_FILE, read_regular
from skinlens.imaging.named import ImagesByName
from skinlens.storage.csv_file import CsvFileError, Table, has_decimal_comma, read_table

LABELS = ("benign", "malignant")
SPLITS = ("train", "test")
FOLDS = 5
# Beside those that a manifest needs, the columns that public datasets have under other names.
_OPTIONAL = (
    *("split", "fold", "group_id", "mask", "dx", "age", "sex", "site", "skin_tone", "recorded_skin_tone"),
    *("origin", "leaky", "foreign_jpeg"),
)
_TEXTS = frozenset({"path", "label", "split", "group_id", "mask"})
# What stands for a blank in tables that statistics programs write.
_BLANKS = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none"})
_LOG = logging.getLogger(__name__)


class ManifestError(SkinLensError, ValueError):
    """A manifest cannot be used; the message names the file and the rows."""

    exit_status = 2


def read_manifests(paths: Sequence[Path]) -> pd.DataFrame:
    r"""Read and check manifests, one under the other.

    Args:
        paths: CSV files with `path` (relative to the CSV) and `label` (benign or malignant), and optionally `split`
            (missing: train), `fold`, `group_id`, `mask` (relative to the CSV) and any further column; or the table of
            a public dataset as it was downloaded, with its images in the CSV's folder or below (docs/manifests.md).
            Which of its columns were taken for what is logged.

    Returns:
        All rows with every column of the files, and besides `file` (the image's path as a string that opens from here),
        `malignant` (0 or 1), `split`, `group_id` (missing: a group of its own), `fold` (missing: -1)
        and, where a file has masks, `outline_file` (the mask's path as a string that opens from here, or missing).

    Example:
        >>> from skinlens.imaging.synthetic import draw_pixels
        >>> from PIL import Image
        >>> Image.fromarray(draw_pixels(0, height=64, width=64)).save("lesion.png")
        >>> _ = Path("manifest.csv").write_text("path,label\nlesion.png,malignant\n", "utf-8")
        >>> read_manifests([Path("manifest.csv")])[["file", "malignant", "split", "fold"]].values.tolist()
        [['lesion.png', 1, 'train', -1]]

    Raises:
        ManifestError: If a file cannot be read, a column is missing, a row has an unknown label or split, an image is
            missing or listed twice, or a group of training rows lies in two folds or partly in none.
    """
    if not paths:
        raise ManifestError("no manifest was given")
    rows = pd.concat([_read_one(path, number) for number, path in enumerate(paths, 1)], ignore_index=True)
    _reject(rows, rows["file"].duplicated(), "list an image that is already listed")
    # A row without a fold is trained on whatever fold is held out, so that its group must not have one either.
    trained = rows[rows["split"] == "train"]
    torn = trained.groupby("group_id")["fold"].nunique()
    _reject(
        trained,
        trained["group_id"].isin(torn[torn > 1].index),
        "belong to a group that lies in more than one fold, or partly in none",
    )
    return rows


def training_rows(rows: pd.DataFrame, fold: int | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split rows into training rows and held-out rows.

    Args:
        rows: From `read_manifests`; only `split == "train"` is looked at.
        fold: The fold to hold out; None trains on every training row and holds out nothing.

    Returns:
        The two parts, each with a fresh index. Where no row has a fold, five are made (stratified by label, whole
        groups, always the same ones).

    Raises:
        ManifestError: If there is no training row, or the fold is empty.
    """
    train = rows[rows["split"] == "train"].reset_index(drop=True)
    if train.empty:
        raise ManifestError("the manifest has no rows with split train")
    if fold is None:
        return train, train.iloc[:0]
    if (train["fold"] < 0).all():
        train = train.assign(fold=_made_folds(train))
    held_out = train["fold"] == fold
    if not held_out.any():
        known = ", ".join(str(value) for value in sorted(train["fold"].unique()))
        raise ManifestError(f"no training row lies in fold {fold}; folds: {known}")
    return train[~held_out].reset_index(drop=True), train[held_out].reset_index(drop=True)


def without_marked(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Leave out rows in which one of some columns is 1, such as `twin_in_test` for train-test duplicates.

    Args:
        rows: From `read_manifests`.
        columns: Names of the columns; none leaves out nothing.

    Returns:
        The other rows, with a fresh index.

    Raises:
        ManifestError: If no manifest has one of the columns.
    """
    for name in columns:
        if name not in rows:
            raise ManifestError(f"no manifest has the column {name}, by which rows are to be left out")
    if not columns:
        return rows
    marked = (rows[list(columns)].apply(pd.to_numeric, errors="coerce") == 1).any(axis=1)
    return rows[~marked].reset_index(drop=True)


def origin_rows(rows: pd.DataFrame, held: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split rows into training rows and held-out rows, with whole source datasets (origins) held out.

    Args:
        rows: From `read_manifests`; only `split == "train"` is looked at.
        held: Values of the column `origin`.

    Returns:
        The two parts, each with a fresh index. Rows of other origins whose group also occurs in a held-out one are in
        neither.

    Raises:
        ManifestError: If there is no column `origin`, or no training row of one of these, or one has one label alone,
            so that nothing can be measured on it.
    """
    train = rows[rows["split"] == "train"].reset_index(drop=True)
    origins = _origins(train)
    for origin in held:
        labels = train.loc[origins == origin, "label"]
        if labels.empty:
            known = ", ".join(sorted(origins.unique()))
            raise ManifestError(f"no training row has the origin {origin}; origins: {known}")
        if labels.nunique() == 1:
            raise ManifestError(f"origin {origin} is {labels.iloc[0]} alone and can only be trained on")
    held_out = train[origins.isin(held)].reset_index(drop=True)
    # Images of one lesion lie in several datasets: in training they would give the held-out one away.
    related = train["group_id"].isin(held_out["group_id"])
    return train[~origins.isin(held) & ~related].reset_index(drop=True), held_out


def paired_origin_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out the training rows of datasets that have one label alone.

    They teach the dataset, not the lesion.

    Args:
        rows: From `read_manifests`; only `split == "train"` is looked at, and only those rows may be left out.

    Returns:
        The other rows, with a fresh index.

    Raises:
        ManifestError: If there is no column `origin`, or a training row has none.
    """
    trained = rows["split"] == "train"
    paired = in_paired_origins(_origins(rows[trained]), rows.loc[trained, "label"])
    return rows.drop(index=paired.index[~paired]).reset_index(drop=True)


def in_paired_origins(origins: pd.Series, labels: pd.Series) -> pd.Series:
    """Whether each row is of a dataset that has both labels.

    Args:
        origins: The dataset of each row, `(N,)`.
        labels: With the same index.
    """
    return labels.groupby(origins).transform("nunique") > 1


def usable_rows(rows: pd.DataFrame, leave_out: Sequence[str], *, paired_origins: bool) -> pd.DataFrame:
    """Return the rows that a recipe uses: `without_marked`, and `paired_origin_rows` where it asks for that.

    Args:
        rows: From `read_manifests`.
        leave_out: The recipe's `leave_out`.
        paired_origins: The recipe's `paired_origins`.

    Raises:
        ManifestError: As for these two.
    """
    usable = without_marked(rows, leave_out)
    return paired_origin_rows(usable) if paired_origins else usable


def cells(rows: pd.DataFrame) -> pd.Series:
    """Return the cell of dataset and label that each row belongs to.

    Args:
        rows: N rows with `label`.

    Returns:
        Texts, `(N,)`, as in `ham benign`.

    Raises:
        ManifestError: If there is no column `origin`, or a row has none.
    """
    return _origins(rows) + " " + rows["label"]


def dataset_numbers(rows: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Number the datasets (origins) of rows from 0, in the order of their names.

    Args:
        rows: N rows.

    Returns:
        `(N,)`.

    Raises:
        ManifestError: If rows have no origin.
    """
    return np.unique(_origins(rows).to_numpy(str), return_inverse=True)[1].astype(np.int64)


def _origins(rows: pd.DataFrame) -> pd.Series:
    if "origin" not in rows:
        raise ManifestError("no manifest has the column origin")
    _reject(rows, rows["origin"].isna(), "have no origin")
    return rows["origin"].astype(str)


def share_of(train: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return a share of the lesions, for learning curves, repeated in order until there are as many rows as before.

    An epoch so has the same number of steps whatever the share. The lesions of a smaller share are among those of a
    larger one, and which they are depends on the groups alone.

    Args:
        train: N rows with `group_id`.
        share: In (0, 1]; 1 gives the rows as they are.

    Returns:
        N rows, with a fresh index.

    Raises:
        ManifestError: If no lesion is left.
    """
    if share == 1:
        return train
    groups = np.random.default_rng(0).permutation(np.sort(train["group_id"].unique()))
    kept = np.flatnonzero(train["group_id"].isin(groups[: round(share * len(groups))]))
    if not len(kept):
        raise ManifestError(f"a share of {share} leaves none of {len(groups)} lesions")
    return train.iloc[np.resize(kept, len(train))].reset_index(drop=True)


def _read_one(path: Path, number: int) -> pd.DataFrame:
    try:
        content = read_regular(path, largest=LARGEST_TABLE_FILE)
        table = read_table(content, name=path.name, required=("path", "label"), optional=_OPTIONAL)
    except (OSError, CsvFileError) as error:
        raise ManifestError(f"cannot read the manifest {path}: {str(error).strip()}") from error
    if sentence := table.sentence():
        _LOG.info("%s: %s", path, sentence)
    rows = _frame(table)
    # An editor shows the header as line 1.
    rows = rows.assign(manifest=str(path))
    _reject(rows, rows["path"].isna(), "have no path")
    _reject(rows, ~rows["label"].isin(LABELS), "have a label that is neither benign nor malignant")
    rows = _with_images(rows, path.parent, table)
    split = rows["split"].fillna("train") if "split" in rows else pd.Series("train", index=rows.index)
    _reject(rows, ~split.isin(SPLITS), "have a split that is neither train nor test")
    if "mask" in rows:
        outlines = [str(path.parent / name) if isinstance(name, str) else None for name in rows["mask"]]
        rows = rows.assign(outline_file=pd.Series(outlines, index=rows.index, dtype=object))
    files = [str(path.parent / name) for name in rows["path"]]
    _reject(rows, pd.Series([not _is(Path(file).exists) for file in files]), "name a file that does not exist")
    _reject(rows, pd.Series([not _is(Path(file).is_file) for file in files]), "name something that is no regular file")
    # A row without a group is a group of its own.
    manifest = f"{number}:{path.name}"
    alone = pd.Series([f"{manifest}:{row}" for row in rows["row"]], index=rows.index)
    return rows.assign(
        file=files,
        malignant=(rows["label"] == "malignant").astype(int),
        split=split,
        group_id=rows["group_id"].fillna(alone) if "group_id" in rows else alone,
        fold=_folds(rows),
    )


def _frame(table: Table) -> pd.DataFrame:
    """The rows of a manifest with `row`, the line of each; further columns have the type that their values allow."""
    lines, values = zip(*table.rows, strict=True)
    rows = pd.DataFrame(list(values), dtype=object)
    rows = rows.drop(columns=[name for name in rows.columns if not name])
    blank = rows.map(lambda value: value.lower() in _BLANKS)
    rows = rows.where(~blank, None)
    for name in rows.columns:
        rows[name] = _text(rows[name]) if name in _TEXTS else _typed(rows[name])
    return rows.assign(row=list(lines))


def _typed(values: pd.Series) -> pd.Series:
    """A column as numbers or as true and false, if all its values are that; else as texts."""
    present = values.dropna()
    if present.empty:
        return values.astype(float)
    if present.map(has_decimal_comma).any():
        present = present.map(lambda text: text.replace(",", ".") if has_decimal_comma(text) else text)
    if set(present.str.lower()) <= {"true", "false"}:
        return (values.str.lower() == "true").where(values.notna(), None)
    try:
        return pd.to_numeric(present).reindex(values.index)
    except ValueError:
        return _text(values)


def _text(values: pd.Series) -> pd.Series:
    return values.astype(str).where(values.notna())


def _with_images(rows: pd.DataFrame, folder: Path, table: Table) -> pd.DataFrame:
    """The rows with `path` leading to a file where it only names an image, or several rows for a lesion's folder."""
    images = ImagesByName(folder)
    if table.by_folder:
        files = [list(images.in_folder(name)) for name in rows["path"]]
        _reject(rows, pd.Series([not each for each in files]), "name a lesion without a folder of images")
        repeated = rows.iloc[[number for number, each in enumerate(files) for _ in each]].reset_index(drop=True)
        return repeated.assign(path=[file.as_posix() for each in files for file in each])
    places = [images.locate(name, is_id="path" in table.sources) for name in rows["path"]]
    several = pd.Series([len(each) > 1 for each in places])
    _reject(rows, several, "name an image that several files could be; add a column path")
    return rows.assign(path=[place for (place,) in places])


def _is(kind: Callable[[], bool]) -> bool:
    """The answer of `Path.exists` or `is_file`; no for a path that the system cannot look up."""
    try:
        return kind()
    except OSError:
        return False


def _folds(rows: pd.DataFrame) -> pd.Series:
    if "fold" not in rows:
        return pd.Series(-1, index=rows.index)
    folds = pd.to_numeric(rows["fold"], errors="coerce")
    _reject(
        rows,
        folds.isna() & rows["fold"].notna() | (folds.notna() & folds.mod(1).ne(0)),
        "have a fold that is no whole number",
    )
    return folds.fillna(-1).astype(int)


def _made_folds(train: pd.DataFrame) -> pd.Series:
    folds = pd.Series(-1, index=train.index)
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    try:
        parts = list(splitter.split(train, train["malignant"], train["group_id"]))
    except ValueError as error:
        raise ManifestError(f"cannot make {FOLDS} folds of these rows: {error}") from error
    for number, (_, members) in enumerate(parts):
        folds.iloc[members] = number
    return folds


def _reject(rows: pd.DataFrame, bad: pd.Series, what: str, shown: int = 5) -> None:
    """Raise an error that names the first bad rows by manifest, line and path."""
    if not bad.any():
        return
    rejected = rows[bad.to_numpy()]
    named = "; ".join(f"{row.manifest} line {row.row} ({row.path})" for row in rejected.head(shown).itertuples())
    more = f"; and {len(rejected) - shown} more" if len(rejected) > shown else ""
    raise ManifestError(f"{len(rejected)} row(s) {what}: {named}{more}")

"""The test views: subsets of one set of images that are always reported together."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from skinlens.metrics.classification import require_rows
from skinlens.translation import marked

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class View:
    """A subset of a manifest.

    Attributes:
        explanation: What it holds, in one sentence for a reader.
        mask: `(N,)`, true for the rows in it.
    """

    explanation: str
    mask: Mask


@dataclass(frozen=True)
class _Definition:
    explanation: str
    columns: tuple[str, ...]


_DEFINITIONS = {
    "all": _Definition(marked("Every image, also those of a lesion that training has seen."), ()),
    "no-twins": _Definition(
        marked(
            "Images that share no lesion with a training image; not a harder set, since the share of malignant images "
            "that their file's compression gives away can rise."
        ),
        ("leaky",),
    ),
    "native": _Definition(
        marked(
            "Images compressed the way all benign ones are, so that the file's compression does not give the answer "
            "away."
        ),
        ("foreign_jpeg",),
    ),
    "clean-native": _Definition(
        marked(
            "Images that share no lesion with a training image and whose file's compression does not give the answer "
            "away: the figures to believe."
        ),
        ("leaky", "foreign_jpeg"),
    ),
}


def views_of(manifest: pd.DataFrame) -> dict[str, View]:
    """Select the test views that a manifest allows.

    `all` is every row, `no-twins` has `leaky` 0, `native` has `foreign_jpeg` 0 and `clean-native` both. A view is left
    out if the manifest lacks its columns or it would be empty. A row whose flag is blank is only in views without it.

    Args:
        manifest: N rows, one an image, with the optional columns `leaky` and `foreign_jpeg`, of 0, 1 or blank.

    Returns:
        By name, `all` first.

    Raises:
        ValueError: If a flag is something else; the message names the rows.
    """
    views = {}
    for name, definition in _DEFINITIONS.items():
        if not set(definition.columns) <= set(manifest.columns):
            continue
        mask = np.ones(len(manifest), dtype=np.bool_)
        for column in definition.columns:
            flags = manifest[column].replace("", None)
            numbers = pd.to_numeric(flags, errors="coerce")
            require_rows(
                (flags.isna() | numbers.isin((0, 1))).to_numpy(dtype=np.bool_), f"{column} must be 0, 1 or blank"
            )
            mask &= (numbers == 0).to_numpy(dtype=np.bool_, na_value=False)
        if mask.any():
            views[name] = View(definition.explanation, mask)
    return views

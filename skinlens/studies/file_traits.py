"""What files say about the label before anyone looks at the lesion: format, size, compression, missing facts."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, JpegImagePlugin, UnidentifiedImageError
from scipy.stats import chi2_contingency
from scipy.stats.contingency import association
from sklearn.metrics import roc_auc_score

from skinlens.metrics.classification import Labels

_SHOWN = 5
_OTHER = "unknown"
_METADATA = ("adobe", "comment", "exif", "icc_profile", "jfif", "photoshop")


@dataclass(frozen=True)
class FileTraits:
    """What a file is, apart from what it shows.

    Attributes:
        format: As Pillow calls it.
        size: `width x height` in pixels.
        bytes: Length of the file.
        signature: Digest of how it was compressed: quantisation tables, chroma sampling, progressive or not, and which
            metadata blocks there are; the format alone where it is not JPEG.
    """

    format: str
    size: str
    bytes: int
    signature: str


@dataclass(frozen=True)
class Association:
    """How well one trait alone tells benign from malignant.

    Attributes:
        trait: Its name.
        measure: `cramers_v` (0: not at all, 1: completely) for kinds, `roc_auc` (0.5: not at all) for numbers.
        value: Of that measure; None where all images are alike.
        p: Of the chi-squared test for kinds; None for numbers.
        n: Images.
        counts: The commonest values, each with the number of benign and malignant images; empty for numbers.
    """

    trait: str
    measure: str
    value: float | None
    p: float | None
    n: int
    counts: dict[str, tuple[int, int]]


def file_traits(content: bytes) -> FileTraits:
    """Read the traits of an encoded image.

    Args:
        content: The whole file.

    Returns:
        Of a file that Pillow does not know, such as a DICOM file, only its length.
    """
    try:
        opened = Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        return FileTraits(_OTHER, _OTHER, len(content), _OTHER)
    with opened as image:
        kind = str(image.format)
        return FileTraits(kind, f"{image.width} x {image.height}", len(content), _signature(image, kind))


def kind_association(trait: str, values: npt.ArrayLike, labels: Labels) -> Association:
    """Measure by Cramér's V how well a trait with kinds tells the label, with the p value of its chi-squared test.

    Args:
        trait: Its name.
        values: The kind of each image, `(N,)`.
        labels: `(N,)`, 1 for malignant and 0 for benign.
    """
    table = pd.crosstab(np.asarray(values, dtype=str), labels).reindex(columns=[0, 1], fill_value=0)
    commonest = table.loc[table.sum(axis=1).sort_values(ascending=False, kind="stable").index].head(_SHOWN)
    counts = {str(value): (int(benign), int(malignant)) for value, benign, malignant in commonest.itertuples()}
    observed = table.to_numpy()
    if min(observed.shape) < 2 or not observed.sum(axis=0).all():
        return Association(trait, "cramers_v", None, None, len(labels), counts)
    value = float(association(observed, method="cramer"))
    return Association(trait, "cramers_v", value, float(chi2_contingency(observed).pvalue), len(labels), counts)


def number_association(trait: str, values: npt.ArrayLike, labels: Labels) -> Association:
    """Measure how often a malignant image has the larger number (ROC AUC, ties half).

    Args:
        trait: Its name.
        values: The number of each image, `(N,)`.
        labels: `(N,)`, 1 for malignant and 0 for benign.
    """
    if len(set(labels)) < 2:
        return Association(trait, "roc_auc", None, None, len(labels), {})
    return Association(trait, "roc_auc", float(roc_auc_score(labels, np.asarray(values))), None, len(labels), {})


def missing_associations(manifest: pd.DataFrame, labels: Labels) -> list[Association]:
    """Measure for every column that is blank somewhere whether being blank tells the label.

    Args:
        manifest: N rows.
        labels: `(N,)`, 1 for malignant and 0 for benign.
    """
    traits = []
    for column in manifest.columns:
        blank = (manifest[column].isna() | (manifest[column].astype(str).str.strip() == "")).to_numpy()
        if blank.any():
            values = np.where(blank, "missing", "given")
            traits.append(kind_association(f"missing {column}", values, labels))
    return traits


def _signature(image: Image.Image, kind: str) -> str:
    if kind not in {"JPEG", "MPO"}:
        return kind
    tables = getattr(image, "quantization", {})
    described = [
        *(f"{number}:{','.join(map(str, table))}" for number, table in sorted(tables.items())),
        f"sampling {JpegImagePlugin.get_sampling(image)}",
        f"progressive {bool(image.info.get('progressive'))}",
        *(name for name in _METADATA if name in image.info),
    ]
    return hashlib.sha256("\n".join(described).encode()).hexdigest()[:12]

"""Which column of a public dataset's table holds what, so that such a table is read as it was downloaded."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skinlens.storage.csv_text import number
from skinlens.storage.diagnoses import known_diagnosis

LABELS = ("benign", "malignant")

# Of what we call a column, the names that the ISIC Archive, HAM10000, MILK10k and the challenges have for it, in small
# letters, the first that is there counting. Our own name always comes first.
_SAME: dict[str, tuple[str, ...]] = {
    "path": ("isic_id", "image_name", "image_id", "image"),
    "case_id": ("patient_id", "patient"),
    "lesion": ("lesion_id",),
    "age": ("age_approx", "age_approximate"),
    "site": ("anatom_site_general", "anatom_site_general_challenge", "localization", "anatom_site_1"),
    "skin_tone": ("skin_tone_class",),
    "recorded_skin_tone": ("fitzpatrick_skin_type",),
}
# The finest name comes first.
_DIAGNOSES = (
    *("diagnosis_5", "diagnosis_4", "diagnosis_3", "iddx_5", "iddx_4", "iddx_3", "diagnosis_2", "iddx_2"),
    *("dx", "diagnosis", "diagnosis_full"),
)
# Columns that are benign or malignant and nothing finer: they must agree.
_WORDS = ("benign_malignant", "diagnosis_1", "iddx_1")
_FLAGS = ("malignant", "target")
_CLASSES = (
    *("mel", "nv", "bcc", "akiec", "ak", "bkl", "df", "vasc", "scc", "unk"),
    *("ben_oth", "inf", "mal_oth", "sccka"),
)
# The classes of ISIC 2017, of which the third, the nevus, has no column.
_CLASSES_OF_2017 = ("melanoma", "seborrheic_keratosis")
KNOWN = frozenset(
    name for names in (*_SAME.values(), _DIAGNOSES, _WORDS, _FLAGS, _CLASSES, _CLASSES_OF_2017) for name in names
)
_TRUE, _FALSE = ("1", "1.0", "true"), ("0", "0.0", "false")
_ISIC_ID = re.compile(r"ISIC_\d{7}(_downsampled)?", re.IGNORECASE)

# A reason for which a row has no label.
NO_LABEL = "no label"
CONTRADICTION = "columns that contradict each other"
SEVERAL = "several classes"


@dataclass(frozen=True)
class Labelled:
    """What a row says about its lesion.

    Attributes:
        label: `benign`, `malignant` or "".
        reason: Why it is "": the value that is neither, or one of the reasons above.
        by: The column that decided, or that left it open.
    """

    label: str
    reason: str
    by: str


@dataclass(frozen=True)
class Roles:
    """Which columns of a table are taken for what.

    Attributes:
        columns: Of our names, the column that is taken for each where it has another name, in small letters.
        labels: Columns that the label comes from, where there is none of that name.
        diagnoses: Columns that the diagnosis comes from, where there is no `dx`.
        classes: Columns of which each stands for a diagnosis and one holds a 1.
        groups: Columns that keep the images of one patient or lesion together, where there is no `group_id`.
        by_folder: Whether rows are about whole lesions, whose images lie in a folder of their name, as in MILK10k.
    """

    columns: dict[str, str]
    labels: tuple[str, ...]
    diagnoses: tuple[str, ...]
    classes: tuple[str, ...]
    groups: tuple[str, ...] = ()
    by_folder: bool = False


def roles_of(header: Sequence[str], rows: Sequence[Mapping[str, str]], wanted: Sequence[str]) -> Roles:
    """Decide which columns of a table are taken for what.

    Args:
        header: Names of the columns, in small letters.
        rows: Every row by these names: a column of zeros and ones is a label, one of other numbers is not.
        wanted: Our names of the columns that the reader of the table knows.
    """
    columns = {
        role: next(name for name in names if name in header)
        for role, names in _SAME.items()
        if role in wanted and role not in header and any(name in header for name in names)
    }
    by_folder = False
    if "path" in wanted and not {"path", "sha256"} & set(header) and "path" not in columns and "lesion_id" in header:
        columns["path"], by_folder = "lesion_id", True
    # The fewest that make a class of each lesion; `malignant` or one class by itself is a column like any other.
    classes = tuple(name for name in header if name in _CLASSES)
    classes = classes if "mel" in classes and len(classes) > 2 else ()
    if set(_CLASSES_OF_2017) <= set(header):
        classes = _CLASSES_OF_2017
    diagnoses = tuple(name for name in _DIAGNOSES if name in header)
    labels: tuple[str, ...] = ()
    if "label" in wanted and "label" not in header:
        flags = (name for name in _FLAGS if name in header and _is_flag([row[name] for row in rows]))
        labels = (*(name for name in _WORDS if name in header), *flags)
    groups: tuple[str, ...] = ()
    if "group_id" in wanted and "group_id" not in header:
        groups = tuple(name for name in ("patient_id", "patient", "lesion_id") if name in header)
    return Roles(columns, labels, diagnoses, classes, groups, by_folder)


def labelled(row: Mapping[str, str], roles: Roles) -> Labelled:
    """Return the label of a row without a column `label`.

    Args:
        row: Its values by column, in small letters.
        roles: Of its table. Columns of words and of zeros and ones come first, then classes, then diagnoses.
    """
    stated = {name: _word(row[name]) for name in roles.labels if row[name]}
    labels = {label for label in stated.values() if label in LABELS}
    if vague := next((name for name, label in stated.items() if label not in LABELS), ""):
        return Labelled("", row[vague], vague)
    if len(labels) > 1:
        return Labelled("", CONTRADICTION, ", ".join(stated))
    if labels:
        return Labelled(labels.pop(), "", next(iter(stated)))
    if roles.classes:
        code, reason = class_of(row, roles)
        return _by_diagnosis(code, reason or NO_LABEL, "the columns of classes")
    # From coarse to fine: "Benign melanocytic proliferations" is no name of a diagnosis, and the next one is asked.
    named = [(name, row[name]) for name in roles.diagnoses if row[name]]
    for name, value in named:
        if known_diagnosis(value):
            return _by_diagnosis(value, "", name)
    return Labelled("", named[0][1] if named else NO_LABEL, named[0][0] if named else "")


def class_of(row: Mapping[str, str], roles: Roles) -> tuple[str, str]:
    """Return the class whose column holds the 1, and why there is none.

    Args:
        row: Its values by column, in small letters.
        roles: With `classes`.

    Returns:
        A code such as `nv` with "", or "" with a reason.
    """
    chosen = [name for name in roles.classes if number(row[name]) > 0.5]
    if len(chosen) > 1:
        return "", SEVERAL
    if chosen:
        return {"melanoma": "mel", "seborrheic_keratosis": "sk"}.get(chosen[0], chosen[0]), ""
    filled = all(row[name] for name in roles.classes)
    return ("nv", "") if roles.classes == _CLASSES_OF_2017 and filled else ("", NO_LABEL)


def diagnosis_of(row: Mapping[str, str], roles: Roles) -> str:
    """Return the diagnosis of a row: its short code, or the finest name that the row has; "" for none.

    Args:
        row: Its values by column, in small letters.
        roles: Of its table.
    """
    if roles.classes:
        return class_of(row, roles)[0]
    values = [row[name] for name in roles.diagnoses if row[name]]
    known = next((each for each in map(known_diagnosis, values) if each), None)
    return known.code if known else (values[0].lower() if values else "")


def headless(first: Sequence[str]) -> tuple[str, str] | None:
    """Return the columns of a table that begins with its first row, as the ground truth of ISIC 2016 does.

    Args:
        first: Values of the first line.
    """
    if len(first) != 2 or not _ISIC_ID.fullmatch(first[0]):
        return None
    return ("image", "benign_malignant") if first[1].lower() in LABELS else ("image", "malignant")


def _by_diagnosis(name: str, reason: str, by: str) -> Labelled:
    known = known_diagnosis(name)
    if known is None or known.kind == "indeterminate":
        return Labelled("", name or reason, by)
    return Labelled(known.kind, "", by)


def _word(value: str) -> str:
    lowered = value.lower()
    if lowered in _TRUE:
        return "malignant"
    return "benign" if lowered in _FALSE else lowered


def _is_flag(values: Sequence[str]) -> bool:
    filled = {value.lower() for value in values if value}
    return bool(filled) and filled <= {*_TRUE, *_FALSE}

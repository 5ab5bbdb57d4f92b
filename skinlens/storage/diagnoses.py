"""Names of diagnoses in public datasets: the short code of each, and whether it is benign or malignant."""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["benign", "malignant", "indeterminate"]


@dataclass(frozen=True)
class Diagnosis:
    """A diagnosis that datasets write in several ways.

    Attributes:
        code: As in HAM10000, such as `nv`.
        kind: `indeterminate` is neither: the row has no label.
    """

    code: str
    kind: Kind


# By code and kind, the names of the ISIC Archive, of HAM10000, MILK10k and the challenges, in small letters. The
# archive's names go on behind a comma ("Nevus, NOS"); what stands before it is enough.
# akiec is malignant, as in the manifests that the models were trained on: it joins Bowen's disease and actinic
# keratosis. Actinic keratosis by itself is indeterminate, as in the archive.
_NAMES: dict[tuple[str, Kind], tuple[str, ...]] = {
    ("mel", "malignant"): (
        *("mel", "melanoma", "melanoma in situ", "melanoma invasive", "melanoma metastasis", "lentigo maligna"),
        *("lentigo maligna melanoma", "malignant melanoma", "nodular melanoma", "superficial spreading melanoma"),
        "acral lentiginous melanoma",
    ),
    ("bcc", "malignant"): ("bcc", "basal cell carcinoma"),
    ("scc", "malignant"): (
        *("scc", "sccka", "squamous cell carcinoma", "squamous cell carcinoma in situ", "bowen's disease"),
        "keratoacanthoma",
    ),
    ("akiec", "malignant"): ("akiec", "intraepidermal carcinoma", "intraepithelial carcinoma"),
    ("mal_oth", "malignant"): (
        *("mal_oth", "other malignant", "merkel cell carcinoma", "kaposi sarcoma", "angiosarcoma"),
        *("mycosis fungoides", "dermatofibrosarcoma protuberans", "atypical fibroxanthoma"),
    ),
    ("nv", "benign"): (
        *("nv", "nevus", "naevus", "melanocytic nevus", "melanocytic naevus", "nevus spilus", "blue nevus"),
        *("spitz nevus", "dysplastic nevus", "congenital nevus"),
    ),
    ("bkl", "benign"): (
        *("bkl", "benign keratosis", "benign keratosis-like lesion", "pigmented benign keratosis"),
        *("lichenoid keratosis", "lichen planus like keratosis", "solar lentigo", "lentigo", "lentigo simplex"),
        *("lentigo nos", "cafe-au-lait macule", "ephelis", "ink-spot lentigo"),
    ),
    ("sk", "benign"): ("sk", "sek", "seborrheic keratosis", "seborrhoeic keratosis", "seborrheic_keratosis"),
    ("df", "benign"): ("df", "dermatofibroma"),
    ("vasc", "benign"): (
        *("vasc", "vascular lesion", "angioma", "hemangioma", "haemangioma", "angiokeratoma"),
        *("pyogenic granuloma", "hemorrhage", "lymphangioma"),
    ),
    ("ben_oth", "benign"): (
        *("ben_oth", "other benign", "angiofibroma", "angiofibroma or fibrous papule", "fibrous papule"),
        *("acrochordon", "neurofibroma", "verruca", "scar", "sebaceous hyperplasia", "clear cell acanthoma"),
        *("trichoepithelioma", "mucosal melanotic macule", "cyst", "epidermal nevus", "porokeratosis"),
    ),
    ("inf", "benign"): ("inf", "inflammatory and infectious"),
    ("ak", "indeterminate"): ("ak", "ack", "actinic keratosis", "solar or actinic keratosis"),
    ("other", "indeterminate"): (
        *("indeterminate", "unknown", "unk", "other", "aimp", "atypical melanocytic proliferation"),
        *("atypical intraepithelial melanocytic proliferation", "atypical spitz tumor", "not applicable"),
    ),
}
_BY_NAME = {name: Diagnosis(code, kind) for (code, kind), names in _NAMES.items() for name in names}


def known_diagnosis(name: str) -> Diagnosis | None:
    """Return the diagnosis that a dataset's name stands for.

    Args:
        name: A code of HAM10000, MILK10k or a challenge, or a name of the ISIC Archive, in any case.

    Returns:
        None for a name that is not in the list.

    Example:
        >>> known_diagnosis("Nevus, NOS"), known_diagnosis("warts") is None
        (Diagnosis(code='nv', kind='benign'), True)
    """
    whole = re.sub(r"\s+", " ", name.strip().casefold())
    return _BY_NAME.get(whole) or _BY_NAME.get(whole.partition(",")[0])

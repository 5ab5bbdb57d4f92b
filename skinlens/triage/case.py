"""A case: an image with its assessment and what people typed about it, as PDF, DICOM and database record it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from skinlens.imaging.image import LesionImage, Pixels
from skinlens.translation import marked
from skinlens.triage.checklists import Checklists
from skinlens.triage.decision import Assessment
from skinlens.triage.diameter import Diameter
from skinlens.triage.risk import Meaning
from skinlens.triage.second import Comparison

# A reader's verdicts, as they are saved and as they are shown.
VERDICT_WORDS: Final = {
    "benign": marked("benign"),
    "malignant": marked("malignant"),
    "unsure": marked("unsure"),
    "not judgeable": marked("not assessable"),
}


@dataclass(frozen=True)
class CaseFacts:
    """What the user typed about the case; every field is optional and nothing is inferred from it.

    Attributes:
        case_id: Pseudonym of the patient.
        age: In years.
        sex: As typed.
        site: Body site in words, from `sites.site_text` or as typed.
        note: Anything else.
        lesion: Name of one of the patient's lesions, such as L2; "" for a new one.
        photographed: Day of the photograph as YYYY-MM-DD.
        site_code: Of `sites.SITES`.
        side: Of `sites.SIDES`.
        checklists: Filled in by a reader.
    """

    case_id: str = ""
    age: str = ""
    sex: str = ""
    site: str = ""
    note: str = ""
    lesion: str = ""
    photographed: str = ""
    site_code: str = ""
    side: str = ""
    checklists: Checklists = field(default_factory=Checklists)


@dataclass(frozen=True)
class Reading:
    """A person's assessment of an image, beside the model's and never mixed with it.

    Attributes:
        verdict: A key of `VERDICT_WORDS`.
        note: In the reader's words.
        reader: The name that the reader gave, or that the computer knows the user by.
        moment: When, with a time zone.
    """

    verdict: str
    note: str
    reader: str
    moment: datetime


@dataclass(frozen=True, eq=False)
class CaseRecord:
    """Everything that a case summary shows.

    Attributes:
        image: The image as received, with all its pixels.
        overlay: The heatmap drawn over the image, RGB uint8 `(h, w, 3)`, of the image's size or smaller, same aspect.
        assessment: The decision, with prediction and reasons.
        facts: What the user typed.
        created: When the summary was made, with a time zone.
        meaning: The risk at a prevalence; None if none was chosen.
        comparison: With another model's decision on the image; None if no other was asked.
        readings: People's assessments, the earliest first.
        diameter: Of the lesion; None without a scale.
    """

    image: LesionImage
    overlay: Pixels
    assessment: Assessment
    facts: CaseFacts
    created: datetime
    meaning: Meaning | None = None
    comparison: Comparison | None = None
    readings: tuple[Reading, ...] = ()
    diameter: Diameter | None = None

    def __post_init__(self) -> None:
        if self.image.full_size is not None:
            raise ValueError("a case needs all pixels of its image: imaging.decode.in_full gets them")

"""A case: an image with its assessment and what the user typed about it, as PDF, DICOM and database record it."""

from dataclasses import dataclass
from datetime import datetime

from skinlens.imaging.image import LesionImage, Pixels
from skinlens.triage.decision import Assessment
from skinlens.triage.risk import Meaning
from skinlens.triage.second import Comparison


@dataclass(frozen=True)
class CaseFacts:
    """What the user typed about the case; every field is optional and nothing is inferred from it."""

    case_id: str = ""
    age: str = ""
    sex: str = ""
    site: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class CaseRecord:
    """Everything that a case summary shows.

    Attributes:
        image: The image as received.
        overlay: The heatmap drawn over the image, RGB uint8 `(h, w, 3)`, of the image's size or smaller, same aspect.
        assessment: The decision, with prediction and reasons.
        facts: What the user typed.
        created: When the summary was made, with a time zone.
        meaning: The risk at a prevalence; None if none was chosen.
        comparison: With another model's decision on the image; None if no other was asked.
    """

    image: LesionImage
    overlay: Pixels
    assessment: Assessment
    facts: CaseFacts
    created: datetime
    meaning: Meaning | None = None
    comparison: Comparison | None = None

"""What a case summary says, read back from its PDF."""

import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from skinlens.errors import SkinLensError
from skinlens.report.pdf import TITLE
from skinlens.triage.wording import FORMER_HEADLINES, HEADLINES

_DIGEST = r"([0-9a-f]{64})"
_HEADLINES = "|".join(map(re.escape, (*HEADLINES.values(), *FORMER_HEADLINES)))
_RESULT = re.compile(rf"^({_HEADLINES})(?: (?:Score|Estimate) ([0-9.]+))?$", re.MULTILINE)
_ZONE = re.compile(r"\bMade [0-9 :-]{16} \(UTC([+-])([0-9]{2}):([0-9]{2})\)$", re.MULTILINE)
_MOST_PAGES = 60


class NotASummaryError(SkinLensError, ValueError):
    """The file is no case summary of SkinLens; the message says why."""

    exit_status = 2


@dataclass(frozen=True)
class Summary:
    """What a case summary says.

    Attributes:
        image_sha256: Of the file that was judged.
        weights_sha256: Of the model that judged it.
        headline: The decision in words.
        score: As printed; "" for an image that was not judged.
        made: When the summary was made, to the second, in the zone that is printed.
        text: All of it, as a reader would copy it.
    """

    image_sha256: str
    weights_sha256: str
    headline: str
    score: str
    made: datetime
    text: str


def read_summary(content: bytes) -> Summary:
    """Read a case summary.

    Args:
        content: The PDF file.

    Raises:
        NotASummaryError: If it is no PDF, or not one that `report.pdf` could have made.
    """
    try:
        reader = PdfReader(io.BytesIO(content))
        text = "\n".join(page.extract_text() for page in reader.pages[:_MOST_PAGES])
        made = _made(reader, text)
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise NotASummaryError("This file is no PDF, or a damaged one.") from error
    # Documents of earlier versions say "Picture".
    digests = [
        re.findall(rf"^{label} SHA-256 {_DIGEST}$", text, re.MULTILINE) for label in ("(?:Image|Picture)", "Weights")
    ]
    results = _RESULT.findall(text)
    if not text.startswith(TITLE) or made is None or not all(digests) or len(results) != 1:
        raise NotASummaryError("This PDF is not a case summary of SkinLens, or it was changed.")
    # What the user typed stands further up, and may look like a digest too.
    image, weights = (found[-1] for found in digests)
    headline, score = results[0]
    return Summary(image, weights, FORMER_HEADLINES.get(headline, headline), score, made, text)


def _made(reader: PdfReader, text: str) -> datetime | None:
    """The moment in the metadata, which has the seconds, in the zone that is printed."""
    zone, metadata = _ZONE.search(text), reader.xmp_metadata
    moment = None if metadata is None else metadata.xmp_create_date
    if zone is None or moment is None:
        return None
    sign, hours, minutes = zone.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return moment.replace(tzinfo=UTC).astimezone(timezone(-offset if sign == "-" else offset))

"""Case summaries read back from their PDFs."""

import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from skinlens.errors import SkinLensError
from skinlens.report.document import in_words
from skinlens.report.payload import CasePayload, PayloadError, read_case, read_payload
from skinlens.report.pdf import TITLE, result_line
from skinlens.triage.wording import AGAINST_ADVICE, FORMER_HEADLINES, HEADLINES, with_enough_decimals

_DIGEST = r"([0-9a-f]{64})"
_HEADLINES = "|".join(map(re.escape, (*HEADLINES.values(), *FORMER_HEADLINES)))
# In documents of earlier versions; today the result stands among the details.
_RESULT = re.compile(rf"^({_HEADLINES})(?: (?:Score|Estimate) ([0-9.]+))?$", re.MULTILINE)
_RESULT_LINE = re.compile(r"^Result (.+)$", re.MULTILINE)
_IN_LINE = re.compile(rf"^({_HEADLINES}), score ([0-9.]+), threshold [0-9.]+$")
# Today: with a risk beside it, or alone.
_HEADLINE = re.compile(rf"^(?:{_HEADLINES}|{re.escape(AGAINST_ADVICE)})(?: .*[0-9].*)?$", re.MULTILINE)
_MADE = re.compile(r"\bMade ([0-9 :-]{16} \(UTC[+-][0-9]{2}:[0-9]{2}\))$", re.MULTILINE)
_ZONE = re.compile(r"\bMade [0-9 :-]{16} \(UTC([+-])([0-9]{2}):([0-9]{2})\)$", re.MULTILINE)
_MOST_PAGES = 60


class NotASummaryError(SkinLensError, ValueError):
    """The file is no case summary of SkinLens; the message says why."""

    exit_status = 2


@dataclass(frozen=True)
class Summary:
    """The content of a case summary.

    Attributes:
        image_sha256: Of the file that was assessed.
        weights_sha256: Of the model that assessed it.
        headline: The decision in words, as this version of SkinLens writes it.
        score: As printed; "" for a rejected image.
        made: When the summary was made, to the second, in the zone that is printed.
        text: All of it, as a reader would copy it.
        payload: The machine-readable record; None in documents of SkinLens 0.2 and earlier.
        altered: A sentence for each way in which the printed text contradicts the record.
    """

    image_sha256: str
    weights_sha256: str
    headline: str
    score: str
    made: datetime
    text: str
    payload: CasePayload | None = None
    altered: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Printed:
    """What the page holds, read by its labels.

    Attributes:
        images: Digests of images.
        weights: Digests of weights.
        results: Headlines with a score, as earlier versions print them.
        headlines: Headlines with what stands beside them.
        lines: Results among the details.
        zone: Of the time.
    """

    text: str
    images: tuple[str, ...]
    weights: tuple[str, ...]
    results: tuple[tuple[str, str], ...]
    headlines: tuple[str, ...]
    lines: tuple[str, ...]
    zone: timezone | None


def read_summary(content: bytes) -> Summary:
    """Read a case summary, and compare its printed text with its machine-readable record.

    The record counts where there is one. Documents of earlier versions have none; they are read by their labels.

    Args:
        content: The PDF file.

    Raises:
        NotASummaryError: If it is no PDF, not one that `report.pdf` could have made, or of a newer SkinLens.
    """
    try:
        reader = PdfReader(io.BytesIO(content))
        printed = _printed("\n".join(page.extract_text() for page in reader.pages[:_MOST_PAGES]))
        moment = None if reader.xmp_metadata is None else reader.xmp_metadata.xmp_create_date
        values = read_payload(reader)
        payload = None if values is None else read_case(values)
    except PayloadError as error:
        raise NotASummaryError(f"This PDF is not a case summary that can be read. {error}") from error
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise NotASummaryError("This file is no PDF, or a damaged one.") from error
    if not printed.text.startswith(TITLE):
        raise NotASummaryError("This PDF is not a case summary of SkinLens, or it was changed.")
    if payload is not None:
        return _recorded(payload, printed)
    complete = printed.images and printed.weights and len(printed.results) == 1
    if not complete or printed.zone is None or moment is None:
        raise NotASummaryError("This PDF is not a case summary of SkinLens, or it was changed.")
    # What the user typed stands further up, and may look like a digest too.
    image, weights = printed.images[-1], printed.weights[-1]
    return Summary(
        image, weights, *printed.results[0], moment.replace(tzinfo=UTC).astimezone(printed.zone), printed.text
    )


def _printed(text: str) -> _Printed:
    # Documents of earlier versions say "Picture".
    images, weights = (
        tuple(re.findall(rf"^{label} SHA-256 {_DIGEST}$", text, re.MULTILINE))
        for label in ("(?:Image|Picture)", "Weights")
    )
    lines = tuple(_RESULT_LINE.findall(text))
    detailed = [match.groups() for match in map(_IN_LINE.match, lines[-1:]) if match]
    results = tuple(
        (FORMER_HEADLINES.get(headline, headline), score) for headline, score in detailed or _RESULT.findall(text)
    )
    headlines = tuple(_HEADLINE.findall(text))
    zone = _ZONE.search(text)
    if zone is None:
        return _Printed(text, images, weights, results, headlines, lines, None)
    sign, hours, minutes = zone.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return _Printed(text, images, weights, results, headlines, lines, timezone(-offset if sign == "-" else offset))


def _recorded(payload: CasePayload, printed: _Printed) -> Summary:
    headline, score = HEADLINES[payload.decision], ""
    if payload.score is not None and payload.threshold is not None:
        score, _ = with_enough_decimals(payload.score, payload.threshold)
    differences = [
        _result_difference(payload, printed, headline, score),
        ("image's SHA-256", _last(printed.images), payload.image_sha256, None),
        ("weights' SHA-256", _last(printed.weights), payload.weights_sha256, None),
        ("time", _time(printed.text), in_words(payload.created), None),
    ]
    altered = tuple(
        f"The {name} was altered: the page shows {on_page}, the record inside the document {recorded}."
        for name, on_page, recorded, same in differences
        if not (on_page == recorded if same is None else same)
    )
    return Summary(
        image_sha256=payload.image_sha256,
        weights_sha256=payload.weights_sha256,
        headline=headline,
        score=score,
        made=payload.created,
        text=printed.text,
        payload=payload,
        altered=altered,
    )


def _result_difference(
    payload: CasePayload, printed: _Printed, headline: str, score: str
) -> tuple[str, str, str, bool | None]:
    """Return the result on the page and in the record, and whether they are the same."""
    if not payload.headline:
        shown = "; ".join(" ".join(result).strip() for result in printed.results) or "no result"
        # A note may hold a headline on a line of its own, but no second score may stand beside the first.
        others = [result for result in printed.results if result[1] and result != (headline, score)]
        same = (headline, score) in printed.results and not others
        return "result", shown, f"{headline} {score}".strip(), same
    beside, line = f"{payload.headline} {payload.risk_words}".strip(), result_line(payload)
    # As above: no second risk or score may stand beside the first.
    second = [text for text in printed.headlines if text != beside and any(map(str.isdigit, text))]
    same = beside in printed.headlines and not second and printed.lines[-1:] == ((line,) if line else ())
    shown = "; ".join((*printed.headlines, *printed.lines)) or "no result"
    return "result", shown, "; ".join(part for part in (beside, line) if part), same


def _last(digests: tuple[str, ...]) -> str:
    return digests[-1] if digests else "none"


def _time(text: str) -> str:
    shown = _MADE.search(text)
    return shown[1] if shown else "none"

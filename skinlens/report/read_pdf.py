"""Case summaries read back from their PDFs."""

import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from skinlens.errors import SkinLensError
from skinlens.imaging.image import identity_of
from skinlens.report.document import in_words
from skinlens.report.payload import CasePayload, PayloadError, read_case, read_payload
from skinlens.report.pdf import TITLE, result_line
from skinlens.translation import DEFAULT, language
from skinlens.translation import gettext as _
from skinlens.triage.wording import AGAINST_ADVICE, FORMER_HEADLINES, HEADLINES, with_enough_decimals

_DIGEST = r"([0-9a-f]{64})"
_MOMENT = r"([0-9 :-]{16} \(UTC([+-])([0-9]{2}):([0-9]{2})\))"
_MOST_PAGES = 60


@dataclass(frozen=True)
class _Patterns:
    """What labels and headlines look like in one language."""

    title: str
    # In documents of earlier versions; today the result stands among the details.
    result: re.Pattern[str]
    result_line: re.Pattern[str]
    in_line: re.Pattern[str]
    # Today: with a risk beside it, or alone.
    headline: re.Pattern[str]
    made: re.Pattern[str]
    image: re.Pattern[str]
    weights: re.Pattern[str]


@cache
def _patterns(code: str) -> _Patterns:
    with language(code):
        today = [_(headline) for headline in HEADLINES.values()]
        headlines = "|".join(map(re.escape, (*today, *(FORMER_HEADLINES if code == DEFAULT else ()))))
        line = re.escape(_("{decision}, score {score}, threshold {threshold}"))
        for name, pattern in (("decision", f"({headlines})"), ("score", "([0-9.]+)"), ("threshold", "[0-9.]+")):
            line = line.replace(re.escape(f"{{{name}}}"), pattern)
        made = re.escape(_("Made {moment}")).replace(re.escape("{moment}"), _MOMENT)
        # Documents of earlier versions say "Picture".
        image = "(?:Image|Picture) SHA-256" if code == DEFAULT else re.escape(_("Image SHA-256"))
        return _Patterns(
            title=_(TITLE),
            result=re.compile(rf"^({headlines})(?: (?:Score|Estimate) ([0-9.]+))?$", re.MULTILINE),
            result_line=re.compile(rf"^{re.escape(_('Result'))} (.+)$", re.MULTILINE),
            in_line=re.compile(f"^{line}$"),
            headline=re.compile(rf"^(?:{headlines}|{re.escape(_(AGAINST_ADVICE))})(?: .*[0-9].*)?$", re.MULTILINE),
            made=re.compile(rf"\b{made}$", re.MULTILINE),
            image=re.compile(rf"^{image} {_DIGEST}$", re.MULTILINE),
            weights=re.compile(rf"^{re.escape(_('Weights SHA-256'))} {_DIGEST}$", re.MULTILINE),
        )


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

    @property
    def identity(self) -> str:
        """Of the image, from `imaging.image.identity_of`."""
        return identity_of(self.image_sha256, 0 if self.payload is None else self.payload.frame - 1)


@dataclass(frozen=True)
class _Printed:
    """What the page holds, read by its labels.

    Attributes:
        images: Digests of images.
        weights: Digests of weights.
        results: Headlines with a score, as earlier versions print them.
        headlines: Headlines with what stands beside them.
        lines: Results among the details.
        made: The time as printed; "none" where none is.
        zone: Of the time.
    """

    text: str
    images: tuple[str, ...]
    weights: tuple[str, ...]
    results: tuple[tuple[str, str], ...]
    headlines: tuple[str, ...]
    lines: tuple[str, ...]
    made: str
    zone: timezone | None


def read_summary(content: bytes) -> Summary:
    """Read a case summary, and compare its printed text with its machine-readable record.

    The record counts where there is one. Documents of earlier versions have none; they are read by their labels.

    Args:
        content: The PDF file.

    Returns:
        What the document says, and each way in which its page contradicts its record.

    Raises:
        NotASummaryError: If it is no PDF, not one that `report.pdf` could have made, or of a newer SkinLens.
    """
    try:
        # A PDF of thousands of pages is none of ours, and extracting them would take minutes.
        reader = PdfReader(io.BytesIO(content))
        text = "\n".join(page.extract_text() for page in reader.pages[:_MOST_PAGES])
        moment = None if reader.xmp_metadata is None else reader.xmp_metadata.xmp_create_date
        values = read_payload(reader)
        payload = None if values is None else read_case(values)
    except PayloadError as error:
        raise NotASummaryError(f"This PDF is not a case summary that can be read. {error}") from error
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise NotASummaryError("This file is no PDF, or a damaged one.") from error
    patterns = _patterns(DEFAULT if payload is None else payload.language)
    printed = _printed(text, patterns)
    if not text.startswith(patterns.title):
        raise NotASummaryError("This PDF is not a case summary of SkinLens, or it was changed.")
    if payload is not None:
        with language(payload.language):
            return _recorded(payload, printed)
    complete = printed.images and printed.weights and len(printed.results) == 1
    if not complete or printed.zone is None or moment is None:
        raise NotASummaryError("This PDF is not a case summary of SkinLens, or it was changed.")
    # What the user typed stands further up, and may look like a digest too.
    image, weights = printed.images[-1], printed.weights[-1]
    return Summary(
        image, weights, *printed.results[0], moment.replace(tzinfo=UTC).astimezone(printed.zone), printed.text
    )


def _printed(text: str, patterns: _Patterns) -> _Printed:
    lines = tuple(patterns.result_line.findall(text))
    detailed = [match.groups() for match in map(patterns.in_line.match, lines[-1:]) if match]
    results = tuple(
        (FORMER_HEADLINES.get(headline, headline), score)
        for headline, score in detailed or patterns.result.findall(text)
    )
    made = patterns.made.search(text)
    zone = None
    if made is not None:
        _moment, sign, hours, minutes = made.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        zone = timezone(-offset if sign == "-" else offset)
    return _Printed(
        text=text,
        images=tuple(patterns.image.findall(text)),
        weights=tuple(patterns.weights.findall(text)),
        results=results,
        headlines=tuple(patterns.headline.findall(text)),
        lines=lines,
        made="none" if made is None else made[1],
        zone=zone,
    )


def _recorded(payload: CasePayload, printed: _Printed) -> Summary:
    headline, score = HEADLINES[payload.decision], ""
    if payload.score is not None and payload.threshold is not None:
        score, _ = with_enough_decimals(payload.score, payload.threshold)
    differences = [
        _result_difference(payload, printed, headline, score),
        ("image's SHA-256", _last(printed.images), payload.image_sha256, None),
        ("weights' SHA-256", _last(printed.weights), payload.weights_sha256, None),
        ("time", printed.made, in_words(payload.created), None),
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

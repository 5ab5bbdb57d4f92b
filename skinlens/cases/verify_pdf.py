"""Case summaries compared with the cases that are kept."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from skinlens import __version__
from skinlens.cases.errors import CaseStoreError
from skinlens.cases.records import card_of
from skinlens.cases.reopen import PixelsNotKeptError, reopen
from skinlens.cases.schema import Assessment, Image, Lesion
from skinlens.cases.store import CaseStore
from skinlens.report.pdf import case_pdf
from skinlens.report.read_pdf import Summary, read_summary
from skinlens.storage.errors import explained
from skinlens.translation import DEFAULT, marked
from skinlens.triage.wording import HEADLINES, with_enough_decimals


@dataclass(frozen=True)
class SummaryCheck:
    """The result of comparing a PDF with the kept cases.

    Attributes:
        agrees: Whether image, model and result are those of a kept case.
        exact: Whether the file is, byte for byte, what SkinLens makes of that case; None if that is unknown, since the
            pixels are not kept.
        sentences: The same in words.
        case_id: The case that it agrees with.
    """

    agrees: bool
    exact: bool | None
    sentences: tuple[str, ...]
    case_id: str | None = None


def check_summary(store: CaseStore, content: bytes) -> SummaryCheck:
    """Compare a PDF with the cases that are kept.

    Result and digests come from the machine-readable record of the document, unrounded; a document whose printed text
    contradicts its record is reported as altered. Documents of earlier versions have no record: their printed text is
    compared, rounded as it is.

    Args:
        store: Where to look.
        content: The PDF file.

    Returns:
        Whether they agree, and in sentences what does not.

    Raises:
        NotASummaryError: If it is no case summary.
        CaseStoreError: If the cases cannot be read.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from skinlens.cases.store import open_file
        >>> with TemporaryDirectory() as folder:
        ...     check_summary(open_file(Path(folder) / "cases.sqlite"), b"no PDF")
        Traceback (most recent call last):
        ...
        skinlens.report.read_pdf.NotASummaryError: This file is no PDF, or a damaged one.
    """
    summary = read_summary(content)
    if summary.altered:
        return _disagrees(*summary.altered)
    known = _of_image(store, summary.identity)
    if not known:
        return _disagrees("The image is not that of any kept case (no image has this SHA-256).")
    same_model = [row for row in known if card_of(row).files["weights"].sha256 == summary.weights_sha256]
    if not same_model:
        return _disagrees("The image is known, but no kept case of it was assessed by this model (SHA-256).")
    same_result = [row for row in same_model if _has_result_of(row, summary)]
    if not same_result:
        unrounded = summary.payload is not None
        results = "; ".join(dict.fromkeys(_in_words(*_result(row, unrounded=unrounded)) for row in same_model))
        document = summary.payload.score if summary.payload is not None else summary.score
        return _disagrees(
            "Image and model are known, but the result is another: the document has "
            f"{_in_words(summary.headline, document)}, the kept case {results}."
        )
    return _agrees(store, same_result, summary, content)


def _agrees(store: CaseStore, rows: list[Assessment], summary: Summary, content: bytes) -> SummaryCheck:
    row = rows[-1]
    agreement = f"Image, model and result are those of the case saved {row.created.astimezone():%Y-%m-%d %H:%M}."
    try:
        exact = any(content == each for one in rows for each in _remade(store, one, summary))
    except PixelsNotKeptError:
        rest = "The pixels are not kept, so the images in the document and its other words were not compared."
        return SummaryCheck(agrees=True, exact=None, sentences=(agreement, rest), case_id=row.id)
    if exact:
        rest = "The document is exactly what SkinLens makes of that case."
    elif summary.payload is None or summary.payload.software != __version__:
        rest = "Another version of SkinLens made the document, so its other words and images were not compared."
    else:
        rest = "Something else in it differs from the case as it was saved: what was typed, its images, or other words."
    return SummaryCheck(agrees=True, exact=exact, sentences=(agreement, rest), case_id=row.id)


def _disagrees(*sentences: str) -> SummaryCheck:
    return SummaryCheck(agrees=False, exact=False, sentences=sentences)


def _of_image(store: CaseStore, identity: str) -> list[Assessment]:
    wanted = (
        select(Assessment)
        .join(Assessment.image)
        .where(Image.sha256 == identity)
        .order_by(Assessment.created, Assessment.id)
        .options(
            selectinload(Assessment.image).selectinload(Image.lesion).selectinload(Lesion.patient),
            selectinload(Assessment.model),
            selectinload(Assessment.reviews),
        )
    )
    with (
        explained(marked("The cases could not be read"), CaseStoreError),
        Session(store.engine, expire_on_commit=False) as session,
    ):
        return list(session.scalars(wanted))


def _has_result_of(row: Assessment, summary: Summary) -> bool:
    if summary.payload is None:
        return _result(row, unrounded=False) == (summary.headline, summary.score)
    threshold = None if row.decision == "rejected" else row.point["threshold"]
    recorded = HEADLINES[summary.payload.decision], summary.payload.score, summary.payload.threshold
    return (*_result(row, unrounded=True), threshold) == recorded


def _result(row: Assessment, *, unrounded: bool) -> tuple[str, float | str | None]:
    """Return headline and score, unrounded or as a summary prints them; a rejected image has no score."""
    headline = HEADLINES[row.decision]
    if row.decision == "rejected":
        return headline, None if unrounded else ""
    return headline, row.score if unrounded else with_enough_decimals(row.score, row.point["threshold"])[0]


def _in_words(headline: str, score: float | str | None) -> str:
    return headline if score in {None, ""} else f"{headline} {score}"


def _remade(store: CaseStore, row: Assessment, summary: Summary) -> Iterator[bytes]:
    """Yield the summary of a case as it would have been made at the document's moment.

    Verdicts may have been added since, and a document that was made before the case was saved knows no name of a new
    lesion yet.
    """
    record = replace(reopen(store, row), created=summary.made)
    names = dict.fromkeys((record.facts.lesion, ""))
    code = DEFAULT if summary.payload is None else summary.payload.language
    for number in range(len(record.readings), -1, -1):
        for name in names:
            known = replace(record, facts=replace(record.facts, lesion=name), readings=record.readings[:number])
            yield case_pdf(known, card_of(row), code=code).content

"""Does a case summary agree with what is kept?"""

from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from skinlens.cases.errors import CaseStoreError
from skinlens.cases.records import card_of
from skinlens.cases.reopen import PixelsNotKeptError, reopen
from skinlens.cases.schema import Assessment, Image, Lesion
from skinlens.cases.store import CaseStore
from skinlens.report.pdf import case_pdf
from skinlens.report.read_pdf import Summary, read_summary
from skinlens.storage.errors import explained
from skinlens.triage.wording import HEADLINES, with_enough_decimals


@dataclass(frozen=True)
class SummaryCheck:
    """What became of the comparison.

    Attributes:
        agrees: Whether image, model and result are those of a kept case.
        exact: Whether the file is, byte for byte, what SkinLens makes of that case; None if that cannot be told, since
            the pixels are not kept.
        sentences: The same in words.
        case_id: The case that it agrees with.
    """

    agrees: bool
    exact: bool | None
    sentences: tuple[str, ...]
    case_id: str | None = None


def check_summary(store: CaseStore, content: bytes) -> SummaryCheck:
    """Compare a PDF with the cases that are kept.

    Args:
        store: Where to look.
        content: The PDF file.

    Raises:
        NotASummaryError: If it is no case summary.
        CaseStoreError: If the cases cannot be read.
    """
    printed = read_summary(content)
    known = _of_image(store, printed.image_sha256)
    if not known:
        return _disagrees("The image is not that of any kept case (no image has this SHA-256).")
    same_model = [row for row in known if card_of(row).files["weights"].sha256 == printed.weights_sha256]
    if not same_model:
        return _disagrees("The image is known, but no kept case of it was judged by this model (SHA-256).")
    same_result = [row for row in same_model if _printed_result(row) == (printed.headline, printed.score)]
    if not same_result:
        results = "; ".join(dict.fromkeys(" ".join(_printed_result(row)).strip() for row in same_model))
        return _disagrees(
            "Image and model are known, but the result is another: the document says "
            f"{f'{printed.headline} {printed.score}'.strip()}, the record {results}."
        )
    return _agrees(store, same_result, printed, content)


def _agrees(store: CaseStore, rows: list[Assessment], printed: Summary, content: bytes) -> SummaryCheck:
    row = rows[-1]
    said = f"Image, model and result are those of the case saved {row.created.astimezone():%Y-%m-%d %H:%M}."
    try:
        exact = any(_remade(store, one, printed) == content for one in rows)
    except PixelsNotKeptError:
        rest = "The pixels are not kept, so the images in the document and its other words were not compared."
        return SummaryCheck(agrees=True, exact=None, sentences=(said, rest), case_id=row.id)
    rest = (
        "The document is exactly what SkinLens makes of that case."
        if exact
        else "Something else in it differs from the case as it was saved: what was typed, its images, or other words."
    )
    return SummaryCheck(agrees=True, exact=exact, sentences=(said, rest), case_id=row.id)


def _disagrees(sentence: str) -> SummaryCheck:
    return SummaryCheck(agrees=False, exact=False, sentences=(sentence,))


def _of_image(store: CaseStore, sha256: str) -> list[Assessment]:
    wanted = (
        select(Assessment)
        .join(Assessment.image)
        .where(Image.sha256 == sha256)
        .order_by(Assessment.created, Assessment.id)
        .options(
            selectinload(Assessment.image).selectinload(Image.lesion).selectinload(Lesion.patient),
            selectinload(Assessment.model),
        )
    )
    with (
        explained("The cases could not be read", CaseStoreError),
        Session(store.engine, expire_on_commit=False) as session,
    ):
        return list(session.scalars(wanted))


def _printed_result(row: Assessment) -> tuple[str, str]:
    """Headline and score as the summary prints them."""
    headline = HEADLINES[row.decision]
    return headline, "" if row.decision == "rejected" else with_enough_decimals(row.score, row.point["threshold"])[0]


def _remade(store: CaseStore, row: Assessment, printed: Summary) -> bytes:
    """The summary of a case as it would have been made at the document's moment."""
    return case_pdf(replace(reopen(store, row), created=printed.made), card_of(row)).content

"""The summary of a run: counts first, then a contact sheet, then a block for every image that needs a look."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from skinlens import __version__
from skinlens.imaging.image import Pixels
from skinlens.report.canvas import MUTED, SMALL, Colour, PageCanvas, Style
from skinlens.report.document import (
    BODY,
    DECISION_COLOURS,
    HEADING,
    describe,
    draw_banner,
    draw_heading,
    draw_title,
    in_words,
    not_shown,
)
from skinlens.report.drawing import draw_table, embed
from skinlens.report.fonts import missing_characters
from skinlens.report.payload import payload_json
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.translation import gettext as _
from skinlens.translation import in_language, marked, ngettext, number
from skinlens.triage.decision import Decision
from skinlens.triage.wording import DISCLAIMER, HEADLINES, LOW_SENTENCE, UNCALIBRATED, UNVERIFIED, rates_sentence

# Stays English: a program knows the document by it.
TITLE = marked("SkinLens batch summary")
_LABEL_WIDTH = 34.0
_COLUMNS = 6
_GAP = 3.0
_CELL_HEIGHT = 27.0
_NAME = Style(6.5, colour=MUTED)
_BLOCK_IMAGE = 34.0
# Lines of the list of missed lesions; each of them has a block, too.
_MISSED_LISTED = 20
_STRONG = Style(9.5, bold=True)


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """An image on the contact sheet.

    Attributes:
        name: Of the image.
        outcome: The decision, or None for one that could not be read or assessed.
        score: None where there is none to show.
        pixels: RGB uint8 `(H, W, 3)`; None if they are not to be had.
    """

    name: str
    outcome: Decision | None
    score: float | None
    pixels: Pixels | None


@dataclass(frozen=True, eq=False)
class Block:
    """An image that needs a look, on its own.

    Attributes:
        facts: What is known beside the image, as label and text.
        reasons: Why the decision is what it is.
        verdicts: People's verdicts on it.
        overlay: The image with its heatmap; None if it is not to be had.
    """

    thumbnail: Thumbnail
    sha256: str
    facts: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]
    verdicts: tuple[str, ...]
    overlay: Pixels | None


@dataclass(frozen=True)
class BatchSummary:
    """All that the summary of a run shows.

    Attributes:
        title: What the user called the run.
        source: Where the images came from.
        created: When the summary was made, with a time zone.
        counts: How many images have each outcome, as label and number.
        remarks: Sentences below the counts, such as on files that were passed over.
        figures: Against ground truth or reviewers: a heading, a sentence and a table each; empty without.
        thumbnails: For the contact sheet, the most worrying first.
        left_out: How many images the contact sheet leaves out.
        blocks: Images that need a look.
        blocks_left_out: How many such images have no block.
        missed: Malignant lesions that the model neither referred nor called uncertain; they come first.
        missed_left_out: How many of those have no block.
        second: Name, version and SHA-256 of the weights of the second model; None without one.
        results: SHA-256, decision and unrounded score of every image that could be read, in the order of the run, for
            the machine-readable record.
    """

    title: str
    source: tuple[str, ...]
    created: datetime
    counts: tuple[tuple[str, int], ...]
    remarks: tuple[str, ...]
    figures: tuple[tuple[str, str, tuple[tuple[str, ...], ...]], ...]
    thumbnails: tuple[Thumbnail, ...]
    left_out: int
    blocks: tuple[Block, ...]
    blocks_left_out: int
    results: tuple[tuple[str, Decision, float | None], ...] = ()
    missed: tuple[Block, ...] = ()
    missed_left_out: int = 0
    second: tuple[str, str, str] | None = None


def batch_pdf(summary: BatchSummary, card: ModelCard, point: OperatingPoint) -> bytes:
    """Draw the summary of a run as PDF/A-2u; the same arguments give the same bytes.

    Args:
        summary: What to show; `created` has a time zone.
        card: Of the model.
        point: At which the images were assessed.

    Raises:
        ValueError: If `created` has no time zone.
    """
    if summary.created.utcoffset() is None:
        raise ValueError(f"created needs a time zone: {summary.created}")
    given = "\n".join(_given_texts(summary))
    canvas = _drawn(summary, card, point, given, total=1)
    if canvas.pages_count > 1:
        total = canvas.pages_count
        canvas.release()
        canvas = _drawn(summary, card, point, given, total=total)
    return bytes(canvas.output())


def _given_texts(summary: BatchSummary) -> Iterator[str]:
    """Every text that does not come from SkinLens itself."""
    yield summary.title
    yield from summary.source
    yield from summary.remarks
    for heading, sentence, rows in summary.figures:
        yield from (heading, sentence, *(cell for row in rows for cell in row))
    yield from (each.name for each in summary.thumbnails)
    for block in (*summary.missed, *summary.blocks):
        yield block.thumbnail.name
        yield from (text for fact in block.facts for text in fact)
        yield from (*block.reasons, *block.verdicts)


def _drawn(summary: BatchSummary, card: ModelCard, point: OperatingPoint, given: str, *, total: int) -> PageCanvas:
    head = _("{title}, continued · {when} · {run}").format(
        title=_(TITLE), when=in_words(summary.created), run=summary.title
    )
    canvas = PageCanvas(running_head=head, foot=_(DISCLAIMER), total=total, given=given)
    describe(canvas, _(TITLE), summary.created, _payload(summary, card, point))
    draw_title(canvas, _(TITLE), summary.created)
    if card.unverified:
        draw_banner(canvas, _(UNVERIFIED), size=9)
    _draw_run(canvas, summary, card, point)
    _draw_counts(canvas, summary, card, missing_characters(given))
    _draw_missed(canvas, summary)
    for heading, sentence, rows in summary.figures:
        _draw_figures(canvas, heading, sentence, rows)
    _draw_contact_sheet(canvas, summary)
    missed = _("Malignant lesions that the model did not refer")
    _draw_blocks(canvas, missed, summary.missed, summary.missed_left_out)
    _draw_blocks(canvas, _("Images that need a look"), summary.blocks, summary.blocks_left_out)
    return canvas


def _payload(summary: BatchSummary, card: ModelCard, point: OperatingPoint) -> str:
    values = {
        "weights_sha256": card.files["weights"].sha256,
        "threshold": point.threshold,
        "created": summary.created.isoformat(timespec="seconds"),
        "software": __version__,
        "images": [
            {"sha256": sha256, "decision": decision, "score": None if decision == "rejected" else score}
            for sha256, decision, score in summary.results
        ],
    }
    return payload_json("batch", values)


def _draw_run(canvas: PageCanvas, summary: BatchSummary, card: ModelCard, point: OperatingPoint) -> None:
    rows = [
        (_("Run"), summary.title),
        *((_("Images from") if index == 0 else "", text) for index, text in enumerate(summary.source)),
        (
            _("Model"),
            _("{name}, version {version} ({title}), SkinLens {software}").format(
                name=card.shown_name, version=card.version, title=card.title, software=__version__
            ),
        ),
        (_("Weights SHA-256"), card.files["weights"].sha256),
        (
            _("Operating point"),
            _("{name}, threshold {threshold}.").format(name=_(point.name), threshold=number(point.threshold, ".4f"))
            + f" {in_language(rates_sentence(point, shown=1))}",
        ),
    ]
    if summary.second is not None:
        name, version, sha256 = summary.second
        rows.append((_("Second model"), _("{name}, version {version}").format(name=name, version=version)))
        rows.append((_("Weights SHA-256"), sha256))
    for label, text in rows:
        canvas.flow(text or _("not given"), BODY, indent=_LABEL_WIDTH, mark=label)
    canvas.y += 3


def _draw_counts(canvas: PageCanvas, summary: BatchSummary, card: ModelCard, missing: tuple[str, ...]) -> None:
    draw_heading(canvas, _("Outcomes"))
    rows = [(_("Outcome"), _("Images")), *((label, number(count)) for label, count in summary.counts)]
    draw_table(canvas, [0.5 * canvas.epw, 0.2 * canvas.epw], rows)
    canvas.y += 2
    general = (LOW_SENTENCE,) if card.calibrated else (LOW_SENTENCE, UNCALIBRATED)
    lacking = (not_shown(missing),) if missing else ()
    for remark in (*summary.remarks, *general, *lacking):
        canvas.flow(in_language(remark), BODY, indent=4, mark="•", mark_style=BODY)
    canvas.y += 3


def _draw_missed(canvas: PageCanvas, summary: BatchSummary) -> None:
    """List the missed malignant lesions, before anything else about single images."""
    if not summary.missed:
        return
    draw_heading(canvas, _("Malignant lesions that the model did not refer"))
    total = len(summary.missed) + summary.missed_left_out
    sentence = ngettext(
        "{n} lesion is malignant by the ground truth or, without one, by the reviewer.",
        "{n} lesions are malignant by the ground truth or, without one, by the reviewer.",
        total,
    )
    canvas.flow(sentence.format(n=number(total)), BODY)
    for block in summary.missed[:_MISSED_LISTED]:
        name = canvas.shortened(block.thumbnail.name, 0.5 * canvas.epw, BODY, front=True)
        canvas.flow(f"{name}: {_outcome_in_words(block.thumbnail)}", BODY, indent=4, mark="•", mark_style=BODY)
    more = total - _MISSED_LISTED
    if more > 0:
        canvas.flow(_("and {n} more").format(n=number(more)), BODY, indent=4)
    canvas.y += 3


def _draw_figures(canvas: PageCanvas, heading: str, sentence: str, rows: Sequence[Sequence[str]]) -> None:
    draw_heading(canvas, heading)
    canvas.flow(sentence, BODY)
    canvas.y += 1
    if rows:
        draw_table(canvas, [canvas.epw / len(rows[0])] * len(rows[0]), rows)
    canvas.y += 3


def _draw_contact_sheet(canvas: PageCanvas, summary: BatchSummary) -> None:
    if not summary.thumbnails:
        return
    canvas.need(HEADING.leading + _CELL_HEIGHT + 12)
    draw_heading(canvas, _("Contact sheet, the most suspicious first"))
    if summary.left_out:
        left_out = ngettext(
            "{n} further image is left out here. The table has them all.",
            "{n} further images are left out here. The table has them all.",
            summary.left_out,
        )
        canvas.flow(left_out.format(n=number(summary.left_out)), SMALL)
    canvas.y += 1
    width = (canvas.epw - _GAP * (_COLUMNS - 1)) / _COLUMNS
    for start in range(0, len(summary.thumbnails), _COLUMNS):
        height = _CELL_HEIGHT + 2 * _NAME.leading + SMALL.leading + 2
        canvas.need(height)
        for column, each in enumerate(summary.thumbnails[start : start + _COLUMNS]):
            _draw_thumbnail(canvas, each, canvas.l_margin + column * (width + _GAP), width)
        canvas.y += height


def _draw_thumbnail(canvas: PageCanvas, each: Thumbnail, left: float, width: float) -> None:
    _draw_fitted(canvas, each.pixels, left, canvas.y, width, _CELL_HEIGHT, f"{each.name}: {_outcome_in_words(each)}")
    y = canvas.y + _CELL_HEIGHT + 0.5
    y += canvas.block(_outcome_in_words(each), left, y, width, Style(7, bold=True, colour=_colour(each)))
    canvas.block(canvas.shortened(each.name, width, _NAME, front=True), left, y, width, _NAME)


def _draw_blocks(canvas: PageCanvas, heading: str, blocks: Sequence[Block], left_out: int) -> None:
    if not blocks:
        return
    canvas.add_page()
    draw_heading(canvas, heading)
    if left_out:
        sentence = ngettext(
            "{n} further image has no entry here. The table has them all.",
            "{n} further images have no entry here. The table has them all.",
            left_out,
        )
        canvas.flow(sentence.format(n=number(left_out)), SMALL)
    for block in blocks:
        _draw_block(canvas, block)


def _draw_block(canvas: PageCanvas, block: Block) -> None:
    before = canvas.page_no()
    canvas.need(_BLOCK_IMAGE + 8)
    canvas.y += 2
    if canvas.page_no() == before:
        # A new page has the rule of its head already.
        canvas.rule()
    canvas.y += 2
    top, first = canvas.y, canvas.page_no()
    name = block.thumbnail.name
    _draw_fitted(
        canvas,
        block.thumbnail.pixels,
        canvas.l_margin,
        top,
        _BLOCK_IMAGE,
        _BLOCK_IMAGE,
        _("{name}: image").format(name=name),
    )
    left = canvas.l_margin + _BLOCK_IMAGE + _GAP
    if block.overlay is not None:
        _draw_fitted(
            canvas,
            block.overlay,
            left,
            top,
            _BLOCK_IMAGE,
            _BLOCK_IMAGE,
            _("{name}: with the heatmap").format(name=name),
        )
    indent = 2 * (_BLOCK_IMAGE + _GAP) + 1
    canvas.flow(
        _outcome_in_words(block.thumbnail),
        Style(_STRONG.size, bold=True, colour=_colour(block.thumbnail)),
        indent=indent,
    )
    canvas.flow(name, BODY, indent=indent)
    for label, text in block.facts:
        canvas.flow(f"{label}: {text}", SMALL, indent=indent)
    # What is true of every image stands on the first page.
    for reason in (reason for reason in block.reasons if reason not in {UNCALIBRATED, UNVERIFIED}):
        canvas.flow(in_language(reason), BODY, indent=indent)
    for verdict in block.verdicts:
        canvas.flow(verdict, Style(9, bold=True), indent=indent)
    canvas.flow(f"SHA-256 {block.sha256}", _NAME, indent=indent)
    if canvas.page_no() == first:
        canvas.y = max(canvas.y, top + _BLOCK_IMAGE)


def _draw_fitted(
    canvas: PageCanvas, pixels: Pixels | None, left: float, top: float, width: float, height: float, description: str
) -> None:
    """An image as large as it fits into a box, in its middle; an empty frame where there is none."""
    if pixels is None:
        canvas.fill(left, top, width, height, (241, 245, 249))
        canvas.block(_("no image"), left, top + height / 2 - 2, width, SMALL, align="centre")
        return
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    wide, high = pixels.shape[1] * scale, pixels.shape[0] * scale
    embed(canvas, pixels, left + (width - wide) / 2, top + (height - high) / 2, wide, high, description)


def _outcome_in_words(each: Thumbnail) -> str:
    if each.outcome is None:
        return _("Could not be read")
    if each.score is None or each.outcome == "rejected":
        return _(HEADLINES[each.outcome])
    return f"{number(each.score, '.2f')} · {_(HEADLINES[each.outcome]).lower()}"


def _colour(each: Thumbnail) -> Colour:
    return MUTED if each.outcome is None else DECISION_COLOURS[each.outcome]

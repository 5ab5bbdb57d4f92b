"""The case summary: one case as a PDF/A document for the record, an A4 page unless the notes are long."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from skinlens import __version__
from skinlens.imaging.image import Pixels
from skinlens.metrics.measurement import as_percent
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
)
from skinlens.report.drawing import PlacedImage, draw_images, draw_table
from skinlens.report.fonts import missing_characters
from skinlens.report.payload import CasePayload
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.translation import gettext as _
from skinlens.triage.case import CaseFacts, CaseRecord
from skinlens.triage.decision import Assessment, Decision
from skinlens.triage.risk import percent
from skinlens.triage.wording import (
    DISCLAIMER,
    HEADLINES,
    LOW_SENTENCE,
    NO_RATES,
    UNCERTAIN_SENTENCE,
    UNVERIFIED,
    point_sentence,
    rates_sentence,
    score_sentence,
    with_enough_decimals,
)

TITLE = "SkinLens case summary"
SYNTHETIC = "Synthetic example: a drawn image, not a patient"

_STRONG = Style(9, bold=True)
_FACT = Style(10)
_HEADLINE = 15
_LABEL_WIDTH = 31.0
# Images give way, within reason, if that keeps a case on one page.
_IMAGE_HEIGHTS = (64.5, 56.0, 48.0)
_KEPT_TOGETHER = 60.0
_NOT_ASSESSED = "The image was not assessed, and no result is given."
# What the decision's box says of it.
_SENTENCES: dict[Decision, str] = {
    "uncertain": UNCERTAIN_SENTENCE,
    "low": LOW_SENTENCE,
    "rejected": _NOT_ASSESSED,
}
_HEATMAP_LEGEND = (
    "Less to more evidence for malignant against benign is drawn from dark to bright colour, on one fixed scale for "
    "all images; where no colour is added there is little or none."
)
_WASH: Colour = (246, 248, 250)


@dataclass(frozen=True)
class CasePdf:
    """A finished case summary.

    Attributes:
        content: The PDF file.
        missing_characters: Those the font lacks, each once, in order of appearance; U+FFFD is drawn for them.
    """

    content: bytes
    missing_characters: tuple[str, ...]


def case_pdf(record: CaseRecord, card: ModelCard) -> CasePdf:
    """Draw the summary of a case.

    The same record and card give the same bytes. The file is PDF/A-2u; its metadata hold nothing that the user typed.

    Args:
        record: What to show; `created` has a time zone, and `overlay` has the aspect of the image.
        card: Of the model that made the prediction.

    Raises:
        ValueError: If the record and the card, or the parts of the record, do not belong together.
    """
    _check(record, card)
    if record.assessment.override or record.assessment.decision == "rejected":
        # Risks were measured on images that may be assessed.
        record = replace(record, meaning=None)
    missing = missing_characters("\n".join(_given_texts(record)))
    for highest in _IMAGE_HEIGHTS:
        canvas = _drawn(record, card, missing, total=1, highest=highest)
        if canvas.pages_count == 1:
            break
        canvas.release()
    else:
        canvas = _drawn(record, card, missing, total=canvas.pages_count, highest=highest)
    return CasePdf(content=bytes(canvas.output()), missing_characters=missing)


def _check(record: CaseRecord, card: ModelCard) -> None:
    model = record.assessment.prediction.model
    if (model.name, model.version, model.sha256) != (card.name, card.version, card.files["weights"].sha256):
        raise ValueError(f"the prediction was made by {model}, which is not the model of the card {card.name}")
    if not _same_aspect(record.overlay, record.image.pixels):
        raise ValueError(f"overlay of {record.overlay.shape} does not cover an image of {record.image.pixels.shape}")
    if record.created.utcoffset() is None:
        raise ValueError(f"created needs a time zone: {record.created}")


def _same_aspect(overlay: Pixels, pixels: Pixels) -> bool:
    """Whether one could be the other at another size, give or take a pixel of rounding."""
    (rows, columns), (height, width) = overlay.shape[:2], pixels.shape[:2]
    return bool(abs(rows * width - columns * height) <= max(height, width))


def _given_texts(record: CaseRecord) -> list[str]:
    """Every text that does not come from SkinLens itself, in the order of the page."""
    facts = record.facts
    typed = [facts.case_id, facts.age, facts.sex, facts.site]
    return [*typed, *record.assessment.reasons, facts.note, record.image.name, *record.image.notes]


def _drawn(record: CaseRecord, card: ModelCard, missing: tuple[str, ...], *, total: int, highest: float) -> PageCanvas:
    canvas = PageCanvas(running_head=_running_head(record), foot=DISCLAIMER, total=total)
    describe(canvas, TITLE, record.created, _payload(record).json())
    _draw_title(canvas, record, card)
    _draw_facts(canvas, record.facts)
    _draw_decision(canvas, record)
    _draw_views(canvas, record, highest)
    if record.assessment.decision != "rejected" and not record.assessment.override:
        _draw_operating_point(canvas, record.assessment.point)
    _draw_reasons(canvas, record.assessment)
    _draw_quality(canvas, record.assessment)
    _draw_meaning(canvas, record)
    _draw_note(canvas, record.facts.note)
    _draw_provenance(canvas, record, card, missing)
    return canvas


def _payload(record: CaseRecord) -> CasePayload:
    assessment = record.assessment
    # A number of a rejected image could be taken for a result, here too.
    rejected = assessment.decision == "rejected"
    risk = None if record.meaning is None else record.meaning.risk
    return CasePayload(
        image_sha256=record.image.sha256,
        weights_sha256=assessment.prediction.model.sha256,
        decision=assessment.decision,
        score=None if rejected else assessment.prediction.score,
        threshold=None if rejected else assessment.point.threshold,
        created=record.created,
        software=__version__,
        headline=assessment.headline,
        prevalence=None if risk is None or record.meaning is None else record.meaning.prevalence,
        risk=None if risk is None else (risk.value, risk.low, risk.high),
        risk_words="" if record.meaning is None else record.meaning.headline,
    )


def result_line(payload: CasePayload) -> str:
    """Return decision, score and threshold as they are printed among the details of a case that was assessed."""
    if payload.score is None or payload.threshold is None:
        return ""
    score, threshold = with_enough_decimals(payload.score, payload.threshold)
    return f"{HEADLINES[payload.decision]}, score {score}, threshold {threshold}"


def _running_head(record: CaseRecord) -> str:
    case = " ".join(record.facts.case_id.split())
    kind = " · synthetic example" if record.image.synthetic else ""
    return f"{TITLE}, continued · {in_words(record.created)}{kind}" + (f" · case {case}" if case else "")


def _draw_title(canvas: PageCanvas, record: CaseRecord, card: ModelCard) -> None:
    draw_title(canvas, TITLE, record.created)
    if record.image.synthetic:
        draw_banner(canvas, SYNTHETIC)
    if card.unverified:
        draw_banner(canvas, UNVERIFIED, size=9)


def _draw_facts(canvas: PageCanvas, facts: CaseFacts) -> None:
    shown = [("Case", facts.case_id), ("Age", facts.age), ("Sex", facts.sex), ("Body site", facts.site)]
    widths = [share * canvas.epw for share in (0.32, 0.14, 0.16, 0.38)]
    if all(len(canvas.lines(text, width - 3, _FACT)) == 1 for (_, text), width in zip(shown, widths, strict=True)):
        left = canvas.l_margin
        for (label, text), width in zip(shown, widths, strict=True):
            canvas.block(label, left, canvas.y, width, SMALL)
            canvas.block(_or_not_given(text), left, canvas.y + SMALL.leading, width - 3, _given_style(text))
            left += width
        canvas.y += SMALL.leading + _FACT.leading
    else:
        for label, text in shown:
            canvas.flow(_or_not_given(text), _given_style(text), indent=_LABEL_WIDTH, mark=label)
    canvas.y += 3


def _draw_decision(canvas: PageCanvas, record: CaseRecord) -> None:
    assessment = record.assessment
    colour = DECISION_COLOURS["rejected" if assessment.override else assessment.decision]
    headline = Style(_HEADLINE, bold=True, colour=colour)
    left, width = canvas.l_margin + 6, canvas.epw - 11
    texts = _under_headline(record)
    height = 5 + headline.leading + sum(len(canvas.lines(text, width, style)) * style.leading for text, style in texts)
    canvas.need(height)
    top = canvas.y
    canvas.fill(canvas.l_margin, top, canvas.epw, height, _WASH)
    canvas.fill(canvas.l_margin, top, 1.8, height, colour)
    canvas.y += 2
    canvas.block(assessment.headline, left, canvas.y, width, headline, tag="H2")
    if record.meaning is not None and record.meaning.headline:
        canvas.block(record.meaning.headline, left, canvas.y, width, Style(_HEADLINE), align="right")
    canvas.y += headline.leading
    for text, style in texts:
        canvas.y += canvas.block(text, left, canvas.y, width, style)
    canvas.y = top + height + 4


def _under_headline(record: CaseRecord) -> list[tuple[str, Style]]:
    """Return the decision in words, and what the risk beside the headline is for."""
    assessment, risk = record.assessment, record.meaning
    sentence = _SENTENCES.get(assessment.decision, "")
    if assessment.decision == "rejected":
        return [(sentence, _STRONG)]
    shown = [(f"{assessment.explanation} {sentence}".strip(), _STRONG)]
    if assessment.override:
        return [*shown, (_(NO_RATES), SMALL)]
    if risk is not None and risk.risk is not None:
        where = _(
            "Risk where {prevalence} of lesions are malignant, with its 95 % interval. The point {threshold}."
        ).format(prevalence=percent(risk.prevalence), threshold=risk.threshold_words)
        shown.append((where, SMALL))
    return shown


def _draw_views(canvas: PageCanvas, record: CaseRecord, highest: float) -> None:
    image = record.image
    warning = SYNTHETIC if image.synthetic else ""
    source = f"{SYNTHETIC}," if image.synthetic else "Dermoscopic image"
    received = PlacedImage(
        pixels=image.pixels,
        description=f"{source} as received, {image.width} by {image.height} pixels.",
        title="Image as received",
        warning=warning,
        caption="",
    )
    looked_at = PlacedImage(
        pixels=record.overlay,
        description=f"{source} with the heatmap over it. {_HEATMAP_LEGEND}",
        title="What the model looked at",
        warning=warning,
        caption=_HEATMAP_LEGEND,
    )
    assessed = record.assessment.decision != "rejected"
    draw_images(canvas, [received, looked_at] if assessed else [received], highest=highest)
    canvas.y += 3


def _draw_operating_point(canvas: PageCanvas, point: OperatingPoint) -> None:
    draw_heading(canvas, "Operating point")
    threshold = f"{point.threshold:.2f}" if round(point.threshold, 2) == point.threshold else f"{point.threshold:.4f}"
    canvas.flow(f"{point.name}, threshold {threshold}", BODY, indent=_LABEL_WIDTH, mark="Name")
    canvas.flow(point_sentence(point), BODY, indent=_LABEL_WIDTH, mark="Chosen on")
    canvas.y += 1
    if point.measured:
        rows = [
            (rates.measured_on, *(rate.text(as_percent, n=True) for rate in (rates.sensitivity, rates.specificity)))
            for rates in point.measured
        ]
        head = (
            "Measured on",
            "Sensitivity (95% interval), malignant",
            "Specificity (95% interval), benign",
        )
        draw_table(canvas, [share * canvas.epw for share in (0.36, 0.32, 0.32)], [head, *rows])
    else:
        canvas.flow(rates_sentence(point), BODY)
    canvas.y += 3


def _draw_reasons(canvas: PageCanvas, assessment: Assessment) -> None:
    # The decision's box, the banner and the result's line further down say it already.
    shown = {_SENTENCES.get(assessment.decision), UNVERIFIED}
    if assessment.has_result:
        shown.add(score_sentence(assessment.prediction.score, assessment.point))
    reasons = [reason for reason in dict.fromkeys(assessment.reasons) if reason not in shown]
    _draw_bullets(canvas, "Reasons", reasons)


def _draw_quality(canvas: PageCanvas, assessment: Assessment) -> None:
    warnings = () if assessment.admission is None else assessment.admission.warnings
    _draw_bullets(canvas, "Image quality", warnings)


def _draw_meaning(canvas: PageCanvas, record: CaseRecord) -> None:
    if record.assessment.decision == "rejected":
        return
    # The box under the title has the risk and the threshold.
    known = record.meaning.consequences if record.meaning else ""
    sentences = [sentence for sentence in (record.assessment.stability_sentence, known) if sentence]
    _draw_bullets(canvas, "What this means", sentences)


def _draw_bullets(canvas: PageCanvas, heading: str, sentences: Sequence[str]) -> None:
    """A heading with a bullet a sentence; nothing without sentences."""
    if not sentences:
        return
    draw_heading(canvas, heading)
    for sentence in sentences:
        canvas.flow(sentence, BODY, indent=4, mark="•", mark_style=BODY)
    canvas.y += 3


def _draw_note(canvas: PageCanvas, note: str) -> None:
    draw_heading(canvas, "Note")
    canvas.flow(_or_not_given(note.strip()), _given_style(note, BODY))
    canvas.y += 3


def _draw_provenance(canvas: PageCanvas, record: CaseRecord, card: ModelCard, missing: tuple[str, ...]) -> None:
    prediction, image = record.assessment.prediction, record.image
    notes = [note for note in image.notes if note not in record.assessment.reasons]
    rows = [
        *(() if record.assessment.decision == "rejected" else [("Result", result_line(_payload(record)))]),
        ("Model", f"{card.shown_name}, version {card.version} ({card.title})"),
        ("Weights SHA-256", prediction.model.sha256),
        ("Ran on", f"{prediction.provider}, SkinLens {__version__}"),
        ("Image", f"{image.name or 'no name'}, {image.width} by {image.height} pixels"),
        ("Image SHA-256", image.sha256),
        *(("Image note", note) for note in notes),
    ]
    if missing:
        rows.append(("Not drawable", f"Shown as \N{REPLACEMENT CHARACTER} above: {_code_points(missing)}"))
    style = Style(SMALL.size)
    taken = sum(len(canvas.lines(text, canvas.epw - _LABEL_WIDTH, style)) for _, text in rows) * style.leading
    canvas.need(min(HEADING.leading + 0.3 + taken, _KEPT_TOGETHER))
    draw_heading(canvas, "Where this comes from")
    for label, text in rows:
        canvas.flow(text, style, indent=_LABEL_WIDTH, mark=label)


def _or_not_given(text: str) -> str:
    return text if text.strip() else "not given"


def _given_style(text: str, style: Style = _FACT) -> Style:
    return style if text.strip() else Style(style.size, colour=MUTED)


def _code_points(characters: tuple[str, ...], most: int = 24) -> str:
    named = " ".join(f"U+{ord(character):04X}" for character in characters[:most])
    return named if len(characters) <= most else f"{named} and {len(characters) - most} more"

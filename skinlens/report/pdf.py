"""The case summary: one case as a PDF/A document for the record, an A4 page unless the notes are long."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from skinlens import __version__
from skinlens.imaging.image import Pixels, name_in_words
from skinlens.metrics.measurement import as_percent
from skinlens.report.canvas import MUTED, SMALL, Colour, PageCanvas, Style
from skinlens.report.document import DECISION_COLOURS, describe, draw_banner, draw_title, in_words, not_shown
from skinlens.report.drawing import PlacedImage, draw_images
from skinlens.report.fonts import missing_characters
from skinlens.report.payload import CasePayload
from skinlens.runtime.card import ModelCard, OperatingPoint
from skinlens.runtime.provider_words import provider_in_words
from skinlens.translation import DEFAULT, current_language, in_language, language, marked, number, numbers_in
from skinlens.translation import gettext as _
from skinlens.triage.case import VERDICT_WORDS, CaseFacts, CaseRecord
from skinlens.triage.decision import Assessment, Decision
from skinlens.triage.evidence import outside_of, outside_sentence
from skinlens.triage.second import Opinion
from skinlens.triage.sites import site_in_language
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

TITLE = marked("SkinLens case summary")
SYNTHETIC = marked("Synthetic example: a drawn image, not a patient")

_STRONG = Style(9, bold=True)
_FACT = Style(9.5)
_SECTION = Style(8.5, bold=True)
_FINE = Style(7.5)
_HEADLINE = 15
_LABEL_WIDTH = 31.0
_BULLET = 3.5
_AFTER_SECTION = 1.4
_KEPT_TOGETHER = 60.0
_NOT_ASSESSED = marked("The image was not assessed, and no result is given.")
# What the decision's box says of it.
_SENTENCES: dict[Decision, str] = {
    "uncertain": UNCERTAIN_SENTENCE,
    "low": LOW_SENTENCE,
    "rejected": _NOT_ASSESSED,
}
_HEATMAP_LEGEND = marked(
    "From dark to bright: less to more evidence for malignancy, on one fixed scale. No colour: little or none."
)


@dataclass(frozen=True)
class _Layout:
    """How much room images and sentences take.

    Attributes:
        highest: Most millimetres that an image may be high; one in the usual shape of 4 to 3 is 86 mm wide at 64.5.
        text: Of the sentences beside the headings.
    """

    highest: float
    text: Style


# Images, then sentences give way, within reason, if that keeps a case on one page.
_LAYOUTS = (
    *(_Layout(highest, Style(8.5)) for highest in (80.0, 72.0, 64.5, 61.0)),
    _Layout(61.0, Style(8.0)),
    _Layout(58.5, Style(7.5)),
)
_WASH: Colour = (246, 248, 250)


@dataclass(frozen=True)
class CasePdf:
    """A finished case summary.

    Attributes:
        content: The PDF file.
        missing_characters: Those that no font here has, each once, in order of appearance; U+FFFD is drawn for them.
    """

    content: bytes
    missing_characters: tuple[str, ...]


def case_pdf(record: CaseRecord, card: ModelCard, *, code: str = DEFAULT) -> CasePdf:
    """Draw the summary of a case.

    The same record, card and language give the same bytes. The file is PDF/A-2u; its metadata hold nothing that the
    user typed.

    Args:
        record: What to show; `created` has a time zone, and `overlay` has the aspect of the image.
        card: Of the model that made the prediction.
        code: Of the language, as in `translation.LANGUAGES`.

    Raises:
        ValueError: If there is no such language, or the record and the card, or the parts of the record, do not belong
            together.
    """
    _check(record, card)
    if record.assessment.override or record.assessment.decision == "rejected":
        # Risks were measured on images that may be assessed.
        record = replace(record, meaning=None)
    given = "\n".join(_given_texts(record))
    missing = missing_characters(given)
    with language(code):
        canvas = _on_fewest_pages(partial(_drawn, record, card, given))
    return CasePdf(content=bytes(canvas.output()), missing_characters=missing)


def _on_fewest_pages(drawn: Callable[..., PageCanvas]) -> PageCanvas:
    """Draw with the roomiest layout that keeps to one page, or, if none does, with the roomiest of all."""
    roomiest, *between, tightest = _LAYOUTS
    canvas = drawn(total=1, layout=roomiest)
    if (pages := canvas.pages_count) == 1:
        return canvas
    canvas.release()
    last = drawn(total=1, layout=tightest)
    if last.pages_count > 1:
        last.release()
        return drawn(total=pages, layout=roomiest)
    for layout in between:
        canvas = drawn(total=1, layout=layout)
        if canvas.pages_count == 1:
            last.release()
            return canvas
        canvas.release()
    return last


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
    typed = [facts.case_id, facts.lesion, facts.age, facts.sex, facts.site]
    readings = [text for reading in record.readings for text in (reading.reader, reading.note)]
    return [*typed, *record.assessment.reasons, *readings, facts.note, record.image.name, *record.image.notes]


def _drawn(record: CaseRecord, card: ModelCard, given: str, *, total: int, layout: _Layout) -> PageCanvas:
    canvas = PageCanvas(running_head=_running_head(record), foot=in_language(DISCLAIMER), total=total, given=given)
    describe(canvas, _(TITLE), record.created, _payload(record).json())
    _draw_title(canvas, record, card)
    _draw_facts(canvas, record.facts)
    _draw_decision(canvas, record, layout.text)
    _draw_views(canvas, record, layout.highest)
    for heading, sentences in _sections(record, card):
        _draw_section(canvas, heading, sentences, layout.text)
    if record.assessment.decision != "rejected" and not record.assessment.override:
        _draw_operating_point(canvas, record.assessment.point)
    _draw_provenance(canvas, record, card, missing_characters(given))
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
        headline=in_language(assessment.headline),
        prevalence=None if risk is None or record.meaning is None else record.meaning.prevalence,
        risk=None if risk is None else (risk.value, risk.low, risk.high),
        risk_words="" if record.meaning is None else in_language(record.meaning.headline),
        second_weights_sha256="" if record.comparison is None else record.comparison.second.weights_sha256,
        second_decision="" if record.comparison is None else record.comparison.second.decision,
        language=current_language(),
        frame=record.image.frame + 1,
    )


def result_line(payload: CasePayload) -> str:
    """Return decision, score and threshold as they are printed among the details of a case that was assessed."""
    if payload.score is None or payload.threshold is None:
        return ""
    score, threshold = with_enough_decimals(payload.score, payload.threshold)
    return _("{decision}, score {score}, threshold {threshold}").format(
        decision=_(HEADLINES[payload.decision]), score=numbers_in(score), threshold=numbers_in(threshold)
    )


def _running_head(record: CaseRecord) -> str:
    case = " ".join(record.facts.case_id.split())
    parts = [
        _("SkinLens case summary, continued"),
        in_words(record.created),
        *([_("synthetic example")] if record.image.synthetic else []),
        *([_("case {case}").format(case=case)] if case else []),
    ]
    return " · ".join(parts)


def _draw_title(canvas: PageCanvas, record: CaseRecord, card: ModelCard) -> None:
    draw_title(canvas, _(TITLE), record.created)
    if record.image.synthetic:
        draw_banner(canvas, _(SYNTHETIC))
    if card.unverified:
        draw_banner(canvas, in_language(UNVERIFIED), size=9)


def _draw_facts(canvas: PageCanvas, facts: CaseFacts) -> None:
    """Draw what was typed in a row; what is too long for its place in the row follows below."""
    place = site_in_language(facts.site)
    site = f"{place} (SNOMED CT {facts.site_code})" if facts.site_code else place
    shown = (
        (_("Case"), facts.case_id, 0.2),
        (_("Lesion"), facts.lesion, 0.12),
        (_("Photographed on"), facts.photographed, 0.15),
        (_("Age"), facts.age, 0.12),
        (_("Sex"), facts.sex and _(facts.sex), 0.12),
        (_("Body site"), site, 0.29),
    )
    left, beneath = canvas.l_margin, []
    for label, text, share in shown:
        width = share * canvas.epw
        if len(canvas.lines(_or_not_given(text), width - 2, _FACT)) > 1:
            beneath.append((label, text))
            continue
        canvas.block(label, left, canvas.y, width, SMALL)
        canvas.block(_or_not_given(text), left, canvas.y + SMALL.leading, width - 2, _given_style(text))
        left += width
    canvas.y += SMALL.leading + _FACT.leading
    for label, text in beneath:
        canvas.flow(text, _FACT, indent=_LABEL_WIDTH, mark=label)
    canvas.y += 2.5


def _draw_decision(canvas: PageCanvas, record: CaseRecord, text: Style) -> None:
    assessment = record.assessment
    colour = DECISION_COLOURS["rejected" if assessment.override else assessment.decision]
    headline = Style(_HEADLINE, bold=True, colour=colour)
    left, width = canvas.l_margin + 6, canvas.epw - 11
    texts = _under_headline(record, text)
    height = 5 + headline.leading + sum(len(canvas.lines(each, width, style)) * style.leading for each, style in texts)
    canvas.need(height)
    top = canvas.y
    canvas.fill(canvas.l_margin, top, canvas.epw, height, _WASH)
    canvas.fill(canvas.l_margin, top, 1.8, height, colour)
    canvas.y += 2
    canvas.block(in_language(assessment.headline), left, canvas.y, width, headline, tag="H2")
    if record.meaning is not None and record.meaning.headline:
        canvas.block(in_language(record.meaning.headline), left, canvas.y, width, Style(_HEADLINE), align="right")
    canvas.y += headline.leading
    for each, style in texts:
        canvas.y += canvas.block(each, left, canvas.y, width, style)
    canvas.y = top + height + 4


def _under_headline(record: CaseRecord, text: Style) -> list[tuple[str, Style]]:
    """Return the decision in words, and the risk with what the operating point means where the user works."""
    assessment = record.assessment
    sentence = in_language(_SENTENCES.get(assessment.decision, ""))
    if assessment.decision == "rejected":
        return [(sentence, _STRONG)]
    shown = [(f"{in_language(assessment.explanation)} {sentence}".strip(), _STRONG)]
    if assessment.override:
        return [*shown, (_(NO_RATES), text)]
    meaning = () if record.meaning is None else record.meaning.sentences()
    return [*shown, *((in_language(each), text) for each in meaning)]


def _draw_views(canvas: PageCanvas, record: CaseRecord, highest: float) -> None:
    image = record.image
    warning = _(SYNTHETIC) if image.synthetic else ""
    source = f"{_(SYNTHETIC)}," if image.synthetic else _("Dermoscopic image")
    received = PlacedImage(
        pixels=image.pixels,
        description=_("{image} as received, {width} by {height} pixels.").format(
            image=source, width=image.width, height=image.height
        ),
        title=_("Image as received"),
        warning=warning,
        caption="",
    )
    looked_at = PlacedImage(
        pixels=record.overlay,
        description=_("{image} with the heatmap over it.").format(image=source) + f" {_(_HEATMAP_LEGEND)}",
        title=_("What the model looked at"),
        warning=warning,
        caption=_(_HEATMAP_LEGEND),
    )
    assessed = record.assessment.decision != "rejected"
    draw_images(canvas, [received, looked_at] if assessed else [received], highest=highest)
    canvas.y += 2.5


def _sections(record: CaseRecord, card: ModelCard) -> Iterator[tuple[str, Sequence[str]]]:
    """The sentences below the images under their headings, some of which may have none."""
    assessment = record.assessment
    yield _("Reasons"), _reasons(assessment)
    outside = outside_sentence(outside_of(record.image, assessment, card), assessment)
    yield _("Heatmap"), [in_language(outside)] if outside else []
    yield _("Second model"), [] if record.comparison is None else [in_language(record.comparison.sentence)]
    warnings = () if assessment.admission is None else assessment.admission.warnings
    yield _("Image quality"), [in_language(warning) for warning in warnings]
    yield _("Reader's assessment"), _readings(record) or [_("not given")]
    yield _("Reader's checklists"), [in_language(each) for each in record.facts.checklists.sentences()]
    yield _("Note"), [record.facts.note] if record.facts.note.strip() else []


def _reasons(assessment: Assessment) -> list[str]:
    # The decision's box, the banner and the result's line further down say it already.
    shown = {"", _SENTENCES.get(assessment.decision), UNVERIFIED}
    if assessment.has_result:
        shown.add(score_sentence(assessment.prediction.score, assessment.point))
    stable = "" if assessment.decision == "rejected" else assessment.stability_sentence
    reasons = dict.fromkeys((*assessment.reasons, stable))
    return [in_language(reason) for reason in reasons if reason not in shown]


def _readings(record: CaseRecord) -> list[str]:
    """What people made of the image, each on the day that it was in the document's time zone."""
    sentences = []
    for reading in record.readings:
        day = f"{reading.moment.astimezone(record.created.tzinfo):%Y-%m-%d}"
        verdict = _(VERDICT_WORDS.get(reading.verdict, reading.verdict))
        text = _("{reader}, {day}: {verdict}.").format(reader=reading.reader, day=day, verdict=verdict)
        sentences.append(f"{text} {reading.note}".strip())
    return sentences


def _draw_section(canvas: PageCanvas, heading: str, sentences: Sequence[str], style: Style) -> None:
    """A heading in the left margin with sentences beside it; nothing without sentences."""
    if not sentences:
        return
    canvas.need(_SECTION.leading + style.leading)
    page, top = canvas.page_no(), canvas.y
    height = canvas.block(heading, canvas.l_margin, top, _LABEL_WIDTH - 2, _SECTION, tag="H2")
    bulleted = len(sentences) > 1
    for sentence in sentences:
        # The bullet stays with its sentence.
        canvas.need(style.leading)
        if bulleted:
            canvas.block("•", canvas.l_margin + _LABEL_WIDTH, canvas.y, _BULLET, style, tag="Artifact")
        canvas.flow(sentence, style, indent=_LABEL_WIDTH + (_BULLET if bulleted else 0))
    if canvas.page_no() == page:
        canvas.y = max(canvas.y, top + height)
    canvas.y += _AFTER_SECTION


def _draw_operating_point(canvas: PageCanvas, point: OperatingPoint) -> None:
    """What the threshold does on images that the model had not seen, and how that differs from dataset to dataset."""
    threshold = (
        number(point.threshold, ".2f")
        if round(point.threshold, 2) == point.threshold
        else number(point.threshold, ".4f")
    )
    chosen = _("{point}, threshold {threshold}: {rule}.").format(
        point=_(point.name), threshold=threshold, rule=in_language(point_sentence(point)).rstrip(".")
    )
    if not point.measured:
        _draw_section(canvas, _("Operating point"), [chosen, in_language(rates_sentence(point))], _FINE)
        return
    first, *others = point.measured
    sentences = [
        chosen,
        _("Measured on {images}: sensitivity {sensitivity} malignant, specificity {specificity} benign.").format(
            images=in_language(first.measured_on),
            sensitivity=in_language(first.sensitivity.text(as_percent, n=True)),
            specificity=in_language(first.specificity.text(as_percent, n=True)),
        ),
    ]
    by_dataset = [
        _("{dataset} {sensitivity} and {specificity}").format(
            dataset=in_language(rates.measured_on),
            sensitivity=in_language(rates.sensitivity.text(as_percent, interval=False)),
            specificity=in_language(rates.specificity.text(as_percent, interval=False)),
        )
        for rates in others
        if rates.origin is not None
    ]
    if by_dataset:
        sentences.append(
            _("Sensitivity and specificity by dataset: {datasets}.").format(datasets="; ".join(by_dataset))
        )
    _draw_section(canvas, _("Operating point"), sentences, _FINE)


def _draw_provenance(canvas: PageCanvas, record: CaseRecord, card: ModelCard, missing: tuple[str, ...]) -> None:
    prediction, image = record.assessment.prediction, record.image
    notes = [note for note in image.notes if note not in record.assessment.reasons]
    rows = [
        *(() if record.assessment.decision == "rejected" else [(_("Result"), result_line(_payload(record)))]),
        (
            _("Model"),
            _("{name}, version {version} ({title})").format(
                name=card.shown_name, version=card.version, title=card.title
            ),
        ),
        (_("Weights SHA-256"), prediction.model.sha256),
        *([] if record.comparison is None else [(_("Second model"), _second_in_words(record.comparison.second))]),
        (_("Ran on"), f"{_(provider_in_words(prediction.provider))}, SkinLens {__version__}"),
        (
            _("Image"),
            _("{name}, {width} by {height} pixels").format(
                name=name_in_words(image.name or _("no name"), image.frame, image.frames),
                width=image.width,
                height=image.height,
            ),
        ),
        *([] if record.diameter is None else [(_("Diameter"), in_language(record.diameter.sentence))]),
        (_("Image SHA-256"), image.sha256),
        *((_("Image note"), in_language(note)) for note in notes),
    ]
    if missing:
        rows.append((_("Not shown"), not_shown(missing)))
    taken = sum(len(canvas.lines(text, canvas.epw - _LABEL_WIDTH, _FINE)) for _label, text in rows) * _FINE.leading
    canvas.need(min(_SECTION.leading + taken, _KEPT_TOGETHER))
    canvas.block(_("Where this comes from"), canvas.l_margin, canvas.y, canvas.epw, _SECTION, tag="H2")
    canvas.y += _SECTION.leading
    for label, text in rows:
        canvas.flow(text, _FINE, indent=_LABEL_WIDTH, mark=label)


def _second_in_words(second: Opinion) -> str:
    return _("{model}, version {version}, at {point}; weights SHA-256 {digest}").format(
        model=second.model, version=second.version, point=_(second.point), digest=second.weights_sha256
    )


def _or_not_given(text: str) -> str:
    return text if text.strip() else _("not given")


def _given_style(text: str, style: Style = _FACT) -> Style:
    return style if text.strip() else Style(style.size, colour=MUTED)

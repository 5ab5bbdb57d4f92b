# ruff: noqa: RUF001  (the texts are in the scripts that patients are called in)
import io
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pypdfium2
import pytest
from PIL import Image
from pypdf import PdfReader
from pypdf.generic import DictionaryObject, IndirectObject

from skinlens import __version__
from skinlens.imaging.quality import LIMITS, Check, Quality
from skinlens.metrics.measurement import Measurement
from skinlens.report.payload import NAMESPACE
from skinlens.report.pdf import SYNTHETIC, CasePdf, case_pdf
from skinlens.report.read_pdf import read_summary
from skinlens.runtime.card import MeasuredRates, ModelCard, OperatingPoint, read_card
from skinlens.runtime.orientations import Stability
from skinlens.runtime.prediction import ModelId
from skinlens.runtime.predictor import DEFAULT_MODEL
from skinlens.runtime.weights import shipped_folder
from skinlens.triage.admission import Admission
from skinlens.triage.case import CaseFacts, CaseRecord, Reading
from skinlens.triage.checklists import COLOURS, MAJOR, MINOR, STRUCTURES, Abcd, Checklists, SevenPoint
from skinlens.triage.decision import assess, operating_point
from skinlens.triage.risk import meaning, risk_words
from skinlens.triage.sites import site_text
from skinlens.triage.wording import (
    AGAINST_ADVICE,
    DISCLAIMER,
    LOW_SENTENCE,
    NOT_DERMOSCOPY,
    UNCERTAIN_SENTENCE,
    UNVERIFIED,
    check_sentence,
)
from tests.made_up_assessments import CALIBRATION, CURVE
from tests.made_up_cases import CREATED, lesion_image, prediction, reddened

A4 = (595.28, 841.89)
SCALE = 2
REFER_RED = (153, 27, 27)
INK = (17, 24, 39)
AMBER = (253, 230, 138)
WASH = (246, 248, 250)
NOTE = "Grew over six months, itches at times; no earlier photographs. Father had a melanoma at 61."
FRAMES = "This file holds 3 frames; the first is used."
# Points from the lower edge of a page within which its foot stands.
FOOT = 48


@dataclass(frozen=True)
class Drawn:
    """A page at `SCALE` pixels a point, and the boxes of its images as left, top, right, bottom in pixels."""

    pixels: np.ndarray
    images: list[tuple[float, float, float, float]]


@contextmanager
def opened(content: bytes) -> Iterator[pypdfium2.PdfDocument]:
    with closing(pypdfium2.PdfDocument(content)) as document:
        yield document


def drawn(content: bytes, page: int = 0) -> Drawn:
    with opened(content) as document:
        shown = document[page]
        pixels = np.asarray(shown.render(scale=SCALE).to_pil().convert("RGB"))
        boxes = [item.get_bounds() for item in shown.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE])]
        height = shown.get_height()
    return Drawn(pixels, [tuple(SCALE * v for v in (x0, height - y1, x1, height - y0)) for x0, y0, x1, y1 in boxes])


def texts(content: bytes) -> list[str]:
    """The text of each page as pypdf reads it."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]


def words(text: str) -> str:
    """The text with every stretch of white space as one space."""
    return " ".join(text.split())


def viewer_texts(content: bytes) -> list[str]:
    """The text of each page as a browser's viewer reads it."""
    with opened(content) as document:
        return [page.get_textpage().get_text_range().replace("\r\n", "\n") for page in document]


def near(pixels: np.ndarray, colour: tuple[int, int, int], tolerance: int = 6) -> np.ndarray:
    return np.abs(pixels.astype(int) - colour).max(axis=-1) <= tolerance


@pytest.fixture
def ordinary(build_record: Callable[..., Any], card: ModelCard) -> bytes:
    return case_pdf(build_record(), card).content


def test_an_ordinary_case_is_one_a4_page_that_says_everything(ordinary: bytes) -> None:
    (page,) = PdfReader(io.BytesIO(ordinary)).pages
    text = words(page.extract_text())

    assert [float(v) for v in page.mediabox[2:]] == pytest.approx(A4, abs=0.01)
    for expected in (
        "SkinLens case summary",
        "2026-03-04 15:06 (UTC+05:30)",
        "P-2026-0117",
        "57",
        "female",
        "left shoulder",
        "Grew over six months.",
        "REFER",
        "REFER, score 0.87, threshold 0.31",
        "At this operating point the model refers this lesion.",
        "Image as received",
        "What the model looked at",
        "less to more evidence",
        "high_sensitivity, threshold 0.31",
        "out-of-fold predictions on the training images",
        "Measured on clean-native: sensitivity 91.7% (84.6% to 94.8%), n = 72 malignant, "
        "specificity 84.2% (80.0% to 88.0%), n = 335 benign.",
        "The score is not calibrated: it ranks images, it is not a probability of cancer.",
        "asff_resnet50, version 1.2.3",
        "a1" * 32,
        "Ran on CPU, SkinLens",
        "IMG_0042.jpg, 640 by 480 pixels",
        "5c" * 32,
        "Page 1 of 1",
    ):
        assert expected in text


def test_the_decision_is_said_in_words_for_each_outcome(build_record: Callable[..., Any], card: ModelCard) -> None:
    base = build_record(score=0.5).assessment
    headlines = {
        "refer": "REFER",
        "uncertain": "UNCERTAIN",
        "low": "LOW",
        "rejected": "NOT ASSESSED",
    }
    for decision, headline in headlines.items():
        (text,) = texts(case_pdf(build_record(assessment=replace(base, decision=decision)), card).content)
        assert headline in text
        rejected = decision == "rejected"
        assert ("was not assessed" in text) == rejected
        # A number or a heatmap of an image that was not assessed could be taken for a result.
        shown = [sentence in words(text) for sentence in ("score 0.50", "What the model looked at", "Operating point")]
        assert shown == [not rejected] * 3


@pytest.mark.parametrize("reasons", [(), ("Because.",), (LOW_SENTENCE, "Because.", LOW_SENTENCE)])
def test_a_low_decision_always_says_once_that_it_excludes_nothing(
    build_record: Callable[..., Any], card: ModelCard, reasons: tuple[Any, ...]
) -> None:
    assessed = build_record(score=0.12).assessment
    for assessment in (assessed, replace(assessed, reasons=reasons)):
        (text,) = texts(case_pdf(build_record(assessment=assessment), card).content)
        assert words(text).count(LOW_SENTENCE) == 1


def test_a_referral_does_not_talk_about_low_scores(ordinary: bytes) -> None:
    assert LOW_SENTENCE not in texts(ordinary)[0]


def test_the_risk_stands_beside_the_headline_with_its_prevalence(
    build_record: Callable[..., Any], card: ModelCard
) -> None:
    calibrated = card.model_copy(update={"calibrated": True, "calibration": CALIBRATION, "risk_curve": CURVE})
    assessment = assess(build_record().assessment.prediction, calibrated, calibrated.point())
    risk = meaning(assessment, calibrated, 0.1)
    (text,) = texts(case_pdf(replace(build_record(assessment=assessment), meaning=risk), calibrated).content)

    assert f"REFER {risk.headline}" in words(text)
    assert all(sentence in words(text) for sentence in risk.sentences())
    assert risk.threshold_words in words(text)
    assert words(text).count(risk_words(risk.risk)) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(("score", "doubts"), [(0.87, True), (0.1, False)])
def test_evidence_outside_the_lesion_is_said_and_doubted_only_where_it_counts(
    build_record: Callable[..., Any], card: ModelCard, lesion: Callable[..., Any], score: float, doubts: Any
) -> None:
    corner = np.zeros((14, 14), np.float32)
    corner[0, 0] = 10 * card.heatmap.scale
    record = build_record(score=score, image=lesion(640, 480))
    prediction = replace(record.assessment.prediction, signed_map=corner)
    record = replace(record, assessment=replace(record.assessment, prediction=prediction))
    (text,) = texts(case_pdf(record, card).content)

    assert "100% of the evidence lies outside the lesion" in words(text)
    assert ("the model may have looked at something else" in words(text)) == doubts
    (german,) = texts(case_pdf(record, card, code="de").content)
    assert "100 % der Hinweise liegen außerhalb der Läsion" in words(german)


def test_numbers_in_a_german_summary_have_a_decimal_comma(build_record: Callable[..., Any], card: ModelCard) -> None:
    (text,) = texts(case_pdf(build_record(score=0.3099), card, code="de").content)

    assert "Score 0,3099, Schwelle 0,3100" in text
    assert "Seite 1 von 1" in text
    assert re.findall(r"(?<![\d.])\d\.\d+(?![\d.])", text.replace(__version__, "")) == []


def test_a_score_close_to_the_threshold_is_distinguished_from_it(
    build_record: Callable[..., Any], card: ModelCard
) -> None:
    (text,) = texts(case_pdf(build_record(score=0.3099), card).content)

    assert "score 0.3099, threshold 0.3100" in text


def test_what_a_result_means_fits_on_the_page_of_an_uncertain_case(
    build_record: Callable[..., Any], card: ModelCard, lesion: Callable[..., Any]
) -> None:
    views = Stability((0.87, 0.9, 0.2, 0.88, 0.86, 0.8, 0.9, 0.91))
    image = lesion(640, 480, synthetic=True)
    assessment = assess(build_record(image=image).assessment.prediction, card, card.point(), stability=views)
    record = replace(build_record(image=image, assessment=assessment), meaning=meaning(assessment, card, 0.02))
    (text,) = texts(case_pdf(record, card).content)
    text = words(text)
    assert text.count(UNCERTAIN_SENTENCE) == 1
    assert "another decision in 1 of 8 orientations." in text
    assert "Turned or mirrored: same result in 7 of 8." in text
    assert record.meaning.outlook is not None
    assert all(sentence in text for sentence in record.meaning.sentences())


def test_a_rejected_image_means_nothing(build_record: Callable[..., Any], card: ModelCard) -> None:
    admission = Admission(rejected=True, reasons=("It is not dermoscopic.",), warnings=(), quality=Quality(()))
    assessment = assess(build_record().assessment.prediction, card, card.point(), admission=admission)
    record = replace(build_record(assessment=assessment), meaning=meaning(assessment, card, 0.02))
    (text,) = texts(case_pdf(record, card).content)
    assert "It is not dermoscopic." in text
    assert "What this means" not in text
    assert "Of 1,000 lesions" not in words(text)


def test_what_speaks_against_an_image_stands_beside_its_result(
    build_record: Callable[..., Any], card: ModelCard
) -> None:
    admission = Admission(rejected=False, reasons=(), warnings=("Much hair lies over it.",), quality=Quality(()))
    assessment = assess(build_record().assessment.prediction, card, card.point(), admission=admission)
    (text,) = texts(case_pdf(build_record(assessment=assessment), card).content)
    assert "Image quality" in text
    assert "Much hair lies over it." in text


def test_an_override_and_its_refusal_are_printed(build_record: Callable[..., Any], card: ModelCard) -> None:
    admission = Admission(rejected=True, reasons=("It is not dermoscopic.",), warnings=(), quality=Quality(()))
    prediction = build_record().assessment.prediction
    assessment = assess(prediction, card, card.point(), admission=admission, override="seen by two of us")
    (text,) = texts(case_pdf(build_record(assessment=assessment), card).content)
    assert "Assessed against advice, because: seen by two of us" in words(text)
    assert "It is not dermoscopic." in text
    assert AGAINST_ADVICE in text
    assert "score 0.87" in text
    for sign in ("Measured on", "Sensitivity", "1,000", "Risk where", "refers from"):
        assert sign not in words(text)


def test_an_unmeasured_threshold_says_so(build_record: Callable[..., Any], card: ModelCard) -> None:
    assessment = replace(build_record().assessment, point=operating_point(card, threshold=0.4375))
    (text,) = texts(case_pdf(build_record(assessment=assessment), card).content)

    assert "custom, threshold 0.4375" in text
    assert "were not measured" in text
    assert "Measured on" not in text


def test_an_undefined_rate_is_said_to_be_undefined(
    build_record: Callable[..., Any], card: ModelCard, point: OperatingPoint
) -> None:
    bare = MeasuredRates(
        population="elsewhere", sensitivity=Measurement(value=None, n=0), specificity=Measurement(value=0.5, n=8)
    )
    assessment = replace(build_record().assessment, point=point.model_copy(update={"measured": (bare,)}))
    (text,) = texts(case_pdf(build_record(assessment=assessment), card).content)

    assert "elsewhere: sensitivity undefined, n = 0 malignant, specificity 50.0%, n = 8 benign" in words(text)


def test_datasets_are_named_with_their_places(
    build_record: Callable[..., Any], card: ModelCard, point: OperatingPoint
) -> None:
    rates = [
        MeasuredRates(
            population=population,
            sensitivity=Measurement(value=0.9, low=0.8, high=0.95, n=100),
            specificity=Measurement(value=0.5, low=0.4, high=0.6, n=100),
        )
        for population in ("out of origin", "out of origin ham", "out of origin msk", "test, all")
    ]
    assessment = replace(build_record().assessment, point=point.model_copy(update={"measured": tuple(rates)}))
    (text,) = texts(case_pdf(build_record(assessment=assessment), card).content)

    named = "Vienna and Queensland (HAM10000) 90.0% and 50.0%; New York (MSK) 90.0% and 50.0%."
    assert f"Sensitivity and specificity by dataset: {named}" in words(text)
    assert "out of origin" not in text


class TestOnePage:
    """Every ordinary case is one A4 page, with two images of about 80 mm."""

    @staticmethod
    def longest(size: tuple[int, int], *, override: str = "", note: str = NOTE) -> CasePdf:
        """Everything that a case of the released model can have at once: uncertain, flagged, read, with checklists."""
        card = read_card(shipped_folder() / f"{DEFAULT_MODEL}.json")
        model = ModelId(card.name, card.version, card.files["weights"].sha256)
        image = lesion_image(*size, name="IMG_20260304_150607_left_upper_back.jpg", notes=(FRAMES,))
        sentences = [
            check_sentence(Check(name, 0.0, 0.0, passed=False, severity="warning", advice=limit.advice))  # type: ignore[arg-type]
            for name, limit in LIMITS.items()
        ]
        longest = sorted(sentences, key=len)[-3:]
        rejections = (NOT_DERMOSCOPY,) if override else ()
        assessment = assess(
            replace(prediction(0.4), model=model),
            card,
            card.point("balanced"),
            notes=image.notes,
            stability=Stability((0.4, 0.9, 0.2, 0.38, 0.36, 0.8, 0.9, 0.91)),
            admission=Admission(
                rejected=bool(rejections), reasons=rejections, warnings=tuple(longest), quality=Quality(())
            ),
            override=override,
        )
        facts = CaseFacts(
            "P-2026-0117",
            "57",
            "female",
            site_text("699893008", "left", "below the scapula"),
            note,
            lesion="L2",
            photographed="2026-02-27",
            site_code="699893008",
            side="left",
            checklists=Checklists(
                SevenPoint(frozenset({*MAJOR, *MINOR})), Abcd(2, 8, frozenset(COLOURS), frozenset(STRUCTURES))
            ),
        )
        reading = Reading("malignant", "Excise with a margin of 2 mm; histology requested.", "Dr Example", CREATED)
        record = CaseRecord(
            image=image,
            overlay=reddened(image.pixels),
            assessment=assessment,
            facts=facts,
            created=CREATED,
            meaning=meaning(assessment, card, 0.02),
            readings=(reading,),
        )
        return case_pdf(record, card)

    @pytest.mark.parametrize(
        "size",
        [
            # Wide and high; the others lie in between.
            (640, 480),
            *(pytest.param(size, marks=pytest.mark.slow) for size in ((600, 400), (480, 480))),
            (480, 640),
        ],
    )
    @pytest.mark.parametrize("override", ["", "seen by two of us, and the camera is known"])
    def test_the_longest_ordinary_case_is_one_page(self, size: tuple[int, int], override: str) -> None:
        content = self.longest(size, override=override).content
        (text,) = texts(content)
        assert no_overlap(content)
        widths = [(right - left) / SCALE / 72 * 25.4 for left, _top, right, _bottom in drawn(content).images]
        height = widths[0] * size[1] / size[0]
        # In the usual shapes 80 mm wide; higher ones give way to the height that is left.
        assert widths == pytest.approx([widths[0]] * 2)
        assert widths[0] >= 77 if size[0] / size[1] >= 4 / 3 else height >= 57
        for expected in (
            "L2",
            "2026-02-27",
            "Upper back, left: below the scapula (SNOMED CT 699893008)",
            "Dr Example, 2026-03-04: malignant. Excise with a margin of 2 mm; histology requested.",
            "Seven-point checklist: 10 of 10",
            "ABCD rule: total score 8.9",
            NOTE,
            "Ran on CPU, SkinLens",
        ):
            assert expected in words(text)
        assert "ExecutionProvider" not in text
        if override:
            assert "Risk where" not in text
            assert "Operating point" not in text

    @pytest.mark.slow
    def test_a_note_of_a_page_goes_on_to_a_second_one(self) -> None:
        assert len(texts(self.longest((640, 480), note="A sentence of many. " * 200).content)) == 2


def test_what_readers_found_is_printed_with_name_and_day(build_record: Callable[..., Any], card: ModelCard) -> None:
    """In the zone of the document: CREATED is 5:30 ahead of UTC."""
    late = CREATED.astimezone(UTC).replace(hour=20)
    readings = (Reading("unsure", "", "first", CREATED), Reading("not judgeable", "hair", "second", late))
    (text,) = texts(case_pdf(replace(build_record(), readings=readings), card).content)

    assert "first, 2026-03-04: unsure." in text
    assert "second, 2026-03-05: not assessable. hair" in text


def test_characters_of_a_reader_are_reported_too(build_record: Callable[..., Any], card: ModelCard) -> None:
    readings = (Reading("unsure", "\U00013000", "\U00012031", CREATED),)
    assert case_pdf(replace(build_record(), readings=readings), card).missing_characters == ("\U00012031", "\U00013000")


def test_facts_that_were_not_given_are_said_to_be_missing(build_record: Callable[..., Any], card: ModelCard) -> None:
    (text,) = texts(case_pdf(build_record(facts=CaseFacts()), card).content)

    # Case, lesion, day, age, sex, body site; and nobody's assessment.
    assert text.count("not given") == 7
    assert "Note" not in text


def test_image_notes_stand_on_the_page_once(
    build_record: Callable[..., Any], card: ModelCard, lesion: Callable[..., Any]
) -> None:
    note = "This file holds 3 frames; the first is used."
    record = build_record(image=lesion(notes=(note,)))
    without_reason = replace(record, assessment=replace(record.assessment, reasons=("Because.",)))

    for shown in (record, without_reason):
        assert texts(case_pdf(shown, card).content)[0].count(note) == 1


def test_latin_greek_and_cyrillic_are_read_back_as_typed(build_record: Callable[..., Any], card: ModelCard) -> None:
    facts = CaseFacts(
        "Ångström-Žížala", "57 ετών", "женщина", "ώμος / плечо", "Naïve façade, Größe ≥ 4 mm; κνησμός, зуд."
    )
    result = case_pdf(build_record(facts=facts), card)
    (text,) = texts(result.content)

    assert result.missing_characters == ()
    for fact in (facts.case_id, facts.age, facts.sex, facts.site, facts.note):
        assert fact in text


def test_arabic_and_hebrew_are_read_back(build_record: Callable[..., Any], card: ModelCard) -> None:
    facts = CaseFacts("م-١٢", "٥٧ سنة", "נקבה", "الكتف الأيسر", "המטופלת מדווחת על גירוד.")
    result = case_pdf(build_record(facts=facts), card)
    (viewed,), (read,) = viewer_texts(result.content), texts(result.content)

    assert result.missing_characters == ()
    # In reading order in a browser's viewer, and letter for letter for every reader.
    for fact in (facts.sex, facts.site, facts.note.rstrip(".")):
        assert fact in viewed
    strong = [c for c in unicodedata.normalize("NFKC", read) if unicodedata.bidirectional(c) in ("R", "AL")]
    typed = [c for c in "".join(typed_in(facts)) if unicodedata.bidirectional(c) in ("R", "AL")]
    assert sorted(strong) == sorted(typed)


def test_what_the_font_lacks_is_reported_and_visible(build_record: Callable[..., Any], card: ModelCard) -> None:
    facts = CaseFacts("\U00012031-1 🧑", note="\U00012031 and \x00 and \U00013000")
    result = case_pdf(build_record(facts=facts), card)
    (text,) = texts(result.content)

    assert result.missing_characters == ("\U00012031", "🧑", "\x00", "\U00013000")
    assert "\ufffd-1 \ufffd" in text
    assert "\ufffd and \ufffd and \ufffd" in text
    counted = "4 characters could not be shown, because no font on this computer has them. They are marked \ufffd:"
    assert f"{counted} U+12031 U+1F9D1 U+0000 U+13000" in words(text)


def test_characters_in_the_image_name_are_reported_too(
    build_record: Callable[..., Any], card: ModelCard, lesion: Callable[..., Any]
) -> None:
    result = case_pdf(build_record(image=lesion(name="\U00012031.jpg")), card)

    assert result.missing_characters == ("\U00012031",)
    assert "\ufffd.jpg" in texts(result.content)[0]
    assert "1 character could not be shown" in texts(result.content)[0]


# Case id, body site, note.
SCRIPTS = {
    "japanese": ("山田-07", "左肩甲部", "6か月で増大、時々痒みあり。父：61歳で悪性黒色腫。「要再診」。"),
    "simplified": ("王伟-07", "左肩", "近六个月增大，偶有瘙痒；无既往照片。"),
    "traditional": ("陳偉-07", "左肩", "近六個月增大，偶爾搔癢；沒有先前的照片。"),
    "korean": ("김철수-07", "왼쪽 어깨", "6개월 동안 커졌고 가끔 가렵다. 이전 사진 없음."),
    "thai": ("สมชาย-07", "ไหล่ซ้าย", "ไฝโตขึ้นในหกเดือน คันเป็นบางครั้ง น้ำเหลืองไม่โต ผู้ป่วยทำงานกลางแจ้งและไม่ได้ใช้ครีมกันแดดเป็นประจำ"),
    "hindi": ("रमेश-07", "बायाँ कंधा", "छह महीनों में बढ़ा है। चिकित्सक ने त्रैमासिक निरीक्षण और क्षेत्र की जाँच का निर्देश दिया।"),
}


@pytest.mark.parametrize(
    "script",
    [pytest.param(name, marks=() if name in {"japanese", "thai", "hindi"} else pytest.mark.slow) for name in SCRIPTS],
)
def test_the_scripts_of_asia_are_read_back_as_typed_on_one_page(
    build_record: Callable[..., Any], card: ModelCard, script: str
) -> None:
    case, site, note = SCRIPTS[script]
    record = replace(
        build_record(facts=CaseFacts(case_id=case, site=site, note=note)),
        readings=(Reading("unsure", note[-8:], site, CREATED),),
    )
    result = case_pdf(record, card)
    (read,), (viewed,) = texts(result.content), viewer_texts(result.content)

    assert result.missing_characters == ()
    assert len(result.content) < 120_000
    for text in (read.replace("\u200b", ""), viewed):
        for fact in (case, site, note):
            assert "".join(fact.split()) in "".join(text.split())
        assert "Not shown" not in text
    assert read_summary(result.content).altered == ()
    assert case_pdf(record, card).content == result.content


def test_a_document_embeds_only_the_fonts_that_it_shows(build_record: Callable[..., Any], card: ModelCard) -> None:
    def fonts(note: str) -> set[str]:
        (page,) = PdfReader(io.BytesIO(case_pdf(build_record(facts=CaseFacts(note=note)), card).content)).pages
        return {font.get_object()["/BaseFont"].split("+")[1] for font in page["/Resources"]["/Font"].values()}

    assert fonts("Größe") == {"DejaVuSansBook", "DejaVuSansBold"}
    assert {name[:12] for name in fonts("ไทย") - fonts("Größe")} == {"NotoSansThai"}


@pytest.mark.parametrize(
    "typed",
    ["**bold** __x__ --y--", "<b>strong</b> &amp; <br/>", "{nb}", "[a](http://b.example)", "(a\\) endstream ET Q"],
)
def test_markup_is_shown_literally(build_record: Callable[..., Any], card: ModelCard, typed: str) -> None:
    (text,) = texts(case_pdf(build_record(facts=CaseFacts(case_id=typed, note=typed)), card).content)

    assert text.count(typed) == 2


def test_the_last_number_of_pages_is_that_of_the_document(build_record: Callable[..., Any], card: ModelCard) -> None:
    """With less room for images and smaller sentences this note would take two."""
    pages = texts(
        case_pdf(build_record(facts=CaseFacts(note="A sentence of many words that goes on. " * 202)), card).content
    )

    assert [f"Page {n} of 3" in page for n, page in enumerate(pages, 1)] == [True, True, True]


@pytest.mark.slow
def test_control_characters_break_nothing(build_record: Callable[..., Any], card: ModelCard) -> None:
    every = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0xAD, *range(0x200B, 0x2070), 0xFEFF, 0xFFFE, 0xD800]))
    facts = CaseFacts(*(f"a{every}b" for _ in range(5)))  # type: ignore[arg-type]

    pages = texts(case_pdf(build_record(facts=facts), card).content)

    assert all(page.count(DISCLAIMER) == 1 for page in pages)


def test_a_long_note_flows_on_without_loss_or_overlap(build_record: Callable[..., Any], card: ModelCard) -> None:
    sentences = [f"Sentence number {i:03d} of the note, which goes on." for i in range(120)]
    facts = CaseFacts(case_id="LONG-7", note=" ".join(sentences))
    content = case_pdf(build_record(facts=facts), card).content
    pages = texts(content)
    furniture = rf"{re.escape(DISCLAIMER)}|Page \d of 2|SkinLens case summary, continued.*"
    whole = words(re.sub(furniture, "", "\n".join(pages)))

    assert len(pages) == 2
    assert facts.note in whole
    assert [f"Page {i + 1} of 2" in page for i, page in enumerate(pages)] == [True, True]
    assert "continued" in pages[1]
    assert "case LONG-7" in pages[1]
    assert no_overlap(content)


@pytest.mark.parametrize("field", ["case_id", "site", "note"])
def test_an_unbroken_word_wraps_inside_the_page(build_record: Any, card: Any, field: Any) -> None:
    word = "".join(chr(0x410 + i % 32) for i in range(500))
    content = case_pdf(build_record(facts=CaseFacts(**{field: word})), card).content  # type: ignore[arg-type]

    assert word in "".join("".join(texts(content)).split())
    assert no_overlap(content)


@pytest.mark.slow
@pytest.mark.parametrize("note", ["-" * 6000, "א." + "#" * 3000, "\u0301" * 2000])
def test_rows_of_punctuation_are_drawn(build_record: Callable[..., Any], card: ModelCard, note: str) -> None:
    content = case_pdf(build_record(facts=CaseFacts(note=note)), card).content

    assert "".join(texts(content)).count(note[-1]) >= len(note) - 2


@pytest.mark.slow
def test_the_section_after_a_note_stays_on_one_page(build_record: Callable[..., Any], card: ModelCard) -> None:
    counts = []
    for length in range(3, 40, 3):
        note = "\n".join(f"line {i}" for i in range(length))
        pages = texts(case_pdf(build_record(facts=CaseFacts(note=note)), card).content)
        last = pages[-1]
        assert ("Where this comes from" in last) == ("Image SHA-256" in last)
        counts.append(len(pages))
    assert set(counts) == {1, 2}


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (900, 300), (300, 900), (400, 400)])
def test_both_images_stand_side_by_side_at_one_scale(
    build_record: Callable[..., Any], card: ModelCard, lesion: Callable[..., Any], width: int, height: int
) -> None:
    record = build_record(image=lesion(width, height))
    page = drawn(case_pdf(record, card).content)
    (left, top, right, bottom), second = page.images

    assert (right - left) / (bottom - top) == pytest.approx(width / height, rel=0.01)
    assert (second[2] - second[0], second[1], second[3]) == pytest.approx((right - left, top, bottom))
    assert second[0] > right
    assert second[2] <= (A4[0] - 45) * SCALE
    sources = record.image.pixels, record.overlay
    for box, source, others in zip(page.images, sources, (sources[1:], sources[:1]), strict=True):
        x0, y0, x1, y1 = (round(v) for v in box)
        apart = [
            np.abs(page.pixels[y0:y1, x0:x1] - np.asarray(Image.fromarray(p).resize((x1 - x0, y1 - y0)), int)).mean()
            for p in (source, *others)
        ]
        assert apart[0] < 6
        assert all(apart[0] < other / 2 for other in apart[1:])


@pytest.mark.slow
def test_a_large_image_is_embedded_small(
    build_record: Callable[..., Any], card: ModelCard, lesion: Callable[..., Any]
) -> None:
    content = case_pdf(build_record(image=lesion(3000, 2000)), card).content
    sizes = [image.image.size for image in PdfReader(io.BytesIO(content)).pages[0].images]

    assert sizes == [(1200, 800), (1200, 800)]
    assert len(content) < 250_000


def test_a_synthetic_image_is_labelled_everywhere(
    build_record: Callable[..., Any], card: ModelCard, lesion: Callable[..., Any], ordinary: bytes
) -> None:
    content = case_pdf(build_record(image=lesion(synthetic=True)), card).content
    pixels = drawn(content).pixels
    banner = np.argwhere(near(pixels, AMBER))

    assert texts(content)[0].count(SYNTHETIC) == 3
    assert banner[:, 0].max() < pixels.shape[0] * 0.15
    assert np.ptp(banner[:, 1]) > pixels.shape[1] * 0.8
    assert all(SYNTHETIC in description for description in descriptions(content))
    assert SYNTHETIC not in texts(ordinary)[0]
    assert not near(drawn(ordinary).pixels, AMBER).any()


@pytest.mark.slow
def test_continued_pages_of_a_synthetic_case_say_so(
    build_record: Callable[..., Any], card: ModelCard, lesion: Callable[..., Any]
) -> None:
    record = build_record(image=lesion(synthetic=True), facts=CaseFacts(note="A sentence of many. " * 300))

    assert "synthetic example" in texts(case_pdf(record, card).content)[1]


@pytest.mark.slow
def test_the_disclaimer_is_at_the_foot_of_every_page_once(
    build_record: Callable[..., Any], card: ModelCard, ordinary: bytes
) -> None:
    long = case_pdf(build_record(facts=CaseFacts(note="A sentence of many. " * 700)), card).content
    assert len(texts(long)) > 2
    for content in (ordinary, long):
        with opened(content) as document:
            for page in document:
                text = page.get_textpage()
                assert text.get_text_range().count(DISCLAIMER) == 1
                assert DISCLAIMER in words(text.get_text_bounded(top=FOOT))


@pytest.mark.parametrize("score", [0.12, 0.87])
def test_every_text_contrasts_with_its_ground(build_record: Callable[..., Any], card: ModelCard, score: float) -> None:
    """At least 4.5 to 1 (WCAG 2 AA), from the colours that the page sets before text."""
    (page,) = PdfReader(io.BytesIO(case_pdf(build_record(score=score), card).content)).pages
    inks = set(re.findall(r"q ([\d.]+) ([\d.]+) ([\d.]+) rg BT", page.get_contents().get_data().decode("latin-1")))
    grounds = [luminance(np.array(colour) / 255) for colour in ((255, 255, 255), WASH, AMBER)]

    assert len(inks) >= 3
    for ink in inks:
        dark = luminance(np.array(ink, dtype=float))
        assert all((ground + 0.05) / (dark + 0.05) >= 4.5 for ground in grounds)


def test_it_declares_pdf_a_2u_and_an_output_intent(ordinary: bytes) -> None:
    reader = PdfReader(io.BytesIO(ordinary))
    root = reader.trailer["/Root"]
    xmp = root["/Metadata"].get_data().decode()
    (intent,) = root["/OutputIntents"]

    assert "<pdfaid:part>2</pdfaid:part>" in xmp
    assert "<pdfaid:conformance>U</pdfaid:conformance>" in xmp
    assert intent["/S"] == "/GTS_PDFA1"
    assert intent["/DestOutputProfile"]["/N"] == 3
    assert root["/Lang"] == "en"
    assert ordinary.startswith(b"%PDF-1.7")
    assert len(reader.trailer["/ID"]) == 2  # type: ignore[arg-type]


def test_it_holds_no_script_no_attachment_and_no_encryption(ordinary: bytes) -> None:
    forbidden = {"/JavaScript", "/JS", "/AA", "/EmbeddedFiles", "/EF", "/Launch", "/RichMedia", "/XFA"}
    reader = PdfReader(io.BytesIO(ordinary))
    keys = {key for number in range(1, reader.trailer["/Size"]) for key in keys_of(reader, number)}  # type: ignore[call-overload]

    assert "/Pages" in keys
    assert not keys & forbidden
    assert not reader.is_encrypted


def test_every_font_is_embedded_and_every_glyph_shown_has_its_text(
    build_record: Callable[..., Any], card: ModelCard
) -> None:
    facts = CaseFacts(
        "Ελ-Жук", "٥٧", "נקבה", "الكتف الأيسر", "office مُحَمَّد שָׁלוֹם x\u0323 می\u200cخواهم ń\u0323 痣 ไทย हिन्दी"
    )
    (page,) = PdfReader(io.BytesIO(case_pdf(build_record(facts=facts), card).content)).pages
    fonts = page["/Resources"]["/Font"]
    shown = shown_codes(page.get_contents().get_data().decode("latin-1"))

    assert set(shown) == {name[1:] for name in fonts}
    for name, codes in shown.items():
        font = fonts[f"/{name}"]
        (descendant,) = font["/DescendantFonts"]
        assert descendant["/FontDescriptor"]["/FontFile2"].get_data()[:4] == b"\x00\x01\x00\x00"
        mapped = dict(re.findall(r"<(\w{4})> <(\w+)>\n", font["/ToUnicode"].get_data().decode()))
        assert all(mapped.get(code, "0000") not in ("0000", "FEFF", "FFFE") for code in codes)


def test_images_have_descriptions(ordinary: bytes) -> None:
    first, second = descriptions(ordinary)

    assert first == "Dermoscopic image as received, 640 by 480 pixels."
    assert "heatmap" in second


def test_the_structure_reads_in_the_order_of_the_page(ordinary: bytes) -> None:
    (document,) = PdfReader(io.BytesIO(ordinary)).trailer["/Root"]["/StructTreeRoot"]["/K"]
    kinds = [element["/S"] for element in document.get_object()["/K"]]

    assert kinds[0] == "/H1"
    assert kinds.count("/Figure") == 2
    # The headline, reasons, reader's assessment, note, operating point, and where it comes from.
    assert kinds.count("/H2") == 6


def test_metadata_name_the_document_and_nothing_that_was_typed(
    build_record: Callable[..., Any], card: ModelCard, lesion: Callable[..., Any]
) -> None:
    facts = CaseFacts("SECRET-1", "SECRET-2", "SECRET-3", "SECRET-4", "SECRET-5")
    reader = PdfReader(io.BytesIO(case_pdf(build_record(facts=facts, image=lesion(name="SECRET-6")), card).content))
    xmp = reader.xmp_metadata

    assert xmp.dc_title == {"x-default": "SkinLens case summary"}
    assert xmp.xmp_creator_tool == f"SkinLens {__version__}"
    assert xmp.dc_language == ["en"]
    assert xmp.xmp_create_date == datetime(2026, 3, 4, 9, 36, 7)  # noqa: DTZ001  (pypdf gives UTC without a zone)
    assert "SECRET" not in reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert not reader.metadata
    assert not any("SECRET" in description for description in descriptions_of(reader))


def test_every_property_of_ours_is_declared_as_pdf_a_asks(ordinary: bytes) -> None:
    """ISO 19005-2, 6.6.2.3: a property of no known schema needs an extension schema that names it."""
    xmp = PdfReader(io.BytesIO(ordinary)).xmp_metadata
    extension, schema, prop = (f"http://www.aiim.org/pdfa/ns/{end}" for end in ("extension/", "schema#", "property#"))
    (declared,) = xmp.get_element("", extension, "schemas")

    def declares(namespace: str, name: str) -> list[str]:
        return [node.firstChild.data for node in declared.getElementsByTagNameNS(namespace, name)]

    assert declares(schema, "namespaceURI") == [NAMESPACE]
    used = [node.localName for node in xmp.get_nodes_in_namespace("", NAMESPACE)]
    assert declares(prop, "name") == used == ["record"]
    assert (declares(prop, "valueType"), declares(prop, "category")) == (["Text"], ["internal"])


@pytest.mark.slow
def test_the_same_record_gives_the_same_bytes(
    build_record: Callable[..., Any], card: ModelCard, turn_the_page: Callable[..., Any]
) -> None:
    note = "A sentence of many. " * 300
    record = build_record(facts=CaseFacts(note=note))
    later = build_record(facts=CaseFacts(note=note), created=record.created + timedelta(seconds=1))

    first = case_pdf(record, card).content
    turn_the_page()
    assert case_pdf(record, card).content == first
    assert case_pdf(later, card).content != first


def test_another_models_prediction_is_refused(build_record: Callable[..., Any], card: ModelCard) -> None:
    with pytest.raises(ValueError, match="not the model of the card asff_resnet50"):
        case_pdf(build_record(), card.model_copy(update={"version": "9.9.9"}))


def test_an_overlay_of_another_shape_is_refused(build_record: Callable[..., Any], card: ModelCard) -> None:
    record = build_record()

    with pytest.raises(ValueError, match=r"overlay of \(10, 640, 3\)"):
        case_pdf(replace(record, overlay=record.overlay[:10]), card)


def test_a_time_without_a_zone_is_refused(build_record: Callable[..., Any], card: ModelCard) -> None:
    record = build_record()

    with pytest.raises(ValueError, match="created needs a time zone"):
        case_pdf(replace(record, created=record.created.replace(tzinfo=None)), card)


def test_torch_is_not_imported() -> None:
    code = "import sys, skinlens.report.pdf; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def no_overlap(content: bytes) -> bool:
    """Whether all text stands within the margins and no two pieces of it share more than a hair of a line."""
    with opened(content) as document:
        for page in document:
            text = page.get_textpage()
            boxes = np.array([text.get_rect(i) for i in range(text.count_rects())])
            assert boxes[:, 0].min() > 40
            assert boxes[:, 2].max() < A4[0] - 40
            assert boxes[:, 1].min() > 20
            assert boxes[:, 3].max() < A4[1] - 30
            across = np.minimum(boxes[:, None, 2], boxes[None, :, 2]) - np.maximum(boxes[:, None, 0], boxes[None, :, 0])
            down = np.minimum(boxes[:, None, 3], boxes[None, :, 3]) - np.maximum(boxes[:, None, 1], boxes[None, :, 1])
            shared = (across > 1) & (down > 0.5)
            if (shared & ~np.eye(len(boxes), dtype=bool)).any():
                return False
    return True


def typed_in(facts: CaseFacts) -> list[str]:
    return [value for value in vars(facts).values() if isinstance(value, str)]


def luminance(colour: np.ndarray) -> float:
    """Relative luminance of an sRGB colour in [0, 1], as WCAG 2 defines it."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def keys_of(reader: PdfReader, number: int) -> set[str]:
    item = reader.get_object(IndirectObject(number, 0, reader))
    return nested_keys(item) if isinstance(item, DictionaryObject) else set()


def nested_keys(item: DictionaryObject) -> set[str]:
    inner = [value for value in item.values() if type(value) is DictionaryObject]
    return set(item).union(*map(nested_keys, inner))


def shown_codes(operators: str) -> dict[str, set[str]]:
    codes: dict[str, set[str]] = {}
    name = ""
    for font, array in re.findall(r"/(F\d+) [\d.]+ Tf|\[([^\]]*)\] TJ", operators):
        name = font or name
        codes.setdefault(name, set()).update(re.findall(r"<(\w{4})>", array))
    return codes


def descriptions(content: bytes) -> list[str]:
    return descriptions_of(PdfReader(io.BytesIO(content)))


def descriptions_of(reader: PdfReader) -> list[str]:
    (document,) = reader.trailer["/Root"]["/StructTreeRoot"]["/K"]
    return [element["/Alt"] for element in document.get_object()["/K"] if "/Alt" in element]


def test_a_model_that_was_not_released_is_named_so_above_everything_else(
    build_record: Callable[..., Any], card: ModelCard, point: OperatingPoint
) -> None:
    own = card.model_copy(update={"unverified": True})
    assessment = assess(build_record().assessment.prediction, own, point)
    first = words(texts(case_pdf(build_record(assessment=assessment), own).content)[0])
    assert first.count(words(UNVERIFIED)) == 1
    assert first.index(words(UNVERIFIED)) < first.index(words(assessment.headline))
    assert f"{card.name} (unverified)" in first
    assert words(UNVERIFIED) not in words(texts(case_pdf(build_record(), card).content)[0])

"""One risk, said once: page, PDF, CSV and JSON of an image have one number, over all scores and prevalences."""

import csv
import io
import json
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.batch.export import table_csv
from skinlens.batch.store import Line
from skinlens.batch.table import entries
from skinlens.cli.say import json_text
from skinlens.imaging.quality import Quality
from skinlens.report.pdf import case_pdf
from skinlens.report.read_pdf import read_summary
from skinlens.runtime.card import ModelCard, read_card
from skinlens.runtime.prediction import ModelId
from skinlens.runtime.predictor import DEFAULT_MODEL
from skinlens.runtime.weights import shipped_folder
from skinlens.triage.admission import Admission
from skinlens.triage.case import CaseFacts, CaseRecord
from skinlens.triage.decision import Assessment, assess
from skinlens.triage.pipeline import Assessed
from skinlens.triage.risk import Meaning, meaning, one_in, risk_of, risk_words
from skinlens.triage.row import Row
from tests.made_up_cases import CREATED, lesion_image, prediction, reddened

PREVALENCES = (0.01, 0.02, 0.1, 0.3)
SCORES = (0.0, 0.004, 0.03, 0.1, 0.12, 0.37, 0.5, 0.7, 0.88, 0.97, 1.0)


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return read_card(shipped_folder() / f"{DEFAULT_MODEL}.json")


def assessment_of(score: float, card: ModelCard, **more: object) -> Assessment:
    model = ModelId(card.name, card.version, card.files["weights"].sha256)
    return assess(replace(prediction(score), model=model), card, card.point(), **more)  # type: ignore[arg-type]


def against_advice(card: ModelCard) -> Assessment:
    admission = Admission(rejected=True, reasons=("It is a shark.",), warnings=(), quality=Quality(()))
    return assessment_of(0.9, card, admission=admission, override="I know better")


def pdf_of(assessment: Assessment, card: ModelCard, risk: Meaning | None) -> bytes:
    image = lesion_image(96, 72)
    record = CaseRecord(image, reddened(image.pixels), assessment, CaseFacts("P-1"), CREATED, risk)
    return case_pdf(record, card).content


def page_script() -> None:
    import streamlit as st

    from skinlens.triage.risk import meaning
    from skinlens.ui.triage.result import choose_point, choose_prevalence, show_verdict

    result, card = st.session_state["shown"]
    prevalence = choose_prevalence()
    choose_point(card, prevalence)
    show_verdict(result, result.assessment, meaning(result.assessment, card, prevalence))


@pytest.fixture(scope="module")
def page() -> AppTest:
    return AppTest.from_function(page_script, default_timeout=30)


@pytest.mark.parametrize(
    "prevalence", [PREVALENCES[0], *(pytest.param(each, marks=pytest.mark.slow) for each in PREVALENCES[1:])]
)
def test_page_pdf_and_tables_have_one_number(page: AppTest, card: ModelCard, prevalence: float) -> None:
    for score in SCORES:
        assessment = assessment_of(score, card)
        risk = risk_of(score, card, prevalence)
        assert risk is not None
        ends = (risk.value, risk.low, risk.high)

        result = Assessed(lesion_image(96, 72), assessment, card)
        row = Row.of("a.png", result, card, card.point(), prevalence=prevalence).cells()
        tables = [json.loads(json_text(row))]
        stream = io.StringIO()
        writer = csv.DictWriter(stream, list(row))
        writer.writeheader()
        writer.writerow(row)
        tables += csv.DictReader(io.StringIO(stream.getvalue()))
        for table in tables:
            assert tuple(float(table[name]) for name in ("risk", "risk_low", "risk_high")) == ends
            assert float(table["prevalence"]) == prevalence

        summary = read_summary(pdf_of(assessment, card, meaning(assessment, card, prevalence)))
        assert summary.altered == ()
        assert summary.payload is not None
        assert (summary.payload.risk, summary.payload.prevalence) == (ends, prevalence)
        text = " ".join(summary.text.split())
        assert f"{assessment.headline} {risk_words(risk)}" in text

        page.session_state["shown"] = (result, card)
        page.session_state["prevalence"] = "Other percentage"
        page.session_state["own-prevalence"] = 100 * prevalence
        page.run()
        assert not page.exception
        number, _, interval = risk_words(risk).partition(" (")
        assert page.metric[0].value == number == one_in(ends[0])  # type: ignore[arg-type]
        shown = " ".join(element.value for element in page.text)
        assert interval.removesuffix(")") in shown

        # No other risk stands beside it: the only further ones are those of the threshold.
        at_threshold = risk_of(card.point().threshold, card, prevalence)
        assert at_threshold is not None
        for words in (shown, text):
            said = {found for found in _risks(words) if found != number}
            assert said <= {one_in(at_threshold.value)}, said  # type: ignore[arg-type]


def _risks(text: str) -> set[str]:
    """Every risk that a text says, as in `about 1 in 7`."""
    words = text.split()
    starts = [at for at, word in enumerate(words) if word in {"about", "fewer", "more"}]
    phrases = [" ".join(words[at : at + 5]) for at in starts]
    return {
        phrase.rstrip(".,;)")
        if phrase.startswith(("fewer than 1 in", "more than 99 in"))
        else " ".join(phrase.split()[:4])
        for phrase in phrases
        if " in " in phrase
    }


@pytest.mark.parametrize("prevalence", PREVALENCES)
def test_a_batch_table_has_the_same_number(card: ModelCard, prevalence: float) -> None:
    lines = [_line(number, score) for number, score in enumerate(SCORES)]
    written = table_csv(entries(lines, card.point(), facts={}, reviews=()), card, card.point(), prevalence=prevalence)
    for row, score in zip(csv.DictReader(io.StringIO(written)), SCORES, strict=True):
        risk = risk_of(score, card, prevalence)
        assert risk is not None
        assert (float(row["risk"]), float(row["risk_low"])) == (risk.value, risk.low)


def _line(number: int, score: float | None, rejections: tuple[str, ...] = ()) -> Line:
    known = dict.fromkeys(Line.__dataclass_fields__)
    known.update(number=number, path=f"{number}.png", relative=f"{number}.png", state="assessed", sha256="0" * 64)
    known.update(score=score, notes=(), rejections=rejections, warnings=(), flags=(), sentence="", reason="")
    return Line(**known)  # type: ignore[arg-type]


def test_a_rejected_image_has_no_risk_in_any_table(card: ModelCard) -> None:
    (entry,) = entries([_line(0, 0.9, ("It is a shark.",))], card.point(), facts={}, reviews=())
    (row,) = csv.DictReader(io.StringIO(table_csv([entry], card, card.point())))
    assert [row[name] for name in ("prevalence", "risk", "risk_low", "risk_high")] == [""] * 4


def test_assessed_against_advice_nothing_gives_a_risk_or_a_rate(card: ModelCard) -> None:
    assessment = against_advice(card)
    risk = meaning(assessment, card, 0.02)
    assert risk is None
    row = Row.of("a.png", Assessed(lesion_image(96, 72), assessment, card), card, card.point()).cells()
    assert [row[name] for name in ("prevalence", "risk", "risk_low", "risk_high")] == [None] * 4
    assert str(row["reasons"]).startswith("Assessed against advice, because: I know better")
    # Even if a caller hands one over.
    summary = read_summary(pdf_of(assessment, card, meaning(assessment_of(0.9, card), card, 0.02)))
    text = " ".join(summary.text.split())
    assert summary.altered == ()
    assert summary.payload is not None
    assert (summary.payload.risk, summary.payload.prevalence) == (None, None)
    assert "ASSESSED AGAINST ADVICE" in text
    assert _risks(text) == set()
    for sign in ("1,000", "refers from", "Sensitivity", "sensitivity", "Risk where", "lesions are malignant"):
        assert sign not in text


def test_a_changed_risk_on_the_page_is_noticed(card: ModelCard) -> None:
    assessment = assessment_of(0.88, card)
    content = pdf_of(assessment, card, meaning(assessment, card, 0.02))
    words = risk_words(risk_of(0.88, card, 0.02))  # type: ignore[arg-type]
    recorded = json.dumps(words)
    assert content.count(recorded.encode()) == 1
    forged = content.replace(recorded.encode(), json.dumps(words.replace("about 1 in", "about 9 in")).encode())
    assert any("result was altered" in sentence for sentence in read_summary(forged).altered)

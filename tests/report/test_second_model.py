"""Another model's decision in a case summary: printed and recorded where one was asked, absent where none was."""

import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from pypdf import PdfReader

from skinlens.report.payload import CasePayload, PayloadError, read_case, read_payload
from skinlens.report.pdf import case_pdf
from skinlens.triage.case import CaseRecord
from skinlens.triage.second import Comparison, Opinion
from tests.made_up_cases import CARD, CREATED

SECOND = Opinion("other_model", "2.0.0", "b2" * 32, "low", "balanced", 0.2)


@pytest.fixture
def compared(build_record: Callable[..., CaseRecord]) -> CaseRecord:
    record = build_record()
    return replace(record, comparison=Comparison(Opinion.of(record.assessment), SECOND))


def recorded(content: bytes) -> CasePayload:
    values = read_payload(PdfReader(io.BytesIO(content)))
    assert values is not None
    return read_case(values)


def test_it_is_printed_with_its_name_version_and_weights(compared: CaseRecord) -> None:
    content = case_pdf(compared, CARD).content
    text = " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages).split())
    assert compared.comparison is not None
    assert compared.comparison.sentence in text
    assert "other_model, version 2.0.0, at balanced" in text
    assert SECOND.weights_sha256 in text.replace(" ", "")


def test_it_is_in_the_record_inside(compared: CaseRecord) -> None:
    made = recorded(case_pdf(compared, CARD).content)
    assert (made.second_decision, made.second_weights_sha256) == ("low", SECOND.weights_sha256)


def test_a_case_without_one_is_recorded_as_before(build_record: Callable[..., CaseRecord]) -> None:
    content = case_pdf(build_record(), CARD).content
    assert recorded(content).second_decision == ""
    assert b"second_" not in content


@pytest.mark.parametrize(("decision", "is_possible"), [("refer", True), ("rejected", True), ("maybe", False)])
def test_only_a_possible_decision_is_read(decision: str, is_possible: bool) -> None:
    made = CasePayload(
        "5c" * 32, "a1" * 32, "low", 0.1, 0.3, CREATED, "0.3.0", second_weights_sha256="b2", second_decision=decision
    )
    if is_possible:
        assert read_case(json.loads(made.json())) == made
    else:
        with pytest.raises(PayloadError):
            read_case(json.loads(made.json()))

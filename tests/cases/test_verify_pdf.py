"""A case summary against the record: it agrees, or it is said what does not."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from skinlens.cases.records import card_of
from skinlens.cases.reopen import reopen
from skinlens.cases.store import CaseStore
from skinlens.cases.verify_pdf import check_summary
from skinlens.report.pdf import case_pdf
from skinlens.report.read_pdf import NotASummaryError, read_summary
from skinlens.triage.case import CaseFacts, CaseRecord, Reading
from skinlens.triage.decision import assess
from skinlens.triage.wording import HEADLINES
from tests.made_up_cases import CARD, POINT, build_record, lesion_image, prediction


def saved(store: CaseStore, record: CaseRecord, *, pixels: bool = True) -> str:
    return store.save(record, CARD, actor="a", keep_pixels=pixels)


def document(store: CaseStore, case: str) -> bytes:
    """The summary that the Cases page makes."""
    row = store.assessment(case)
    return case_pdf(reopen(store, row), card_of(row)).content


def test_a_summary_says_what_was_printed() -> None:
    record = build_record(score=0.3099)
    printed = read_summary(case_pdf(record, CARD).content)
    assert printed.image_sha256 == record.image.sha256
    assert printed.weights_sha256 == CARD.files["weights"].sha256
    assert (printed.headline, printed.score) == (HEADLINES["low"], "0.3099")
    assert printed.made == record.created


def test_the_record_inside_is_unrounded_and_holds_nothing_typed() -> None:
    record = build_record(score=0.30994321)
    content = case_pdf(record, CARD).content
    payload = read_summary(content).payload
    assert payload is not None
    assert (payload.decision, payload.score, payload.threshold) == ("low", 0.30994321, POINT.threshold)
    assert payload.created == record.created
    metadata = content[content.index(b"<x:xmpmeta") : content.index(b"</x:xmpmeta>")]
    assert not any(typed.encode() in metadata for typed in (record.facts.case_id, record.facts.note, record.image.name))


def test_a_score_that_prints_alike_is_another_result(store: CaseStore) -> None:
    saved(store, build_record(score=0.8701))
    check = check_summary(store, case_pdf(build_record(score=0.8699), CARD).content)
    assert not check.agrees
    assert "the document has REFER 0.8699, the kept case" in check.sentences[0]


@pytest.mark.parametrize(
    ("recorded", "forged", "sentence"),
    [
        (
            '"score": 0.87',
            '"score": 0.78',
            "The result was altered: the page shows REFER; REFER, score 0.87, threshold 0.31",
        ),
        ('"decision": "refer"', '"decision": "low"  ', "the record inside the document REFER; LOW, score 0.87"),
        (f'"image_sha256": "{"5c" * 32}"', f'"image_sha256": "{"6d" * 32}"', "The image's SHA-256 was altered"),
        ('"created": "2026-03-04T15:06', '"created": "2026-03-04T15:07', "The time was altered"),
    ],
)
def test_a_page_that_contradicts_its_record_is_altered(
    store: CaseStore, recorded: str, forged: str, sentence: str
) -> None:
    saved(store, build_record())
    content = case_pdf(build_record(), CARD).content
    assert content.count(recorded.encode()) == 1
    check = check_summary(store, content.replace(recorded.encode(), forged.encode()))
    assert not check.agrees
    assert any(sentence in each for each in check.sentences)


def test_a_document_without_a_record_is_read_by_its_labels(store: CaseStore) -> None:
    """As those of earlier versions are."""
    content = document(store, saved(store, build_record()))
    without = content.replace(b"skinlens:record", b"skinlens:nothing"[:15])
    assert read_summary(without).payload is None
    check = check_summary(store, without)
    assert (check.agrees, check.exact) == (True, False)
    assert "Another version of SkinLens made the document" in check.sentences[1]


@pytest.mark.parametrize("record", ['{"version": 9}', '{"kind": "case", "version": 1}', "[]", "nonsense"])
def test_a_record_that_cannot_be_read_is_not_passed_over(record: str) -> None:
    content = case_pdf(build_record(), CARD).content
    start, end = content.index(b"<skinlens:record>") + 17, content.index(b"</skinlens:record>")
    damaged = content[:start] + record.encode().ljust(end - start) + content[end:]
    with pytest.raises(NotASummaryError, match=r"newer SkinLens|damaged"):
        read_summary(damaged)


def test_a_headline_in_a_note_is_no_second_result() -> None:
    record = build_record(facts=CaseFacts("P", note="UNCERTAIN\nNOT ASSESSED"))
    assert read_summary(case_pdf(record, CARD).content).altered == ()


def test_what_the_user_typed_is_not_taken_for_a_digest() -> None:
    note = f"Weights SHA-256 {'0' * 64}\nImage SHA-256 {'0' * 64}"
    printed = read_summary(case_pdf(build_record(facts=CaseFacts("P", note=note)), CARD).content)
    assert printed.image_sha256 == lesion_image().sha256


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7 nothing", b"no pdf at all"])
def test_what_is_no_summary_is_reported(content: bytes) -> None:
    with pytest.raises(NotASummaryError):
        read_summary(content)


def test_the_summary_of_a_kept_case_is_exact(store: CaseStore) -> None:
    case = saved(store, build_record())
    found = check_summary(store, document(store, case))
    assert (found.agrees, found.exact, found.case_id) == (True, True, case)
    assert found.sentences[1] == "The document is exactly what SkinLens makes of that case."


def test_a_summary_made_later_than_it_was_saved_is_exact_too(store: CaseStore) -> None:
    record = build_record()
    saved(store, record)
    row = store.assessment(store.search().lines[0].id)
    later = replace(reopen(store, row), created=datetime(2027, 1, 2, 3, 4, 5).astimezone())
    assert check_summary(store, case_pdf(later, CARD).content).exact


def test_without_pixels_the_result_is_compared_alone(store: CaseStore) -> None:
    record = build_record()
    case = saved(store, record, pixels=False)
    found = check_summary(store, case_pdf(record, CARD).content)
    assert (found.agrees, found.exact, found.case_id) == (True, None, case)
    assert "not compared" in found.sentences[1]


def test_a_verdict_that_came_later_does_not_make_a_summary_inexact(store: CaseStore) -> None:
    case = saved(store, build_record())
    before = document(store, case)
    store.review(case, "benign", note="no doubt", blind=False, actor="b", reader="Dr Example")
    after = document(store, case)
    assert before != after
    assert check_summary(store, before).exact
    assert check_summary(store, after).exact


def test_a_summary_made_before_the_lesion_had_a_name_is_exact(store: CaseStore) -> None:
    reading = Reading("malignant", "Excise.", "Dr Example", build_record().created)
    row = store.assessment(saved(store, replace(build_record(), readings=(reading,))))
    assert row.image.lesion.label == "L1"
    record = reopen(store, row)
    before = replace(record, facts=replace(record.facts, lesion=""))
    assert check_summary(store, case_pdf(before, CARD).content).exact


def test_other_words_are_noticed(store: CaseStore) -> None:
    record = build_record()
    saved(store, record)
    changed = replace(record, facts=replace(record.facts, note="Nothing to worry about."))
    found = check_summary(store, case_pdf(changed, CARD).content)
    assert (found.agrees, found.exact) == (True, False)


def test_another_result_is_named_with_the_recorded_one(store: CaseStore) -> None:
    saved(store, build_record(score=0.87))
    forged = case_pdf(build_record(score=0.12), CARD).content
    found = check_summary(store, forged)
    assert not found.agrees
    assert "the document has LOW 0.12" in found.sentences[0]
    assert "the kept case REFER 0.87" in found.sentences[0]


def test_another_image_and_another_model_are_distinguished(store: CaseStore) -> None:
    saved(store, build_record())
    other_image = build_record(image=lesion_image(sha256="77" * 32))
    assert "not that of any kept case" in check_summary(store, case_pdf(other_image, CARD).content).sentences[0]
    files = {"weights": CARD.files["weights"].model_copy(update={"sha256": "b2" * 32})}
    card = CARD.model_copy(update={"files": files})
    said = prediction(0.87)
    assessment = assess(replace(said, model=replace(said.model, sha256="b2" * 32)), card, POINT)
    other_model = case_pdf(build_record(assessment=assessment), card).content
    assert "assessed by this model" in check_summary(store, other_model).sentences[0]


def test_a_rejected_image_agrees_without_a_number(store: CaseStore) -> None:
    assessment = replace(build_record().assessment, decision="rejected")
    case = saved(store, build_record(assessment=assessment))
    assert check_summary(store, document(store, case)).exact


def test_the_latest_of_several_equal_cases_is_named(store: CaseStore, tmp_path: Path) -> None:
    cases = [saved(store, build_record(facts=CaseFacts("P", note=note))) for note in ("one", "two")]
    (tmp_path / "case.pdf").write_bytes(document(store, cases[0]))
    assert check_summary(store, (tmp_path / "case.pdf").read_bytes()).case_id in cases


def test_a_summary_is_of_one_image_of_a_file(store: CaseStore) -> None:
    case = saved(store, build_record(image=lesion_image(frames=3, frame=1)))
    content = document(store, case)
    assert "IMG_0042.jpg, frame 2 of 3" in read_summary(content).text
    check = check_summary(store, content)
    assert (check.agrees, check.exact, check.case_id) == (True, True, case)
    other = case_pdf(build_record(image=lesion_image(frames=3, frame=2)), CARD).content
    assert "not that of any kept case" in check_summary(store, other).sentences[0]

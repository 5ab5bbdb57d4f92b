"""The log as people read it: the latest first, with the patient of what is still there, and nothing of what is not."""

from dataclasses import replace
from typing import Any

from skinlens.cases.audit import read_log
from skinlens.cases.store import CaseStore
from skinlens.cases.verify import verify
from skinlens.triage.case import CaseFacts
from tests.made_up_cases import CARD, build_record, lesion_image


def save(store: Any, patient: str, number: int = 0, **more: Any) -> str:
    record = build_record(image=lesion_image(64, 64, sha256=f"{number:064x}"), facts=CaseFacts(patient, site="back"))
    return store.save(replace(record, **more), CARD, actor="me", keep_pixels=True)


def test_an_empty_log_has_no_lines(store: CaseStore) -> None:
    assert (read_log(store).lines, read_log(store).total) == ((), 0)


def test_every_kind_of_row_is_named_with_its_patient_and_lesion(store: CaseStore) -> None:
    case = save(store, "P-1")
    store.review(case, "benign", note="", blind=False, actor="a reader")
    page = read_log(store)
    assert page.total == 7
    shown = [(line.number, line.actor, line.action, line.kind, line.patient, line.lesion) for line in page.lines]
    assert shown[0] == (7, "a reader", "created", "review", "P-1", "L1")
    assert [line[3] for line in shown] == ["review", "pixels", "assessment", "model", "image", "lesion", "patient"]
    assert {line[4:] for line in shown if line[3] not in {"patient", "model"}} == {("P-1", "L1")}
    assert {line[4:] for line in shown if line[3] == "patient"} == {("P-1", "")}
    assert page.lines[0].link == verify(store).head


def test_what_was_deleted_is_not_named(store: CaseStore) -> None:
    save(store, "P-SECRET", 1)
    save(store, "P-2", 2)
    store.erase("P-SECRET", actor="registrar")
    page = read_log(store)
    assert "SECRET" not in str(page)
    assert [line.action for line in page.lines[:5]] == ["erased"] * 5
    assert {line.actor for line in page.lines if line.action == "erased"} == {"registrar"}
    assert any(line.patient == "P-2" for line in page.lines)


def test_the_log_is_read_in_pages(store: CaseStore) -> None:
    save(store, "P-1")
    first = read_log(store, limit=4)
    rest = read_log(store, limit=4, before=first.lines[-1].number)
    assert [line.number for line in (*first.lines, *rest.lines)] == [6, 5, 4, 3, 2, 1]
    assert (first.total, rest.total) == (6, 6)

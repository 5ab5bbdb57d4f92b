"""The list of cases: one row each, search, and opening one."""

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.cases.store import CaseStore
from skinlens.translation import language
from skinlens.triage.case import CaseFacts
from skinlens.triage.wording import HEADLINES
from skinlens.ui.cases.listing import case_table
from tests.made_up_cases import CARD, CREATED, build_record, lesion_image


def save(store: CaseStore, patient: str, *, score: float = 0.87) -> str:
    image = lesion_image(64, 64, sha256=f"{ord(patient[-1]):064x}")
    # Each a minute after the last one, since the list is ordered by time.
    created = CREATED + timedelta(minutes=store.search().total)
    record = build_record(score=score, image=image, facts=CaseFacts(patient, site="back"), created=created)
    return store.save(record, CARD, actor="me")


def test_a_row_has_the_decision_and_the_last_verdict_in_words(cases: CaseStore) -> None:
    case = save(cases, "P-1")
    save(cases, "P-2", score=0.1)
    for verdict in ("malignant", "not judgeable"):
        cases.review(case, verdict, note="", blind=False, actor="me")
    table = case_table(cases.search().lines).set_index("Patient")
    assert table.loc["P-1", "Decision"] == HEADLINES["refer"]
    assert table.loc["P-1", "Reader's verdict"] == "not assessable"
    assert table.loc["P-2", ["Decision", "Reader's verdict"]].tolist() == [HEADLINES["low"], ""]


def test_a_row_has_lesion_with_site_and_the_day_of_the_photograph(cases: CaseStore) -> None:
    save(cases, "P-1")
    record = build_record(
        image=lesion_image(64, 64, sha256="7" * 64),
        facts=CaseFacts("P-2", site="Cheek, left", photographed="2026-02-27"),
    )
    cases.save(record, CARD, actor="me")
    table = case_table(cases.search().lines).set_index("Patient")
    assert table.loc["P-1", ["Lesion", "Photographed"]].tolist() == ["L1, back", "not known"]
    assert table.loc["P-2", ["Lesion", "Photographed"]].tolist() == ["L1, Cheek, left", "2026-02-27"]
    with language("de"):
        assert set(case_table(cases.search().lines)["Läsion"]) == {"L1, Wange, links", "L1, back"}


def draw() -> None:
    from skinlens.ui.case_store import case_store
    from skinlens.ui.cases.listing import show_cases

    show_cases(case_store())


@pytest.fixture
def page(cases: CaseStore) -> AppTest:
    assert cases.search().total == 0
    return AppTest.from_function(draw, default_timeout=60)


def test_without_cases_it_says_where_to_save_one(page: AppTest) -> None:
    page.run()
    assert [each.value for each in page.info] == ["No cases yet. Save one on the Triage page."]


def test_search_and_decision_filter_the_list(page: AppTest, cases: CaseStore) -> None:
    save(cases, "P-1")
    save(cases, "P-2", score=0.1)
    page.run()
    assert page.dataframe[0].value["Patient"].tolist() == ["P-2", "P-1"]
    page.selectbox(key="case-decision").set_value("refer").run()
    assert page.dataframe[0].value["Patient"].tolist() == ["P-1"]
    page.text_input(key="case-words").set_value("P-2").run()
    assert [each.value for each in page.info] == ["No case matches."]


def test_selecting_a_row_opens_its_case(page: AppTest, cases: CaseStore) -> None:
    first = save(cases, "P-1")
    save(cases, "P-2")
    page.run()
    assert "open-case" not in page.session_state
    page.session_state["case-list"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    page.run()
    assert page.session_state["open-case"] == first


def test_only_the_newest_cases_are_listed(page: AppTest, cases: CaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for patient in ("P-1", "P-2", "P-3"):
        save(cases, patient)
    monkeypatch.setattr("skinlens.ui.cases.listing._MOST_SHOWN", 2)
    page.run()
    assert page.dataframe[0].value["Patient"].tolist() == ["P-3", "P-2"]
    assert page.caption[0].value.startswith("2 of 3 cases, the latest saved first.")

"""Maintenance of cases: checking a PDF, checking for alterations, deleting a patient."""

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.cases.records import card_of
from skinlens.cases.reopen import reopen
from skinlens.cases.store import CaseStore
from skinlens.cases.verify import verify
from skinlens.imaging.decode import decode
from skinlens.imaging.synthetic import encode_png
from skinlens.report.pdf import case_pdf
from skinlens.triage.case import CaseFacts
from tests.drawn import familiar_pixels
from tests.made_up_cases import CARD, build_record


def draw() -> None:
    from skinlens.ui.case_store import case_store
    from skinlens.ui.cases.maintenance import show_maintenance

    show_maintenance(case_store())


@pytest.fixture
def case(cases: CaseStore) -> str:
    image = decode(encode_png(familiar_pixels(1)), name="1.png")
    record = build_record(image=image, facts=CaseFacts("P-1", site="back"))
    return cases.save(record, CARD, actor="me", keep_pixels=True, prevalence=0.02)


@pytest.fixture
def page(case: str) -> AppTest:
    assert case
    return AppTest.from_function(draw, default_timeout=60).run()


def texts(app: AppTest) -> list[str]:
    kinds = (app.text, app.caption, app.success, app.error, app.warning)
    return [element.value for kind in kinds for element in kind]


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def delete(app: AppTest, pseudonym: str) -> None:
    next(field for field in app.text_input if field.label.startswith("Type")).set_value(pseudonym)
    press(app, "Delete permanently")


def drop(app: AppTest, content: bytes) -> list[str]:
    app.file_uploader(key="summary").set_value(("case.pdf", content, "application/pdf")).run()
    return texts(app)


def test_the_check_states_how_much_was_checked_and_the_digest(page: AppTest, cases: CaseStore) -> None:
    press(page, "Check for alterations")
    found = verify(cases)
    assert f"No alterations: {found.rows} records and {found.entries} log entries were checked." in texts(page)
    assert f"Digest of the log: {found.head}" in texts(page)


@pytest.mark.parametrize(
    ("statements", "shown"),
    [
        (("UPDATE assessment SET score = 0.1",), "1 record has been altered:"),
        (("UPDATE assessment SET score = 0.1", "UPDATE patient SET pseudonym = 'P-2'"), "2 records have been altered:"),
    ],
)
def test_the_check_counts_alterations(page: AppTest, cases: CaseStore, statements: tuple[str, ...], shown: str) -> None:
    with cases.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    press(page, "Check for alterations")
    assert shown in texts(page)


def test_a_pdf_is_compared_with_its_case(page: AppTest, cases: CaseStore, case: str) -> None:
    row = cases.assessment(case)
    genuine = case_pdf(reopen(cases, row), card_of(row)).content
    assert "The PDF agrees with the saved case." in drop(page, genuine)
    forged = case_pdf(build_record(score=0.1, image=reopen(cases, row).image), CARD).content
    assert "The PDF does not agree with the saved case." in drop(page, forged)
    assert "This file cannot be used." in drop(page, b"%PDF nothing")


def test_only_the_typed_patient_is_deleted(page: AppTest, cases: CaseStore) -> None:
    delete(page, "P-7")
    assert "Nothing was deleted." in texts(page)
    delete(page, "   ")
    assert cases.search().total == 1
    page.session_state["open-case"] = "any"
    delete(page, "  P-1 ")
    assert cases.search().total == 0
    assert any(text.startswith("Deleted ") for text in texts(page))
    assert "open-case" not in page.session_state

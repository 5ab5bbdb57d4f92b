"""The Cases page in its states: empty, a list, one open with and without its image, deleted, no database."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from skinlens.cases.records import card_of
from skinlens.cases.reopen import reopen
from skinlens.cases.store import CaseStore, open_store
from skinlens.imaging.decode import decode
from skinlens.report.pdf import case_pdf
from skinlens.triage.case import CaseFacts
from skinlens.triage.decision import assess
from skinlens.triage.risk import one_in, risk_of
from skinlens.triage.wording import HEADLINES, UNVERIFIED
from skinlens.ui.case_store import case_store
from tests.drawn import familiar_pixels
from tests.made_up_cases import CARD, POINT, build_record, prediction
from tests.quick_app import given_to_components


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SKINLENS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Iterator[CaseStore]:
    assert not home.exists()
    made = open_store()
    yield made
    made.engine.dispose()


def png(number: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(familiar_pixels(number)).save(stream, "PNG")
    return stream.getvalue()


def kept(store: CaseStore, *, patient: str = "P-1", seed: int = 1, pixels: bool = True, score: float = 0.87) -> str:
    record = build_record(
        score=score,
        image=decode(png(seed), name=f"{seed}.png"),
        facts=CaseFacts(patient, site="back", note="itches", lesion="L1"),
    )
    return store.save(record, CARD, actor="me", keep_pixels=pixels, prevalence=0.02)


def cases(app: AppTest, case_id: str = "") -> AppTest:
    app.run()
    app.switch_page("pages/cases.py")
    if case_id:
        app.session_state["open-case"] = case_id
    return app.run()


def texts(app: AppTest) -> str:
    kinds = (app.text, app.markdown, app.caption, app.error, app.warning, app.info, app.success)
    return "\n".join(element.value for kind in kinds for element in kind)


def button(app: AppTest, label: str) -> Button:
    return next(each for each in app.button if each.label == label)


def test_without_cases_it_says_where_they_come_from(app: AppTest) -> None:
    cases(app)
    assert not app.exception
    assert "No cases yet" in texts(app)
    assert not app.dataframe


def test_cases_are_listed_and_searched(app: AppTest, store: CaseStore) -> None:
    for patient in ("P-1", "P-2"):
        kept(store, patient=patient)
    cases(app)
    assert sorted(app.dataframe[0].value["Patient"]) == ["P-1", "P-2"]
    app.text_input(key="case-words").set_value("p-2 itches").run()
    assert app.dataframe[0].value["Patient"].tolist() == ["P-2"]
    app.text_input(key="case-words").set_value("nothing like it").run()
    assert "No case matches" in texts(app)
    assert not app.exception


def test_a_case_is_shown_as_it_was_assessed(app: AppTest, store: CaseStore) -> None:
    cases(app, kept(store))
    assert not app.exception
    assert "The score 0.87 is at or above the threshold 0.31." in texts(app)
    assert HEADLINES["refer"] in texts(app)
    assert images_in_viewers(app) == 2
    assert "Download PDF" in [each.proto.label for each in app.get("download_button")]


def test_a_case_of_a_model_that_was_not_released_is_marked(app: AppTest, store: CaseStore) -> None:
    own = CARD.model_copy(update={"unverified": True})
    record = build_record(assessment=assess(prediction(0.87), own, POINT))
    cases(app, store.save(record, own, actor="me"))
    assert f"{CARD.name} (unverified) {CARD.version}, saved" in texts(app)
    assert UNVERIFIED in texts(app)


def test_without_its_pixels_it_takes_the_right_file_only(app: AppTest, store: CaseStore) -> None:
    cases(app, kept(store, pixels=False))
    assert images_in_viewers(app) == 0
    app.file_uploader[0].set_value(("other.png", png(2), "image/png")).run()
    assert "not the image of the case" in texts(app)
    assert images_in_viewers(app) == 0
    app.file_uploader[0].set_value(("any name.png", png(1), "image/png")).run()
    assert not app.exception
    assert images_in_viewers(app) == 2


def test_a_lesion_is_compared_with_another_date(app: AppTest, store: CaseStore) -> None:
    first = kept(store, seed=1)
    kept(store, seed=2, score=0.2)
    kept(store, seed=3, patient="P-2")
    cases(app, first)
    assert "The lesion over time" in texts(app)
    assert images_in_viewers(app) == 4
    assert len(next(box for box in app.selectbox if box.label == "Compare").options) == 2


def test_the_log_can_be_read(app: AppTest, store: CaseStore) -> None:
    case = kept(store)
    store.review(case, "benign", note="", blind=False, actor="a reader")
    store.erase("P-1", actor="registrar")
    kept(store, patient="P-2")
    cases(app)
    log = app.dataframe[1].value
    assert log["No."].tolist() == list(range(len(log), 0, -1))
    assert log.iloc[0][["Did", "Patient", "Lesion"]].tolist() == ["saved", "P-2", "L1"]
    erased = log[log["Did"] == "deleted"]
    assert set(erased["Who"]) == {"registrar"}
    assert set(erased["Patient"]) == {""}
    assert "reader's verdict" in set(erased["What"])


def test_a_case_is_deleted_after_it_was_asked(app: AppTest, store: CaseStore) -> None:
    first = kept(store, seed=1)
    kept(store, seed=2)
    cases(app, first)
    button(app, "Delete…").click().run()
    assert store.search().total == 2
    button(app, "Delete permanently").click().run()
    assert not app.exception
    assert "Deleted 3 records" in texts(app)
    assert store.search().total == 1
    app.run()
    assert "Deleted" not in texts(app)


def images_in_viewers(app: AppTest) -> int:
    return sum(len(viewer["sides"]) for viewer in given_to_components(app, "sides"))


def test_a_verdict_is_kept_beside_the_models(app: AppTest, store: CaseStore) -> None:
    case = kept(store)
    cases(app, case)
    button(app, "Save verdict").click().run()
    assert "Choose a verdict first" in texts(app)
    app.radio[0].set_value("malignant")
    next(field for field in app.text_input if field.label == "Remark").set_value("asymmetric <b>x</b>")
    button(app, "Save verdict").click().run()
    assert not app.exception
    (review,) = store.assessment(case).reviews
    assert (review.verdict, review.note, review.blind) == ("malignant", "asymmetric <b>x</b>", False)
    assert any("asymmetric <b>x</b>" in element.value for element in app.text)
    assert not any("<b>x" in element.value for element in app.markdown)


def test_a_patient_is_deleted_after_the_id_was_typed(app: AppTest, store: CaseStore) -> None:
    cases(app, kept(store))
    field = next(field for field in app.text_input if field.label.startswith("Type the pseudonymous"))
    field.set_value("P-7")
    button(app, "Delete permanently").click().run()
    assert "Nothing was deleted" in texts(app)
    assert store.search().total == 1
    field = next(field for field in app.text_input if field.label.startswith("Type the pseudonymous"))
    field.set_value("P-1")
    button(app, "Delete permanently").click().run()
    assert not app.exception
    assert store.search().total == 0
    assert "Deleted 5 records" in texts(app)


def test_the_check_reports_alterations(app: AppTest, store: CaseStore) -> None:
    kept(store)
    cases(app)
    button(app, "Check for alterations").click().run()
    assert "No alterations: 6 records and 6 log entries were checked" in texts(app)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE assessment SET score = 0.1")
    button(app, "Check for alterations").click().run()
    assert "1 record has been altered" in texts(app)


def test_a_case_deleted_elsewhere_is_reported(app: AppTest, store: CaseStore) -> None:
    case = kept(store)
    cases(app, case)
    store.erase("P-1", actor="somebody else")
    app.run()
    assert not app.exception
    assert "it may have been deleted" in texts(app)
    app.run()
    assert "No cases yet" in texts(app)


def test_a_database_that_cannot_be_opened_is_reported(app: AppTest, home: Path) -> None:
    home.mkdir()
    (home / "cases.sqlite").write_bytes(b"something else" * 100)
    cases(app)
    assert not app.exception
    assert "The cases cannot be opened" in texts(app)
    assert "damaged or not a SkinLens database" in texts(app)
    assert f"The cases are stored in {home / 'cases.sqlite'}." in texts(app)
    assert "cases restore FILE.zip" in texts(app)
    (home / "cases.sqlite").unlink()
    button(app, "Try again").click().run()
    assert not app.exception
    assert "No cases yet" in texts(app)


def test_a_database_removed_while_it_is_open_is_reported_and_used_once_it_is_back(
    app: AppTest, store: CaseStore, home: Path
) -> None:
    kept(store)
    store.engine.dispose()
    cases(app)
    assert app.dataframe[0].value["Patient"].tolist() == ["P-1"]
    shutil.copy(home / "cases.sqlite", home / "backup")
    for name in ("cases.sqlite", "cases.sqlite-wal", "cases.sqlite-shm"):
        (home / name).unlink(missing_ok=True)
    app.run()
    assert "The file of the cases is gone." in texts(app)
    assert not app.dataframe
    (home / "backup").rename(home / "cases.sqlite")
    button(app, "Try again").click().run()
    assert not app.exception
    assert app.dataframe[0].value["Patient"].tolist() == ["P-1"]
    case_store().save(
        build_record(image=decode(png(2), name="2.png"), facts=CaseFacts("P-2")), CARD, actor="me", keep_pixels=False
    )
    again = open_store()
    assert again.search().total == 2
    again.engine.dispose()


class TestSaving:
    @staticmethod
    def assessed(app: AppTest) -> AppTest:
        return app.run().file_uploader[0].set_value(("lesion.png", png(2), "image/png")).run()

    def test_it_needs_a_pseudonym(self, app: AppTest, store: CaseStore) -> None:
        self.assessed(app)
        button(app, "Save").click().run()
        assert "needs a pseudonymous id" in texts(app)
        assert store.search().total == 0

    def test_a_saved_case_is_what_the_page_showed(self, app: AppTest, store: CaseStore) -> None:
        self.assessed(app)
        app.text_input[0].set_value("P-17").run()
        app.checkbox[0].check()
        button(app, "Save").click().run()
        assert not app.exception
        assert "Saved." in texts(app)
        (line,) = store.search("P-17").lines
        row = store.assessment(line.id)
        risk = risk_of(line.score, card_of(row), 0.02)
        assert risk is not None
        assert risk.value is not None
        assert app.metric[0].value == one_in(risk.value)
        assert row.prevalence == 0.02
        assert store.pixels.read(row.image_id) is not None

    def test_a_full_disk_is_reported(self, app: AppTest, store: CaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object) -> str:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("skinlens.cases.pixels.PixelFolder.write", full)
        self.assessed(app)
        app.text_input[0].set_value("P-17").run()
        app.checkbox[0].check()
        button(app, "Save").click().run()
        assert "the disk is full" in texts(app)
        assert store.search().total == 0


class TestSummary:
    @staticmethod
    def dropped(app: AppTest, content: bytes) -> AppTest:
        return app.file_uploader(key="summary").set_value(("case.pdf", content, "application/pdf")).run()

    def test_the_record_and_its_summary_agree(self, app: AppTest, store: CaseStore) -> None:
        row = store.assessment(kept(store))
        content = case_pdf(reopen(store, row), card_of(row)).content
        self.dropped(cases(app), content)
        assert not app.exception
        assert "The PDF agrees with the saved case." in texts(app)
        assert "exactly what SkinLens makes" in texts(app)

    def test_a_forged_one_does_not(self, app: AppTest, store: CaseStore) -> None:
        kept(store)
        forged = case_pdf(build_record(score=0.1, image=decode(png(1), name="1.png")), CARD).content
        self.dropped(cases(app), forged)
        assert "The PDF does not agree with the saved case." in texts(app)

    def test_another_file_is_reported(self, app: AppTest, store: CaseStore) -> None:
        kept(store)
        self.dropped(cases(app), b"%PDF nothing")
        assert not app.exception
        assert "no PDF, or a damaged one" in texts(app)


def test_what_an_interrupted_save_left_is_gone_after_the_start(app: AppTest, store: CaseStore) -> None:
    image_id = "ab" * 16
    store.pixels.mark(image_id)
    store.pixels.write(image_id, familiar_pixels(0))
    app.run()
    assert not app.exception
    assert not store.pixels.file(image_id).exists()
    assert store.pixels.marked() == []

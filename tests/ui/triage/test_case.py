"""Facts, PDF and saved case of one image."""

import json
from datetime import date

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox, TextInput

from skinlens.cases.store import CaseStore
from skinlens.triage.case import CaseFacts
from tests.made_up_cases import CARD, build_record, lesion_image


def draw(*, rejected: bool) -> None:
    from types import SimpleNamespace

    import streamlit as st

    from skinlens.triage.decision import assess
    from skinlens.triage.pipeline import Assessed
    from skinlens.triage.risk import meaning
    from skinlens.triage.turns import Turns
    from skinlens.ui.model import LoadedModel
    from skinlens.ui.triage.case import ask_for_facts, offer_pdf_and_case
    from tests.made_up_cases import CARD, POINT, lesion_image, prediction

    model = LoadedModel(SimpleNamespace(card=CARD), Turns())  # type: ignore[arg-type]
    taken = st.session_state.get("taken")
    image = lesion_image(sha256=st.session_state.get("image", "5c") * 32, taken=taken)
    assessment = assess(prediction(0.87), CARD, POINT)
    result = Assessed(image, assessment, CARD)
    facts = ask_for_facts(result)
    risk = None if rejected else meaning(assessment, CARD, 0.1)
    offer_pdf_and_case(result, assessment, facts, risk, model)
    st.json({name: value for name, value in vars(facts).items() if name != "checklists"})
    st.json([facts.checklists.sentences()])


def page(*, rejected: bool = False) -> AppTest:
    app = AppTest.from_function(draw, kwargs={"rejected": rejected}, default_timeout=60).run()
    assert not app.exception
    return app


def field(app: AppTest, label: str) -> TextInput:
    return next(each for each in app.text_input if each.label == label)


def box(app: AppTest, label: str) -> Selectbox:  # type: ignore[type-arg]
    return next(each for each in app.selectbox if each.label == label)


def press(app: AppTest, label: str) -> None:
    next(each for each in app.button if each.label == label).click().run()
    assert not app.exception


def save(app: AppTest) -> None:
    press(app, "Save")


def shown(app: AppTest) -> list[str]:
    kinds = (app.text, app.success, app.info, app.warning, app.error)
    return [each.value for kind in kinds for each in kind]


def facts_of(app: AppTest) -> dict[str, str]:
    facts: dict[str, str] = json.loads(app.json[0].value)
    return facts


def keep(store: CaseStore, patient: str, number: int, lesion: str = "") -> None:
    facts = CaseFacts(patient, site="Cheek, left", lesion=lesion, site_code="36141000", side="left")
    store.save(build_record(image=lesion_image(64, 64, sha256=f"{number:064x}"), facts=facts), CARD, actor="me")


def test_facts_belong_to_their_image() -> None:
    app = page()
    field(app, "Pseudonymous id").set_value("P-1").run()
    app.session_state["image"] = "ab"
    app.run()
    assert field(app, "Pseudonymous id").value == ""
    assert facts_of(app)["case_id"] == ""


def test_characters_that_the_pdf_cannot_print_are_listed() -> None:
    app = page()
    assert not app.warning
    field(app, "Note").set_value("mole \U00012031 \U00012031").run()
    assert len(app.warning) == 1
    assert [each.value for each in app.text] == ["\U00012031"]


def test_a_case_needs_a_pseudonym(cases: CaseStore) -> None:
    app = page()
    save(app)
    assert [each.value for each in app.error] == ["The case was not saved."]
    assert cases.search().total == 0


def test_a_case_is_saved_with_its_prevalence_and_without_the_image_unless_asked(cases: CaseStore) -> None:
    app = page()
    field(app, "Pseudonymous id").set_value("P-1").run()
    save(app)
    (line,) = cases.search().lines
    row = cases.assessment(line.id)
    assert row.prevalence == 0.1
    assert cases.pixels.read(row.image_id) is None
    assert shown(app) == ["It is L1 of P-1.", "Saved."]
    app.checkbox[-1].check()
    save(app)
    assert cases.search().total == 1
    assert cases.pixels.read(row.image_id) is not None
    assert app.session_state["open-case"] == line.id


def test_saving_twice_says_so(cases: CaseStore) -> None:
    app = page()
    field(app, "Pseudonymous id").set_value("P-1").run()
    save(app)
    save(app)
    assert shown(app) == ["It is L1 of P-1.", "This case is saved already, so nothing was saved again."]
    assert cases.search().total == 1
    field(app, "Note").set_value("itches").run()
    save(app)
    assert "Saved." in shown(app)
    assert cases.search().total == 2
    assert len(cases.lesions("P-1")) == 1


class TestLesion:
    def test_without_a_patient_there_is_nothing_to_choose(self, cases: CaseStore) -> None:
        assert cases.search().total == 0
        app = page()
        assert box(app, "Lesion").disabled
        field(app, "Pseudonymous id").set_value("P-1").run()
        assert not box(app, "Lesion").disabled
        assert box(app, "Lesion").options == ["New lesion (L1)"]

    def test_of_a_known_patient_it_is_chosen_by_the_user(self, cases: CaseStore) -> None:
        keep(cases, "P-1", 1)
        keep(cases, "P-1", 2)
        app = page()
        field(app, "Pseudonymous id").set_value(" P-1 ").run()
        assert box(app, "Lesion").value is None
        day = f"{cases.of_patient('P-1')[0].created.astimezone():%Y-%m-%d}"
        assert box(app, "Lesion").options == [
            "New lesion (L3)",
            f"L1, Cheek, left ({day})",
            f"L2, Cheek, left ({day})",
        ]
        save(app)
        assert shown(app) == ["Choose the lesion first: a new one, or one of this patient's."]
        assert cases.search().total == 2
        box(app, "Lesion").set_value("L2").run()
        assert not any(each.label == "Body site" for each in app.selectbox)
        assert field(app, "Body site of L2").value == "Cheek, left"
        save(app)
        assert "It is L2 of P-1." in shown(app)
        assert [len(lesion.images) for lesion in cases.lesions("P-1")] == [1, 2]

    def test_three_on_one_site_stay_three(self, cases: CaseStore) -> None:
        app = page()
        for image in ("5c", "6d", "7e"):
            app.session_state["image"] = image
            app.run()
            field(app, "Pseudonymous id").set_value("P-1").run()
            box(app, "Lesion").set_value("").run()
            box(app, "Body site").set_value("699893008").run()
            box(app, "Side").set_value("left").run()
            save(app)
        assert [(lesion.label, lesion.site) for lesion in cases.lesions("P-1")] == [
            (f"L{number}", "Upper back, left") for number in (1, 2, 3)
        ]

    def test_the_same_image_again_is_of_the_lesion_that_it_is_of(self, cases: CaseStore) -> None:
        keep(cases, "P-1", 1)
        keep(cases, "P-1", int("5c" * 32, 16))
        app = page()
        field(app, "Pseudonymous id").set_value("P-1").run()
        assert box(app, "Lesion").value == "L2"

    def test_a_lesion_of_an_earlier_version_can_get_a_site(self, cases: CaseStore) -> None:
        keep(cases, "P-1", 1)
        with cases.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE lesion SET label = 'left back', site = NULL")
        app = page()
        field(app, "Pseudonymous id").set_value("P-1").run()
        box(app, "Lesion").set_value("left back").run()
        box(app, "Body site").set_value("699893008").run()
        assert (facts_of(app)["lesion"], facts_of(app)["site"]) == ("left back", "Upper back")


class TestSite:
    def test_code_side_and_more_make_the_site(self) -> None:
        app = page()
        assert box(app, "Side").disabled
        box(app, "Body site").set_value("36141000").run()
        assert box(app, "Side").options == ["left", "right"]
        box(app, "Side").set_value("right").run()
        field(app, "More precisely").set_value("near the ear").run()
        facts = facts_of(app)
        assert (facts["site"], facts["site_code"], facts["side"]) == ("Cheek, right: near the ear", "36141000", "right")

    def test_free_text_alone_is_a_site(self) -> None:
        app = page()
        field(app, "More precisely").set_value("birthmark").run()
        assert (facts_of(app)["site"], facts_of(app)["site_code"]) == ("birthmark", "")

    def test_the_side_of_another_site_does_not_stay(self) -> None:
        app = page()
        box(app, "Body site").set_value("699893008").run()
        box(app, "Side").set_value("midline").run()
        box(app, "Body site").set_value("36141000").run()
        assert facts_of(app)["side"] in {"", "left", "right"}


class TestDay:
    def test_what_the_file_states_is_offered_and_not_taken(self) -> None:
        app = page()
        assert not any("from the file" in each.label for each in app.button)
        app.session_state["taken"] = date(2026, 2, 27)
        app.run()
        assert facts_of(app)["photographed"] == ""
        press(app, "Use 2026-02-27 from the file")
        assert facts_of(app)["photographed"] == "2026-02-27"
        assert not any("from the file" in each.label for each in app.button)

    def test_another_day_can_be_typed(self) -> None:
        app = page()
        app.date_input[0].set_value(date(2025, 1, 2)).run()
        assert facts_of(app)["photographed"] == "2025-01-02"


class TestReader:
    def test_the_verdict_is_saved_with_its_name_and_the_name_stays(self, cases: CaseStore) -> None:
        app = page()
        field(app, "Pseudonymous id").set_value("P-1").run()
        app.radio[0].set_value("malignant").run()
        field(app, "Your remark").set_value("Excise.").run()
        field(app, "Your name").set_value("Dr Example").run()
        save(app)
        (line,) = cases.search().lines
        (review,) = cases.assessment(line.id).reviews
        assert (review.reader, review.verdict, review.note) == ("Dr Example", "malignant", "Excise.")
        app.session_state["image"] = "ab"
        app.run()
        assert (app.radio[0].value, field(app, "Your name").value) == (None, "Dr Example")

    def test_checklists_are_filled_in_only_if_somebody_did(self) -> None:
        app = page()
        assert json.loads(app.json[1].value) == [[]]
        next(each for each in app.checkbox if each.label == "Blue-whitish veil").check().run()
        assert json.loads(app.json[1].value)[0][0].startswith("Seven-point checklist: 2 of 10")
        next(each for each in app.checkbox if each.label == "Blue-whitish veil").uncheck().run()
        next(each for each in app.checkbox if each.label == "None of these").check().run()
        assert json.loads(app.json[1].value)[0][0].startswith("Seven-point checklist: 0 of 10")

    def test_the_abcd_rule_is_scored_once_it_is_complete(self) -> None:
        app = page()
        # The form's own names of its fields; the driver sets no field of which one answer is chosen.
        for part, value in {"a": 2, "b": 3, "c": ["red", "black"]}.items():
            app.session_state[f"abcd-{part}-{'5c' * 32}"] = value
            app.run()
        assert json.loads(app.json[1].value) == [[]]
        app.session_state[f"abcd-d-{'5c' * 32}"] = ["dots"]
        app.run()
        assert "total score 4.4" in json.loads(app.json[1].value)[0][0]


def test_a_rejected_case_has_no_prevalence(cases: CaseStore) -> None:
    app = page(rejected=True)
    field(app, "Pseudonymous id").set_value("P-1").run()
    save(app)
    (line,) = cases.search().lines
    assert cases.assessment(line.id).prevalence is None

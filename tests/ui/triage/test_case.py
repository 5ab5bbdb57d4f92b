"""Facts, PDF and saved case of one image."""

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import TextInput

from skinlens.cases.store import CaseStore


def draw(*, rejected: bool) -> None:
    import threading
    from types import SimpleNamespace

    import streamlit as st

    from skinlens.triage.decision import assess
    from skinlens.triage.pipeline import Assessed
    from skinlens.triage.risk import meaning
    from skinlens.ui.model import LoadedModel
    from skinlens.ui.triage.case import ask_for_facts, offer_pdf_and_case
    from tests.made_up_cases import CARD, POINT, lesion_image, prediction

    model = LoadedModel(SimpleNamespace(card=CARD), threading.Lock())  # type: ignore[arg-type]
    image = lesion_image(sha256=st.session_state.get("image", "5c") * 32)
    assessment = assess(prediction(0.87), CARD, POINT)
    result = Assessed(image, assessment, CARD)
    facts = ask_for_facts(result)
    risk = None if rejected else meaning(assessment, CARD, 0.1)
    offer_pdf_and_case(result, assessment, facts, risk, model)
    st.json(vars(facts))


def page(*, rejected: bool = False) -> AppTest:
    app = AppTest.from_function(draw, kwargs={"rejected": rejected}, default_timeout=60).run()
    assert not app.exception
    return app


def field(app: AppTest, label: str) -> TextInput:
    return next(each for each in app.text_input if each.label == label)


def save(app: AppTest) -> None:
    next(each for each in app.button if each.label == "Save").click().run()
    assert not app.exception


def test_facts_belong_to_their_image() -> None:
    app = page()
    field(app, "Pseudonymous id").set_value("P-1").run()
    app.session_state["image"] = "ab"
    app.run()
    assert field(app, "Pseudonymous id").value == ""
    assert '"case_id": ""' in app.json[0].value.replace('":"', '": "')


def test_characters_that_the_pdf_cannot_print_are_listed() -> None:
    app = page()
    assert not app.warning
    field(app, "Note").set_value("mole 痣 痣").run()
    assert len(app.warning) == 1
    assert [each.value for each in app.text] == ["痣"]


def test_a_case_needs_a_pseudonym(cases: CaseStore) -> None:
    app = page()
    save(app)
    assert [each.value for each in app.error] == ["The case was not saved."]
    assert cases.search().total == 0


def test_a_case_is_saved_with_its_prevalence_and_without_the_image_unless_asked(cases: CaseStore) -> None:
    app = page()
    field(app, "Pseudonymous id").set_value("P-1").run()
    save(app)
    app.checkbox[0].check()
    save(app)
    assert [each.value for each in app.success] == ["Saved."]
    with_image, without = (cases.assessment(line.id) for line in cases.search().lines)
    assert with_image.prevalence == without.prevalence == 0.1
    assert cases.pixels.read(with_image.image_id) is not None


def test_a_rejected_case_has_no_prevalence(cases: CaseStore) -> None:
    app = page(rejected=True)
    field(app, "Pseudonymous id").set_value("P-1").run()
    save(app)
    (line,) = cases.search().lines
    assert cases.assessment(line.id).prevalence is None

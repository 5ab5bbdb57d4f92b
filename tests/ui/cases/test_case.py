"""One case: its images, its result, readers' verdicts, and the lesion at other dates."""

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.cases.store import CaseStore
from skinlens.imaging.decode import decode
from skinlens.imaging.synthetic import encode_png
from skinlens.triage.case import CaseFacts
from tests.drawn import familiar_pixels
from tests.made_up_cases import CARD, build_record


def save(store: CaseStore, seed: int, *, site: str = "back", pixels: bool = True) -> str:
    image = decode(encode_png(familiar_pixels(seed)), name=f"{seed}.png")
    facts = CaseFacts("P-1", age="57", site=site, note="itches")
    return store.save(build_record(image=image, facts=facts), CARD, actor="me", keep_pixels=pixels, prevalence=0.02)


def draw(case: str) -> None:
    from skinlens.ui.case_store import case_store
    from skinlens.ui.cases.case import show_case

    show_case(case_store(), case)


def opened(case: str) -> AppTest:
    app = AppTest.from_function(draw, kwargs={"case": case}, default_timeout=60).run()
    assert not app.exception
    return app


def texts(app: AppTest) -> list[str]:
    return [element.value for kind in (app.text, app.caption, app.info, app.error, app.warning) for element in kind]


def captions(app: AppTest) -> list[str]:
    return [element.proto.imgs[0].caption for element in app.get("image")]


def test_it_shows_both_images_the_score_and_what_was_typed(cases: CaseStore) -> None:
    app = opened(save(cases, 1))
    assert captions(app) == ["Original", "What the model looked at"]
    assert app.metric[0].value == "0.87"
    assert {"P-1, back: 1.png", "Age: 57", "Note: itches"} <= set(texts(app))
    assert not any(text.startswith("Sex") for text in texts(app)), "nothing was typed"


def test_without_its_pixels_it_asks_for_the_file_and_takes_the_right_one_only(cases: CaseStore) -> None:
    app = opened(save(cases, 1, pixels=False))
    assert captions(app) == []
    assert not app.get("download_button")
    app.file_uploader[0].set_value(("2.png", encode_png(familiar_pixels(2)), "image/png")).run()
    assert "This file cannot be used." in texts(app)
    assert captions(app) == []
    app.file_uploader[0].set_value(("1.png", encode_png(familiar_pixels(1)), "image/png")).run()
    assert captions(app) == ["Original", "What the model looked at"]
    assert len(app.get("download_button")) == 1


def test_other_dates_are_of_the_same_lesion_only(cases: CaseStore) -> None:
    first = save(cases, 1)
    save(cases, 2, site="arm")
    app = opened(first)
    assert not app.selectbox
    save(cases, 3, pixels=False)
    app = opened(first)
    assert len(app.selectbox[0].options) == 1
    assert any(text.endswith("the image was not saved.") for text in texts(app))


@pytest.mark.parametrize(("verdict", "shown"), [("malignant", "malignant"), ("not judgeable", "not assessable")])
def test_a_verdict_is_saved_and_listed_in_words(cases: CaseStore, verdict: str, shown: str) -> None:
    case = save(cases, 1)
    app = opened(case)
    next(button for button in app.button if button.label == "Save verdict").click().run()
    assert "Choose a verdict first." in texts(app)
    assert cases.assessment(case).reviews == []
    app.radio[0].set_value(verdict)
    next(field for field in app.text_input if field.label == "Remark").set_value("**x**")
    next(button for button in app.button if button.label == "Save verdict").click().run()
    assert [review.verdict for review in cases.assessment(case).reviews] == [verdict]
    assert any(text.endswith(f": {shown}. **x**") for text in texts(app))

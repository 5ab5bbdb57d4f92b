"""The model chosen in the sidebar is the whole app's, and the other one can be asked about the image in view."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.runtime.card import ModelFileError
from skinlens.runtime.predictor import DEFAULT_MODEL, Predictor, load_predictor
from skinlens.triage.pipeline import Pipeline
from skinlens.ui.model import MODEL
from tests.app.test_triage_page import png, texts, upload
from tests.quick_app import given_to_components

# The first of the others, in the order in which the sidebar offers them, and one without calibration.
OTHER = "asff_resnet50"
PAPER = "asff_resnet50_paper"


@pytest.fixture(scope="session")
def other_model() -> Predictor:
    return load_predictor(OTHER)


@pytest.fixture(scope="session")
def paper_model() -> Predictor:
    return load_predictor(PAPER)


@pytest.fixture
def loads(
    app: AppTest,
    predictor: Predictor,
    other_model: Predictor,
    paper_model: Predictor,
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:
    """Names of the models that were loaded, in order."""
    assert app is not None
    names: list[str] = []
    known = {each.card.name: each for each in (predictor, other_model, paper_model)}

    def load(card: Any, _folder: Any) -> Predictor:
        names.append(card.name)
        return known[card.name]

    monkeypatch.setattr("skinlens.ui.model.predictor_for", load)
    return names


def sides(app: AppTest) -> list[dict[str, Any]]:
    (viewer,) = given_to_components(app, "sides")
    return viewer["sides"]


def ask_the_other(app: AppTest) -> None:
    app.segmented_control(key="viewer-right").set_value("other model").run()
    assert not app.exception


@pytest.mark.slow
def test_only_the_model_in_use_is_loaded_until_the_other_is_asked(app: AppTest, loads: list[str]) -> None:
    upload(app.run(), "a.png", png(5))
    app.run()
    assert loads == [DEFAULT_MODEL]
    ask_the_other(app)
    app.segmented_control(key="viewer-right").set_value("heatmap").run()
    ask_the_other(app)
    assert loads == [DEFAULT_MODEL, OTHER]


def test_the_sidebar_switches_every_page(app: AppTest, loads: list[str], other_model: Predictor) -> None:
    upload(app.run(), "a.png", png(5))
    app.radio(key=MODEL).set_value(OTHER).run()
    assert not app.exception
    assert any(f"Model **{OTHER}** {other_model.card.version}" in text for text in texts(app))
    expected = Pipeline(other_model)(png(5))
    assert any(expected.assessment.reasons[0] == text for text in texts(app))
    app.switch_page("pages/batch.py").run()
    assert not app.exception
    assert any(f"Model **{OTHER}** {other_model.card.version}" in text for text in texts(app))
    assert loads == [DEFAULT_MODEL, OTHER]


@pytest.mark.slow
def test_a_drawn_example_is_assessed_again_by_the_chosen_model(
    app: AppTest, loads: list[str], other_model: Predictor
) -> None:
    """It has no file in the uploader that would be read again."""
    app.run()
    next(button for button in app.button if button.label == "Try a synthetic example").click().run()
    app.radio(key=MODEL).set_value(OTHER).run()
    assert not app.exception
    assert any(other_model.model.sha256 in text for text in texts(app))
    app.radio(key=MODEL).set_value(DEFAULT_MODEL).run()
    assert not any(other_model.model.sha256 in text for text in texts(app))
    assert loads == [DEFAULT_MODEL, OTHER]


@pytest.mark.usefixtures("loads")
def test_an_operating_point_is_used_where_the_model_has_it(app: AppTest) -> None:
    upload(app.run(), "a.png", png(5))
    app.radio(key="point").set_value("specialist").run()
    app.radio(key=MODEL).set_value(PAPER).run()
    assert not app.exception
    assert any("Operating point **balanced**" in text for text in texts(app))
    app.radio(key=MODEL).set_value(DEFAULT_MODEL).run()
    assert not app.exception
    assert app.radio(key="point").value == "specialist"
    assert any("Operating point **specialist**" in text for text in texts(app))


@pytest.mark.usefixtures("loads")
def test_the_other_models_heatmap_and_decision_stand_at_the_right(app: AppTest, other_model: Predictor) -> None:
    upload(app.run(), "a.png", png(5))
    ask_the_other(app)
    other = Pipeline(other_model)(png(5))
    left, right = sides(app)
    assert left["caption"] == "Original"
    assert right["caption"] == f"{other_model.card.title}: {other.assessment.headline}"
    shown = texts(app)
    agrees = any(text.startswith("Both models decide the same") for text in shown)
    differs = any(OTHER in text and "says" in text for text in shown)
    assert agrees != differs


def test_an_other_model_that_was_tampered_with_says_so(
    app: AppTest, loads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(app.run(), "a.png", png(5))

    def broken(card: Any, _folder: Any) -> Predictor:
        raise ModelFileError(f"{card.name} has been altered")

    monkeypatch.setattr("skinlens.ui.model.predictor_for", broken)
    ask_the_other(app)
    assert f"{OTHER} has been altered" in texts(app)
    assert len(sides(app)) == 2
    assert loads == [DEFAULT_MODEL]


@pytest.mark.usefixtures("assesses_anything")
def test_where_there_is_one_model_nothing_is_chosen(app: AppTest) -> None:
    upload(app.run(), "a.png", png(5))
    assert MODEL not in [box.key for box in app.radio]
    assert "Other model" not in app.segmented_control(key="viewer-right").options

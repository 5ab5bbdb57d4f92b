"""The pages beside Triage: each renders, with and without a model, and About shows the whole card."""

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.runtime.card import ModelCard
from skinlens.runtime.predictor import Predictor
from skinlens.triage.hazards import HAZARDS
from skinlens.triage.wording import DISCLAIMER

PAGES = ("batch", "compare", "cases", "about")


def open_page(app: AppTest, name: str) -> AppTest:
    app.run()
    return app.switch_page(f"pages/{name}.py").run()


def everything(app: AppTest) -> str:
    kinds = (app.text, app.markdown, app.caption, app.error, app.info, app.subheader)
    return "\n".join(element.value for kind in kinds for element in kind)


@pytest.mark.parametrize("name", PAGES)
def test_page_renders_with_the_disclaimer_once(app: AppTest, name: str) -> None:
    open_page(app, name)
    assert not app.exception
    assert everything(app).count(DISCLAIMER) == 1


@pytest.mark.parametrize("name", ["compare", "about"])
def test_a_page_has_one_title(app: AppTest, name: str) -> None:
    assert len(open_page(app, name).title) == 1


def test_about_says_on_one_screen_how_good_the_model_is_and_that_it_misses_melanomas(app: AppTest) -> None:
    open_page(app, "about")
    before_folds = [element.value for element in app.main.markdown if not element.value.startswith("-")][:5]
    shown = " ".join(before_folds)
    assert "datasets that it had not seen, its ROC AUC was" in shown
    assert "can miss melanomas" in shown
    assert "of 100 malignant lesions" in shown
    assert {expander.label for expander in app.expander} >= {"Intended use and limits", "Files", "Hazards"}


def test_about_has_no_buttons(app: AppTest) -> None:
    open_page(app, "about")
    assert not app.button
    assert not app.file_uploader


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("name", PAGES)
def test_page_survives_a_missing_model(app: AppTest, name: str) -> None:
    open_page(app, name)
    assert not app.exception
    assert everything(app).count(DISCLAIMER) == 1


def test_about_renders_the_card(app: AppTest, predictor: Predictor) -> None:
    open_page(app, "about")
    card, shown = predictor.card, everything(app)
    assert card.intended_use in shown
    assert all(limit in shown for limit in card.limits)
    assert card.files["weights"].sha256 in shown
    assert card.licence in shown


def test_about_lists_hazards_with_their_tests(app: AppTest) -> None:
    open_page(app, "about")
    shown = app.table[0].value
    assert [tested.replace(" ", "") for tested in shown["Tested by"]] == [hazard.tested for hazard in HAZARDS]


def test_about_shows_points_bands_and_bins_of_a_calibrated_model(app: AppTest, calibrated: ModelCard) -> None:
    open_page(app, "about")
    assert not app.exception
    shown = everything(app)
    assert all(f"{point.name}: threshold {point.threshold:.4f}" in shown for point in calibrated.operating_points)
    assert "logits are divided by 1.500, then +0.000 is added" in shown
    assert "A score from 0.000 to 1.000 is uncertain." in shown
    assert any("Score" in table.value.columns for table in app.dataframe)


def test_about_shows_shortcut_tests_subgroups_and_failures_of_these_weights(app: AppTest) -> None:
    open_page(app, "about")
    shown = everything(app)
    assert "135 of 660 test images show a lesion" in shown
    assert "Melanomas of the test images that it calls benign: " in shown
    (shortcuts,) = (table.value for table in app.dataframe if "Test" in table.value.columns)
    assert "ROC AUC with the lesion painted over" in set(shortcuts["Test"])
    assert {"Diagnosis", "Skin tone, estimated"} <= {
        by for table in app.dataframe if "By" in table.value for by in table.value["By"]
    }

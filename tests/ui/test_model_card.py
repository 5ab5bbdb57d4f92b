"""The model card and the hazards on the About page."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.triage.hazards import HAZARDS
from tests.made_up_cases import CARD


def draw_card() -> None:
    from skinlens.ui.model_card import show_card
    from tests.made_up_cases import CARD

    show_card(CARD)


def draw_hazards() -> None:
    from skinlens.ui.model_card import show_hazards

    show_hazards()


def texts(app: AppTest) -> list[str]:
    assert not app.exception
    return [element.value for kind in (app.text, app.markdown, app.caption, app.error) for element in kind]


@pytest.fixture
def evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty evaluation folder."""
    (tmp_path / "evaluation").mkdir()
    monkeypatch.setenv("SKINLENS_WEIGHTS", str(tmp_path))
    return tmp_path / "evaluation"


@pytest.mark.usefixtures("evaluation")
def test_what_the_card_lacks_is_stated() -> None:
    shown = texts(AppTest.from_function(draw_card, default_timeout=60).run())
    assert "The card holds no test results." in shown
    assert "The score is not calibrated." in shown
    assert "Shortcut tests, subgroups and failures have not been measured for these weights." in shown


@pytest.mark.usefixtures("evaluation")
def test_every_file_is_listed_with_its_digest() -> None:
    shown = texts(AppTest.from_function(draw_card, default_timeout=60).run())
    for role, file in CARD.every_file.items():
        assert f"{role}: {file.file}, {file.bytes / 1e6:.1f} MB, SHA-256 {file.sha256}" in shown


def test_a_damaged_result_is_reported_and_the_card_shown(evaluation: Path) -> None:
    (evaluation / f"{CARD.name}.test.json").write_text("{", "utf-8")
    shown = texts(AppTest.from_function(draw_card, default_timeout=60).run())
    assert "The results beside the model cannot be read." in shown
    assert CARD.intended_use in shown


def test_every_hazard_has_a_row() -> None:
    table = AppTest.from_function(draw_hazards, default_timeout=60).run().table[0].value
    assert table.index.tolist() == [hazard.harm for hazard in HAZARDS]
    assert [name.replace(" ", "") for name in table["Tested by"]] == [hazard.tested for hazard in HAZARDS]

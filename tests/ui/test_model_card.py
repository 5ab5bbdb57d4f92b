"""The model card and the hazards on the About page."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.leaderboard.held_out import HeldOutMeasurements, HeldOutModel
from skinlens.metrics.measurement import Measurement, undefined
from skinlens.runtime.card import MeasuredRates, OperatingPoint
from skinlens.triage.hazards import HAZARDS
from skinlens.ui.model_card import held_out_summary, point_summary
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


def measured(roc_auc: float | None) -> HeldOutMeasurements:
    area = Measurement(roc_auc, n=20) if roc_auc is not None else undefined("one label is missing", 20)
    return HeldOutMeasurements(n=20, benign=10, malignant=10, roc_auc=area, specificity=Measurement(0.5, n=10))


def test_the_summary_names_the_best_and_the_worst_dataset() -> None:
    datasets = {"ham": measured(0.9), "msk": measured(0.6), "bcn": measured(None)}
    sentence = held_out_summary(HeldOutModel("ours", "model", default=True, datasets=datasets))
    assert "On 2 datasets" in sentence
    assert "0.75 on average" in sentence
    assert "0.60 (New York (MSK)) to 0.90 (Vienna and Queensland (HAM10000))" in sentence


def test_a_summary_without_results_says_so() -> None:
    model = HeldOutModel("ours", "model", default=True, datasets={"ham": measured(None)})
    assert held_out_summary(model) == "It was not measured on datasets that it had not seen."
    point = OperatingPoint(name="screening", threshold=0.1, chosen_on="a guess")
    assert point_summary(point) == "What its operating point screening finds and misses was not measured."


def test_the_summary_counts_referrals_among_malignant_and_benign_lesions() -> None:
    rates = MeasuredRates(
        population="unseen", sensitivity=Measurement(0.95, n=100), specificity=Measurement(0.43, n=100)
    )
    point = OperatingPoint(name="screening", threshold=0.1, chosen_on="a guess", measured=(rates,))
    assert "referred 95 of 100 malignant lesions, and 57 of 100 benign ones" in point_summary(point)

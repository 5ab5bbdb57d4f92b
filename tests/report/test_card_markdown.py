"""The card as Markdown: nothing that it says is left out, and the shipped file is the shipped card."""

from pathlib import Path

import pandas as pd
import pytest

from skinlens.leaderboard.card_sections import measured_sections, read_measured
from skinlens.metrics.measurement import Measurement, as_percent
from skinlens.report.card_markdown import card_markdown
from skinlens.runtime.card import Calibration, ModelCard, RiskPoint, UncertainBand, read_card
from skinlens.triage.wording import DISCLAIMER

WEIGHTS = Path(__file__).parents[2] / "weights"
RATE = Measurement(value=0.123, low=0.1, high=0.2, n=55)


@pytest.mark.parametrize("path", sorted(WEIGHTS.glob("*.json")), ids=lambda path: path.stem)
def test_the_shipped_markdown_is_that_of_the_card(path: Path) -> None:
    card = read_card(path)
    digest, threshold = card.files["weights"].sha256, card.point().threshold
    found = read_measured(WEIGHTS / "evaluation", card.name, weights_sha256=digest, threshold=threshold)
    assert found is not None
    assert path.with_suffix(".md").read_text("utf-8") == card_markdown(card, measured_sections(found))


def test_all_texts_and_rates_are_there(card: ModelCard) -> None:
    said = card_markdown(card)
    assert said.count(DISCLAIMER) == 1
    assert card.intended_use in said
    assert f"{card.architecture.parameters:,} parameters" in said
    (point,) = card.operating_points
    assert f"threshold {point.threshold:.4f}, {point.chosen_on}" in said
    for rates in point.measured:
        assert f"| {rates.population} | {rates.sensitivity.text()} | {rates.sensitivity.n} |" in said
    assert "The score is not calibrated" in said
    assert "holds no test scores" in said


def test_measured_sections_come_after_the_test_results(card: ModelCard) -> None:
    said = card_markdown(card, [("Who", ("A sentence.", pd.DataFrame({"Part": ["mel"], "Rate": ["0.9"]})))])
    assert "## Who\n\nA sentence.\n\n| Part | Rate |\n| --- | --- |\n| mel | 0.9 |\n\n## Operating points" in said


def test_bands_and_curve_of_a_calibrated_model(card: ModelCard) -> None:
    (point,) = card.operating_points
    band = UncertainBand(low=0.25, high=0.375, error=RATE, decided=RATE)
    calibration = Calibration(temperature=1.5, prevalence=0.4, chosen_on="x", error_before=0.125, error_after=0.0625)
    changed = card.model_copy(
        update={
            "operating_points": (point.model_copy(update={"band": band}),),
            "calibrated": True,
            "calibration": calibration,
            "risk_curve": (RiskPoint(score=0.25, rate=RATE),),
        }
    )
    said = card_markdown(changed)
    assert f"Scores from 0.2500 to 0.3750 are uncertain. {RATE.text(as_percent)} of the held-out images" in said
    assert "Calibration error 0.1250 before, 0.0625 after" in said
    assert f"| 0.250 | {RATE.text(as_percent)} | 55 |" in said
    assert "not calibrated" not in said


def test_a_table_has_as_many_cells_in_every_row(card: ModelCard) -> None:
    lines = [line for line in card_markdown(card).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1

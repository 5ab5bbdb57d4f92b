"""README's figures are the card's, and its two commands name files that exist."""

import re
from pathlib import Path

import pytest

from skinlens.evaluation.leaderboard import with_leaderboard
from skinlens.report.tables import markdown_views
from skinlens.runtime.predictor import Predictor

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_figures_are_the_cards(predictor: Predictor) -> None:
    assert predictor.card.test is not None
    assert markdown_views(predictor.card.test) in README


def test_leaderboard_is_that_of_the_shipped_evaluations() -> None:
    assert with_leaderboard(README, ROOT / "weights" / "evaluation") == README


@pytest.mark.parametrize("end", ["streamlit run app.py", "pytest"])
def test_the_two_commands_stand_at_the_top_and_name_real_files(end: str) -> None:
    first_screen = README.splitlines()[:16]
    (command,) = [line for line in first_screen if line.strip().startswith("python3.11") and line.endswith(end)]
    for named in re.findall(r"-r (\S+)", command):
        assert (ROOT / named).is_file()


def test_picture_is_there() -> None:
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file()

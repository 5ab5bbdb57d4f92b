"""Two models compared: who can be, when the bootstrap runs, and the images on which they disagree."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.leaderboard.model_comparison import disagreeing
from skinlens.leaderboard.records import EvaluatedModel
from skinlens.ui.compare import state


@pytest.fixture
def page(made_up_evaluations: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("SKINLENS_WEIGHTS", str(made_up_evaluations.parent))
    monkeypatch.delenv("SKINLENS_DATA", raising=False)
    compare = state.compare_models
    monkeypatch.setattr(state, "compare_models", lambda *pair: compare(*pair, resamples=30))
    return AppTest.from_function(draw, default_timeout=60)


def draw() -> None:
    from skinlens.ui.compare import state
    from skinlens.ui.compare.model_comparison import compare_two_models

    compare_two_models(state.load(), "all")


def test_the_difference_is_computed_when_it_is_asked_for_and_stays(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert not page.text
    page.button[0].click().run()
    sentences = [each.value for each in page.text]
    assert any("DeLong's test: p" in sentence for sentence in sentences)
    assert page.run().text[0].value == sentences[0]
    second = page.selectbox(key="compare-second")
    second.set_value(second.options[1]).run()
    assert not page.text, "another pair was not asked for"


def test_a_model_is_not_offered_against_itself(page: AppTest) -> None:
    page.run()
    first, second = page.selectbox(key="compare-first"), page.selectbox(key="compare-second")
    assert set(first.options) - set(second.options) == {first.value}


def test_disagreements_are_counted_and_listed(page: AppTest, models: tuple[EvaluatedModel, ...]) -> None:
    page.run()
    pair = (page.selectbox(key=f"compare-{which}").value for which in ("first", "second"))
    one, other = (next(model for model in models if model.label == label) for label in pair)
    expected = disagreeing(one, other, "all")
    assert page.dataframe[0].value["path"].tolist() == expected["path"].tolist()
    assert f"**Images with different decisions: {len(expected)}**" in [each.value for each in page.markdown]


def test_a_chosen_image_is_looked_up_in_the_folder(page: AppTest, tmp_path: Path) -> None:
    page.run()
    path = page.dataframe[0].value["path"].iloc[0]
    page.text_input(key="compare-folder").set_value(str(tmp_path)).run()
    assert not page.text
    page.session_state["compare-disagreements"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    page.run()
    assert [each.value for each in page.text] == [f"The folder has no file {path}."]

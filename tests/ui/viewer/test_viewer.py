"""The viewer's sides and sentences under Streamlit's test driver."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from skinlens.imaging.synthetic import draw_lesion
from skinlens.runtime.card import ModelFileError
from skinlens.triage.pipeline import Assessed


def _page() -> None:
    import streamlit as st

    from skinlens.ui.viewer import pair

    pair(
        st.session_state["result"],
        other=st.session_state.get("other"),
        assessment=st.session_state.get("assessment"),
        height=300,
        blink="H",
    )


def _photographs() -> None:
    import streamlit as st

    from skinlens.ui.viewer import Photograph, pair_of_images

    left, right = st.session_state["pixels"]
    pair_of_images(Photograph(left, "2024-01-02 **x**"), Photograph(right, "2025-03-04", "a year later"), key="dates")


def viewer(app: AppTest) -> dict[str, Any]:
    (element,) = app.get("bidi_component")
    return json.loads(element.proto.json)


def run(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    return "\n".join(str(each.value) for kind in (app.text, app.caption, app.warning, app.error) for each in kind)


@pytest.fixture
def page(results: tuple[Assessed, Assessed]) -> AppTest:
    app = AppTest.from_function(_page, default_timeout=60)
    app.session_state["result"] = results[0]
    return app


def test_the_original_and_the_heatmap_stand_side_by_side(page: AppTest) -> None:
    data = viewer(run(page))
    left, right = data["sides"]
    assert left["map"] is None
    assert right["map"] is not None
    assert left["caption"].startswith("Synthetic example")
    assert "The evidence is" in right["alt"]
    assert (data["height"], data["blink"]) == (300, "H")
    assert len(data["images"]) == 1
    # Served by itself: a run of the page sends words and numbers alone.
    assert all(address.startswith("/") for address in data["images"].values())
    assert len(json.dumps(data)) < 50_000


def test_a_rejected_image_stands_alone(page: AppTest, results: tuple[Assessed, Assessed]) -> None:
    page.session_state["assessment"] = replace(results[0].assessment, decision="rejected")
    (only,) = viewer(run(page))["sides"]
    assert only["map"] is None
    assert not page.segmented_control


@pytest.mark.parametrize("how", ["hair removed", "colour corrected"])
def test_an_enhanced_copy_says_that_it_was_not_assessed(page: AppTest, how: str) -> None:
    run(page).segmented_control(key="viewer-right").set_value(how).run()
    right = viewer(page)["sides"][1]
    assert right["map"] is None
    assert right["caption"] == how.capitalize()
    assert "the model assessed the original" in texts(page)


def test_any_two_can_stand_side_by_side(page: AppTest) -> None:
    run(page).selectbox(key="viewer-left").set_value("heatmap").run()
    page.segmented_control(key="viewer-right").set_value("colour corrected").run()
    left, right = viewer(page)["sides"]
    assert left["map"] is not None
    assert right["map"] is None
    assert left["image"] != right["image"]


class TestTheOtherModel:
    @pytest.fixture
    def asked(self, page: AppTest, results: tuple[Assessed, Assessed]) -> list[int]:
        calls: list[int] = []

        def other() -> Assessed:
            calls.append(1)
            return results[1]

        page.session_state["other"] = other
        return calls

    def test_it_is_no_choice_where_there_is_none(self, page: AppTest) -> None:
        assert "Other model" not in run(page).segmented_control(key="viewer-right").options

    def test_it_is_asked_only_when_it_is_chosen(self, page: AppTest, asked: list[int]) -> None:
        assert "Other model" in run(page).segmented_control(key="viewer-right").options
        assert asked == []
        page.segmented_control(key="viewer-right").set_value("other model").run()
        assert asked

    def test_its_heatmap_and_decision_are_shown(
        self, page: AppTest, asked: list[int], results: tuple[Assessed, Assessed]
    ) -> None:
        run(page).segmented_control(key="viewer-right").set_value("other model").run()
        right = viewer(page)["sides"][1]
        assert asked
        assert right["caption"] == f"{results[1].card.title}: {results[1].assessment.headline}"
        shape = results[1].prediction.signed_map.shape
        assert (right["map"]["height"], right["map"]["width"]) == shape

    def test_a_disagreement_is_said(self, page: AppTest, results: Any) -> None:
        for decision, sentence in (("refer", "The two models disagree"), ("low", "Both models decide the same")):
            other = replace(results[1], assessment=replace(results[1].assessment, decision="low"))
            page.session_state["other"] = lambda other=other: other
            page.session_state["assessment"] = replace(results[0].assessment, decision=decision)
            run(page)
            page.segmented_control(key="viewer-right").set_value("other model").run()
            assert sentence in texts(page)

    def test_one_that_rejects_the_image_shows_no_heatmap(
        self, page: AppTest, results: tuple[Assessed, Assessed]
    ) -> None:
        rejected = replace(results[1].assessment, decision="rejected", reasons=("It is blurred.",))
        page.session_state["other"] = lambda: replace(results[1], assessment=rejected)
        run(page).segmented_control(key="viewer-right").set_value("other model").run()
        assert viewer(page)["sides"][1]["map"] is None
        assert "Only one of the two models assessed this image" in texts(page)
        assert "It is blurred." in texts(page)

    def test_one_that_cannot_be_loaded_says_so(self, page: AppTest) -> None:
        def broken() -> Assessed:
            raise ModelFileError("its weights are gone")

        page.session_state["other"] = broken
        run(page).segmented_control(key="viewer-right").set_value("other model").run()
        assert not page.exception
        assert "its weights are gone" in texts(page)
        assert len(viewer(page)["sides"]) == 2

    @pytest.mark.usefixtures("asked")
    def test_a_choice_that_is_gone_falls_back(self, page: AppTest) -> None:
        run(page).segmented_control(key="viewer-right").set_value("other model").run()
        page.session_state["other"] = None
        run(page)
        assert viewer(page)["sides"][1]["caption"].startswith("Synthetic example: where")


def test_two_photographs() -> None:
    app = AppTest.from_function(_photographs, default_timeout=60)
    app.session_state["pixels"] = (draw_lesion(1).pixels, np.ascontiguousarray(draw_lesion(2).pixels[:, :400]))
    data = viewer(run(app))
    assert [side["caption"] for side in data["sides"]] == ["2024-01-02 **x**", "2025-03-04"]
    assert [side["alt"] for side in data["sides"]] == ["2024-01-02 **x**", "a year later"]
    assert [side["width"] for side in data["sides"]] == [640, 400]
    assert len(data["images"]) == 2

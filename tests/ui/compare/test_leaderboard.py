"""The leaderboard and the choice of the test view."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.leaderboard.records import EvaluatedModel
from skinlens.metrics.views import views_of
from skinlens.ui.compare.state import VIEWS


@pytest.fixture
def weights(made_up_evaluations: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SKINLENS_WEIGHTS", str(made_up_evaluations.parent))
    return made_up_evaluations


def draw() -> None:
    from skinlens.ui.compare import state
    from skinlens.ui.compare.leaderboard import choose_view, show_leaderboard

    compared = state.load()
    view = choose_view(compared)
    show_leaderboard(state.board(compared, view), view)


@pytest.mark.usefixtures("weights")
class TestPage:
    @pytest.fixture
    def page(self) -> AppTest:
        app = AppTest.from_function(draw, default_timeout=60).run()
        assert not app.exception
        return app

    def test_test_views_have_plain_names(self, page: AppTest) -> None:
        assert list(page.segmented_control(key="compare-view").options) == list(VIEWS.values())

    @pytest.mark.parametrize("view", VIEWS)
    def test_a_view_is_counted_and_explained(
        self, page: AppTest, models: tuple[EvaluatedModel, ...], view: str
    ) -> None:
        page.segmented_control(key="compare-view").set_value(view).run()
        found = views_of(models[0].rows)[view]
        labels = models[0].rows.loc[found.mask, "label"]
        benign, malignant = (labels == "benign").sum(), (labels == "malignant").sum()
        assert page.caption[0].value == (
            f"**{VIEWS[view]}** ({benign} benign, {malignant} malignant images; in files `{view}`): {found.explanation}"
        )

    def test_the_papers_rows_are_shown_with_all_images_only(self, page: AppTest) -> None:
        assert "paper" in set(page.dataframe[0].value["From"])
        assert "Wilson" in page.caption[1].value
        page.segmented_control(key="compare-view").set_value("native").run()
        assert set(page.dataframe[0].value["From"]) == {"ours"}
        assert "its rows are not shown" in page.caption[1].value

"""The chart tabs: what is drawn, what is missing and why, and which images the subgroups are of."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.leaderboard.records import EvaluatedModel
from skinlens.ui.compare.tabs import TABS


@pytest.fixture(autouse=True)
def weights(made_up_evaluations: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKINLENS_WEIGHTS", str(made_up_evaluations.parent))


def draw(tab: str, labels: list[str], view: str) -> None:
    from skinlens.ui.compare import state
    from skinlens.ui.compare.charts import looks
    from skinlens.ui.compare.tabs import TABS, Picked

    compared = state.load()
    picked = Picked(
        models=state.by_label(compared.models, labels),
        published=compared.published[compared.published["label"].isin(labels)],
        board=state.board(compared, view),
        view=view,
        styles=looks(compared.labels, theme="light"),
        theme="light",
        format="svg",
    )
    TABS[tab](picked)


def drawn(tab: str, *labels: str, view: str = "all") -> AppTest:
    kwargs = {"tab": tab, "labels": list(labels), "view": view}
    app = AppTest.from_function(draw, kwargs=kwargs, default_timeout=60).run()
    assert not app.exception
    return app


def texts(app: AppTest) -> list[str]:
    return [each.value for each in app.text]


@pytest.mark.parametrize("tab", TABS)
def test_a_chart_comes_with_its_data_and_the_chosen_format(tab: str, models: tuple[EvaluatedModel, ...]) -> None:
    app = drawn(tab, "ResNet-50")
    charts = app.get("plotly_chart")
    assert [button.proto.label for button in app.get("download_button")] == ["Download chart data (CSV)"]
    assert len(charts) == (tab not in {"Shortcuts", "Subgroups"})
    assert all('"format": "svg"' in chart.proto.config for chart in charts)
    assert "ResNet-50" in [model.label for model in models]


@pytest.mark.parametrize("tab", ["Robustness", "Shortcuts", "Training"])
def test_without_data_there_is_a_reason_instead_of_a_chart(tab: str) -> None:
    app = drawn(tab, "lenet5")
    assert not app.get("plotly_chart")
    assert not app.get("download_button")
    assert any(text.endswith(": lenet5.") for text in texts(app))


def test_the_paper_has_points_but_no_scores() -> None:
    paper = "ASFF ResNet-50 (paper)"
    assert drawn("Confusion", paper).get("plotly_chart")
    for tab in ("Reliability", "Coverage", "Decision curve"):
        app = drawn(tab, paper)
        assert not app.get("plotly_chart")
        assert texts(app) == [f"A curve needs the score of every image, which is not published for: {paper}."]


def test_the_papers_matrix_is_of_all_images_only() -> None:
    app = drawn("Confusion", "ResNet-50", "ASFF ResNet-50 (paper)", view="native")
    assert len(app.get("plotly_chart")) == 1
    assert texts(app) == ["Published for all images only: ASFF ResNet-50 (paper)."]


def test_the_metric_is_a_choice() -> None:
    app = drawn("Cost", "ResNet-50")
    assert "Accuracy" in app.get("plotly_chart")[0].proto.spec
    app.segmented_control(key="metric-cost").set_value("roc_auc").run()
    assert "ROC AUC" in app.get("plotly_chart")[0].proto.spec


def test_subgroups_can_be_of_held_out_images(models: tuple[EvaluatedModel, ...]) -> None:
    (measured,) = [model.label for model in models if model.held_out is not None]
    app = drawn("Subgroups", measured)
    test_images = app.dataframe[0].value
    app.segmented_control(key="parts-of").set_value("Held-out datasets or folds").run()
    assert not app.exception
    assert not app.dataframe[0].value.equals(test_images)
    assert any(each.value.startswith(f"{measured}: ") for each in app.caption)


def test_without_held_out_results_there_is_no_such_choice(models: tuple[EvaluatedModel, ...]) -> None:
    label = next(model.label for model in models if model.held_out is None)
    app = drawn("Subgroups", label)
    assert "parts-of" not in [each.key for each in app.segmented_control]

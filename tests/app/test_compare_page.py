"""The Compare page in its states: the shipped models, many, one, none, damaged files, the user's own model."""

import io
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from skinlens.export.selection import read_selection
from skinlens.imaging.synthetic import draw_pixels
from skinlens.leaderboard.datasets import dataset_title
from skinlens.leaderboard.probes import read_probes
from skinlens.leaderboard.records import read_model, read_results
from skinlens.leaderboard.submitted import submission_template
from skinlens.leaderboard.table import leaderboard, readable
from skinlens.metrics.views import views_of
from skinlens.runtime.predictor import DEFAULT_MODEL
from skinlens.triage.wording import DISCLAIMER
from skinlens.ui.compare.tabs import TABS
from tests.made_up_probes import held_out_scores, write_probe
from tests.made_up_results import only, submitted_csv, write_folder

YOURS = "Yours: mine.csv"


@pytest.fixture
def weights(made_up_evaluations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of released models with made-up evaluations and no model."""
    shutil.copytree(made_up_evaluations, tmp_path / "weights" / "evaluation")
    monkeypatch.setenv("SKINLENS_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.delenv("SKINLENS_DATA", raising=False)
    return tmp_path / "weights"


@pytest.fixture
def compare(app: AppTest) -> AppTest:
    """The page, not yet run."""
    app.run()
    return app.switch_page("pages/compare.py")


def texts(app: AppTest) -> str:
    kinds = (app.text, app.markdown, app.caption, app.error, app.warning, app.info, app.header)
    return "\n".join(element.value for kind in kinds for element in kind)


def open_tab(app: AppTest, name: str) -> AppTest:
    app.session_state["compare-tab"] = name
    return app.run()


def charts(app: AppTest) -> int:
    return len(app.get("plotly_chart"))


def upload(app: AppTest, content: bytes, name: str = "mine.csv") -> AppTest:
    return app.file_uploader[0].set_value((name, content, "text/csv")).run()


def pick_every_model(app: AppTest) -> AppTest:
    picker = app.multiselect(key="compare-models")
    return picker.set_value(picker.options).run()


def ask(app: AppTest) -> AppTest:
    (button,) = [button for button in app.button if button.label == "Compute the difference"]
    return button.click().run()


@pytest.fixture(autouse=True)
def quick_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """A submitted model's intervals and a pair's from few resamples."""
    from skinlens.ui.compare import state

    measured, compare_models = state.measured, state.compare_models
    monkeypatch.setattr(state, "measured", lambda model, view: measured(model, view, resamples=30))
    monkeypatch.setattr(state, "compare_models", lambda *pair: compare_models(*pair, resamples=30))


@pytest.mark.slow
def test_the_shipped_evaluations_are_shown_and_nothing_is_missing(compare: AppTest, released_folder: Path) -> None:
    compare.run()
    assert not compare.exception
    assert not compare.warning
    expected = readable(leaderboard(released_folder / "evaluation"))
    assert compare.dataframe[1].value["Model"].tolist() == expected["Model"].tolist()
    assert compare.dataframe[1].value["Accuracy"].tolist() == expected["Accuracy"].tolist()
    assert texts(compare).count(DISCLAIMER) == 1


def test_the_page_opens_on_held_out_datasets_with_the_probe_beside_the_apps_model(
    compare: AppTest, released_folder: Path
) -> None:
    compare.run()
    table = compare.dataframe[0].value.set_index("Model")
    (ours,) = [title for title in table.index if title.endswith("(this app's model)")]
    choice = read_selection(released_folder / "evaluation" / "selected.json", DEFAULT_MODEL)
    for origin in choice.origins:
        assert table.loc[ours, dataset_title(origin)].startswith("0.")
    probes = read_probes(released_folder / "evaluation")
    assert probes
    for probe in probes:
        row = table.loc[probe.record.title]
        for found in probe.record.datasets:
            assert row[dataset_title(found.origin)].startswith(f"{found.roc_auc.value:.3f} (")
            assert row[dataset_title(found.origin)].endswith(f"n = {found.n:,}")
    assert "A linear probe is a logistic regression" in texts(compare)
    assert next(header.value for header in compare.header) == "Datasets that the models had not seen"
    assert [title.value for title in compare.title] == ["Compare models"]


class TestHeldOutDatasets:
    @pytest.mark.slow
    def test_the_chart_shows_what_is_picked(self, compare: AppTest, weights: Path) -> None:
        for skill, name in enumerate(("a", "b", "c", "d")):
            scores = held_out_scores(("ham", "bcn"), skill=skill)
            write_probe(weights / "evaluation", scores, name=name, title=f"Probe {name}")
        compare.run()
        assert not compare.exception
        assert compare.multiselect(key="held-out-models").value == ["Probe d", "Probe c", "Probe b"]
        before = charts(compare)
        compare.multiselect(key="held-out-models").set_value([]).run()
        assert not compare.exception
        assert charts(compare) == before - 1

    def test_new_results_are_shown_at_once(self, compare: AppTest, weights: Path) -> None:
        write_probe(weights / "evaluation", held_out_scores(("ham",), skill=1))
        compare.run()
        assert compare.dataframe[0].value["Model"].tolist() == ["Linear probe of start"]
        write_probe(weights / "evaluation", held_out_scores(("ham",), skill=1), title="Another title")
        compare.run()
        assert compare.dataframe[0].value["Model"].tolist() == ["Another title"]

    def test_a_damaged_probe_is_reported_and_the_rest_shown(self, compare: AppTest, weights: Path) -> None:
        write_probe(weights / "evaluation", held_out_scores(("ham",), skill=1)).write_text("{", "utf-8")
        compare.run()
        assert not compare.exception
        assert "net.start.json cannot be read" in texts(compare)
        assert "ResNet-50" in compare.dataframe[0].value["Model"].tolist()

    def test_without_results_the_page_opens_on_the_leaderboard(self, compare: AppTest, weights: Path) -> None:
        assert weights
        compare.run()
        assert "Datasets that the models had not seen" not in texts(compare)
        assert "Compare two models" in texts(compare)


@pytest.mark.usefixtures("weights")
class TestManyModels:
    def test_the_leaderboard_marks_rows_of_the_paper(self, compare: AppTest, weights: Path) -> None:
        compare.run()
        assert not compare.exception
        table = compare.dataframe[0].value.set_index("Model")
        assert table.loc["VGG-16 (paper)", ["From", "Note"]].tolist() == ["paper", "not trained here"]
        assert table.loc["ResNet-50", "From"] == "ours"
        assert "MobileNetV2 (no ImageNet start)" in table.index
        assert len(table) == len(leaderboard(weights / "evaluation"))

    @pytest.mark.parametrize(
        "view",
        ["no-twins", *(pytest.param(view, marks=pytest.mark.slow) for view in ("all", "native", "clean-native"))],
    )
    def test_the_switch_changes_the_table_and_says_what_the_view_holds(
        self, compare: AppTest, weights: Path, view: str
    ) -> None:
        compare.run()
        compare.segmented_control(key="compare-view").set_value(view).run()
        assert not compare.exception
        model = read_model(weights / "evaluation" / "resnet50.test.json")
        assert views_of(model.rows)[view].explanation in texts(compare)
        table = compare.dataframe[0].value.set_index("Model")
        assert model.record is not None
        assert table.loc["ResNet-50", "Images"] == model.record.views[view].n
        assert ("paper" in set(table["From"])) == (view == "all")

    @pytest.mark.parametrize("tab", list(TABS))
    @pytest.mark.parametrize("view", ["all", pytest.param("clean-native", marks=pytest.mark.slow)])
    def test_every_tab_draws_and_offers_its_numbers(self, compare: AppTest, tab: str, view: str) -> None:
        compare.run()
        compare.segmented_control(key="compare-view").set_value(view).run()
        open_tab(compare, tab)
        assert not compare.exception
        assert charts(compare) == (tab not in {"Shortcuts", "Subgroups"})
        labels = [button.proto.label for button in compare.get("download_button")]
        assert labels.count("Download chart data (CSV)") == 1
        assert texts(compare).count(DISCLAIMER) == 1

    def test_what_was_not_measured_is_stated(self, compare: AppTest) -> None:
        pick_every_model(compare.run())
        open_tab(compare, "Robustness")
        assert "Not measured for: lenet5; MobileNetV2 (no ImageNet start)." in texts(compare)
        open_tab(compare, "Training")
        assert "No training log for: lenet5." in texts(compare)
        open_tab(compare, "Reliability")
        assert "which is not published for: ASFF ResNet-50 (paper); " in texts(compare)

    def test_subgroups_of_held_out_datasets_are_a_click_away(self, compare: AppTest) -> None:
        open_tab(pick_every_model(compare.run()), "Subgroups")
        assert "origin abroad" not in texts(compare)
        compare.segmented_control(key="parts-of").set_value("Held-out datasets or folds").run()
        assert not compare.exception
        assert "images of origin abroad" in texts(compare)
        assert "basal cell carcinoma" in set(compare.dataframe[1].value["Diagnosis"])

    def test_new_results_of_held_out_images_are_shown_at_once(self, compare: AppTest, weights: Path) -> None:
        open_tab(pick_every_model(compare.run()), "Subgroups")
        compare.segmented_control(key="parts-of").set_value("Held-out datasets or folds").run()
        (path,) = (weights / "evaluation").glob("*.held_out.json")
        path.write_text(path.read_text("utf-8").replace("origin abroad", "origin elsewhere"), "utf-8")
        assert "images of origin elsewhere" in texts(compare.run())

    @pytest.mark.slow
    def test_the_picker_drives_the_charts(self, compare: AppTest) -> None:
        compare.run()
        compare.multiselect(key="compare-models").set_value(["lenet5"]).run()
        open_tab(compare, "Robustness")
        assert charts(compare) == 0
        compare.multiselect(key="compare-models").set_value([]).run()
        assert charts(compare) == 0
        assert "Choose at least one model" in texts(compare)
        compare.multiselect(key="compare-models").set_value(["VGG-16 (paper)"]).run()
        open_tab(compare, "Confusion")
        assert charts(compare) == 1
        assert not compare.exception

    def test_the_format_of_downloaded_charts_is_a_choice(self, compare: AppTest) -> None:
        compare.run()
        assert '"format": "png"' in compare.get("plotly_chart")[0].proto.config
        compare.segmented_control(key="compare-format").set_value("svg").run()
        assert '"format": "svg"' in compare.get("plotly_chart")[0].proto.config

    def test_two_models_in_words_once_asked(self, compare: AppTest) -> None:
        compare.run()
        assert "DeLong" not in texts(compare)
        compare.selectbox(key="compare-first").set_value("ASFF ResNet-50, softmax gate").run()
        compare.selectbox(key="compare-second").set_value("ResNet-50").run()
        ask(compare)
        assert not compare.exception
        shown = texts(compare)
        assert "DeLong's test: p" in shown
        assert "Over all seeds, training chance included:" in shown
        verdicts = [frame.value for frame in compare.dataframe if "Verdict" in frame.value]
        assert set(verdicts[0]["Verdict"]) <= {"difference shown", "difference not shown"}
        compare.selectbox(key="compare-second").set_value("lenet5").run()
        assert "DeLong" not in texts(compare)

    def test_a_model_is_not_offered_against_itself(self, compare: AppTest) -> None:
        compare.run()
        first = compare.selectbox(key="compare-first").value
        assert first not in compare.selectbox(key="compare-second").options

    def test_disagreements_are_ids_and_an_image_only_if_there_is_one(self, compare: AppTest, tmp_path: Path) -> None:
        compare.run()
        table = next(frame.value for frame in compare.dataframe if "gap" in frame.value)
        assert table["gap"].is_monotonic_decreasing
        assert not compare.get("imgs")
        path = tmp_path / "data" / table["path"].iloc[0]
        path.parent.mkdir(parents=True)
        Image.fromarray(draw_pixels(1, height=96, width=96)).save(path.with_suffix(".png"))
        path.with_suffix(".png").rename(path)
        compare.text_input(key="compare-folder").set_value(str(tmp_path / "data")).run()
        compare.session_state["compare-disagreements"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
        compare.run()
        assert not compare.exception
        assert str(table["path"].iloc[0]) in [element.value for element in compare.text]


@pytest.mark.usefixtures("weights")
class TestYourOwn:
    @pytest.mark.slow
    def test_it_stands_in_every_chart_and_comparison(self, compare: AppTest, weights: Path) -> None:
        compare.run()
        upload(compare, submitted_csv(weights / "evaluation"))
        assert not compare.exception
        assert "All 120 images were matched." in texts(compare)
        assert YOURS in compare.multiselect(key="compare-models").value
        row = compare.dataframe[0].value.set_index("Model").loc[YOURS]
        assert row["From"] == "yours"
        assert "(" in row["Accuracy"]
        for tab in TABS:
            open_tab(compare, tab)
            assert not compare.exception, tab
        compare.selectbox(key="compare-second").set_value(YOURS).run()
        ask(compare)
        assert YOURS in texts(compare)
        assert "McNemar's test" in texts(compare)

    def test_the_template_lists_every_image_and_can_be_sent_back(self, compare: AppTest, weights: Path) -> None:
        template = submission_template(read_results(weights / "evaluation").shown[0].rows)
        assert len(template)
        assert "Download template (CSV)" in [b.proto.label for b in compare.run().get("download_button")]
        filled = template.assign(probability=0.25)
        upload(compare, filled.to_csv(index=False).encode())
        assert f"All {len(filled)} images were matched." in texts(compare)

    def test_the_threshold_is_a_choice(self, compare: AppTest, weights: Path) -> None:
        content = submitted_csv(weights / "evaluation")
        upload(compare.run(), content)
        rows = pd.read_csv(io.BytesIO(content))
        for threshold in (0.5, 0.8):
            compare.number_input(key="compare-threshold").set_value(threshold).run()
            right = ((rows["probability"] >= threshold) == (rows["label"] == "malignant")).sum()
            assert compare.dataframe[0].value.set_index("Model").loc[YOURS, "Right"] == right

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "mine.csv is empty"),
            (b"path,label,probability\na.jpg,benign,2\n", "line 2 ('2')"),
            (b"path,label,probability\na.jpg,nevus,0.5\nb.jpg,benign,0.5\n", "line 2 ('nevus')"),
            (b"path,label,probability\na.jpg,benign,0.5\n", "none of the submitted paths"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a CSV"),
        ],
    )
    def test_a_wrong_one_gets_its_sentence_and_the_page_goes_on(
        self, compare: AppTest, content: bytes, message: str
    ) -> None:
        upload(compare.run(), content)
        assert not compare.exception
        assert message in texts(compare)
        assert charts(compare) == 1
        assert YOURS not in compare.dataframe[0].value["Model"].tolist()
        assert not any("Yours" in label for label in compare.multiselect(key="compare-models").options)

    def test_it_can_be_removed_and_outlives_a_visit_elsewhere(self, compare: AppTest, weights: Path) -> None:
        upload(compare.run(), submitted_csv(weights / "evaluation"))
        compare.number_input(key="compare-threshold").set_value(0.7).run()
        compare.switch_page("pages/about.py").run()
        compare.switch_page("pages/compare.py").run()
        assert YOURS in compare.dataframe[0].value["Model"].tolist()
        assert compare.number_input(key="compare-threshold").value == 0.7
        (button,) = [button for button in compare.button if button.label == "Remove your model"]
        button.click().run()
        assert not compare.exception
        assert YOURS not in compare.dataframe[0].value["Model"].tolist()
        assert "No file yet." in texts(compare)

    def test_its_name_is_never_markup(self, compare: AppTest, weights: Path) -> None:
        upload(compare.run(), submitted_csv(weights / "evaluation"), name="<b>x</b> **y**.csv")
        compare.selectbox(key="compare-second").set_value("Yours: <b>x</b> **y**.csv").run()
        ask(compare)
        assert not compare.exception
        rendered = [e.value for kind in (compare.markdown, compare.caption, compare.info) for e in kind]
        assert not any("<b>x" in text for text in rendered)

    def test_nobody_else_sees_it(self, compare: AppTest, weights: Path) -> None:
        upload(compare.run(), submitted_csv(weights / "evaluation"))
        other = AppTest.from_file(str(Path(__file__).parents[2] / "app.py"), default_timeout=60).run()
        other.switch_page("pages/compare.py").run()
        assert YOURS not in other.dataframe[0].value["Model"].tolist()


class TestOddFolders:
    @pytest.mark.slow
    def test_one_model_alone_is_not_compared(self, compare: AppTest, weights: Path) -> None:
        shutil.rmtree(weights / "evaluation")
        write_folder(weights / "evaluation", (only("lenet5"),))
        compare.run()
        assert not compare.exception
        assert "Only one model has predictions" in texts(compare)
        for tab in TABS:
            assert not open_tab(compare, tab).exception

    def test_without_evaluations_the_page_says_so(self, compare: AppTest, weights: Path) -> None:
        shutil.rmtree(weights / "evaluation")
        compare.run()
        assert not compare.exception
        assert "There are no evaluations of models in weights/evaluation" in texts(compare)
        assert texts(compare).count(DISCLAIMER) == 1

    def test_a_submission_can_stand_alone(self, compare: AppTest, weights: Path) -> None:
        content = submitted_csv(weights / "evaluation")
        shutil.rmtree(weights / "evaluation")
        upload(compare.run(), content)
        assert not compare.exception
        assert compare.dataframe[0].value["Model"].tolist() == [YOURS]

    @pytest.mark.parametrize("file", ["resnet50.test.json", "resnet50.test.csv", "published.csv"])
    def test_a_damaged_file_is_named_and_the_rest_is_shown(self, compare: AppTest, weights: Path, file: str) -> None:
        (weights / "evaluation" / file).write_text("{", "utf-8")
        compare.run()
        assert not compare.exception
        assert any(file in element.value for element in compare.text)
        assert "lenet5" in compare.dataframe[0].value["Model"].tolist()

    def test_a_repaired_file_is_read_again(self, compare: AppTest, weights: Path) -> None:
        path = weights / "evaluation" / "resnet50.test.json"
        good = path.read_bytes()
        path.write_text("{", "utf-8")
        assert compare.run().warning
        path.write_bytes(good)
        assert not compare.run().warning

"""The leaderboard: ours and the paper's, with intervals, seeds and marks, the same for page and README."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from skinlens.leaderboard.documents import ResultError
from skinlens.leaderboard.published import published_as
from skinlens.leaderboard.records import read_results
from skinlens.leaderboard.table import (
    leaderboard,
    leaderboard_of,
    markdown_leaderboard,
    read_published,
    readable,
)
from skinlens.metrics.measurement import from_table
from skinlens.metrics.registry import METRICS


@pytest.fixture(scope="module")
def board(made_up_evaluations: Path) -> pd.DataFrame:
    return leaderboard(made_up_evaluations).set_index("name")


def test_every_model_and_every_published_one_has_a_row(board: pd.DataFrame) -> None:
    assert dict(board["source"].value_counts()) == {"paper": 10, "ours": 6}
    assert board["accuracy"].is_monotonic_decreasing
    assert np.allclose(board["right"] / board["n"], board["accuracy"])


def test_our_figures_are_the_records(board: pd.DataFrame, made_up_evaluations: Path) -> None:
    for view in ("all", "clean-native"):
        rows = leaderboard(made_up_evaluations, view=view).set_index("name")
        for model in read_results(made_up_evaluations).shown:
            assert model.record is not None
            for metric in METRICS:
                figure = model.record.views[view].metrics[metric]
                found = rows.loc[model.family, [metric, f"{metric}_low", f"{metric}_high"]].tolist()
                assert found == [figure.value, figure.low, figure.high]
    assert board.loc["resnet50", ["megabytes", "epochs", "parameters"]].tolist() == [47.2, 10, 23_600_000]
    assert board.loc["resnet50", "minutes"] == pytest.approx(1768 / 60)


def test_seeds_have_mean_and_spread(board: Any, made_up_evaluations: Path) -> None:
    values = [
        model.record.views["all"].metrics["roc_auc"].value
        for model in read_results(made_up_evaluations).by_family()["resnet50"]
        if model.record
    ]
    row = board.loc["resnet50"]
    assert (row["seeds"], row["roc_auc"]) == (3, values[0])
    assert row["roc_auc_mean"] == pytest.approx(pd.Series(values).mean())
    assert row["roc_auc_spread"] == pytest.approx(pd.Series(values).std())
    assert pd.isna(board.loc["lenet5", "roc_auc_mean"])


def test_the_papers_number_stands_beside_ours(board: pd.DataFrame) -> None:
    assert board.loc["resnet50", ["paper_model", "paper_right"]].tolist() == ["ResNet-50", 602]
    for name in ("asff_resnet50_paper", "asff_resnet50_softmax", "asff_resnet50_paper.tta"):
        assert board.loc[name, "paper_model"] == "ASFF ResNet-50"
        assert board.loc[name, "paper_accuracy"] == pytest.approx(615 / 660)
    trained = board.loc[board["source"] == "paper"].set_index("paper_model")["trained_here"]
    assert {name for name, here in trained.items() if here} == {
        "ASFF ResNet-50",
        "ResNet-50",
        "MobileNetV2",
        "LeNet-5",
    }


def test_the_papers_rows_have_its_figures_and_wilsons_intervals(board: pd.DataFrame) -> None:
    row = board.loc["paper/ASFF ResNet-50"]
    assert (row["roc_auc"], row["pr_auc"], row["right"]) == (0.9717, 0.9670, 615)
    assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx(proportion_confint(615, 660, method="wilson"))
    assert (row["sensitivity"], row["specificity"]) == pytest.approx((279 / 300, 336 / 360))
    assert pd.isna(row["roc_auc_low"])
    assert board.loc[[name for name in board.index if name.startswith("paper/VGG")], "roc_auc"].isna().all()


def test_other_views_have_no_row_of_the_paper(made_up_evaluations: Path) -> None:
    assert set(leaderboard(made_up_evaluations, view="clean-native")["source"]) == {"ours"}
    assert leaderboard(made_up_evaluations, view="elsewhere").empty


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("resnet50", "ResNet-50"),
        ("resnet50_frozen", "ResNet-50"),
        ("asff_resnet50", "ASFF ResNet-50"),
        ("asff_resnet50_paper", "ASFF ResNet-50"),
        ("squeezenet1_1", "SqueezeNet 1.1"),
        ("lenet5", "LeNet-5"),
        ("resnet34", "ResNet-34"),
        ("resnet5", None),
        ("vit_s_16", None),
    ],
)
def test_networks_are_known_by_the_papers_name(architecture: str, name: str | None, made_up_evaluations: Path) -> None:
    assert published_as(architecture, read_published(made_up_evaluations)) == name


def test_a_reader_sees_marks_and_what_was_not_trained(board: pd.DataFrame) -> None:
    table = readable(board.reset_index()).set_index("Model")
    assert table.loc["VGG-16 (paper)", "Note"] == "not trained here"
    assert table.loc["ResNet-50 (paper)", "Note"] == ""
    assert table.loc["ResNet-50", "Note"] == "first of 3 seeds"
    assert table.loc["lenet5", "Note"] == "start not recorded"
    assert "MobileNetV2 (no ImageNet start)" in table.index
    assert table.loc["VGG-16 (paper)", "ROC AUC"] == ""
    assert table.loc["ResNet-50", "ROC AUC over seeds"].endswith("(3 seeds)")  # type: ignore[arg-type]


def test_the_order_of_the_texts_is_that_of_the_figures(board: pd.DataFrame) -> None:
    texts = readable(board.reset_index())["Accuracy"]
    assert [text[:5] for text in sorted(texts, reverse=True)] == [f"{value:.3f}" for value in board["accuracy"]]


def test_markdown_has_a_line_a_model_and_equal_columns(made_up_evaluations: Path) -> None:
    lines = markdown_leaderboard(made_up_evaluations).splitlines()
    assert len(lines) == 2 + 16
    assert len({line.count("|") for line in lines}) == 1
    (resnet,) = [line for line in lines if line.startswith("| ResNet-50, first of 3 seeds |")]
    board = leaderboard(made_up_evaluations, view="clean-native").set_index("name").loc["resnet50"]
    shown = from_table(board["roc_auc"], board["roc_auc_low"], board["roc_auc_high"]).text()  # type: ignore[arg-type]
    assert resnet.split(" | ")[-1].startswith(shown)
    assert "±" in resnet


def test_a_table_for_publication_passes_over_nothing(made_up_evaluations: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(made_up_evaluations, tmp_path / "copy")
    (folder / "resnet50.test.json").write_text("{", "utf-8")
    with pytest.raises(ResultError, match=r"resnet50\.test\.json is not JSON"):
        leaderboard(folder)
    (folder / "published.csv").write_text("nothing\n", "utf-8")
    with pytest.raises(ResultError, match=r"published\.csv cannot be read"):
        read_published(folder)


def test_without_the_papers_table_ours_stand_alone(made_up_evaluations: Path, tmp_path: Path) -> None:
    families = read_results(made_up_evaluations).by_family()
    board = leaderboard_of(families, read_published(tmp_path))
    assert set(board["source"]) == {"ours"}
    assert board["paper_accuracy"].isna().all()
    assert leaderboard_of({}, read_published(tmp_path)).empty

"""The numbers of the charts: each from the model's own rows of the view, and nothing for what was not measured."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix

from skinlens.leaderboard import chart_tables as tables
from skinlens.leaderboard.records import EvaluatedModel

VIEWS = ("all", "no-twins", "native", "clean-native")


def recorded(model: EvaluatedModel, view: str, metric: str) -> float | None:
    assert model.record is not None
    return model.record.views[view].metrics[metric].value


@pytest.mark.parametrize("view", VIEWS)
def test_areas_under_the_curves_are_the_recorded_ones(models: tuple[EvaluatedModel, ...], view: str) -> None:
    roc, pr = tables.roc_table(models, view), tables.pr_table(models, view)
    for model in models:
        curve = roc[roc["model"] == model.label]
        assert np.trapezoid(curve["sensitivity"], curve["false_positive_rate"]) == pytest.approx(
            recorded(model, view, "roc_auc")
        )
        steps = pr[pr["model"] == model.label]
        area = (np.diff(steps["sensitivity"], prepend=0) * steps["precision"]).sum()
        assert area == pytest.approx(recorded(model, view, "pr_auc"))


@pytest.mark.parametrize("view", VIEWS)
def test_operating_points_are_the_recorded_rates(
    models: tuple[EvaluatedModel, ...], published: pd.DataFrame, view: str
) -> None:
    points = tables.operating_points(models, published, view).set_index("model")
    for model in models:
        point = points.loc[model.label]
        assert point["sensitivity"] == pytest.approx(recorded(model, view, "sensitivity"))
        assert 1 - point["false_positive_rate"] == pytest.approx(recorded(model, view, "specificity"))
        assert point["precision"] == pytest.approx(recorded(model, view, "precision"))
    assert (points["source"] == "paper").sum() == (10 if view == "all" else 0)


def test_confusion_cells_are_the_matrix(models: tuple[EvaluatedModel, ...], published: pd.DataFrame) -> None:
    cells = tables.confusion_table(tables.operating_points(models, published, "native"))
    model = models[0]
    rows = model.seen_in("native")
    called = np.where(rows["probability"] >= model.threshold, "malignant", "benign")
    expected = confusion_matrix(rows["label"], called, labels=["benign", "malignant"])
    found = cells[cells["model"] == model.label].pivot_table(index="actual", columns="called", values="images")
    assert found.to_numpy().tolist() == expected.tolist()
    assert cells.groupby(["model", "actual"])["share"].sum().to_numpy() == pytest.approx(1.0)


def test_reliability_adds_up_to_the_calibration_error(models: tuple[EvaluatedModel, ...]) -> None:
    table = tables.reliability_table(models, "clean-native")
    for model in models:
        bins = table[table["model"] == model.label]
        gaps = (bins["mean_probability"] - bins["observed"]).abs()
        assert (gaps * bins["n"]).sum() / bins["n"].sum() == pytest.approx(
            recorded(model, "clean-native", "calibration_error")
        )


def test_coverage_ends_at_the_error_of_all_images(models: tuple[EvaluatedModel, ...]) -> None:
    last = tables.coverage_table(models, "all").groupby("model")[["coverage", "error"]].last()
    for model in models:
        accuracy = recorded(model, "all", "accuracy")
        assert accuracy is not None
        assert last.loc[model.label].tolist() == pytest.approx([1.0, 1 - accuracy])


def test_net_benefit_of_the_lowest_threshold_is_nearly_that_of_referring_everyone(
    models: tuple[EvaluatedModel, ...],
) -> None:
    first = tables.decision_table(models, "all").groupby("model").first()
    assert np.allclose(first["net_benefit"], first["treat_all"], atol=0.02)
    assert set(first["treat_none"]) == {0.0}


def test_robustness_begins_with_the_clean_figure_and_names_who_was_not_measured(
    models: tuple[EvaluatedModel, ...],
) -> None:
    table = tables.robustness_table(models)
    assert tables.absent(models, table) == ["lenet5", "MobileNetV2 (no ImageNet start)"]
    counts = table.groupby(["model", "corruption", "metric"])["strength"].apply(list)
    assert all(strengths == [0, 1, 2, 3, 4, 5] for strengths in counts)
    assert set(table["n"]) == {120}
    clean = table[(table["strength"] == 0) & (table["metric"] == "roc_auc")]
    for model in models:
        assert set(clean.loc[clean["model"] == model.label, "value"]) <= {recorded(model, "all", "roc_auc")}


def test_training_curves_are_the_logs(models: tuple[EvaluatedModel, ...]) -> None:
    table = tables.training_table(models)
    assert list(table.columns[:2]) == ["model", "epoch"]
    assert tables.absent(models, table) == ["lenet5"]
    for model in models:
        if model.log is not None:
            assert table.loc[table["model"] == model.label, "train_loss"].tolist() == model.log["train_loss"].tolist()


def test_shortcuts_name_their_model(models: tuple[EvaluatedModel, ...]) -> None:
    table = tables.shortcut_table(models)
    assert tables.absent(models, table) == ["lenet5", "MobileNetV2 (no ImageNet start)"]
    assert list(table["model"].value_counts().unique()) == [13]


def test_shortcuts_are_told_in_words_with_a_column_a_model(models: tuple[EvaluatedModel, ...]) -> None:
    table = tables.shortcut_table(models)
    told = tables.readable_shortcuts(table, "native").set_index("Test")
    assert list(told.index) == [
        "ROC AUC of the images as they are",
        "ROC AUC with the centre of every image painted over",
        "ROC AUC as they are",
        "ROC AUC with the lesion painted over",
        "ROC AUC of the shape of the painted area alone",
        "ROC AUC with the lesion on a background of the other class",
        "Correct decisions that the other class's background reverses",
    ]
    assert list(told.columns) == ["Images", *dict.fromkeys(table["model"])]
    first = models[0]
    assert told.loc["ROC AUC of the images as they are", first.label].startswith(
        f"{recorded(first, 'native', 'roc_auc'):.3f} ("  # type: ignore[arg-type]
    )
    assert told.loc["Correct decisions that the other class's background reverses"].unique().tolist() == [
        "431",
        "0.220 (0.150 to 0.300)",
    ]
    assert told.loc["ROC AUC with the lesion painted over", "Images"] == "504"


@pytest.mark.parametrize("view", ["all", "no-twins", "native", "clean-native"])
def test_images_of_a_view_are_counted_by_label(models: tuple[EvaluatedModel, ...], view: str) -> None:
    counts = tables.label_counts(models[0], view)
    record = models[0].record
    assert record is not None
    assert counts == {"benign": record.views[view].benign, "malignant": record.views[view].malignant}
    share = tables.malignant_share(models, view)
    assert share == pytest.approx(counts["malignant"] / record.views[view].n)


def test_a_view_that_no_model_has_holds_no_images(models: tuple[EvaluatedModel, ...]) -> None:
    assert tables.label_counts(models[0], "elsewhere") == {"benign": 0, "malignant": 0}
    assert tables.malignant_share(models, "elsewhere") is None
    assert tables.malignant_share([], "all") is None


def test_a_model_without_a_test_has_an_empty_cell(models: tuple[EvaluatedModel, ...]) -> None:
    table = tables.shortcut_table(models[:2])
    lacking = table[(table["model"] != models[0].label) | (table["test"] != "outline")]
    told = tables.readable_shortcuts(lacking, "all").set_index("Test")
    assert told.loc["ROC AUC with the lesion painted over", models[0].label] == ""
    assert told.loc["ROC AUC with the lesion painted over", models[1].label] == "0.810 (0.760 to 0.860)"


def test_without_models_or_images_every_table_is_empty_with_its_columns(models: tuple[EvaluatedModel, ...]) -> None:
    by_view = (
        tables.roc_table,
        tables.pr_table,
        tables.reliability_table,
        tables.decision_table,
        tables.coverage_table,
    )
    for make in by_view:
        assert make([], "all").empty
        assert tables.absent(models, make(models, "elsewhere")) == [model.label for model in models]
        assert list(make([], "all").columns) == list(make(models, "all").columns)
    for make_one in (tables.robustness_table, tables.training_table, tables.shortcut_table):
        assert make_one([]).empty

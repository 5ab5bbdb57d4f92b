"""Parts of the images as tables: every recorded figure is there, and what was left out stays so."""

from pathlib import Path

import pandas as pd
import pytest

from skinlens.leaderboard.records import EvaluatedModel, read_results
from skinlens.leaderboard.subgroup_tables import missed_melanomas, readable_subgroups, subgroup_table
from skinlens.studies.subgroups import FEWEST


@pytest.fixture(scope="module")
def models(made_up_evaluations: Path) -> tuple[EvaluatedModel, ...]:
    return read_results(made_up_evaluations).shown


def test_every_recorded_part_is_a_row(models: tuple[EvaluatedModel, ...]) -> None:
    table = subgroup_table(models)
    recorded = [model for model in models if model.record and model.record.subgroups]
    assert set(table["model"]) == {model.label for model in recorded}
    assert len(table) == sum(len(model.record.subgroups.cells) for model in recorded)
    assert len(recorded) < len(models)


def test_a_rate_is_its_count_over_its_images(models: tuple[EvaluatedModel, ...]) -> None:
    table = subgroup_table(models).dropna(subset=["value"])
    assert len(table)
    assert table["value"].tolist() == pytest.approx((table["right"] / table["n"]).tolist())
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()


def test_small_subgroups_have_no_rates(models: tuple[EvaluatedModel, ...]) -> None:
    table = subgroup_table(models)
    few = table["n"] < FEWEST
    assert few.any()
    assert (table["value"].isna() == few).all()
    for column in set(table["column"]):
        told = readable_subgroups(table, column)
        labels = list(dict.fromkeys(table["model"]))
        too_few = (told[labels] == "too few images").all(axis=1)
        assert too_few.tolist() == (told["Images"] < FEWEST).tolist()


def test_diagnoses_are_told_in_words(models: tuple[EvaluatedModel, ...]) -> None:
    told = readable_subgroups(subgroup_table(models), "dx")
    assert {"melanoma", "naevus"} <= set(told["Diagnosis"])
    melanoma = told[told["Diagnosis"] == "melanoma"].iloc[0]
    assert melanoma["Figure"] == "Sensitivity (malignant images)"


def test_missed_melanomas_are_those_below_the_threshold(models: tuple[EvaluatedModel, ...]) -> None:
    for row in missed_melanomas(models).to_dict("records"):
        model = next(model for model in models if model.label == row["model"])
        melanomas = model.rows[(model.rows["dx"] == "mel") & (model.rows["label"] == "malignant")]
        below = melanomas[melanomas["probability"] < model.threshold]
        assert (row["n"], row["missed"]) == (len(melanomas), len(below))
        assert row["ids"].split(", ") == below["path"].tolist() or (row["ids"] == "" and below.empty)


def test_held_out_images_have_a_table_of_their_own(models: tuple[EvaluatedModel, ...]) -> None:
    table = subgroup_table(models, held_out=True)
    (known,) = (model for model in models if model.held_out is not None)
    assert set(table["model"]) == {known.label}
    told = readable_subgroups(table, "dx").set_index("Diagnosis")
    assert told.loc["basal cell carcinoma", "Figure"] == "Sensitivity (malignant images)"
    assert "basal cell carcinoma" not in set(readable_subgroups(subgroup_table(models), "dx")["Diagnosis"])
    (missed,) = missed_melanomas(models, held_out=True).to_dict("records")
    assert missed["n"] == told.loc["melanoma", "Images"] < missed_melanomas(models)["n"].max()


def test_models_measured_on_other_images_have_their_own_counts(models: tuple[EvaluatedModel, ...]) -> None:
    mine, held_out = subgroup_table(models[:1]), subgroup_table(models, held_out=True)
    told = readable_subgroups(pd.concat([mine, held_out.assign(model="held out")]), "dx").set_index("Diagnosis")
    assert "Images" not in told
    for table in (mine, held_out.assign(model="held out")):
        (melanoma,) = table[table["part"] == "mel"].to_dict("records")
        assert told.loc["melanoma", melanoma["model"]].endswith(f", n = {melanoma['n']}")
    assert told.loc["basal cell carcinoma", mine["model"].iloc[0]] == ""


def test_without_models_there_is_nothing() -> None:
    assert subgroup_table([]).empty
    assert readable_subgroups(subgroup_table([]), "age").empty
    assert missed_melanomas([]).empty

"""Figures of held-out datasets: against scikit-learn, by hand, and how several models stand beside one another."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from skinlens.leaderboard.held_out import (
    HeldOutMeasurements,
    HeldOutModel,
    averaged_origins,
    held_out_table,
    markdown_headline,
    markdown_held_out,
    mean_area,
    measure_datasets,
    measure_held_out,
    readable_held_out,
    specificity_at_sensitivity,
)
from skinlens.metrics.intervals import wilson
from skinlens.metrics.measure import measure_roc_auc
from skinlens.metrics.measurement import Measurement
from skinlens.metrics.rows import groups_of
from tests.made_up_probes import held_out_scores


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    return held_out_scores(("msk", "ham"), skill=1.5)


def figures(area: float | None, n: int = 100) -> HeldOutMeasurements:
    spared = Measurement(value=0.5, low=0.4, high=0.6, n=n)
    low, high = (None, None) if area is None else (area - 0.05, area + 0.05)
    return HeldOutMeasurements(
        n=n, benign=60, malignant=n - 60, roc_auc=Measurement(value=area, low=low, high=high, n=n), specificity=spared
    )


def model(title: str, *, default: bool = False, **areas: float | None) -> HeldOutModel:
    return HeldOutModel(title, "model", default, {origin: figures(area) for origin, area in areas.items()})


class TestParts:
    def test_every_figure_is_that_of_the_rows(self, scores: pd.DataFrame) -> None:
        found = measure_held_out(scores, resamples=40)
        truth = (scores["label"] == "malignant").astype(int)
        area = measure_roc_auc(truth, scores["probability"], groups_of(scores), resamples=40)
        assert (found.n, found.benign, found.malignant) == (180, 120, 60)
        assert found.roc_auc.value == pytest.approx(roc_auc_score(truth, scores["probability"]), abs=1e-5)
        assert (found.roc_auc.low, found.roc_auc.high) == (
            pytest.approx(area.low, abs=1e-5),
            pytest.approx(area.high, abs=1e-5),
        )

    def test_datasets_are_told_apart_and_ordered(self, scores: pd.DataFrame) -> None:
        found = measure_datasets(scores, resamples=20)
        assert list(found) == ["ham", "msk"]
        for origin, figure in found.items():
            assert figure == measure_held_out(scores[scores["origin"] == origin], resamples=20)

    def test_one_label_has_no_figures(self, scores: pd.DataFrame) -> None:
        found = measure_held_out(scores[scores["label"] == "benign"], resamples=20)
        assert (found.roc_auc.value, found.specificity.value, found.n) == (None, None, 120)


class TestSpecificity:
    @pytest.mark.parametrize("least", [0.5, 0.9, 0.95, 1.0])
    def test_against_scikit_learns_curve(self, scores: pd.DataFrame, least: float) -> None:
        truth = (scores["label"] == "malignant").to_numpy()
        false_alarms, found, _ = roc_curve(truth, scores["probability"], drop_intermediate=False)
        expected = 1 - false_alarms[found >= least - 1e-9].min()
        rate = specificity_at_sensitivity(truth, scores["probability"], least=least)
        assert rate.value == pytest.approx(expected)
        interval = wilson(round(expected * 120), 120)
        assert interval is not None
        assert (rate.low, rate.high, rate.n) == (interval.low, interval.high, 120)

    def test_by_hand(self) -> None:
        """19 of 20 malignant images must be found; the benign one that ties with the 19th is not spared."""
        malignant = np.linspace(0.99, 0.42, 20)
        benign = np.array([0.1, 0.2, malignant[18], malignant[18] + 0.001, 0.41])
        truth = [1] * 20 + [0] * 5
        assert specificity_at_sensitivity(truth, [*malignant, *benign]).value == pytest.approx(3 / 5)

    def test_scores_below_a_ten_thousandth_are_told_apart(self) -> None:
        assert specificity_at_sensitivity([1, 1, 0, 0], [3e-6, 4e-6, 1e-6, 5e-6]).value == 0.5

    def test_without_a_label_it_is_undefined(self) -> None:
        assert specificity_at_sensitivity([1, 1], [0.5, 0.6]).value is None


class TestTables:
    def test_means_are_over_what_every_model_has(self) -> None:
        models = [model("A", ham=0.9, bcn=0.7, ids=0.2), model("B", bcn=0.8, ham=0.7)]
        assert averaged_origins(models) == ["ham", "bcn"]
        table = readable_held_out(models)
        assert table["Model"].tolist() == ["A", "B"]
        assert table["Mean"].tolist() == ["0.800", "0.750"]
        assert table["International Dermoscopy Society"].tolist() == ["0.200 (0.150 to 0.250), n = 100", "not held out"]

    def test_the_best_comes_first_and_the_apps_model_is_marked(self) -> None:
        table = readable_held_out([model("A", default=True, ham=0.7), model("B", ham=0.8)])
        assert table["Model"].tolist() == ["B", "A (this app's model)"]

    def test_models_without_a_common_dataset_have_no_mean(self) -> None:
        models = [model("A", ham=0.7), model("B", bcn=0.8)]
        assert averaged_origins(models) == []
        assert readable_held_out(models)["Mean"].eq("-").all()

    def test_the_apps_model_says_what_means_are_over(self) -> None:
        """Its mean is then the one that other pages show, whatever else is in the table."""
        models = [
            model("A", ham=0.99),
            model("B", default=True, ham=0.8, msk=0.6),
            model("C", ham=0.8, msk=0.7, ids=0.1),
        ]
        assert averaged_origins(models) == ["ham", "msk"]
        table = readable_held_out(models)
        assert table["Model"].tolist() == ["C", "B (this app's model)", "A"]
        assert table["Mean"].tolist() == ["0.750", "0.700", "-"]

    def test_an_undefined_figure_is_told_so_and_leaves_no_mean(self) -> None:
        models = [model("A", ham=None, bcn=0.7)]
        assert mean_area(models[0].datasets, ["ham", "bcn"]) is None
        table = readable_held_out(models)
        assert table["Vienna and Queensland (HAM10000)"].tolist() == ["undefined, n = 100"]

    def test_the_numbers_are_all_there(self) -> None:
        table = held_out_table([model("A", msk=0.7, ham=0.9), model("B", ham=0.95, msk=0.8)])
        assert table[["model", "origin", "roc_auc"]].to_numpy().tolist() == [
            ["B", "ham", 0.95], ["B", "msk", 0.8], ["A", "ham", 0.9], ["A", "msk", 0.7],
        ]  # fmt: skip
        first = table.iloc[0]
        assert (first["dataset"], first["kind"], first["low"], first["n"]) == (
            "Vienna and Queensland (HAM10000)", "model", pytest.approx(0.9), 100,
        )  # fmt: skip

    def test_no_model_is_no_row(self) -> None:
        assert readable_held_out([]).empty
        assert held_out_table([]).empty


class TestMarkdown:
    MODELS = (model("Net", default=True, ham=0.9, bcn=0.7), model("Probe", ham=0.8, bcn=0.7, ids=None))

    def test_a_row_a_dataset_and_model_and_means_over_what_is_shared(self) -> None:
        lines = markdown_held_out(self.MODELS).splitlines()
        assert len({line.count("|") for line in lines}) == 1
        assert [line.split(" | ")[1] for line in lines[2:]] == ["Net", "Probe", "Net", "Probe", "Probe", "Net", "Probe"]
        assert lines[2].endswith("| Net | 100 | 40 | 0.900 (0.850 to 0.950) | 0.500 (0.400 to 0.600) |")
        assert "undefined" in lines[6]
        assert [line.split("|")[5].strip() for line in lines[-2:]] == ["0.800", "0.750"]

    def test_the_headline_has_one_models_datasets_and_their_mean(self) -> None:
        rows = markdown_headline(self.MODELS[0])
        assert rows[0] == "| Vienna and Queensland (HAM10000), held out | 100 | 40 | 0.900 (0.850 to 0.950) |"
        assert rows[-1] == "| mean of these datasets | | | 0.800 |"
        assert len(rows) == 3

    def test_there_is_no_mean_where_a_figure_is_undefined(self) -> None:
        assert len(markdown_headline(self.MODELS[1])) == 3

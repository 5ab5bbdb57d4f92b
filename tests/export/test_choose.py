"""`skinlens select`: the choice follows from the folds alone, and nothing that was compared is lost."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api
from sklearn.metrics import log_loss, roc_auc_score

from skinlens.errors import UsageError
from skinlens.export.choose import measure_curve
from skinlens.export.selection import (
    Selection,
    SelectionError,
    read_selection,
    read_selections,
    require_chosen,
    write_selection,
)
from skinlens.metrics.calibration import calibration_error, fitted_scaling
from skinlens.metrics.risk_curve import risk_curve
from skinlens.runtime.card import MeasuredRates
from tests.cli.conftest import Caller

RECIPE = {"name": "made_up", "preprocessing": {"size": 64}}


def fold_scores(seed: int, n: int = 90) -> pd.DataFrame:
    """Overlapping scores of both classes."""
    generator = np.random.default_rng(seed)
    malignant = np.arange(n) % 3 == 0
    evidence = generator.normal(np.where(malignant, 0.8, -1.0), 1.1)
    return pd.DataFrame(
        {
            "path": [f"{seed}/{row}.jpg" for row in range(n)],
            "group_id": [f"G{seed}-{row}" for row in range(n)],
            "fold": seed,
            "label": np.where(malignant, "malignant", "benign"),
            "probability": 1 / (1 + np.exp(-evidence)),
            "heatmap_max": generator.gamma(2.0, 0.1, n),
        }
    )


def finished_run(folder: Path, *, fold: int | None, scores: pd.DataFrame | None = None, **changes: object) -> Path:
    """What `train` leaves behind."""
    record: dict[str, Any] = {
        "recipe": RECIPE,
        "data": ["made_up.csv"],
        "fold": fold,
        "seed": 3,
        "start": "folder/start.safetensors",
        "start_sha256": "a" * 64,
        "epochs": 6,
        "seconds": 12.5,
    }
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(record | changes), "utf-8")
    (folder / "log.csv").write_text(f"epoch,train_loss\n1.0,0.{fold}\n", "utf-8")
    if fold is not None:
        (fold_scores(fold) if scores is None else scores).to_csv(folder / "fold.csv", index=False)
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [finished_run(tmp_path / f"run{fold}", fold=fold) for fold in (0, 1)]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "evaluation"


@pytest.fixture
def pooled() -> pd.DataFrame:
    return pd.concat([fold_scores(fold) for fold in (0, 1)], ignore_index=True)


def test_the_threshold_is_where_the_fitted_curve_crosses_one_half(
    call: Caller, runs: list[Path], out: Path, pooled: pd.DataFrame
) -> None:
    """Against statsmodels' maximum likelihood fit."""
    done = call("select", "model_x", *runs, "--out", out)
    assert (done.status, done.out) == (0, "")
    selection = read_selection(out / "selected.json", "model_x")
    evidence = np.log(pooled["probability"] / (1 - pooled["probability"]))
    truth = (pooled["label"] == "malignant").astype(int)
    intercept, slope = statsmodels.api.Logit(truth, np.column_stack([np.ones(len(truth)), evidence])).fit(disp=0).params
    assert selection.threshold == pytest.approx(1 / (1 + np.exp(intercept / slope)), abs=1e-4)
    assert f"chose threshold {selection.threshold} " in done.err


def test_rates_scale_and_area_are_those_of_the_folds(
    call: Caller, runs: list[Path], out: Path, pooled: pd.DataFrame
) -> None:
    call("select", "model_x", *runs, "--out", out)
    selection = read_selection(out / "selected.json", "model_x")
    truth, called = pooled["label"] == "malignant", pooled["probability"] >= selection.threshold
    assert selection.rates.population == "out of fold"
    assert selection.rates.sensitivity.value == pytest.approx((called & truth).sum() / truth.sum())
    assert selection.rates.specificity.value == pytest.approx((~called & ~truth).sum() / (~truth).sum())
    assert (selection.rates.sensitivity.n, selection.rates.specificity.n) == (truth.sum(), (~truth).sum())
    assert selection.heatmap_scale == pytest.approx(np.quantile(pooled["heatmap_max"], 0.99), abs=1e-5)
    assert selection.roc_auc == pytest.approx(roc_auc_score(truth, pooled["probability"]), abs=1e-5)
    for rule in (selection.threshold_rule, selection.heatmap_rule):
        assert "180" in rule
    assert "fold 0, 1" in selection.threshold_rule


def test_the_choice_names_its_recipe_start_seed_and_folds(call: Caller, runs: list[Path], out: Path) -> None:
    call("select", "model_x", *runs, "--out", out)
    selection = read_selection(out / "selected.json", "model_x")
    assert selection.recipe == RECIPE
    assert (selection.start, selection.start_sha256) == ("folder/start.safetensors", "a" * 64)
    assert selection.seed == 3
    assert selection.folds == (0, 1)


def test_predictions_and_logs_are_kept_beside_the_choice(call: Caller, runs: list[Path], out: Path) -> None:
    call("select", "model_x", *runs, "--out", out)
    selection = read_selection(out / "selected.json", "model_x")
    assert selection.out_of_fold == ("folds/made_up.start.seed3.fold0.csv", "folds/made_up.start.seed3.fold1.csv")
    for run, name in zip(runs, selection.out_of_fold, strict=True):
        assert (out / name).read_bytes() == (run / "fold.csv").read_bytes()
        assert (out / name.replace(".csv", ".log.csv")).read_bytes() == (run / "log.csv").read_bytes()


def test_what_was_compared_is_recorded_and_decides_nothing(
    call: Caller, runs: list[Path], out: Path, tmp_path: Path
) -> None:
    call("select", "model_x", *runs, "--out", out)
    alone = read_selection(out / "selected.json", "model_x")
    other = finished_run(
        tmp_path / "other", fold=0, scores=fold_scores(9), recipe=RECIPE | {"name": "other"}, seed=4, start="random"
    )
    assert call("select", "model_x", *runs, "--considered", other, "--out", out).status == 0
    selection = read_selection(out / "selected.json", "model_x")
    assert selection.model_copy(update={"considered": alone.considered}) == alone
    assert [(run.recipe, run.seed, run.fold) for run in selection.considered] == [
        ("made_up", 3, 0),
        ("made_up", 3, 1),
        ("other", 4, 0),
    ]
    scores = fold_scores(9)
    truth = scores["label"] == "malignant"
    compared = selection.considered[2]
    assert (compared.n, compared.epochs, compared.seconds, compared.start) == (90, 6, 12.5, "random")
    assert compared.roc_auc == pytest.approx(roc_auc_score(truth, scores["probability"]), abs=1e-5)
    assert compared.log_loss == pytest.approx(log_loss(truth, scores["probability"]), abs=1e-5)
    assert compared.accuracy_at_half == pytest.approx(((scores["probability"] >= 0.5) == truth).mean(), abs=1e-5)
    assert (out / "folds" / "other.random.seed4.fold0.csv").is_file()


def test_choices_for_other_models_are_kept(call: Caller, runs: list[Path], out: Path) -> None:
    call("select", "model_x", *runs, "--out", out)
    before = read_selection(out / "selected.json", "model_x")
    call("select", "model_a", runs[0], "--out", out)
    assert list(read_selections(out / "selected.json")) == ["model_a", "model_x"]
    assert read_selection(out / "selected.json", "model_x") == before
    assert read_selection(out / "selected.json", "model_a").folds == (0,)


class TestRefusals:
    def refused(self, call: Any, out: Path, *words: object) -> str:
        done = call("select", "model_x", *words, "--out", out)
        assert (done.status, done.out) == (2, "")
        assert all(line.startswith("skinlens: ") for line in done.err.splitlines()), done.err
        assert not (out / "selected.json").exists()
        return done.err

    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"recipe": RECIPE | {"epochs": 7}}, "recipe"),
            ({"seed": 4}, "seed"),
            ({"start_sha256": "b" * 64}, "start"),
            ({"start_sha256": None}, "start"),
        ],
        ids=["recipe", "seed", "other start", "no start"],
    )
    def test_runs_that_differ_in_more_than_their_fold(
        self,
        call: Caller,
        runs: list[Path],
        out: Path,
        tmp_path: Path,
        changes: Any,
        named: str,
    ) -> None:
        other = finished_run(tmp_path / "other", fold=2, **changes)
        assert f"differ in their {named}" in self.refused(call, out, *runs, other)

    def test_starts_without_a_file_are_told_apart_by_name(self, call: Caller, out: Path, tmp_path: Path) -> None:
        """Random weights and torchvision's hub both have no digest."""
        runs = [
            finished_run(tmp_path / start, fold=fold, start=start, start_sha256=None)
            for fold, start in enumerate(("random weights", "torchvision"))
        ]
        assert "differ in their start" in self.refused(call, out, *runs)

    def test_the_same_fold_twice(self, call: Caller, runs: list[Path], out: Path, tmp_path: Path) -> None:
        again = finished_run(tmp_path / "again", fold=1)
        assert "same fold" in self.refused(call, out, *runs, again)

    def test_two_compared_runs_whose_predictions_would_have_one_name(
        self, call: Caller, runs: list[Path], out: Path, tmp_path: Path
    ) -> None:
        """Otherwise one's predictions would silently take the place of the other's."""
        other = finished_run(tmp_path / "other", fold=0, recipe=RECIPE | {"epochs": 7})
        assert "made_up.start.seed3.fold0.csv" in self.refused(call, out, *runs, "--considered", other)

    def test_a_folder_without_a_finished_run(self, call: Caller, out: Path, tmp_path: Path) -> None:
        assert "holds no complete run" in self.refused(call, out, tmp_path / "nothing")

    def test_a_run_with_a_damaged_record(self, call: Caller, out: Path, tmp_path: Path) -> None:
        run = finished_run(tmp_path / "run", fold=0)
        (run / "run.json").write_text("{", "utf-8")
        assert "holds no complete run" in self.refused(call, out, run)

    def test_a_run_that_held_nothing_out(self, call: Caller, out: Path, tmp_path: Path) -> None:
        assert "held out no fold" in self.refused(call, out, finished_run(tmp_path / "full", fold=None))

    def test_a_fold_with_one_class(self, call: Caller, out: Path, tmp_path: Path) -> None:
        run = finished_run(tmp_path / "run", fold=0, scores=fold_scores(0).query("label == 'benign'"))
        assert "same label" in self.refused(call, out, run)


def test_a_share_of_the_lesions_is_told_apart(call: Caller, runs: list[Path], out: Path, tmp_path: Path) -> None:
    part = finished_run(tmp_path / "part", fold=0, share=0.25)
    assert call("select", "model_x", *runs, "--considered", part, "--out", out).status == 0
    assert (out / "folds" / "made_up.start.seed3.share0.25.fold0.csv").is_file()
    considered = read_selection(out / "selected.json", "model_x").considered
    assert [run.share for run in considered] == [1.0, 1.0, 0.25]


def test_nothing_is_chosen_with_runs_of_different_shares(
    call: Caller, runs: list[Path], out: Path, tmp_path: Path
) -> None:
    part = finished_run(tmp_path / "part", fold=2, share=0.25)
    assert "differ in their share" in call("select", "model_x", *runs, part, "--out", out).err


class TestCalibrated:
    @pytest.fixture
    def selection(self, call: Caller, runs: list[Path], out: Path) -> Selection:
        assert call("select", "model_x", *runs, "--calibrate", "--out", out).status == 0
        return read_selection(out / "selected.json", "model_x")

    @pytest.fixture
    def truth(self, pooled: pd.DataFrame) -> np.ndarray:
        return (pooled["label"] == "malignant").astype(int).to_numpy()

    def test_the_scaling_and_what_it_holds_for(
        self, selection: Selection, pooled: pd.DataFrame, truth: np.ndarray
    ) -> None:
        calibration = selection.calibration
        fitted = fitted_scaling(truth, pooled["probability"])
        assert selection.scaling == pytest.approx((fitted.temperature, fitted.offset), abs=1e-5)
        assert selection.scaling == (calibration.temperature, calibration.offset)
        assert calibration.prevalence == pytest.approx(1 / 3, abs=1e-5)
        assert calibration.error_before == pytest.approx(calibration_error(truth, pooled["probability"]), abs=1e-5)

    def test_the_error_after_comes_from_the_other_fold(
        self, selection: Selection, pooled: pd.DataFrame, truth: np.ndarray
    ) -> None:
        fold = pooled["fold"].to_numpy()
        chances = pooled["probability"].to_numpy()
        expected = chances.copy()
        for held in (0, 1):
            scaling = fitted_scaling(truth[fold != held], chances[fold != held])
            expected[fold == held] = scaling.of_probabilities(chances[fold == held])
        assert selection.calibration.error_after == pytest.approx(calibration_error(truth, expected), abs=1e-5)

    def test_three_points_on_the_estimate_and_the_default_is_screening(
        self, selection: Selection, pooled: pd.DataFrame, truth: np.ndarray
    ) -> None:
        estimates = selection.scaling.of_probabilities(pooled["probability"])
        assert [point.name for point in selection.points] == ["screening", "balanced", "specialist"]
        for point in selection.points:
            (rates,) = point.measured
            assert rates.sensitivity.value == pytest.approx((estimates[truth == 1] >= point.threshold).mean())
            assert rates.specificity.value == pytest.approx((estimates[truth == 0] < point.threshold).mean())
            assert "fold 0, 1" in point.chosen_on
        assert selection.points[0].measured[0].sensitivity.value >= 0.95
        assert (selection.threshold, selection.rates) == (
            selection.points[0].threshold,
            selection.points[0].measured[0],
        )

    def test_the_curve_is_that_of_the_scaled_scores(
        self, selection: Selection, pooled: pd.DataFrame, truth: np.ndarray
    ) -> None:
        scores = selection.scaling.of_probabilities(pooled["probability"])
        expected = risk_curve(truth, scores, pooled["group_id"].astype(str), np.zeros(len(truth)).astype(str))
        assert [(each.score, each.rate) for each in selection.risk_curve] == [
            (each.score, each.rate) for each in expected
        ]

    def test_the_curve_is_measured_again_from_what_is_kept(self, selection: Selection, out: Path) -> None:
        written = out / "selected.json"
        write_selection(written, "model_x", selection.model_copy(update={"risk_curve": ()}))
        assert measure_curve("model_x", out) == selection.risk_curve
        assert read_selection(written, "model_x") == selection

    def test_without_calibration_there_is_no_curve(self, call: Caller, runs: list[Path], out: Path) -> None:
        call("select", "model_x", *runs, "--out", out)
        with pytest.raises(UsageError, match="not calibrated"):
            measure_curve("model_x", out)

    def test_missing_predictions_are_reported(self, selection: Selection, out: Path) -> None:
        (out / selection.out_of_fold[0]).unlink()
        with pytest.raises(UsageError, match="cannot be used"):
            measure_curve("model_x", out)

    def test_one_fold_is_measured_on_halves_of_its_lesions(self, call: Caller, runs: list[Path], out: Path) -> None:
        assert call("select", "model_x", runs[0], "--calibrate", "--out", out).status == 0
        assert read_selection(out / "selected.json", "model_x").calibration is not None

    def test_without_the_flag_nothing_is_calibrated(self, call: Caller, runs: list[Path], out: Path) -> None:
        call("select", "model_x", *runs, "--out", out)
        selection = read_selection(out / "selected.json", "model_x")
        assert (selection.calibration, selection.points, selection.scaling) == (None, (), (1.0, 0.0))


class TestOrigins:
    @pytest.fixture
    def origins(self, tmp_path: Path) -> list[Path]:
        runs = []
        for number, origin in enumerate(("ham", "bcn")):
            scores = fold_scores(number).assign(origin=origin)
            runs.append(finished_run(tmp_path / origin, fold=None, origin=origin))
            scores.to_csv(runs[-1] / "fold.csv", index=False)
        return runs

    def test_runs_that_held_out_origins_choose_as_folds_do(
        self, call: Caller, origins: list[Path], runs: list[Path], out: Path, tmp_path: Path
    ) -> None:
        done = call("select", "model_x", *origins, "--out", out)
        assert done.status == 0
        by_origin = read_selection(out / "selected.json", "model_x")
        call("select", "model_x", *runs, "--out", tmp_path / "folds")
        by_fold = read_selection(tmp_path / "folds" / "selected.json", "model_x")
        for name in ("threshold", "heatmap_scale", "roc_auc", "seed", "start", "recipe"):
            assert getattr(by_origin, name) == getattr(by_fold, name)
        assert (by_origin.folds, by_origin.origins) == ((), ("ham", "bcn"))
        assert by_origin.rates.population == "out of origin"
        assert "origin ham, bcn" in by_origin.threshold_rule
        assert [(one.fold, one.origin) for one in by_origin.considered] == [(None, "ham"), (None, "bcn")]
        mean = np.mean([one.roc_auc for one in by_origin.considered])
        assert f"mean over origins {mean:.5f}" in done.err

    def test_a_calibrated_point_is_measured_on_each_origin_too(
        self, call: Caller, origins: list[Path], out: Path
    ) -> None:
        assert call("select", "model_x", *origins, "--calibrate", "--out", out).status == 0
        selection = read_selection(out / "selected.json", "model_x")
        scores = pd.concat([pd.read_csv(run / "fold.csv") for run in origins])
        estimates = selection.scaling.of_probabilities(scores["probability"])
        malignant = (scores["label"] == "malignant").to_numpy()
        for point in selection.points:
            every, *parts = point.measured
            assert every.population == "out of origin"
            assert [part.origin for part in parts] == ["ham", "bcn"]
            for part in parts:
                of_it = (scores["origin"] == part.origin).to_numpy()
                called = estimates[of_it] >= point.threshold
                assert part.sensitivity.value == pytest.approx(called[malignant[of_it]].mean())
                assert part.specificity.value == pytest.approx(1 - called[~malignant[of_it]].mean())
            assert sum(part.sensitivity.n for part in parts) == every.sensitivity.n

    def test_their_predictions_are_kept_by_origin(self, call: Caller, origins: list[Path], out: Path) -> None:
        call("select", "model_x", *origins, "--out", out)
        names = read_selection(out / "selected.json", "model_x").out_of_fold
        assert names == ("folds/made_up.start.seed3.origin-ham.csv", "folds/made_up.start.seed3.origin-bcn.csv")
        assert (out / names[1]).read_bytes() == (origins[1] / "fold.csv").read_bytes()

    def test_folds_and_origins_may_be_compared_but_not_mixed(
        self, call: Caller, origins: list[Path], runs: list[Path], out: Path
    ) -> None:
        assert "runs of one kind" in call("select", "model_x", runs[0], origins[0], "--out", out).err
        assert not (out / "selected.json").exists()
        assert call("select", "model_x", *origins, "--considered", runs[0], "--out", out).status == 0
        considered = read_selection(out / "selected.json", "model_x").considered
        assert [(one.fold, one.origin) for one in considered] == [(None, "ham"), (None, "bcn"), (0, None)]

    def test_the_same_origin_twice(self, call: Caller, origins: list[Path], out: Path, tmp_path: Path) -> None:
        again = finished_run(tmp_path / "again", fold=None, origin="bcn")
        fold_scores(5).to_csv(again / "fold.csv", index=False)
        assert "same origin" in call("select", "model_x", *origins, again, "--out", out).err

    def test_choices_by_folds_are_written_as_before(self, call: Caller, runs: list[Path], out: Path) -> None:
        call("select", "model_x", *runs, "--out", out)
        entry = json.loads((out / "selected.json").read_text("utf-8"))["model_x"]
        assert "origins" not in entry
        assert all("origin" not in run for run in entry["considered"])

    def test_committed_choices_survive_being_written_again(self, tmp_path: Path, released_folder: Path) -> None:
        committed = released_folder / "evaluation" / "selected.json"
        for name, selection in read_selections(committed).items():
            write_selection(tmp_path / "selected.json", name, selection)
        assert (tmp_path / "selected.json").read_bytes() == committed.read_bytes()

    def test_a_run_without_an_origin_is_not_the_final_one(self) -> None:
        chosen = {"recipe": RECIPE, "start": "s", "start_sha256": None, "seed": 3}
        rates = {"population": "out of origin"} | {
            name: {"value": None, "n": 0} for name in ("sensitivity", "specificity")
        }
        selection = Selection(
            **chosen, chosen_on="", folds=(), out_of_fold=(), roc_auc=0.5, threshold=0.5, threshold_rule="",  # type: ignore[arg-type]
            rates=MeasuredRates.model_validate(rates), heatmap_scale=None, heatmap_rule="", considered=(),
        )  # fmt: skip
        require_chosen(chosen | {"fold": None}, selection, Path("model.safetensors"))
        with pytest.raises(SelectionError, match="trained without origin bcn"):
            require_chosen(chosen | {"fold": None, "origin": "bcn"}, selection, Path("model.safetensors"))

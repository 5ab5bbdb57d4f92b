"""`skinlens evaluate` and `skinlens card`: figures that follow from the predictions that lie beside them."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, confusion_matrix, f1_score, roc_auc_score

from skinlens.imaging.decode import decode
from skinlens.imaging.skin_tone import skin_tone
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.leaderboard.documents import RECORD_VERSION, EvaluationRecord
from skinlens.runtime.card import read_card, sha256_of, write_card
from skinlens.runtime.predictor import Predictor
from skinlens.studies import evaluate as evaluate_module
from skinlens.studies import model_under_test as subject_module
from skinlens.studies.evaluate import QUICK_RESAMPLES, evaluate
from skinlens.studies.subgroups import subgroup_record
from tests.cli.conftest import Caller

VIEWS = {
    "all": lambda rows: rows["path"].notna(),
    "no-twins": lambda rows: rows["leaky"] == 0,
    "native": lambda rows: rows["foreign_jpeg"] == 0,
    "clean-native": lambda rows: (rows["leaky"] == 0) & (rows["foreign_jpeg"] == 0),
}
# path: label, split, group_id, leaky, foreign_jpeg, dx
LISTED = {
    "b0": ("benign", "test", "g0", 0, 0, "nv"),
    "b1": ("benign", "test", "g0", 0, 0, "nv"),
    "b2": ("benign", "test", "g1", 1, 0, "nv"),
    "b3": ("benign", "test", "g2", 0, 1, "bkl"),
    "b4": ("benign", "test", "g3", 0, 0, "bkl"),
    "m0": ("malignant", "test", "g4", 0, 0, "mel"),
    "m1": ("malignant", "test", "g5", 0, 1, "mel"),
    "m2": ("malignant", "test", "g6", 1, 0, "mel"),
    "m3": ("malignant", "test", "g7", 0, 0, "mel"),
    "m4": ("malignant", "test", "g8", 1, 1, ""),
    "t0": ("benign", "train", "g9", 0, 0, "nv"),
    "t1": ("malignant", "train", "g10", 0, 0, "mel"),
}


def listed() -> pd.DataFrame:
    rows = pd.DataFrame.from_dict(
        LISTED, orient="index", columns=["label", "split", "group_id", "leaky", "foreign_jpeg", "dx"]
    )
    return rows.rename_axis("path").reset_index().assign(path=lambda table: "images/" + table["path"] + ".png")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawn lesions in all four views."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "images").mkdir()
    for seed, (name, row) in enumerate(LISTED.items()):
        pixels = draw_pixels(seed, height=72, width=80, malignant_look=row[0] == "malignant")
        (folder / "images" / f"{name}.png").write_bytes(encode_png(pixels))
    listed().to_csv(folder / "drawn.csv", index=False)
    return folder / "drawn.csv"


@pytest.fixture(scope="module")
def scored(manifest: Path, predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that one evaluation of the test split left behind."""
    out = tmp_path_factory.mktemp("evaluation") / "new"
    with pytest.MonkeyPatch.context() as patch:
        for module in (evaluate_module, subject_module):
            patch.setattr(module, "load_predictor", lambda _name, **_: predictor)
        evaluate(predictor.card.name, [manifest], "test", out, quick=True, selected=out / "selected.json")
    return out


@pytest.fixture
def record(scored: Path, predictor: Predictor) -> dict[str, Any]:
    return json.loads((scored / f"{predictor.card.name}.test.json").read_text("utf-8"))


@pytest.fixture
def predictions(scored: Path, predictor: Predictor) -> pd.DataFrame:
    return pd.read_csv(scored / f"{predictor.card.name}.test.csv")


class TestEvaluate:
    @pytest.mark.slow
    def test_what_is_left_behind(self, scored: Path, predictor: Predictor) -> None:
        name = predictor.card.name
        assert {path.name for path in scored.iterdir()} == {f"{name}.test.json", f"{name}.test.csv", "scorings.csv"}

    def test_the_record_says_what_was_scored(
        self, record: dict[str, Any], manifest: Path, predictor: Predictor
    ) -> None:
        card = predictor.card
        assert (record["record_version"], record["model"]) == (RECORD_VERSION, card.name)
        assert record["version"] == card.version
        assert record["weights_sha256"] == card.files["weights"].sha256
        assert record["data"] == ["drawn.csv"]
        assert record["data_sha256"] == [sha256_of(manifest)]
        assert record["split"] == "test"
        assert (record["point"], record["threshold"]) == (card.point().name, card.point().threshold)
        assert f"{QUICK_RESAMPLES} resamples" in record["interval"]
        time = record["time"]
        # The one predictor of this test stands in for every name.
        assert time["reference"] == card.name
        assert time["relative"] == pytest.approx(time["milliseconds"] / time["reference_milliseconds"], rel=0.01)

    def test_every_row_of_the_split_has_its_probability(
        self, predictions: pd.DataFrame, manifest: Path, predictor: Predictor
    ) -> None:
        columns = ["path", "label", "probability", "group_id", "leaky", "foreign_jpeg", "dx"]
        assert list(predictions.columns) == columns
        expected = listed().query("split == 'test'").reset_index(drop=True)
        assert list(predictions["path"]) == list(expected["path"])
        assert list(predictions["label"]) == list(expected["label"])
        answers = predictor.predict([decode(manifest.parent / path) for path in expected["path"]])
        np.testing.assert_allclose(predictions["probability"], [answer.score for answer in answers], atol=1e-6)

    def test_all_four_views_in_order(self, record: dict[str, Any], predictions: pd.DataFrame) -> None:
        assert list(record["views"]) == list(VIEWS)
        for name, rows_of in VIEWS.items():
            rows = predictions[rows_of(predictions)]  # type: ignore[no-untyped-call]
            view = record["views"][name]
            assert (view["n"], view["benign"], view["malignant"]) == (
                len(rows),
                (rows["label"] == "benign").sum(),
                (rows["label"] == "malignant").sum(),
            )
            assert 0 < view["benign"] < view["n"] <= 10

    def test_the_parts_are_there_with_the_skin_tone_of_the_images(
        self, record: dict[str, Any], predictions: pd.DataFrame, manifest: Path
    ) -> None:
        tones = [skin_tone(decode(manifest.parent / path).pixels).name or "" for path in predictions["path"]]
        rows = predictions.assign(skin_tone=tones)
        assert record["subgroups"] == subgroup_record(rows, rows["probability"], record["threshold"]).model_dump(
            mode="json"
        )
        assert record["subgroups"]["not_in_manifest"] == ["age", "sex", "site", "origin", "recorded_skin_tone"]
        assert sum(cell["n"] for cell in record["subgroups"]["cells"] if cell["column"] == "skin_tone") == len(rows)

    def test_the_compare_page_reads_a_record_with_parts(self, record: dict[str, Any]) -> None:
        assert EvaluationRecord.model_validate(record | {"robustness": None}).views["all"].n == 10

    @pytest.mark.parametrize("name", VIEWS)
    def test_figures_follow_from_the_predictions(
        self, record: dict[str, Any], predictions: pd.DataFrame, name: str
    ) -> None:
        """Against scikit-learn, from the CSV alone."""
        rows = predictions[VIEWS[name](predictions)]
        truth, chance = (rows["label"] == "malignant").astype(int), rows["probability"]
        called = (chance >= record["threshold"]).astype(int)
        tn, fp, fn, tp = confusion_matrix(truth, called, labels=[0, 1]).ravel()
        expected = {
            "accuracy": accuracy_score(truth, called),
            "sensitivity": tp / (tp + fn),
            "specificity": tn / (tn + fp),
            "balanced_accuracy": (tp / (tp + fn) + tn / (tn + fp)) / 2,
            "precision": tp / (tp + fp) if tp + fp else None,
            "f1": f1_score(truth, called, zero_division=0),
            "roc_auc": roc_auc_score(truth, chance),
            "pr_auc": average_precision_score(truth, chance),
            "brier": float(((chance - truth) ** 2).mean()),
        }
        metrics = record["views"][name]["metrics"]
        for metric, value in expected.items():
            assert metrics[metric]["value"] == (None if value is None else pytest.approx(value)), metric
        assert record["views"][name]["confusion"] == {"tn": tn, "fp": fp, "fn": fn, "tp": tp}
        for result in EvaluationRecord.model_validate(record).views[name].metrics.values():
            if None not in (result.value, result.low, result.high):
                assert 0 <= result.low <= result.high <= 1

    @pytest.mark.slow
    def test_a_view_table_is_printed_and_the_rest_goes_to_standard_error(
        self, call: Caller, loaded: Predictor, manifest: Path, tmp_path: Path
    ) -> None:
        name, out = loaded.card.name, tmp_path / "out"
        words = ("evaluate", "--model", name, "--data", manifest, "--split", "train", "--out", out, "--quick")
        done = call(*words)
        assert done.status == 0
        assert done.out.splitlines()[0].split() == list(VIEWS)
        assert "clean-native: Images that share no lesion" in done.out
        assert "parts with fewer than 20 images are not shown." in done.out
        assert "Melanomas missed: " in done.out
        assert done.err.startswith("skinlens: wrote ")
        assert list(pd.read_csv(out / f"{name}.train.csv")["path"]) == ["images/t0.png", "images/t1.png"]
        assert json.loads((out / f"{name}.train.json").read_text("utf-8"))["split"] == "train"
        assert call(*words).status == 0
        with (out / "scorings.csv").open(newline="") as stream:
            scorings = list(csv.DictReader(stream))
        assert len(scorings) == 2, "one line for every scoring, below one header"
        for scoring in scorings:
            assert scoring["model"] == name
            assert scoring["weights_sha256"] == loaded.model.sha256
            assert (scoring["split"], scoring["images"]) == ("train", "2")
        assert scorings[0]["scored"] <= scorings[1]["scored"]

    @pytest.mark.slow
    def test_a_model_by_the_path_of_its_card(
        self, call: Caller, predictor: Predictor, released_folder: Path, manifest: Path, tmp_path: Path
    ) -> None:
        for file in predictor.card.every_file.values():
            shutil.copyfile(released_folder / file.file, tmp_path / file.file)
        write_card(predictor.card.model_copy(update={"name": "other"}), tmp_path / "other.json")
        done = call(
            "evaluate", "--model", tmp_path / "other.json", "--data", manifest, "--split", "train", "--out", tmp_path,
            "--quick",
        )  # fmt: skip
        assert done.status == 1
        assert "other is not among the models released" in done.err
        done = call(
            "evaluate", "--model", tmp_path / "other.json", "--data", manifest, "--split", "train", "--out", tmp_path,
            "--quick", "--unverified",
        )  # fmt: skip
        assert done.status == 0
        assert (tmp_path / "other.train.csv").is_file()
        assert json.loads((tmp_path / "other.train.json").read_text("utf-8"))["unverified"] is True


@pytest.mark.usefixtures("loaded")
class TestRefusals:
    @pytest.fixture
    def changed(self, manifest: Path, tmp_path: Path) -> Callable[..., Any]:
        """Write a manifest beside copies of the images after changing its rows."""
        shutil.copytree(manifest.parent / "images", tmp_path / "images")

        def write(**columns: Any) -> Path:
            listed().assign(**columns).to_csv(tmp_path / "changed.csv", index=False)
            return tmp_path / "changed.csv"

        return write

    def refused(self, call: Any, model: str, manifest: Path, out: Path, split: str = "test") -> str:
        done = call("evaluate", "--model", model, "--data", manifest, "--split", split, "--out", out, "--quick")
        assert (done.status, done.out) == (2, "")
        assert all(line.startswith("skinlens: ") for line in done.err.splitlines()), done.err
        assert not out.exists()
        return done.err

    def test_a_missing_image(
        self, call: Caller, loaded: Predictor, changed: Callable[..., Any], tmp_path: Path
    ) -> None:
        manifest = changed()
        (tmp_path / "images" / "b1.png").unlink()
        err = self.refused(call, loaded.card.name, manifest, tmp_path / "out")
        assert "changed.csv line 3 (images/b1.png)" in err

    def test_a_image_that_cannot_be_decoded(
        self, call: Caller, loaded: Predictor, changed: Callable[..., Any], tmp_path: Path
    ) -> None:
        manifest = changed()
        (tmp_path / "images" / "b1.png").write_bytes(b"bad")
        assert "b1.png" in self.refused(call, loaded.card.name, manifest, tmp_path / "out")

    def test_an_empty_split(self, call: Caller, loaded: Predictor, changed: Callable[..., Any], tmp_path: Path) -> None:
        err = self.refused(call, loaded.card.name, changed(split="train"), tmp_path / "out")
        assert "no rows with split test" in err

    def test_an_unknown_label(
        self, call: Caller, loaded: Predictor, changed: Callable[..., Any], tmp_path: Path
    ) -> None:
        self.refused(call, loaded.card.name, changed(label="unsure"), tmp_path / "out")

    def test_a_flag_that_is_neither_0_nor_1(
        self, call: Caller, loaded: Predictor, changed: Callable[..., Any], tmp_path: Path
    ) -> None:
        err = self.refused(call, loaded.card.name, changed(leaky="perhaps"), tmp_path / "out")
        assert "leaky must be 0, 1 or blank" in err

    def test_a_missing_manifest(self, call: Caller, loaded: Predictor, tmp_path: Path) -> None:
        assert "absent.csv" in self.refused(call, loaded.card.name, tmp_path / "absent.csv", tmp_path / "out")

    def test_another_split_is_bad_usage(self, call: Caller, loaded: Predictor, manifest: Path, tmp_path: Path) -> None:
        words = ("evaluate", "--model", loaded.card.name, "--data", manifest, "--out", tmp_path)
        assert call(*words, "--split", "validation").status == 2

    def test_results_that_cannot_be_written(
        self, call: Caller, loaded: Predictor, manifest: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        words = ("evaluate", "--model", loaded.card.name, "--data", manifest, "--split", "train", "--quick")
        done = call(*words, "--out", tmp_path / "file" / "out")
        assert (done.status, done.out) == (1, "")
        assert "cannot be written" in done.err

    def test_an_unknown_model(self, call: Caller, manifest: Path, tmp_path: Path) -> None:
        done = call("evaluate", "--model", "nothing", "--data", manifest, "--split", "test", "--out", tmp_path)
        assert done.status == 1
        assert "There is no model 'nothing'" in done.err


class TestCard:
    @pytest.fixture
    def weights(self, scored: Path, predictor: Predictor, tmp_path: Path) -> Path:
        """A folder with a copy of the card, and with the drawn evaluation where the command looks for it."""
        write_card(predictor.card.model_copy(update={"test": None}), tmp_path / f"{predictor.card.name}.json")
        shutil.copytree(scored, tmp_path / "evaluation")
        return tmp_path

    def test_scores_go_into_the_card(
        self, call: Caller, weights: Path, predictor: Predictor, record: dict[str, Any]
    ) -> None:
        name = predictor.card.name
        assert call("card", name, "--weights", weights).status == 0
        card = read_card(weights / f"{name}.json")
        assert card.test is not None
        assert list(card.test.views) == list(VIEWS)
        assert card.test.data == "drawn.csv"
        assert card.test.threshold == record["threshold"]
        for view, scores in card.test.views.items():
            assert (scores.n, scores.benign) == (record["views"][view]["n"], record["views"][view]["benign"])
            for metric, estimate in scores.metrics.items():
                for key in ("value", "low", "high", "n"):
                    assert getattr(estimate, key) == record["views"][view]["metrics"][metric][key]
        assert card.test.times_scored is not None
        assert card.test.times_scored.startswith("1 with these weights, 1 with any weights")

    def test_the_point_gets_its_measured_rates_the_ones_to_believe_first(
        self, call: Caller, weights: Path, predictor: Predictor
    ) -> None:
        name, before = predictor.card.name, predictor.card.point()
        for _ in range(2):
            assert call("card", name, "--weights", weights).status == 0
            card = read_card(weights / f"{name}.json")
            kept = [rates for rates in before.measured if not rates.population.startswith("test")]
            strange = [rates for rates in kept if rates.population.startswith("out of origin")]
            measured = card.point().measured
            assert list(measured[: len(strange)]) == strange
            trusted, every, *rest = measured[len(strange) :]
            assert [trusted.population, every.population] == ["test, clean-native", "test, all"]
            assert rest == [rates for rates in kept if rates not in strange]
        assert card.test is not None
        assert every.sensitivity == card.test.views["all"].metrics["sensitivity"]
        assert trusted.specificity == card.test.views["clean-native"].metrics["specificity"]

    def test_nothing_else_of_the_card_changes(self, call: Caller, weights: Path, predictor: Predictor) -> None:
        call("card", predictor.card.name, "--weights", weights)
        card = read_card(weights / f"{predictor.card.name}.json")
        unchanged = {"test": None, "operating_points": ()}
        assert card.model_copy(update=unchanged) == predictor.card.model_copy(update=unchanged)

    def test_a_point_with_another_threshold_is_left_alone(
        self, call: Caller, weights: Path, predictor: Predictor
    ) -> None:
        card = predictor.card
        other = card.point().model_copy(update={"name": "other", "threshold": card.point().threshold / 2})
        points = (*card.operating_points, other)
        write_card(card.model_copy(update={"operating_points": points}), weights / f"{card.name}.json")
        assert call("card", card.name, "--weights", weights).status == 0
        assert read_card(weights / f"{card.name}.json").point("other") == other

    def refused(self, call: Any, weights: Path, name: str) -> str:
        before = (weights / f"{name}.json").read_bytes()
        done = call("card", name, "--weights", weights)
        assert done.status == 2
        assert all(line.startswith("skinlens: ") for line in done.err.splitlines()), done.err
        assert (weights / f"{name}.json").read_bytes() == before
        return done.err

    def test_scores_of_other_weights_are_refused(self, call: Caller, weights: Path, predictor: Predictor) -> None:
        name = predictor.card.name
        path = weights / "evaluation" / f"{name}.test.json"
        path.write_text(path.read_text("utf-8").replace(predictor.model.sha256, "0" * 64), "utf-8")
        assert "belong to other weights" in self.refused(call, weights, name)

    def test_without_scores_there_is_nothing_to_write(self, call: Caller, weights: Path, predictor: Predictor) -> None:
        (weights / "evaluation" / f"{predictor.card.name}.test.json").unlink()
        assert "no test scores" in self.refused(call, weights, predictor.card.name)

    def test_without_the_log_it_is_unknown_how_often_was_scored(
        self, call: Caller, weights: Path, predictor: Predictor
    ) -> None:
        (weights / "evaluation" / "scorings.csv").unlink()
        assert "scorings.csv" in self.refused(call, weights, predictor.card.name)

    def test_every_scoring_counts(self, call: Caller, weights: Path, predictor: Predictor) -> None:
        name, log = predictor.card.name, weights / "evaluation" / "scorings.csv"
        with log.open("a", newline="") as stream:
            writer = csv.writer(stream)
            for model, sha256, split in (
                (name, "0" * 64, "test"),
                (name, predictor.model.sha256, "test"),
                (name, predictor.model.sha256, "train"),
                ("other", predictor.model.sha256, "test"),
            ):
                writer.writerow(["2026-01-01T00:00:00+00:00", model, "1.0.0", sha256, split, 660])
        assert call("card", name, "--weights", weights).status == 0
        card = read_card(weights / f"{name}.json")
        assert card.test is not None
        assert card.test.times_scored == (
            "2 with these weights, 3 with any weights of this name (evaluation/scorings.csv)"
        )

    def test_an_unknown_model(self, call: Caller, tmp_path: Path) -> None:
        done = call("card", "nothing", "--weights", tmp_path)
        assert done.status == 1
        assert "no model card" in done.err

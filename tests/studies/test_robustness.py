"""Shortcut tests and robustness: models whose shortcut is known are found out, on drawn images with outlines."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from skinlens.imaging.corruptions import CORRUPTIONS, corrupt
from skinlens.imaging.decode import decode
from skinlens.imaging.image import LesionImage, Pixels
from skinlens.imaging.preprocess import Preprocessing
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.metrics.report import Document
from skinlens.runtime.predictor import Predictor
from skinlens.studies import evaluate as evaluate_module
from skinlens.studies import model_under_test as subject_module
from skinlens.studies import robustness as robustness_module
from skinlens.studies.evaluate import evaluate
from skinlens.studies.robustness import LEFT_OUT, Trial, format_robustness, measure_robustness, robustness
from skinlens.training.manifest import read_manifests

SIZE = 96
SKIN = {"benign": (225, 180, 160), "malignant": (150, 110, 90)}
LESION = {"benign": (140, 90, 60), "malignant": (60, 30, 25)}
RADII = {"benign": (16, 16), "malignant": (22, 11)}


@dataclass(frozen=True)
class Answer:
    """As much of a prediction as is looked at."""

    score: float


class Reader:
    """A model that reads one number off the pixels; it keeps what it was shown."""

    def __init__(self, read: Callable[[Pixels], float]) -> None:
        self.read = read
        self.shown: list[LesionImage] = []

    def predict(self, images: Sequence[LesionImage]) -> list[Answer]:
        self.shown.extend(images)
        return [Answer(self.read(image.pixels)) for image in images]


def in_json(part: Document) -> dict[str, Any]:
    """As it stands in an evaluation record."""
    return part.model_dump(mode="json", exclude_unset=True)


def border(pixels: Pixels) -> float:
    """The darker the upper rim, the more malignant."""
    return 1 - float(pixels[:8].mean()) / 255


def centre(pixels: Pixels) -> float:
    """The darker the middle, the more malignant."""
    return 1 - float(pixels[44:52, 44:52].mean()) / 255


# Half-way between the classes.
BORDER_THRESHOLD = 1 - float(np.mean([*SKIN["benign"], *SKIN["malignant"]])) / 255
CENTRE_THRESHOLD = 1 - float(np.mean([*LESION["benign"], *LESION["malignant"]])) / 255


def drawn(label: str, seed: int, *, centred_like: str | None = None) -> tuple[Pixels, np.ndarray]:
    """A lesion on even skin with some noise, and its outline; both colours and the shape tell the label."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:SIZE, 0:SIZE] - SIZE / 2
    long, short = (radius + generator.uniform(-2, 2) for radius in RADII[label])
    outline = (x / long) ** 2 + (y / short) ** 2 <= 1
    skin = np.array(SKIN[centred_like or label]) + generator.normal(0, 4, 3)
    colour = np.array(LESION[label]) + generator.normal(0, 4, 3)
    pixels = np.where(outline[..., None], colour, skin) + generator.normal(0, 2, (SIZE, SIZE, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8), outline


def white_on(outline: np.ndarray) -> Pixels:
    return outline[..., None].repeat(3, axis=2).astype(np.uint8) * 255


def written(folder: Path, *, skin_like: str | None = None, test: int = 8, train: int = 12) -> Path:
    """A manifest with `test` and `train` rows of each label, all with outlines; every third test row is foreign."""
    (folder / "images").mkdir(parents=True)
    rows = []
    for label in ("benign", "malignant"):
        for number in range(test + train):
            name, seed = f"{label}{number}", len(rows)
            pixels, outline = drawn(label, seed, centred_like=skin_like)
            (folder / f"images/{name}.png").write_bytes(encode_png(pixels))
            (folder / f"images/{name}.mask.png").write_bytes(encode_png(white_on(outline)))
            split = "test" if number < test else "train"
            rows.append(
                (f"images/{name}.png", label, split, f"g{seed}", f"images/{name}.mask.png", 0, int(number % 3 == 2))
            )
    columns = ["path", "label", "split", "group_id", "mask", "leaky", "foreign_jpeg"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "drawn.csv", index=False)
    return folder / "drawn.csv"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def even_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same lesions, all on the skin of the benign ones: nothing but the lesion tells the label."""
    return written(tmp_path_factory.mktemp("even"), skin_like="benign")


def tried(manifest: Path, read: Callable[[Pixels], float], threshold: Any) -> tuple[Trial, pd.DataFrame]:
    listed = read_manifests([manifest])
    rows = listed[listed["split"] == "test"].reset_index(drop=True)
    reader = Reader(read)
    plain = np.array([read(decode(Path(file)).pixels) for file in rows["file"]])
    trial = Trial(reader, rows, plain, threshold, Preprocessing(size=SIZE), resamples=20)  # type: ignore[arg-type]
    return trial, listed[listed["split"] == "train"]


def changed(manifest: Path, folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
    """A manifest beside the same images, with other rows."""
    (folder / "images").symlink_to(manifest.parent / "images")
    change(pd.read_csv(manifest)).to_csv(folder / "drawn.csv", index=False)
    return folder / "drawn.csv"


class TestWhoReadsTheBorder:
    @pytest.fixture(scope="class")
    @classmethod
    def record(cls, manifest: Path) -> dict[str, Any]:
        return in_json(measure_robustness(*tried(manifest, border, BORDER_THRESHOLD), quick=True).shortcuts)

    def test_it_does_not_miss_the_centre(self, record: dict[str, dict[str, Any]]) -> None:
        disc = record["centre_disc"]
        assert list(disc["views"]) == ["all", "no-twins", "native", "clean-native"]
        assert disc["views"] == disc["plain_views"]
        assert disc["views"]["all"]["value"] == 1
        assert (disc["n"], disc["views"]["native"]["n"]) == (16, 12)
        assert disc["radius_share"] == pytest.approx(85 / 224)

    def test_it_does_not_miss_the_lesion(self, record: dict[str, dict[str, Any]]) -> None:
        assert record["outline"]["painted_over_auc"]["value"] == record["outline"]["plain_auc"]["value"] == 1

    def test_every_verdict_follows_the_background(self, record: dict[str, dict[str, Any]]) -> None:
        backgrounds = record["backgrounds"]
        assert backgrounds["n"] == 16
        for name in ("verdict_is_backgrounds", "flipped_by_background", "crossed_auc_by_background"):
            assert backgrounds[name]["value"] == 1, name
        assert (backgrounds["swapped_auc"]["value"], backgrounds["same_class_auc"]["value"]) == (0, 1)
        assert backgrounds["flipped_by_moving"]["value"] == 0
        assert backgrounds["logit_towards_background"]["low"] > 0.5


class TestWhoReadsTheCentre:
    @pytest.fixture(scope="class")
    @classmethod
    def record(cls, even_manifest: Path) -> dict[str, Any]:
        return in_json(measure_robustness(*tried(even_manifest, centre, CENTRE_THRESHOLD), quick=True).shortcuts)

    def test_it_is_lost_without_the_centre(self, record: dict[str, dict[str, Any]]) -> None:
        assert record["centre_disc"]["plain_views"]["all"]["value"] == 1
        assert record["centre_disc"]["views"]["all"]["value"] == pytest.approx(0.5, abs=0.25)

    def test_it_is_lost_without_the_lesion(self, record: dict[str, dict[str, Any]]) -> None:
        assert record["outline"]["plain_auc"]["value"] == 1
        assert record["outline"]["painted_over_auc"]["value"] == pytest.approx(0.5, abs=0.25)

    def test_no_verdict_follows_the_background(self, record: dict[str, dict[str, Any]], manifest: Path) -> None:
        differing = in_json(measure_robustness(*tried(manifest, centre, CENTRE_THRESHOLD), quick=True).shortcuts)
        for backgrounds in (record["backgrounds"], differing["backgrounds"]):
            for name in ("verdict_is_backgrounds", "flipped_by_background", "flipped_by_moving"):
                assert backgrounds[name]["value"] == 0, name
            assert backgrounds["swapped_auc"]["value"] == 1
            assert backgrounds["crossed_auc_by_background"]["value"] == pytest.approx(0.5)
            assert backgrounds["score_change_plain_to_swapped"]["value"] == 0


class TestShapeAlone:
    def test_round_and_long_outlines_tell_the_label(self, manifest: Path) -> None:
        """The model itself is blind, and so says nothing with the lesion painted over."""
        outline = in_json(measure_robustness(*tried(manifest, lambda _pixels: 0.5, 0.5), quick=True).shortcuts)[
            "outline"
        ]
        assert outline["shape_alone_auc"]["value"] > 0.95
        assert (outline["plain_auc"]["value"], outline["painted_over_auc"]["value"]) == (0.5, 0.5)
        assert (outline["n"], outline["shape_learned_from"]) == (16, 24)

    def test_a_training_outline_of_a_group_under_test_is_not_learned_from(self, manifest: Path, tmp_path: Path) -> None:
        def shared(rows: pd.DataFrame) -> pd.DataFrame:
            train = rows.index[rows["split"] == "train"]
            rows.loc[train[:5], "group_id"] = rows["group_id"][0]
            return rows

        path = changed(manifest, tmp_path, shared)
        assert (
            in_json(measure_robustness(*tried(path, border, 0.5), quick=True).shortcuts)["outline"][
                "shape_learned_from"
            ]
            == 19
        )

    def test_without_training_outlines_it_is_undefined(self, manifest: Path, tmp_path: Path) -> None:
        path = changed(manifest, tmp_path, lambda rows: rows.assign(mask=rows["mask"].where(rows["split"] == "test")))
        outline = in_json(measure_robustness(*tried(path, border, BORDER_THRESHOLD), quick=True).shortcuts)["outline"]
        assert outline["shape_alone_auc"]["value"] is None
        assert "no training rows of both classes" in outline["shape_alone_auc"]["reason"]
        assert outline["painted_over_auc"]["value"] == 1


class TestWithoutOutlines:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda rows: rows.drop(columns="mask"), "names an outline"),
            (lambda rows: rows.assign(mask=""), "names an outline"),
            (lambda rows: rows.assign(mask=rows["mask"].where(rows["label"] == "benign")), "is benign"),
            (lambda rows: rows.assign(mask="images/absent.png"), "absent.png cannot be read"),
        ],
        ids=["no column", "all blank", "one class", "no file"],
    )
    @pytest.mark.slow
    def test_nothing_is_claimed_and_the_reason_is_given(
        self, manifest: Path, tmp_path: Path, change: Callable[..., Any], reason: str
    ) -> None:
        record = measure_robustness(*tried(changed(manifest, tmp_path, change), border, 0.5), quick=True)
        for test in ("outline", "backgrounds"):
            entry = in_json(record.shortcuts)[test]
            assert reason in entry["reason"]
            assert {value for name, value in entry.items() if name != "reason"} == {None}
            measured = in_json(measure_robustness(*tried(manifest, border, 0.5), quick=True).shortcuts)[test]
            assert set(measured) - set(entry) == {"dilation_share"}
        assert in_json(record.shortcuts)["centre_disc"]["views"]["all"]["value"] == 1
        assert reason in format_robustness(record)

    def test_only_rows_with_an_outline_take_part(self, manifest: Path, tmp_path: Path) -> None:
        path = changed(manifest, tmp_path, lambda rows: rows.assign(mask=rows["mask"].where(rows["foreign_jpeg"] == 0)))
        shortcuts = in_json(measure_robustness(*tried(path, border, 0.5), quick=True).shortcuts)
        assert [shortcuts[test]["n"] for test in ("centre_disc", "outline", "backgrounds")] == [16, 12, 12]

    def test_no_background_of_another_group(self, manifest: Path, tmp_path: Path) -> None:
        path = changed(manifest, tmp_path, lambda rows: rows.assign(group_id=rows["split"] + rows["label"]))
        record = measure_robustness(*tried(path, border, 0.5), quick=True)
        assert "no other image" in in_json(record.shortcuts)["backgrounds"]["reason"]
        assert in_json(record.shortcuts)["backgrounds"]["n"] is None
        assert in_json(record.shortcuts)["outline"]["n"] == 16
        assert "no other image" in format_robustness(record)

    def test_one_class_has_no_auc(self, manifest: Path, tmp_path: Path) -> None:
        path = changed(manifest, tmp_path, lambda rows: rows[rows["label"] == "benign"])
        record = measure_robustness(*tried(path, border, 0.5), quick=False)
        figure = in_json(record.shortcuts)["centre_disc"]["views"]["all"]
        assert (figure["value"], figure["reason"]) == (None, "every image is benign")
        assert in_json(record.robustness)["clean"]["roc_auc"]["value"] is None
        assert in_json(record.robustness)["clean"]["accuracy"]["value"] == 1


class TestRobustness:
    @pytest.fixture(scope="class")
    @classmethod
    def trial(cls, manifest: Path) -> Trial:
        return tried(manifest, border, BORDER_THRESHOLD)[0]

    @pytest.fixture(scope="class")
    @classmethod
    def record(cls, trial: Trial) -> dict[str, Any]:
        return in_json(robustness(trial))

    def test_every_corruption_in_every_strength(self, record: dict[str, Any]) -> None:
        listed = [(entry["name"], entry["strength"]) for entry in record["corruptions"]]
        assert listed == [(corruption.name, strength) for corruption in CORRUPTIONS for strength in (1, 2, 3, 4, 5)]
        assert all(entry["n"] == record["n"] == 16 for entry in record["corruptions"])
        parameters = {(entry["name"], entry["strength"]): entry["parameter"] for entry in record["corruptions"]}
        assert parameters["blur", 1] == "Gaussian, sigma 0.5 px at 224"

    @pytest.mark.parametrize("column", [0, 14, 22, 34])
    def test_figures_follow_from_the_corrupted_images(self, record: dict[str, Any], trial: Trial, column: int) -> None:
        """Against scikit-learn, each image corrupted by the seed that its digest gives."""
        entry = record["corruptions"][column]
        corruption = next(corruption for corruption in CORRUPTIONS if corruption.name == entry["name"])
        images = [decode(Path(file)) for file in trial.rows["file"]]
        scores = np.array(
            [
                border(corrupt(image.pixels, corruption, entry["strength"], seed=int(image.sha256[:16], 16)))
                for image in images
            ]
        )
        assert entry["roc_auc"]["value"] == pytest.approx(roc_auc_score(trial.labels, scores))
        called = scores >= trial.threshold
        assert entry["accuracy"]["value"] == pytest.approx(accuracy_score(trial.labels, called))

    def test_as_they_are_they_have_the_figures_of_the_views(self, record: dict[str, Any]) -> None:
        assert record["clean"]["accuracy"]["value"] == record["clean"]["roc_auc"]["value"] == 1

    def test_what_leaves_the_border_alone_does_no_harm_and_a_dark_rim_does(self, record: dict[str, Any]) -> None:
        accuracy = {(entry["name"], entry["strength"]): entry["accuracy"]["value"] for entry in record["corruptions"]}
        assert [accuracy["blur", strength] for strength in (1, 2, 3, 4, 5)] == [1] * 5
        assert accuracy["vignette", 5] == 0.5

    def test_too_many_images_are_spread_over_both_labels(self, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(robustness_module, "CORRUPTED_IMAGES", 6)
        record = in_json(measure_robustness(trial, trial.rows.iloc[:0], quick=False).robustness)
        assert record["n"] == 6
        assert {figure["n"] for entry in record["corruptions"] for figure in (entry["accuracy"], entry["roc_auc"])} == {
            6
        }

    def test_no_more_than_a_batch_is_scored_at_once(self, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
        sizes = []
        predict = trial.scorer.predict
        monkeypatch.setattr(trial.scorer, "predict", lambda images: sizes.append(len(images)) or predict(images))
        robustness(trial)
        assert sum(sizes) == 16 * 35
        assert max(sizes) <= 32


class TestQuick:
    def test_images_are_not_made_worse(self, manifest: Path) -> None:
        record = in_json(measure_robustness(*tried(manifest, border, 0.5), quick=True).robustness)
        assert record == {"n": None, "clean": None, "corruptions": None, "reason": LEFT_OUT}

    def test_only_so_many_images_take_part(self, manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(robustness_module, "QUICK_IMAGES", 6)
        trial, training = tried(manifest, border, BORDER_THRESHOLD)
        shortcuts = in_json(measure_robustness(trial, training, quick=True).shortcuts)
        assert [shortcuts[test]["n"] for test in ("centre_disc", "outline", "backgrounds")] == [6, 6, 6]
        assert len(trial.scorer.shown) == 4 * 6
        assert shortcuts["centre_disc"]["plain_views"]["all"]["n"] == 6
        whole = in_json(measure_robustness(trial, training, quick=False).shortcuts)
        assert [whole[test]["n"] for test in ("centre_disc", "outline", "backgrounds")] == [16, 16, 16]

    def test_images_reach_the_model_at_its_input_size(self, manifest: Path) -> None:
        trial, training = tried(manifest, border, 0.5)
        smaller = Trial(trial.scorer, trial.rows, trial.probabilities, 0.5, Preprocessing(size=64), resamples=20)
        measure_robustness(smaller, training, quick=True)
        assert {image.pixels.shape for image in trial.scorer.shown} == {(64, 64, 3)}

    @pytest.mark.slow
    def test_the_same_every_time(self, manifest: Path) -> None:
        first, again = (measure_robustness(*tried(manifest, border, 0.5), quick=False) for _ in range(2))
        assert first == again


class TestReleasedModel:
    @pytest.fixture(scope="class")
    @classmethod
    def images(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Three test and three training images of each label, with an ellipse for an outline."""
        folder = tmp_path_factory.mktemp("lesions")
        y, x = np.mgrid[0:72, 0:80]
        outline = ((x - 40) / 24) ** 2 + ((y - 36) / 20) ** 2 <= 1
        (folder / "mask.png").write_bytes(encode_png(white_on(outline)))
        rows = []
        for seed in range(12):
            label = "malignant" if seed % 2 else "benign"
            pixels = draw_pixels(seed, height=72, width=80, malignant_look=bool(seed % 2))
            (folder / f"{seed}.png").write_bytes(encode_png(pixels))
            rows.append((f"{seed}.png", label, "test" if seed < 6 else "train", "mask.png"))
        pd.DataFrame(rows, columns=["path", "label", "split", "mask"]).to_csv(folder / "drawn.csv", index=False)
        return folder / "drawn.csv"

    @pytest.mark.parametrize(
        "quick", [pytest.param(True, id="quick"), pytest.param(False, id="whole", marks=pytest.mark.slow)]
    )
    @pytest.mark.slow
    def test_evaluate_writes_and_says_it(
        self, images: Path, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: bool
    ) -> None:
        monkeypatch.setattr(subject_module, "load_predictor", lambda _name, **_: predictor)
        monkeypatch.setattr(evaluate_module, "RESAMPLES", 20)
        monkeypatch.setattr(robustness_module, "CORRUPTED_IMAGES", 2)
        words = evaluate(predictor.card.name, [images], "test", tmp_path, quick=quick, selected=tmp_path / "none.json")
        record = json.loads((tmp_path / f"{predictor.card.name}.test.json").read_text("utf-8"))
        plain = record["views"]["all"]["metrics"]["roc_auc"]
        disc, outline, backgrounds = (record["shortcuts"][name] for name in ("centre_disc", "outline", "backgrounds"))
        assert disc["plain_views"]["all"]["value"] == outline["plain_auc"]["value"] == plain["value"]
        assert 0 <= disc["views"]["all"]["value"] <= 1
        assert (disc["n"], outline["n"], outline["shape_learned_from"], backgrounds["n"]) == (6, 6, 6, 6)
        # All outlines are the same.
        assert outline["shape_alone_auc"]["value"] == 0.5
        assert (record["robustness"]["reason"] == LEFT_OUT) == quick
        if not quick:
            assert len(record["robustness"]["corruptions"]) == 35
            assert record["robustness"]["n"] == 2
        assert f"ROC AUC with the centre painted over (all): {disc['views']['all']['value']:.3f}" in words
        assert f"lesion painted over: {outline['painted_over_auc']['value']:.3f}" in words

"""`skinlens ood` on drawn images: what it writes, what it keeps, and what bad input gets."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from skinlens.errors import UsageError
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.runtime.card import read_card
from skinlens.runtime.ood import load_ood_statistics
from skinlens.runtime.predictor import DEFAULT_MODEL, Predictor
from skinlens.studies import feature_cache
from skinlens.studies import ood_rejection as command
from skinlens.studies.ood_rejection import AT_LEAST, FOLDS, measure_rejection
from skinlens.training.manifest import ManifestError

# They share a fixture that takes fifteen seconds.
pytestmark = pytest.mark.slow

KNOWN = 40
STRANGE_PER_KIND = 4


def x_ray(random: np.random.Generator) -> np.ndarray:
    """Grey, with a bright middle and ribs."""
    y, x = np.mgrid[:96, :96] / 96
    grey = (
        90
        + 90 * np.exp(-((x - 0.5) ** 2) / 0.02)
        + 25 * np.sin(40 * y + 6 * np.abs(x - 0.5))
        + random.normal(0, 4, (96, 96))
    )
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def page(random: np.random.Generator) -> np.ndarray:
    pixels = np.full((96, 128, 3), 255, np.uint8)
    for line in range(12, 96, 12):
        cv2.putText(
            pixels, f"no {random.integers(9999)} lesion", (4, line), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 160), 1
        )
    return pixels


def noise(random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 256, (96, 96, 3), dtype=np.uint8)


def stripes(random: np.random.Generator) -> np.ndarray:
    colours = random.integers(0, 256, (12, 1, 3), dtype=np.uint8)
    return np.ascontiguousarray(np.broadcast_to(np.repeat(colours, 8, axis=0), (96, 96, 3)))


def patches(random: np.random.Generator) -> np.ndarray:
    """Squares of many colours, as a close-up of cloth."""
    colours = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.ascontiguousarray(np.repeat(np.repeat(colours, 12, axis=0), 12, axis=1))


DRAWN = dict(zip(AT_LEAST, (page, noise, x_ray, stripes, patches), strict=True))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`known.csv` with drawn lesions in five folds, and `strange.csv` with drawn images of every kind."""
    folder = tmp_path_factory.mktemp("refusal")
    random = np.random.default_rng(0)
    for number in range(KNOWN):
        pixels = draw_pixels(number, height=96, width=128, malignant_look=number % 2 == 1)
        (folder / f"{number}.png").write_bytes(encode_png(pixels))
    rows = pd.DataFrame({"path": [f"{number}.png" for number in range(KNOWN)]})
    numbers = np.arange(KNOWN)
    rows = rows.assign(
        label=np.where(numbers % 2 == 1, "malignant", "benign"),
        origin=np.where(numbers % 4 < 2, "here", "there"),
        fold=numbers // 4 % 5,
        split="train",
    )
    rows.to_csv(folder / "known.csv", index=False)
    strange = []
    for kind, draw in DRAWN.items():
        for number in range(STRANGE_PER_KIND):
            (folder / f"{kind}{number}.png").write_bytes(encode_png(draw(random)))
            strange.append((f"{kind}{number}.png", f"{kind}_drawn"))
    pd.DataFrame(strange, columns=["path", "kind"]).to_csv(folder / "strange.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    measure_rejection(
        None,
        [data / "known.csv"],
        data / "strange.csv",
        out,
        images=None,
        cache=out / "kept.safetensors",
        release=False,
    )
    return out


def test_every_part_is_counted(done: Path) -> None:
    record = json.loads((done / f"{DEFAULT_MODEL}.json").read_text("utf-8"))
    assert record["n"] == {"fit": 16, "choose": 8, "measure": 16}
    strangers = record["either"]["strangers"]
    assert {kind: found["share"]["n"] for kind, found in strangers.items()} == dict.fromkeys(AT_LEAST, 2)
    dermoscopy = record["either"]["dermoscopy"]
    assert dermoscopy["here"]["share"]["n"] + dermoscopy["there"]["share"]["n"] == 16
    assert dermoscopy["benign"]["share"]["n"] + dermoscopy["malignant"]["share"]["n"] == 16
    assert sum(found["share"]["n"] for group, found in dermoscopy.items() if "," in group) == 16


@pytest.mark.slow
def test_a_list_without_the_later_kind_of_close_ups_is_measured_without_it(
    done: Path, data: Path, tmp_path: Path
) -> None:
    listed = pd.read_csv(data / "strange.csv")
    fewer = data / "fewer.csv"
    listed[~listed["kind"].str.startswith("closeup")].to_csv(fewer, index=False)
    kept = done / "kept.safetensors"
    measure_rejection(None, [data / "known.csv"], fewer, tmp_path, images=None, cache=kept, release=False)
    record = json.loads((tmp_path / f"{DEFAULT_MODEL}.json").read_text("utf-8"))
    assert set(record["either"]["strangers"]) == set(AT_LEAST) - {"closeup"}


def test_either_rule_refuses_at_least_what_each_does(done: Path) -> None:
    record = json.loads((done / f"{DEFAULT_MODEL}.json").read_text("utf-8"))
    for part in ("strangers", "dermoscopy"):
        for group, found in record["either"][part].items():
            alone = [record[rule][part][group]["refused"] for rule in ("familiarity", "pixels")]
            assert max(alone) <= found["refused"] <= sum(alone)


def test_drawn_negatives_are_refused_and_the_grey_ones_by_their_pixels(done: Path) -> None:
    record = json.loads((done / f"{DEFAULT_MODEL}.json").read_text("utf-8"))
    assert {kind: found["refused"] for kind, found in record["either"]["strangers"].items()} == dict.fromkeys(
        AT_LEAST, 2
    )
    assert record["pixels"]["strangers"]["xray"]["refused"] == 2


def test_the_summary_has_a_row_for_every_group(done: Path) -> None:
    lines = (done / f"{DEFAULT_MODEL}.md").read_text("utf-8").splitlines()
    for group in [*AT_LEAST, "here", "there", "benign", "malignant", "here, benign", "there, malignant"]:
        assert sum(line.startswith(f"| {group} |") for line in lines) == 1


@pytest.mark.slow
def test_kept_features_spare_the_model_and_change_nothing(
    done: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(Predictor, "predict", lambda _self, images: [asked.append(len(images)), []][1])
    measure_rejection(
        None, [data / "known.csv"], data / "strange.csv", tmp_path, images=None,
        cache=done / "kept.safetensors", release=False,
    )  # fmt: skip
    assert sum(asked) == 0
    assert (tmp_path / f"{DEFAULT_MODEL}.json").read_bytes() == (done / f"{DEFAULT_MODEL}.json").read_bytes()


@pytest.mark.slow
def test_a_released_refusal_is_in_the_card(
    done: Path, data: Path, tmp_path: Path, released_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(released_folder / f"{DEFAULT_MODEL}.json", tmp_path)
    monkeypatch.setattr(command, "weights_folder", lambda: tmp_path)
    measure_rejection(
        None, [data / "known.csv"], data / "strange.csv", tmp_path / "out", images=None,
        cache=done / "kept.safetensors", release=True,
    )  # fmt: skip
    card = read_card(tmp_path / f"{DEFAULT_MODEL}.json")
    familiarity = load_ood_statistics(card, tmp_path)
    record = json.loads((tmp_path / "out" / f"{DEFAULT_MODEL}.json").read_text("utf-8"))
    assert card.ood is not None
    assert familiarity is not None
    assert card.ood.threshold == record["threshold"]
    assert card.ood.statistics.bytes < 1_000_000
    # A line for either kind of close-up, and one for everything else.
    assert len(familiarity.directions) == 3


class TestBadInput:
    def call(self, data: Path, out: Path, *, refuse: Path | None = None, cache: Path | None = None) -> None:
        measure_rejection(
            None, [data], refuse or data.parent / "strange.csv", out, images=None, cache=cache, release=False
        )

    def test_a_manifest_without_origin(self, data: Path, tmp_path: Path) -> None:
        pd.read_csv(data / "known.csv").drop(columns="origin").to_csv(data / "no_origin.csv", index=False)
        with pytest.raises(ManifestError, match="lack the column origin"):
            self.call(data / "no_origin.csv", tmp_path)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("path\n0.png\n", "lacks the column.s. kind"),
            ("path,kind\n0.png,xray\n", "no image of the kind everyday"),
        ],
    )
    def test_a_list_of_strangers_that_says_too_little(
        self, data: Path, tmp_path: Path, text: str, message: str
    ) -> None:
        (tmp_path / "list.csv").write_text(text, "utf-8")
        with pytest.raises(UsageError, match=message):
            self.call(data / "known.csv", tmp_path, refuse=tmp_path / "list.csv")

    def test_features_of_another_model(self, data: Path, tmp_path: Path) -> None:
        feature_cache._write(tmp_path / "kept.safetensors", {"0": np.zeros(3, np.float32)}, "f" * 64)
        with pytest.raises(UsageError, match="features of another model"):
            self.call(data / "known.csv", tmp_path, cache=tmp_path / "kept.safetensors")


def test_images_are_spread_over_origins_and_labels(data: Path) -> None:
    rows = pd.read_csv(data / "known.csv").assign(manifest="m")
    counts = command._spread(rows, 12).groupby(["origin", "label"]).size()
    assert counts.tolist() == [3, 3, 3, 3]
    assert command._spread(rows, None)["path"].nunique() == KNOWN
    assert command._spread(rows, 12)["path"].tolist() == command._spread(rows, 20)["path"].tolist()[:12]


def test_a_dataset_that_the_recipe_leaves_out_is_only_measured(data: Path, done: Path, tmp_path: Path) -> None:
    """It has one label alone; what it shows need not be dermoscopy."""
    rows = pd.read_csv(data / "known.csv")
    foreign = pd.DataFrame(
        {
            "path": [f"{kind}0.png" for kind in DRAWN],
            "label": "malignant",
            "origin": "nowhere",
            "fold": range(len(DRAWN)),
            "split": "train",
        }
    )
    more = data / "more.csv"
    pd.concat([rows, foreign]).to_csv(more, index=False)
    measure_rejection(
        None, [more], data / "strange.csv", tmp_path, images=None, cache=done / "kept.safetensors", release=False
    )
    record = json.loads((tmp_path / f"{DEFAULT_MODEL}.json").read_text("utf-8"))
    before = json.loads((done / f"{DEFAULT_MODEL}.json").read_text("utf-8"))
    assert record["threshold"] == pytest.approx(before["threshold"])
    assert (record["n"]["fit"], record["n"]["choose"]) == (before["n"]["fit"], before["n"]["choose"])
    assert "only measured" in record["split"]
    assert "only measured" not in before["split"]
    measured = record["either"]["dermoscopy"]
    assert measured["nowhere"]["share"]["n"] == sum(number in FOLDS["measure"] for number in range(len(DRAWN)))

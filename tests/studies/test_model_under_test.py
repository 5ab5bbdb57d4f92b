"""What can be scored: a released model, or a run whose choice is committed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch

from skinlens.export.selection import Selection, SelectionError, write_selection
from skinlens.imaging.image import LesionImage
from skinlens.imaging.synthetic import draw_lesion, draw_pixels, encode_png
from skinlens.models.checkpoint import load_released, released_precision, save_tensors
from skinlens.models.classic import HookedClassifier
from skinlens.models.normalise import Normalise
from skinlens.models.pretrained import RANDOM
from skinlens.models.registry import build
from skinlens.runtime.card import sha256_of
from skinlens.runtime.predictor import Predictor
from skinlens.runtime.weights import weights_folder
from skinlens.studies import model_under_test as module
from skinlens.studies.evaluate import evaluate
from skinlens.studies.model_under_test import ModelUnderTest, load_model_under_test

# They share runs that take seconds to make.
pytestmark = pytest.mark.slow

SIDE = 64
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
RECIPE = {
    "name": "drawn",
    "network": {"name": "lenet5", "options": {}},
    "preprocessing": {"size": SIDE, "geometry": "squash", "mean": MEAN, "std": STD},
}


def record(**changes: dict[str, Any] | float | str) -> dict[str, Any]:
    return {
        "recipe": RECIPE,
        "start": RANDOM,
        "start_sha256": None,
        "seed": 0,
        "fold": None,
        "images": {"benign": 5, "malignant": 4},
        "epochs": 2,
        "seconds": 3.5,
        "log": [{"epoch": 1.0, "train_loss": 0.7}, {"epoch": 2.0, "train_loss": 0.6}],
    } | changes


@pytest.fixture(scope="module")
def network() -> HookedClassifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return build("lenet5", {}).eval()  # type: ignore[return-value]


@pytest.fixture
def checkpoint(tmp_path: Path, network: HookedClassifier) -> Callable[..., Any]:
    def write(**changes: Any) -> Any:
        path = tmp_path / "run" / "model.safetensors"
        path.parent.mkdir(exist_ok=True)
        save_tensors(path, network.state_dict(), json.loads(json.dumps(record(**changes))))
        return path

    return write


@pytest.fixture
def selected(tmp_path: Path) -> Path:
    rate = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 10}
    choice = {
        "chosen_on": "2026-01-01",
        "recipe": json.loads(json.dumps(RECIPE)),
        "start": RANDOM,
        "start_sha256": None,
        "seed": 0,
        "folds": [0],
        "out_of_fold": ["folds/drawn.csv"],
        "roc_auc": 0.9,
        "threshold": 0.4,
        "threshold_rule": "a rule",
        "rates": {"population": "out of fold", "sensitivity": rate, "specificity": rate},
        "heatmap_scale": None,
        "heatmap_rule": "none",
        "considered": [],
    }
    write_selection(tmp_path / "selected.json", "drawn", Selection.model_validate(choice))
    return tmp_path / "selected.json"


def test_a_run_is_scored_with_the_weights_it_would_be_released_with(
    checkpoint: Callable[..., Any], selected: Path, network: HookedClassifier
) -> None:
    tested = load_model_under_test(str(checkpoint()), selected, tta=False)
    images = [draw_lesion(seed, height=80, width=100) for seed in range(3)]
    found = [answer.score for answer in tested.scorer.predict(images)]
    twin = load_released(build("lenet5", {}), released_precision(network.state_dict()))
    pixels = torch.stack([torch.from_numpy(input_of(image, tested)) for image in images])
    with torch.inference_mode():
        expected = twin(Normalise(MEAN, STD)(pixels)).softmax(dim=1)[:, 1]
    assert found == pytest.approx(expected.tolist(), abs=1e-5)
    assert len(set(found)) == 3


def input_of(image: LesionImage, tested: ModelUnderTest) -> npt.NDArray[np.uint8]:
    from skinlens.imaging.preprocess import to_input

    return to_input(image.pixels, tested.preprocessing).copy()


@pytest.mark.slow
def test_a_run_says_what_it_is(checkpoint: Callable[..., Any], selected: Path) -> None:
    tested = load_model_under_test(str(checkpoint()), selected, tta=False)
    assert (tested.stem, tested.threshold) == ("drawn", 0.4)
    described = tested.described
    assert described["title"] == "LeNet-5"
    assert described["parameters"] == 61_326
    assert 2 * 61_326 < described["bytes"] < 2 * 61_326 + 4096
    assert described["training"]["imagenet_start"] is False
    assert described["training"]["epochs"] == 2
    assert list(tested.log["train_loss"]) == [0.7, 0.6]


@pytest.mark.parametrize(
    ("seed", "tta", "stem"),
    [(0, False, "drawn"), (1, False, "drawn.seed1"), (0, True, "drawn.tta"), (2, True, "drawn.seed2.tta")],
)
def test_the_names_of_results_tell_seed_and_orientations(
    seed: int, tta: bool, stem: str, checkpoint: Callable[..., Any], selected: Path
) -> None:
    assert load_model_under_test(str(checkpoint(seed=seed)), selected, tta=tta).stem == stem


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"start": "other.safetensors"}, "start"),
        ({"recipe": RECIPE | {"about": "other"}}, "recipe"),
    ],
)
def test_a_run_that_was_not_chosen_is_not_scored(
    changes: dict[str, str], differs: str, checkpoint: Callable[..., Any], selected: Path
) -> None:
    with pytest.raises(SelectionError, match=f"is not what the folds chose: its {differs} differs"):
        load_model_under_test(str(checkpoint(**changes)), selected, tta=False)


def test_a_run_without_a_committed_choice_is_not_scored(checkpoint: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match="holds no choice for drawn"):
        load_model_under_test(str(checkpoint()), tmp_path / "none.json", tta=False)


def test_a_run_that_held_out_a_fold_is_not_scored(checkpoint: Callable[..., Any], selected: Path) -> None:
    with pytest.raises(SelectionError, match="trained without fold 3"):
        load_model_under_test(str(checkpoint(fold=3)), selected, tta=False)


def test_a_run_on_a_share_of_the_lesions_is_not_scored(checkpoint: Callable[..., Any], selected: Path) -> None:
    with pytest.raises(SelectionError, match="trained on a share of the lesions"):
        load_model_under_test(str(checkpoint(share=0.5)), selected, tta=False)


def test_a_released_model_says_the_same(predictor: Predictor, selected: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_predictor", lambda _name, **_: predictor)
    tested = load_model_under_test(predictor.card.name, selected, tta=False)
    card = predictor.card
    assert (tested.stem, tested.log) == (card.name, None)
    assert tested.threshold == card.point().threshold
    assert tested.described["weights_sha256"] == card.files["weights"].sha256
    assert tested.described["training"]["imagenet_start"] is True
    from_card = load_model_under_test(str(weights_folder() / f"{card.name}.safetensors"), selected, tta=False)
    assert from_card.described == tested.described


@pytest.mark.slow
def test_results_of_a_run_are_written_with_its_training_curve(
    checkpoint: Callable[..., Any], selected: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    labels = ["benign", "malignant"] * 3
    for seed in range(6):
        (folder / f"{seed}.png").write_bytes(encode_png(draw_pixels(seed, height=64, width=64)))
    rows = pd.DataFrame({"path": [f"{seed}.png" for seed in range(6)], "label": labels, "split": "test"})
    rows.to_csv(folder / "drawn.csv", index=False)
    out = tmp_path / "out"
    evaluate(str(checkpoint(seed=1)), [folder / "drawn.csv"], "test", out, quick=True, tta=True, selected=selected)
    assert {path.name for path in out.iterdir()} == {
        "drawn.seed1.tta.test.json",
        "drawn.seed1.tta.test.csv",
        "drawn.seed1.tta.log.csv",
        "scorings.csv",
    }
    results = json.loads((out / "drawn.seed1.tta.test.json").read_text("utf-8"))
    assert (results["model"], results["seed"], results["tta"], results["threshold"]) == ("drawn", 1, True, 0.4)
    assert results["data_sha256"] == [sha256_of(folder / "drawn.csv")]
    (line,) = pd.read_csv(out / "scorings.csv").to_dict("records")
    assert (line["model"], line["images"]) == ("drawn.seed1.tta", 6)

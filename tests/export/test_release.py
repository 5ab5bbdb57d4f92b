"""Releasing: only what the folds chose, only after the checks, and nothing half-written."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from skinlens.export import release as release_module
from skinlens.export.parity import Parity, ParityError
from skinlens.export.release import About, read_about, release
from skinlens.export.selection import SelectionError, read_selection, write_selection
from skinlens.imaging.synthetic import draw_lesion
from skinlens.metrics.measurement import Measurement
from skinlens.models import registry
from skinlens.models.checkpoint import save_tensors
from skinlens.runtime.card import (
    Calibration,
    MeasuredRates,
    ModelFileError,
    OperatingPoint,
    RiskPoint,
    UncertainBand,
    read_card,
    sha256_of,
)
from skinlens.runtime.predictor import load_predictor
from tests.small_asff import SmallAsff
from tests.small_released import RECIPE, record, selection

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network under the real one's name, which is exported much sooner."""
    monkeypatch.setitem(registry._BUILDERS, "asff_resnet50", SmallAsff)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("run") / "model.safetensors"
    save_tensors(path, SmallAsff(gate="spatial").eval().state_dict(), record())
    return path


@pytest.fixture
def about() -> About:
    return read_about(ROOT / "recipes" / "asff_resnet50_paper.about.toml")


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


@pytest.mark.slow
def test_a_release_can_be_loaded_and_is_what_its_card_says(
    checkpoint: Path, about: About, images: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    done = release(checkpoint, "tiny", selection(), about, images, tmp_path)
    card = read_card(tmp_path / "tiny.json")
    assert card == done.card
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.json", "tiny.onnx", "tiny.safetensors"}
    for file in card.every_file.values():
        assert sha256_of(tmp_path / file.file) == file.sha256
        assert (tmp_path / file.file).stat().st_size == file.bytes
    assert card.point().threshold == 0.4
    assert card.heatmap.scale == 0.5
    assert card.architecture.parameters == sum(p.numel() for p in SmallAsff(gate="spatial").parameters())
    with pytest.raises(ModelFileError, match="tiny is not among the models released"):
        load_predictor("tiny", tmp_path)
    own = load_predictor("tiny", tmp_path, unverified=True).card
    assert own == card.model_copy(update={"unverified": True})


@pytest.mark.parametrize(
    "choice",
    [{"seed": 1}, {"start_sha256": "1" * 64}, {"start": "another"}, {"recipe": RECIPE | {"name": "other"}}],
    ids=["seed", "start file", "start without a file", "recipe"],
)
def test_what_the_folds_did_not_choose_is_not_released(
    checkpoint: Path, about: About, images: npt.NDArray[np.uint8], tmp_path: Path, choice: dict[str, Any]
) -> None:
    with pytest.raises(SelectionError, match="not what the folds chose"):
        release(checkpoint, "tiny", selection(**choice), about, images, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_fold_run_is_not_released(about: About, images: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "fold.safetensors"
    save_tensors(path, {"a": torch.zeros(1)}, record(fold=0))
    with pytest.raises(SelectionError, match="fold 0"):
        release(path, "tiny", selection(), about, images, tmp_path / "out")


@pytest.mark.slow
def test_a_graph_that_fails_its_checks_is_not_written(
    checkpoint: Path, about: About, images: npt.NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        release_module, "measure_parity", lambda *_: Parity(images=3, probability=0.0, map=2e-3, features=0.0)
    )
    with pytest.raises(ParityError, match="evidence map"):
        release(checkpoint, "tiny", selection(), about, images, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("field", ["probability", "map", "features"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.01])
def test_every_difference_counts_and_nan_is_no_pass(field: Any, value: Any) -> None:
    fine = {"images": 1, "probability": 1e-5, "map": 1e-4, "features": 1e-4}
    Parity(**fine).check()  # type: ignore[arg-type]
    with pytest.raises(ParityError):
        Parity(**(fine | {field: value})).check()


def test_selections_are_kept_beside_each_other(tmp_path: Path) -> None:
    path = tmp_path / "selected.json"
    write_selection(path, "b", selection())
    write_selection(path, "a", selection(seed=3))
    assert read_selection(path, "b") == selection()
    assert read_selection(path, "a").seed == 3
    assert list(json.loads(path.read_text())) == ["a", "b"]


def test_a_missing_or_broken_selection_is_named(tmp_path: Path) -> None:
    path = tmp_path / "selected.json"
    with pytest.raises(SelectionError, match="no choice for x"):
        read_selection(path, "x")
    path.write_text("{")
    with pytest.raises(SelectionError, match=r"selected\.json"):
        read_selection(path, "x")


def test_about_names_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "about.toml"
    path.write_text('title = "x"\n')
    with pytest.raises(SelectionError, match="version"):
        read_about(path)


@pytest.mark.slow
def test_a_calibrated_choice_reaches_the_card(
    checkpoint: Path, about: About, images: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    rate = Measurement(value=0.9, low=0.8, high=0.95, n=10)
    measured = MeasuredRates(population="out of fold", sensitivity=rate, specificity=rate)
    band = UncertainBand(low=0.4, high=0.6, error=rate, decided=rate)
    points = (
        OperatingPoint(name="screening", threshold=0.2, chosen_on="made up", measured=(measured,)),
        OperatingPoint(name=about.point, threshold=0.5, chosen_on="made up", measured=(measured,), band=band),
    )
    calibration = Calibration(temperature=1.7, prevalence=0.4, chosen_on="x", error_before=0.1, error_after=0.05)
    curve = (RiskPoint(score=0.5, rate=rate),)
    choice = selection(calibration=calibration, points=points, risk_curve=curve)
    write_selection(tmp_path / "selected.json", "tiny", choice)
    assert read_selection(tmp_path / "selected.json", "tiny") == choice
    card = release(checkpoint, "tiny", choice, about, images, tmp_path).card
    assert (card.calibrated, card.calibration, card.risk_curve) == (True, calibration, curve)
    assert card.operating_points == points
    assert card.point().band == band
    plain = release(checkpoint, "plain", selection(), about, images, tmp_path)
    raw, soft = (
        load_predictor(name, tmp_path, unverified=True).predict([draw_lesion(0)])[0] for name in ("plain", "tiny")
    )
    assert np.log(soft.score / (1 - soft.score)) == pytest.approx(np.log(raw.score / (1 - raw.score)) / 1.7, abs=1e-3)
    assert not plain.card.calibrated

"""`skinlens interpolate` on drawn lesions: the ends agree with the run, and a twin is kept at a share."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from skinlens.errors import OutputError, UsageError
from skinlens.export.candidate import Candidate
from skinlens.imaging.decode import decode
from skinlens.models.checkpoint import read_tensors, save_tensors
from skinlens.studies.interpolate import SHARES, interpolate
from tests.studies.fold_runs import draw_folder, fold_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn lesions whose manifest names a dataset."""
    folder = draw_folder(tmp_path_factory.mktemp("data"))
    rows = pd.read_csv(folder / "drawn.csv")
    rows.assign(origin="here").to_csv(folder / "drawn.csv", index=False)
    return folder


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Path:
    """A run that kept a start: the negative of its end, so that half way all weights are 0."""
    run = fold_run(folder, "lenet5", tmp_path / "run", fold=0)
    tensors, record = read_tensors(run / "model.safetensors")
    (run / "log.csv").write_text("epoch,train_loss\n1,0.7\n", "utf-8")
    save_tensors(run / "start.safetensors", {name: -tensor for name, tensor in tensors.items()}, record)
    return run


@pytest.mark.slow
def test_shares_are_compared_on_what_the_run_held_out(folder: Path, run: Path, tmp_path: Path) -> None:
    interpolate([run], [folder / "drawn.csv"], tmp_path / "out", images=None, apply=None)
    table = pd.read_csv(tmp_path / "out" / "interpolation.csv").set_index("share")
    assert tuple(table.index) == SHARES
    kept = pd.read_csv(run / "fold.csv")
    malignant = (kept["label"] == "malignant").to_numpy()
    model = Candidate(*read_tensors(run / "model.safetensors"))
    scores = np.array([model.predict([decode(folder / name)])[0].score for name in kept["path"]])
    ahead = np.sign(scores[malignant][:, None] - scores[~malignant][None, :]).mean()
    assert table["roc_auc"][1.0] == pytest.approx((ahead + 1) / 2, abs=1e-5)
    # With all weights 0 every image has the same score.
    assert table["roc_auc"][0.5] == 0.5
    assert (table["n"] == len(kept)).all()


def test_a_twin_is_kept_at_a_share(folder: Path, run: Path, tmp_path: Path) -> None:
    interpolate([run], [folder / "drawn.csv"], tmp_path / "twins", images=None, apply=0.5)
    twin = tmp_path / "twins" / "run"
    tensors, record = read_tensors(twin / "model.safetensors")
    assert all(torch.count_nonzero(tensor) == 0 for tensor in tensors.values())
    assert record["recipe"]["interpolation"] == 0.5
    assert json.loads((twin / "run.json").read_text("utf-8")) == record
    assert (pd.read_csv(twin / "fold.csv")["probability"] == 0.5).all()
    assert (twin / "log.csv").read_bytes() == (run / "log.csv").read_bytes()
    with pytest.raises(OutputError, match="exists; name another --out"):
        interpolate([run], [folder / "drawn.csv"], tmp_path / "twins", images=None, apply=0.5)


def test_a_run_without_its_start_is_a_sentence(folder: Path, run: Path, tmp_path: Path) -> None:
    (run / "start.safetensors").unlink()
    with pytest.raises(UsageError, match=r"kept no start\.safetensors"):
        interpolate([run], [folder / "drawn.csv"], tmp_path / "out", images=None, apply=None)

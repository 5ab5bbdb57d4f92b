"""A small model with card, graph and weights, as a release of it would lie in a folder: made in a second."""

from pathlib import Path

import numpy as np
import pytest
import torch

from skinlens.export.release import read_about, release
from skinlens.export.selection import Selection
from skinlens.imaging.preprocess import Preprocessing
from skinlens.metrics.measurement import Measurement
from skinlens.models import registry
from skinlens.models.checkpoint import save_tensors
from skinlens.runtime.card import MeasuredRates, ModelCard, read_card
from tests.small_asff import SmallAsff

ROOT = Path(__file__).parents[1]
NAME = "tiny"


RECIPE = {
    "name": NAME,
    "network": {"name": "asff_resnet50", "options": {"gate": "spatial", "stride_in_1x1": True}},
    "preprocessing": Preprocessing(size=64).model_dump(mode="json"),
}


def selection(**changes: object) -> Selection:
    """The choice of the model's recipe, with changes."""
    rate = Measurement(value=0.9, low=0.8, high=0.95, n=10)
    chosen = {
        "chosen_on": "2026-01-01",
        "recipe": RECIPE,
        "start": "a.safetensors",
        "start_sha256": "0" * 64,
        "seed": 0,
        "folds": (0,),
        "out_of_fold": ("folds/a.csv",),
        "roc_auc": 0.9,
        "threshold": 0.4,
        "threshold_rule": "made up",
        "rates": MeasuredRates(population="out of fold", sensitivity=rate, specificity=rate),
        "heatmap_scale": 0.5,
        "heatmap_rule": "made up",
        "considered": (),
    }
    return Selection.model_validate(chosen | changes)


def record(**changes: object) -> dict[str, object]:
    """What a run of that recipe says of itself, with changes."""
    content = {
        "recipe": RECIPE,
        "seed": 0,
        "fold": None,
        "start": "a.safetensors",
        "start_sha256": "0" * 64,
        "images": {"benign": 1, "malignant": 1},
        "epochs": 1,
        "seconds": 1.0,
        "software": {},
    }
    return content | changes


def small_release(folder: Path) -> ModelCard:
    """Write the model `tiny` into a folder and return its card."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = SmallAsff(gate="spatial").eval().state_dict()
    checkpoint = folder / "run.safetensors"
    save_tensors(checkpoint, state, record())
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    about = read_about(ROOT / "recipes" / "asff_resnet50_paper.about.toml")
    with pytest.MonkeyPatch.context() as patch:
        # A network under the real one's name, which is exported much sooner.
        patch.setitem(registry._BUILDERS, "asff_resnet50", SmallAsff)
        release(checkpoint, NAME, selection(), about, images, folder)
    checkpoint.unlink()
    return read_card(folder / f"{NAME}.json")

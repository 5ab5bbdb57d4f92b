"""A made-up card, as the JSON that would lie beside a model."""

import copy
from typing import Any

import pytest

CARD: dict[str, Any] = {
    "card_version": 1,
    "name": "made_up",
    "title": "Nævus — made up",
    "version": "0.1.0",
    "architecture": {"name": "asff_resnet50", "options": {"gate": "spatial", "stride_in_1x1": True}, "parameters": 3},
    "preprocessing": {"size": 64, "geometry": "squash", "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.25, 0.3]},
    "files": {
        "graph": {"file": "made_up.onnx", "sha256": "0" * 64, "bytes": 4},
        "weights": {"file": "made_up.safetensors", "sha256": "1" * 64, "bytes": 5},
    },
    "heatmap": {"scale": 0.25, "chosen_on": "nothing"},
    "calibrated": False,
    "operating_points": [
        {"name": "balanced", "threshold": 0.5, "chosen_on": "nothing", "measured": []},
        {
            "name": "careful",
            "threshold": 0.125,
            "chosen_on": "nothing",
            "measured": [
                {
                    "population": "two images",
                    "sensitivity": {"value": None, "n": 0},
                    "specificity": {"value": 1.0, "low": 0.3, "high": 1.0, "n": 2},
                }
            ],
        },
    ],
    "default_point": "careful",
    "training": {
        "data": "none",
        "images": {"benign": 2, "malignant": 0},
        "recipe": {"epochs": 1, "augmentation": {"flip": True}},
        "command": "train",
        "start": "random weights",
        "seed": 7,
        "epochs": 1,
        "seconds": 0.5,
    },
    "folds": {"folds": [0]},
    "intended_use": "Tests.",
    "limits": ["It knows nothing."],
    "licence": "Apache-2.0",
}


@pytest.fixture
def content() -> dict[str, Any]:
    """The card's content, which a test may change."""
    return copy.deepcopy(CARD)

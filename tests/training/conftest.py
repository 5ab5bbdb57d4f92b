"""Drawn images and manifests of them."""

import csv
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def draw() -> Callable[..., Any]:
    """Writes a PNG of noise round a colour; malignant ones are dark, benign ones light, so that a network can learn."""

    def write(path: Any, *, malignant: Any, seed: Any, height: int = 64, width: int = 72) -> Any:
        level = 70 if malignant else 180
        noise = np.random.default_rng(seed).integers(-40, 41, (height, width, 3))
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(level + noise, 0, 255).astype(np.uint8)).save(path)
        return path

    return write


@pytest.fixture(scope="session")
def write_csv() -> Callable[..., Any]:
    """Writes dicts as a CSV with the columns of the first."""

    def write(path: Any, rows: Any) -> Any:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write

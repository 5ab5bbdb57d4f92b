"""Drawn images and manifests of them."""

import csv

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def draw():
    """Writes a PNG of noise round a colour; malignant ones are dark, benign ones light, so that a network can learn."""

    def write(path, *, malignant, seed, height=64, width=72):
        level = 70 if malignant else 180
        noise = np.random.default_rng(seed).integers(-40, 41, (height, width, 3))
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(level + noise, 0, 255).astype(np.uint8)).save(path)
        return path

    return write


@pytest.fixture(scope="session")
def write_csv():
    """Writes dicts as a CSV with the columns of the first."""

    def write(path, rows):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write

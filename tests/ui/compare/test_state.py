"""What the comparison page keeps and hands out: safe CSVs, images from inside the folder only."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.synthetic import draw_pixels
from skinlens.ui.compare.state import csv_bytes, image


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_text_of_a_csv_is_a_formula(name: str) -> None:
    table = pd.DataFrame({"model": [name, "plain"], "value": [-0.5, 0.5], name: ["a", "b"]})
    back = pd.read_csv(io.BytesIO(csv_bytes(table)))
    assert back["model"].tolist() == [f"'{name}", "plain"]
    assert back["value"].tolist() == [-0.5, 0.5]
    assert back.columns[2] == f"'{name}"
    assert table["model"].tolist() == [name, "plain"]


def test_numbers_of_a_csv_are_not_rounded() -> None:
    values = np.random.default_rng(0).random(50)
    assert pd.read_csv(io.BytesIO(csv_bytes(pd.DataFrame({"x": values}))))["x"].tolist() == values.tolist()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data" / "test").mkdir(parents=True)
    drawn = Image.fromarray(draw_pixels(3, height=96, width=96))
    drawn.save(tmp_path / "data" / "test" / "a.png")
    drawn.save(tmp_path / "outside.png")
    (tmp_path / "data" / "text.png").write_text("no image")
    return tmp_path / "data"


def test_an_image_is_found_by_its_path(folder: Path) -> None:
    found = image(str(folder), "test/a.png")
    assert found is not None
    assert np.array_equal(found.pixels, draw_pixels(3, height=96, width=96))
    assert image(str(folder), "test/b.png") is None
    assert image(str(folder / "nowhere"), "test/a.png") is None


@pytest.mark.parametrize("path", ["../outside.png", "test/../../outside.png", "link.png"])
def test_nothing_outside_the_folder_is_shown(folder: Path, path: str) -> None:
    (folder / "link.png").symlink_to(folder.parent / "outside.png")
    assert (folder / path).is_file()
    assert image(str(folder), path) is None
    assert image(str(folder), str(folder.parent / "outside.png")) is None


@pytest.mark.parametrize("path", ["text.png", "a\0b"])
def test_what_is_no_image_is_refused_in_words(folder: Path, path: str) -> None:
    with pytest.raises(ImageRejectedError):
        image(str(folder), path)

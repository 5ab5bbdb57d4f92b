"""`skinlens predict` on files that hold several images: a row each, or the one that was asked for."""

import csv
import io
from pathlib import Path

import pytest
import tifffile

from skinlens.imaging.decode import decode
from tests.cli.conftest import Caller
from tests.drawn import familiar_pixels

pytestmark = pytest.mark.usefixtures("loaded")
PAGES = 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A TIFF of three pages between two ordinary images."""
    place = tmp_path / "folder"
    place.mkdir()
    with tifffile.TiffWriter(place / "b.tif") as writer:
        for number in range(PAGES):
            writer.write(familiar_pixels(number), photometric="rgb", metadata=None)
    for name in ("a.tif", "c.tif"):
        tifffile.imwrite(place / name, familiar_pixels(1), photometric="rgb", metadata=None)
    return place


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.slow
def test_every_image_of_a_file_has_a_row_after_the_first(call: Caller, folder: Path) -> None:
    done = call("predict", folder, "--no-views")
    assert done.status == 0
    found = rows(done.out)
    expected = ["a.tif", "b.tif", "b.tif!/2", "b.tif!/3", "c.tif"]
    assert [row["path"].removeprefix(f"{folder}/") for row in found] == expected
    assert len({row["sha256"] for row in found[1:4]}) == 1, "one file"
    assert len({row["probability"] for row in found[1:4]}) == PAGES, "three images"
    # The second page is the very image of the other two files.
    assert float(found[2]["probability"]) == pytest.approx(float(found[0]["probability"]), abs=1e-6)
    assert "page 2 is used" in found[2]["reasons"]


def test_one_image_can_be_asked_for(call: Caller, folder: Path, tmp_path: Path) -> None:
    done = call("predict", folder / "b.tif", "--no-views", "--frame", 3, "--heatmaps", tmp_path / "maps")
    (row,) = rows(done.out)
    assert row["path"].endswith("b.tif!/3")
    assert "page 3 is used" in row["reasons"]
    (drawn,) = (tmp_path / "maps").iterdir()
    assert drawn.stem.endswith("-3")
    assert decode(folder / "b.tif", frame=2).frame == 2


def test_an_image_that_is_not_there_is_rejected_with_a_sentence(call: Caller, folder: Path) -> None:
    done = call("predict", folder, "--no-views", "--frame", 2)
    assert done.status == 0
    first, second, third = rows(done.out)
    assert (first["error"], third["error"]) == ("no_such_frame", "no_such_frame")
    assert "holds 1" in first["reasons"]
    assert second["error"] == ""


@pytest.mark.parametrize("frame", ["0", "-1", "first"])
def test_an_impossible_number_is_bad_usage(call: Caller, folder: Path, frame: str) -> None:
    assert call("predict", folder, "--frame", frame).status == 2

"""`skinlens score`: Parquet out, going on where it stopped, sentences and exit statuses."""

import sys
from pathlib import Path

import pandas as pd
import pytest
from pyarrow import parquet

from skinlens.imaging.synthetic import encode_png
from skinlens.scoring import shards as shards_module
from tests.cli.conftest import Caller
from tests.drawn import familiar_pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "images"
    made.mkdir()
    for seed in range(3):
        (made / f"{seed}.png").write_bytes(encode_png(familiar_pixels(seed)))
    (made / "broken.jpg").write_bytes(b"no image")
    return made


def test_every_image_gets_its_row_and_a_second_call_has_nothing_to_do(
    call: Caller, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scored"
    done = call("score", folder, "--out", out, "--no-views", "--threshold", "0.5")
    assert done.status == 0
    assert "1 rejected" in done.err
    table = parquet.read_table(out).to_pandas()
    assert table["path"].tolist() == [str(folder / name) for name in ("0.png", "1.png", "2.png", "broken.jpg")]
    assert table["threshold"].unique().tolist() == [0.5]
    isic = tmp_path / "isic.csv"
    again = call("score", folder, "--out", out, "--no-views", "--threshold", "0.5", "--isic", isic)
    assert again.status == 0
    assert "has 3 images for isic-challenge-scoring; 1 without a probability are not in it" in again.err
    written = pd.read_csv(isic, dtype={"image": str})
    assert written["image"].tolist() == ["0", "1", "2"]
    assert written["malignant"].tolist() == table["probability"].dropna().tolist()
    assert "1 of 1 shards are there already" in again.err
    assert "nothing was left to score" in again.err


@pytest.mark.slow
def test_another_threshold_needs_another_folder(call: Caller, folder: Path, tmp_path: Path) -> None:
    arguments = ("score", folder, "--out", tmp_path / "scored", "--no-views")
    assert call(*arguments, "--threshold", "0.5").status == 0
    other = call(*arguments, "--threshold", "0.6")
    assert other.status == 1
    assert "differs in point; choose another folder" in other.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nosuch://place", "--out", "x"), "cannot be listed"),
        ((".", "--out", "x", "--point", "nosuch"), "nosuch"),
        ((".", "--out", "x", "--threshold", "2"), "between 0 and 1"),
    ],
)
def test_what_cannot_be_meant_is_bad_usage(call: Caller, arguments: tuple[str, ...], message: str) -> None:
    done = call("score", *arguments)
    assert done.status == 2
    assert message in done.err


def test_a_destination_that_cannot_be_written_is_told(call: Caller, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = call("score", folder, "--out", tmp_path / "file" / "below")
    assert done.status == 1
    assert "cannot be written" in done.err


def test_without_ray_it_says_how_to_get_it(
    call: Caller, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = call("score", folder, "--out", tmp_path / "scored", "--engine", "ray")
    assert done.status == 1
    assert "pip install 'skinlens[ray]'" in done.err


def test_a_shard_is_small_enough_for_one_arrow_column() -> None:
    # Bytes of a column are counted in 32 bits: 2 GiB for the images of a shard, 32 MB each.
    assert shards_module.SHARD * 32 * 2**20 <= 2**31

"""What is written for isic-challenge-scoring, by the rules that it checks."""

from pathlib import Path

import pandas as pd
import pytest

from skinlens.errors import OutputError
from skinlens.scoring.challenge import ChallengeTable, write_challenge


def accepted(path: Path, images: list[str]) -> pd.DataFrame:
    """The table, by the rules of `isic_challenge_scoring.load_csv`: no other column, a float each, every image once."""
    table = pd.read_csv(path, header=0, index_col=False)
    assert table["image"].is_unique
    assert not table["image"].str.contains(r"\.jpg$", case=False).any()
    table = table.set_index("image")
    assert set(table.columns) == {"benign", "malignant"}
    assert all(kind.kind == "f" for kind in table.dtypes)
    assert table.notna().all(axis=None)
    assert table.ge(0).all(axis=None)
    assert table.le(1).all(axis=None)
    assert sorted(table.index) == sorted(images)
    return table


def test_each_image_has_its_name_and_two_probabilities(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "isic.csv"
    with ChallengeTable(out) as table:
        for path, probability in (
            ("x/ISIC_0000001.jpg", 0.25),
            ("a.zip!/x/ISIC_0000002.JPG", 1),
            ("C:\\x\\ISIC_0000003.png", 0),
            ("x/ISIC_0000004.jpg", None),
            ("y/ISIC_0000001.jpg", 0.5),
        ):
            table.write(path, probability)
    read = accepted(out, ["ISIC_0000001", "ISIC_0000002", "ISIC_0000003"])
    assert read["malignant"].tolist() == [0.25, 1, 0]
    assert (read.sum(axis=1) == 1).all()
    assert table.sentence(Path("isic.csv")) == (
        "isic.csv has 3 images for isic-challenge-scoring; 1 without a probability are not in it; 1 whose name another "
        "image has are not in it"
    )


def test_shards_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_challenge(tmp_path / "isic.csv", str(tmp_path / "nowhere"))
    (tmp_path / "part-000000.parquet").write_bytes(b"no Parquet")
    with pytest.raises(OutputError, match="cannot be written"):
        write_challenge(tmp_path / "isic.csv", str(tmp_path))

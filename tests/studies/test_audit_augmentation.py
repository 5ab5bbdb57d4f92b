"""`skinlens audit-augmentation` on drawn lesions whose compression goes with the label."""

import json
from pathlib import Path

import cv2
import pandas as pd
import pytest

from skinlens.errors import OutputError
from skinlens.imaging.synthetic import draw_lesion
from skinlens.studies.audit_augmentation import audit_augmentation, summarise

RECIPE = """
name = "disturbing"
about = "for tests"
batch_size = 2
[network]
name = "lenet5"
[preprocessing]
size = 64
[optimiser]
rate_pretrained = 1e-4
rate_new = 1e-4
[schedule]
epochs = 1
[augmentation]
engine = "opencv"
crop_area = 0.5
resolution = 0.4
resolution_share = 1.0
jpeg = 20
jpeg_share = 1.0
"""


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two manifests of one dataset: malignant images compressed hard, and the second manifest in another size."""
    folder = tmp_path_factory.mktemp("data")
    paths = []
    for part, side in (("first", 96), ("second", 72)):
        rows = []
        for number in range(100):
            malignant = number % 2 == 1
            pixels = draw_lesion(number, height=side, width=side, malignant_look=malignant).pixels
            name = f"{part}{number}.jpg"
            quality = 15 if malignant else 95
            cv2.imwrite(str(folder / name), pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
            rows.append({"path": name, "label": "malignant" if malignant else "benign", "origin": "here"})
        paths.append(folder / f"{part}.csv")
        pd.DataFrame(rows).to_csv(paths[-1], index=False)
    return paths


@pytest.mark.slow
def test_what_compression_tells_before_and_after_augmentation(manifests: list[Path], tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE, "utf-8")
    audit_augmentation(tmp_path / "recipe.toml", manifests, tmp_path / "out", images=160, seed=0)
    record = json.loads((tmp_path / "out" / "disturbing.json").read_text("utf-8"))
    found = {(one["target"], one["stage"]): one for one in record["results"]}
    assert found["label", "decoded"]["value"] > 0.95
    assert found["label", "augmented"]["value"] < found["label", "decoded"]["value"]
    assert found["manifest", "decoded"]["n"] == 160
    assert record["data"] == ["first.csv", "second.csv"]
    assert (tmp_path / "out" / "disturbing.md").read_text("utf-8") == summarise(record)
    assert "| here | label | 160 |" in summarise(record)


@pytest.mark.slow
def test_results_that_cannot_be_written(manifests: list[Path], tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE, "utf-8")
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        audit_augmentation(tmp_path / "recipe.toml", manifests[:1], tmp_path / "file", images=100, seed=0)

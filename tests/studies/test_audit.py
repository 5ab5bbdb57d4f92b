"""`skinlens audit` from manifest to summary."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from skinlens.errors import OutputError, UsageError
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.studies.audit import audit


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve lesions, a turned and an exact copy in the other split, a copy with the other label, and a bad file."""
    folder = tmp_path_factory.mktemp("data")
    images = {f"{seed}.png": draw_pixels(seed, height=96, width=96, malignant_look=seed % 2 == 1) for seed in range(12)}
    images |= {"turned.png": np.ascontiguousarray(np.rot90(images["2.png"])), "copy.png": images["3.png"]}
    for name, pixels in images.items():
        (folder / name).write_bytes(encode_png(pixels))
    jpeg = cv2.imencode(".jpg", images["4.png"][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    (folder / "relabelled.jpg").write_bytes(jpeg.tobytes())
    (folder / "broken.png").write_bytes(b"no image")
    rows = [
        (f"{seed}.png", "malignant" if seed % 2 else "benign", "train", f"g{seed}", "" if seed % 2 else 50)
        for seed in range(12)
    ]
    rows += [
        ("turned.png", "benign", "test", "g2", 50),
        ("copy.png", "malignant", "test", "g99", ""),
        ("relabelled.jpg", "malignant", "train", "g4", 50),
        ("broken.png", "benign", "train", "g100", 50),
    ]
    pd.DataFrame(rows, columns=["path", "label", "split", "group_id", "age"]).to_csv(folder / "drawn.csv", index=False)
    known = [
        ("2.png", "turned.png", "same_image"),
        ("6.png", "7.png", "same_lesion"),
        ("8.png", "elsewhere.png", "same_image"),
    ]
    pd.DataFrame(known, columns=["path_a", "path_b", "kind"]).to_csv(folder / "pairs.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def out(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "audit"
    audit([folder / "drawn.csv"], out, folder / "pairs.csv")
    return out


@pytest.fixture(scope="module")
def record(out: Path) -> dict[str, Any]:
    return json.loads((out / "audit.json").read_text("utf-8"))


def test_the_planted_pairs_are_found(out: Path, record: dict[str, Any]) -> None:
    pairs = pd.read_csv(out / "pairs.csv").set_index(["path_a", "path_b"])
    assert set(pairs.index) == {("2.png", "turned.png"), ("3.png", "copy.png"), ("4.png", "relabelled.jpg")}
    assert list(pairs.loc[[("3.png", "copy.png"), ("2.png", "turned.png")], "kind"]) == ["same_bytes", "near"]
    assert record["duplicates"] | {"least_correlation": 0} == {
        "pairs": 3,
        "by_kind": {"near": 2, "same_bytes": 1},
        "across_splits": 2,
        "contradictory_labels": 1,
        "in_different_groups": 1,
        "least_correlation": 0,
    }


def test_groups_across_splits_and_with_both_labels_are_counted(record: dict[str, Any]) -> None:
    assert record["groups"] == {"groups": 13, "in_several_splits": 1, "with_both_labels": 1}


def test_known_pairs_give_recall_by_kind_and_precision(record: dict[str, Any]) -> None:
    held = record["known_pairs"]
    assert held["recall"]["same_image"] == {"found": 1, "n": 1, "share": 1.0}
    assert held["recall"]["same_lesion"]["found"] == 0
    # The pair of the byte-exact copy is in neither the known pairs nor one group.
    assert (held["precision"]["right"], held["precision"]["n"]) == (2, 3)


def test_what_cannot_be_read_is_reported(record: dict[str, Any]) -> None:
    assert (record["images"], list(record["unreadable"])) == (16, ["broken.png"])


def test_a_missing_fact_that_tells_the_label_is_reported(record: dict[str, Any]) -> None:
    (age,) = [each for each in record["differences"]["train"] if each["trait"] == "missing age"]
    assert age["counts"]["missing"] == [0, 6]
    assert age["value"] > 0.8


def test_the_summary_says_it_in_words(out: Path) -> None:
    summary = (out / "audit.md").read_text("utf-8")
    assert "3 pairs (2 near, 1 same bytes); 2 across splits, 1 with contradictory labels." in summary
    assert "same image 1 of 1 (100.0%)" in summary
    assert "Border probe" in summary


def test_it_names_no_path_of_this_computer(out: Path, folder: Path) -> None:
    for path in out.iterdir():
        assert str(folder) not in path.read_text("utf-8"), path.name


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Five drawn images, and what writes a manifest of them."""
    folder = tmp_path_factory.mktemp("few")
    for seed in range(5):
        (folder / f"{seed}.png").write_bytes(encode_png(draw_pixels(seed, height=64 + seed, width=72)))

    def write(rows: Any, *columns: Any) -> Any:
        path = folder / "few.csv"
        pd.DataFrame(rows, columns=["path", "label", *columns]).to_csv(path, index=False)
        return path

    return write


@pytest.mark.parametrize(
    ("rows", "columns", "sentences"),
    [
        ([("0.png", "benign"), ("1.png", "benign")], (), ["could not be run: every image of this split is benign"]),
        ([("0.png", "benign"), ("1.png", "malignant")], (), ["without fold 0 the border probe has only one class"]),
        (
            [(f"{n}.png", "malignant" if n < 2 else "benign", "test" if n == 0 else "train") for n in range(5)],
            ("split",),
            ["every image of this split is malignant", "has only one class"],
        ),
        (
            [(f"{n}.png", "malignant" if n < 2 else "benign", "g", 0) for n in range(5)],
            ("group_id", "fold"),
            ["has only one class"],
        ),
    ],
    ids=["one-sided", "one each", "a split of one", "one group"],
)
def test_a_small_or_one_sided_split_is_audited_to_the_end(
    few: Any, tmp_path: Path, rows: pd.DataFrame, columns: Any, sentences: Any
) -> None:
    summary = audit([few(rows, *columns)], tmp_path / "out", None)
    for sentence in sentences:
        assert sentence in summary
    assert (tmp_path / "out" / "audit.md").read_text("utf-8") == summary
    record = json.loads((tmp_path / "out" / "audit.json").read_text("utf-8"))
    assert record["images"] == len(rows)
    assert all("reason" in probe for probe in record["border_probe"].values())


def test_what_differs_in_a_one_sided_split_is_not_called_the_same(few: Any, tmp_path: Path) -> None:
    summary = audit([few([("0.png", "benign"), ("1.png", "benign")])], tmp_path / "out", None)
    assert "- format: the same in all images." in summary
    assert "- size in pixels: not compared, since this split has one label alone." in summary


def test_known_pairs_without_their_columns_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(UsageError, match="lacks the column\\(s\\) path_a, path_b, kind"):
        audit([folder / "drawn.csv"], tmp_path / "out", tmp_path / "pairs.csv")


def test_one_image_is_not_enough(folder: Path, tmp_path: Path) -> None:
    pd.DataFrame({"path": [str(folder / "0.png")], "label": ["benign"]}).to_csv(tmp_path / "one.csv", index=False)
    with pytest.raises(UsageError, match="1 of 1 images could be read; an audit needs two"):
        audit([tmp_path / "one.csv"], tmp_path / "out", None)


def test_results_that_cannot_be_written_are_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    with pytest.raises(OutputError, match="the results cannot be written"):
        audit([folder / "drawn.csv"], tmp_path / "file", None)

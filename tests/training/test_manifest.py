"""Manifests: what is read, what is made up, and how a bad row is named."""

import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from skinlens.training.manifest import (
    FOLDS,
    ManifestError,
    origin_rows,
    paired_origin_rows,
    read_manifests,
    share_of,
    training_rows,
    without_marked,
)


@pytest.fixture
def manifest(tmp_path: Path, write_csv: Callable[..., Any]) -> Callable[..., Any]:
    """Writes rows as a manifest, and an empty file for each path (a manifest does not look into images)."""

    def write(rows: Any, name: str = "manifest.csv") -> Any:
        path = write_csv(tmp_path / name, rows)
        for row in rows:
            if row["path"]:
                (path.parent / row["path"]).parent.mkdir(parents=True, exist_ok=True)
                (path.parent / row["path"]).touch()
        return path

    return write


def row(name: Any, label: Any = "benign", **more: Any) -> dict[str, str]:
    return {"path": name, "label": label} | more


def many(groups: int, size: int = 3, **more: str) -> list[dict[str, str]]:
    """Rows of `groups` groups of `size`; every other group is malignant."""
    return [
        row(f"{group}_{member}.png", "malignant" if group % 2 else "benign", group_id=f"G{group}", **more)
        for group in range(groups)
        for member in range(size)
    ]


def test_two_columns_are_enough(manifest: Callable[..., Any], tmp_path: Path) -> None:
    rows = read_manifests([manifest([row("a.png"), row("deep/b.png", "malignant")])])
    assert list(rows["file"]) == [str(tmp_path / "a.png"), str(tmp_path / "deep/b.png")]
    assert list(rows["malignant"]) == [0, 1]
    assert list(rows["split"]) == ["train", "train"]
    assert list(rows["fold"]) == [-1, -1]
    assert rows["group_id"].nunique() == 2


def test_blanks_take_the_same_defaults(manifest: Callable[..., Any]) -> None:
    blank = row("a.png", split="", fold="", group_id="")
    rows = read_manifests([manifest([blank, row("b.png", split="test", fold="3", group_id="7")])])
    assert list(rows["split"]) == ["train", "test"]
    assert list(rows["fold"]) == [-1, 3]
    assert rows["group_id"].nunique() == 2


def test_ids_that_look_like_numbers_stay_text(manifest: Callable[..., Any]) -> None:
    rows = read_manifests([manifest([row("007.png", group_id="007"), row("7.png", group_id="7")])])
    assert list(rows["group_id"]) == ["007", "7"]
    assert list(rows["path"]) == ["007.png", "7.png"]


def test_further_columns_are_kept(manifest: Callable[..., Any]) -> None:
    rows = read_manifests([manifest([row("a.png", dx="nv", age=45), row("b.png", dx="mel", age="")])])
    assert list(rows["dx"]) == ["nv", "mel"]
    assert rows["age"].isna().tolist() == [False, True]


def test_several_manifests_are_put_one_under_the_other(manifest: Callable[..., Any], tmp_path: Path) -> None:
    first = manifest([row("a.png", dx="nv")], "one/list.csv")
    second = manifest([row("a.png", "malignant", group_id="G1")], "two/list.csv")
    rows = read_manifests([first, second])
    assert list(rows["file"]) == [str(tmp_path / "one/a.png"), str(tmp_path / "two/a.png")]
    assert list(rows.index) == [0, 1]
    assert list(rows["manifest"]) == [str(first), str(second)]


def test_lone_rows_of_manifests_of_one_name_are_no_group(manifest: Callable[..., Any]) -> None:
    paths = [manifest([row("a.png", fold=fold)], f"site{fold}/list.csv") for fold in range(2)]
    assert read_manifests(paths)["group_id"].nunique() == 2


def test_twins_may_lie_on_both_sides_of_the_split(manifest: Callable[..., Any]) -> None:
    rows = [row("a.png", split="train", fold=0, group_id="G"), row("b.png", split="test", fold=-1, group_id="G")]
    assert len(read_manifests([manifest(rows)])) == 2


@pytest.mark.parametrize(
    ("rows", "what", "lines"),
    [
        ([row("a.png"), row("b.png", "nevus"), row("c.png", "")], "have a label that is neither", {3, 4}),
        ([row("a.png"), row("")], "have no path", {3}),
        ([row("a.png", split="val"), row("b.png", split="test")], "have a split that is neither", {2}),
        ([row("a.png", fold="0"), row("b.png", fold="one"), row("c.png", fold="1.5")], "no whole number", {3, 4}),
        ([row("a.png"), row("b.png"), row("./a.png")], "already listed", {4}),
        (
            [row("a.png", fold=0, group_id="G"), row("b.png", fold=0), row("c.png", fold=1, group_id="G")],
            "belong to a group that lies in more than one fold",
            {2, 4},
        ),
        (
            [row("a.png", fold=0, group_id="G"), row("b.png", fold="", group_id="G")],
            "belong to a group that lies in more than one fold, or partly in none",
            {2, 3},
        ),
    ],
)
def test_a_bad_row_is_named_by_manifest_line_and_path(
    manifest: Callable[..., Any], rows: list[dict[str, str]], what: str, lines: set[int]
) -> None:
    columns = list(dict.fromkeys(name for entry in rows for name in entry))
    path = manifest([{name: entry.get(name, "") for name in columns} for entry in rows])
    with pytest.raises(ManifestError, match=re.escape(what)) as caught:
        read_manifests([path])
    message = str(caught.value)
    assert message.startswith(f"{len(lines)} row(s) ")
    assert {int(line) for line in re.findall(r"line (\d+)", message)} == lines
    assert message.count(str(path)) == len(lines)
    for line in lines:
        assert f"line {line} ({rows[line - 2]['path'] or 'nan'})" in message


def test_a_missing_image_is_named(manifest: Callable[..., Any], tmp_path: Path) -> None:
    path = manifest([row("a.png"), row("gone.png"), row("b.png")])
    (tmp_path / "gone.png").unlink()
    with pytest.raises(ManifestError, match=r"1 row\(s\) name a file that does not exist: .* line 3 \(gone\.png\)$"):
        read_manifests([path])


def test_a_group_over_two_folds_is_found_across_manifests(manifest: Callable[..., Any]) -> None:
    paths = [manifest([row("a.png", fold=fold, group_id="G")], f"{fold}/list.csv") for fold in range(2)]
    with pytest.raises(ManifestError, match="more than one fold") as caught:
        read_manifests(paths)
    assert all(f"{path} line 2" in str(caught.value) for path in paths)


def test_one_image_in_two_manifests_is_found(manifest: Callable[..., Any]) -> None:
    first, second = manifest([row("a.png")], "one.csv"), manifest([row("a.png")], "two.csv")
    with pytest.raises(ManifestError, match=r"already listed: .*two\.csv line 2 \(a\.png\)"):
        read_manifests([first, second])


def test_of_many_bad_rows_the_first_five_are_shown(manifest: Callable[..., Any]) -> None:
    path = manifest([row(f"{number}.png", "bad") for number in range(8)])
    with pytest.raises(ManifestError, match=r"^8 row\(s\) .*; and 3 more$") as caught:
        read_manifests([path])
    assert str(caught.value).count(" line ") == 5


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "cannot read the manifest"),
        (b"\xff\xfe\x00path", "cannot read the manifest"),
        (b'path,label\n"a.png,benign\n', "cannot read the manifest"),
        (b"path,label\na.png,benign\nb.png,benign,extra\n", "cannot read the manifest"),
        (b"path,label\na.png\n", r"1 row\(s\) do not have 2 values: line 2 \(1\)"),
        (b"file,label\na.png,benign\n", r"lacks the column\(s\) path"),
        (b"image,target\n1,2\n", r"lacks the column\(s\) label"),
        (b"path,label\n", "has a header but no rows"),
    ],
)
def test_a_file_that_is_no_manifest_is_named(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    (tmp_path / "a.png").touch()
    with pytest.raises(ManifestError, match=what) as caught:
        read_manifests([path])
    assert str(path) in str(caught.value)


def test_a_manifest_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"cannot read the manifest .*nowhere\.csv"):
        read_manifests([tmp_path / "nowhere.csv"])
    with pytest.raises(ManifestError, match="no manifest was given"):
        read_manifests([])


def test_a_fold_is_held_out_and_test_rows_never_take_part(manifest: Callable[..., Any]) -> None:
    rows = [row(f"{n}.png", split="train", fold=n % 3) for n in range(9)] + [row("t.png", split="test", fold=1)]
    train, held_out = training_rows(read_manifests([manifest(rows)]), 1)
    assert list(held_out["path"]) == ["1.png", "4.png", "7.png"]
    assert list(train["path"]) == ["0.png", "2.png", "3.png", "5.png", "6.png", "8.png"]
    assert list(train.index) == list(range(6))
    assert list(held_out.index) == list(range(3))


def test_without_a_fold_every_training_row_is_used(manifest: Callable[..., Any]) -> None:
    rows = [row("a.png", split="train", fold=0), row("b.png", split="test", fold=""), row("c.png", split="", fold="")]
    train, held_out = training_rows(read_manifests([manifest(rows)]), None)
    assert list(train["path"]) == ["a.png", "c.png"]
    assert held_out.empty
    assert list(held_out.columns) == list(train.columns)


def test_a_row_without_a_fold_is_always_trained_on(manifest: Callable[..., Any]) -> None:
    rows = read_manifests([manifest([row("a.png", fold=0), row("b.png", fold=1), row("c.png", fold="")])])
    for fold in (0, 1):
        assert "c.png" in list(training_rows(rows, fold)[0]["path"])


def test_made_folds_keep_groups_whole_and_labels_balanced(manifest: Callable[..., Any]) -> None:
    rows = read_manifests([manifest(many(20))])
    held_out = [training_rows(rows, fold)[1] for fold in range(FOLDS)]
    assert sorted(pd.concat(held_out)["path"]) == sorted(rows["path"])
    groups = [set(part["group_id"]) for part in held_out]
    assert all(groups[a].isdisjoint(groups[b]) for a in range(FOLDS) for b in range(a))
    assert [(len(part), part["malignant"].mean()) for part in held_out] == [(12, 0.5)] * FOLDS


def test_made_folds_are_the_same_wherever_the_manifest_lies(
    manifest: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lone = [row(f"lone{number}.png", group_id="") for number in range(20)]
    here = manifest(many(20) + lone)
    manifest(many(20) + lone, "elsewhere/manifest.csv")
    monkeypatch.chdir(tmp_path)
    for fold in range(FOLDS):
        first = training_rows(read_manifests([here]), fold)[1]
        second = training_rows(read_manifests([Path("elsewhere/manifest.csv")]), fold)[1]
        assert list(first["path"]) == list(second["path"])
        assert set(first["fold"]) == {fold}


def test_made_folds_ignore_test_rows(manifest: Callable[..., Any]) -> None:
    alone = training_rows(read_manifests([manifest(many(20, split="train"), "alone.csv")]), 0)[1]
    tested = many(20, split="train") + [row(f"t{n}.png", group_id=f"G{n}", split="test") for n in range(9)]
    beside = training_rows(read_manifests([manifest(tested, "tested.csv")]), 0)[1]
    assert list(beside["path"]) == list(alone["path"])


def test_too_few_rows_for_five_folds(manifest: Callable[..., Any]) -> None:
    rows = read_manifests([manifest(many(2))])
    with pytest.raises(ManifestError, match="cannot make 5 folds of these rows"):
        training_rows(rows, 0)


def test_a_fold_that_is_not_there_is_told_the_ones_that_are(manifest: Callable[..., Any]) -> None:
    rows = read_manifests([manifest([row("a.png", fold=0), row("b.png", fold=2)])])
    with pytest.raises(ManifestError, match="no training row lies in fold 1; folds: 0, 2"):
        training_rows(rows, 1)


def test_a_manifest_of_test_rows_alone_trains_nothing(manifest: Callable[..., Any]) -> None:
    rows = read_manifests([manifest([row("a.png", split="test")])])
    with pytest.raises(ManifestError, match="no rows with split train"):
        training_rows(rows, None)


def test_a_share_is_of_whole_lesions_and_fills_an_epoch(manifest: Callable[..., Any]) -> None:
    rows = read_manifests([manifest(many(8))])
    half = share_of(rows, 0.5)
    assert len(half) == len(rows)
    assert half["group_id"].nunique() == 4
    # Each of its twelve images is there twice, none of another lesion.
    assert half["file"].value_counts().tolist() == [2] * 12
    assert list(half.index) == list(range(len(rows)))


def test_a_smaller_share_lies_within_a_larger_one_whatever_the_order(manifest: Callable[..., Any]) -> None:
    rows = read_manifests([manifest(many(8))])
    quarter, half = (set(share_of(rows, share)["group_id"]) for share in (0.25, 0.5))
    assert quarter < half
    assert set(share_of(rows.iloc[::-1], 0.25)["group_id"]) == quarter


def test_the_whole_share_changes_nothing(manifest: Callable[..., Any]) -> None:
    rows = read_manifests([manifest(many(3))])
    assert share_of(rows, 1.0) is rows


def test_a_share_of_nothing_is_an_error(manifest: Callable[..., Any]) -> None:
    with pytest.raises(ManifestError, match="leaves none of 8 lesions"):
        share_of(read_manifests([manifest(many(8))]), 0.01)


def several_origins() -> list[dict[str, str]]:
    """Ham and bcn share a lesion; foreign is malignant alone."""
    told = [
        ("h1", "benign", "ham", "A"),
        ("h2", "malignant", "ham", "B"),
        ("h3", "benign", "ham", "shared"),
        ("b1", "benign", "bcn", "shared"),
        ("b2", "malignant", "bcn", "C"),
        ("f1", "malignant", "foreign", "D"),
        ("f2", "malignant", "foreign", "C"),
    ]
    rows = [row(f"{name}.png", label, origin=origin, group_id=group, split="") for name, label, origin, group in told]
    return [*rows, row("t.png", origin="bcn", group_id="A", split="test")]


def test_an_origin_is_held_out_and_its_lesions_are_seen_nowhere_else(manifest: Callable[..., Any]) -> None:
    train, held_out = origin_rows(read_manifests([manifest(several_origins())]), ["bcn"])
    assert list(held_out["path"]) == ["b1.png", "b2.png"]
    assert list(train["path"]) == ["h1.png", "h2.png", "f1.png"]
    assert set(train["group_id"]).isdisjoint(held_out["group_id"])
    assert list(train.index) == [0, 1, 2]
    assert list(held_out.index) == [0, 1]


@pytest.mark.parametrize(
    ("origin", "what"),
    [("rome", "no training row has the origin rome; origins: bcn, foreign, ham"), ("foreign", "malignant alone")],
)
def test_an_origin_that_cannot_be_held_out(manifest: Callable[..., Any], origin: str, what: str) -> None:
    with pytest.raises(ManifestError, match=what):
        origin_rows(read_manifests([manifest(several_origins())]), [origin])


def test_rows_without_an_origin_are_named(manifest: Callable[..., Any]) -> None:
    blank = manifest([row("a.png", origin="ham"), row("b.png", origin="")], "blank.csv")
    with pytest.raises(ManifestError, match=r"1 row\(s\) have no origin: .*line 3 \(b\.png\)"):
        origin_rows(read_manifests([blank]), ["ham"])
    with pytest.raises(ManifestError, match="no manifest has the column origin"):
        origin_rows(read_manifests([manifest([row("a.png")])]), ["ham"])


def test_an_origin_of_one_label_alone_is_left_out_of_training(manifest: Callable[..., Any]) -> None:
    rows = read_manifests([manifest([*several_origins(), row("elsewhere.png", origin="elsewhere", split="test")])])
    assert set(rows["path"]) - set(paired_origin_rows(rows)["path"]) == {"f1.png", "f2.png"}
    assert list(paired_origin_rows(rows).index) == list(range(len(rows) - 2))
    with pytest.raises(ManifestError, match="no manifest has the column origin"):
        paired_origin_rows(read_manifests([manifest([row("a.png")], "plain.csv")]))


def test_marked_rows_are_left_out_wherever_the_mark_is_known(manifest: Callable[..., Any]) -> None:
    first = manifest([row("a.png", twin=0), row("b.png", twin=1), row("c.png", twin="")], "one/list.csv")
    second = manifest([row("d.png", other=1), row("e.png", other=0)], "two/list.csv")
    rows = read_manifests([first, second])
    assert list(without_marked(rows, ["twin"])["path"]) == ["a.png", "c.png", "d.png", "e.png"]
    both = without_marked(rows, ["twin", "other"])
    assert list(both["path"]) == ["a.png", "c.png", "e.png"]
    assert list(both.index) == [0, 1, 2]
    assert without_marked(rows, []) is rows


def test_a_mark_that_no_manifest_has_is_an_error(manifest: Callable[..., Any]) -> None:
    with pytest.raises(ManifestError, match="no manifest has the column twinn"):
        without_marked(read_manifests([manifest([row("a.png", twin=0)])]), ["twinn"])


def test_outlines_are_found_from_their_manifest(manifest: Callable[..., Any], tmp_path: Path) -> None:
    first = manifest([row("a.png", mask="masks/a.png"), row("b.png", mask="")], "one/list.csv")
    rows = read_manifests([first, manifest([row("c.png")], "two/list.csv")])
    assert rows["outline_file"][0] == str(tmp_path / "one" / "masks" / "a.png")
    assert rows["outline_file"].isna().tolist() == [False, True, True]


@pytest.mark.timeout(20)
def test_a_manifest_that_is_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list.csv")
    with pytest.raises(ManifestError, match="It is a named pipe"):
        read_manifests([tmp_path / "list.csv"])
    (tmp_path / "zeros.csv").symlink_to("/dev/zero")
    with pytest.raises(ManifestError, match="It is a device"):
        read_manifests([tmp_path / "zeros.csv"])


def test_a_row_that_names_no_regular_file_is_named(manifest: Callable[..., Any], tmp_path: Path) -> None:
    path = manifest([row("a.png"), row("pipe.png"), row("b.png")])
    (tmp_path / "pipe.png").unlink()
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ManifestError, match=r"1 row\(s\) name something that is no regular file: .* line 3 \(pipe"):
        read_manifests([path])


def test_a_path_longer_than_the_system_allows_is_named(write_csv: Callable[..., Any], tmp_path: Path) -> None:
    path = write_csv(tmp_path / "list.csv", [row("a" * 300 + ".png")])
    with pytest.raises(ManifestError, match="does not exist"):
        read_manifests([path])


def test_a_datasets_table_finds_its_images_below_by_name(
    write_csv: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("part_1/ISIC_0000001.jpg", "part_2/ISIC_0000002.JPG", "part_2/ISIC_0000003.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    path = write_csv(
        tmp_path / "metadata.csv",
        [
            {"isic_id": "ISIC_0000001", "diagnosis_1": "Benign", "age_approx": 55, "patient_id": "", "lesion_id": "L1"},
            {
                "isic_id": "ISIC_0000002",
                "diagnosis_1": "Malignant",
                "age_approx": "",
                "patient_id": "P",
                "lesion_id": "L2",
            },
            {
                "isic_id": "ISIC_0000003",
                "diagnosis_1": "Indeterminate",
                "age_approx": 5,
                "patient_id": "",
                "lesion_id": "",
            },
        ],
    )
    caplog.set_level("INFO", "skinlens")
    rows = read_manifests([path])
    assert list(rows["path"]) == ["part_1/ISIC_0000001.jpg", "part_2/ISIC_0000002.JPG"]
    assert list(rows["label"]) == ["benign", "malignant"]
    assert list(rows["group_id"]) == ["L1", "P"]
    assert rows["age"].tolist()[0] == 55
    assert rows["age"].isna().tolist() == [False, True]
    assert list(rows["isic_id"]) == ["ISIC_0000001", "ISIC_0000002"]
    (line,) = caplog.messages
    assert line.startswith(
        f"{path}: Columns: image from isic_id; label from diagnosis_1; group from patient_id, lesion_id"
    )
    assert line.endswith("1 of 3 rows was left out because it is neither benign nor malignant: 'Indeterminate' (1).")


def test_a_name_that_several_files_have_is_named(write_csv: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("a/x.jpg", "masks/x.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    with pytest.raises(ManifestError, match=r"name an image that several files could be; add .* line 2 \(x\)"):
        read_manifests([write_csv(tmp_path / "list.csv", [{"image": "x", "target": 1}])])


def test_a_lesions_row_is_about_the_images_in_its_folder(write_csv: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("IL_1/ISIC_1.jpg", "IL_1/ISIC_2.jpg", "IL_2/ISIC_3.jpg"):
        (tmp_path / "input" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "input" / name).touch()
    rows = [{"lesion_id": f"IL_{n}", "BCC": 2.0 - n, "MEL": 0.0, "NV": n - 1.0} for n in (1, 2)]
    read = read_manifests([write_csv(tmp_path / "truth.csv", rows)])
    assert list(read["path"]) == ["input/IL_1/ISIC_1.jpg", "input/IL_1/ISIC_2.jpg", "input/IL_2/ISIC_3.jpg"]
    assert list(read["label"]) == ["malignant", "malignant", "benign"]
    assert list(read["group_id"]) == ["IL_1", "IL_1", "IL_2"]
    with pytest.raises(ManifestError, match="name a lesion without a folder of images"):
        read_manifests([write_csv(tmp_path / "truth.csv", [{**rows[0], "lesion_id": "IL_9"}])])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_spreadsheets_manifest_is_read(tmp_path: Path, encoding: Any) -> None:
    (tmp_path / "Läsion").mkdir()
    (tmp_path / "Läsion" / "a.png").touch()
    (tmp_path / "list.csv").write_bytes(
        "sep=;\r\npath;Label;score;seen\r\nLäsion\\a.png;Benign;0,25;TRUE\r\n".encode(encoding)
    )
    rows = read_manifests([tmp_path / "list.csv"])
    assert rows[["file", "label", "score", "seen", "row"]].values.tolist() == [
        [str(tmp_path / "Läsion" / "a.png"), "benign", 0.25, True, 3]
    ]


@pytest.mark.parametrize(("stored", "written"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_accents_are_compared_however_they_are_stored(tmp_path: Path, stored: Any, written: Any) -> None:
    name = unicodedata.normalize(stored, "Läsion/é.png")
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).touch()
    (tmp_path / "list.csv").write_text(f"path,label\n{unicodedata.normalize(written, name)},benign\n", "utf-8")
    assert read_manifests([tmp_path / "list.csv"])["file"].tolist() == [str(tmp_path / name)]

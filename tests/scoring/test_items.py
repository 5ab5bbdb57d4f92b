"""What a source holds, in which order, and how an image of it is read."""

import os
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyarrow import fs

from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.sources import Sources
from skinlens.scoring import items
from skinlens.scoring.items import Item, SourceError, list_items


def test_a_folder_is_listed_as_by_predict(folder: Path) -> None:
    listed = list_items(str(folder))
    assert [item.path for item in listed] == [source.path for source in Sources([folder])]
    assert [item.name for item in listed][:2] == ["0.png", "2.png"]
    assert listed[0].read() == (folder / "0.png").read_bytes()


def test_an_archive_is_listed_by_its_members(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(folder / "below" / "1.png", "x/1.png")
    (item,) = list_items(str(archive))
    assert item.path == f"{archive}!/x/1.png"
    assert item.read() == (folder / "below" / "1.png").read_bytes()


def test_a_manifest_is_listed_in_its_order(folder: Path) -> None:
    manifest = folder / "list.csv"
    manifest.write_text("label,path\nbenign,below/1.png\nbenign,nowhere.png\n", "utf-8")
    first, second = list_items(str(manifest))
    assert first.path == str(folder / "below" / "1.png")
    with pytest.raises(ImageRejectedError, match="no such file"):
        second.read()


def test_a_datasets_table_is_listed_by_the_names_of_its_images(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "list.csv").write_text("isic_id;age_approx\n1;55\n2;60\n", "utf-16")
    caplog.set_level("INFO", "skinlens")
    assert [item.path for item in list_items(str(folder / "list.csv"))] == [
        str(folder / "below" / "1.png"),
        str(folder / "2.png"),
    ]
    assert "image from isic_id" in caplog.text
    (folder / "below" / "2.jpg").touch()
    with pytest.raises(SourceError, match=r"line 3 names 2, which may be 2\.png or below/2\.jpg"):
        list_items(str(folder / "list.csv"))


def test_an_address_is_listed_and_read(folder: Path) -> None:
    (folder / "notes.txt").write_text("no image")
    listed = list_items(f"file://{folder}")
    assert [item.path for item in listed] == sorted(
        f"file://{path}" for path in folder.rglob("*") if path.suffix in {".png", ".jpg"}
    )
    assert listed[0].read() == (folder / "0.png").read_bytes()
    (alone,) = list_items(f"file://{folder}/2.png")
    assert alone.name == "2.png"


def test_what_vanishes_at_an_address_is_reported(folder: Path) -> None:
    item = list_items(f"file://{folder}")[0]
    (folder / "0.png").unlink()
    with pytest.raises(ImageRejectedError, match="cannot be read from its storage"):
        item.read()


def test_an_empty_folder_has_a_row_that_says_so(tmp_path: Path) -> None:
    (item,) = list_items(str(tmp_path))
    assert item.reason == "empty"
    with pytest.raises(ImageRejectedError, match="holds no images"):
        item.read()


@pytest.mark.parametrize("address", ["nosuch://x/y", "file:///no/such/folder"])
def test_an_address_that_cannot_be_listed_is_reported(address: str) -> None:
    with pytest.raises(SourceError, match="cannot be listed"):
        list_items(address)


@pytest.mark.parametrize(("content", "what"), [("label\nbenign\n", "lacks the column.s. path"), ("", "is empty")])
def test_a_manifest_needs_paths(tmp_path: Path, content: str, what: str) -> None:
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(SourceError, match=what):
        list_items(str(tmp_path / "list.csv"))


def test_a_manifest_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no manifest that can be read"):
        list_items(str(tmp_path / "list.csv"))


def test_an_item_survives_the_way_to_another_machine() -> None:
    item = Item("a/b.png", "b.png", "/x/b.png", 3)
    assert Item(**vars(item)) == item


@pytest.mark.timeout(20)
def test_what_is_no_file_has_its_row_and_keeps_no_one_waiting(folder: Path) -> None:
    for place in (folder / "below" / "9.png", folder / "9.csv"):
        os.mkfifo(place)
    (folder / "zeros.png").symlink_to("/dev/zero")
    reasons = {}
    for item in list_items(str(folder)):
        try:
            item.read()
        except ImageRejectedError as error:
            reasons[item.name] = str(error)
    assert "named pipe" in reasons["9.png"]
    assert "device" in reasons["zeros.png"]
    with pytest.raises(SourceError, match="named pipe"):
        list_items(str(folder / "9.csv"))


@pytest.mark.timeout(20)
def test_at_an_address_of_this_machine_too(folder: Path) -> None:
    item = list_items(f"file://{folder}")[0]
    (folder / "0.png").unlink()
    os.mkfifo(folder / "0.png")
    assert f"file://{folder}/0.png" not in [each.path for each in list_items(f"file://{folder}")]
    with pytest.raises(ImageRejectedError, match="named pipe"):
        item.read()


def test_a_path_that_no_system_has_is_a_row(folder: Path) -> None:
    (folder / "list.csv").write_text(f"path\n{'n' * 300}.png\n2.png\n", "utf-8")
    first, second = list_items(str(folder / "list.csv"))
    with pytest.raises(ImageRejectedError, match="cannot be read"):
        first.read()
    assert second.read()


def test_a_huge_file_of_another_storage_is_not_fetched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem())
    opened = SimpleNamespace(from_uri=lambda _address: (elsewhere, "0.png"))
    monkeypatch.setattr(items, "fs", SimpleNamespace(FileSystem=opened, LocalFileSystem=fs.LocalFileSystem))
    item = Item("s3://b/0.png", "0.png", "s3://b/0.png")
    assert item.read() == (folder / "0.png").read_bytes()
    monkeypatch.setattr(items, "LARGEST_IMAGE_FILE", 100)
    with pytest.raises(ImageRejectedError, match="too large") as rejected:
        item.read()
    assert rejected.value.reason == "too_large"

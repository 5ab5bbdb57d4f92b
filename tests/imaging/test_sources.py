"""What gets a row, in which order, and what is passed over."""

import errno
import os
import random
import struct
import tracemalloc
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import inflate64
import pytest
from PIL import Image

from skinlens.imaging import archives, files
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.sources import Source, Sources, safe_name
from skinlens.imaging.synthetic import draw_pixels

DICOM = bytes(128) + b"DICM" + bytes(20)


def found(*paths: Path) -> tuple[list[Source], int]:
    """Every source under the paths, and how many files were passed over."""
    sources = Sources(paths)
    return list(sources), len(sources.passed_over)


def relatives(sources: Sequence[Source]) -> list[str]:
    return [source.relative for source in sources]


def rejection(source: Source) -> ImageRejectedError:
    with pytest.raises(ImageRejectedError) as rejected:
        source.read()
    return rejected.value


def plant(folder: Path, *names: str, content: bytes = b"image") -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def packed(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def deflate_64(content: bytes) -> bytes:
    deflater = inflate64.Deflater()
    return bytes(deflater.deflate(content) + deflater.flush())


def repacked(path: Path, members: dict[str, bytes], method: int, pack: Callable[[bytes], bytes]) -> Path:
    """An archive whose members are packed in a way that zipfile does not know."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, pack(content))
    data = bytearray(path.read_bytes())
    for name, content in members.items():
        for mark, method_at, crc_at, size_at in ((b"PK\3\4", 8, 14, 22), (b"PK\1\2", 10, 16, 24)):
            name_at = 30 if mark == b"PK\3\4" else 46
            place = next(
                at for at in range(len(data))
                if data[at : at + 4] == mark and data[at + name_at : at + name_at + len(name)] == name.encode()
            )  # fmt: skip
            struct.pack_into("<H", data, place + method_at, method)
            struct.pack_into("<I", data, place + crc_at, zlib.crc32(content))
            struct.pack_into("<I", data, place + size_at, len(content))
    path.write_bytes(data)
    return path


def without_utf8_flag(data: bytes) -> bytes:
    """An archive whose names are in UTF-8 and do not say so, as a Mac packs them."""
    changed = bytearray(data)
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = -1
        while (place := changed.find(mark, place + 1)) >= 0:
            (flags,) = struct.unpack_from("<H", changed, place + at)
            struct.pack_into("<H", changed, place + at, flags & ~0x800)
    return bytes(changed)


class TestFolders:
    def test_files_below_in_the_order_of_their_paths(self, tmp_path: Path) -> None:
        plant(tmp_path, "b.png", "a/z.jpg", "a/b/c.jpg", "a.jpg", "c/1.png", "B.png")
        listed, passed_over = found(tmp_path)
        assert relatives(listed) == ["B.png", "a.jpg", "a/b/c.jpg", "a/z.jpg", "b.png", "c/1.png"]
        assert [source.path for source in listed] == [str(tmp_path / name) for name in relatives(listed)]
        assert passed_over == 0

    @pytest.mark.parametrize(
        "suffix",
        [
            "jpg",
            "jpeg",
            "png",
            "tif",
            "tiff",
            "bmp",
            "webp",
            "dcm",
            "dicom",
            "JPG",
            "Jpeg",
            "TIFF",
            "DCM",
            "jfif",
            "jpe",
            "mpo",
            "heic",
            "HEIF",
            "avif",
            "jp2",
        ],
    )
    def test_images_are_known_by_suffix_in_any_case(self, suffix: str, tmp_path: Path) -> None:
        listed, _ = found(plant(tmp_path, f"lesion.{suffix}"))
        assert relatives(listed) == [f"lesion.{suffix}"]

    def test_dicom_is_known_by_its_mark(self, tmp_path: Path) -> None:
        plant(tmp_path, "IM0001", "study.7", content=DICOM)
        plant(tmp_path, "IM0002", content=DICOM.replace(b"DICM", b"DICX"))
        listed, passed_over = found(tmp_path)
        assert relatives(listed) == ["IM0001", "study.7"]
        assert passed_over == 1

    def test_each_other_file_is_named_with_its_reason(self, tmp_path: Path) -> None:
        contents_of = {
            "notes.txt": b"notes",
            "x/Thumbs.db": b"system",
            "x/.DS_Store": b"system",
            "empty": b"",
            "report": b"%PDF-1.7",
            "more": b"PK\3\4" + bytes(40),
            "a.7z": b"7z\xbc\xaf\x27\x1c",
            "b.rar": b"Rar!\x1a\x07\1\0",
            "c.tar": bytes(257) + b"ustar" + bytes(250),
            "moving.gif": b"GIF89a",
        }
        for name, content in contents_of.items():
            plant(tmp_path, name, content=content)
        sources = Sources([tmp_path])
        assert len(list(sources)) == 1  # the folder's own row, since it holds no image
        reasons = {Path(file.path).relative_to(tmp_path).as_posix(): file.reason for file in sources.passed_over}
        assert reasons == {
            "notes.txt": "No image by its name or its content.",
            "x/Thumbs.db": "A file of the operating system, no image.",
            "x/.DS_Store": "A file of the operating system, no image.",
            "empty": "An empty file.",
            "report": "A PDF document, no image.",
            "more": "A zip archive. Choose it by itself, or unpack it.",
            "a.7z": "This is a 7-Zip archive. Unpack it, or pack the images as a zip archive.",
            "b.rar": "This is a RAR archive. Unpack it, or pack the images as a zip archive.",
            "c.tar": "This is a tar archive. Unpack it, or pack the images as a zip archive.",
            "moving.gif": "A GIF, whose 256 colours are too few.",
        }

    def test_images_without_an_ending_are_known_by_their_content(self, tmp_path: Path) -> None:
        pixels = Image.fromarray(draw_pixels(1, height=64, width=64))
        kinds = {"png.part": "PNG", "tiff.7": "TIFF", "jp2": "JPEG2000"}
        for name in ("JPEG", "avif", "bmp", "jp2", "png.part", "tiff.7", "webp"):
            pixels.save(tmp_path / name, kinds.get(name, name.upper()))
        listed, passed_over = found(tmp_path)
        assert relatives(listed) == ["JPEG", "avif", "bmp", "jp2", "png.part", "tiff.7", "webp"]
        assert passed_over == 0

    def test_the_finders_data_are_passed_over_and_other_hidden_files_are_not(self, tmp_path: Path) -> None:
        plant(tmp_path, "._a.jpg", "b/._c.png", content=b"\0\5\x16\7\0\2\0\0Mac OS X")
        plant(tmp_path, "__MACOSX/a.jpg", content=b"\xff\xd8\xff")
        plant(tmp_path, "a.jpg", "._odd.jpg")
        sources = Sources([tmp_path])
        assert relatives(list(sources)) == ["._odd.jpg", "a.jpg"]
        assert {file.reason for file in sources.passed_over} == {"Data of the Mac Finder, no image."}
        assert len(sources.passed_over) == 3

    def test_other_files_are_counted(self, tmp_path: Path) -> None:
        plant(tmp_path, "a.jpg", "notes.txt", "x/Thumbs.db", "x/.DS_Store", "more.zip", "jpg", "a.jpg.part", "e.gif")
        listed, passed_over = found(tmp_path)
        assert relatives(listed) == ["a.jpg"]
        assert passed_over == 7

    def test_hidden_files_are_images_too(self, tmp_path: Path) -> None:
        listed, _ = found(plant(tmp_path, ".hidden.jpg", ".folder/a.jpg"))
        assert relatives(listed) == [".folder/a.jpg", ".hidden.jpg"]

    def test_a_folder_named_like_an_image_is_a_folder(self, tmp_path: Path) -> None:
        listed, _ = found(plant(tmp_path, "a.jpg/b.png"))
        assert relatives(listed) == ["a.jpg/b.png"]

    def test_links_to_folders_are_not_followed(self, tmp_path: Path) -> None:
        plant(tmp_path / "in", "a/lesion.jpg")
        (tmp_path / "in" / "a" / "up").symlink_to(tmp_path / "in")
        (tmp_path / "in" / "loop").symlink_to("loop")
        listed, passed_over = found(tmp_path / "in")
        assert relatives(listed) == ["a/lesion.jpg"]
        assert passed_over == 1

    def test_a_link_to_a_folder_that_is_named_like_an_image_has_its_row(self, tmp_path: Path) -> None:
        plant(tmp_path / "in", "a.jpg")
        (tmp_path / "in" / "up.jpg").symlink_to(tmp_path)
        (whole, link), passed_over = found(tmp_path / "in")
        assert whole.read() == b"image"
        assert "It is a folder" in str(rejection(link))
        assert passed_over == 0

    def test_a_named_link_to_a_folder_is_that_folder(self, tmp_path: Path) -> None:
        plant(tmp_path / "in", "a.jpg")
        (tmp_path / "link").symlink_to(tmp_path / "in")
        listed, _ = found(tmp_path / "link")
        assert [source.read() for source in listed] == [b"image"]

    def test_a_dangling_link_gets_its_row(self, tmp_path: Path) -> None:
        (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
        listed, _ = found(tmp_path)
        assert "no such file" in str(rejection(listed[0]))

    def test_folders_in_folders_as_deep_as_they_go(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        deep = Path(*"d" * 1500)
        # In two steps, since makedirs calls itself too.
        (tmp_path / Path(*"d" * 700)).mkdir(parents=True)
        deep.mkdir(parents=True)
        (deep / "a.jpg").write_bytes(b"image")
        try:
            (only,), _ = found(Path("d"))
            assert only.read() == b"image"
        finally:
            # What tidies up after tests calls itself as well.
            (deep / "a.jpg").unlink()
            os.removedirs(deep)

    def test_a_folder_without_images_gets_one_row(self, tmp_path: Path) -> None:
        plant(tmp_path / "empty", "notes.txt")
        (tmp_path / "bare").mkdir()
        listed, passed_over = found(tmp_path / "empty", tmp_path / "bare")
        assert [source.path for source in listed] == [str(tmp_path / "empty"), str(tmp_path / "bare")]
        for source in listed:
            assert rejection(source).reason == "empty"
            assert "folder holds no images" in str(rejection(source))
        assert passed_over == 1

    def test_a_folder_that_cannot_be_opened_is_not_passed_over_in_silence(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plant(tmp_path, "a.jpg", "closed/b.jpg")
        scan = os.scandir

        def guarded(path: str) -> object:
            if str(path).endswith("closed"):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return scan(path)

        monkeypatch.setattr(os, "scandir", guarded)
        listed, _ = found(tmp_path)
        assert [source.path for source in listed] == [str(tmp_path / "a.jpg"), str(tmp_path / "closed")]
        assert rejection(listed[1]).reason == "unreadable"
        assert "cannot be opened (Permission denied)" in str(rejection(listed[1]))
        (only,), _ = found(tmp_path / "closed")
        assert "cannot be opened" in str(rejection(only))


class TestArchives:
    def test_members_in_the_order_of_their_names(self, tmp_path: Path) -> None:
        path = packed(tmp_path / "a.zip", {"b.png": b"2", "x/a.JPG": b"3", "a.tif": b"1"})
        listed, _ = found(path)
        assert relatives(listed) == ["a.tif", "b.png", "x/a.JPG"]
        assert [source.path for source in listed] == [f"{path}!/{name}" for name in relatives(listed)]

    def test_members_are_read_during_and_after_going_through_the_archive(self, tmp_path: Path) -> None:
        path = packed(tmp_path / "a.ZIP", {"b.png": b"two", "a.tif": b"one"})
        assert [source.read() for source in Sources([path])] == [b"one", b"two"]
        listed, _ = found(path, path)
        assert [source.read() for source in listed] == [b"one", b"two"] * 2

    def test_junk_folders_and_further_archives_are_passed_over(self, tmp_path: Path) -> None:
        inner = packed(tmp_path / "inner.zip", {"a.jpg": b"image"}).read_bytes()
        path = packed(
            tmp_path / "outer.zip",
            {"a.jpg": b"1", "inner.zip": inner, "folder.jpg/": b"", "notes.txt": b"n", "IM1": DICOM, "IM2": b"no"},
        )
        listed, passed_over = found(path)
        assert relatives(listed) == ["IM1", "a.jpg"]
        assert passed_over == 3

    def test_an_archive_without_images_gets_one_row(self, tmp_path: Path) -> None:
        listed, passed_over = found(packed(tmp_path / "a.zip", {"notes.txt": b""}), packed(tmp_path / "b.zip", {}))
        assert [Path(source.path).name for source in listed] == ["a.zip", "b.zip"]
        assert all("archive holds no images" in str(rejection(source)) for source in listed)
        assert passed_over == 1

    @pytest.mark.parametrize("content", [b"", b"PK", b"not a zip at all" * 9], ids=["empty", "cut", "text"])
    def test_a_broken_archive_gets_one_row(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "a.zip").write_bytes(content)
        (only,), _ = found(tmp_path / "a.zip")
        assert only.path == str(tmp_path / "a.zip")
        assert rejection(only).reason == "unreadable"
        assert "cannot be opened" in str(rejection(only))

    def test_a_name_that_is_no_text_costs_no_row(self, tmp_path: Path) -> None:
        """Names that claim to be UTF-8 and are not, surrogates among them."""
        path = packed(tmp_path / "a.zip", {"ä.jpg": b"one", "ö㤤.jpg": b"two", "z.jpg": b"three"})
        content = path.read_bytes().replace("ä".encode(), b"\xff\xfe").replace("㤤".encode(), b"\xed\xa0\x80")
        path.write_bytes(content)
        listed, _ = found(path)
        assert sorted(source.read() for source in listed) == [b"one", b"three", b"two"]
        assert sorted(source.place.read() for source in listed if source.place) == [b"one", b"three", b"two"]

    @pytest.mark.parametrize(
        "name",
        [
            b"......", b"///////", b"\0a.jpg", b"\0\0\0\0\0\0", b"/a.jpg/", b"..\\..\\b.jpg", b"../../etc/a.jpg",
            b"/etc/passwd.jpg", b"C:\\a.jpg", b"\x1b[31ma.jpg", b"=1+1.jpg", b"a\nb.jpg", b"CON.jpg", b" .jpg",
        ],
    )  # fmt: skip
    def test_an_odd_name_has_one_row_and_costs_no_other(self, name: bytes, tmp_path: Path) -> None:
        placeholder = "x" * (len(name) - 4) + ".jpg"
        path = packed(tmp_path / "a.zip", {placeholder: b"odd", "sound.jpg": b"sound"})
        path.write_bytes(path.read_bytes().replace(placeholder.encode(), name))
        listed, passed_over = found(path)
        assert [source.read() for source in listed if source.relative == "sound.jpg"] == [b"sound"]
        others = [source for source in listed if source.relative != "sound.jpg"]
        assert [source.read() for source in others] == [b"odd"] * (1 - passed_over)
        # Dots alone are a name without an ending, like any other file that is no image.
        assert passed_over == (name == b"......")
        for source in others:
            assert source.relative
            assert safe_name(source.relative, DIGEST)

    def test_a_member_without_a_name_has_its_row(self, tmp_path: Path) -> None:
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in (("", b"one"), ("b.jpg", b"two"), ("/", b"three"), ("folder/", b"")):
                archive.writestr(zipfile.ZipInfo(name), content)
        listed, passed_over = found(path)
        assert [(source.path, source.read()) for source in listed] == [
            (f"{path}!/unnamed-0", b"one"),
            (f"{path}!/unnamed-2", b"three"),
            (f"{path}!/b.jpg", b"two"),
        ]
        assert passed_over == 0

    def test_the_longest_name(self, tmp_path: Path) -> None:
        name = f"{'n' * 65_531}.jpg"
        (only,), _ = found(packed(tmp_path / "a.zip", {name: b"image"}))
        assert (only.relative, only.read()) == (name, b"image")

    def test_a_directory_that_is_too_large_is_not_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = packed(tmp_path / "a.zip", {f"{number}.jpg": b"" for number in range(40)})
        monkeypatch.setattr(archives, "_LARGEST_DIRECTORY", 2000)
        (only,), _ = found(path)
        assert "lists too many files" in str(rejection(only))

    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_a_damaged_member_gets_its_row_and_the_others_are_read(self, method: int, tmp_path: Path) -> None:
        noise = random.Random(1)  # noqa: S311 - content that does not shrink
        members = {name: noise.randbytes(600) for name in ("a.jpg", "b.jpg", "notes")}
        path = packed(tmp_path / "a.zip", members, method)
        with zipfile.ZipFile(path) as archive:
            offsets = {info.filename: info.header_offset + 30 + len(info.filename) for info in archive.infolist()}
        data = bytearray(path.read_bytes())
        for name in ("a.jpg", "notes"):
            data[offsets[name] : offsets[name] + 20] = b"\xff" * 20
        path.write_bytes(data)
        (damaged, whole), passed_over = found(path)
        assert damaged.relative == "a.jpg"
        assert "cannot be unpacked" in str(rejection(damaged))
        assert whole.read() == members["b.jpg"]
        assert passed_over == 1

    def test_members_with_a_password_get_their_rows(self, tmp_path: Path) -> None:
        path = packed(tmp_path / "a.zip", {"a.jpg": b"image", "IM1": DICOM}, zipfile.ZIP_STORED)
        data = bytearray(path.read_bytes())
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                data[info.header_offset + 6] |= 1
        for place in range(len(data)):
            if data[place : place + 4] == b"PK\1\2":
                data[place + 8] |= 1
        path.write_bytes(data)
        (only,), passed_over = found(path)
        assert only.relative == "a.jpg"
        assert "has a password. Unpack the archive with the password" in str(rejection(only))
        assert passed_over == 1

    def test_deflate64_is_read(self, tmp_path: Path) -> None:
        content = random.Random(2).randbytes(5000) + bytes(400_000)  # noqa: S311
        path = repacked(tmp_path / "a.zip", {"a.jpg": content, "b.jpg": b"small"}, 9, deflate_64)
        listed, _ = found(path)
        assert {source.relative: source.read() for source in listed} == {"a.jpg": content, "b.jpg": b"small"}

    def test_a_bomb_in_deflate64_is_cut_at_what_it_claims(self, tmp_path: Path) -> None:
        path = repacked(tmp_path / "a.zip", {"bomb.png": bytes(60_000_000)}, 9, deflate_64)
        data = bytearray(path.read_bytes())
        place = data.rindex(b"PK\1\2")
        data[place + 24 : place + 28] = struct.pack("<I", 100)
        path.write_bytes(data)
        (only,), _ = found(path)
        tracemalloc.start()
        assert "damaged" in str(rejection(only))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 16_000_000

    @pytest.mark.parametrize(("method", "words"), [(93, "Zstandard"), (98, "PPMd"), (77, "method 77")])
    def test_another_way_of_packing_is_named(self, method: int, words: str, tmp_path: Path) -> None:
        path = repacked(tmp_path / "a.zip", {"a.jpg": b"image"}, method, bytes)
        (only,), _ = found(path)
        assert f"packed in a way that is not read ({words}). Unpack it" in str(rejection(only))
        assert "password" not in str(rejection(only))

    @pytest.mark.parametrize(("mark", "kind"), [(b"7z\xbc\xaf\x27\x1c", "7-Zip"), (b"Rar!\x1a\x07\0", "RAR")])
    @pytest.mark.parametrize("name", ["a.zip", "a.7z", "packed"])
    def test_another_archive_says_what_it_is(self, mark: bytes, kind: str, name: str, tmp_path: Path) -> None:
        (tmp_path / name).write_bytes(mark + bytes(50))
        (only,), _ = found(tmp_path / name)
        assert f"This is a {kind} archive. Unpack it, or pack the images as a zip" in str(rejection(only))

    def test_a_macs_archive_has_one_row_an_image(self, tmp_path: Path) -> None:
        double = b"\0\5\x16\7\0\2\0\0Mac OS X"
        decomposed = unicodedata.normalize("NFD", "Läsion.jpg")
        path = packed(
            tmp_path / "a.zip",
            {decomposed: b"image", f"__MACOSX/._{decomposed}": double, ".DS_Store": b"x", "._b.jpg": double},
        )
        path.write_bytes(without_utf8_flag(path.read_bytes()))
        sources = Sources([path])
        (only,) = sources
        assert (only.relative, only.read()) == (decomposed, b"image")
        assert only.place is not None
        assert only.place.read() == b"image"
        assert [file.reason for file in sources.passed_over].count("Data of the Mac Finder, no image.") == 2

    @pytest.mark.parametrize(
        ("raw", "system", "name"),
        [
            ("背中 表.jpg".encode("cp932"), "cp932", "背中 表.jpg"),
            ("背中.jpg".encode("cp932"), "cp1252", "背中.jpg".encode("cp932").decode("cp437")),
            ("Rücken.jpg".encode("cp437"), "utf-8", "Rücken.jpg"),
            ("Rücken.jpg".encode(), "cp932", "Rücken.jpg"),
            ("皮肤.jpg".encode("gbk"), "cp936", "皮肤.jpg"),
        ],
        ids=["Shift-JIS on its system", "Shift-JIS elsewhere", "DOS", "UTF-8", "Chinese"],
    )
    def test_names_in_older_codes(
        self, raw: bytes, system: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archives.locale, "getencoding", lambda: system)
        placeholder = "x" * (len(raw) - 4) + ".jpg"
        path = packed(tmp_path / "a.zip", {placeholder: b"image"})
        path.write_bytes(path.read_bytes().replace(placeholder.encode(), raw))
        (only,), _ = found(path)
        assert only.read() == b"image"
        assert only.relative == name

    def test_a_name_that_info_zip_keeps_in_utf_8_beside_is_used(self, tmp_path: Path) -> None:
        plain = zipfile.ZipInfo("R_cken.jpg")
        content = b"\1" + struct.pack("<I", zlib.crc32(b"R_cken.jpg")) + "Rücken.jpg".encode()
        plain.extra = struct.pack("<HH", 0x7075, len(content)) + content
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(plain, b"image")
        (only,), _ = found(tmp_path / "a.zip")
        assert (only.relative, only.read()) == ("Rücken.jpg", b"image")

    def test_a_member_that_claims_to_be_huge_is_not_unpacked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "LARGEST_IMAGE_FILE", 1000)
        path = packed(tmp_path / "a.zip", {"bomb.png": bytes(1001), "fine.png": bytes(1000)})
        (bomb, fine), _ = found(path)
        assert rejection(bomb).reason == "too_large"
        assert len(fine.read()) == 1000

    @pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    @pytest.mark.slow
    def test_a_member_that_hides_its_size_is_cut_at_what_it_claims(self, method: int, tmp_path: Path) -> None:
        """The size in the directory is a lie; hardly more than that is ever unpacked."""
        path = packed(tmp_path / "a.zip", {"bomb.png": bytes(100_000_000), "IM1": bytes(100_000_000)}, method)
        data = bytearray(path.read_bytes())
        for place in range(len(data)):
            if data[place : place + 4] == b"PK\1\2":
                data[place + 24 : place + 28] = struct.pack("<I", 100)
        path.write_bytes(data)
        tracemalloc.start()
        (only,), passed_over = found(path)
        assert "cannot be unpacked" in str(rejection(only))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert passed_over == 1
        assert most < 16_000_000

    @pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    @pytest.mark.parametrize("size", [0, 1, 131, 700_001])
    def test_members_read_as_they_were_packed(self, method: int, size: int, tmp_path: Path) -> None:
        contents = {"noise.jpg": random.Random(size).randbytes(size), "even.jpg": bytes(size)}  # noqa: S311
        listed, _ = found(packed(tmp_path / "a.zip", contents, method))
        assert {source.relative: source.read() for source in listed} == contents


class TestNamedPaths:
    def test_every_named_path_gets_a_row_in_the_order_of_naming(self, tmp_path: Path) -> None:
        plant(tmp_path, "b.jpg", "notes.txt", "folder/x.png")
        paths = [tmp_path / name for name in ("notes.txt", "absent.jpg", "folder", "b.jpg", "absent.zip", "b.jpg")]
        listed, passed_over = found(*paths)
        assert [source.path for source in listed] == [
            str(tmp_path / name) for name in ("notes.txt", "absent.jpg", "folder/x.png", "b.jpg", "absent.zip", "b.jpg")
        ]
        assert passed_over == 0

    def test_a_file_is_known_by_its_name(self, tmp_path: Path) -> None:
        plant(tmp_path, "deep/down/a.jpg")
        (only,), _ = found(tmp_path / "deep" / "down" / "a.jpg")
        assert only.relative == "a.jpg"
        assert only.read() == b"image"

    def test_a_relative_path_stays_relative(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        plant(tmp_path, "in/a.jpg")
        monkeypatch.chdir(tmp_path)
        listed, _ = found(Path("in"), Path("in/a.jpg"))
        assert [source.path for source in listed] == ["in/a.jpg", "in/a.jpg"]
        assert all(Path(source.path).is_file() for source in listed)

    @pytest.mark.parametrize("name", ["absent.jpg", "absent.zip", "absent/deeper.jpg", 'ä\n,".jpg'])
    def test_a_path_that_does_not_exist(self, name: str, tmp_path: Path) -> None:
        (only,), _ = found(tmp_path / name)
        assert only.path == str(tmp_path / name)
        assert rejection(only).reason == "unreadable"
        assert "no such file" in str(rejection(only))

    @pytest.mark.parametrize("suffix", ["jpg", "zip"])
    def test_a_name_longer_than_the_system_allows(self, suffix: str, tmp_path: Path) -> None:
        (only,), _ = found(tmp_path / f"{'a' * 300}.{suffix}")
        assert rejection(only).reason == "unreadable"

    def test_a_path_through_a_file(self, tmp_path: Path) -> None:
        plant(tmp_path, "a.jpg")
        (only,), _ = found(tmp_path / "a.jpg" / "b.jpg")
        assert rejection(only).reason == "unreadable"

    def test_a_link_to_itself(self, tmp_path: Path) -> None:
        (tmp_path / "loop.jpg").symlink_to("loop.jpg")
        (only,), _ = found(tmp_path / "loop.jpg")
        assert rejection(only).reason == "unreadable"

    def test_a_file_that_may_not_be_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_path: Path, _flags: int) -> int:
            raise PermissionError(errno.EACCES, "Permission denied")

        plant(tmp_path, "a.jpg")
        monkeypatch.setattr(os, "open", refuse)
        (only,), _ = found(tmp_path / "a.jpg")
        why = rejection(only)
        monkeypatch.undo()
        assert "cannot be read (Permission denied)" in str(why)

    def test_a_folder_named_like_an_archive_is_a_folder(self, tmp_path: Path) -> None:
        listed, _ = found(plant(tmp_path, "a.zip/b.jpg") / "a.zip")
        assert relatives(listed) == ["b.jpg"]


DIGEST = "0123456789abcdef" * 4


class TestSafeName:
    @pytest.mark.parametrize(
        ("relative", "name"),
        [
            ("a.jpg", "a.jpg-01234567"),
            ("x/y/a.jpg", "x_y_a.jpg-01234567"),
            ("IMG 001-b_2.JPG", "IMG 001-b_2.JPG-01234567"),
            ("Nævus ü 痣.png", "Nævus ü 痣.png-01234567"),
            ("../../etc/a.jpg", "_.._etc_a.jpg-01234567"),
            ("/etc/a.jpg", "etc_a.jpg-01234567"),
            (".hidden.jpg", "hidden.jpg-01234567"),
            ('a\\b:c*?"<>|.jpg', "a_b_c______.jpg-01234567"),
            ("a\nb\t.jpg", "a_b_.jpg-01234567"),
            ("bad\udcff.jpg", "bad_.jpg-01234567"),
            ("...", "image-01234567"),
            ("", "image-01234567"),
        ],
    )
    def test_slashes_and_odd_characters(self, relative: str, name: str) -> None:
        assert safe_name(relative, DIGEST) == name

    def test_paths_that_look_alike_are_told_apart_by_their_content(self) -> None:
        assert safe_name("a/b.jpg", DIGEST) == safe_name("a_b.jpg", DIGEST)
        assert safe_name("a/b.jpg", DIGEST) != safe_name("a_b.jpg", DIGEST[::-1])

    @pytest.mark.parametrize("letter", ["a", "痣", "é", "/"])
    def test_long_paths_fit_and_keep_their_end(self, letter: str, tmp_path: Path) -> None:
        name = safe_name(letter * 3000 + "/lesion.jpg", DIGEST)
        assert name.endswith("lesion.jpg-01234567")
        assert len(name.encode()) <= 200
        (tmp_path / f"{name}.png").touch()
        assert len(list(tmp_path.iterdir())) == 1


class TestPlaces:
    def test_a_file_is_found_again(self, tmp_path: Path) -> None:
        plant(tmp_path, "a.png", content=b"bytes")
        (source,) = found(tmp_path)[0]
        assert source.place is not None
        assert source.place.read() == source.read() == b"bytes"

    def test_a_member_is_found_again_also_where_names_repeat(self, tmp_path: Path) -> None:
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x/one.png", b"first")
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr("x/one.png", b"second")
        listed, _ = found(path)
        assert [source.place.read() for source in listed if source.place] == [b"first", b"second"]

    @pytest.mark.parametrize("how", ["gone", "damaged", "shorter"])
    def test_an_archive_that_changed_gets_its_sentence(self, tmp_path: Path, how: str) -> None:
        path = packed(tmp_path / "a.zip", {"1.png": b"1", "2.png": b"2"})
        place = found(path)[0][1].place
        assert place is not None
        if how == "gone":
            path.unlink()
        elif how == "damaged":
            path.write_bytes(b"no archive")
        else:
            packed(path, {"1.png": b"1"})
        with pytest.raises(ImageRejectedError, match="cannot be opened"):
            place.read()

    def test_what_holds_no_image_has_no_place(self, tmp_path: Path) -> None:
        assert [source.place for source in found(tmp_path)[0]] == [None]

"""Regular files alone are read, without waiting for anything, and never more of them than the limit."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from skinlens.imaging import files
from skinlens.imaging.decode import decode
from skinlens.imaging.files import UnusableFileError, open_regular, read_regular
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.sources import Place, Sources
from skinlens.imaging.synthetic import draw_pixels, encode_png

# Waiting for a pipe must fail the test soon.
pytestmark = pytest.mark.timeout(20)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    # The name of a socket may have 107 bytes, less than a test's folder.
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def folder(path: Path) -> None:
    path.mkdir()


def sparse(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(8 * 2**40)


ODD = {
    "pipe": (pipe, "named pipe"),
    "socket": (unix_socket, "socket"),
    "zeros": (link_to("/dev/zero"), "device"),
    "noise": (link_to("/dev/random"), "device"),
    "terminal": (link_to("/dev/tty"), "device"),
    "sparse": (sparse, "bytes; no more than"),
}


@pytest.mark.parametrize(("make", "what"), ODD.values(), ids=ODD)
@pytest.mark.parametrize("suffix", ["jpg", "zip", ""])
def test_what_is_no_usable_file_has_one_row_that_says_why(
    make: Callable[[Path], None], what: str, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"odd.{suffix}"
    make(path)
    (row,) = Sources([path])
    with pytest.raises(ImageRejectedError) as rejected:
        row.read()
    if make is sparse:
        assert rejected.value.reason == "too_large" or suffix == "zip"
    if not (make is sparse and suffix == "zip"):
        assert what in str(rejected.value)


@pytest.mark.parametrize(("make", "what"), ODD.values(), ids=ODD)
def test_in_a_folder_it_costs_no_other_row(make: Callable[[Path], None], what: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"image")
    make(tmp_path / "b.jpg")
    make(tmp_path / "without-suffix")
    sources = Sources([tmp_path])
    whole, odd = sources
    assert whole.read() == b"image"
    with pytest.raises(ImageRejectedError, match=what):
        odd.read()
    assert len(sources.passed_over) == 1


@pytest.mark.parametrize(("make", "what"), [*ODD.values(), (folder, "folder")], ids=[*ODD, "folder"])
def test_reading_it_says_what_it_is(make: Callable[[Path], None], what: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.jpg"
    make(path)
    with pytest.raises(UnusableFileError, match=what):
        read_regular(path)
    with pytest.raises(ImageRejectedError, match=what):
        Place(path).read()
    with pytest.raises(ImageRejectedError, match=what):
        decode(path)


def test_a_path_that_leads_elsewhere_once_it_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a file when it is looked at, and a pipe when it is opened."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"image")
    open_it = os.open

    def swapped(name: Path, flags: int) -> int:
        path.unlink()
        os.mkfifo(path)
        return open_it(name, flags)

    monkeypatch.setattr(os, "open", swapped)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(UnusableFileError, match="named pipe"):
        open_regular(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_device_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    monkeypatch.setattr(os, "open", lambda *given: opened.append(given))
    (tmp_path / "a.jpg").symlink_to("/dev/zero")
    with pytest.raises(UnusableFileError, match="device"):
        open_regular(tmp_path / "a.jpg")
    assert not opened


def test_the_limit_is_what_may_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(bytes(100))
    assert read_regular(path, largest=100) == bytes(100)
    with pytest.raises(UnusableFileError, match="It has 100 bytes; no more than 99 are read") as rejected:
        read_regular(path, largest=99)
    assert rejected.value.reason == "too_large"


def test_a_file_that_grows_is_not_read_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(bytes(1000))
    look = os.fstat

    def earlier(descriptor: int) -> os.stat_result:
        found = list(look(descriptor))
        found[stat.ST_SIZE] = 10
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", earlier)
    with pytest.raises(UnusableFileError, match="grew while it was read"):
        read_regular(path)


def test_a_file_of_the_system_that_says_it_is_empty_and_is_not(tmp_path: Path) -> None:
    link = tmp_path / "environ.jpg"
    link.symlink_to("/proc/self/environ")
    with pytest.raises(UnusableFileError, match="grew"):
        read_regular(link)


def test_a_link_to_a_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(draw_pixels(1, height=90, width=120)))
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    assert decode(tmp_path / "link.png").sha256 == decode(tmp_path / "a.png").sha256


@pytest.mark.parametrize("path", ["a\0b.jpg", "\0"])
def test_a_path_that_no_system_has(path: str) -> None:
    with pytest.raises(UnusableFileError, match="NUL"):
        read_regular(Path(path))
    with pytest.raises(ImageRejectedError, match="NUL"):
        Place(Path(path)).read()


def test_the_limit_of_a_file_is_that_of_a_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST_IMAGE_FILE", 10)
    (tmp_path / "a.jpg").write_bytes(bytes(11))
    with pytest.raises(ImageRejectedError, match="no more than 10") as rejected:
        Place(tmp_path / "a.jpg").read()
    assert rejected.value.reason == "too_large"

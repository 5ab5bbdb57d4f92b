"""What a person points at: files, folders, zip archives, one picture at a time and in a fixed order."""

import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from skinlens.imaging.decode import IMAGE_SUFFIXES, is_dicom
from skinlens.imaging.image import ImageRefusedError

# A picture of 100 megapixels in 16-bit RGB, uncompressed, is 600 MB; nothing larger can be one that is accepted.
LARGEST_MEMBER = 700 * 2**20
_DICOM_HEAD = 132
_CLOSED_ARCHIVE = "This zip archive cannot be opened; it may be damaged. Pack the pictures again."


@dataclass(frozen=True)
class Source:
    """One thing that gets a row.

    Attributes:
        path: As shown in the row: opens from the current directory, `archive.zip!/member` inside an archive.
        relative: Relative to the folder or archive it was found in; the name, for a file of its own.
        read: Its bytes. Raises ImageRefusedError if they cannot be had.
        place: Where to find it again; None for a folder or archive that holds no picture or cannot be opened.
    """

    path: str
    relative: str
    read: Callable[[], bytes]
    place: "Place | None" = None


@dataclass(frozen=True)
class Place:
    """Where a picture lies, for reading it later.

    Attributes:
        file: The file, or the archive.
        member: Its number in the archive's directory, where names may repeat; None outside of archives.
    """

    file: Path
    member: int | None = None

    def read(self) -> bytes:
        """The bytes; raises ImageRefusedError if they cannot be had (any more)."""
        if self.member is None:
            return _file(self.file, self.file.name).read()
        with _opened(self.file) as archive:
            if self.member >= len(archive.infolist()):
                raise ImageRefusedError("unreadable", _CLOSED_ARCHIVE)
            return _member(self.file, archive, self.member).read()


@dataclass
class Sources:
    """All pictures under the named paths, in order.

    Attributes:
        paths: As named by the user; each gets at least one row.
        passed_over: Files in folders and archives that are no pictures, counted while iterating.
    """

    paths: Sequence[Path]
    passed_over: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[Source]:
        for path in self.paths:
            if _is(path.is_dir):
                yield from self._at_least_one(path, self._in_folder(path), "folder")
            elif path.suffix.lower() == ".zip" and _is(path.is_file):
                yield from self._at_least_one(path, self._in_archive(path), "archive")
            else:
                yield _file(path, path.name)

    def _at_least_one(self, path: Path, found: Iterator[Source], kind: str) -> Iterator[Source]:
        empty = True
        for source in found:
            empty = False
            yield source
        if empty:
            yield _refused(path, "empty", f"This {kind} holds no pictures; choose one with dermoscopic images.")

    def _in_folder(self, folder: Path) -> Iterator[Source]:
        closed: list[OSError] = []
        for path in _files_below(folder, closed.append):
            if path.suffix.lower() in IMAGE_SUFFIXES or has_dicom_mark(path):
                yield _file(path, path.relative_to(folder).as_posix())
            else:
                self.passed_over += 1
        for error in closed:
            sentence = f"This folder cannot be opened ({error.strerror}); check its permissions."
            yield _refused(Path(error.filename), "unreadable", sentence)

    def _in_archive(self, path: Path) -> Iterator[Source]:
        try:
            archive = _opened(path)
        except ImageRefusedError as refusal:
            yield _refused(path, refusal.reason, str(refusal))
            return
        # Stays open as long as a source of it is held, since members are read after the archive has been gone through.
        numbered = ((number, member) for number, member in enumerate(archive.infolist()) if not member.is_dir())
        for number, member in sorted(numbered, key=lambda pair: pair[1].filename):
            if PurePosixPath(member.filename).suffix.lower() in IMAGE_SUFFIXES or _member_is_dicom(archive, member):
                yield _member(path, archive, number)
            else:
                self.passed_over += 1


def safe_name(relative: str, sha256: str) -> str:
    """A file name for a picture's results: its relative path with slashes made safe, and the head of its digest."""
    flat = "".join(
        character if character.isalnum() or character in "-_. " else "_" for character in relative.strip("/")
    )
    # The longest file name that common file systems take is 255 bytes.
    shortened = flat.encode()[-180:].decode(errors="ignore").lstrip(". ") or "image"
    return f"{shortened}-{sha256[:8]}"


def has_dicom_mark(path: Path) -> bool:
    """Whether a file begins as DICOM does, whatever its name; no for one that cannot be read."""
    try:
        with path.open("rb") as stream:
            return is_dicom(stream.read(_DICOM_HEAD))
    except OSError:
        return False


def _is(kind: Callable[[], bool]) -> bool:
    """What `Path.is_dir` or `is_file` says; no for a path that cannot even be asked about, as reading it will say."""
    try:
        return kind()
    except OSError:
        return False


def _files_below(folder: Path, on_closed: Callable[[OSError], None]) -> Iterator[Path]:
    """Files in a folder and below it, sorted by path; links to folders are not followed, so there are no loops.

    Before the first file, `on_closed` is told of every folder that cannot be opened.
    """
    found = (Path(place) / name for place, _, files in os.walk(folder, onerror=on_closed) for name in files)
    yield from sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _member_is_dicom(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    try:
        with archive.open(member) as stream:
            return is_dicom(stream.read(_DICOM_HEAD))
    except Exception:  # noqa: BLE001 - as in _member
        return False


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise ImageRefusedError("unreadable", _CLOSED_ARCHIVE) from error


def _file(path: Path, relative: str) -> Source:
    def read() -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise ImageRefusedError("unreadable", "There is no such file; check the path.") from error
        except OSError as error:
            sentence = f"The file cannot be read ({error.strerror}); check its permissions."
            raise ImageRefusedError("unreadable", sentence) from error

    return Source(str(path), relative, read, Place(path))


def _member(path: Path, archive: zipfile.ZipFile, number: int) -> Source:
    member = archive.infolist()[number]

    def read() -> bytes:
        if member.file_size > LARGEST_MEMBER:
            raise ImageRefusedError(
                "too_large", "This archive member is too large to be a picture; unpack and check it."
            )
        try:
            return archive.read(member)
        except Exception as error:  # a hostile archive can raise nearly anything: zlib, lzma, RuntimeError, EOFError
            sentence = "This archive member cannot be unpacked: it is damaged or has a password. Pack it again."
            raise ImageRefusedError("unreadable", sentence) from error

    return Source(f"{path}!/{member.filename}", member.filename, read, Place(path, number))


def _refused(path: Path, reason: str, sentence: str) -> Source:
    def read() -> bytes:
        raise ImageRefusedError(reason, sentence)

    return Source(str(path), path.name, read)

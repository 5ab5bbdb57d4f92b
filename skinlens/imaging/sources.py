"""What a person points at: files, folders, zip archives, one image at a time and in a fixed order."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from skinlens.imaging.archives import Archive, head, head_of, is_named, other_archive, shown_name, unpack
from skinlens.imaging.contents import HEAD, needs_head, passed_over
from skinlens.imaging.decode import IMAGE_SUFFIXES
from skinlens.imaging.files import UnusableFileError, read_regular
from skinlens.imaging.image import ImageRejectedError
from skinlens.translation import sentence


@dataclass(frozen=True)
class Source:
    """One thing that gets a row.

    Attributes:
        path: As shown in the row: opens from the current directory, `archive.zip!/member` inside an archive.
        relative: Relative to the folder or archive it was found in; the name, for a file of its own.
        read: Its bytes. Raises ImageRejectedError if they cannot be had.
        place: Where to find it again; None for a folder or archive that holds no image or cannot be opened.
    """

    path: str
    relative: str
    read: Callable[[], bytes]
    place: "Place | None" = None

    @property
    def name(self) -> str:
        """What people see as the image's name."""
        return PurePosixPath(self.relative).name


@dataclass(frozen=True)
class PassedOver:
    """A file in a folder or archive that gets no row.

    Attributes:
        path: As the path of a `Source`.
        reason: A sentence that says what it is.
    """

    path: str
    reason: str


@dataclass(frozen=True)
class InMemory:
    """The bytes of a file that is already in memory, as a source.

    Attributes:
        name: What people see as the image's name.
        content: The whole file.
    """

    name: str
    content: bytes

    def read(self) -> bytes:
        """Return the bytes."""
        return self.content


@dataclass(frozen=True)
class Place:
    """Where an image lies, for reading it later.

    Attributes:
        file: The file, or the archive.
        member: Its number in the archive's directory, where names may repeat; None outside of archives.
    """

    file: Path
    member: int | None = None

    def read(self) -> bytes:
        """Read the bytes of the image.

        Raises:
            ImageRejectedError: If they cannot be had, or cannot be had any more.
        """
        if self.member is None:
            return _file(self.file, self.file.name).read()
        with Archive(self.file) as archive:
            members = archive.infolist()
            if self.member >= len(members):
                raise ImageRejectedError(
                    "unreadable", sentence("The zip archive has changed, and this image cannot be opened any more.")
                )
            return unpack(archive, members[self.member])


@dataclass
class Sources:
    """All images under the named paths, in order.

    Attributes:
        paths: As named by the user; each gets at least one row.
        passed_over: Files in folders and archives that are no images, each with its reason, found while iterating.
    """

    paths: Sequence[Path]
    passed_over: list[PassedOver] = field(default_factory=list, init=False)

    def __iter__(self) -> Iterator[Source]:
        for path in self.paths:
            if _is(path.is_dir):
                yield from self._at_least_one(path, self._in_folder(path), "folder")
            elif path.suffix.lower() == ".zip" and _is(path.is_file):
                yield from self._at_least_one(path, self._in_archive(path), "archive")
            elif path.suffix.lower() not in IMAGE_SUFFIXES and (words := other_archive(head_of(path) or b"")):
                yield _rejected(path, "unreadable", words)
            else:
                yield _file(path, path.name)

    def _at_least_one(self, path: Path, sources: Iterator[Source], kind: str) -> Iterator[Source]:
        empty = True
        for source in sources:
            empty = False
            yield source
        if empty:
            yield _rejected(path, "empty", f"This {kind} holds no images; choose one with dermoscopic images.")

    def _in_folder(self, folder: Path) -> Iterator[Source]:
        # Reported after the images, as rows of their own, so that no folder is left out silently.
        closed: list[OSError] = []
        for path in _files_below(folder, closed.append):
            relative = path.relative_to(folder).as_posix()
            if reason := passed_over(relative, head_of(path) if needs_head(path.name) else b""):
                self.passed_over.append(PassedOver(str(path), reason))
            else:
                yield _file(path, relative)
        for error in closed:
            words = sentence("This folder cannot be opened ({why}); check its permissions.", why=error.strerror)
            yield _rejected(Path(error.filename), "unreadable", words)

    def _in_archive(self, path: Path) -> Iterator[Source]:
        try:
            archive = Archive(path)
        except ImageRejectedError as error:
            yield _rejected(path, error.reason, str(error))
            return
        # Stays open as long as a source of it is held, since members are read after the archive has been gone through.
        for number, member in archive.members():
            name = shown_name(number, member)
            start = head(archive, member, HEAD) if needs_head(name) else b""
            # A member without a name gets its row whatever it is.
            reason = passed_over(name, start) if is_named(member) else ""
            if reason:
                self.passed_over.append(PassedOver(f"{path}!/{name}", reason))
            else:
                yield _member(path, archive, number)


def safe_name(relative: str, sha256: str) -> str:
    """Return a file name for an image's results.

    Args:
        relative: Path of the image from what was named.
        sha256: Hex digest of its bytes, which keeps two images of one name apart.

    Returns:
        At most 189 bytes of letters, digits and `-_. `, the head of the digest at the end.

    Example:
        >>> safe_name("ward/a:b.jpg", "0123456789abcdef")
        'ward_a_b.jpg-01234567'
    """
    flat = "".join(
        character if character.isalnum() or character in "-_. " else "_" for character in relative.strip("/")
    )
    # The longest file name that common file systems take is 255 bytes.
    shortened = flat.encode()[-180:].decode(errors="ignore").lstrip(". ") or "image"
    return f"{shortened}-{sha256[:8]}"


def _is(kind: Callable[[], bool]) -> bool:
    """What `Path.is_dir` or `is_file` says; no for a path that cannot even be asked about, as reading it will say."""
    try:
        return kind()
    except OSError:
        return False


def _files_below(folder: Path, on_closed: Callable[[OSError], None]) -> Iterator[Path]:
    """Files in a folder and below it, sorted by path; links to folders are not followed, so there are no loops.

    A link to a folder that is named like an image counts as a file, so that it gets a row that says what it is. Before
    the first file, `on_closed` is called with the error of every folder that cannot be opened.
    """
    files = []
    waiting = [folder]
    # In a loop of our own, since os.walk calls itself for every level and ends with an error in the thousandth.
    while waiting:
        try:
            with os.scandir(waiting.pop()) as listed:
                entries = list(listed)
        except OSError as error:
            on_closed(error)
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            elif not _is(entry.is_dir) or _has_image_suffix(entry.name):
                files.append(Path(entry.path))
    yield from sorted(files, key=lambda path: path.relative_to(folder).as_posix())


def _has_image_suffix(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def _file(path: Path, relative: str) -> Source:
    def read() -> bytes:
        try:
            return read_regular(path)
        except FileNotFoundError as error:
            raise ImageRejectedError("unreadable", sentence("There is no such file; check the path.")) from error
        except UnusableFileError as error:
            raise ImageRejectedError(
                error.reason, sentence("This cannot be read as an image. {error}", error=str(error))
            ) from error
        except OSError as error:
            words = sentence("The file cannot be read ({why}); check its permissions.", why=error.strerror)
            raise ImageRejectedError("unreadable", words) from error

    return Source(str(path), relative, read, Place(path))


def _member(path: Path, archive: Archive, number: int) -> Source:
    member = archive.infolist()[number]
    name = shown_name(number, member)
    return Source(f"{path}!/{name}", name, lambda: unpack(archive, member), Place(path, number))


def _rejected(path: Path, reason: str, words: str) -> Source:
    def read() -> bytes:
        raise ImageRejectedError(reason, words)

    return Source(str(path), path.name, read)

"""What is to be scored: a folder, archive, manifest or address of any storage, as a list that workers share."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pyarrow import ArrowException, fs

from skinlens.errors import SkinLensError
from skinlens.imaging.decode import IMAGE_SUFFIXES
from skinlens.imaging.files import LARGEST_IMAGE_FILE, LARGEST_TABLE_FILE, UnusableFileError, read_regular
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.sources import Place, Sources

_MANIFEST = ".csv"


class SourceError(SkinLensError, ValueError):
    """What was named cannot be scored; the message says why."""

    exit_status = 2


@dataclass(frozen=True)
class Item:
    """One image to score, in plain values that another machine understands.

    Attributes:
        path: As shown in its row.
        name: What to call it in front of a person.
        file: Where it lies: a path, or an address such as `s3://bucket/key`; "" for what cannot be read.
        member: Its number in an archive; None outside of archives.
        reason: Short code of why it cannot be read, with its `sentence`; "" if that is not known yet.
    """

    path: str
    name: str
    file: str
    member: int | None = None
    reason: str = ""
    sentence: str = ""

    def read(self) -> bytes:
        """Read the bytes of the file.

        Raises:
            ImageRejectedError: If they cannot be had; the message is a sentence for a person.
        """
        if self.reason:
            raise ImageRejectedError(self.reason, self.sentence)
        if not is_address(self.file):
            return Place(Path(self.file), self.member).read()
        try:
            system, path = fs.FileSystem.from_uri(self.file)
            if isinstance(system, fs.LocalFileSystem):
                return read_regular(Path(path))
            with system.open_input_file(path) as stream:
                _require_small(stream.size())
                # Bounded once more: a storage may be wrong about a size.
                return bytes(stream.read(LARGEST_IMAGE_FILE))
        except UnusableFileError as error:
            raise ImageRejectedError(error.reason, f"This cannot be read as an image. {error}") from error
        except (OSError, ArrowException) as error:
            raise ImageRejectedError("unreadable", "The file cannot be read from its storage.") from error

    def stamp(self) -> tuple[int, int] | None:
        """Return size in bytes and time of change of the file, which tell a replaced file from the one that was read.

        Returns:
            Time in nanoseconds since 1970; None if they cannot be had. Those of the archive for an image in one.
        """
        if not self.file:
            return None
        try:
            if not is_address(self.file):
                status = Path(self.file).stat()
                return status.st_size, status.st_mtime_ns
            system, path = fs.FileSystem.from_uri(self.file)
            about = system.get_file_info(path)
            return None if about.mtime_ns is None else (int(about.size), int(about.mtime_ns))
        except (OSError, ArrowException, ValueError, TypeError):
            return None


def list_items(source: str) -> list[Item]:
    """List every image of a source, in a fixed order.

    Args:
        source: A folder, zip archive, image or manifest (CSV with a column `path` relative to it) on this machine, or
            the address of a folder on any storage that Arrow reads.

    Returns:
        One item an image, and one for a folder or archive that holds none.

    Raises:
        SourceError: If a manifest is none, or a storage cannot be listed.
    """
    if is_address(source):
        return list(_at_address(source))
    path = Path(source).expanduser()
    if path.suffix.lower() == _MANIFEST:
        return list(_in_manifest(path))
    return list(_on_this_machine(path))


def is_address(text: str) -> bool:
    """Whether a text is an address rather than a path.

    Args:
        text: As a user gave it.

    Example:
        >>> is_address("s3://bucket/images"), is_address("images/a.jpg")
        (True, False)
    """
    return "://" in text


def _require_small(size: int) -> None:
    if size > LARGEST_IMAGE_FILE:
        raise ImageRejectedError("too_large", f"The file is too large to be an image ({size:,} bytes); check it.")


def _on_this_machine(path: Path) -> Iterator[Item]:
    for source in Sources([path]):
        name = PurePosixPath(source.relative).name
        if source.place is not None:
            yield Item(source.path, name, str(source.place.file), source.place.member)
            continue
        try:
            source.read()
        except ImageRejectedError as rejection:
            yield Item(source.path, name, "", reason=rejection.reason, sentence=str(rejection))


def _in_manifest(path: Path) -> Iterator[Item]:
    try:
        text = read_regular(path, largest=LARGEST_TABLE_FILE).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path} is no manifest that can be read: {error}") from error
    if not rows or "path" not in rows[0]:
        raise SourceError(f"{path} is no manifest: it needs a header with a column path, and rows")
    for row in rows:
        place = path.parent / (row["path"] or "")
        yield Item(str(place), place.name, str(place))


def _at_address(address: str) -> Iterator[Item]:
    scheme = address.partition("://")[0]
    try:
        system, root = fs.FileSystem.from_uri(address)
        if system.get_file_info(root).type == fs.FileType.File:
            entries = [system.get_file_info(root)]
        else:
            entries = system.get_file_info(fs.FileSelector(root, recursive=True))
    except (OSError, ArrowException, ValueError) as error:
        raise SourceError(f"{address} cannot be listed: {error}") from error
    files = (each.path for each in entries if each.type == fs.FileType.File)
    for path in sorted(path for path in files if PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES):
        place = f"{scheme}://{path}"
        yield Item(place, PurePosixPath(path).name, place)

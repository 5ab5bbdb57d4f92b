"""Read files that a person named: regular files alone, without waiting, and never more than a limit."""

import errno
import io
import os
import stat
from pathlib import Path

from skinlens.errors import SkinLensError
from skinlens.translation import marked, sentence

# An image of 100 megapixels in 16-bit RGB, uncompressed, is 600 MB; no larger file can be one that is accepted.
LARGEST_IMAGE_FILE = 700 * 2**20
# A manifest of a million rows is 150 MB.
LARGEST_TABLE_FILE = 256 * 2**20
# Opening a pipe would wait for its other end, and a terminal could become ours. Windows has other names and needs
# O_BINARY to leave line ends alone.
_FLAGS = os.O_RDONLY
for _flag in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
    _FLAGS |= getattr(os, _flag, 0)

_KINDS = {
    stat.S_IFIFO: marked("a named pipe"),
    stat.S_IFCHR: marked("a device"),
    stat.S_IFBLK: marked("a device"),
    stat.S_IFSOCK: marked("a socket"),
    stat.S_IFDIR: marked("a folder"),
}


class UnusableFileError(SkinLensError, OSError):
    """A path leads to no file that can be read as a whole; the message is a sentence that says why.

    Attributes:
        reason: A short code as in `ImageRejectedError`: `unreadable` or `too_large`.
    """

    exit_status = 2

    def __init__(self, sentence: str, *, reason: str = "unreadable") -> None:
        super().__init__(errno.EINVAL, sentence)
        self.reason = reason

    def __str__(self) -> str:
        return str(self.strerror)


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file for reading.

    Args:
        path: Links are followed.

    Returns:
        A buffered stream of bytes.

    Raises:
        UnusableFileError: If it is a pipe, device, socket or folder.
        OSError: If it does not exist or cannot be opened.
    """
    try:
        # Before it is opened, since opening a device may already do something.
        _require_regular(path.stat().st_mode)
        descriptor = os.open(path, _FLAGS)
    except ValueError as error:
        raise UnusableFileError(sentence("A path cannot hold a NUL character.")) from error
    try:
        # Once more, since the path may have come to lead elsewhere: this is the file that is read.
        _require_regular(os.fstat(descriptor).st_mode)
        return io.BufferedReader(io.FileIO(descriptor))
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, *, largest: int | None = None) -> bytes:
    """Read a regular file, after following links.

    Args:
        path: Links are followed.
        largest: In bytes; `LARGEST_IMAGE_FILE` without. No more memory than this is taken.

    Raises:
        UnusableFileError: If it is a pipe, device, socket or folder, is larger, or grows while it is read.
        OSError: If it does not exist or cannot be read.
    """
    largest = LARGEST_IMAGE_FILE if largest is None else largest
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > largest:
            raise UnusableFileError(
                sentence(
                    "It has {size} bytes; no more than {largest} are read.", size=f"{size:,}", largest=f"{largest:,}"
                ),
                reason="too_large",
            )
        # None where the system has nothing to give at the moment, as some of its own files do.
        content = stream.read(size + 1) or b""
    if len(content) > size:
        raise UnusableFileError(sentence("It grew while it was read; wait until it is complete."))
    return content


def _require_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), marked("of another kind"))
        raise UnusableFileError(sentence("It is {kind}, not a regular file.", kind=kind))

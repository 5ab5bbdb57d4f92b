"""Zip archives from anyone: names of any kind, and never more memory than an image may take."""

import bz2
import codecs
import io
import locale
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import inflate64

from skinlens.imaging import files
from skinlens.imaging.files import UnusableFileError, open_regular
from skinlens.imaging.image import ImageRejectedError
from skinlens.translation import marked, sentence

# A list of 300,000 members with names of 60 bytes; zipfile takes 20 times as much memory for it.
_LARGEST_DIRECTORY = 32 * 2**20
# Bytes that are read and unpacked at a time.
_CHUNK = 256 * 2**10
_CLOSED = marked("This zip archive cannot be opened; it may be damaged. Pack the images again.")
# Archives of other kinds, whatever their name says, by their first bytes.
_OTHER_ARCHIVES = {
    b"7z\xbc\xaf\x27\x1c": marked("a 7-Zip archive"),
    b"Rar!\x1a\x07": marked("a RAR archive"),
    b"\x1f\x8b": marked("packed by gzip"),
    b"BZh": marked("packed by bzip2"),
    b"\xfd7zXZ\0": marked("packed by xz"),
    b"\x28\xb5\x2f\xfd": marked("packed by Zstandard"),
}
# First bytes of a file that say what it is: a tar archive has its mark after 257, DICOM its header after 132.
HEAD = 2048
_TAR_MARK, _TAR_MARK_AT = b"ustar", 257
# One record of a zip archive's directory up to its name: flags, and the lengths of name, extra field and comment.
_RECORD = struct.Struct("<4s4xH18x3H12x")
_RECORD_MARK = b"PK\1\2"
_FLAGS_AT = 8
_SAYS_UTF8 = 0x800
# What stands before the packed bytes of a member: the lengths of name and extra field.
_HEADER = struct.Struct("<4s22xHH")
_HEADER_MARK = b"PK\3\4"
_EMPTY_MARK = b"PK\5\6"
_ENCRYPTED = 0x1
# The extra field in which Info-ZIP keeps a name in UTF-8 beside one in an older code.
_UNICODE_PATH = 0x7075
_DEFLATE64 = 9
# Packed bytes of Deflate64 that are unpacked at a time: its decoder gives all that comes out of them at once, and two
# bits can stand for 65,538 bytes.
_DEFLATE64_CHUNK = 32
# Ways of packing that other programs offer, beside those that are read.
_METHODS = {
    1: "Shrink",
    6: "Implode",
    20: "Zstandard",
    93: "Zstandard",
    95: "XZ",
    96: "JPEG",
    97: "WavPack",
    98: "PPMd",
}

_EAST_ASIAN = ("cp932", "shift_jis", "euc", "gb", "cp936", "cp949", "cp950", "big5")

# Gives at most so many of the packed bytes that come next.
_Read = Callable[[int], bytes]


class Archive(zipfile.ZipFile):
    """A zip archive that is open for reading; closes its file with itself.

    Raises:
        ImageRejectedError: If it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._stream: _Stream | None = None
        try:
            # A stream of our own, so that a directory is measured before zipfile reads it into memory.
            self._stream = _Stream(open_regular(path).detach())
            try:
                super().__init__(self._stream)
            except UnicodeDecodeError:
                self._stream.repairs_names = True
                super().__init__(self._stream)
        except Exception as error:  # a hostile archive can raise nearly anything
            self.close()
            words = (
                sentence("This zip archive cannot be opened. {error}", error=str(error))
                if isinstance(error, UnusableFileError)
                else other_archive(head_of(path) or b"") or _CLOSED
            )
            raise ImageRejectedError("unreadable", words) from error
        self._stream.is_open = True

    def close(self) -> None:
        """Close the archive and its file."""
        super().close()
        if self._stream is not None:
            self._stream.close()

    def read_at(self, place: int, size: int) -> bytes:
        """Read bytes of the file as they are.

        Args:
            place: Where they begin.
            size: How many; fewer are returned where the file ends.
        """
        if self._stream is None:
            return b""
        self._stream.seek(place)
        return self._stream.read(size)

    def members(self) -> list[tuple[int, zipfile.ZipInfo]]:
        """Everything that is no folder, with its place in the directory, sorted by name."""
        # `ZipInfo.is_dir` fails for an empty name; a folder with content is a file with an odd name.
        listed = (
            (number, member)
            for number, member in enumerate(self.infolist())
            if not (member.filename.endswith("/") and not member.file_size)
        )
        return sorted(listed, key=lambda pair: pair[1].filename)


def shown_name(number: int, member: zipfile.ZipInfo) -> str:
    """Return the name of a member, as people see it.

    A name without the mark for UTF-8 is often in UTF-8 all the same, as a Mac packs it; else it is in the code of the
    system that packed it, which is taken for this one's where that is Chinese, Japanese or Korean.

    Args:
        number: Its place in the directory, which stands for a name such as "" or "//".
        member: From `Archive.members`.
    """
    if not is_named(member):
        return f"unnamed-{number}"
    if member.flag_bits & _SAYS_UTF8:
        return member.filename
    # What zipfile made of the bytes of an older code; it reads all 256 of them, so that nothing is lost.
    raw = member.orig_filename.partition("\0")[0].encode("cp437", "replace")
    return _unicode_path(member.extra, raw) or _read_name(raw) or member.filename


def head_of(path: Path) -> bytes | None:
    """Return the first bytes of a file, by which its kind is known.

    Args:
        path: Links are followed.

    Returns:
        `HEAD` bytes, or all that there are; None if it is no regular file or cannot be read.
    """
    try:
        with open_regular(path) as stream:
            return stream.read(HEAD) or b""
    except OSError:
        return None


def other_archive(head: bytes) -> str:
    """Return what kind of archive a file is that is no zip archive, and what to do; "" for none.

    Args:
        head: The first `HEAD` bytes of the file.
    """
    kind = next((words for mark, words in _OTHER_ARCHIVES.items() if head.startswith(mark)), "")
    if head[_TAR_MARK_AT:].startswith(_TAR_MARK):
        kind = marked("a tar archive")
    if not kind:
        return ""
    return sentence("This is {kind}. Unpack it, or pack the images as a zip archive.", kind=kind)


def is_zip(head: bytes) -> bool:
    """Whether a file begins as zip archives do.

    Args:
        head: Its first bytes.
    """
    return head.startswith((_HEADER_MARK, _EMPTY_MARK))


def is_named(member: zipfile.ZipInfo) -> bool:
    """Whether anything is left of a member's name beside folders and slashes.

    Args:
        member: From `Archive.members`.
    """
    return bool(PurePosixPath(member.filename).name)


def unpack(archive: Archive, member: zipfile.ZipInfo) -> bytes:
    """Unpack one member, in memory no larger than the size that it declares.

    Raises:
        ImageRejectedError: If it is too large for an image, damaged, has a password, or is larger than it declares.
    """
    if member.file_size > files.LARGEST_IMAGE_FILE:
        raise ImageRejectedError(
            "too_large", sentence("This archive member is too large to be an image; unpack and check it.")
        )
    if member.flag_bits & _ENCRYPTED:
        raise ImageRejectedError(
            "unreadable",
            sentence(
                "This archive member has a password. Unpack the archive with the password, or pack it without one."
            ),
        )
    if member.compress_type not in _UNPACKED:
        method = _METHODS.get(member.compress_type, f"method {member.compress_type}")
        raise ImageRejectedError(
            "unreadable",
            sentence(
                "This archive member is packed in a way that is not read ({method}). Unpack it, or pack it as Deflate.",
                method=method,
            ),
        )
    try:
        return _unpacked(archive, member)
    except Exception as error:  # a hostile archive can raise nearly anything: zlib, lzma, EOFError, struct.error
        words = sentence("This archive member cannot be unpacked because it is damaged. Pack it again.")
        raise ImageRejectedError("unreadable", words) from error


def head(archive: Archive, member: zipfile.ZipInfo, size: int) -> bytes:
    """Unpack the first bytes of a member.

    Args:
        archive: Open.
        member: Of that archive.
        size: How many bytes; fewer are returned if it is shorter or damaged.
    """
    chunks = b""
    try:
        for chunk in _chunks(archive, member):
            chunks += chunk
            if len(chunks) >= size:
                break
    except Exception:  # noqa: BLE001 - as in unpack; reading the whole member says what is wrong
        return b""
    return chunks[:size]


class _Stream(io.BufferedReader):
    """The bytes of an archive.

    Attributes:
        is_open: Whether its directory has been read, so that all that follows is members.
        repairs_names: Whether names in the directory that claim to be UTF-8, and are not, are taken for the older code.
    """

    is_open = False
    repairs_names = False

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as from any file; raises UnusableFileError rather than read a directory that is too large."""
        if size is not None and size > _LARGEST_DIRECTORY:
            raise UnusableFileError(sentence("It lists too many files; pack the images into several archives."))
        content = super().read(size)
        return _without_false_utf8(content) if self.repairs_names and not self.is_open else content


def _unicode_path(extra: bytes, raw: bytes) -> str:
    """The name that Info-ZIP keeps beside the one in an older code; "" for none, or one of another name."""
    place = 0
    while place + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, place)
        content = extra[place + 4 : place + 4 + size]
        if kind == _UNICODE_PATH and len(content) > 5 and content[1:5] == struct.pack("<I", zlib.crc32(raw)):
            return content[5:].decode("utf-8", "ignore")
        place += 4 + size
    return ""


def _read_name(raw: bytes) -> str:
    """A name in no known code as UTF-8, or in the code of a Chinese, Japanese or Korean system; "" if it is neither."""
    if raw.isascii():
        return ""
    of_system = locale.getencoding()
    for encoding in ("utf-8", *([of_system] if is_east_asian(of_system) else [])):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return ""


def is_east_asian(encoding: str) -> bool:
    """Whether an encoding is Chinese, Japanese or Korean, and so rejects most texts that are in another.

    Args:
        encoding: As Python or the system calls it.
    """
    return codecs.lookup(encoding).name.startswith(_EAST_ASIAN)


def _without_false_utf8(directory: bytes) -> bytes:
    """The directory, with the mark for UTF-8 taken off names that are not."""
    repaired, place = bytearray(directory), 0
    while place + _RECORD.size <= len(directory):
        mark, flags, name, extra, comment = _RECORD.unpack_from(directory, place)
        if mark != _RECORD_MARK:
            break
        start = place + _RECORD.size
        if flags & _SAYS_UTF8:
            try:
                directory[start : start + name].decode()
            except UnicodeDecodeError:
                struct.pack_into("<H", repaired, place + _FLAGS_AT, flags & ~_SAYS_UTF8)
        place = start + name + extra + comment
    return bytes(repaired)


def _unpacked(archive: Archive, member: zipfile.ZipInfo) -> bytes:
    content, checksum = io.BytesIO(), 0
    for chunk in _chunks(archive, member):
        if content.tell() + len(chunk) > member.file_size:
            raise zipfile.BadZipFile("larger than it declares")
        content.write(chunk)
        checksum = zlib.crc32(chunk, checksum)
    if (content.tell(), checksum) != (member.file_size, member.CRC):
        raise zipfile.BadZipFile("not what it was when it was packed")
    return content.getvalue()


def _chunks(archive: Archive, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The content, a little at a time; zipfile itself unpacks all of it before it cuts it to the declared size.

    Raises:
        zipfile.BadZipFile: If there is no such member where the directory says, or it has a password.
        KeyError: If it is packed in a way that is not known.
    """
    if member.flag_bits & _ENCRYPTED:
        raise zipfile.BadZipFile("it has a password")
    header = archive.read_at(member.header_offset, _HEADER.size)
    mark, name, extra = _HEADER.unpack(header)
    if mark != _HEADER_MARK:
        raise zipfile.BadZipFile("the directory is wrong about where it begins")
    # The lengths here may differ from those in the directory, and the packed bytes follow these.
    start = member.header_offset + _HEADER.size + name + extra
    yield from _UNPACKED[member.compress_type](_Packed(archive, start, start + member.compress_size).read)


@dataclass
class _Packed:
    """The packed bytes of one member, from `at` to `end`."""

    archive: Archive
    at: int
    end: int

    def read(self, size: int) -> bytes:
        """The next bytes, at most so many; none at the end."""
        chunks = self.archive.read_at(self.at, min(size, self.end - self.at))
        self.at += len(chunks)
        return chunks


def _stored(read: _Read) -> Iterator[bytes]:
    while chunk := read(_CHUNK):
        yield chunk


def _deflated(read: _Read) -> Iterator[bytes]:
    # Negative: members carry neither header nor checksum of zlib.
    decoder = zlib.decompressobj(-zlib.MAX_WBITS)
    while not decoder.eof:
        given = decoder.unconsumed_tail or read(_CHUNK)
        chunk = decoder.decompress(given, _CHUNK)
        # The packed bytes end before the stream does; the checksum in `unpack` tells.
        if not given and not chunk:
            return
        yield chunk


def _deflated_64(read: _Read) -> Iterator[bytes]:
    decoder = inflate64.Inflater()
    while given := read(_CHUNK):
        for place in range(0, len(given), _DEFLATE64_CHUNK):
            if decoder.eof:
                return
            yield decoder.inflate(given[place : place + _DEFLATE64_CHUNK])


def _lzma(read: _Read) -> Iterator[bytes]:
    """LZMA as in zip archives: two bytes of version, the length of the properties, and these."""
    (length,) = struct.unpack("<2xH", read(4))
    # One byte packs three numbers: (pb * 5 + lp) * 9 + lc.
    first, dictionary = struct.unpack("<BI", read(length))
    rest, lc = divmod(first, 9)
    pb, lp = divmod(rest, 5)
    # Nothing refers farther back than an image is large, so that no larger dictionary is needed.
    window = max(4096, min(dictionary, files.LARGEST_IMAGE_FILE))
    described = {"id": lzma.FILTER_LZMA1, "dict_size": window, "lc": lc, "lp": lp, "pb": pb}
    return _decoded(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[described]), read)


def _decoded(decoder: bz2.BZ2Decompressor | lzma.LZMADecompressor, read: _Read) -> Iterator[bytes]:
    while not decoder.eof:
        given = read(_CHUNK) if decoder.needs_input else b""
        if decoder.needs_input and not given:
            return
        yield decoder.decompress(given, _CHUNK)


_UNPACKED: dict[int, Callable[[_Read], Iterator[bytes]]] = {
    zipfile.ZIP_STORED: _stored,
    zipfile.ZIP_DEFLATED: _deflated,
    _DEFLATE64: _deflated_64,
    zipfile.ZIP_BZIP2: lambda read: _decoded(bz2.BZ2Decompressor(), read),
    zipfile.ZIP_LZMA: _lzma,
}

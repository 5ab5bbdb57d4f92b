"""Unpack a member of a zip archive without trusting the size that the archive states for it."""

import bz2
import copy
import io
import zipfile
import zlib
from collections.abc import Iterator

_PIECE = 2**20
# Of LZMA, zipfile gives back all that it can make of a piece of the archive: 64 MB at most for one of this size.
_LZMA_PIECE = 4096


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Unpack a member; memory stays near the size that the archive states, whatever the member really holds.

    Args:
        archive: Open.
        member: Of the archive.

    Returns:
        As many bytes as the archive states.

    Raises:
        zipfile.BadZipFile: If the member holds more or less than that, or something else.
        Exception: Nearly any other, from the libraries that unpack.
    """
    content = io.BytesIO()
    for piece in _bzip2(archive, member) if member.compress_type == zipfile.ZIP_BZIP2 else _pieces(archive, member):
        content.write(piece)
        if content.tell() > member.file_size:
            break
    # zipfile compares the checksum at the member's real end only.
    if content.tell() != member.file_size:
        raise zipfile.BadZipFile(f"{member.filename} holds another number of bytes than it says")
    return content.getvalue()


def _pieces(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    size = _LZMA_PIECE if member.compress_type == zipfile.ZIP_LZMA else _PIECE
    with archive.open(member) as stream:
        while piece := stream.read(size):
            yield piece


def _bzip2(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Unpack bzip2 here: zipfile would make a gigabyte at once of 1 kB."""
    packed = copy.copy(member)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, member.compress_size
    # The checksum is that of the unpacked content.
    del packed.CRC
    decompressor, checksum = bz2.BZ2Decompressor(), 0
    with archive.open(packed) as stream:
        while not decompressor.eof:
            more = stream.read(_PIECE) if decompressor.needs_input else b""
            piece = decompressor.decompress(more, _PIECE)
            if not piece and not more and decompressor.needs_input:
                break
            checksum = zlib.crc32(piece, checksum)
            yield piece
    if checksum != member.CRC:
        raise zipfile.BadZipFile(f"Bad checksum for file {member.filename!r}")

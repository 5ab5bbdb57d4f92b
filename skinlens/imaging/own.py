"""What SkinLens itself writes, recognised when it is given back: a drawn heatmap is no patient's image."""

import struct
import zlib

from skinlens.imaging.guards import FORMATS
from skinlens.imaging.image import ImageRejectedError
from skinlens.translation import sentence

# What the program calls itself in DICOM objects.
DICOM_MAKER = "SkinLens"

_PNG_HEADER = 33
_MARK = b"Source\0SkinLens heatmap"
_CHUNKS_BEFORE_PIXELS = 64
_PDF = b"%PDF-"
# The record that every case summary carries (see report.payload), named in the clear.
_SUMMARY_MARKS = (b"SkinLens", b"skinlens")


def mark_heatmap(png: bytes) -> bytes:
    """Return a PNG file with the mark of a drawn heatmap; its pixels stay as they are.

    Args:
        png: The whole file, as Pillow or OpenCV writes it.
    """
    chunk = b"tEXt" + _MARK
    marked = struct.pack(">I", len(_MARK)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:_PNG_HEADER] + marked + png[_PNG_HEADER:]


def is_own_heatmap(png: bytes) -> bool:
    """Say whether a PNG file carries the mark of a drawn heatmap.

    Args:
        png: The whole file, or its first kilobytes.
    """
    if not png.startswith(b"\x89PNG"):
        return False
    position = 8
    for _ in range(_CHUNKS_BEFORE_PIXELS):
        if position + 8 > len(png):
            return False
        length, kind = struct.unpack_from(">I4s", png, position)
        if kind == b"IDAT":
            return False
        if kind == b"tEXt" and png[position + 8 : position + 8 + length] == _MARK:
            return True
        position += 12 + length
    return False


def reject_document(data: bytes, name: str) -> None:
    """Reject a PDF with a sentence of its own, one that SkinLens made by name.

    Args:
        data: The whole file.
        name: How the rejection names it.

    Raises:
        ImageRejectedError: `own_output` or `not_an_image`; nothing for what is no PDF.
    """
    if not data.startswith(_PDF):
        return
    if any(mark in data for mark in _SUMMARY_MARKS):
        raise own_output(name)
    raise ImageRejectedError(
        "not_an_image",
        sentence("{name} is a PDF, not an image that can be opened. Use {formats}.", name=name, formats=FORMATS),
    )


def own_output(name: str) -> ImageRejectedError:
    """Return the rejection of what SkinLens made itself.

    Args:
        name: How the rejection names it.
    """
    return ImageRejectedError(
        "own_output",
        sentence(
            "{name} was made by SkinLens (a heatmap or summary); it is not a patient's image. Choose the photograph.",
            name=name,
        ),
    )

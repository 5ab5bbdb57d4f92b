"""HEIC, AVIF, JPEG 2000 and JPEG XL: what telephones and archives write, by the content of the file."""

import io
import struct
from collections.abc import Callable

from PIL import AvifImagePlugin, Image, Jpeg2KImagePlugin
from pillow_heif import HeifImageFile

from skinlens.imaging.jpegxl import JpegXlFile, is_jpeg_xl

# Brands of ISO base media files (ISO/IEC 23008-12, annex B; AV1 Image File Format, section 6).
_AVIF = frozenset({b"avif", b"avis"})
_HEIF = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2"})
_JP2_MARKS = (b"\x00\x00\x00\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
# Brands are listed in the first box, which is this long at most in any file that a camera writes.
_LONGEST_BRANDS = 256


class _HeifFile(HeifImageFile):
    """The primary image of a file, which may hold bursts and depth maps beside it."""

    @property
    def n_frames(self) -> int:
        """One: a telephone's further images are versions of the photograph, not an animation."""
        return 1


def newer_opener(data: bytes) -> Callable[[io.BytesIO], Image.Image] | None:
    """Return what opens a HEIC, HEIF, AVIF, JPEG 2000 or JPEG XL file, by its signature alone.

    Args:
        data: The whole file, or its first bytes.

    Returns:
        A class of an image plugin, or one of ours; None if it is none of these.
    """
    if data.startswith(_JP2_MARKS):
        return Jpeg2KImagePlugin.Jpeg2KImageFile
    if is_jpeg_xl(data):
        return JpegXlFile
    if data[4:8] != b"ftyp":
        return None
    brands = _brands(data)
    # Either may call itself mif1, and names the other brand behind it.
    if brands & _AVIF:
        return AvifImagePlugin.AvifImageFile
    return _HeifFile if brands & _HEIF else None


def _brands(data: bytes) -> set[bytes]:
    """The main brand of an ISO base media file, and those that it is compatible with."""
    (size,) = struct.unpack_from(">I", data)
    end = min(size, len(data), _LONGEST_BRANDS)
    return {data[8:12], *(data[place : place + 4] for place in range(16, end - 3, 4))}

"""What an image needs of its EXIF block: how it is turned and which colours it has. Never warns or raises."""

import struct
from dataclasses import dataclass

from PIL import Image

# What turns an image upright, by its orientation; 1 is upright.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Those of them that exchange width and height.
ON_ITS_SIDE = frozenset({5, 6, 7, 8})

_ORIENTATION = 0x0112
_EXIF_BLOCK, _INTEROPERABILITY_BLOCK = 0x8769, 0xA005
_COLOUR_SPACE = 0xA001
_INTEROPERABILITY_INDEX = 1
# DCF 2.0, 4.5: the letters of an optional colour space, which is Adobe RGB.
_ADOBE = b"R03"
_SRGB, _ADOBE_BY_SOME_CAMERAS, _UNCALIBRATED = 1, 2, 65535


@dataclass(frozen=True)
class ExifFacts:
    """What an EXIF block says.

    Attributes:
        orientation: 1 to 8; 1 is upright.
        is_adobe_rgb: Whether it says that the colours are those of Adobe RGB (1998).
        is_uncalibrated: Whether it says that they are not sRGB, and not what they are.
    """

    orientation: int = 1
    is_adobe_rgb: bool = False
    is_uncalibrated: bool = False


def read_exif(block: object) -> ExifFacts:
    """Read an EXIF block, as far as it can be read.

    Args:
        block: Its bytes, with or without the mark before them, or a whole TIFF file; anything else says nothing.
    """
    # A PNG's text chunk can put a string here under the same name.
    tiff = block.removeprefix(b"Exif\0\0") if isinstance(block, bytes) else b""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return ExifFacts()
    first = _entries(tiff, order, tiff[4:8])
    exif = _entries(tiff, order, first.get(_EXIF_BLOCK, b""))
    index = _entries(tiff, order, exif.get(_INTEROPERABILITY_BLOCK, b"")).get(_INTEROPERABILITY_INDEX, b"")
    space = _number(order, exif.get(_COLOUR_SPACE, b""), 0)
    is_adobe_rgb = space == _ADOBE_BY_SOME_CAMERAS or (index[:3] == _ADOBE and space != _SRGB)
    return ExifFacts(
        orientation=_number(order, first.get(_ORIENTATION, b""), 1),
        is_adobe_rgb=is_adobe_rgb,
        is_uncalibrated=space == _UNCALIBRATED and not is_adobe_rgb,
    )


def _entries(tiff: bytes, order: str, offset: bytes) -> dict[int, bytes]:
    """Return the four bytes of each entry of a directory by tag: its value, or where that is."""
    entries: dict[int, bytes] = {}
    try:
        (start,) = struct.unpack(order + "I", offset)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, value = struct.unpack_from(order + "H6x4s", tiff, entry)
            entries.setdefault(tag, value)
    except struct.error:
        # A block that was cut off says what it says until there.
        pass
    return entries


def _number(order: str, value: bytes, default: int) -> int:
    """Return a number of 16 bits, which lies in the first half of its four bytes."""
    return int(struct.unpack(order + "H", value[:2])[0]) if len(value) == 4 else default

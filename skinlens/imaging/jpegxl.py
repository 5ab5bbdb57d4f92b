"""JPEG XL (ISO/IEC 18181): its header, which states size and colours before anything is decoded, and its pixels."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image, ImageFile

from skinlens.imaging.image import Pixels
from skinlens.imaging.srgb import from_light, to_eight_bits

CODESTREAM: Final = b"\xff\x0a"
CONTAINER: Final = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
# Width as a share of the height, by the code in the header; 0 states the width itself.
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
# What a number of variable length begins at, and its bits, by its first two bits.
_U32 = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
_SIZE: _U32 = ((1, 9), (1, 13), (1, 18), (1, 30))
_PREVIEW_EIGHTHS: _U32 = ((16, 0), (32, 0), (1, 5), (33, 9))
_PREVIEW: _U32 = ((1, 6), (65, 8), (321, 10), (1345, 12))
_ENUM: _U32 = ((0, 0), (1, 0), (2, 4), (18, 6))
_CHANNELS: _U32 = ((0, 0), (1, 0), (2, 4), (1, 12))
_BITS: _U32 = ((8, 0), (10, 0), (12, 0), (1, 6))
_FLOAT_BITS: _U32 = ((32, 0), (16, 0), (24, 0), (1, 6))
_SHIFT: _U32 = ((0, 0), (3, 0), (4, 0), (1, 3))
_NAME: _U32 = ((0, 0), (0, 4), (16, 5), (48, 10))
_CFA: _U32 = ((1, 0), (0, 2), (3, 4), (19, 8))
_TICKS: tuple[_U32, ...] = (
    ((100, 0), (1000, 0), (1, 10), (1, 30)),
    ((1, 0), (1001, 0), (1, 8), (1, 10)),
    ((0, 0), (0, 3), (0, 16), (0, 32)),
)
_ALPHA, _SPOT, _CFA_CHANNEL = 0, 2, 5
_RGB, _GREY = 0, 1
_D65, _SRGB_PRIMARIES = 1, 1
_LINEAR, _SRGB_CURVE = 8, 13
# More channels than any camera writes.
_MOST_CHANNELS = 64


@dataclass(frozen=True)
class Header:
    """What the header of a JPEG XL file says.

    Attributes:
        width: Columns as stored, before the image is turned upright.
        height: Rows likewise.
        is_on_its_side: Whether width and height are exchanged when it is turned upright.
        is_moving: Whether it may hold several frames.
        is_grey: Whether it has one channel of colour.
        has_alpha: Whether it has transparency.
        is_linear: Whether its numbers are those of light, without the curve of sRGB.
        bits: Of a sample.
        unread: Why its colours are not read; "" if they are.
    """

    width: int
    height: int
    is_on_its_side: bool = False
    is_moving: bool = False
    is_grey: bool = False
    has_alpha: bool = False
    is_linear: bool = False
    bits: int = 8
    unread: str = ""


class _Bits:
    """A codestream bit by bit, the lowest of a byte first."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise ValueError("the header is cut off")
        value = self._number & ((1 << count) - 1)
        self._number >>= count
        self._left -= count
        return value

    def flag(self) -> bool:
        return bool(self.take(1))

    def number(self, kinds: _U32) -> int:
        start, bits = kinds[self.take(2)]
        return start + self.take(bits)


def is_jpeg_xl(data: bytes) -> bool:
    """Say whether a file is JPEG XL, by its first bytes."""
    return data.startswith((CODESTREAM, CONTAINER))


def read_header(data: bytes) -> Header:
    """Read the header of a JPEG XL file.

    Args:
        data: The whole file, or its first kilobytes.

    Raises:
        ValueError: If it makes no sense.
    """
    bits = _Bits(_codestream(data)[2:_LONGEST_HEADER])
    width, height = _size(bits)
    if bits.flag():
        return Header(width, height)
    orientation, is_moving = 1, False
    if bits.flag():
        orientation, is_moving = _more(bits)
    depth, is_float = _depth(bits)
    bits.flag()
    kinds = [_channel(bits) for _ in range(min(bits.number(_CHANNELS), _MOST_CHANNELS + 1))]
    bits.flag()
    is_grey, curve = _colours(bits)
    unread = ""
    if is_float or depth > 16:
        unread = f"{depth} bits" + (", floating point" if is_float else "")
    elif curve not in (_LINEAR, _SRGB_CURVE):
        unread = "JPEG XL, colours other than sRGB"
    elif len(kinds) > 1 or any(kind != _ALPHA or is_multiplied for kind, is_multiplied in kinds):
        unread = "JPEG XL, more channels than colours and transparency"
    return Header(width, height, orientation > 4, is_moving, is_grey, bool(kinds), curve == _LINEAR, depth, unread)


# Bytes that a header takes at most: an extra channel has a name of at most 1,071 bytes.
_LONGEST_HEADER = 65_536


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the boxes of a container: kind and content."""
    position = 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        start = position + 8
        if size == 1 and start + 8 <= len(data):
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = len(data) if size == 0 else position + size
        if end < start:
            return
        yield kind, data[start:end]
        position = end


def _codestream(data: bytes) -> bytes:
    """Return the beginning of the codestream."""
    if data.startswith(CODESTREAM):
        return data
    for kind, content in _boxes(data):
        # A codestream in parts has the number of each in front of it.
        stream = content if kind == b"jxlc" else content[4:] if kind == b"jxlp" else b""
        if stream.startswith(CODESTREAM):
            return stream
    raise ValueError("the container holds no image")


def _exif(data: bytes) -> bytes:
    """Return the EXIF block of a container; b"" without one."""
    if data.startswith(CONTAINER):
        for kind, content in _boxes(data):
            if kind == b"Exif" and len(content) > 4:
                (offset,) = struct.unpack_from(">I", content)
                return content[4 + offset :]
    return b""


def _size(bits: _Bits) -> tuple[int, int]:
    is_small = bits.flag()
    height = 8 * (bits.take(5) + 1) if is_small else bits.number(_SIZE)
    ratio = bits.take(3)
    if ratio:
        of, by = _RATIOS[ratio]
        return height * of // by, height
    return (8 * (bits.take(5) + 1) if is_small else bits.number(_SIZE)), height


def _more(bits: _Bits) -> tuple[int, bool]:
    """Orientation from 1 to 8, and whether the image may move."""
    orientation = bits.take(3) + 1
    if bits.flag():
        # The size at which it is meant to be shown.
        _size(bits)
    if bits.flag():
        kinds = _PREVIEW_EIGHTHS if bits.flag() else _PREVIEW
        bits.number(kinds)
        if not bits.take(3):
            bits.number(kinds)
    is_moving = bits.flag()
    if is_moving:
        for kinds in _TICKS:
            bits.number(kinds)
        bits.flag()
    return orientation, is_moving


def _depth(bits: _Bits) -> tuple[int, bool]:
    is_float = bits.flag()
    if not is_float:
        return bits.number(_BITS), False
    depth = bits.number(_FLOAT_BITS)
    bits.take(4)
    return depth, True


def _channel(bits: _Bits) -> tuple[int, bool]:
    """What an extra channel is, and whether colours were multiplied by it."""
    if bits.flag():
        return _ALPHA, False
    kind = bits.number(_ENUM)
    _depth(bits)
    bits.number(_SHIFT)
    for _ in range(bits.number(_NAME)):
        bits.take(8)
    is_multiplied = bits.flag() if kind == _ALPHA else False
    if kind == _SPOT:
        bits.take(64)
    elif kind == _CFA_CHANNEL:
        bits.number(_CFA)
    return kind, is_multiplied


def _colours(bits: _Bits) -> tuple[bool, int]:
    """Whether the image is grey, and the curve of its numbers; 0 where its colours are not those of sRGB."""
    if bits.flag():
        return False, _SRGB_CURVE
    has_profile = bits.flag()
    space = bits.number(_ENUM)
    if has_profile or space not in (_RGB, _GREY) or bits.number(_ENUM) != _D65:
        return space == _GREY, 0
    if space == _RGB and bits.number(_ENUM) != _SRGB_PRIMARIES:
        return False, 0
    curve = 0 if bits.flag() else bits.number(_ENUM)
    # What follows is how colours beyond the screen's are meant to be shown.
    bits.number(_ENUM)
    return space == _GREY, curve


class JpegXlFile(ImageFile.ImageFile):
    """A JPEG XL file as Pillow has its own formats: the header is read at first, the pixels by `load`.

    Libjxl turns the image upright, whatever EXIF says.
    """

    format = "JPEG XL"
    format_description = "JPEG XL"

    def _open(self) -> None:
        assert self.fp is not None  # noqa: S101 - for the type checker
        self._data: bytes | None = self.fp.read()
        try:
            self.header = read_header(self._data)
        except (ValueError, struct.error, KeyError) as error:
            raise SyntaxError(str(error)) from error
        size = self.header.width, self.header.height
        self._size = size[::-1] if self.header.is_on_its_side else size
        self._mode = ("L" if self.header.is_grey else "RGB") + ("A" if self.header.has_alpha else "")
        exif = _exif(self._data)
        if exif:
            self.info["exif"] = exif

    @property
    def n_frames(self) -> int:
        """How many frames the image has; they are decoded to be counted, where there may be several."""
        if not self.header.is_moving or self._data is None:
            return 1
        stored = _decode(self._data)
        return len(stored) if stored.ndim > (2 if self.header.is_grey and not self.header.has_alpha else 3) else 1

    def load(self) -> Any:
        """Decode the pixels, those of more than 8 bits to the nearest of 8."""
        if self._data is not None:
            stored, self._data = _decode(self._data, 0 if self.header.is_moving else None), None
            if stored.shape[:2] != (self.height, self.width) or stored.dtype not in (np.uint8, np.uint16):
                raise ValueError("the pixels are not those that the header announces")
            pixels = self._in_srgb(stored)
            made = Image.fromarray(np.ascontiguousarray(pixels))
            if made.mode != self.mode:
                raise ValueError("the pixels have other channels than the header announces")
            self.im = made.im
        return self.im.pixel_access(self.readonly)

    def _in_srgb(self, stored: np.ndarray[Any, np.dtype[Any]]) -> Pixels:
        bits = 8 * stored.dtype.itemsize
        if not self.header.is_linear:
            return to_eight_bits(stored, bits)
        curve = np.rint(255 * from_light(np.arange(1 << bits) / ((1 << bits) - 1))).astype(np.uint8)
        pixels = np.asarray(curve[stored], np.uint8)
        if self.header.has_alpha:
            # Transparency has no curve.
            pixels[..., -1] = to_eight_bits(stored[..., -1], bits)
        return pixels


def _decode(data: bytes, index: int | None = None) -> np.ndarray[Any, np.dtype[Any]]:
    # The library is large, and mostly not needed.
    from imagecodecs import jpegxl_decode

    return np.asarray(jpegxl_decode(data, index, numthreads=1))

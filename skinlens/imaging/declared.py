"""What a PNG, TIFF or BMP file declares, checked against the file before anything is decoded.

Decoders reserve memory for what a header claims: a few bytes can claim gigabytes.
"""

import struct
from collections.abc import Mapping
from typing import Any

from PIL import Image

from skinlens.imaging.guards import check_decoded_size, check_size, damaged, has_too_many_parts
from skinlens.imaging.limits import MAX_PNG_CHUNKS, MAX_TILE_SIDE

_PNG_SIGNATURE = 8
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# No more than so many bytes come out of one byte of deflate (RFC 1951: 258 out of two bits).
_DEFLATE_RATIO = 1032

_COMPRESSION = 259
_STRIPS, _STRIP_LENGTHS = 273, 279
_BITS_PER_SAMPLE, _SAMPLES_PER_PIXEL = 258, 277
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_LENGTHS = 322, 323, 324, 325
# Bytes that can come out of one byte, by compression; the other kinds have no useful limit.
_TIFF_RATIOS = {1: 1, 8: _DEFLATE_RATIO, 32946: _DEFLATE_RATIO}


def check_png(data: bytes, name: str) -> None:
    """Check the lengths of all chunks, and that the compressed pixels can be as many as the header says.

    Args:
        data: The whole file.
        name: How a rejection names the image.

    Raises:
        ImageRejectedError: `truncated`, `too_small`, `too_large` or `over_budget`.
    """
    position, compressed = _PNG_SIGNATURE, 0
    for _ in range(MAX_PNG_CHUNKS):
        if position + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, position)
        if position + 12 + length > len(data):
            raise damaged(name)
        # Also the frames of an animation, of which the first may be stored this way.
        compressed += length if kind in (b"IDAT", b"fdAT") else 0
        position += 12 + length
        if kind == b"IEND":
            break
    else:
        raise has_too_many_parts(name, f"{MAX_PNG_CHUNKS:,} chunks")
    if len(data) < 26 or data[12:16] != b"IHDR":
        raise damaged(name)
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    check_size(name, width=width, height=height)
    bits = depth * _PNG_CHANNELS.get(colour, 4)
    check_decoded_size(name, width=width, height=height, bytes_per_pixel=-(-bits // 8))
    # A header may claim no more pixels than its compressed bytes can hold.
    if width * bits // 8 * height > compressed * _DEFLATE_RATIO:
        raise damaged(name)


def check_tiff(tags: Mapping[int, Any], *, width: int, height: int, size: int, name: str) -> None:
    """Check the first page's strips or tiles: how large they are, and that they lie in the file.

    Args:
        tags: The page's values by tag, a tuple where there are several.
        width: Columns in pixels.
        height: Rows in pixels.
        size: Length of the file in bytes.
        name: How a rejection names the image.

    Raises:
        ImageRejectedError: `truncated` or `over_budget`.
    """
    bits = max(_numbers(tags.get(_BITS_PER_SAMPLE, 1))) * int(tags.get(_SAMPLES_PER_PIXEL, 1))
    check_decoded_size(name, width=width, height=height, bytes_per_pixel=-(-bits // 8))
    for tag, side in ((_TILE_WIDTH, width), (_TILE_HEIGHT, height)):
        # Tiles are a multiple of 16 wide and high, and may be larger than a small image.
        if int(tags.get(tag, 0)) > max(MAX_TILE_SIDE, side + 15):
            raise damaged(name)
    is_tiled = _TILES in tags
    offsets = _numbers(tags.get(_TILES if is_tiled else _STRIPS, ()))
    lengths = _numbers(tags.get(_TILE_LENGTHS if is_tiled else _STRIP_LENGTHS, ()))
    if any(offset + length > size for offset, length in zip(offsets, lengths, strict=False)):
        raise damaged(name)
    ratio = _TIFF_RATIOS.get(int(tags.get(_COMPRESSION, 1)))
    if lengths and ratio and width * bits // 8 * height > sum(lengths) * ratio:
        raise damaged(name)


def check_bmp(image: Image.Image, data: bytes, name: str) -> None:
    """Check that an uncompressed BMP file is as long as its pixels.

    Args:
        image: Opened, not decoded.
        data: The whole file.
        name: How a rejection names the image.

    Raises:
        ImageRejectedError: `truncated`.
    """
    header, bits, compression = struct.unpack_from("<I", data, 14)[0], 0, 0
    if header >= 40:
        bits, compression = struct.unpack_from("<HI", data, 28)
    if compression == 0 and image.width * bits // 8 * image.height > len(data):
        raise damaged(name)


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(int(each) for each in value) if isinstance(value, tuple) else (int(value),)

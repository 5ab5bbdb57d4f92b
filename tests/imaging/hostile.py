"""Small files that are costly to open, built by hand: each claims or repeats what no camera writes."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *, depth: int, colour: int, compressed: bytes, more: bytes = b"") -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    end = png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + more + png_chunk(b"IDAT", compressed) + end


def png_with_an_endless_chunk() -> bytes:
    """92 bytes; the length of the chunk after the pixels says 4 GB."""
    whole = png(64, 64, depth=16, colour=2, compressed=zlib.compress(bytes(64 * (1 + 6 * 64))))
    whole = whole[: whole.index(b"IEND") - 4]
    return whole + struct.pack(">I", 0xFFFFFFF0) + b"eXIf" + b"MM\0*"


def png_of_16_bits(colour: int) -> bytes:
    """100 megapixels of one colour, which deflate makes small: `colour` 2 for RGB, 6 for RGBA."""
    row = bytes(1 + 10_000 * 2 * {2: 3, 6: 4}[colour])
    packer = zlib.compressobj(9)
    compressed = b"".join(packer.compress(row) for _ in range(10_000)) + packer.flush()
    return png(10_000, 10_000, depth=16, colour=colour, compressed=compressed)


def short_png() -> bytes:
    """100 megapixels out of 20 bytes."""
    return png(10_000, 10_000, depth=8, colour=2, compressed=zlib.compress(bytes(99)))


def short_deflate(size: int) -> bytes:
    """A deflate stream of which the end is missing."""
    return zlib.compress(np.random.default_rng(0).bytes(size))[: size // 2]


def short_bmp() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "BMP")
    data = bytearray(file.getvalue())
    struct.pack_into("<ii", data, 18, 10_000, 10_000)
    return bytes(data)


def short_jpeg() -> bytes:
    data = bytearray(jpeg())
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, 10_000, 10_000)
    return bytes(data)


def lossless_jpeg_of(height: int, width: int) -> bytes:
    """A lossless JPEG that says how large it is, with 5 kB of data."""
    frame = struct.pack(">BHHB", 8, height, width, 3) + bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0])
    body = _segment(0xC3, frame) + _segment(0xC4, b"\0" + bytes([1] + [0] * 15) + b"\0")
    return b"\xff\xd8" + body + _segment(0xDA, b"\3\1\0\2\0\3\0\1\0\0") + bytes(5_000) + b"\xff\xd9"


def png_of_many_chunks() -> bytes:
    return png(64, 64, depth=8, colour=2, compressed=b"", more=png_chunk(b"tEXt", b"a\0b") * 3_000_000)


def tiff(tags: dict[int, int | tuple[int, ...]], pixels: bytes = b"", pages: int = 1) -> bytes:
    """A little-endian TIFF of single numbers, its pixels behind its directories, which are all alike."""
    size = 2 + 12 * len(tags) + 4
    start = 8 + pages * size
    file = bytearray(b"II*\0" + struct.pack("<I", 8))
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, start if tag in (273, 324) else value) for tag, value in sorted(tags.items())
    )
    for page in range(pages):
        following = 8 + (page + 1) * size if page + 1 < pages else 0
        file += struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return bytes(file) + pixels


def tiff_with_a_giant_tile() -> bytes:
    """96 x 72 pixels in one tile of 20,000 x 20,000."""
    compressed = zlib.compress(bytes(10_000_000), 9)
    tags = {256: 96, 257: 72, 258: 8, 259: 8, 262: 2, 277: 3, 284: 1, 322: 20_000, 323: 20_000, 324: 0}
    return tiff(tags | {325: len(compressed)}, compressed)  # type: ignore[arg-type]


def tiff_of_many_pages(pages: Any) -> bytes:
    tags = {256: 64, 257: 64, 258: 8, 259: 1, 262: 2, 273: 0, 277: 3, 278: 64, 279: 64 * 64 * 3}
    return tiff(tags, bytes(range(256)) * 48, pages)  # type: ignore[arg-type]


def jpeg(height: int = 600, width: int = 800, *, seed: int = 0, mode: str = "RGB", **options: object) -> bytes:
    rng = np.random.default_rng(seed)
    channels = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    rough = rng.integers(0, 256, (height // 8, width // 8, channels), np.uint8)
    pixels = np.repeat(np.repeat(rough, 8, axis=0), 8, axis=1)
    pixels = pixels[..., 0] if mode == "L" else pixels
    file = io.BytesIO()
    Image.fromarray(pixels, mode=mode).save(file, "JPEG", **options)
    return file.getvalue()


def jpeg_of_many_segments(size: int = 50_000_000) -> bytes:
    """Many tiny EXIF segments, which Pillow puts together one by one."""
    plain, segment = jpeg(), b"\xff\xe1\x00\x0aExif\0\0MM"
    return plain[:2] + segment * (size // len(segment)) + plain[2:]


def jpeg_of_fill_bytes(fill: bytes = b"\xff", size: int = 50_000_000) -> bytes:
    plain = jpeg()
    return plain[:2] + fill * size + plain[2:]


def empty_scans(scans: int, height: int = 4_000, width: int = 6_000) -> bytes:
    """A progressive JPEG whose scans say, in a few bytes, that there is nothing to add."""
    frame = struct.pack(">BHHB", 8, height, width, 3) + bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0])
    table = bytes(range(1, 65))
    blocks = height * width // 64
    # One code each: DC category 0, and an end-of-band run of 32,767 blocks.
    tables = b"\0" + bytes([1] + [0] * 15) + b"\0" + b"\x10" + bytes([1] + [0] * 15) + b"\xe0"
    run = bytes(blocks * 17 // (32_767 * 8) // 8 + 8)
    body = b"\xff\xd8" + _segment(0xDB, b"\0" + table) + _segment(0xC2, frame) + _segment(0xC4, tables)
    body += _segment(0xDA, b"\3\1\0\2\0\3\0\0\0\0") + bytes(blocks * 3 // 8 + 1)
    for scan in range(scans):
        body += _segment(0xDA, bytes([1, 1 + scan % 3, 0, 1, 63, 0])) + run
    return body + b"\xff\xd9"


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def cut_but_ended(jpeg_: bytes, share: float) -> bytes:
    """A JPEG of which a share of the compressed data is left, ended by the mark that says it is whole."""
    start = jpeg_.index(b"\xff\xda")
    cut = jpeg_[: start + round((len(jpeg_) - 2 - start) * share)]
    return cut.rstrip(b"\xff") + b"\xff\xd9"


def dicom_of_many_items(whole: bytes, items: int = 2_000_000) -> bytes:
    """A sequence of empty items in front of the pixels of an explicit little-endian DICOM file."""
    place = whole.index(struct.pack("<HH", 0x0028, 0x0002))
    sequence = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    sequence += struct.pack("<HHI", 0xFFFE, 0xE000, 0) * items + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return whole[:place] + sequence + whole[place:]


def dicom_of_many_elements(whole: bytes, elements: int = 2_000_000, *, nested: bool) -> bytes:
    """Elements that no pixel needs, in a row or in a sequence's only item."""
    place = whole.index(struct.pack("<HH", 0x0028, 0x0002))
    numbers = np.arange(elements, dtype=np.uint32)
    table = np.zeros(elements, np.dtype([("group", "<u2"), ("element", "<u2"), ("vr", "S2"), ("length", "<u2")]))
    table["group"], table["element"], table["vr"] = 0x0009 + 2 * (numbers >> 16), numbers & 0xFFFF, b"LO"
    filler = table.tobytes()
    if nested:
        start = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
        item, end = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF), struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
        filler = start + item + filler + end + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return whole[:place] + filler + whole[place:]

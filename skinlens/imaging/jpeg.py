"""The structure of a JPEG file (ISO 10918-1, annex B), read before it is decoded, and how much of it is missing."""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from skinlens.imaging.guards import check_size, damaged, has_too_many_parts
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.limits import MAX_JPEG_PADDING, MAX_JPEG_SCANS, MAX_JPEG_SEGMENTS, MAX_MISSING_SHARE
from skinlens.translation import sentence

_SCAN = 0xDA
_END = 0xD9
_BARE = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_HUFFMAN_FRAMES = {0xC0, 0xC1, 0xC2}
_PROGRESSIVE = 0xC2
# The next marker in the header, after fill bytes and what does not belong there.
_MARKER = re.compile(rb"\xff+([^\x00\xff])")
# The marker that ends compressed data, in which a byte of 255 is followed by 0 or a restart marker.
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_COEFFICIENTS = 64
# Compressed data that a decoder which was still waiting for some would take for pixels, also from a restart on.
_PADDING = bytes(4096) + b"".join(bytes([0xFF, 0xD0 + number % 8]) + bytes(256) for number in range(16))


@dataclass(frozen=True)
class _Scan:
    """One scan: of which components, which coefficients, up to which bit; and where its compressed data lies."""

    components: tuple[int, ...]
    first: int
    last: int
    low_bit: int
    start: int
    end: int = 0


@dataclass(frozen=True)
class JpegStructure:
    """What a JPEG file says it holds.

    Attributes:
        frame: Second byte of the frame's marker: 0xC0 for baseline, 0xC2 for progressive.
        width: Columns in pixels.
        height: Rows in pixels.
        components: Their identifiers, in order.
        blocks: Blocks of 8 x 8 samples in all components together.
        scans: In order; just the first, without its end, where a single scan holds everything.
    """

    frame: int
    width: int
    height: int
    components: tuple[int, ...]
    blocks: int
    scans: tuple[_Scan, ...]

    @property
    def is_one_scan(self) -> bool:
        """Whether the first scan holds the whole image."""
        return self.frame != _PROGRESSIVE and set(self.scans[0].components) >= set(self.components)


def read_structure(data: bytes, name: str) -> JpegStructure:
    """Read a JPEG file's structure, and reject one that is too costly to decode or cannot hold what it claims.

    Args:
        data: The whole file; what follows the first image in it is ignored.
        name: How a rejection names the image.

    Raises:
        ImageRejectedError: `over_budget` for too many segments, scans or fill bytes; `too_small`, `too_large`,
            `truncated`.
    """
    try:
        structure = _read_header(data, name)
        check_size(name, width=structure.width, height=structure.height)
        if not structure.is_one_scan:
            structure = replace(structure, scans=_read_scans(data, structure.scans[0], name))
            _require_all_scans(structure, name)
    except (IndexError, struct.error) as error:
        raise damaged(name) from error
    # Huffman codes spend at least one bit on each block.
    if structure.frame in _HUFFMAN_FRAMES and structure.blocks > 8 * (len(data) - structure.scans[0].start):
        raise damaged(name)
    return structure


def check_end(
    data: bytes, structure: JpegStructure, image: Image.Image, reopen: Callable[[bytes], Image.Image], name: str
) -> tuple[str, ...]:
    """Find out whether the compressed data ended before the image did.

    libjpeg fills what is missing with grey, or leaves out its detail, and says nothing. Here the data is continued
    with zeros: only a decoder that was still waiting for data takes them for pixels, so the first row that changes is
    the first one that is missing.

    Args:
        data: The whole file.
        structure: From `read_structure`.
        image: The decoded image, as stored, before it is turned.
        reopen: Decodes changed bytes in the same way.
        name: How a rejection names the image.

    Returns:
        A note on the share that is missing, or nothing.

    Raises:
        ImageRejectedError: `truncated` if more than `MAX_MISSING_SHARE` is missing.
    """
    # Decoding a second time takes as long as the first, so a file in one scan gets it only if its last pixel is the
    # grey of blocks that were not there.
    last = image.getpixel((image.width - 1, image.height - 1))
    # Pillow inverts CMYK, which makes 127 of 128.
    ends_grey = all(value in (127, 128) for value in (last if isinstance(last, tuple) else (last,)))
    if structure.is_one_scan and not ends_grey:
        return ()
    end = structure.scans[-1].end or _end_of_scan(data, structure.scans[-1].start)
    continued = np.asarray(reopen(data[:end] + _PADDING + b"\xff\xd9"))
    changed = np.asarray(image) != continued
    rows = np.flatnonzero(changed.reshape(len(changed), -1).any(axis=1))
    if not len(rows):
        return ()
    share = 1 - float(rows[0]) / len(changed)
    percent = max(1, round(share * 100))
    if share > MAX_MISSING_SHARE:
        raise ImageRejectedError(
            "truncated",
            sentence(
                "{name} is incomplete: the last {percent} % of the image are missing. Copy it again from the camera.",
                name=name,
                percent=percent,
            ),
        )
    return (
        sentence(
            "This file is incomplete: the last {percent} % of the image are missing. Copy it again from the camera.",
            percent=percent,
        ),
    )


def _read_header(data: bytes, name: str) -> JpegStructure:
    """Read up to the first scan."""
    position, padding = 2, 0
    structure = JpegStructure(0, 0, 0, (), 0, ())
    for _ in range(MAX_JPEG_SEGMENTS):
        match = _MARKER.search(data, position)
        if match is None:
            raise damaged(name)
        # Whatever lies between the last segment and this marker.
        padding += match.end() - 2 - position
        if padding > MAX_JPEG_PADDING:
            raise has_too_many_parts(name, f"{MAX_JPEG_PADDING:,} fill bytes")
        position, marker = match.end(), match[1][0]
        if marker == _END:
            raise damaged(name)
        if marker in _BARE:
            continue
        (length,) = struct.unpack_from(">H", data, position)
        if position + length > len(data):
            raise damaged(name)
        if marker in _FRAMES:
            structure = _read_frame(data, marker, position + 2)
        if marker == _SCAN:
            return replace(structure, scans=(_read_scan(data, position),))
        position += length
    raise has_too_many_parts(name, f"{MAX_JPEG_SEGMENTS:,} segments")


def _read_frame(data: bytes, marker: int, position: int) -> JpegStructure:
    """Return the structure as the frame header states it, without scans."""
    height, width, count = struct.unpack_from(">HHB", data, position + 1)
    layout = [struct.unpack_from(">BB", data, position + 6 + 3 * number) for number in range(count)]
    widest = max((factors >> 4 for _, factors in layout), default=1) or 1
    highest = max((factors & 15 for _, factors in layout), default=1) or 1
    blocks = sum(
        -(-width * (factors >> 4) // (8 * widest)) * -(-height * (factors & 15) // (8 * highest))
        for _, factors in layout
    )
    return JpegStructure(marker, width, height, tuple(identifier for identifier, _ in layout), blocks, ())


def _read_scan(data: bytes, position: int) -> _Scan:
    (length,) = struct.unpack_from(">H", data, position)
    count = data[position + 2]
    components = tuple(data[position + 3 + 2 * number] for number in range(count))
    first, last, bits = struct.unpack_from(">BBB", data, position + 3 + 2 * count)
    return _Scan(components, first, last, bits & 15, position + length)


def _read_scans(data: bytes, scan: _Scan, name: str) -> tuple[_Scan, ...]:
    """Read all scans of the first image in a file, from its first one."""
    scans: list[_Scan] = []
    position = scan.start
    # Between two scans there are a table or two.
    for _ in range(4 * MAX_JPEG_SCANS):
        if not scans or scan is not scans[-1]:
            position = _end_of_scan(data, scan.start)
            scan = replace(scan, end=position)
            scans.append(scan)
        match = _MARKER.search(data, position)
        if match is None or match[1][0] == _END:
            return tuple(scans)
        position, marker = match.end(), match[1][0]
        if marker == _SCAN:
            scan = _read_scan(data, position)
        elif marker not in _BARE:
            position += struct.unpack_from(">H", data, position)[0]
        if len(scans) == MAX_JPEG_SCANS:
            break
    raise has_too_many_parts(name, f"{MAX_JPEG_SCANS:,} scans")


def _end_of_scan(data: bytes, start: int) -> int:
    end = _END_OF_SCAN.search(data, start)
    return end.start() if end else len(data)


def _require_all_scans(structure: JpegStructure, name: str) -> None:
    """Reject an image whose last scans are missing: the first component needs all its detail, the others a colour."""
    sent: dict[tuple[int, int], int] = {}
    for scan in structure.scans:
        for component in scan.components:
            for coefficient in range(scan.first, min(scan.last, _COEFFICIENTS - 1) + 1):
                # The lowest bit that has arrived; 0 is all of the coefficient.
                sent[component, coefficient] = scan.low_bit
    needed = {(component, 0) for component in structure.components}
    needed |= {(structure.components[0], coefficient) for coefficient in range(_COEFFICIENTS)}
    if any(sent.get(each) != 0 for each in needed):
        raise damaged(name)

"""DICOM bytes to an RGB image: one frame, in every colour encoding that dermoscopy arrives in."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin
from pydicom import uid
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.encaps import encapsulate, get_frame
from pydicom.filereader import data_element_generator
from pydicom.pixels import convert_color_space, get_decoder
from pydicom.tag import BaseTag

from skinlens.imaging.colour_model import looks_like
from skinlens.imaging.frames import check_frame, frame_note
from skinlens.imaging.guards import FORMATS, check_size, damaged, has_too_many_parts, refusing_damage, too_large
from skinlens.imaging.image import Decoded, ImageRejectedError, Pixels
from skinlens.imaging.jpeg import check_end, read_structure
from skinlens.imaging.limits import CLOCK_SECONDS, MAX_DECODED_BYTES, MAX_DICOM_ITEMS
from skinlens.imaging.lossless import decode_lossless_jpeg
from skinlens.imaging.own import DICOM_MAKER, own_output
from skinlens.imaging.srgb import UNCALIBRATED_NOTE, to_eight_bits, to_srgb
from skinlens.translation import marked, sentence

_PREAMBLE = 128
_UNDEFINED_LENGTH = 0xFFFFFFFF

_MEDIA_CLASS = 0x0002_0002
_TRANSFER_SYNTAX = 0x0002_0010
_CHARACTER_SET = 0x0008_0005
_IMAGE_TYPE = 0x0008_0008
_CLASS = 0x0008_0016
_MAKER = 0x0008_0070
_SAMPLES = 0x0028_0002
_PHOTOMETRIC = 0x0028_0004
_PLANAR = 0x0028_0006
_FRAMES = 0x0028_0008
_ROWS = 0x0028_0010
_COLUMNS = 0x0028_0011
_SPACING = 0x0028_0030
_BITS_ALLOCATED = 0x0028_0100
_BITS_STORED = 0x0028_0101
_BURNED_IN = 0x0028_0301
_PALETTE_SHAPES = (0x0028_1101, 0x0028_1102, 0x0028_1103)
_PALETTES = (0x0028_1201, 0x0028_1202, 0x0028_1203)
_PROFILE = 0x0028_2000
_COLOUR_SPACE = 0x0028_2002
_OFFSETS = 0x7FE0_0001
_OFFSET_LENGTHS = 0x7FE0_0002
_PIXELS = 0x7FE0_0010
# AcquisitionDate, AcquisitionDateTime, ContentDate, StudyDate: the nearest to the shutter first.
_DAYS = (0x0008_0022, 0x0008_002A, 0x0008_0023, 0x0008_0020)
_WANTED = [
    *_DAYS,
    *(_IMAGE_TYPE, _CLASS, _MAKER, _SPACING, _BURNED_IN, _COLOUR_SPACE),
    *(_SAMPLES, _PHOTOMETRIC, _PLANAR, _FRAMES, _ROWS, _COLUMNS, _BITS_ALLOCATED, _BITS_STORED),
    *(*_PALETTE_SHAPES, *_PALETTES, _PROFILE, _OFFSETS, _OFFSET_LENGTHS, _PIXELS),
]

_NATIVE = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
)
_JPEG = (uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit)
_LOSSLESS_JPEG = (uid.JPEGLossless, uid.JPEGLosslessSV1)
_JPEG_2000 = (uid.JPEG2000Lossless, uid.JPEG2000, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K)
_PLUGINS = {
    uid.RLELossless: "pydicom",
    uid.JPEGLSLossless: "pyjpegls",
    uid.JPEGLSNearLossless: "pyjpegls",
    **dict.fromkeys(_JPEG_2000, "pylibjpeg"),
}
_JPEG_END = b"\xff\xd9"
# The start of a JPEG and its JFIF mark.
_JFIF = b"\xff\xd8\xff\xe0"
# The tag that begins each item of a sequence or fragment of a frame, in both byte orders.
_ITEMS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
# PackBits makes no more than 128 bytes out of two.
_RLE_RATIO = 64
_ROWS_AT_ONCE = 256
# The marker that says how a JPEG 2000 stream is coded, and the end of a compressed image in both byte orders.
_CODING_STYLE = 0xFF52
_DELIMITERS = {True: b"\xfe\xff\xdd\xe0", False: b"\xff\xfe\xe0\xdd"}
_YBR = ("YBR_FULL", "YBR_FULL_422")
# Millimetres that a pixel of skin can be wide: a microscope's, and a photograph of the whole back.
_NARROWEST, _WIDEST = 0.0005, 2.0
# What the beginning of a class says of an object that holds no photograph (PS3.4, B.5 and PS3.10).
_NO_PHOTOGRAPHS = {
    "1.2.840.10008.1.3.10": marked("the table of contents of a CD (DICOMDIR)"),
    "1.2.840.10008.5.1.4.1.1.11.": marked("a presentation state"),
    "1.2.840.10008.5.1.4.1.1.88.": marked("a report"),
    "1.2.840.10008.5.1.4.1.1.104.": marked("a document"),
    "1.2.840.10008.5.1.4.1.1.66": marked("data about an image"),
}

_BURNED_IN_NOTE = marked(
    "This DICOM file says that text is burned into the image. It may name the patient, and it may disturb the model."
)
_NO_END_NOTE = marked("This DICOM file lacks the mark at its end; its image is whole.")
_UNSURE_NOTE = marked(
    "The file says that its colours are stored as {label}, which its pixels do not confirm. "
    "Compare the image with the original."
)
_STALE_NOTE = marked(
    "The file says that its colours are stored as {label}, but its pixels are {seen}; they are read as {seen}."
)
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR")


@dataclass(frozen=True)
class _Layout:
    """How the dataset says its pixels are stored."""

    photometric: str
    samples: int
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    planar: int
    frames: int


@dataclass(frozen=True)
class _Elements:
    """The elements of a dataset that its image needs, as bytes; pydicom would check and warn of each value."""

    values: dict[int, bytes]
    syntax: uid.UID
    is_little_endian: bool
    lacks_end: bool = False

    def number(self, tag: int, default: int | None = None) -> int:
        """Return the first value of an unsigned 16-bit element."""
        if default is not None and not self.values.get(tag):
            return default
        return self.numbers(tag)[0]

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return every value of an unsigned 16-bit element."""
        value = self.values[tag]
        return struct.unpack(f"{'<' if self.is_little_endian else '>'}{len(value) // 2}H", value)

    def text(self, tag: int, default: str = "") -> str:
        """Return the value of a string element."""
        return self.values.get(tag, b"").decode("ascii", "replace").strip(" \0") or default


def is_dicom(head: bytes) -> bool:
    """Say whether a file carries the DICM mark.

    Args:
        head: Its first bytes; 132 are enough.

    Example:
        >>> is_dicom(bytes(128) + b"DICM")
        True
    """
    return head[_PREAMBLE : _PREAMBLE + 4] == b"DICM"


def has_pixels(data: bytes) -> bool:
    """Say whether bytes without the DICM mark parse as a DICOM dataset with an image in it.

    Args:
        data: The whole file.
    """
    try:
        return {_ROWS, _COLUMNS, _PIXELS} <= _read_elements(data, "").values.keys()
    except ImageRejectedError:
        return False


def no_photograph(head: bytes) -> str | None:
    """Say what a DICOM file holds instead of a photograph, by its header alone.

    Args:
        head: Its first bytes; 2,048 are enough.

    Returns:
        As in "a presentation state"; None for a photograph and for what cannot be told.
    """
    if not is_dicom(head):
        return None
    stream = io.BytesIO(head)
    stream.seek(_PREAMBLE + 4)
    try:
        for item in _header(stream):
            if item.tag == _MEDIA_CLASS:
                return _kind_of((item.value or b"").decode("ascii", "replace").strip(" \0"))
    # A header that was cut off, or is damaged, says nothing; pydicom raises many types over it.
    except Exception:  # noqa: BLE001
        return None
    return None


def decode_dicom(data: bytes, name: str, frame: int = 0) -> Decoded:
    """Decode one frame of a DICOM file.

    Args:
        data: The whole file.
        name: What to call the image in the message.
        frame: From 0.

    Raises:
        ImageRejectedError: `truncated`, `too_small`, `too_large`, `monochrome`, `not_an_image`, `own_output`,
            `no_such_frame` or `unreadable`.
    """
    elements = _read_elements(data, name)
    _require_photograph(elements, name)
    with refusing_damage(name):
        bits_allocated = elements.number(_BITS_ALLOCATED)
        layout = _Layout(
            photometric=elements.text(_PHOTOMETRIC),
            samples=elements.number(_SAMPLES),
            rows=elements.number(_ROWS),
            columns=elements.number(_COLUMNS),
            bits_allocated=bits_allocated,
            bits_stored=elements.number(_BITS_STORED, bits_allocated),
            planar=elements.number(_PLANAR, 0),
            frames=max(int(elements.text(_FRAMES, "1")), 1),
        )
    _check_layout(layout, elements.syntax, name)
    check_frame(frame, layout.frames, name)
    space = elements.text(_COLOUR_SPACE)
    with refusing_damage(name):
        pixels, notes = _to_rgb(elements, layout, frame, name)
        image, more_notes = to_srgb(
            Image.fromarray(pixels), elements.values.get(_PROFILE), is_adobe_rgb=space == "ADOBERGB"
        )
    if space == "ROMMRGB" and not elements.values.get(_PROFILE):
        more_notes = (*more_notes, UNCALIBRATED_NOTE)
    return Decoded(
        np.array(image),
        (
            *frame_note(frame, layout.frames),
            *notes,
            *more_notes,
            *((_NO_END_NOTE,) if elements.lacks_end else ()),
            *((_BURNED_IN_NOTE,) if elements.text(_BURNED_IN) == "YES" else ()),
        ),
        frames=layout.frames,
        millimetres=_millimetres(elements),
    )


def _require_photograph(elements: _Elements, name: str) -> None:
    """Reject what SkinLens made itself, and what holds no photograph."""
    is_derived = elements.text(_IMAGE_TYPE).startswith("DERIVED")
    kind = _kind_of(elements.text(_CLASS))
    if elements.text(_MAKER) == DICOM_MAKER and (is_derived or kind is not None):
        raise own_output(name)
    if elements.values.get(_PIXELS):
        return
    if kind is not None:
        raise ImageRejectedError(
            "not_an_image",
            sentence("{name} is a DICOM file without an image: {kind}. Choose the photograph.", name=name, kind=kind),
        )
    if _ROWS in elements.values:
        raise damaged(name)
    raise ImageRejectedError(
        "not_an_image",
        sentence(
            "{name} is a DICOM file without an image, or was cut off before it. Export the lesion's photograph again.",
            name=name,
        ),
    )


def _kind_of(sop_class: str) -> str | None:
    return next((kind for start, kind in _NO_PHOTOGRAPHS.items() if f"{sop_class}.".startswith(start)), None)


def _millimetres(elements: _Elements) -> float | None:
    """Width of a pixel as PixelSpacing states it; None where rows and columns differ, or no skin looks like that."""
    try:
        row, column = (float(each) for each in elements.text(_SPACING).split("\\"))
    except ValueError:
        return None
    is_square = abs(row - column) <= 0.01 * max(row, column)
    return column if is_square and _NARROWEST <= column <= _WIDEST else None


def day_of_dicom(data: bytes, name: str) -> str:
    """Return the day on which an image was acquired as the file writes it, YYYYMMDD; "" if it states none.

    Raises:
        ImageRejectedError: If the file cannot be read.
    """
    elements = _read_elements(data, name)
    with refusing_damage(name):
        return next((stated for tag in _DAYS if (stated := elements.text(tag))), "")


def _read_elements(data: bytes, name: str) -> _Elements:
    stream = io.BytesIO(data)
    stream.seek(_PREAMBLE + 4 if is_dicom(data) else 0)
    with refusing_damage(name):
        meta = {int(item.tag): item.value or b"" for item in _header(stream)}
        header = _Elements(meta, uid.UID(""), is_little_endian=True)
        # Without a header the first element tells: an explicit VR is two letters after the tag.
        is_explicit = data[stream.tell() + 4 :][:2].isalpha()
        guessed = uid.ExplicitVRLittleEndian if is_explicit else uid.ImplicitVRLittleEndian
        syntax = uid.UID(header.text(_TRANSFER_SYNTAX) or guessed)
        if syntax == uid.DeflatedExplicitVRLittleEndian:
            # No more is inflated than an image may take, whatever the stream would go on to.
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            stream = io.BytesIO(inflater.decompress(stream.read(), MAX_DECODED_BYTES))
            if inflater.unconsumed_tail:
                raise too_large(name)
        if max(stream.getvalue().count(item) for item in _ITEMS) > MAX_DICOM_ITEMS:
            raise has_too_many_parts(name, f"{MAX_DICOM_ITEMS:,} items")
        is_little_endian = syntax != uid.ExplicitVRBigEndian
        unended = None
        if syntax.is_transfer_syntax and syntax.is_encapsulated:
            unended = _end_without_mark(data, is_little_endian=is_little_endian)
        if unended is not None:
            start = stream.tell()
            stream = io.BytesIO(data[:unended] + _DELIMITERS[is_little_endian] + bytes(4))
            stream.seek(start)
        values = _read_dataset(
            stream, is_implicit=syntax == uid.ImplicitVRLittleEndian, is_little_endian=is_little_endian, name=name
        )
        values.setdefault(_CLASS, meta.get(_MEDIA_CLASS, b""))
    return _Elements(values, syntax, is_little_endian, lacks_end=unended is not None)


def _header(stream: io.BytesIO) -> Iterator[RawDataElement | DataElement]:
    """Read the elements of the group before the dataset."""
    yield from data_element_generator(
        stream, is_implicit_VR=False, is_little_endian=True, stop_when=lambda tag, _vr, _length: tag >> 16 != 2
    )


def _end_without_mark(data: bytes, *, is_little_endian: bool) -> int | None:
    """Return where compressed frames end that are whole but lack the mark after them; None for any other file."""
    order, item = "<" if is_little_endian else ">", _ITEMS[0 if is_little_endian else 1]
    position = data.rfind(struct.pack(order + "HH", 0x7FE0, 0x0010) + b"OB\0\0\xff\xff\xff\xff")
    if position < 0:
        return None
    position += 12
    while data[position : position + 4] == item and position + 8 <= len(data):
        position += 8 + struct.unpack_from(order + "I", data, position + 4)[0]
    # Some programs fill the last block of a file with zeros.
    return position if position <= len(data) and not data[position:].strip(b"\0") else None


def _read_dataset(stream: io.BytesIO, *, is_implicit: bool, is_little_endian: bool, name: str) -> dict[int, bytes]:
    values: dict[int, bytes] = {}
    skipped: list[int] = []
    passed = 0

    def stops(tag: BaseTag, _vr: str | None, length: int) -> bool:
        nonlocal passed
        passed += 1
        if passed > MAX_DICOM_ITEMS:
            raise has_too_many_parts(name, f"{MAX_DICOM_ITEMS:,} elements")
        if tag == _CHARACTER_SET:
            skipped.append(length)
        return bool(tag == _CHARACTER_SET or tag > _PIXELS)

    def collect() -> None:
        for element in data_element_generator(stream, is_implicit, is_little_endian, stops, specific_tags=_WANTED):
            value = element.value or b""
            if not isinstance(element, RawDataElement) or element.length not in (_UNDEFINED_LENGTH, len(value)):
                raise damaged(name)
            values[int(element.tag)] = value

    collect()
    if skipped:
        # The generator would read the character set, which no pixel needs, and warn if it is misspelt.
        stream.seek(8 + skipped[0], io.SEEK_CUR)
        collect()
    if stream.tell() > len(stream.getbuffer()):
        raise damaged(name)
    return values


def _check_layout(layout: _Layout, syntax: uid.UID, name: str) -> None:
    if layout.photometric.startswith("MONOCHROME"):
        raise ImageRejectedError(
            "monochrome",
            sentence(
                "{name} is a DICOM image without colour, not a dermoscopic photograph. Choose the colour image.",
                name=name,
            ),
        )
    check_size(name, width=layout.columns, height=layout.rows)
    is_known = layout.samples == (1 if layout.photometric == "PALETTE COLOR" else 3)
    has_depth = layout.bits_allocated in (8, 16) and 1 <= layout.bits_stored <= layout.bits_allocated
    if layout.photometric not in _COLOURS or not is_known or not has_depth or layout.planar not in (0, 1):
        raise ImageRejectedError(
            "unreadable",
            sentence(
                "{name} stores its pixels in a way that is not supported ({kind}, {bits} bits). Export it as 8-bit "
                "RGB ({formats}).",
                name=name,
                kind=layout.photometric or "unknown",
                bits=layout.bits_allocated,
                formats=FORMATS,
            ),
        )
    if syntax not in (*_NATIVE, *_JPEG, *_LOSSLESS_JPEG, *_PLUGINS):
        raise ImageRejectedError(
            "unreadable",
            sentence(
                "{name} is compressed in a way that is not supported ({kind}). Export it uncompressed or as JPEG, "
                "and try again.",
                name=name,
                kind=syntax.name,
            ),
        )


def _to_rgb(elements: _Elements, layout: _Layout, number: int, name: str) -> tuple[Pixels, tuple[str, ...]]:
    if elements.syntax in _JPEG:
        return _decode_jpeg(_frame(elements, layout, number), layout, name)
    samples, layout, is_ybr = _stored_samples(elements, layout, number, name)
    if layout.photometric == "PALETTE COLOR":
        return _look_up(samples, elements), ()
    pixels = to_eight_bits(samples, layout.bits_stored)
    notes: tuple[str, ...] = ()
    if is_ybr is None:
        is_ybr, notes = _colours_of(pixels, layout.photometric)
    elif is_ybr and layout.photometric not in _YBR:
        notes = (sentence(_STALE_NOTE, label=layout.photometric, seen="YBR_FULL_422"),)
    return _from_ybr(pixels) if is_ybr else np.ascontiguousarray(pixels), notes


def _stored_samples(
    elements: _Elements, layout: _Layout, number: int, name: str
) -> tuple[npt.NDArray[Any], _Layout, bool | None]:
    """Return samples as stored, their layout, and whether they are YCbCr; None if nothing proves it."""
    if elements.syntax in _NATIVE:
        stored = _conform_to_length(layout, len(elements.values[_PIXELS]), name)
        samples = _decode_samples(elements.values[_PIXELS], elements, stored, number)
        # Nothing but lightness and halved colours takes two thirds of the length.
        return samples, layout, True if stored.photometric == "YBR_FULL_422" else None
    frame = _frame(elements, layout, number)
    if elements.syntax == uid.RLELossless:
        _require_bits(frame, layout, 8 / _RLE_RATIO, name)
        return _decode_samples(encapsulate([frame]), elements, layout), layout, None
    if frame.startswith(_JFIF):
        # It claims YCbCr and contradicts the dataset: a lossless codec stores what it is given.
        (length,) = struct.unpack_from(">H", frame, 4)
        frame = frame[:2] + frame[4 + length :]
    layout = _conform_to_codestream(layout, frame, elements.syntax, name)
    if elements.syntax in _LOSSLESS_JPEG:
        # A Huffman code has at least one bit, and there is one for each sample.
        _require_bits(frame, layout, 1, name)
    # The codec of JPEG 2000 undoes its own transform, whatever the label says.
    is_transformed = elements.syntax in _JPEG_2000 and layout.samples == 3 and _transforms_colours(frame)
    return _decode_codestream(frame, elements, layout), layout, False if is_transformed else None


def _colours_of(pixels: Pixels, label: str) -> tuple[bool, tuple[str, ...]]:
    """Say whether samples are lightness and two colours, and what to say where label and pixels differ.

    Programs that decompress or convert an image often leave the old label. Where the pixels of a photograph are plainly
    of the other kind, they decide.
    """
    says_ybr, seen = label in _YBR, looks_like(pixels)
    if seen is None:
        return says_ybr, (sentence(_UNSURE_NOTE, label=label),) if says_ybr else ()
    is_ybr = seen == "YBR"
    if is_ybr == says_ybr:
        return is_ybr, ()
    return is_ybr, (sentence(_STALE_NOTE, label=label, seen="YBR_FULL" if is_ybr else "RGB"),)


def _from_ybr(pixels: Pixels) -> Pixels:
    # A few rows at a time: pydicom computes in 32 bits, which takes eight times the memory.
    rgb = np.empty_like(pixels)
    for first in range(0, len(pixels), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        rgb[rows] = convert_color_space(pixels[rows], "YBR_FULL", "RGB")
    return np.ascontiguousarray(rgb)


def _require_bits(frame: bytes, layout: _Layout, bits_per_sample: float, name: str) -> None:
    """Reject a frame that is too short to hold its samples, however well they are compressed."""
    if layout.rows * layout.columns * layout.samples * bits_per_sample > 8 * len(frame):
        raise damaged(name)


def _frame(elements: _Elements, layout: _Layout, number: int) -> bytes:
    offsets, lengths = elements.values.get(_OFFSETS), elements.values.get(_OFFSET_LENGTHS)
    return get_frame(
        elements.values[_PIXELS],
        number,
        number_of_frames=layout.frames,
        extended_offsets=(offsets, lengths) if offsets and lengths else None,
    )


def _conform_to_length(layout: _Layout, length: int, name: str) -> _Layout:
    """Check that every frame is there, and see through a label of 4:2:2 on samples that are not subsampled."""
    full = layout.rows * layout.columns * layout.samples * layout.bits_allocated // 8 * layout.frames
    # 4:2:2 keeps one sample of each colour for two of lightness.
    halved = full // 3 * 2
    if layout.photometric == "YBR_FULL_422":
        if length >= full:
            return replace(layout, photometric="YBR_FULL")
        full = halved
    elif layout.samples == 3 and length in (halved, halved + 1):
        return replace(layout, photometric="YBR_FULL_422")
    if length < full:
        raise damaged(name)
    return layout


def _conform_to_codestream(layout: _Layout, frame: bytes, syntax: uid.UID, name: str) -> _Layout:
    """Take the precision from the codestream, and reject one whose header differs from the dataset."""
    bits, rows, columns, samples = _read_siz(frame) if syntax in _JPEG_2000 else _read_sof(frame)
    agrees = (rows, columns, samples) == (layout.rows, layout.columns, layout.samples) and 2 <= bits <= 16
    # CharLS can search for many seconds beyond the end of a JPEG-LS stream that was cut off.
    is_whole = syntax in _JPEG_2000 or _JPEG_END in frame[-16:]
    if not agrees or not is_whole:
        raise damaged(name)
    photometric = "RGB" if layout.photometric in ("YBR_ICT", "YBR_RCT") else layout.photometric
    return replace(layout, photometric=photometric, bits_stored=bits, bits_allocated=8 if bits <= 8 else 16)


def _read_siz(frame: bytes) -> tuple[int, int, int, int]:
    """Return precision, rows, columns and components of a JPEG 2000 stream from its SIZ marker (ISO 15444-1, A.5.1)."""
    start = frame.index(b"\xff\x4f\xff\x51") + 8
    right, bottom, left, top, components, precision = struct.unpack_from(">4I16xHB", frame, start)
    return (precision & 0x7F) + 1, bottom - top, right - left, components


def _read_sof(frame: bytes) -> tuple[int, int, int, int]:
    """Return precision, rows, columns and components of a JPEG or JPEG-LS stream from its SOF (ISO 10918-1, B.2.2)."""
    position = 2
    while True:
        marker, length = struct.unpack_from(">HH", frame, position)
        # A fill byte.
        if marker == 0xFFFF:
            position += 1
        elif marker in (0xFFC0, 0xFFC1, 0xFFC2, 0xFFC3, 0xFFF7):
            return struct.unpack_from(">BHHB", frame, position + 4)
        else:
            position += 2 + length


def _transforms_colours(frame: bytes) -> bool:
    """Say whether a JPEG 2000 stream has transformed its colours, by its COD marker (ISO 15444-1, A.6.1)."""
    position = frame.index(b"\xff\x4f\xff\x51") + 2
    while True:
        marker, length = struct.unpack_from(">HH", frame, position)
        if marker == _CODING_STYLE:
            return bool(frame[position + 8])
        position += 2 + length


def _decode_jpeg(frame: bytes, layout: _Layout, name: str) -> tuple[Pixels, tuple[str, ...]]:
    structure = read_structure(frame, name)
    is_rgb = False
    notes: tuple[str, ...] = ()
    if _is_unmarked(JpegImagePlugin.JpegImageFile(io.BytesIO(frame))):
        is_ybr, notes = _colours_of(np.asarray(_open_jpeg(frame, layout, name, as_stored=True)), layout.photometric)
        is_rgb = not is_ybr
    image = _open_jpeg(frame, layout, name, as_stored=is_rgb)
    notes += check_end(
        frame, structure, image, lambda changed: _open_jpeg(changed, layout, name, as_stored=is_rgb), name
    )
    return np.array(image), notes


def _is_unmarked(image: JpegImagePlugin.JpegImageFile) -> bool:
    """Whether nothing tells RGB from YCbCr: no JFIF or Adobe mark, no subsampled channel, no letters for the parts."""
    sampling = {(horizontal, vertical) for _, vertical, horizontal, _ in image.layer}
    letters = bytes(identifier for identifier, *_ in image.layer)
    return len(sampling) == 1 and letters != b"RGB" and not {"jfif", "adobe_transform"} & image.info.keys()


def _open_jpeg(frame: bytes, layout: _Layout, name: str, *, as_stored: bool) -> Image.Image:
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(frame))
    if image.size != (layout.columns, layout.rows) or image.mode != "RGB":
        raise damaged(name)
    if as_stored:
        # libjpeg takes three unmarked components for YCbCr; to ask for YCbCr is to get them as they are.
        image.draft("YCbCr", image.size)
    image.load()
    return image


def _decode_codestream(frame: bytes, elements: _Elements, layout: _Layout) -> npt.NDArray[Any]:
    if elements.syntax not in _LOSSLESS_JPEG:
        return _decode_samples(encapsulate([frame]), elements, layout)
    return decode_lossless_jpeg(
        frame,
        syntax=elements.syntax,
        rows=layout.rows,
        columns=layout.columns,
        samples=layout.samples,
        bits=layout.bits_stored,
        seconds=CLOCK_SECONDS,
    )


def _decode_samples(stored: bytes, elements: _Elements, layout: _Layout, number: int = 0) -> npt.NDArray[Any]:
    """Return one frame as `(H, W)` or `(H, W, 3)`, in the colour space it is stored in."""
    is_native = elements.syntax in _NATIVE
    options: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "samples_per_pixel": layout.samples,
        # pydicom compares a codec's own marks with this and warns; how to convert is decided by the dataset, later.
        "photometric_interpretation": layout.photometric if is_native or layout.samples == 1 else "RGB",
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "pixel_representation": 0,
        # Of a compressed frame the codec alone knows how the colours lie.
        "planar_configuration": layout.planar if is_native else 0,
        "number_of_frames": layout.frames if is_native else 1,
        "pixel_keyword": "PixelData",
        "pixel_vr": "OW" if layout.bits_allocated > 8 else "OB",
    }
    plugin = _PLUGINS.get(elements.syntax, "")
    # Everything has been checked above; pydicom's own validation warns of harmless padding.
    samples, _ = get_decoder(elements.syntax).as_array(
        stored, index=number, raw=True, validate=False, decoding_plugin=plugin, **options
    )
    return samples


def _look_up(indices: npt.NDArray[Any], elements: _Elements) -> Pixels:
    possible = np.arange(np.iinfo(indices.dtype).max + 1)
    pixels = np.empty((*indices.shape, 3), np.uint8)
    for channel, (shape_tag, table_tag) in enumerate(zip(_PALETTE_SHAPES, _PALETTES, strict=True)):
        count, first, bits = elements.numbers(shape_tag)
        # 16 bits hold no 65,536, so that the standard writes 0 (PS3.3, C.7.6.3.1.5).
        count = count or 65536
        table = elements.values[table_tag]
        # Some devices announce 16 bits and write 8.
        is_wide = len(table) >= 2 * count
        entries = np.frombuffer(table, ("<u2" if elements.is_little_endian else ">u2") if is_wide else np.uint8, count)
        colours = to_eight_bits(entries, bits if is_wide else 8)[np.clip(possible - first, 0, count - 1)]
        pixels[..., channel] = colours[indices]
    return pixels

"""The pages of a TIFF file: which is the photograph, whether it is camera raw, and pixels that Pillow cannot read.

The directories are read before anything is decoded, since decoders take the first page, which may be a thumbnail.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import tifffile
from PIL import Image

from skinlens.imaging.declared import check_tiff
from skinlens.imaging.exif import UPRIGHT
from skinlens.imaging.guards import FORMATS, check_size, damaged, has_too_many_parts, refusing_damage
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.limits import MAX_TIFF_PAGES
from skinlens.imaging.srgb import to_eight_bits
from skinlens.translation import sentence

_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_NEW_SUBFILE, _SUBFILE = 254, 255
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_ORIENTATION, _SAMPLES, _PLANAR, _SUB_PAGES, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 274, 277, 284, 330, 338, 339
_PROFILE = 34675
_DNG_VERSION = 50706
_WANTED = {
    *(_NEW_SUBFILE, _SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION, _SAMPLES, _PLANAR),
    *(_SUB_PAGES, _EXTRA_SAMPLES, _SAMPLE_FORMAT, _DNG_VERSION),
}
# Types of values by their code: BYTE, SHORT, LONG, UNDEFINED, IFD, LONG8, IFD8. The others are none that is wanted.
_TYPES = {1: "B", 3: "H", 4: "I", 7: "B", 13: "I", 16: "Q", 18: "Q"}
# Of the values of one tag no more are read: samples of a pixel, or pages below a page.
_MOST_VALUES = 64
# A colour filter array and linear raw (DNG 1.7), and the compressions of raw by Nikon, Sony, Samsung and Pentax.
_RAW_PHOTOMETRIC = {32803, 34892}
_RAW_COMPRESSION = {34713, 32767, 32769, 32770, 32772, 65535}
# What Canon and Phase One write after the address of the first page.
_RAW_MARKS = (b"CR", b"IIII", b"MMMM")

_REDUCED, _MASK = 1, 4
_OLD_REDUCED = 2
_GREY_OR_RGB = {0, 1, 2}
_BY_PLANE = 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_KINDS = {_SIGNED: "signed numbers", _FLOAT: "floating point", 5: "complex numbers", 6: "complex numbers"}
_PALETTE, _YCBCR = 3, 6
# What Pillow's libtiff leaves out, and tifffile reads: WebP, JPEG 2000 of RGB, JPEG XL, PNG, LERC, JPEG XR.
_MORE_COMPRESSIONS = {50001, 34927, 33004, 33005, 34712, 50002, 34933, 34887, 34934, 22610}
# What Pillow reads.
_COMPRESSIONS = {1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32809, 32946, 34676, 34677, 34925, 50000}
_NAMES = {33003: "JPEG 2000 of YCbCr", 9: "JBIG", 10: "JBIG", 34661: "JBIG", 34663: "JBIG2", 34892: "lossy DNG"}


@dataclass(frozen=True)
class Page:
    """One directory of a TIFF file.

    Attributes:
        offset: Where it lies.
        tags: Numbers by tag, of the tags that are wanted here.
        is_below: Whether another page refers to it, rather than the chain of pages.
    """

    offset: int
    tags: dict[int, tuple[int, ...]] = field(default_factory=dict)
    is_below: bool = False

    def number(self, tag: int, default: int = 0) -> int:
        """Return the first value of a tag."""
        return (self.tags.get(tag) or (default,))[0]

    @property
    def is_reduced(self) -> bool:
        """Whether it calls itself a smaller copy of another page."""
        return bool(self.number(_NEW_SUBFILE) & _REDUCED) or self.number(_SUBFILE) == _OLD_REDUCED

    @property
    def is_image(self) -> bool:
        """Whether it is an image of its own: no smaller copy and no mask."""
        return not self.is_reduced and not self.number(_NEW_SUBFILE) & _MASK

    @property
    def is_raw(self) -> bool:
        """Whether it holds what a sensor recorded, before any colour."""
        is_raw = self.number(_PHOTOMETRIC) in _RAW_PHOTOMETRIC or self.number(_COMPRESSION) in _RAW_COMPRESSION
        return is_raw or _DNG_VERSION in self.tags

    @property
    def is_plain(self) -> bool:
        """Whether it is grey or RGB, neither a palette nor inks nor lightness with two colours."""
        return self.number(_PHOTOMETRIC, 1) in _GREY_OR_RGB

    @property
    def is_deep(self) -> bool:
        """Whether it has 9 to 16 bits a sample, which Pillow cuts to 8 or does not read at all."""
        return self.is_plain and self.number(_PHOTOMETRIC, 1) != 0 and 8 < self.number(_BITS, 1) <= 16

    @property
    def is_beyond_pillow(self) -> bool:
        """Whether it is compressed, or laid out, in a way that tifffile reads and Pillow does not."""
        is_deep_by_plane = self.is_deep and self.number(_PLANAR, 1) == _BY_PLANE
        return is_deep_by_plane or self.number(_COMPRESSION, 1) in _MORE_COMPRESSIONS


def is_tiff(data: bytes) -> bool:
    """Say whether a file is a TIFF, classic or BigTIFF.

    Args:
        data: The whole file, or its first bytes.
    """
    return data.startswith(_MARKS)


def read_pages(data: bytes, name: str) -> list[Page]:
    """Read the directories of a TIFF file, those that others refer to after the one that does.

    Args:
        data: The whole file, classic or BigTIFF.
        name: How a rejection names the image.

    Returns:
        At least one page; an empty one where the file is cut off before its first.

    Raises:
        ImageRejectedError: `over_budget` beyond `MAX_TIFF_PAGES`.
    """
    is_big = 43 in data[2:4]
    pages: list[Page] = []
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(_order(data) + ("Q" if is_big else "I"), data, 8 if is_big else 4)
        # A directory that refers back to an earlier one ends the file, as it does for libtiff.
        while offset and offset not in seen:
            page, following = _read_page(data, offset, is_big=is_big)
            for each in (page, *_below(data, page, seen, is_big=is_big)):
                seen.add(each.offset)
                pages.append(each)
                if len(pages) > MAX_TIFF_PAGES:
                    raise has_too_many_parts(name, f"{MAX_TIFF_PAGES:,} pages")
            offset = following
    except struct.error:
        # The chain leaves the file: the pages before are there.
        pass
    return pages or [Page(0)]


def is_raw(data: bytes, pages: Sequence[Page]) -> bool:
    """Say whether a TIFF file is a camera's raw file, whatever thumbnail its first page holds.

    Args:
        data: The whole file.
        pages: From `read_pages`.
    """
    return data[8:12].startswith(_RAW_MARKS) or any(page.is_raw for page in pages)


def images_of(pages: Sequence[Page]) -> list[Page]:
    """Return the pages that a person can choose among: the photographs, without reduced copies and masks.

    Args:
        pages: From `read_pages`.

    Returns:
        At least one. A page below another counts only where the page above is a reduced copy.
    """
    images = [page for page in pages if page.is_image and not page.is_below]
    return images or [page for page in pages if page.is_image] or list(pages[:1])


def with_first_page(data: bytes, page: Page) -> bytes:
    """Return the file with another page as its first, the one that decoders take.

    Args:
        data: The whole file.
        page: One of its pages.
    """
    start, kind = (8, "Q") if 43 in data[2:4] else (4, "I")
    first = struct.pack(_order(data) + kind, page.offset)
    if data[start : start + len(first)] == first:
        return data
    return b"".join((data[:start], first, data[start + len(first) :]))


def check_stored(page: Page, name: str) -> None:
    """Reject a page whose pixels are stored in a way that nothing here reads, and say in which.

    Args:
        page: From `read_pages`.
        name: How the rejection names the image.

    Raises:
        ImageRejectedError: `unreadable`.
    """
    compression, photometric = page.number(_COMPRESSION, 1), page.number(_PHOTOMETRIC, 1)
    by_tifffile = compression in _MORE_COMPRESSIONS
    if (compression not in _COMPRESSIONS and not by_tifffile) or (by_tifffile and photometric == _YCBCR):
        named = _NAMES.get(compression) or _compression_name(compression)
        raise ImageRejectedError(
            "unreadable",
            sentence(
                "{name} is compressed in a way that is not supported ({kind}). "
                "Export it uncompressed or as JPEG, and try again.",
                name=name,
                kind=named,
            ),
        )
    bits, kinds = page.tags.get(_BITS, (1,)), set(page.tags.get(_SAMPLE_FORMAT, (_UNSIGNED,)))
    unusual = next((_KINDS[kind] for kind in sorted(kinds) if kind in _KINDS), None)
    is_odd = max(bits) > 16 or len(set(bits)) > 1 or (8 < max(bits) < 16 and photometric not in (1, 2))
    if unusual or is_odd or (by_tifffile and photometric not in _GREY_OR_RGB):
        depth = f"{max(bits)} bits" + (f", {unusual}" if unusual else "")
        raise ImageRejectedError(
            "unreadable",
            sentence(
                "{name} stores its pixels in a way that is not supported ({kind}). Export it as 8-bit RGB ({formats}).",
                name=name,
                kind="palette, compressed" if by_tifffile and photometric == _PALETTE else depth,
                formats=FORMATS,
            ),
        )


def decode_page(data: bytes, name: str) -> tuple[Image.Image, bytes | None]:
    """Decode the first page by tifffile: 16 bits, by plane or by pixel, and compressions that Pillow lacks.

    Args:
        data: The whole file, whose first page passed `check_stored`.
        name: How a rejection names the image.

    Returns:
        Upright, mode L, LA, RGB or RGBA, and the embedded ICC profile.

    Raises:
        ImageRejectedError: `too_small`, `too_large`, `truncated` or `unreadable`.
    """
    with refusing_damage(name), tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        check_size(name, width=page.imagewidth, height=page.imagelength)
        tags = {tag.code: tag.value for tag in page.tags}
        check_tiff(tags, width=page.imagewidth, height=page.imagelength, size=len(data), name=name)
        stored = np.asarray(page.asarray())
        samples, extra = page.samplesperpixel, tuple(int(each) for each in page.extrasamples)
        if page.planarconfig == _BY_PLANE and samples > 1:
            stored = np.moveaxis(stored, 0, -1)
        if stored.shape[:2] != (page.imagelength, page.imagewidth) or stored.dtype not in (np.uint8, np.uint16):
            raise damaged(name)
        pixels = to_eight_bits(stored, page.bitspersample)
        if page.photometric == 0:
            pixels = 255 - pixels
        colours = 3 if page.photometric == 2 else 1
        # A further channel is transparency unless the file says that it is something else.
        shown = colours + 1 if samples > colours and extra[:1] != (0,) else colours
        pixels = pixels.reshape(*pixels.shape[:2], -1)[..., :shown]
        if shown > colours and extra[:1] == (1,):
            # Colours that were multiplied by their alpha, which is undone.
            alpha = pixels[..., -1:].astype(np.float32) / 255
            whole = pixels[..., :colours] / np.maximum(alpha, 1 / 255)
            pixels = np.concatenate([np.clip(np.rint(whole), 0, 255).astype(np.uint8), pixels[..., -1:]], axis=2)
        image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if shown == 1 else pixels))
        turn = UPRIGHT.get(int(tags.get(_ORIENTATION, 1)))
        profile = tags.get(_PROFILE)
    return image if turn is None else image.transpose(turn), profile if isinstance(profile, bytes) else None


def _below(data: bytes, page: Page, seen: set[int], *, is_big: bool) -> Iterator[Page]:
    for offset in page.tags.get(_SUB_PAGES, ()):
        if offset and offset not in seen:
            try:
                below, _ = _read_page(data, offset, is_big=is_big)
            except struct.error:
                continue
            yield Page(below.offset, below.tags, is_below=True)


def _read_page(data: bytes, offset: int, *, is_big: bool) -> tuple[Page, int]:
    """Return the directory at an offset, and where the next one is."""
    order = _order(data)
    count_as, count_size, entry, inline, value_as = ("Q", 8, 20, 8, "Q") if is_big else ("H", 2, 12, 4, "I")
    (entries,) = struct.unpack_from(order + count_as, data, offset)
    end = offset + count_size + entries * entry
    (following,) = struct.unpack_from(order + value_as, data, end)
    tags: dict[int, tuple[int, ...]] = {}
    for position in range(offset + count_size, end, entry):
        tag, kind, count = struct.unpack_from(order + "HH" + value_as, data, position)
        if tag not in _WANTED or kind not in _TYPES:
            continue
        letters = f"{min(count, _MOST_VALUES)}{_TYPES[kind]}"
        start = position + entry - inline
        if count * struct.calcsize("=" + _TYPES[kind]) > inline:
            (start,) = struct.unpack_from(order + value_as, data, start)
        try:
            tags[tag] = struct.unpack_from(order + letters, data, start)
        except struct.error:
            # A value outside the file is as good as none; decoders reject what they need.
            continue
    return Page(offset, tags), following


def _order(data: bytes) -> str:
    return "<" if data.startswith(b"II") else ">"


def _compression_name(code: int) -> str:
    try:
        return tifffile.COMPRESSION(code).name.replace("_", " ")
    except ValueError:
        return f"number {code}"

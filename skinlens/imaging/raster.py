"""JPEG, PNG, TIFF, BMP and WebP bytes, and those of newer formats, to an upright RGB image."""

import io
import struct
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageChops,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from skinlens.imaging.declared import check_bmp, check_png, check_tiff
from skinlens.imaging.exif import ON_ITS_SIDE, UPRIGHT, ExifFacts, read_exif
from skinlens.imaging.frames import check_frame, frame_note
from skinlens.imaging.guards import FORMATS, check_decoded_size, check_size, damaged, refusing_damage
from skinlens.imaging.image import Decoded, ImageRejectedError, Pixels
from skinlens.imaging.jpeg import check_end, read_structure
from skinlens.imaging.jpegxl import Header, JpegXlFile
from skinlens.imaging.newer import newer_opener
from skinlens.imaging.reduction import divisor
from skinlens.imaging.srgb import UNCALIBRATED_NOTE, to_eight_bits, to_srgb
from skinlens.imaging.tiff import check_stored, decode_page, images_of, read_pages, with_first_page
from skinlens.translation import marked, sentence

# Two letters are a weak signature, so a BMP must also state one of the sizes that its second header can have.
_BMP_HEADERS = {struct.pack("<I", size) for size in (12, 40, 52, 56, 64, 108, 124)}

# Few enough rows of a large photograph to stay in the processor's cache.
_ROWS_AT_ONCE = 64

_GREY_NOTE = marked("This image has no colour; the model was trained on colour images, so trust its answer less.")
_ALPHA_NOTE = marked("Transparent parts of this image were filled with white.")
_REDUCED_NOTE = marked("The first page of this file is a reduced copy; the full-size page is used.")
_LINEAR_NOTE = marked("The numbers of this file are linear light by its label; they were converted to sRGB.")
_ONLY_REDUCED_NOTE = marked("This file says that it holds a reduced copy only; use the original if you have it.")


class _JpegFile(JpegImagePlugin.JpegImageFile):
    def _read_dpi_from_exif(self) -> None:
        """Leave the resolution alone: nothing here uses it, and Pillow warns of sloppy EXIF while looking for it."""


class _TiffFile(TiffImagePlugin.TiffImageFile):
    def load_prepare(self) -> None:
        """Make room for the pixels without Pillow's own, lower, size warning: `check_size` has decided."""
        if self._im is None:
            self.im = Image.core.new(self.mode, self._tile_size)
        super().load_prepare()


_Opener = Callable[[io.BytesIO], Image.Image]


def find_opener(data: bytes) -> _Opener | None:
    """Return what opens an ordinary image, by its signature alone.

    Args:
        data: The whole file, or its first bytes.

    Returns:
        A class of Pillow's, or one of ours; None if it is none of the formats.
    """
    if data.startswith(b"\xff\xd8\xff"):
        # Opened as a plain JPEG, the several images in a phone's MPO file are no matter: the first is the photograph.
        return _JpegFile
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImagePlugin.PngImageFile
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return _TiffFile
    if data.startswith(b"BM") and data[14:18] in _BMP_HEADERS:
        return BmpImagePlugin.BmpImageFile
    if data.startswith((b"GIF87a", b"GIF89a")):
        # Only to tell an animation from a still image: both are rejected.
        return GifImagePlugin.GifImageFile
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return WebPImagePlugin.WebPImageFile
    return newer_opener(data)


def decode_raster(data: bytes, opener: _Opener, name: str, frame: int = 0, side: int | None = None) -> Decoded:
    """Decode one ordinary image.

    Args:
        data: The whole file.
        opener: From `find_opener`; bypasses `PIL.Image.open`, whose size limit is a global that warns.
        name: What to call the image in the message.
        frame: Which page of a TIFF file, from 0.
        side: A JPEG may be decoded at a reduced size, as for `decode.decode`; every other format gives all its pixels.

    Raises:
        ImageRejectedError: `truncated`, `too_small`, `too_large`, `animated`, `unreadable`, `no_such_frame` or
            `over_budget`.
    """
    if opener is _TiffFile:
        return _decode_tiff(data, name, frame)
    check_frame(frame, 1, name)
    structure = read_structure(data, name) if opener is _JpegFile else None
    if opener is PngImagePlugin.PngImageFile:
        check_png(data, name)
    with refusing_damage(name):
        image = opener(io.BytesIO(data))
    check_size(name, width=image.width, height=image.height)
    if image.format in ("BMP", "DIB"):
        with refusing_damage(name):
            check_bmp(image, data, name)
    if isinstance(image, JpegXlFile):
        _require_read(image.header, name)
    _require_one_frame(image, name)
    # After the check of frames: a moving GIF is rejected as an animation.
    if image.format == "GIF":
        raise ImageRejectedError(
            "unreadable",
            sentence(
                "{name} is a GIF, whose 256 colours are too few. Export it as {formats}.", name=name, formats=FORMATS
            ),
        )
    notes: tuple[str, ...] = ()
    by = 1 if structure is None else divisor(image.width, image.height, side)
    full_size = image.size
    with refusing_damage(name):
        _draft(image, by).load()
    if structure is not None:
        with refusing_damage(name):
            notes += check_end(data, structure, image, lambda changed: _draft(opener(io.BytesIO(changed)), by), name)
    profile = image.info.get("icc_profile")
    exif = read_exif(image.info.get("exif"))
    if isinstance(image, JpegXlFile):
        # Its decoder has turned it upright.
        exif = replace(exif, orientation=1)
        notes += (_LINEAR_NOTE,) if image.header.is_linear else ()
    if image.format == "PNG" and data[24] == 16:
        # Pillow's pixels, cut to their high byte, have shown that the file is whole; they are given up before OpenCV
        # makes its own.
        image.close()
        del image
        image = Image.fromarray(_decode_deep(data, name))
    # The decoder rounds up: a last column that is mostly padding would stretch the image.
    size = round(full_size[0] / by), round(full_size[1] / by)
    pixels, more_notes = _finished(image, profile, exif, name, size=size)
    if by == 1:
        return Decoded(pixels, notes + more_notes)
    return Decoded(
        pixels, notes + more_notes, full_size=full_size[::-1] if exif.orientation in ON_ITS_SIDE else full_size
    )


def _draft(image: Image.Image, by: int) -> Image.Image:
    """Have a JPEG's decoder divide both sides by 1, 2, 4 or 8: it computes the mean of blocks instead of all pixels."""
    if by > 1:
        image.draft(None, (image.width // by, image.height // by))
    return image


def _decode_tiff(data: bytes, name: str, frame: int) -> Decoded:
    pages = read_pages(data, name)
    images = images_of(pages)
    check_frame(frame, len(images), name)
    page = images[frame]
    notes: tuple[str, ...] = ()
    if page.is_reduced:
        notes = (_ONLY_REDUCED_NOTE,)
    elif pages[0].is_reduced:
        notes = (_REDUCED_NOTE,)
    notes += frame_note(frame, len(images), pages=True)
    if not page.offset:
        raise damaged(name)
    data = with_first_page(data, page)
    check_stored(page, name)
    image: Image.Image | None = None
    with refusing_damage(name):
        try:
            image = _TiffFile(io.BytesIO(data))
        except SyntaxError:
            # Pillow knows no such file; tifffile may.
            if not page.is_plain:
                raise
    # Pillow's pixels show that the file is whole, also where they are given up for tifffile's. It turns them, too.
    if isinstance(image, _TiffFile) and not page.is_beyond_pillow:
        with refusing_damage(name):
            check_size(name, width=image.width, height=image.height)
            check_tiff(image.tag_v2, width=image.width, height=image.height, size=len(data), name=name)
            image.load()
            profile = image.info.get("icc_profile")
    if image is None or page.is_beyond_pillow or page.is_deep:
        image, profile = decode_page(data, name)
    # The orientation in the same directory has been followed.
    exif = replace(read_exif(data), orientation=1)
    pixels, more_notes = _finished(image, profile, exif, name)
    return Decoded(pixels, notes + more_notes, frames=len(images))


def _finished(
    image: Image.Image, profile: bytes | None, exif: ExifFacts, name: str, *, size: tuple[int, int] | None = None
) -> tuple[Pixels, tuple[str, ...]]:
    """Opaque, in sRGB, of the size that is wanted and upright."""
    with refusing_damage(name):
        image, notes = _to_opaque(image, name)
        upright, more_notes = to_srgb(image, profile, is_adobe_rgb=exif.is_adobe_rgb)
        del image
        if size is not None and upright.size != size:
            upright = upright.crop((0, 0, *size))
        if exif.orientation in UPRIGHT:
            upright = upright.transpose(UPRIGHT[exif.orientation])
    if exif.is_uncalibrated and not profile:
        more_notes = (*more_notes, UNCALIBRATED_NOTE)
    return _pixels(upright), notes + more_notes


def _pixels(image: Image.Image) -> Pixels:
    """Return the pixels of an RGB image: what `np.array` does with three copies, of which two are as large."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _ROWS_AT_ONCE):
        bottom = min(top + _ROWS_AT_ONCE, image.height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return pixels


def _require_read(header: Header, name: str) -> None:
    """Reject a JPEG XL image whose pixels are stored in a way that is not read, or take too much memory."""
    if header.unread:
        raise ImageRejectedError(
            "unreadable",
            sentence(
                "{name} stores its pixels in a way that is not supported ({kind}). Export it as 8-bit RGB ({formats}).",
                name=name,
                kind=header.unread,
                formats=FORMATS,
            ),
        )
    channels = (1 if header.is_grey else 3) + header.has_alpha
    bytes_per_pixel = channels * (2 if header.bits > 8 else 1)
    check_decoded_size(name, width=header.width, height=header.height, bytes_per_pixel=bytes_per_pixel)


def _require_one_frame(image: Image.Image, name: str) -> None:
    with refusing_damage(name):
        frames = getattr(image, "n_frames", 1)
    if frames == 1:
        return
    raise ImageRejectedError(
        "animated",
        sentence("{name} is an animation of {frames} frames. Save one image as JPEG or PNG.", name=name, frames=frames),
    )


def _decode_deep(data: bytes, name: str) -> Pixels:
    with refusing_damage(name):
        stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16:
        raise damaged(name)
    pixels = to_eight_bits(stored, 16)
    if pixels.ndim == 2:
        return pixels
    # OpenCV's order is BGR or BGRA.
    return np.ascontiguousarray(pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]])


def _to_opaque(image: Image.Image, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    """Return mode RGB or CMYK, and what had to be done."""
    notes = (_GREY_NOTE,) if image.mode in ("1", "L", "LA", "La") else ()
    if image.mode == "CMYK":
        # Pillow inverts every CMYK JPEG; one without an Adobe mark is not stored inverted.
        is_conventional = image.format == "JPEG" and "adobe" not in image.info
        return ImageChops.invert(image) if is_conventional else image, notes
    if image.has_transparency_data:
        image = image.convert("RGBA")
        low, high = image.getchannel("A").getextrema()
        # A channel that is zero throughout is padding, not transparency.
        if low == 255 or high == 0:
            return image.convert("RGB"), notes
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image).convert("RGB"), (*notes, _ALPHA_NOTE)
    if image.mode == "RGB":
        return image, notes
    if image.mode in ("1", "L", "P", "RGBX", "YCbCr"):
        return image.convert("RGB"), notes
    raise ImageRejectedError(
        "unreadable",
        sentence(
            "{name} stores its pixels in a way that is not supported ({mode}). Export it as 8-bit RGB ({formats}).",
            name=name,
            mode=image.mode,
            formats=FORMATS,
        ),
    )

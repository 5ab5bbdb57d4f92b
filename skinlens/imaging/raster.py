"""JPEG, PNG, TIFF, BMP and WebP bytes to an upright RGB image."""

import io
import struct
from collections.abc import Callable

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

from skinlens.imaging.declared import check_bmp, check_png, check_tiff, count_tiff_pages
from skinlens.imaging.guards import FORMATS, check_size, damaged, refusing_damage
from skinlens.imaging.image import ImageRejectedError, Pixels
from skinlens.imaging.jpeg import check_end, read_structure
from skinlens.imaging.srgb import to_eight_bits, to_srgb
from skinlens.translation import marked, sentence

_ORIENTATION = 0x0112
_BITS_PER_SAMPLE = 258
_PHOTOMETRIC = 262
_SAMPLE_FORMAT = 339

# Two letters are a weak signature, so a BMP must also state one of the sizes that its second header can have.
_BMP_HEADERS = {struct.pack("<I", size) for size in (12, 40, 52, 56, 64, 108, 124)}

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_GREY_NOTE = marked("This image has no colour; the model was trained on colour images, so trust its answer less.")
_ALPHA_NOTE = marked("Transparent parts of this image were filled with white.")


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
    return None


def decode_raster(data: bytes, opener: _Opener, name: str) -> tuple[Pixels, tuple[str, ...]]:
    """Decode one ordinary image.

    Args:
        data: The whole file.
        opener: From `find_opener`; bypasses `PIL.Image.open`, whose size limit is a global that warns.
        name: What to call the image in the message.

    Returns:
        RGB uint8 `(H, W, 3)`, upright, and sentences about what had to be done.

    Raises:
        ImageRejectedError: `truncated`, `too_small`, `too_large`, `animated`, `unreadable` or `over_budget`.
    """
    structure = read_structure(data, name) if opener is _JpegFile else None
    if opener is PngImagePlugin.PngImageFile:
        check_png(data, name)
    pages = count_tiff_pages(data, name) if opener is _TiffFile else 1
    with refusing_damage(name):
        image = opener(io.BytesIO(data))
    check_size(name, width=image.width, height=image.height)
    with refusing_damage(name):
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            check_tiff(image, len(data), name)
        elif image.format in ("BMP", "DIB"):
            check_bmp(image, data, name)
    notes = _check_frames(image, pages, name)
    # After the check of frames: a moving GIF is rejected as an animation.
    if image.format == "GIF":
        raise ImageRejectedError(
            "unreadable",
            sentence(
                "{name} is a GIF, whose 256 colours are too few. Export it as {formats}.", name=name, formats=FORMATS
            ),
        )
    with refusing_damage(name):
        deep = _is_deep(image, data)
        image.load()
    if structure is not None:
        with refusing_damage(name):
            notes += check_end(data, structure, image, lambda changed: opener(io.BytesIO(changed)), name)
    profile = image.info.get("icc_profile")
    orientation = _orientation(image.info.get("exif"))
    if deep:
        # Pillow's pixels have shown that the file is whole; they are given up before OpenCV makes its own.
        image.close()
        del image
        image = Image.fromarray(_decode_deep(data, name))
    with refusing_damage(name):
        image, more_notes = _to_opaque(image, name)
        upright = to_srgb(image, profile)
        del image
        if orientation in _UPRIGHT:
            upright = upright.transpose(_UPRIGHT[orientation])
    return np.array(upright), notes + more_notes


def _check_frames(image: Image.Image, pages: int, name: str) -> tuple[str, ...]:
    if image.format == "TIFF":
        return (sentence("This file holds {n} pages; the first is used.", n=pages),) if pages > 1 else ()
    with refusing_damage(name):
        frames = getattr(image, "n_frames", 1)
    if frames == 1:
        return ()
    raise ImageRejectedError(
        "animated",
        sentence("{name} is an animation of {frames} frames. Save one image as JPEG or PNG.", name=name, frames=frames),
    )


def _is_deep(image: Image.Image, data: bytes) -> bool:
    """Say whether samples have 16 bits, which Pillow cuts to their high byte or does not convert at all."""
    if image.format == "PNG":
        return data[24] == 16
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags = image.tag_v2
        unsigned = set(tags.get(_SAMPLE_FORMAT, (1,))) == {1}
        return unsigned and set(tags.get(_BITS_PER_SAMPLE, (1,))) == {16} and tags.get(_PHOTOMETRIC) in (1, 2)
    return False


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


def _orientation(exif: object) -> int:
    """Read the orientation out of an EXIF block, 1 if it has none; unlike Pillow's reader, never warns or raises.

    A TIFF has no such block: Pillow turns it while loading.
    """
    # A PNG's text chunk can put a string here under the same name.
    tiff = exif.removeprefix(b"Exif\0\0") if isinstance(exif, bytes) else b""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, entry)
            if tag == _ORIENTATION:
                return int(value)
    except struct.error:
        pass
    return 1

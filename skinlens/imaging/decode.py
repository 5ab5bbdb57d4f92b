"""Bytes or a path to an image: the only place in the project that opens one."""

import hashlib
from datetime import date
from pathlib import Path

from skinlens.imaging.files import UnusableFileError, read_regular
from skinlens.imaging.image import Decoded, ImageRejectedError, LesionImage
from skinlens.imaging.raw import RAW_SUFFIXES
from skinlens.imaging.workers import NoWorkerError, decode_in_worker
from skinlens.translation import sentence

IMAGE_SUFFIXES = RAW_SUFFIXES | frozenset(
    {
        *(".jpg", ".jpeg", ".jfif", ".jpe", ".mpo", ".png", ".tif", ".tiff", ".bmp", ".webp", ".dcm", ".dicom"),
        *(".heic", ".heif", ".avif", ".jp2", ".j2k", ".jpf", ".jpx", ".jxl"),
    }
)


def decode(source: bytes | Path, *, name: str | None = None, frame: int = 0, side: int | None = None) -> LesionImage:
    """Decode one dermoscopic image, within a budget of time and memory.

    The content of the bytes decides which format they are in, not the name; only a DICOM file without its mark is
    recognised by a name ending in .dcm or .dicom. The result is upright, opaque, 8-bit sRGB, and carries no metadata
    but the day on which the file says that it was taken.

    Decoding happens in another process (see `workers`); where none can be started, it happens in this one, without the
    budget.

    Args:
        source: The whole file, or where it lies.
        name: How people are shown the image; by default the file's name, or "image" for bytes.
        frame: Which of the images of a DICOM file or TIFF, from 0.
        side: As many pixels on the short side are enough: an image of at least twice as many may come as a reduced copy
            of no fewer, which a JPEG gives several times as fast; None wants all pixels.

    Returns:
        The image, its pixels C-contiguous and read-only. A reduced one says how large the image itself is.

    Raises:
        ImageRejectedError: With a sentence that says why and what to do.
    """
    data, name = _content(source, name)
    try:
        decoded, taken = decode_in_worker(data, name, frame, side)
    except NoWorkerError:
        decoded, taken = _decode_here(data, name, frame, side)
    return _image(data, name, decoded, frame, taken)


def in_full(image: LesionImage) -> LesionImage:
    """Return an image with all its pixels: the image itself unless it is a reduced copy.

    Args:
        image: From `decode`.

    Raises:
        ImageRejectedError: If decoding all of it is over the budget.
    """
    return image if image.content is None else decode(image.content, name=image.name, frame=image.frame)


def decode_trusted(source: bytes | Path, *, name: str | None = None) -> LesionImage:
    """Decode one image of a curated dataset in this process: the same result as from `decode`, without the budget.

    Saves about a millisecond an image, which counts in training, and takes down the program if a decoder crashes.
    Arguments, result and errors are those of `decode`, but the day on which it was taken is not read.
    """
    data, name = _content(source, name)
    # The decoders are a third of what a program takes to begin, and mostly needed in the other process alone.
    from skinlens.imaging.formats import decode_content

    return _image(data, name, decode_content(data, name))


def _decode_here(data: bytes, name: str, frame: int, side: int | None) -> tuple[Decoded, date | None]:
    from skinlens.imaging.formats import decode_content
    from skinlens.imaging.taken import day_taken

    return decode_content(data, name, frame, side), day_taken(data, name)


def _image(data: bytes, name: str, decoded: Decoded, frame: int = 0, taken: date | None = None) -> LesionImage:
    decoded.pixels.setflags(write=False)
    return LesionImage(
        pixels=decoded.pixels,
        sha256=hashlib.sha256(data).hexdigest(),
        name=name,
        notes=decoded.notes,
        taken=taken,
        frames=decoded.frames,
        frame=frame,
        millimetres=decoded.millimetres,
        full_size=decoded.full_size,
        content=None if decoded.full_size is None else data,
    )


def _content(source: bytes | Path, name: str | None) -> tuple[bytes, str]:
    if isinstance(source, Path):
        name = name or source.name
        try:
            source = read_regular(source)
        except UnusableFileError as error:
            raise ImageRejectedError(
                error.reason, sentence("{name} cannot be read. {error}", name=name, error=str(error))
            ) from error
        except OSError as error:
            words = sentence("{name} cannot be read. Check that the file exists and that you may open it.", name=name)
            raise ImageRejectedError("unreadable", words) from error
    name = name or "image"
    if not source:
        raise ImageRejectedError("empty", sentence("{name} is empty (0 bytes). Copy or export it again.", name=name))
    return source, name

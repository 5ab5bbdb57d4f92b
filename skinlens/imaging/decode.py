"""Bytes or a path to a picture: the only place in the project that opens an image."""

import hashlib
from pathlib import Path

from skinlens.imaging.dicom import decode_dicom, has_pixels, is_dicom
from skinlens.imaging.files import UnusableFileError, read_regular
from skinlens.imaging.guards import FORMATS
from skinlens.imaging.image import ImageRefusedError, LesionImage, Pixels
from skinlens.imaging.raster import decode_raster, find_opener

__all__ = ["IMAGE_SUFFIXES", "decode", "is_dicom"]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".dcm", ".dicom"})

_DICOM_SUFFIXES = (".dcm", ".dicom")


def decode(source: bytes | Path, *, name: str | None = None) -> LesionImage:
    """Decode one dermoscopic picture.

    What the bytes are is judged by their content, not by the name; only a DICOM file without its mark is recognised
    by a name ending in .dcm or .dicom. The result is upright, opaque, 8-bit sRGB, and carries no metadata.

    Args:
        source: The whole file, or where it lies.
        name: What to call the picture in front of a person; by default the file's name, or "image" for bytes.

    Returns:
        The picture, its pixels C-contiguous and read-only.

    Raises:
        ImageRefusedError: With a sentence that says why and what to do.
    """
    if isinstance(source, Path):
        name = name or source.name
        source = _read(source, name)
    name = name or "image"
    if not source:
        raise ImageRefusedError("empty", f"{name} is empty (0 bytes). Copy or export it again.")
    pixels, notes = _decode(source, name)
    pixels.setflags(write=False)
    return LesionImage(pixels=pixels, sha256=hashlib.sha256(source).hexdigest(), name=name, notes=notes)


def _read(path: Path, name: str) -> bytes:
    try:
        return read_regular(path)
    except UnusableFileError as error:
        raise ImageRefusedError(error.reason, f"{name} cannot be read. {error}") from error
    except OSError as error:
        raise ImageRefusedError(
            "unreadable",
            f"{name} cannot be read. Check that the file exists and that you may open it.",
        ) from error


def _decode(data: bytes, name: str) -> tuple[Pixels, tuple[str, ...]]:
    if is_dicom(data):
        return decode_dicom(data, name)
    if opener := find_opener(data):
        return decode_raster(data, opener, name)
    if name.lower().endswith(_DICOM_SUFFIXES) and has_pixels(data):
        return decode_dicom(data, name)
    raise ImageRefusedError("not_an_image", f"{name} is not a picture that can be opened. Use {FORMATS}.")

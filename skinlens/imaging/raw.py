"""Camera raw: recognised, and developed where the library for it is installed; its thumbnail is never assessed."""

import io

import numpy as np

from skinlens.imaging.guards import check_size, damaged, refusing_damage
from skinlens.imaging.image import Decoded, ImageRejectedError
from skinlens.imaging.tiff import is_raw, is_tiff, read_pages
from skinlens.translation import marked, sentence

RAW_SUFFIXES = frozenset(
    {".dng", ".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw", ".x3f"}
)
# Raw that is no TIFF, by its first bytes: Olympus, Panasonic, Fujifilm, Sigma, Minolta, and Canon before 2004.
_MARKS = (
    *(b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"FOVb", b"\0MRM"),
    b"II\x1a\0\0\0HEAPCCDR",
)
# Canon's since 2018 is a relative of HEIC.
_CANON = b"ftypcrx "

_DEVELOPED = marked(
    "This is a camera raw file; SkinLens developed its colours itself, and the camera's own JPEG may look different."
)


def is_camera_raw(data: bytes, name: str) -> bool:
    """Say whether a file is what a camera's sensor recorded, by its content alone.

    Args:
        data: The whole file.
        name: How a rejection names the image.

    Raises:
        ImageRejectedError: `over_budget` for a TIFF of too many pages.
    """
    if data.startswith(_MARKS) or data[4:12] == _CANON:
        return True
    return is_tiff(data) and is_raw(data, read_pages(data, name))


def develop(data: bytes, name: str) -> Decoded:
    """Develop a camera raw file with the white balance that the camera chose.

    Args:
        data: The whole file.
        name: How a rejection names the image.

    Returns:
        RGB uint8, upright, sRGB, with a note.

    Raises:
        ImageRejectedError: `camera_raw` if rawpy (LibRaw) is not installed or does not know the camera; `too_small`,
            `too_large` or `truncated`.
    """
    try:
        import rawpy
    except ImportError as error:
        raise ImageRejectedError(
            "camera_raw",
            sentence(
                "{name} is a camera raw file, and the package that develops it is not installed. Export it as JPEG or "
                "TIFF and choose that file, or install the package: pip install 'skinlens[raw]'.",
                name=name,
            ),
        ) from error
    try:
        raw = rawpy.imread(io.BytesIO(data))
    except rawpy.LibRawFileUnsupportedError as error:
        raise ImageRejectedError(
            "camera_raw",
            sentence(
                "{name} is a camera raw file of a kind that is not supported. "
                "Export it as JPEG or TIFF and choose that file.",
                name=name,
            ),
        ) from error
    except rawpy.LibRawError as error:
        raise damaged(name) from error
    with raw:
        check_size(name, width=raw.sizes.width, height=raw.sizes.height)
        with refusing_damage(name):
            pixels = raw.postprocess(use_camera_wb=True, output_bps=8)
    return Decoded(np.ascontiguousarray(pixels), (_DEVELOPED,))

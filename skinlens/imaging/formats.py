"""The bytes of a file to pixels, in this process: which format they are in is decided by their content."""

from skinlens.imaging.dicom import decode_dicom, has_pixels, is_dicom
from skinlens.imaging.guards import FORMATS, needs_too_much_memory
from skinlens.imaging.image import ImageRejectedError, Pixels
from skinlens.imaging.raster import decode_raster, find_opener
from skinlens.translation import sentence

DICOM_SUFFIXES = (".dcm", ".dicom")


def decode_content(data: bytes, name: str) -> tuple[Pixels, tuple[str, ...]]:
    """Decode one image without a budget of time.

    Args:
        data: The whole file, not empty.
        name: How a rejection names the image; also recognises a DICOM file without its mark by .dcm or .dicom.

    Returns:
        RGB uint8 `(H, W, 3)`, upright and C-contiguous, and notes on what decoding had to do.

    Raises:
        ImageRejectedError: With a sentence that says why and what to do.
    """
    try:
        if is_dicom(data):
            return decode_dicom(data, name)
        if opener := find_opener(data):
            return decode_raster(data, opener, name)
        if name.lower().endswith(DICOM_SUFFIXES) and has_pixels(data):
            return decode_dicom(data, name)
        raise ImageRejectedError(
            "not_an_image",
            sentence("{name} is not an image that can be opened. Use {formats}.", name=name, formats=FORMATS),
        )
    except MemoryError as error:
        raise needs_too_much_memory(name) from error

"""The bytes of a file to pixels, in this process: which format they are in is decided by their content."""

from skinlens.imaging.archives import HEAD, other_archive
from skinlens.imaging.dicom import decode_dicom, has_pixels, is_dicom
from skinlens.imaging.guards import FORMATS, needs_too_much_memory
from skinlens.imaging.image import ImageRejectedError, Pixels
from skinlens.imaging.newer import unread_kind
from skinlens.imaging.raster import decode_raster, find_opener

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
        if sentence := other_archive(data[:HEAD]):
            raise ImageRejectedError("not_an_image", f"{name} is not an image. {sentence}")
        if kind := unread_kind(data):
            raise ImageRejectedError("not_an_image", f"{name} is {kind}, which is not read. Export it as {FORMATS}.")
        raise ImageRejectedError("not_an_image", f"{name} is not an image that can be opened. Use {FORMATS}.")
    except MemoryError as error:
        raise needs_too_much_memory(name) from error

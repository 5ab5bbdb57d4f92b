"""The bytes of a file to pixels, in this process: which format they are in is decided by their content."""

from skinlens.imaging.archives import HEAD, other_archive
from skinlens.imaging.dicom import decode_dicom, has_pixels, is_dicom
from skinlens.imaging.frames import check_frame
from skinlens.imaging.guards import FORMATS, needs_too_much_memory
from skinlens.imaging.image import Decoded, ImageRejectedError
from skinlens.imaging.own import is_own_heatmap, own_output, reject_document
from skinlens.imaging.raster import decode_raster, find_opener
from skinlens.imaging.raw import develop, is_camera_raw
from skinlens.imaging.reduction import reduced
from skinlens.translation import sentence, together

DICOM_SUFFIXES = (".dcm", ".dicom")


def decode_content(data: bytes, name: str, frame: int = 0, side: int | None = None) -> Decoded:
    """Decode one image without a budget of time.

    Args:
        data: The whole file, not empty.
        name: How a rejection names the image; also recognises a DICOM file without its mark by .dcm or .dicom.
        frame: Which of the file's images, from 0.
        side: As for `decode.decode`.

    Raises:
        ImageRejectedError: With a sentence that says why and what to do.
    """
    decoded = _decoded(data, name, frame, side)
    try:
        return decoded if side is None else reduced(decoded, side)
    except MemoryError as error:
        raise needs_too_much_memory(name) from error


def _decoded(data: bytes, name: str, frame: int, side: int | None) -> Decoded:
    try:
        reject_document(data, name)
        if is_own_heatmap(data):
            raise own_output(name)
        if is_dicom(data):
            return decode_dicom(data, name, frame)
        if is_camera_raw(data, name):
            check_frame(frame, 1, name)
            return develop(data, name)
        if opener := find_opener(data):
            return decode_raster(data, opener, name, frame, side)
        if name.lower().endswith(DICOM_SUFFIXES) and has_pixels(data):
            return decode_dicom(data, name, frame)
        if archive := other_archive(data[:HEAD]):
            raise ImageRejectedError("not_an_image", together(sentence("{name} is not an image.", name=name), archive))
        raise ImageRejectedError(
            "not_an_image",
            sentence("{name} is not an image that can be opened. Use {formats}.", name=name, formats=FORMATS),
        )
    except MemoryError as error:
        raise needs_too_much_memory(name) from error

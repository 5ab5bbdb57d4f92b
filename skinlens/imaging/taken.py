"""The day on which a photograph was taken, as its file states it, and nothing else of what a file states."""

import io
import struct
import warnings
from datetime import date, datetime

from PIL import Image

from skinlens.imaging.dicom import day_of_dicom, has_pixels, is_dicom
from skinlens.imaging.formats import DICOM_SUFFIXES
from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.raster import find_opener

_EXIF_BLOCK = 0x8769
_ORIGINAL = 0x9003
# Cameras whose clock was never set begin long before.
_EARLIEST = date(1990, 1, 1)
_DAMAGE = (
    *(ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, ZeroDivisionError),
    *(OSError, SyntaxError, EOFError, RecursionError, struct.error),
)


def day_taken(data: bytes, name: str) -> date | None:
    """Return the day on which a photograph was taken, as its file states it.

    EXIF's DateTimeOriginal, or of a DICOM file the first of AcquisitionDate, AcquisitionDateTime, ContentDate and
    StudyDate. A camera's clock may be wrong, so the day is a suggestion for a person to confirm.

    Args:
        data: The whole file, which was decoded before.
        name: As for `formats.decode_content`.

    Returns:
        None if the file states none, one that is no day, or one before 1990 or after tomorrow.
    """
    try:
        if is_dicom(data) or (name.lower().endswith(DICOM_SUFFIXES) and has_pixels(data)):
            stated = day_of_dicom(data, name)
            day = datetime.strptime(stated[:8], "%Y%m%d").date()  # noqa: DTZ007 - a day without a time
        else:
            day = datetime.strptime(_original(data)[:10], "%Y:%m:%d").date()  # noqa: DTZ007
    except (*_DAMAGE, ImageRejectedError):
        return None
    # The camera may be in a zone where it is tomorrow already.
    return day if day >= _EARLIEST and (day - date.today()).days <= 1 else None  # noqa: DTZ011


def _original(data: bytes) -> str:
    """DateTimeOriginal as the file writes it; "" without one."""
    opener = find_opener(data)
    if opener is None:
        return ""
    with warnings.catch_warnings():
        # Pillow warns of sloppy EXIF, of which nothing but a day is wanted.
        warnings.simplefilter("ignore")
        image = opener(io.BytesIO(data))
        if image.format == "TIFF":
            exif = image.getexif()
        else:
            # Not `getexif`, which decodes a PNG without the block to look for it behind the pixels.
            block = image.info.get("exif")
            if not isinstance(block, bytes):
                return ""
            exif = Image.Exif()
            exif.load(block)
        return str(exif.get_ifd(_EXIF_BLOCK).get(_ORIGINAL, ""))

"""Files in folders and archives by their names and first bytes: images, and why anything else is passed over."""

from pathlib import PurePosixPath
from typing import Final

from skinlens.imaging.archives import HEAD, is_zip, other_archive
from skinlens.imaging.decode import IMAGE_SUFFIXES
from skinlens.imaging.dicom import is_dicom, no_photograph
from skinlens.imaging.formats import DICOM_SUFFIXES
from skinlens.imaging.raster import find_opener
from skinlens.translation import marked, sentence

__all__ = ["HEAD", "needs_head", "passed_over"]

_APPLE_DOUBLE = b"\x00\x05\x16\x07"
_MAC_FOLDER = "__MACOSX"
_OF_THE_SYSTEM = frozenset({".ds_store", "thumbs.db", "desktop.ini", ".localized", "icon\r", "ehthumbs.db"})

MAC_DATA: Final = marked("Data of the Mac Finder, no image.")
SYSTEM_FILE: Final = marked("A file of the operating system, no image.")
ZIP_INSIDE: Final = marked("A zip archive. Choose it by itself, or unpack it.")
EMPTY: Final = marked("An empty file.")
NO_IMAGE: Final = marked("No image by its name or its content.")
UNOPENED: Final = marked("A file that cannot be opened.")
_DOCUMENT: Final = marked("A PDF document, no image.")
_GIF: Final = marked("A GIF, whose 256 colours are too few.")


def needs_head(name: str) -> bool:
    """Whether a file's name alone does not say if it is an image; others are opened by whoever reads them."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix in DICOM_SUFFIXES or suffix not in IMAGE_SUFFIXES or PurePosixPath(name).name.startswith("._")


def passed_over(relative: str, head: bytes | None) -> str:
    """Return why a file is passed over; "" for an image, and for what is named like one, which gets a row.

    Args:
        relative: Path of the file from what was named, with slashes.
        head: The first `HEAD` bytes of its content, or all that there are; None if they cannot be read.
    """
    place = PurePosixPath(relative)
    if _MAC_FOLDER in place.parts or (place.name.startswith("._") and (head or b"").startswith(_APPLE_DOUBLE)):
        return MAC_DATA
    if kind := no_photograph(head or b""):
        return sentence("A DICOM file without an image: {kind}.", kind=kind)
    if place.suffix.lower() in IMAGE_SUFFIXES or not place.name:
        return ""
    if place.name.lower() in _OF_THE_SYSTEM:
        return SYSTEM_FILE
    if not head:
        return UNOPENED if head is None else EMPTY
    if head.startswith(b"%PDF"):
        return _DOCUMENT
    if head.startswith(b"GIF8"):
        return _GIF
    if is_dicom(head) or find_opener(head) is not None:
        return ""
    return ZIP_INSIDE if is_zip(head) else other_archive(head) or NO_IMAGE

"""The decoded image that everything downstream works on."""

import hashlib
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

from skinlens.errors import SkinLensError
from skinlens.translation import gettext as _

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LesionImage:
    """One upright RGB image without metadata other than the day on which it was taken.

    Attributes:
        pixels: RGB, uint8, `(H, W, 3)`, read-only; those of a reduced copy where `full_size` says how large the image
            itself is.
        sha256: Hex digest of the bytes as they were received.
        name: What to call the image in front of a person; never parsed.
        notes: Sentences about what decoding had to do ("This file holds 3 frames; the first is used.").
        synthetic: True for a drawn lesion, which must be labelled as such wherever it is shown.
        taken: The day on which the file says that it was taken, to be offered to a person and never used unasked; None
            if it states none.
        frames: How many images the file holds: frames of a DICOM file, pages of a TIFF.
        frame: Which of them this is, from 0.
        millimetres: Width of a pixel of the image itself on the skin in millimetres, as the file states it; None if it
            states none.
        full_size: Columns and rows of the image itself; None where `pixels` are all of it.
        content: The file's bytes, from which `decode.in_full` gets all pixels; None where they are there.
    """

    pixels: Pixels
    sha256: str
    name: str
    notes: tuple[str, ...] = ()
    synthetic: bool = False
    taken: date | None = None
    frames: int = 1
    frame: int = 0
    millimetres: float | None = None
    full_size: tuple[int, int] | None = None
    content: bytes | None = field(default=None, repr=False)

    @property
    def identity(self) -> str:
        """What tells it from every other image, also from those of the same file; see `identity_of`."""
        return identity_of(self.sha256, self.frame)

    @property
    def height(self) -> int:
        """Rows of the image itself, in pixels."""
        return int(self.pixels.shape[0]) if self.full_size is None else self.full_size[1]

    @property
    def width(self) -> int:
        """Columns of the image itself, in pixels."""
        return int(self.pixels.shape[1]) if self.full_size is None else self.full_size[0]

    @property
    def held_bytes(self) -> int:
        """Bytes of memory that it takes."""
        return self.pixels.nbytes + len(self.content or b"")


def identity_of(sha256: str, frame: int) -> str:
    """Return what tells an image from every other one: 64 hexadecimal digits.

    Args:
        sha256: Hex digest of the file's bytes, which is the identity of its first image.
        frame: Which of the file's images it is, from 0.

    >>> identity_of("5c" * 32, 0) == "5c" * 32, identity_of("5c" * 32, 1)[:8]
    (True, '089de968')
    """
    return hashlib.sha256(f"{sha256} {frame + 1}".encode()).hexdigest() if frame else sha256


def name_in_words(name: str, frame: int, frames: int) -> str:
    """Return what to call an image in front of a person: the file's name, and which of its images it is.

    Args:
        name: Of the file.
        frame: From 0.
        frames: How many images the file holds; of one, the name alone is enough.

    >>> name_in_words("lesion.dcm", 2, 12), name_in_words("lesion.png", 0, 1)
    ('lesion.dcm, frame 3 of 12', 'lesion.png')
    """
    return name if frames == 1 else _("{name}, frame {k} of {n}").format(name=name, k=frame + 1, n=frames)


@dataclass(frozen=True, eq=False)
class Decoded:
    """What decoding makes of a file's bytes.

    Attributes:
        pixels: RGB, uint8, `(H, W, 3)`, upright and C-contiguous.
        notes: Sentences about what had to be done.
        frames: How many images the file holds that a person can choose among.
        millimetres: Width of a pixel on the skin, as the file states it; None if it states none.
        full_size: Columns and rows of the upright image where `pixels` are a reduced copy; None where they are all.
    """

    pixels: Pixels
    notes: tuple[str, ...] = ()
    frames: int = 1
    millimetres: float | None = None
    full_size: tuple[int, int] | None = None


class ImageRejectedError(SkinLensError, ValueError):
    """The bytes cannot be used as a dermoscopic image; the message says why and what to do.

    Attributes:
        reason: A stable short code: `empty`, `not_an_image`, `truncated`, `too_small`, `too_large`, `animated`,
            `monochrome`, `unreadable`, `over_budget`, `decoder_failed`, `camera_raw`, `own_output`, `no_such_frame`.
    """

    exit_status = 2

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason

"""Rejections that every decoder shares: sizes, and hostile or damaged bytes."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
from PIL.Image import DecompressionBombError

from skinlens.imaging.image import ImageRejectedError
from skinlens.imaging.limits import MAX_DECODED_BYTES, MAX_PIXELS, MEMORY_BYTES, MIN_SHORT_SIDE, SECONDS
from skinlens.translation import sentence

FORMATS = "JPEG, PNG, TIFF, BMP, WebP, HEIC, AVIF, JPEG 2000 or DICOM"
# What OpenCV calls memory that it did not get.
_CV2_NO_MEMORY = -4


def check_size(name: str, *, width: int, height: int) -> None:
    """Reject an image by the size its header states, before any pixel is decoded.

    Args:
        name: What to call the image in the message.
        width: Columns in pixels.
        height: Rows in pixels.

    Raises:
        ImageRejectedError: `too_small` under 64 px on the short side, `too_large` over 120 megapixels.
    """
    if min(width, height) < MIN_SHORT_SIDE:
        raise ImageRejectedError(
            "too_small",
            sentence(
                "{name} is only {width} x {height} pixels; at least {least} on each side are needed. Use the "
                "original photograph, not a thumbnail.",
                name=name,
                width=width,
                height=height,
                least=MIN_SHORT_SIDE,
            ),
        )
    if width * height > MAX_PIXELS:
        raise too_large(name)


def check_decoded_size(name: str, *, width: int, height: int, bytes_per_pixel: int) -> None:
    """Reject an image by the memory that its decoded samples would take.

    Args:
        name: How the rejection names the image.
        width: Columns in pixels.
        height: Rows in pixels.
        bytes_per_pixel: As stored, all channels together.

    Raises:
        ImageRejectedError: `over_budget`.
    """
    if width * height * bytes_per_pixel > MAX_DECODED_BYTES:
        raise needs_too_much_memory(name)


def too_large(name: str) -> ImageRejectedError:
    """Return the error for an image that is too big to decode safely."""
    return ImageRejectedError(
        "too_large",
        sentence(
            "{name} has more than {most} megapixels. Export it at a smaller size and try again.",
            name=name,
            most=MAX_PIXELS // 1_000_000,
        ),
    )


def damaged(name: str) -> ImageRejectedError:
    """Return the error for an image whose bytes end early or make no sense."""
    return ImageRejectedError(
        "truncated",
        sentence(
            "{name} is incomplete or damaged. Copy it again from the camera, or export it again as JPEG or PNG.",
            name=name,
        ),
    )


def takes_too_long(name: str) -> ImageRejectedError:
    """Return the rejection of an image that was not open in time."""
    return ImageRejectedError(
        "over_budget",
        sentence(
            "{name} could not be opened within {seconds} seconds. Export it again as an ordinary JPEG or PNG.",
            name=name,
            seconds=SECONDS,
        ),
    )


def needs_too_much_memory(name: str) -> ImageRejectedError:
    """Return the rejection of an image that would take too much memory to open."""
    return ImageRejectedError(
        "over_budget",
        sentence(
            "{name} needs more than {most} GB of memory to open. Export it again at a smaller size, as an ordinary "
            "JPEG or PNG.",
            name=name,
            most=MEMORY_BYTES // 2**30,
        ),
    )


def has_too_many_parts(name: str, parts: str) -> ImageRejectedError:
    """Return the rejection of an image of more parts ("1,000 segments") than any camera or program writes."""
    return ImageRejectedError(
        "over_budget",
        sentence(
            "{name} has more than {parts}, so it may be damaged. Export it again as an ordinary JPEG or PNG.",
            name=name,
            parts=parts,
        ),
    )


def decoder_failed(name: str) -> ImageRejectedError:
    """Return the rejection of an image over which the decoder crashed."""
    return ImageRejectedError(
        "decoder_failed",
        sentence(
            "{name} crashed the decoder, so it is probably damaged. Copy it again from the camera, or export it "
            "again as JPEG or PNG.",
            name=name,
        ),
    )


@contextmanager
def refusing_damage(name: str) -> Iterator[None]:
    """Turn whatever a decoding library raises on hostile bytes into an ImageRejectedError.

    Wrap calls into a library only, so that a mistake of our own still shows as what it is.

    Args:
        name: What to call the image in the message.

    Raises:
        ImageRejectedError: `truncated`; `too_large` where the library itself stopped at the size; `over_budget` where
            it got no more memory.
    """
    try:
        yield
    except ImageRejectedError:
        raise
    except DecompressionBombError as error:
        raise too_large(name) from error
    except MemoryError as error:
        raise needs_too_much_memory(name) from error
    # Pillow, pydicom, gdcm, OpenJPEG, CharLS and OpenCV between them raise some twenty unrelated types on bad bytes.
    except Exception as error:
        if isinstance(error, cv2.error) and getattr(error, "code", 0) == _CV2_NO_MEMORY:
            raise needs_too_much_memory(name) from error
        raise damaged(name) from error

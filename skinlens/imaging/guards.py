"""Refusals that every decoder shares: sizes, and hostile or damaged bytes."""

from collections.abc import Iterator
from contextlib import contextmanager

from PIL.Image import DecompressionBombError

from skinlens.imaging.image import ImageRefusedError

FORMATS = "JPEG, PNG, TIFF, BMP, WebP or DICOM"
MIN_SHORT_SIDE = 64
MAX_PIXELS = 100_000_000


def check_size(name: str, *, width: int, height: int) -> None:
    """Refuse a picture by the size its header states, before any pixel is decoded.

    Args:
        name: What to call the picture in the refusal.
        width: Columns in pixels.
        height: Rows in pixels.

    Raises:
        ImageRefusedError: `too_small` under 64 px on the short side, `too_large` over 100 megapixels.
    """
    if min(width, height) < MIN_SHORT_SIDE:
        raise ImageRefusedError(
            "too_small",
            f"{name} is only {width} x {height} pixels; at least {MIN_SHORT_SIDE} on each side are needed. "
            "Use the original photograph, not a thumbnail.",
        )
    if width * height > MAX_PIXELS:
        raise too_large(name)


def too_large(name: str) -> ImageRefusedError:
    """Return the refusal of a picture that is too big to decode safely."""
    return ImageRefusedError(
        "too_large",
        f"{name} has more than {MAX_PIXELS // 1_000_000} megapixels. Export it at a smaller size and try again.",
    )


def damaged(name: str) -> ImageRefusedError:
    """Return the refusal of a picture whose bytes end early or make no sense."""
    return ImageRefusedError(
        "truncated",
        f"{name} is incomplete or damaged. Copy it again from the camera, or export it again as JPEG or PNG.",
    )


@contextmanager
def refusing_damage(name: str) -> Iterator[None]:
    """Turn whatever a decoding library raises on hostile bytes into a refusal.

    Wrap calls into a library only, so that a mistake of our own still shows as what it is.

    Args:
        name: What to call the picture in the refusal.

    Raises:
        ImageRefusedError: `truncated`, or `too_large` where the library itself stopped at the size.
    """
    try:
        yield
    except ImageRefusedError:
        raise
    except DecompressionBombError as error:
        raise too_large(name) from error
    # Pillow, pydicom, gdcm, OpenJPEG, CharLS and OpenCV between them raise some twenty unrelated types on bad bytes.
    except Exception as error:
        raise damaged(name) from error

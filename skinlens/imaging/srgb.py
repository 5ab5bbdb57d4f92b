"""Samples of any depth and any embedded profile to 8-bit sRGB, and sRGB to light and back."""

import io
import struct
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from skinlens.imaging.image import Pixels
from skinlens.translation import marked, sentence

# A profile that moves no colour by more than this is sRGB under another name, and the pixels stay as they are.
_SRGB_TOLERANCE = 3
_ROWS_AT_ONCE = 256
# Adobe RGB (1998), 4.3: the light of its red, green and blue (XYZ, adapted to D50), and the exponent of its curve.
_ADOBE_PRIMARIES = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
_ADOBE_EXPONENT = 563 / 256
_ADOBE_NAME = "Adobe RGB (1998)"
# The triangle of sRGB's colours in the CIE 1931 diagram, and from how much larger a triangle on a gamut is wide.
_SRGB_AREA = 0.1121
_WIDE = 1.1
_LONGEST_NAME = 60

UNCALIBRATED_NOTE = marked(
    "This file says that its colours are not sRGB, but not what they are; they are shown as if they were sRGB."
)


def to_eight_bits(samples: npt.NDArray[Any], bits: int) -> Pixels:
    """Scale unsigned samples so that their full range becomes 0 to 255: `round(v * 255 / (2**bits - 1))`.

    Args:
        samples: Unsigned integers of any shape; values over the range count as its end.
        bits: How many bits of a sample are used, 1 to 16.

    Returns:
        uint8, same shape.
    """
    if bits == 8 and samples.dtype == np.uint8:
        return samples
    top = (1 << bits) - 1
    scaled = ((np.arange(top + 1, dtype=np.uint32) * 255 + top // 2) // top).astype(np.uint8)
    # A few rows at a time, so that the limited samples take no memory beside the samples and the result.
    result = np.empty(samples.shape, np.uint8)
    for first in range(0, len(samples), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        result[rows] = scaled[np.minimum(samples[rows], top)]
    return result


def to_light(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Undo the sRGB curve (IEC 61966-2-1).

    Args:
        code: Values in [0, 1] as stored, of any shape.

    Returns:
        Light in [0, 1], of that shape.
    """
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def from_light(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Apply the sRGB curve, the inverse of `to_light`.

    Args:
        light: From 0, of any shape; light over 1 gives values over 1.

    Returns:
        Values as they are stored, scaled to [0, 1].
    """
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


@cache
def adobe_rgb_profile() -> bytes:
    """Return an ICC profile of Adobe RGB (1998), which cameras name without embedding it.

    It is the sRGB profile with other primaries and another curve.
    """
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = [struct.unpack_from(">4sII", profile, 132 + 12 * number) for number in range(count)]
    places = {tag: start for tag, start, _ in entries}
    for tag, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _ADOBE_PRIMARIES, strict=True):
        # Signed numbers in 1/65536 (ICC.1, 4.6), after the type and four reserved bytes.
        struct.pack_into(">3i", profile, places[tag] + 8, *(round(value * 65536) for value in xyz))
    for tag in (b"rTRC", b"gTRC", b"bTRC"):
        # The simplest of the parametric curves: a power (ICC.1, 10.18).
        struct.pack_into(">HHi", profile, places[tag] + 8, 0, 0, round(_ADOBE_EXPONENT * 65536))
    return bytes(profile)


def to_srgb(
    image: Image.Image, profile: bytes | None, *, is_adobe_rgb: bool = False
) -> tuple[Image.Image, tuple[str, ...]]:
    """Convert an RGB or CMYK image to sRGB by its embedded profile, or by the colour space that its file names.

    Args:
        image: Mode RGB or CMYK.
        profile: The embedded ICC profile; None, a broken one or one of another colour model is ignored.
        is_adobe_rgb: Whether the file names Adobe RGB; ignored where there is a profile, and for CMYK.

    Returns:
        Mode RGB, the very pixels of `image` where it is RGB and the profile says sRGB; and a note where the colours
        were converted from a wider gamut.
    """
    named = ""
    if not profile and is_adobe_rgb and image.mode == "RGB":
        profile, named = adobe_rgb_profile(), _ADOBE_NAME
    source = _source(image.mode, profile) if profile else None
    transform = _transform(image.mode, source) if source is not None else None
    if source is None or transform is None or (image.mode == "RGB" and _changes_nothing(transform)):
        return image if image.mode == "RGB" else image.convert("RGB"), ()
    converted = ImageCms.applyTransform(image, transform) or image
    if not _is_wide(source):
        return converted, ()
    note = sentence("The colours of this image were converted from {space} to sRGB.", space=named or _name_of(source))
    return converted, (note,)


def _source(mode: str, profile: bytes) -> ImageCms.ImageCmsProfile | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        # A profile is an aid: an image with a broken one is shown as if it had none, as browsers do.
        return None
    return source if source.profile.xcolor_space.strip() == mode else None


def _transform(mode: str, source: ImageCms.ImageCmsProfile) -> ImageCms.ImageCmsTransform | None:
    try:
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _is_wide(source: ImageCms.ImageCmsProfile) -> bool:
    """Whether a profile's primaries span clearly more colours than sRGB's."""
    primaries = [getattr(source.profile, f"{colour}_primary", None) for colour in ("red", "green", "blue")]
    # Each is XYZ and xyY.
    corners = [primary[1][:2] for primary in primaries if primary is not None]
    if len(corners) < len(primaries):
        return False
    (ax, ay), (bx, by), (cx, cy) = corners
    return bool(abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2 > _WIDE * _SRGB_AREA)


def _name_of(source: ImageCms.ImageCmsProfile) -> str:
    words = " ".join((source.profile.profile_description or "").split())
    return words[:_LONGEST_NAME] if words.isprintable() and words else "its own colour space"


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    # 729 colours, evenly spread, stand for all of them.
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    moved = ImageCms.applyTransform(Image.fromarray(lattice), transform)
    return moved is not None and int(np.abs(np.asarray(moved).astype(int) - lattice).max()) <= _SRGB_TOLERANCE

"""Colours: what a file says of them, by its profile or by EXIF alone, and the note where a wide gamut was converted."""

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from skinlens.imaging.decode import decode
from skinlens.imaging.srgb import adobe_rgb_profile, from_light, to_light

ADOBE_NOTE = "The colours of this image were converted from Adobe RGB (1998) to sRGB."
# Adobe RGB (1998), 4.3.5.2: from light of its primaries to XYZ; IEC 61966-2-1: from XYZ to light of sRGB's.
TO_XYZ = np.array([(0.57667, 0.18556, 0.18823), (0.29734, 0.62736, 0.07529), (0.02703, 0.07069, 0.99134)])
TO_SRGB = np.array(
    [(3.2404542, -1.5371385, -0.4985314), (-0.9692660, 1.8760108, 0.0415560), (0.0556434, -0.2040259, 1.0572252)]
)


def by_formula(pixels: np.ndarray) -> np.ndarray:
    light = (pixels / 255.0) ** (563 / 256) @ TO_XYZ.T @ TO_SRGB.T
    return np.rint(from_light(np.clip(light, 0, 1)) * 255)


def exif(order: str = "<", *, space: int | None = 65535, index: bytes | None = b"R03\0") -> bytes:
    """A block whose EXIF directory says the colour space, and the one below it the interoperability index."""
    mark = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    entries = [] if space is None else [struct.pack(order + "HHIHH", 0xA001, 3, 1, space, 0)]
    below = 8 + 2 + 12 + 4
    inner = below + 2 + 12 * (len(entries) + (index is not None)) + 4
    if index is not None:
        entries.append(struct.pack(order + "HHII", 0xA005, 4, 1, inner))
    first = struct.pack(order + "HHHIII", 1, 0x8769, 4, 1, below, 0)
    second = struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)
    third = b"" if index is None else struct.pack(order + "HHHI", 1, 1, 2, 4) + index + bytes(4)
    return b"Exif\0\0" + mark + first + second + third


@pytest.fixture(scope="module")
def skin() -> np.ndarray:
    """Colours that Adobe RGB and sRGB share."""
    y, x = np.mgrid[0:70, 0:90]
    return np.stack([150 + x // 2, 110 + y, 90 + (x + y) // 3], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_adobe_rgb_by_exif_alone_is_converted(skin: Any, save: Any, format_: Any, order: Any) -> None:
    options = {"lossless": True} if format_ == "WEBP" else {}
    image = decode(save(skin, format_, exif=exif(order), **options))
    np.testing.assert_allclose(image.pixels, by_formula(skin), atol=1)
    assert np.abs(image.pixels.astype(int) - skin).max() > 8
    assert image.notes == (ADOBE_NOTE,)


def test_a_jpeg_by_a_camera_in_adobe_rgb(skin: Any, save: Callable[..., Any]) -> None:
    plain = decode(save(skin, "JPEG", quality=95)).pixels
    image = decode(save(skin, "JPEG", quality=95, exif=exif()))
    np.testing.assert_allclose(image.pixels, by_formula(plain), atol=1)
    assert image.notes == (ADOBE_NOTE,)


@pytest.mark.parametrize(
    ("block", "notes"),
    [
        (exif(space=1, index=b"R98\0"), ()),
        (exif(space=1), ()),
        (exif(space=None, index=b"R98\0"), ()),
        (exif(space=65535, index=b"R98\0"), ("not what they are",)),
        (exif(space=65535, index=None), ("not what they are",)),
    ],
)
def test_what_is_not_adobe_rgb_stays_as_it_is(
    skin: Any, save: Callable[..., Any], block: Any, notes: tuple[Any, ...]
) -> None:
    image = decode(save(skin, "PNG", exif=block))
    np.testing.assert_array_equal(image.pixels, skin)
    assert len(image.notes) == len(notes)
    assert all(said in note for said, note in zip(notes, image.notes, strict=True))


@pytest.mark.parametrize("block", [exif(space=2, index=None), exif(space=None)])
def test_the_other_ways_in_which_cameras_say_adobe_rgb(skin: Any, save: Callable[..., Any], block: Any) -> None:
    assert decode(save(skin, "PNG", exif=block)).notes == (ADOBE_NOTE,)


def test_an_embedded_profile_counts_more_than_exif(skin: Any, save: Callable[..., Any]) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = decode(save(skin, "PNG", exif=exif(), icc_profile=srgb))
    np.testing.assert_array_equal(image.pixels, skin)
    assert image.notes == ()


def test_a_wide_profile_is_converted_with_a_note(skin: Any, save: Callable[..., Any]) -> None:
    image = decode(save(skin, "PNG", icc_profile=adobe_rgb_profile()))
    np.testing.assert_allclose(image.pixels, by_formula(skin), atol=1)
    assert len(image.notes) == 1
    assert image.notes[0].startswith("The colours of this image were converted from ")


def test_the_made_profile_is_adobe_rgb() -> None:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(adobe_rgb_profile()))
    # The corners of its triangle, adapted back from D50 by the profile's own reader.
    assert profile.profile.red_colorant[0][1] == pytest.approx(0.31111, abs=1e-4)
    grey = Image.fromarray(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2))
    srgb = ImageCms.createProfile("sRGB")
    converted = np.asarray(ImageCms.applyTransform(grey, ImageCms.buildTransform(profile, srgb, "RGB", "RGB")))
    expected = np.rint(from_light((np.arange(256) / 255) ** (563 / 256)) * 255)
    np.testing.assert_allclose(converted[0, :, 1], expected, atol=1)


def test_light_and_code_are_inverse() -> None:
    code = np.linspace(0, 1, 257)
    np.testing.assert_allclose(from_light(to_light(code)), code, atol=1e-12)

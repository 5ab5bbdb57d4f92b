"""Ordinary images: exact pixels from every format, upright, opaque, in sRGB; and what is said about them."""

import hashlib
import io
import struct
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms, ImageOps

from skinlens.imaging.decode import IMAGE_SUFFIXES, decode
from skinlens.imaging.dicom import is_dicom
from skinlens.imaging.raw import RAW_SUFFIXES

LOSSLESS = [
    ("PNG", {}),
    ("PNG", {"compress_level": 0}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", {"compression": "packbits"}),
    ("WEBP", {"lossless": True}),
]


def oriented(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def without_segment(jpeg: bytes, marker: bytes) -> bytes:
    start = jpeg.index(marker)
    (length,) = struct.unpack_from(">H", jpeg, start + 2)
    return jpeg[:start] + jpeg[start + 2 + length :]


@pytest.mark.parametrize(("format_", "options"), LOSSLESS)
def test_a_lossless_file_gives_back_its_pixels(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], format_: str, options: dict[str, Any]
) -> None:
    image = decode(save(truth, format_, **options))
    np.testing.assert_array_equal(image.pixels, truth)
    assert image.notes == ()
    assert not image.synthetic


@pytest.mark.parametrize("options", [{"quality": 95}, {"quality": 30, "progressive": True}, {"subsampling": 0}])
def test_a_jpeg_gives_what_pillow_decodes(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], options: dict[str, int]
) -> None:
    jpeg = save(truth, "JPEG", **options)
    np.testing.assert_array_equal(decode(jpeg).pixels, np.asarray(Image.open(io.BytesIO(jpeg))))


def test_pixels_are_a_contiguous_array_that_nobody_can_write_to(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any]
) -> None:
    for orientation in (1, 6):
        pixels = decode(save(truth, "PNG", exif=oriented(orientation))).pixels
        assert pixels.dtype == np.uint8
        assert pixels.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            pixels[0, 0] = 0


def test_width_and_height_are_those_of_the_image(truth: npt.NDArray[np.uint8], save: Callable[..., Any]) -> None:
    image = decode(save(truth, "PNG"))
    assert (image.height, image.width) == truth.shape[:2]


def test_the_digest_is_of_the_bytes_and_the_name_is_the_files(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], tmp_path: Path
) -> None:
    jpeg = save(truth, "JPEG")
    path = tmp_path / "left arm.jpg"
    path.write_bytes(jpeg)
    assert decode(path).sha256 == decode(jpeg).sha256 == hashlib.sha256(jpeg).hexdigest()
    assert decode(path).name == "left arm.jpg"
    assert decode(path, name="case 12").name == decode(jpeg, name="case 12").name == "case 12"
    assert decode(jpeg).name == "image"


def test_content_decides_and_a_wrong_suffix_does_not_matter(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "really-a-png.dcm"
    path.write_bytes(save(truth, "PNG"))
    np.testing.assert_array_equal(decode(path).pixels, truth)


def test_suffixes_are_those_that_a_folder_is_searched_for() -> None:
    assert RAW_SUFFIXES <= IMAGE_SUFFIXES
    assert {".bmp", ".dcm", ".dicom", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"} <= IMAGE_SUFFIXES
    assert {".jfif", ".jpe", ".mpo", ".heic", ".heif", ".avif", ".jp2", ".jxl"} <= IMAGE_SUFFIXES


def test_the_dicom_mark_is_looked_for_where_it_belongs() -> None:
    assert is_dicom(b"\0" * 128 + b"DICM")
    assert not is_dicom(b"DICM" + b"\0" * 200)
    assert not is_dicom(b"")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_orientation_is_turned_upright(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], format_: str, orientation: int
) -> None:
    options = {"lossless": True} if format_ == "WEBP" else {}
    data = save(truth, format_, exif=oriented(orientation), **options)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    np.testing.assert_array_equal(decode(data).pixels, np.asarray(expected))


def test_orientation_6_puts_the_first_row_at_the_right(truth: npt.NDArray[np.uint8], save: Callable[..., Any]) -> None:
    pixels = decode(save(truth, "PNG", exif=oriented(6))).pixels
    np.testing.assert_array_equal(pixels[:, -1], truth[0])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_16_bit_png_is_turned_too(
    truth: npt.NDArray[np.uint8], save_deep: Callable[..., Any], png_chunk: Callable[..., Any], orientation: int
) -> None:
    exif = oriented(orientation).tobytes().removeprefix(b"Exif\0\0")
    png = save_deep(truth.astype(np.uint16) * 257, ".png")
    turned = png[:33] + png_chunk(b"eXIf", exif) + png[33:]
    as_jpeg = Image.fromarray(truth)
    as_jpeg.getexif()[0x0112] = orientation
    np.testing.assert_array_equal(decode(turned).pixels, np.asarray(ImageOps.exif_transpose(as_jpeg)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_16_bit_tiff_is_turned_too(
    truth: npt.NDArray[np.uint8], save_deep: Callable[..., Any], orientation: int
) -> None:
    tiff = bytearray(save_deep(truth.astype(np.uint16) * 257, ".tif"))
    (start,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, start)
    entries = [bytes(tiff[start + 2 + 12 * i :][:12]) for i in range(count)]
    entries = [entry for entry in entries if struct.unpack_from("<H", entry)[0] != 0x0112]
    entries.append(struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0))
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry)[0])
    tiff += b"\0" * (len(tiff) % 2)
    struct.pack_into("<I", tiff, 4, len(tiff))
    tiff += struct.pack("<H", len(entries)) + b"".join(entries) + b"\0" * 4
    turned = Image.fromarray(truth)
    turned.getexif()[0x0112] = orientation
    np.testing.assert_array_equal(decode(bytes(tiff)).pixels, np.asarray(ImageOps.exif_transpose(turned)))


@pytest.mark.parametrize("cut", [10, 30, 60, 100])
def test_a_broken_exif_block_costs_nothing_but_itself(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], cut: int
) -> None:
    exif = oriented(6)
    exif[0x010F] = "maker" * 30
    broken = exif.tobytes()[:-cut]
    for data in (save(truth, "PNG", exif=broken), without_segment(save(truth, "JPEG", exif=broken), b"\xff\xe0")):
        assert decode(data).pixels.size == truth.size


def test_text_under_the_name_of_exif_is_ignored(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], png_chunk: Callable[..., Any]
) -> None:
    png = save(truth, "PNG")
    said = png[:33] + png_chunk(b"tEXt", b"exif\0MM nonsense") + png_chunk(b"tEXt", b"icc_profile\0x") + png[33:]
    np.testing.assert_array_equal(decode(said).pixels, truth)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_rounded_not_cut(save_deep: Callable[..., Any], suffix: str) -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    colours = np.stack([ramp, ramp[::-1], ramp.T], axis=-1)
    exact = np.round(colours / 257).astype(np.uint8)
    np.testing.assert_array_equal(decode(save_deep(colours, suffix)).pixels, exact)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_and_16_bit_alpha(truth: npt.NDArray[np.uint8], save_deep: Callable[..., Any], suffix: str) -> None:
    deep = truth.astype(np.uint16) * 257
    grey = decode(save_deep(deep[..., 0], suffix))
    np.testing.assert_array_equal(grey.pixels, np.repeat(truth[..., :1], 3, axis=2))
    assert "no colour" in grey.notes[0]
    alpha = np.full(truth.shape[:2], 65535, np.uint16)
    alpha[:20] = 0
    flat = decode(save_deep(np.dstack([deep, alpha]), suffix))
    np.testing.assert_array_equal(flat.pixels[20:], truth[20:])
    assert (flat.pixels[:20] == 255).all()
    assert "white" in flat.notes[0]


def test_a_cmyk_tiff_and_an_inverted_adobe_jpeg_look_alike(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any]
) -> None:
    inks = Image.fromarray(truth).convert("CMYK")
    np.testing.assert_array_equal(decode(save(inks, "TIFF")).pixels, truth)
    jpeg = save(inks, "JPEG", quality=100, subsampling=0)
    assert b"Adobe" in jpeg[:40]
    np.testing.assert_allclose(decode(jpeg).pixels, truth, atol=4)


def test_a_cmyk_jpeg_without_the_adobe_mark_is_not_inverted(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any]
) -> None:
    # Pillow writes inverted inks behind an Adobe mark; inverted once more, without the mark, they are conventional.
    inks = Image.fromarray(255 - np.asarray(Image.fromarray(truth).convert("CMYK")), "CMYK")
    jpeg = without_segment(save(inks, "JPEG", quality=100, subsampling=0), b"\xff\xee")
    np.testing.assert_allclose(decode(jpeg).pixels, truth, atol=4)


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "BMP"])
def test_a_palette_becomes_colours(truth: npt.NDArray[np.uint8], save: Callable[..., Any], format_: str) -> None:
    palette = Image.fromarray(truth).quantize(64)
    image = decode(save(palette, format_))
    np.testing.assert_array_equal(image.pixels, np.asarray(palette.convert("RGB")))
    assert image.notes == ()


@pytest.mark.parametrize("transparency", [3, bytes([255] * 3 + [0])])
def test_a_transparent_palette_entry_becomes_white(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], transparency: bytes | int
) -> None:
    palette = Image.fromarray(truth).quantize(64)
    expected = np.array(palette.convert("RGB"))
    expected[np.asarray(palette) == 3] = 255
    image = decode(save(palette, "PNG", transparency=transparency))
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.notes == ("Transparent parts of this image were filled with white.",)


@pytest.mark.parametrize(
    ("format_", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})]
)
def test_alpha_is_laid_on_white(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], format_: str, options: dict[str, bool]
) -> None:
    alpha = np.full(truth.shape[:2], 255, np.uint8)
    alpha[:20], alpha[20:40] = 0, 128
    share = alpha[..., None] / 255
    image = decode(save(np.dstack([truth, alpha]), format_, **options))
    np.testing.assert_allclose(image.pixels, truth * share + 255 * (1 - share), atol=1)
    assert image.notes == ("Transparent parts of this image were filled with white.",)


@pytest.mark.parametrize("level", [0, 255])
def test_an_alpha_that_is_full_or_only_padding_changes_and_says_nothing(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], level: int
) -> None:
    image = decode(save(np.dstack([truth, np.full(truth.shape[:2], level, np.uint8)]), "PNG"))
    np.testing.assert_array_equal(image.pixels, truth)
    assert image.notes == ()


def test_grey_with_alpha_says_both(truth: npt.NDArray[np.uint8], save: Callable[..., Any]) -> None:
    alpha = np.full(truth.shape[:2], 255, np.uint8)
    alpha[0] = 0
    image = decode(save(np.dstack([truth[..., 0], alpha]), "PNG"))
    np.testing.assert_array_equal(image.pixels[1:], np.repeat(truth[1:, :, :1], 3, axis=2))
    assert [("no colour" in note, "white" in note) for note in image.notes] == [(True, False), (False, True)]


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "TIFF", "BMP"])
def test_an_image_without_colour_is_taken_with_a_note(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], format_: str
) -> None:
    image = decode(save(truth[..., 0], format_))
    assert (image.pixels == image.pixels[..., :1]).all()
    assert image.notes[0].startswith("This image has no colour; ")


def test_a_bilevel_image_is_black_and_white(truth: npt.NDArray[np.uint8], save: Callable[..., Any]) -> None:
    image = decode(save(Image.fromarray(truth[..., 0]).convert("1"), "PNG"))
    assert set(np.unique(image.pixels)) == {0, 255}


def test_a_tiff_of_ycbcr_jpeg_is_rgb(truth: npt.NDArray[np.uint8], save: Callable[..., Any]) -> None:
    tiff = save(Image.fromarray(truth).convert("YCbCr"), "TIFF", compression="jpeg", quality=100)
    np.testing.assert_allclose(decode(tiff).pixels, truth, atol=5)


def test_the_first_of_several_tiff_pages_is_used_and_said_so(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any]
) -> None:
    pages = [Image.fromarray(page) for page in (truth[::-1], truth[:, ::-1])]
    image = decode(save(truth, "TIFF", save_all=True, append_images=pages))
    np.testing.assert_array_equal(image.pixels, truth)
    assert image.notes == ("This file holds 3 pages; the first is used.",)


def test_the_photograph_of_a_phones_mpo_file_is_used_without_a_word(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any]
) -> None:
    depth_map = Image.fromarray(np.ascontiguousarray(truth[::-1]))
    image = decode(save(truth, "MPO", save_all=True, append_images=[depth_map]))
    np.testing.assert_array_equal(image.pixels, np.asarray(Image.open(io.BytesIO(save(truth, "JPEG")))))
    assert image.notes == ()


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_an_srgb_profile_changes_no_pixel(truth: npt.NDArray[np.uint8], save: Callable[..., Any]) -> None:
    np.testing.assert_array_equal(decode(save(truth, "PNG", icc_profile=srgb_profile())).pixels, truth)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_a_profile_with_red_and_blue_exchanged_exchanges_them(save: Callable[..., Any], format_: str) -> None:
    profile = srgb_profile()
    exchanged = profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    assert exchanged != profile
    red = np.full((80, 80, 3), (200, 40, 90), np.uint8)
    pixels = decode(save(red, format_, icc_profile=exchanged)).pixels
    np.testing.assert_allclose(pixels, np.full_like(red, (90, 40, 200)), atol=8)


@pytest.mark.parametrize("kind", ["junk", "LAB"])
def test_a_profile_that_cannot_be_used_is_ignored(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], kind: str
) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    profile = lab if kind == "LAB" else b"junk" * 50
    np.testing.assert_array_equal(decode(save(truth, "PNG", icc_profile=profile)).pixels, truth)


def test_an_rgb_profile_on_inks_is_ignored(truth: npt.NDArray[np.uint8], save: Callable[..., Any]) -> None:
    inks = Image.fromarray(truth).convert("CMYK")
    np.testing.assert_array_equal(decode(save(inks, "TIFF", icc_profile=srgb_profile())).pixels, truth)


@pytest.mark.slow
def test_an_image_just_under_the_limit_opens_without_a_warning_from_pillow(save: Callable[..., Any]) -> None:
    # Pillow warns from 89.5 megapixels on, and warnings are errors here.
    image = decode(save(Image.new("RGB", (9000, 10000), (120, 80, 60)), "TIFF", compression="tiff_adobe_deflate"))
    assert image.pixels.shape == (10000, 9000, 3)
    assert (image.pixels[::999, ::999] == (120, 80, 60)).all()


def test_the_smallest_image_that_is_taken_has_64_pixels_a_side(save: Callable[..., Any]) -> None:
    assert decode(save(np.zeros((64, 200, 3), np.uint8), "PNG")).height == 64


def test_threads_do_not_disturb_each_other(samples: dict[str, bytes]) -> None:
    expected = {name: decode(data).pixels for name, data in samples.items()}

    def agrees(name: str) -> bool:
        return np.array_equal(decode(samples[name]).pixels, expected[name])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(agrees, list(samples) * 8))


def test_imaging_needs_neither_torch_nor_the_rest_of_skinlens() -> None:
    code = (
        "import sys, skinlens.imaging.decode, skinlens.imaging.synthetic, skinlens.imaging.preprocess;"
        "print([name for name in sys.modules if name.split('.')[0] == 'torch'"
        " or name.startswith('skinlens.')"
        " and not name.startswith(('skinlens.imaging', 'skinlens.telemetry', 'skinlens.errors'))"
        " and name != 'skinlens.translation'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_global_is_changed(samples: dict[str, bytes]) -> None:
    before = Image.MAX_IMAGE_PIXELS
    for data in samples.values():
        decode(data)
    assert before == Image.MAX_IMAGE_PIXELS

"""HEIC, AVIF and JPEG 2000 from drawn pixels: the same image, upright, whole or rejected with a sentence."""

import io
import struct
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError, Pixels
from skinlens.imaging.newer import newer_opener

LARGEST_LOSS = 12


def exif(orientation: int = 1) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    block.get_ifd(0x8769)[0x9003] = "2024:05:06 10:00:00"
    return block.tobytes()


def heic(*images: Pixels, orientation: int = 1) -> bytes:
    file = pillow_heif.HeifFile()  # type: ignore[no-untyped-call]
    for pixels in images:
        file.add_from_pillow(Image.fromarray(pixels))
    stream = io.BytesIO()
    file.save(stream, quality=-1, chroma=444, exif=exif(orientation), primary_index=0)
    return stream.getvalue()


def avif(pixels: Pixels, orientation: int = 1, **options: object) -> bytes:
    stream = io.BytesIO()
    made = {"quality": 100, "subsampling": "4:4:4", "exif": exif(orientation)}
    Image.fromarray(pixels).save(stream, "AVIF", **(made | options))
    return stream.getvalue()


def turned(pixels: Pixels, orientation: int) -> Pixels:
    return {1: pixels, 3: np.rot90(pixels, 2), 6: np.rot90(pixels, 3), 8: np.rot90(pixels)}[orientation]


def difference(first: Pixels, second: Pixels) -> int:
    assert first.shape == second.shape
    return int(np.abs(first.astype(int) - second).max())


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("write", [heic, avif])
def test_a_telephones_image_is_upright_and_says_when_it_was_taken(truth: Pixels, write: Any, orientation: int) -> None:
    image = decode(write(truth, orientation=orientation), name="IMG_0001.HEIC")
    assert difference(image.pixels, turned(truth, orientation)) <= LARGEST_LOSS
    assert image.taken == date(2024, 5, 6)
    assert image.notes == ()


def test_of_several_images_in_a_file_the_primary_one_is_read(truth: Pixels) -> None:
    image = decode(heic(truth, 255 - truth))
    assert difference(image.pixels, truth) <= LARGEST_LOSS


@pytest.mark.parametrize("options", [{}, {"no_jp2": True}], ids=["jp2", "codestream"])
def test_jpeg_2000_gives_back_its_pixels(truth: Any, save: Any, options: Any) -> None:
    np.testing.assert_array_equal(decode(save(truth, "JPEG2000", **options)).pixels, truth)


def test_the_profile_of_a_newer_format_is_used(truth: Pixels, save: Callable[..., Any]) -> None:
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # The colourants of red and blue are exchanged by their names, as in no profile of a camera.
    exchanged = bytes(srgb).replace(b"rXYZ", b"xXYZ").replace(b"bXYZ", b"rXYZ").replace(b"xXYZ", b"bXYZ")
    converted = decode(save(truth, "PNG", icc_profile=exchanged)).pixels
    assert difference(converted, truth) > 30
    assert difference(decode(avif(truth, icc_profile=exchanged)).pixels, converted) <= LARGEST_LOSS


def test_an_animation_is_rejected(truth: Pixels) -> None:
    stream = io.BytesIO()
    frames = [Image.fromarray(truth), Image.fromarray(255 - truth)]
    frames[0].save(stream, "AVIF", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageRejectedError) as rejected:
        decode(stream.getvalue())
    assert rejected.value.reason == "animated"


@pytest.mark.parametrize("write", [heic, avif])
def test_a_file_that_ends_early_is_rejected(truth: Pixels, write: Any) -> None:
    content = write(truth)
    with pytest.raises(ImageRejectedError) as rejected:
        decode(content[: len(content) // 2], name="a.heic")
    assert rejected.value.reason == "truncated"


def test_a_size_is_checked_before_pixels_are_decoded(truth: Pixels, save: Callable[..., Any]) -> None:
    content = save(truth, "JPEG2000", no_jp2=True)
    # The image's and the tile's size in the SIZ segment.
    huge = bytearray(content)
    for place in (8, 12, 24, 28):
        struct.pack_into(">I", huge, place, 40_000)
    with pytest.raises(ImageRejectedError) as rejected:
        decode(bytes(huge))
    assert rejected.value.reason == "too_large"
    with pytest.raises(ImageRejectedError) as small:
        decode(heic(np.ascontiguousarray(truth[:32, :32])))
    assert small.value.reason == "too_small"


def test_a_film_in_the_same_container_is_no_image() -> None:
    assert newer_opener(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42" + bytes(200)) is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), "This is a 7-Zip archive. Unpack it"),
        (b"Rar!\x1a\x07\x01\x00" + bytes(100), "This is a RAR archive"),
    ],
)
def test_what_is_recognised_and_not_read_says_what_it_is(content: bytes, sentence: str) -> None:
    with pytest.raises(ImageRejectedError, match="not") as rejected:
        decode(content, name="lesion.jpg")
    assert rejected.value.reason == "not_an_image"
    assert sentence in str(rejected.value)

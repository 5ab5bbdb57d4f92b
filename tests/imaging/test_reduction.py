"""Reduced copies of large images: the same image with fewer pixels, and nothing else about it that differs."""

import re
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from skinlens.imaging.decode import decode, in_full
from skinlens.imaging.image import ImageRejectedError, Pixels
from skinlens.imaging.preprocess import resize
from skinlens.imaging.quality import assess_quality
from skinlens.imaging.reduction import divisor
from skinlens.imaging.srgb import adobe_rgb_profile
from skinlens.imaging.synthetic import draw_pixels
from tests.imaging import hostile

SIDE = 64


@pytest.fixture(scope="module")
def drawn() -> Pixels:
    """RGB, 300 x 400: smooth, as a photograph is, and different in every corner."""
    pixels = np.asarray(cv2.GaussianBlur(draw_pixels(3, height=300, width=400), (0, 0), 2), np.uint8)
    pixels[:60, :80, 0] //= 2
    pixels.setflags(write=False)
    return pixels


def mean_of_blocks(pixels: Pixels, like: Pixels) -> Pixels:
    return resize(pixels, height=like.shape[0], width=like.shape[1])


def difference(first: Pixels, second: Pixels) -> float:
    """Mean, in grey values."""
    return float(np.abs(first.astype(int) - second).mean())


@pytest.mark.parametrize(
    ("width", "height", "side", "by"),
    [(6000, 4000, 896, 4), (4000, 6000, 896, 4), (6000, 4000, 448, 8), (12000, 9000, 100, 8), (3583, 1791, 896, 1),
     (1792, 1792, 896, 2), (1792, 1791, 896, 1), (400, 300, None, 1)],
)  # fmt: skip
def test_the_short_side_keeps_as_many_pixels_as_are_wanted(width: int, height: int, side: int | None, by: int) -> None:
    assert divisor(width, height, side) == by


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}, {"quality": 30}])
@pytest.mark.parametrize(("height", "width"), [(300, 400), (299, 399), (297, 398)])
def test_a_jpeg_is_decoded_to_the_mean_of_its_blocks(
    drawn: Pixels, save: Callable[..., bytes], height: int, width: int, options: dict[str, Any]
) -> None:
    jpeg = save(drawn[:height, :width], "JPEG", **options)
    image, whole = decode(jpeg, side=SIDE), decode(jpeg)
    assert image.pixels.shape == (round(height / 4), round(width / 4), 3)
    assert (image.width, image.height) == (whole.width, whole.height) == (width, height)
    assert difference(image.pixels, mean_of_blocks(whole.pixels, image.pixels)) < 1.5
    assert (image.sha256, image.notes, image.name) == (whole.sha256, whole.notes, whole.name)
    assert image.pixels.flags.c_contiguous
    assert not image.pixels.flags.writeable


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_upright_as_the_whole_is(drawn: Pixels, save: Callable[..., bytes], orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    jpeg = save(drawn[:298], "JPEG", exif=exif)
    image, whole = decode(jpeg, side=SIDE), decode(jpeg)
    assert (image.width, image.height) == (whole.width, whole.height)
    assert difference(image.pixels, mean_of_blocks(whole.pixels, image.pixels)) < 1.5


@pytest.mark.parametrize("kind", ["Adobe RGB", "CMYK", "CMYK without the mark", "grey"])
def test_its_colours_are_those_of_the_whole(drawn: Pixels, save: Callable[..., bytes], kind: str) -> None:
    inks = Image.fromarray(drawn).convert("CMYK")
    jpeg = {
        "Adobe RGB": lambda: save(drawn, "JPEG", icc_profile=adobe_rgb_profile()),
        "CMYK": lambda: save(inks, "JPEG"),
        "CMYK without the mark": lambda: without_adobe(save(inks, "JPEG")),
        "grey": lambda: save(Image.fromarray(drawn).convert("L"), "JPEG"),
    }[kind]()
    image, whole = decode(jpeg, side=SIDE), decode(jpeg)
    assert image.pixels.shape == (75, 100, 3)
    assert difference(image.pixels, mean_of_blocks(whole.pixels, image.pixels)) < 1.5
    assert image.notes == whole.notes


def without_adobe(jpeg: bytes) -> bytes:
    start = jpeg.index(b"\xff\xee")
    return jpeg[:start] + jpeg[start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big") :]


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "BMP", "WEBP"])
def test_other_formats_are_reduced_after_they_are_decoded(
    drawn: Pixels, save: Callable[..., bytes], format_: str
) -> None:
    image = decode(save(drawn, format_, lossless=True), side=SIDE)
    np.testing.assert_array_equal(image.pixels, mean_of_blocks(drawn, image.pixels))
    assert image.pixels.shape == (75, 100, 3)
    assert (image.width, image.height) == (400, 300)


@pytest.mark.parametrize("format_", ["PNG", "JPEG"])
def test_all_pixels_are_to_be_had_later(drawn: Pixels, save: Callable[..., bytes], format_: str) -> None:
    content = save(drawn, format_)
    image = decode(content, name="arm", side=SIDE)
    whole = in_full(image)
    np.testing.assert_array_equal(whole.pixels, decode(content).pixels)
    assert (whole.full_size, whole.content, whole.name, whole.sha256) == (None, None, "arm", image.sha256)
    assert in_full(whole) is whole


@pytest.mark.parametrize("side", [None, 151, 1000])
def test_an_image_that_is_not_large_keeps_every_pixel(
    drawn: Pixels, save: Callable[..., bytes], side: int | None
) -> None:
    content = save(drawn, "JPEG")
    image = decode(content, side=side)
    np.testing.assert_array_equal(image.pixels, decode(content).pixels)
    assert (image.full_size, image.content) == (None, None)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.97, 1.0])
def test_what_is_missing_is_found_in_the_same_way(share: float, options: dict[str, Any]) -> None:
    jpeg = hostile.cut_but_ended(hostile.jpeg(**options), share)

    def what(side: int | None) -> tuple[str, int]:
        """A note or the reason of the rejection, and the percentage in it."""
        try:
            words = "".join(decode(jpeg, side=side).notes)
        except ImageRejectedError as error:
            words = f"{error.reason}: {error}"
        percent = re.search(r"\d+", words)
        return re.sub(r"\d+", "", words), int(percent[0]) if percent else 0

    reduced, whole = what(SIDE), what(None)
    assert reduced[0] == whole[0]
    # Rows are counted in fours, and rounded to whole percent.
    assert abs(reduced[1] - whole[1]) <= 1


def test_a_broken_file_is_rejected_alike(drawn: Pixels, save: Callable[..., bytes]) -> None:
    for content in (save(drawn, "JPEG")[:-2000], save(drawn, "PNG")[:-2000], b"no image"):
        reasons = []
        for side in (None, SIDE):
            with pytest.raises(ImageRejectedError) as caught:
                decode(content, side=side)
            reasons.append(str(caught.value))
        assert reasons[0] == reasons[1]


def test_without_a_process_it_is_reduced_in_this_one(
    drawn: Pixels, save: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from skinlens.imaging import decode as module
    from skinlens.imaging.workers import NoWorkerError

    def none(*_: object) -> None:
        raise NoWorkerError

    content = save(drawn, "JPEG")
    expected = decode(content, side=SIDE)
    monkeypatch.setattr(module, "decode_in_worker", none)
    image = decode(content, side=SIDE)
    np.testing.assert_array_equal(image.pixels, expected.pixels)
    assert image.full_size == expected.full_size == (400, 300)


SPOILT: dict[str, Callable[[Pixels], Pixels]] = {
    "as it is": lambda pixels: pixels,
    "blurred": lambda pixels: np.asarray(cv2.GaussianBlur(pixels, (0, 0), 6), np.uint8),
    "dark": lambda pixels: pixels // 5,
    "bright": lambda pixels: np.clip(pixels.astype(int) * 3, 0, 255).astype(np.uint8),
    "grey": lambda pixels: np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8),
    "cut off": lambda pixels: pixels[:, : pixels.shape[1] // 2],
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_the_checks_of_a_reduced_copy_fail_as_those_of_the_whole(spoil: str, save: Callable[..., bytes]) -> None:
    spoilt = SPOILT[spoil](draw_pixels(4, height=225, width=300))
    jpeg = save(resize(spoilt, height=1800, width=8 * spoilt.shape[1]), "JPEG", quality=90)
    image = decode(jpeg, side=min(spoilt.shape[:2]) * 4)
    assert image.full_size is not None
    failed = [[(check.name, check.severity) for check in assess_quality(each.pixels).failed]
              for each in (image, decode(jpeg))]  # fmt: skip
    assert failed[0] == failed[1]

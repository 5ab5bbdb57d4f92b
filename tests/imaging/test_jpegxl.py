"""JPEG XL from drawn pixels: the header is read before the pixels, and says all that decides what becomes of them."""

import struct
import zlib
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest
from imagecodecs import jpegxl_encode

from skinlens.imaging.decode import decode, decode_trusted
from skinlens.imaging.image import ImageRejectedError, Pixels
from skinlens.imaging.jpegxl import _CHANNELS as CHANNELS
from skinlens.imaging.jpegxl import CONTAINER, _Bits, _channel, _colours, _depth, _size, read_header
from skinlens.imaging.srgb import to_light
from tests.imaging.test_newer import exif

LARGEST_LOSS = 12


def jxl(pixels: np.ndarray[Any, Any], **options: Any) -> bytes:
    return bytes(jpegxl_encode(pixels, **{"lossless": True, **options}))


def _text(data: bytes) -> str:
    """Bits in the order in which they are read."""
    return "".join(format(byte, "08b")[::-1] for byte in data)


def _bytes(bits: str) -> bytes:
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


def _relabelled(content: bytes, old: int, new: int, wanted: Callable[[Any], bool]) -> bytes:
    """The file with another number of four bits in its header, where that makes the header say what is wanted."""
    bits = _text(content[:64])
    for at in range(16, len(bits) - 4):
        if bits[at : at + 4] == format(old, "04b")[::-1]:
            changed = _bytes(bits[:at] + format(new, "04b")[::-1] + bits[at + 4 :]) + content[64:]
            try:
                if wanted(read_header(changed)):
                    return changed
            except (ValueError, KeyError):
                continue
    raise AssertionError("no such number in the header")


def in_srgb(linear: bytes) -> bytes:
    """A file that imagecodecs has labelled as linear, labelled as sRGB: the codes of both curves have four bits."""
    return _relabelled(linear, 8 - 2, 13 - 2, lambda header: not header.unread and not header.is_linear)


def in_wide_gamut(linear: bytes) -> bytes:
    """The same, labelled with the curve of the cinema."""
    return _relabelled(linear, 8 - 2, 17 - 2, lambda header: header.unread.endswith("other than sRGB"))


def turned(content: bytes, orientation: int) -> bytes:
    """The file with an orientation in its header, which the encoder at hand cannot write."""
    read = _Bits(content[2:64])
    start = read._left

    def place() -> int:
        return 16 + start - read._left

    _size(read)
    assert not read.flag(), "the header states more than the size"
    extra = place()
    assert not read.flag()
    _depth(read)
    read.flag()
    for _ in range(read.number(CHANNELS)):
        _channel(read)
    read.flag()
    _colours(read)
    colours = place()
    # Extensions and the transform of colours: none, and the usual one.
    assert read.take(2) == 0
    assert read.flag()
    end = place()
    bits = _text(content)
    stated = "1" + format(orientation - 1, "03b")[::-1] + "000"
    header = bits[:extra] + stated + bits[extra + 1 : colours] + "1" + bits[colours:end]
    # Frames begin at a whole byte.
    return _bytes(header) + content[-(-end // 8) :]


def boxed(content: bytes, exif_block: bytes) -> bytes:
    """A container with EXIF before a codestream."""
    made = CONTAINER + b"\x00\x00\x00\x14ftypjxl \x00\x00\x00\x00jxl "
    for kind, body in ((b"Exif", bytes(4) + exif_block.removeprefix(b"Exif\0\0")), (b"jxlc", content)):
        made += struct.pack(">I4s", 8 + len(body), kind) + body
    return made


@pytest.mark.parametrize("options", [{}, {"usecontainer": True}], ids=["codestream", "container"])
def test_pixels_come_back_as_they_were(truth: Pixels, options: dict[str, Any]) -> None:
    image = decode(jxl(truth, **options), name="a.jxl")
    np.testing.assert_array_equal(image.pixels, truth)
    assert image.notes == ()
    close = decode(jxl(truth, lossless=False, distance=0.3), name="a.jxl").pixels
    assert np.abs(close.astype(int) - truth).max() <= LARGEST_LOSS


def test_sixteen_bits_by_their_label(truth: Pixels) -> None:
    deep = truth.astype(np.uint16) * 257
    np.testing.assert_array_equal(decode(in_srgb(jxl(deep))).pixels, truth)
    light = np.rint(to_light(truth / 255) * 65535).astype(np.uint16)
    image = decode(jxl(light))
    assert np.abs(image.pixels.astype(int) - truth).max() <= 1
    assert any("linear light" in note for note in image.notes)


def test_grey_and_transparent_ones_are_as_those_of_other_formats(truth: Pixels, save: Callable[..., bytes]) -> None:
    alpha = np.where(np.arange(truth.shape[1]) < 40, 255, 100).astype(np.uint8)
    clear = np.dstack([truth, np.broadcast_to(alpha, truth.shape[:2])])
    for pixels in (clear, truth[..., 0]):
        one, other = decode(jxl(np.ascontiguousarray(pixels))), decode(save(pixels, "PNG"))
        np.testing.assert_array_equal(one.pixels, other.pixels)
        assert one.notes == other.notes != ()


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, lambda pixels: pixels),
        (3, lambda pixels: np.rot90(pixels, 2)),
        (6, lambda pixels: np.rot90(pixels, 3)),
        (8, np.rot90),
    ],
)
def test_an_image_is_upright_by_its_own_header(truth: Pixels, orientation: int, expected: Any) -> None:
    content = turned(jxl(truth), orientation)
    # EXIF repeats the orientation, and must not turn the image again.
    image = decode(boxed(content, exif(orientation)), name="a.jxl")
    np.testing.assert_array_equal(image.pixels, expected(truth))
    assert image.taken == date(2024, 5, 6)


@pytest.mark.parametrize("size", [(70, 90), (480, 640), (512, 1024), (777, 1333), (2000, 3000), (64, 64)])
def test_the_size_is_known_before_the_pixels(size: tuple[int, int]) -> None:
    header = read_header(jxl(np.zeros((*size, 3), np.uint8), effort=1)[:64])
    assert (header.height, header.width) == size


def test_a_size_is_checked_before_anything_is_decoded(truth: Pixels) -> None:
    # A height of 40,000 by 30 bits, and as wide.
    huge = b"\xff\x0a" + _bytes("0" + "11" + format(39_999, "030b")[::-1] + "100" + "1") + jxl(truth)[8:]
    with pytest.raises(ImageRejectedError) as rejected:
        decode(huge)
    assert rejected.value.reason == "too_large"
    with pytest.raises(ImageRejectedError) as small:
        decode(jxl(np.ascontiguousarray(truth[:32, :32])))
    assert small.value.reason == "too_small"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda pixels: jxl(np.stack([pixels, 255 - pixels, pixels]), photometric="rgb"), "animated"),
        (lambda pixels: jxl(pixels.astype(np.float32) / 255), "unreadable"),
        (lambda pixels: in_wide_gamut(jxl(pixels.astype(np.uint16) * 257)), "unreadable"),
        (lambda pixels: jxl(pixels)[:-40], "truncated"),
        (lambda pixels: jxl(pixels)[:9], "truncated"),
        (lambda _: b"\xff\x0a" + bytes(100), "too_small"),
        (lambda _: CONTAINER + bytes(100), "truncated"),
    ],
)
def test_what_cannot_be_used_says_why(truth: Pixels, make: Any, reason: str) -> None:
    with pytest.raises(ImageRejectedError) as rejected:
        decode(make(truth), name="a.jxl")
    assert rejected.value.reason == reason


def test_damage_anywhere_gives_an_image_or_a_sentence(truth: Pixels) -> None:
    content = jxl(truth, usecontainer=True)
    for seed in range(60):
        damaged = bytearray(content)
        at = zlib.crc32(bytes([seed])) % len(content)
        damaged[at] ^= 1 + seed % 255
        try:
            assert decode_trusted(bytes(damaged)).pixels.dtype == np.uint8
        except ImageRejectedError:
            continue

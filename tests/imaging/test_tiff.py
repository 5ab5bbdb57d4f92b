"""TIFF: the page that is the photograph, camera raw, and every way of storing pixels that cameras and programs use."""

import io
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from skinlens.imaging.decode import decode, decode_trusted
from skinlens.imaging.image import ImageRejectedError, Pixels
from skinlens.imaging.raw import is_camera_raw
from skinlens.imaging.synthetic import draw_pixels
from skinlens.imaging.tiff import images_of, read_pages
from skinlens.runtime.predictor import Predictor

ROOT = Path(__file__).parents[2]
REDUCED = 1


def written(pixels: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **({"photometric": "rgb", "metadata": None} | options))
    return file.getvalue()


def by_plane(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def with_thumbnail(pixels: Pixels, *, below: Any, big: bool = False, **options: Any) -> bytes:
    """A file whose first page is a reduced copy, as raw files and some microscopes write."""
    file = io.BytesIO()
    small = np.full((70, 80, 3), 9, np.uint8)
    with tifffile.TiffWriter(file, bigtiff=big) as writer:
        common = {"photometric": "rgb", "metadata": None}
        writer.write(small, subfiletype=REDUCED, subifds=1 if below else None, **common)  # type: ignore[arg-type]
        writer.write(pixels, **(common | options))
    return file.getvalue()


def mosaic(pixels: Pixels) -> np.ndarray:
    """What a sensor under red, green, green and blue filters records of an image, in 16 bits."""
    raw = pixels[..., 1].astype(np.uint16)
    raw[0::2, 0::2], raw[1::2, 1::2] = pixels[0::2, 0::2, 0], pixels[1::2, 1::2, 2]
    # Light, not sRGB's code: what the sensor counts.
    return ((raw / 255.0) ** 2.2 * 65535).astype(np.uint16)


def camera_raw(pixels: Pixels, *, versioned: bool = True) -> bytes:
    """A DNG: a thumbnail on the first page, and the sensor's data on a page below."""
    file = io.BytesIO()
    ratios = [(round(value * 10_000), 10_000) for value in (3.24, -1.54, -0.5, -0.97, 1.88, 0.04, 0.06, -0.2, 1.06)]
    version = [(50706, 1, 4, bytes([1, 4, 0, 0]), True)] if versioned else []
    tags = [
        *version,
        (271, 2, None, "Drawn", True),
        (272, 2, None, "Camera", True),
        (50708, 2, None, "Drawn Camera", True),
        (50721, 10, 9, tuple(part for ratio in ratios for part in ratio), True),
        (50728, 5, 3, (1, 1, 1, 1, 1, 1), True),
        (50778, 3, 1, 21, True),
    ]
    pattern = [(33421, 3, 2, (2, 2), True), (33422, 1, 4, bytes([0, 1, 1, 2]), True), (50717, 4, 1, 65535, True)]
    with tifffile.TiffWriter(file) as writer:
        small = np.full((80, 100, 3), 9, np.uint8)
        writer.write(small, photometric="rgb", subfiletype=REDUCED, subifds=1, metadata=None, extratags=tags)
        writer.write(mosaic(pixels), photometric=32803, subfiletype=0, metadata=None, extratags=pattern)
    return file.getvalue()


def rejection(data: bytes, name: str = "lesion.tif") -> ImageRejectedError:
    with pytest.raises(ImageRejectedError) as caught:
        decode(data, name=name)
    assert str(caught.value).startswith(f"{name} ")
    return caught.value


@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "zstd"])
@pytest.mark.parametrize("predictor", [False, True])
def test_16_bits_by_plane(truth: npt.NDArray[np.uint8], compression: Any, predictor: Predictor) -> None:
    deep = truth.astype(np.uint16) * 257
    options = {"compression": compression, "predictor": predictor} if compression else {}
    data = written(by_plane(deep), planarconfig="separate", **options)
    np.testing.assert_array_equal(decode(data).pixels, truth)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("tile", [None, (32, 48)])
@pytest.mark.parametrize("big", [False, True])
def test_16_bits_by_plane_in_every_order(
    truth: npt.NDArray[np.uint8], order: tuple[Callable[..., Any], Callable[..., Any]], tile: Any, big: Any
) -> None:
    deep = truth.astype(np.uint16) * 257
    data = written(by_plane(deep), planarconfig="separate", byteorder=order, tile=tile, bigtiff=big)
    np.testing.assert_array_equal(decode(data).pixels, truth)


@pytest.mark.parametrize("kind", [1, 2])
def test_16_bits_by_plane_with_alpha(truth: npt.NDArray[np.uint8], kind: str) -> None:
    alpha = np.full((*truth.shape[:2], 1), 65535, np.uint16)
    alpha[:20] = 0
    alpha[20:30] = 32768
    deep = np.concatenate([truth.astype(np.uint16) * 257, alpha], axis=2)
    if kind == 1:
        deep[..., :3] = np.rint(deep[..., :3] * (alpha / 65535))
    image = decode(written(by_plane(deep), planarconfig="separate", extrasamples=[kind]))
    np.testing.assert_array_equal(image.pixels[30:], truth[30:])
    np.testing.assert_allclose(image.pixels[20:30], (truth[20:30] / 2 + 127.5), atol=2)
    assert (image.pixels[:20] == 255).all()


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_bits_between_8_and_16(truth: npt.NDArray[np.uint8], bits: int) -> None:
    stored = (truth.astype(np.uint32) * ((1 << bits) - 1) / 255).round().astype(np.uint16)
    np.testing.assert_array_equal(decode(written(stored, bitspersample=bits)).pixels, truth)


@pytest.mark.parametrize("compression", ["webp", "jpeg2000", "jpegxl", "png", "lerc"])
@pytest.mark.parametrize("tile", [None, (32, 32)])
def test_compressions_that_pillow_lacks(truth: npt.NDArray[np.uint8], compression: Any, tile: Any) -> None:
    image = decode(written(truth, compression=compression, tile=tile))
    np.testing.assert_array_equal(image.pixels, truth)
    assert image.notes == ()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_point_is_named_not_called_damaged(
    truth: npt.NDArray[np.uint8], dtype: type[np.float32] | type[np.int32]
) -> None:
    error = rejection(written((truth / 255).astype(dtype)))
    assert error.reason == "unreadable"
    assert "floating point" in str(error)
    assert "Export it as 8-bit RGB" in str(error)


@pytest.mark.parametrize(("dtype", "said"), [(np.uint32, "32 bits)"), (np.int16, "16 bits, signed numbers)")])
def test_other_numbers_are_named(
    truth: npt.NDArray[np.uint8], dtype: type[np.float32] | type[np.int32], said: str
) -> None:
    error = rejection(written(truth.astype(dtype)))
    assert error.reason == "unreadable"
    assert said in str(error)


def test_a_compression_that_cannot_be_read_is_named(truth: npt.NDArray[np.uint8]) -> None:
    data = bytearray(written(truth))
    place = data.index(struct.pack("<HHI", 259, 3, 1)) + 8
    for code, said in ((34661, "JBIG"), (33003, "JPEG 2000 of YCbCr"), (12345, "number 12345")):
        struct.pack_into("<H", data, place, code)
        error = rejection(bytes(data))
        assert error.reason == "unreadable"
        assert f"({said})" in str(error)


@pytest.mark.parametrize("below", [False, True], ids=["next page", "page below"])
@pytest.mark.parametrize("big", [False, True])
def test_a_reduced_copy_on_the_first_page_is_passed_over(truth: npt.NDArray[np.uint8], below: Any, big: Any) -> None:
    image = decode(with_thumbnail(truth, below=below, big=big))
    np.testing.assert_array_equal(image.pixels, truth)
    assert image.notes == ("The first page of this file is a reduced copy; the full-size page is used.",)
    assert image.frames == 1


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_the_full_size_page_may_be_deep_and_compressed(truth: Any, depth: Any) -> None:
    stored = truth.astype(depth) * (257 if depth == np.uint16 else 1)
    image = decode(with_thumbnail(stored.astype(depth), below=True, compression="lzw"))
    np.testing.assert_array_equal(image.pixels, truth)


def test_a_smaller_copy_after_the_image_is_no_page_of_its_own(truth: npt.NDArray[np.uint8]) -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(truth, photometric="rgb", metadata=None)
        writer.write(truth[::2, ::2], photometric="rgb", subfiletype=REDUCED, metadata=None)
    image = decode(file.getvalue())
    np.testing.assert_array_equal(image.pixels, truth)
    assert image.notes == ()


def test_a_file_of_a_reduced_copy_alone_says_so(truth: npt.NDArray[np.uint8]) -> None:
    image = decode(written(truth, subfiletype=REDUCED))
    np.testing.assert_array_equal(image.pixels, truth)
    assert "reduced copy only" in image.notes[0]


def test_any_page_can_be_chosen(truth: npt.NDArray[np.uint8]) -> None:
    pages = [np.roll(truth, step, axis=1) for step in (0, 5, 9)]
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for page in pages:
            writer.write(page, photometric="rgb", metadata=None)
    for number, page in enumerate(pages):
        image = decode(file.getvalue(), frame=number)
        np.testing.assert_array_equal(image.pixels, page)
        assert (image.frame, image.frames) == (number, 3)
    assert image.notes == ("This file holds 3 pages; page 3 is used.",)
    with pytest.raises(ImageRejectedError, match="no image number 4; it holds 3") as caught:
        decode(file.getvalue(), frame=3)
    assert caught.value.reason == "no_such_frame"


@pytest.mark.parametrize("versioned", [True, False])
def test_camera_raw_is_developed_and_says_so(versioned: Any) -> None:
    drawn = draw_pixels(3, height=160, width=240)
    image = decode(camera_raw(drawn, versioned=versioned), name="lesion.dng")
    if not versioned:
        assert is_camera_raw(camera_raw(drawn, versioned=False), "lesion.dng")
    assert image.pixels.shape[0] > 100, "the sensor's data, not the thumbnail"
    assert "camera raw" in image.notes[0]
    # The lesion lies where it was drawn, darker than the skin around it.
    middle = image.pixels[60:100, 100:140].mean()
    corner = image.pixels[8:30, 8:30].mean()
    assert middle < corner - 20


@pytest.mark.parametrize("compression", [34713, 32767, 65535])
def test_the_makers_compressions_are_raw(truth: npt.NDArray[np.uint8], compression: Any) -> None:
    data = bytearray(written(truth))
    struct.pack_into("<H", data, data.index(struct.pack("<HHI", 259, 3, 1)) + 8, compression)
    assert is_camera_raw(bytes(data), "x.nef")
    assert rejection(bytes(data)).reason in {"camera_raw", "truncated"}


@pytest.mark.parametrize(
    "start",
    [
        b"II*\0\x10\0\0\0CR\2\0",
        b"IIRO\x08\0\0\0",
        b"IIU\0\x18\0\0\0",
        b"FUJIFILMCCD-RAW ",
        b"\0\0\0\x18ftypcrx ",
        b"FOVb",
    ],
)
def test_other_raw_files_are_recognised_by_their_marks(start: str) -> None:
    data = start + bytes(5000)
    assert is_camera_raw(data, "x")  # type: ignore[arg-type]
    assert rejection(data, "IMG_1.raw").reason in {"camera_raw", "truncated"}  # type: ignore[arg-type]


def test_without_its_library_raw_is_rejected_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "lesion.dng"
    path.write_bytes(camera_raw(draw_pixels(3, height=90, width=120)))
    program = """
import sys
sys.modules["rawpy"] = None
from contextlib import suppress
from pathlib import Path
from skinlens.imaging.decode import decode_trusted
from skinlens.imaging.image import ImageRejectedError
try:
    decode_trusted(Path(sys.argv[1]))
except ImageRejectedError as error:
    print(error.reason, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("camera_raw lesion.dng is a camera raw file")
    assert "Export it as JPEG or TIFF" in done.stdout
    assert "skinlens[raw]" in done.stdout


def test_a_photograph_is_no_raw(truth: npt.NDArray[np.uint8], save: Callable[..., Any]) -> None:
    for data in (written(truth), save(truth, "TIFF"), save(truth, "JPEG"), save(truth, "PNG")):
        assert not is_camera_raw(data, "x")


def looping(truth: Pixels) -> bytes:
    """The page below is the page itself."""
    data = bytearray(with_thumbnail(truth, below=True))
    place = next(data.find(struct.pack("<HHI", 330, kind, 1)) for kind in (13, 4))
    struct.pack_into("<I", data, place + 8, struct.unpack_from("<I", data, 4)[0])
    return bytes(data)


@pytest.mark.parametrize("spoil", ["loop", "offset", "cut"])
def test_damaged_directories_end_in_an_image_or_a_rejection(truth: npt.NDArray[np.uint8], spoil: str) -> None:
    data = looping(truth) if spoil == "loop" else with_thumbnail(truth, below=True)
    if spoil == "offset":
        damaged = bytearray(data)
        struct.pack_into("<I", damaged, damaged.index(struct.pack("<HHI", 330, 13, 1)) + 8, 0xFFFFFF00)
        data = bytes(damaged)
    for content in (data, *(data[:cut] for cut in range(8, 400, 37))) if spoil == "cut" else (data,):
        assert len(images_of(read_pages(content, "x"))) == 1
        with suppress(ImageRejectedError):
            decode_trusted(content)

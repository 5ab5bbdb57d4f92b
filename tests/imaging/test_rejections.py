"""What is rejected, for which reason, in a sentence that says what to do; and that nothing else ever comes out."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError


def rejection(source: Any, **options: Any) -> ImageRejectedError:
    with pytest.raises(ImageRejectedError) as caught:
        decode(source, **options)
    return caught.value


def test_an_empty_file_is_rejected_by_name(tmp_path: Path) -> None:
    path = tmp_path / "nothing.jpg"
    path.touch()
    error = rejection(path)
    assert error.reason == "empty"
    assert str(error) == "nothing.jpg is empty (0 bytes). Copy or export it again."


def test_a_path_that_is_not_there_or_no_file_is_rejected(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.jpg", tmp_path):
        error = rejection(path)
        assert error.reason == "unreadable"
        assert str(error).startswith(f"{path.name} cannot be read. ")
        assert str(tmp_path.parent) not in str(error)


@pytest.mark.parametrize(
    "data",
    [b"hello", b"%PDF-1.7 and so on", b"BMI of all patients, 2024" * 9, b"\0\0\0\x18ftypqt  " + b"\0" * 90, b"RIFF"],
)
def test_what_is_no_image_is_reported_the_formats(data: bytes) -> None:
    error = rejection(data)
    assert error.reason == "not_an_image"
    assert "JPEG, PNG, TIFF, BMP, WebP, HEIC, AVIF, JPEG 2000 or DICOM" in str(error)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize(
    "kind",
    ["jpeg", "progressive jpeg", "cmyk jpeg", "png", "palette png", "16-bit png", "tiff", "lzw tiff", "16-bit tiff",
     "bmp", "webp", "dicom", "implicit dicom", "deflated dicom", "jpeg dicom", "rle dicom", "jpeg-ls dicom",
     "jpeg 2000 dicom"],
)  # fmt: skip
def test_a_file_cut_short_is_rejected(samples: dict[str, bytes], kind: str, share: float) -> None:
    data = samples[kind]
    # The compressed DICOM files are small next to their headers, which 0.3 would cut before the image.
    error = rejection(data[: max(int(len(data) * share), 700 if "dicom" in kind else 0)], name="arm.jpg")
    assert error.reason == "truncated"
    assert str(error).startswith("arm.jpg is incomplete or damaged. Copy it again")


def test_a_jpeg_that_lacks_only_its_end_mark_is_rejected(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any]
) -> None:
    assert rejection(save(truth, "JPEG")[:-2]).reason == "truncated"


@pytest.mark.parametrize(("height", "width"), [(63, 200), (200, 63), (1, 1)])
def test_a_thumbnail_is_rejected(save: Callable[..., Any], height: int, width: int) -> None:
    error = rejection(save(np.zeros((height, width, 3), np.uint8), "PNG"))
    assert error.reason == "too_small"
    assert f"{width} x {height}" in str(error)


def giant_png(png_chunk: Callable[..., Any], width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = png_chunk(b"IDAT", zlib.compress(b"\0" * 99))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + body + png_chunk(b"IEND", b"")


def giant_tiff() -> bytes:
    tags = {256: 60_000, 257: 60_000, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 60_000, 279: 100}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0" * 104


def giant(kind: str, data: bytearray) -> bytes:
    """Let a small file claim to be a giant."""
    if kind == "BMP":
        struct.pack_into("<ii", data, 18, 20_000, 20_000)
    elif kind == "JPEG":
        struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, 60_000, 60_000)
    elif kind == "WEBP":
        canvas = struct.pack("<I", 16_382)[:3] * 2
        data[12:12] = b"VP8X" + struct.pack("<I", 10) + b"\0" * 4 + canvas
        struct.pack_into("<I", data, 4, len(data) - 8)
    return bytes(data)


@pytest.mark.parametrize("kind", ["BMP", "JPEG", "WEBP", "PNG", "TIFF"])
def test_a_giant_is_rejected_by_its_header(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], png_chunk: Callable[..., Any], kind: str
) -> None:
    # The files hold no such pixels: decoding them would end in another rejection, after gigabytes.
    made = {"PNG": lambda: giant_png(png_chunk, 60_000, 60_000), "TIFF": giant_tiff}
    error = rejection(made[kind]() if kind in made else giant(kind, bytearray(save(truth, kind))))
    assert error.reason == "too_large"
    assert "120 megapixels" in str(error)


def test_the_limit_is_120_megapixels(png_chunk: Callable[..., Any]) -> None:
    assert rejection(giant_png(png_chunk, 12_000, 10_001)).reason == "too_large"
    assert rejection(giant_png(png_chunk, 12_000, 10_000)).reason == "truncated"


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_rejected(truth: npt.NDArray[np.uint8], save: Callable[..., Any], format_: str) -> None:
    frames = [Image.fromarray(np.roll(truth, step, axis=1)) for step in range(3)]
    error = rejection(save(frames[0], format_, save_all=True, append_images=frames[1:]))
    assert error.reason == "animated"
    assert "3 frames" in str(error)


def test_a_still_gif_is_rejected_with_the_formats(truth: npt.NDArray[np.uint8], save: Callable[..., Any]) -> None:
    error = rejection(save(truth, "GIF"))
    assert error.reason == "unreadable"
    assert "Export it as JPEG, PNG, TIFF, BMP, WebP, HEIC, AVIF, JPEG 2000 or DICOM" in str(error)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_a_tiff_of_measurements_is_rejected(
    truth: npt.NDArray[np.uint8], save: Callable[..., Any], dtype: type[np.float32] | type[np.int32]
) -> None:
    error = rejection(save(truth[..., 0].astype(dtype), "TIFF"))
    assert error.reason == "unreadable"
    assert "8-bit RGB" in str(error)


@pytest.mark.parametrize("kind", range(18))
def test_hostile_bytes_are_decoded_or_rejected_and_nothing_else(samples: dict[str, bytes], kind: int) -> None:
    name, data = list(samples.items())[kind]
    rng = np.random.default_rng(kind)
    for _ in range(60):
        try:
            shape = decode(mutated(data, rng), name="x.dcm").pixels.shape
        except ImageRejectedError:
            continue
        assert len(shape) == 3, name
        assert shape[2] == 3, name


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Cut the end off, drop or repeat a piece, or overwrite bytes, mostly where headers lie."""
    damaged = bytearray(data)
    first, last = sorted(int(place) for place in rng.integers(0, len(data) + 1, 2))
    kind = rng.random()
    if kind < 0.2:
        return data[:first]
    if kind < 0.3:
        return data[:first] + data[last:]
    if kind < 0.4:
        return data[:last] + data[first:]
    end = len(data) if rng.random() < 0.4 else min(600, len(data))
    for _ in range(rng.integers(1, 6)):
        damaged[rng.integers(end)] = rng.integers(256)
    return bytes(damaged)

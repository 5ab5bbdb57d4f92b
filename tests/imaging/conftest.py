"""One small image whose every corner differs, and how the tests write it to files of each kind."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder

from skinlens.imaging.image import Pixels

HEIGHT, WIDTH = 70, 90


@pytest.fixture(scope="session")
def truth() -> Pixels:
    """RGB, 70 x 90: a gradient in each channel, so that no flip, turn or swap of channels goes unseen."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    pixels = np.stack([120 + x, 60 + y * 2, 200 - x - y // 2], axis=-1).astype(np.uint8)
    pixels.setflags(write=False)
    return pixels


@pytest.fixture(scope="session")
def save() -> Callable[..., bytes]:
    """Write pixels or a Pillow image with Pillow."""

    def save(image: Image.Image | np.ndarray, format: str, **options: Any) -> bytes:  # noqa: A002
        file = io.BytesIO()
        pillow = image if isinstance(image, Image.Image) else Image.fromarray(image)
        pillow.save(file, format, **options)
        return file.getvalue()

    return save


@pytest.fixture(scope="session")
def save_deep() -> Callable[[np.ndarray, str], bytes]:
    """Write 16-bit grey, RGB or RGBA with OpenCV."""

    def save_deep(pixels: np.ndarray, suffix: str) -> bytes:
        assert pixels.dtype == np.uint16
        stored = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
        return cv2.imencode(suffix, stored)[1].tobytes()

    return save_deep


@pytest.fixture(scope="session")
def png_chunk() -> Callable[[bytes, bytes], bytes]:
    """Write one chunk of a PNG file."""
    return lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.fixture(scope="session")
def dicom() -> Callable[..., bytes]:
    """Write a DICOM file of 8-bit RGB pixels; keywords replace or add elements."""

    def dicom(pixel_data: bytes, syntax: uid.UID = uid.ExplicitVRLittleEndian, **elements: Any) -> bytes:
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.SOPClassUID = uid.VLPhotographicImageStorage
        dataset.SOPInstanceUID = "1.2.3"
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.PatientName = "Doe^Jane"
        image = {
            "Rows": HEIGHT,
            "Columns": WIDTH,
            "SamplesPerPixel": 3,
            "PhotometricInterpretation": "RGB",
            "PlanarConfiguration": 0,
            "BitsAllocated": 8,
            "BitsStored": elements.get("BitsAllocated", 8),
            "HighBit": elements.get("BitsStored", elements.get("BitsAllocated", 8)) - 1,
            "PixelRepresentation": 0,
        }
        for keyword, value in (image | elements).items():
            setattr(dataset, keyword, value)
        dataset.PixelData = pixel_data
        dataset["PixelData"].VR = "OW" if dataset.BitsAllocated > 8 else "OB"
        dataset["PixelData"].is_undefined_length = syntax.is_compressed
        file = io.BytesIO()
        pydicom.dcmwrite(file, dataset, enforce_file_format=True)
        return file.getvalue()

    return dicom


@pytest.fixture(scope="session")
def encode_frame() -> Callable[..., bytes]:
    """Compress one RGB frame with pydicom's encoders."""

    def encode_frame(pixels: np.ndarray, syntax: uid.UID, *, bits: int = 8, **options: Any) -> bytes:
        layout = {
            "rows": pixels.shape[0],
            "columns": pixels.shape[1],
            "samples_per_pixel": 3,
            "photometric_interpretation": "RGB",
            "bits_allocated": pixels.dtype.itemsize * 8,
            "bits_stored": bits,
            "pixel_representation": 0,
            "planar_configuration": 0,
            "number_of_frames": 1,
        }
        return bytes(get_encoder(syntax).encode(pixels.tobytes(), index=0, **(layout | options)))

    return encode_frame


@pytest.fixture(scope="session")
def samples(
    truth: npt.NDArray[np.uint8],
    save: Callable[..., Any],
    save_deep: Callable[..., Any],
    dicom: Callable[..., Any],
    encode_frame: Callable[..., Any],
) -> dict[str, bytes]:
    """One undamaged file of every kind, by name."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    deep = truth.astype(np.uint16) * 257
    kinds = {
        "jpeg": save(truth, "JPEG", exif=exif),
        "progressive jpeg": save(truth, "JPEG", progressive=True),
        "cmyk jpeg": save(Image.fromarray(truth).convert("CMYK"), "JPEG"),
        "png": save(truth, "PNG", exif=exif),
        "palette png": save(Image.fromarray(truth).quantize(32), "PNG", transparency=3),
        "16-bit png": save_deep(deep, ".png"),
        "tiff": save(truth, "TIFF"),
        "lzw tiff": save(truth, "TIFF", compression="tiff_lzw"),
        "16-bit tiff": save_deep(deep, ".tif"),
        "bmp": save(truth, "BMP"),
        "webp": save(truth, "WEBP"),
        "dicom": dicom(truth.tobytes()),
        "implicit dicom": dicom(truth.tobytes(), uid.ImplicitVRLittleEndian),
        "deflated dicom": dicom(truth.tobytes(), uid.DeflatedExplicitVRLittleEndian),
        "jpeg dicom": dicom(
            encapsulate([save(truth, "JPEG")]), uid.JPEGBaseline8Bit, PhotometricInterpretation="YBR_FULL_422"
        ),
    }
    for name, syntax in (
        ("rle", uid.RLELossless),
        ("jpeg-ls", uid.JPEGLSLossless),
        ("jpeg 2000", uid.JPEG2000Lossless),
    ):
        kinds[f"{name} dicom"] = dicom(encapsulate([encode_frame(truth, syntax)]), syntax)
    return kinds

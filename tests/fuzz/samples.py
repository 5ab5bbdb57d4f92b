"""One small undamaged file in every format and encoding that is read, drawn, never a photograph."""

import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import cv2
import gdcm
import numpy as np
import pydicom
from imagecodecs import jpegxl_encode
from PIL import Image, ImageCms
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder

from skinlens.imaging.image import Pixels
from skinlens.imaging.synthetic import draw_pixels

HEIGHT, WIDTH = 72, 96


def samples() -> dict[str, bytes]:
    """Files by name; that of an archive begins with `zip`, that of a DICOM file with `dicom`."""
    pixels = cv2.resize(draw_pixels(3, height=240, width=320), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return _rasters(pixels) | _dicoms(pixels) | _archives(pixels)  # type: ignore[arg-type]


def _save(image: Image.Image | Pixels, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def _rasters(pixels: Pixels) -> dict[str, bytes]:
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    deep = pixels[..., ::-1].astype(np.uint16) * 257
    frames = [Image.fromarray(np.roll(pixels, step, axis=1)) for step in range(3)]
    made = {
        "jpeg": _save(image, "JPEG", exif=exif, icc_profile=profile),
        "jpeg progressive": _save(image, "JPEG", progressive=True, quality=92),
        "jpeg with restarts": _save(image, "JPEG", restart_marker_blocks=5),
        "jpeg grey": _save(image.convert("L"), "JPEG"),
        "jpeg cmyk": _save(image.convert("CMYK"), "JPEG"),
        "png": _save(image, "PNG", exif=exif, icc_profile=profile),
        "png with alpha": _save(image.convert("RGBA"), "PNG"),
        "png palette": _save(image.quantize(32), "PNG", transparency=3),
        "png 16-bit": cv2.imencode(".png", deep)[1].tobytes(),
        "tiff": _save(image, "TIFF"),
        "tiff 16-bit": cv2.imencode(".tif", deep)[1].tobytes(),
        "tiff pages": _save(frames[0], "TIFF", save_all=True, append_images=frames[1:]),
        "bmp": _save(image, "BMP"),
        "webp": _save(image, "WEBP", exif=exif),
        "webp lossless": _save(image, "WEBP", lossless=True),
        "jpeg xl": bytes(jpegxl_encode(pixels, lossless=False, distance=1.0)),
        "jpeg xl 16-bit": bytes(jpegxl_encode(deep, lossless=True, usecontainer=True)),
        "gif": _save(frames[0], "GIF", save_all=True, append_images=frames[1:]),
    }
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        made[f"tiff {compression}"] = _save(image, "TIFF", compression=compression)
    return made


def _dicoms(pixels: Pixels) -> dict[str, bytes]:
    native = {
        "explicit": uid.ExplicitVRLittleEndian,
        "implicit": uid.ImplicitVRLittleEndian,
        "deflated": uid.DeflatedExplicitVRLittleEndian,
    }
    made = {f"dicom {name}": _dicom(pixels.tobytes(), syntax) for name, syntax in native.items()}
    encoded = {"rle": uid.RLELossless, "jpeg-ls": uid.JPEGLSLossless, "jpeg 2000": uid.JPEG2000Lossless}
    for name, syntax in encoded.items():
        made[f"dicom {name}"] = _dicom(encapsulate([_encoded(pixels, syntax)]), syntax)
    jpeg = encapsulate([_save(pixels, "JPEG")])
    made["dicom jpeg"] = _dicom(jpeg, uid.JPEGBaseline8Bit, PhotometricInterpretation="YBR_FULL_422")
    made["dicom lossless jpeg"] = _lossless_jpeg(made["dicom explicit"])
    return made


def _dicom(pixel_data: bytes, syntax: uid.UID, **elements: Any) -> bytes:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = uid.VLPhotographicImageStorage, "1.2.3"
    dataset.PatientName = "Doe^Jane"
    stored = {"Rows": HEIGHT, "Columns": WIDTH, "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}
    stored |= {"PlanarConfiguration": 0, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0}
    for keyword, value in (stored | elements).items():
        setattr(dataset, keyword, value)
    dataset.PixelData = pixel_data
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = syntax.is_compressed
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def _encoded(pixels: Any, syntax: Any) -> bytes:
    layout = {
        "rows": HEIGHT, "columns": WIDTH, "samples_per_pixel": 3, "photometric_interpretation": "RGB",
        "bits_allocated": 8, "bits_stored": 8, "pixel_representation": 0, "planar_configuration": 0,
        "number_of_frames": 1,
    }  # fmt: skip
    return bytes(get_encoder(syntax).encode(pixels.tobytes(), index=0, **layout))  # type: ignore[arg-type]


def _lossless_jpeg(data: bytes) -> bytes:
    """Compress with gdcm, the only one here that writes lossless JPEG; it reads and writes files alone."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source.dcm"), Path(folder, "target.dcm")
        source.write_bytes(data)
        reader, writer, change = gdcm.ImageReader(), gdcm.ImageWriter(), gdcm.ImageChangeTransferSyntax()
        reader.SetFileName(str(source))
        reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        change.Change()
        writer.SetFile(reader.GetFile())
        writer.SetFileName(str(target))
        writer.SetImage(change.GetOutput())
        writer.Write()
        return target.read_bytes()


def _archives(pixels: Pixels) -> dict[str, bytes]:
    made = {}
    for name, method in (("", zipfile.ZIP_DEFLATED), (" bzip2", zipfile.ZIP_BZIP2), (" stored", zipfile.ZIP_STORED)):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.writestr("arm.png", _save(pixels, "PNG"))
            archive.writestr("leg.jpg", _save(pixels, "JPEG"))
        made[f"zip{name}"] = file.getvalue()
    return made

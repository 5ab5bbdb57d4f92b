"""The day of a photograph: read from EXIF and DICOM, never made up, and nothing else comes with it."""

import io
from datetime import date, timedelta

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from skinlens.imaging.decode import decode, decode_trusted
from skinlens.imaging.taken import day_taken
from tests.drawn import familiar_pixels

PIXELS = familiar_pixels(1)


def photograph(original: str | None, *, kind: str = "JPEG", changed: str = "2025:05:05 05:05:05") -> bytes:
    """A file with EXIF: when it was taken, when it was changed, and where."""
    stream = io.BytesIO()
    if kind == "TIFF":
        # Pillow leaves the block out when it writes a TIFF from `exif`.
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[0x0132] = changed
        tags[0x8769] = {} if original is None else {0x9003: original}
        Image.fromarray(PIXELS).save(stream, kind, tiffinfo=tags)
        return stream.getvalue()
    exif = Image.Exif()
    exif[0x0132] = changed
    exif[0x010F] = "SECRETCAMERA"
    exif.get_ifd(0x8825)[1] = "N"
    if original is not None:
        exif.get_ifd(0x8769)[0x9003] = original
    Image.fromarray(PIXELS).save(stream, kind, exif=exif)
    return stream.getvalue()


def dicom(**days: str) -> bytes:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = generate_uid(), generate_uid()
    for name, day in days.items():
        setattr(dataset, name, day)
    dataset.PatientBirthDate = "19500101"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.Rows, dataset.Columns, _ = PIXELS.shape
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = PIXELS.tobytes()
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_day_of_the_shutter_is_read_not_that_of_a_change(kind: str) -> None:
    content = photograph("2026:03:04 23:59:59", kind=kind)
    assert decode(content, name="a").taken == date(2026, 3, 4)
    assert decode(photograph(None, kind=kind), name="a").taken is None


@pytest.mark.parametrize(
    "original", ["", "0000:00:00 00:00:00", "2026:13:01 00:00:00", "yesterday", "1970:01:01 00:00:00", "9999:01:01"]
)
def test_what_is_no_day_of_a_photograph_is_none(original: str) -> None:
    assert day_taken(photograph(original), "a.jpg") is None


def test_a_day_in_the_future_is_none() -> None:
    """Of a camera whose clock is wrong."""
    tomorrow, later = (date.today() + timedelta(days=days) for days in (1, 2))  # noqa: DTZ011
    assert day_taken(photograph(f"{tomorrow:%Y:%m:%d} 00:00:00"), "a.jpg") == tomorrow
    assert day_taken(photograph(f"{later:%Y:%m:%d} 00:00:00"), "a.jpg") is None


@pytest.mark.parametrize(
    ("days", "taken"),
    [
        ({"StudyDate": "20260101"}, date(2026, 1, 1)),
        ({"StudyDate": "20260101", "ContentDate": "20260102"}, date(2026, 1, 2)),
        ({"StudyDate": "20260101", "AcquisitionDate": "20260103"}, date(2026, 1, 3)),
        ({"StudyDate": "20260101", "AcquisitionDateTime": "20260104101112.5"}, date(2026, 1, 4)),
        ({"StudyDate": "", "AcquisitionDate": "20260103"}, date(2026, 1, 3)),
        ({}, None),
    ],
)
def test_a_dicom_file_states_the_day_of_acquisition(days: dict[str, str], taken: date | None) -> None:
    image = decode(dicom(**days), name="a.dcm")
    assert image.taken == taken
    assert np.array_equal(image.pixels, PIXELS)


def test_nothing_else_of_the_file_comes_with_the_image() -> None:
    image = decode(photograph("2026:03:04 23:59:59"), name="a.jpg")
    held = {name: value for name, value in vars(image).items() if name != "pixels"}
    # Only a reduced copy holds its file, so that all pixels can be decoded later.
    assert (held.pop("content"), held.pop("full_size")) == (None, None)
    assert set(held) == {"sha256", "name", "notes", "synthetic", "taken", "frames", "frame", "millimetres"}
    assert not any(secret in str(held) for secret in ("SECRET", "23:59", "2025"))


@pytest.mark.parametrize("cut", [3, 20, 60, 120, 200])
def test_damaged_exif_is_no_day(cut: int) -> None:
    content = photograph("2026:03:04 23:59:59")
    start = content.index(b"Exif\0\0")
    damaged = content[: start + 6] + bytes(reversed(content[start + 6 : start + 6 + cut])) + content[start + 6 + cut :]
    assert day_taken(damaged, "a.jpg") in {None, date(2026, 3, 4)}


def test_training_reads_no_days() -> None:
    assert decode_trusted(photograph("2026:03:04 23:59:59"), name="a.jpg").taken is None

"""DICOM: exact pixels from every colour encoding and compression that dermoscopy arrives in; what is rejected."""

import io
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from PIL import Image, ImageCms
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.pixels import convert_color_space
from pydicom.uid import UID

from skinlens.imaging.decode import decode, decode_trusted
from skinlens.imaging.dicom import no_photograph
from skinlens.imaging.image import ImageRejectedError, Pixels
from skinlens.imaging.sources import Sources
from skinlens.imaging.synthetic import draw_pixels

NATIVE = [
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
]
LOSSLESS = [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless]


def scaled(pixels: Pixels, bits: int) -> np.ndarray:
    top = (1 << bits) - 1
    return ((pixels.astype(np.uint32) * top + 127) // 255).astype(np.uint16 if bits > 8 else np.uint8)


def exif_free_jpeg(pixels: Pixels, **options: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def without_marks(jpeg: bytes) -> bytes:
    """Drop the APP segment that follows the start of the file."""
    (length,) = struct.unpack_from(">H", jpeg, 4)
    return jpeg[:2] + jpeg[4 + length :]


def with_components_numbered(jpeg: bytes) -> bytes:
    """Call the components 1, 2, 3 instead of R, G, B in the headers of the frame and of the scan."""
    numbered = bytearray(jpeg)
    frame, scan = jpeg.index(b"\xff\xc0"), jpeg.index(b"\xff\xda")
    assert numbered[frame + 10 : frame + 19 : 3] == numbered[scan + 5 : scan + 11 : 2] == b"RGB"
    numbered[frame + 10 : frame + 19 : 3] = numbered[scan + 5 : scan + 11 : 2] = b"\1\2\3"
    return bytes(numbered)


def rejection(data: bytes, name: str = "lesion.dcm") -> ImageRejectedError:
    with pytest.raises(ImageRejectedError) as caught:
        decode(data, name=name)
    assert str(caught.value).startswith(f"{name} ")
    return caught.value


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda syntax: syntax.name)
def test_uncompressed_pixels_come_out_as_they_are(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], syntax: UID
) -> None:
    image = decode(dicom(truth.tobytes(), syntax))
    np.testing.assert_array_equal(image.pixels, truth)
    assert image.notes == ()
    assert not image.pixels.flags.writeable
    assert image.pixels.flags.c_contiguous


def test_colour_by_plane(truth: npt.NDArray[np.uint8], dicom: Callable[..., Any]) -> None:
    planes = np.ascontiguousarray(truth.transpose(2, 0, 1))
    np.testing.assert_array_equal(decode(dicom(planes.tobytes(), PlanarConfiguration=1)).pixels, truth)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_colour_is_scaled_by_the_bits_stored(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], bits: int
) -> None:
    stored = scaled(truth, bits)
    data = dicom(stored.tobytes(), BitsAllocated=16, BitsStored=bits)
    np.testing.assert_array_equal(decode(data).pixels, truth)


def test_deep_colour_is_rounded_not_cut(dicom: Callable[..., Any]) -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    colours = np.stack([ramp, ramp.T, ramp[::-1]], axis=-1)
    data = dicom(colours.tobytes(), BitsAllocated=16, BitsStored=16, Rows=256, Columns=256)
    np.testing.assert_array_equal(decode(data).pixels, np.round(colours / 257))


def test_ybr_full_is_converted(truth: npt.NDArray[np.uint8], dicom: Callable[..., Any]) -> None:
    stored = convert_color_space(truth, "RGB", "YBR_FULL")
    data = dicom(stored.tobytes(), PhotometricInterpretation="YBR_FULL")
    np.testing.assert_allclose(decode(data).pixels, truth, atol=2)


def test_ybr_full_422_is_converted(truth: npt.NDArray[np.uint8], dicom: Callable[..., Any]) -> None:
    full = convert_color_space(truth, "RGB", "YBR_FULL")
    halved = np.stack([full[:, 0::2, 0], full[:, 1::2, 0], full[:, 0::2, 1], full[:, 0::2, 2]], axis=-1)
    data = dicom(halved.tobytes(), PhotometricInterpretation="YBR_FULL_422")
    np.testing.assert_allclose(decode(data).pixels, truth, atol=6)


def test_pixels_that_are_only_labelled_as_subsampled(truth: npt.NDArray[np.uint8], dicom: Callable[..., Any]) -> None:
    full = convert_color_space(truth, "RGB", "YBR_FULL")
    data = dicom(full.tobytes(), PhotometricInterpretation="YBR_FULL_422")
    np.testing.assert_allclose(decode(data).pixels, truth, atol=2)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("first", [0, 40])
def test_a_palette_is_looked_up(dicom: Callable[..., Any], bits: int, first: int) -> None:
    y, x = np.mgrid[0:70, 0:90]
    indices = ((x + 2 * y) % 256).astype(np.uint8)
    ramp = np.arange(256)
    palette = np.stack([ramp, 255 - ramp, ramp // 2], axis=-1).astype(np.uint8)
    elements = {}
    for channel, colour in enumerate(("Red", "Green", "Blue")):
        entries = scaled(palette[:, channel], bits)
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [256, first, bits]
        elements[f"{colour}PaletteColorLookupTableData"] = entries.tobytes()  # type: ignore[assignment]
    data = dicom(indices.tobytes(), SamplesPerPixel=1, PhotometricInterpretation="PALETTE COLOR", **elements)
    expected = palette[np.clip(indices.astype(int) - first, 0, 255)]
    np.testing.assert_array_equal(decode(data).pixels, expected)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.name)
def test_lossless_compression_loses_nothing(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], encode_frame: Callable[..., Any], syntax: UID, bits: int
) -> None:
    frame = encode_frame(scaled(truth, bits), syntax, bits=bits)
    data = dicom(encapsulate([frame]), syntax, BitsAllocated=8 if bits == 8 else 16, BitsStored=bits)
    np.testing.assert_array_equal(decode(data).pixels, truth)


@pytest.mark.parametrize(
    ("photometric", "syntax", "tolerance"), [("YBR_RCT", uid.JPEG2000Lossless, 0), ("YBR_ICT", uid.JPEG2000, 4)]
)
def test_jpeg_2000_with_its_own_colour_transform(
    truth: npt.NDArray[np.uint8],
    dicom: Callable[..., Any],
    encode_frame: Callable[..., Any],
    photometric: str,
    syntax: UID,
    tolerance: int,
) -> None:
    options = {"j2k_cr": [2]} if syntax == uid.JPEG2000 else {}
    frame = encode_frame(truth, syntax, photometric_interpretation=photometric, use_mct=True, **options)
    data = dicom(encapsulate([frame]), syntax, PhotometricInterpretation=photometric)
    np.testing.assert_allclose(decode(data).pixels, truth, atol=tolerance)


@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEGLSLossless], ids=lambda syntax: syntax.name)
def test_compressed_ybr_is_converted(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], encode_frame: Callable[..., Any], syntax: UID
) -> None:
    frame = encode_frame(convert_color_space(truth, "RGB", "YBR_FULL"), syntax)
    data = dicom(encapsulate([frame]), syntax, PhotometricInterpretation="YBR_FULL")
    np.testing.assert_allclose(decode(data).pixels, truth, atol=2)


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_FULL", "RGB"])
def test_a_jpeg_with_a_jfif_mark_is_ycbcr_whatever_the_label(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], photometric: str
) -> None:
    jpeg = exif_free_jpeg(truth)
    data = dicom(encapsulate([jpeg]), uid.JPEGBaseline8Bit, PhotometricInterpretation=photometric)
    np.testing.assert_array_equal(decode(data).pixels, np.asarray(Image.open(io.BytesIO(jpeg))))


@pytest.mark.parametrize("told_by", ["Adobe mark", "component letters", "label alone"])
def test_a_jpeg_of_rgb_stays_rgb(truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], told_by: str) -> None:
    jpeg = exif_free_jpeg(truth, keep_rgb=True)
    if told_by != "Adobe mark":
        jpeg = without_marks(jpeg)
    if told_by == "label alone":
        jpeg = with_components_numbered(jpeg)
    data = dicom(encapsulate([jpeg]), uid.JPEGBaseline8Bit)
    np.testing.assert_allclose(decode(data).pixels, truth, atol=8)


def test_a_jpeg_without_marks_is_ycbcr_if_its_colour_is_subsampled(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any]
) -> None:
    data = dicom(encapsulate([without_marks(exif_free_jpeg(truth, subsampling=2))]), uid.JPEGBaseline8Bit)
    np.testing.assert_allclose(decode(data).pixels, truth, atol=8)


def lossless_jpeg(data: bytes, folder: Path) -> bytes:
    """Compress a DICOM file as lossless JPEG with gdcm, the only one here that can write it."""
    source, target = folder / "source.dcm", folder / "target.dcm"
    source.write_bytes(data)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetFileName(str(target))
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return target.read_bytes()


@pytest.mark.parametrize("bits", [8, 16])
def test_lossless_jpeg(truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], tmp_path: Path, bits: int) -> None:
    data = lossless_jpeg(dicom(scaled(truth, bits).tobytes(), BitsAllocated=bits), tmp_path)
    assert pydicom.dcmread(io.BytesIO(data)).file_meta.TransferSyntaxUID == uid.JPEGLosslessSV1
    np.testing.assert_array_equal(decode(data).pixels, truth)


def test_a_jfif_mark_on_lossless_jpeg_changes_no_colour(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], tmp_path: Path
) -> None:
    dataset = pydicom.dcmread(io.BytesIO(lossless_jpeg(dicom(truth.tobytes()), tmp_path)))
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    jfif = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
    data = dicom(encapsulate([frame[:2] + jfif + frame[2:]]), uid.JPEGLosslessSV1)
    np.testing.assert_array_equal(decode(data).pixels, truth)


@pytest.mark.parametrize("kind", ["native", "rle", "jpeg"])
def test_the_first_of_several_frames_is_used_and_said_so(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], encode_frame: Callable[..., Any], kind: str
) -> None:
    frames = [truth, truth[::-1].copy(), truth[:, ::-1].copy()]
    if kind == "native":
        data = dicom(np.stack(frames).tobytes(), NumberOfFrames=3)
    elif kind == "rle":
        compressed = [encode_frame(frame, uid.RLELossless) for frame in frames]
        data = dicom(encapsulate(compressed), uid.RLELossless, NumberOfFrames=3)
    else:
        compressed = [exif_free_jpeg(frame, subsampling=0) for frame in frames]
        data = dicom(encapsulate(compressed), uid.JPEGBaseline8Bit, NumberOfFrames=3)
    image = decode(data)
    np.testing.assert_allclose(image.pixels, truth, atol=6 if kind == "jpeg" else 0)
    assert image.notes == ("This file holds 3 frames; the first is used.",)


def test_a_frame_in_several_fragments_is_put_together(truth: npt.NDArray[np.uint8], dicom: Callable[..., Any]) -> None:
    jpeg = exif_free_jpeg(truth)
    data = dicom(encapsulate([jpeg], fragments_per_frame=3), uid.JPEGBaseline8Bit)
    np.testing.assert_array_equal(decode(data).pixels, np.asarray(Image.open(io.BytesIO(jpeg))))


def test_the_embedded_profile_is_applied(dicom: Callable[..., Any]) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exchanged = profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    red = np.full((70, 90, 3), (200, 40, 90), np.uint8)
    np.testing.assert_array_equal(decode(dicom(red.tobytes(), ICCProfile=profile)).pixels, red)
    pixels = decode(dicom(red.tobytes(), ICCProfile=exchanged)).pixels
    np.testing.assert_allclose(pixels, np.full_like(red, (90, 40, 200)), atol=4)


@pytest.mark.parametrize("is_implicit", [True, False])
def test_a_dataset_without_preamble_is_recognised_by_its_name_alone(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], is_implicit: bool
) -> None:
    dataset = Dataset()
    dataset.update(pydicom.dcmread(io.BytesIO(dicom(truth.tobytes()))))
    file = DicomBytesIO()
    file.is_implicit_VR, file.is_little_endian = is_implicit, True
    write_dataset(file, dataset)
    for name in ("lesion.dcm", "LESION.DICOM"):
        np.testing.assert_array_equal(decode(file.getvalue(), name=name).pixels, truth)
    assert rejection(file.getvalue(), "lesion.jpg").reason == "not_an_image"


@pytest.mark.parametrize("data", [b"hello world" * 50, bytes(1000), bytes(range(256)) * 9])
def test_a_dcm_file_of_something_else_is_no_image(data: bytes) -> None:
    assert rejection(data).reason == "not_an_image"


def test_sloppy_files_open_without_a_warning(truth: npt.NDArray[np.uint8], dicom: Callable[..., Any]) -> None:
    # Each of these makes pydicom's own reader warn, and warnings are errors in this process.
    good = dicom(truth.tobytes())
    misspelt = good.replace(b"ISO_IR 192", b"LATIN 192 ")
    bad_identifier = dicom(truth.tobytes(), StudyInstanceUID="1.2.3").replace(b"1.2.3\0", b"no UID")
    padded = dicom(truth.tobytes() + b"\0" * 50)
    more_frames_than_it_says = dicom(truth.tobytes() * 2)
    for data in (misspelt, bad_identifier, padded, more_frames_than_it_says):
        assert data != good
        np.testing.assert_array_equal(decode_trusted(data).pixels, truth)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_an_image_without_colour_is_rejected(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], photometric: str
) -> None:
    data = dicom(truth[..., 0].tobytes(), SamplesPerPixel=1, PhotometricInterpretation=photometric)
    error = rejection(data)
    assert error.reason == "monochrome"
    assert "not a dermoscopic photograph" in str(error)


def test_a_dicom_file_without_an_image_is_rejected(dicom: Callable[..., Any]) -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom(b"")))
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(dataset, keyword)
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset)
    error = rejection(file.getvalue())
    assert error.reason == "not_an_image"
    assert "without an image" in str(error)
    assert rejection(b"\0" * 128 + b"DICM").reason == "not_an_image"


def test_pixel_data_that_is_empty_or_short_is_rejected(truth: npt.NDArray[np.uint8], dicom: Callable[..., Any]) -> None:
    assert rejection(dicom(b"")).reason == "truncated"
    assert rejection(dicom(truth.tobytes()[:-90])).reason == "truncated"
    assert rejection(dicom(truth.tobytes(), NumberOfFrames=2)).reason == "truncated"


@pytest.mark.parametrize("syntax", [*LOSSLESS, uid.JPEGBaseline8Bit], ids=lambda syntax: syntax.name)
def test_a_compressed_frame_that_ends_early_inside_a_whole_file_is_rejected(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], encode_frame: Callable[..., Any], syntax: UID
) -> None:
    frame = exif_free_jpeg(truth) if syntax == uid.JPEGBaseline8Bit else encode_frame(truth, syntax)
    assert rejection(dicom(encapsulate([frame[: len(frame) // 2]]), syntax)).reason == "truncated"


@pytest.mark.slow
def test_lossless_jpeg_over_which_gdcm_ends_its_process_is_rejected(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], tmp_path: Path
) -> None:
    dataset = pydicom.dcmread(io.BytesIO(lossless_jpeg(dicom(truth.tobytes()), tmp_path)))
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    assert frame[2:4] == b"\xff\xee"
    data = dicom(encapsulate([frame[:2] + b"\x18" + frame[3:]]), uid.JPEGLosslessSV1)
    assert rejection(data).reason == "truncated"
    with pytest.raises(ImageRejectedError) as caught:
        decode_trusted(data)
    assert isinstance(caught.value.__cause__, subprocess.CalledProcessError)


def test_a_planar_configuration_that_does_not_exist_is_rejected(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any]
) -> None:
    assert rejection(dicom(truth.tobytes(), PlanarConfiguration=7)).reason == "unreadable"


def test_lossless_jpeg_that_ends_early_is_rejected(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], tmp_path: Path
) -> None:
    data = lossless_jpeg(dicom(truth.tobytes()), tmp_path)
    assert rejection(data[:-500]).reason == "truncated"
    # With an end mark, gdcm takes it for whole.
    frame = get_frame(pydicom.dcmread(io.BytesIO(data)).PixelData, 0, number_of_frames=1)
    ended = frame[: len(frame) * 9 // 10].rstrip(b"\xff") + b"\xff\xd9"
    assert rejection(dicom(encapsulate([ended]), uid.JPEGLosslessSV1)).reason == "truncated"


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: syntax.name)
def test_a_frame_of_another_size_than_the_dataset_says_is_rejected(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], encode_frame: Callable[..., Any], syntax: UID
) -> None:
    data = dicom(encapsulate([encode_frame(truth, syntax)]), syntax, Rows=80)
    assert rejection(data).reason == "truncated"


def test_a_giant_is_rejected_by_its_header(truth: npt.NDArray[np.uint8], dicom: Callable[..., Any]) -> None:
    error = rejection(dicom(truth.tobytes(), Rows=20_000, Columns=20_000))
    assert error.reason == "too_large"
    assert "120 megapixels" in str(error)


def test_a_thumbnail_is_rejected(dicom: Callable[..., Any]) -> None:
    assert rejection(dicom(bytes(63 * 90 * 3), Rows=63)).reason == "too_small"


def test_compression_that_cannot_be_read_is_named(truth: npt.NDArray[np.uint8], dicom: Callable[..., Any]) -> None:
    error = rejection(dicom(encapsulate([truth.tobytes()]), uid.MPEG2MPML))
    assert error.reason == "unreadable"
    assert "MPEG2" in str(error)


@pytest.mark.parametrize(
    "elements",
    [{"PhotometricInterpretation": "CMYK"}, {"SamplesPerPixel": 4}, {"BitsAllocated": 32}, {"BitsStored": 12}],
)
def test_pixels_stored_in_an_unknown_way_are_rejected(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], elements: dict[str, Any]
) -> None:
    error = rejection(dicom(truth.tobytes() * 4, **elements))
    assert error.reason == "unreadable"
    assert "Export it as 8-bit RGB" in str(error)


# Colours of skin with a lesion, for which the pixels themselves say whether they are RGB.
@pytest.fixture(scope="module")
def lesion() -> Pixels:
    return draw_pixels(7, height=70, width=90)


def as_ybr(pixels: Pixels) -> Pixels:
    return convert_color_space(pixels, "RGB", "YBR_FULL")


@pytest.mark.parametrize("label", ["YBR_FULL", "YBR_FULL_422", "RGB", "YBR_RCT"])
@pytest.mark.parametrize("stored_as", ["RGB", "YBR"])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.RLELossless, uid.JPEGLSLossless])
def test_a_stale_label_of_colour_changes_no_colour(
    lesion: Any,
    dicom: Callable[..., Any],
    encode_frame: Callable[..., Any],
    label: str,
    stored_as: Any,
    syntax: UID,
) -> None:
    stored = lesion if stored_as == "RGB" else as_ybr(lesion)
    content = encapsulate([encode_frame(stored, syntax)]) if syntax.is_encapsulated else stored.tobytes()
    image = decode(dicom(content, syntax, PhotometricInterpretation=label))
    np.testing.assert_allclose(image.pixels, lesion, atol=0 if stored_as == "RGB" else 2)
    is_right = (stored_as == "YBR") == label.startswith("YBR_FULL")
    if not is_right and label != "YBR_RCT":
        seen = "RGB" if stored_as == "RGB" else "YBR_FULL"
        said = (
            f"The file says that its colours are stored as {label}, but its pixels are {seen}; they are read as {seen}."
        )
        assert image.notes == (said,)
    elif is_right:
        assert image.notes == ()


@pytest.mark.parametrize("label", ["YBR_FULL", "YBR_FULL_422", "RGB", "YBR_ICT", "YBR_RCT"])
@pytest.mark.parametrize("transformed", [True, False])
def test_the_codestream_of_jpeg_2000_decides_whatever_the_label(
    lesion: Callable[..., Any],
    dicom: Callable[..., Any],
    encode_frame: Callable[..., Any],
    label: str,
    transformed: Any,
) -> None:
    options = {"photometric_interpretation": "YBR_RCT", "use_mct": True} if transformed else {"use_mct": False}
    frame = encode_frame(lesion, uid.JPEG2000Lossless, **options)
    image = decode(dicom(encapsulate([frame]), uid.JPEG2000Lossless, PhotometricInterpretation=label))
    np.testing.assert_array_equal(image.pixels, lesion)
    if transformed:
        assert image.notes == ()


def test_jpeg_2000_of_untransformed_ybr_is_converted(lesion: Any, dicom: Callable[..., Any], encode_frame: Any) -> None:
    frame = encode_frame(as_ybr(lesion), uid.JPEG2000Lossless, use_mct=False)
    for label in ("YBR_FULL", "YBR_FULL_422", "RGB"):
        data = dicom(encapsulate([frame]), uid.JPEG2000Lossless, PhotometricInterpretation=label)
        np.testing.assert_allclose(decode(data).pixels, lesion, atol=2)


@pytest.mark.parametrize("label", ["RGB", "YBR_FULL"])
def test_the_length_decides_that_colours_are_halved(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], label: str
) -> None:
    full = as_ybr(truth)
    halved = np.stack([full[:, 0::2, 0], full[:, 1::2, 0], full[:, 0::2, 1], full[:, 0::2, 2]], axis=-1)
    image = decode(dicom(halved.tobytes(), PhotometricInterpretation=label))
    np.testing.assert_allclose(image.pixels, truth, atol=6)


def test_a_label_that_the_pixels_do_not_confirm_is_followed_and_said_so(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any]
) -> None:
    image = decode(dicom(as_ybr(truth).tobytes(), PhotometricInterpretation="YBR_FULL"))
    np.testing.assert_allclose(image.pixels, truth, atol=2)
    (note,) = image.notes
    assert "stored as YBR_FULL, which its pixels do not confirm" in note
    assert decode(dicom(truth.tobytes())).notes == ()


@pytest.mark.parametrize("stored_as", ["RGB", "YBR"])
@pytest.mark.parametrize("label", ["RGB", "YBR_FULL"])
def test_an_unmarked_jpeg_is_read_by_its_pixels(
    lesion: Any, dicom: Callable[..., Any], stored_as: Any, label: str
) -> None:
    jpeg = exif_free_jpeg(lesion, keep_rgb=True) if stored_as == "RGB" else exif_free_jpeg(lesion, subsampling=0)
    jpeg = without_marks(jpeg)
    if stored_as == "RGB":
        jpeg = with_components_numbered(jpeg)
    image = decode(dicom(encapsulate([jpeg]), uid.JPEGBaseline8Bit, PhotometricInterpretation=label))
    assert np.abs(image.pixels.astype(int) - lesion).mean() < 4


def without_end(data: bytes) -> bytes:
    assert data.endswith(b"\xfe\xff\xdd\xe0\0\0\0\0")
    return data[:-8]


@pytest.mark.parametrize("padding", [b"", bytes(2), bytes(6)])
@pytest.mark.parametrize("syntax", [*LOSSLESS, uid.JPEGBaseline8Bit], ids=lambda syntax: syntax.name)
def test_a_file_that_lacks_its_last_mark_is_read_with_a_note(
    truth: npt.NDArray[np.uint8],
    dicom: Callable[..., Any],
    encode_frame: Callable[..., Any],
    syntax: UID,
    padding: bytes,
) -> None:
    frame = exif_free_jpeg(truth) if syntax == uid.JPEGBaseline8Bit else encode_frame(truth, syntax)
    whole = dicom(encapsulate([frame]), syntax)
    image = decode(without_end(whole) + padding)
    np.testing.assert_array_equal(image.pixels, decode(whole).pixels)
    assert image.notes == ("This DICOM file lacks the mark at its end; its image is whole.",)
    assert decode(whole).notes == ()


@pytest.mark.parametrize("syntax", [*LOSSLESS, uid.JPEGBaseline8Bit], ids=lambda syntax: syntax.name)
def test_a_frame_that_is_cut_is_still_damaged(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], encode_frame: Callable[..., Any], syntax: UID
) -> None:
    frame = exif_free_jpeg(truth) if syntax == uid.JPEGBaseline8Bit else encode_frame(truth, syntax)
    assert rejection(without_end(dicom(encapsulate([frame]), syntax))[:-20]).reason == "truncated"


@pytest.mark.parametrize("kind", ["native", "rle", "jpeg-ls"])
def test_any_frame_can_be_chosen(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], encode_frame: Callable[..., Any], kind: str
) -> None:
    frames = [np.roll(truth, step, axis=1) for step in (0, 7, 30)]
    syntax = {"native": uid.ExplicitVRLittleEndian, "rle": uid.RLELossless, "jpeg-ls": uid.JPEGLSLossless}[kind]
    if kind == "native":
        content = b"".join(frame.tobytes() for frame in frames)
    else:
        content = encapsulate([encode_frame(frame, syntax) for frame in frames])
    data = dicom(content, syntax, NumberOfFrames=3)
    for number, frame in enumerate(frames):
        image = decode(data, frame=number)
        np.testing.assert_array_equal(image.pixels, frame)
        assert (image.frame, image.frames) == (number, 3)
    assert image.notes == ("This file holds 3 frames; frame 3 is used.",)
    with pytest.raises(ImageRejectedError, match="no image number 4"):
        decode(data, frame=3)


@pytest.mark.parametrize(
    ("sop_class", "said"),
    [
        (uid.MediaStorageDirectoryStorage, "DICOMDIR"),
        (uid.GrayscaleSoftcopyPresentationStateStorage, "a presentation state"),
        (uid.ColorSoftcopyPresentationStateStorage, "a presentation state"),
        (uid.EncapsulatedPDFStorage, "a document"),
        (uid.BasicTextSRStorage, "a report"),
        (uid.RawDataStorage, "data about an image"),
    ],
)
def test_objects_without_a_photograph_are_named_and_passed_over(
    dicom: Callable[..., Any], sop_class: Any, said: str, tmp_path: Path
) -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom(b"", SOPClassUID=sop_class)))
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(dataset, keyword)
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    file = io.BytesIO()
    pydicom.dcmwrite(file, dataset)
    error = rejection(file.getvalue())
    assert error.reason == "not_an_image"
    assert said in str(error)
    for name in ("IM000001", "second.dcm"):
        (tmp_path / name).write_bytes(file.getvalue())
    sources = Sources([tmp_path])
    assert len(list(sources)) == 1, "the folder's own row, since it holds no image"
    assert len(sources.passed_over) == 2
    assert all(said in each.reason for each in sources.passed_over)


def test_a_photograph_is_not_taken_for_another_object(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "lesion.dcm").write_bytes(dicom(truth.tobytes()))
    sources = Sources([tmp_path])
    assert len(list(sources)) == 1
    assert sources.passed_over == []
    assert no_photograph(dicom(truth.tobytes())[:2048]) is None
    assert no_photograph(b"\0" * 128 + b"DICM" + b"\xff" * 90) is None
    assert no_photograph(b"hello") is None


def test_text_that_is_burned_in_is_said(truth: npt.NDArray[np.uint8], dicom: Callable[..., Any]) -> None:
    (note,) = decode(dicom(truth.tobytes(), BurnedInAnnotation="YES")).notes
    assert "text is burned into the image" in note
    assert decode(dicom(truth.tobytes(), BurnedInAnnotation="NO")).notes == ()


@pytest.mark.parametrize(
    ("spacing", "millimetres"),
    [([0.02, 0.02], 0.02), ([0.02, 0.04], None), ([0, 0], None), ([50, 50], None), ("0.02", None), (None, None)],
)
def test_the_width_of_a_pixel_is_that_of_pixel_spacing(
    truth: npt.NDArray[np.uint8], dicom: Callable[..., Any], spacing: Any, millimetres: Any
) -> None:
    elements = {} if spacing is None else {"PixelSpacing": spacing}
    assert decode(dicom(truth.tobytes(), **elements)).millimetres == millimetres


def test_colours_that_a_dicom_file_names_are_converted(truth: npt.NDArray[np.uint8], dicom: Callable[..., Any]) -> None:
    adobe = decode(dicom(truth.tobytes(), ColorSpace="ADOBERGB"))
    assert adobe.notes == ("The colours of this image were converted from Adobe RGB (1998) to sRGB.",)
    assert np.abs(adobe.pixels.astype(int) - truth).max() > 10
    np.testing.assert_array_equal(decode(dicom(truth.tobytes(), ColorSpace="SRGB")).pixels, truth)
    assert "not what they are" in decode(dicom(truth.tobytes(), ColorSpace="ROMMRGB")).notes[0]

"""One folder with a file of every kind: `predict` does with each what docs/formats.md says, in its words."""

import csv
import io
import json
import re
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import convert_color_space

from skinlens.cli.predict import Outputs, predict
from skinlens.imaging.decode import decode_trusted
from skinlens.imaging.image import ImageRejectedError, Pixels
from skinlens.imaging.own import mark_heatmap
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.runtime.predictor import Predictor
from skinlens.storage.location import FOLDER_VARIABLE
from tests.imaging.hostile import cut_but_ended
from tests.imaging.test_dicom import exif_free_jpeg, without_end
from tests.imaging.test_jpegxl import in_srgb, in_wide_gamut, jxl
from tests.imaging.test_newer import avif, heic
from tests.imaging.test_sources import deflate_64, packed, repacked
from tests.imaging.test_srgb import exif
from tests.imaging.test_tiff import by_plane, camera_raw, with_thumbnail, written

FORMATS = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
HEIGHT, WIDTH = 120, 160

Makers = dict[str, bytes]


@pytest.fixture(scope="module")
def lesion() -> Pixels:
    return draw_pixels(7, height=HEIGHT, width=WIDTH)


def no_photograph(whole: bytes, sop_class: uid.UID) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(whole))
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(dataset, keyword)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset)
    return stream.getvalue()


def with_tag(tiff: bytes, tag: int, value: int) -> bytes:
    """A TIFF in which a short value says something else."""
    data = bytearray(tiff)
    place = data.index(struct.pack("<HHI", tag, 3, 1)) + 8
    struct.pack_into("<H", data, place, value)
    return bytes(data)


def pages(*images: Pixels) -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for pixels in images:
            writer.write(pixels, photometric="rgb", metadata=None)
    return stream.getvalue()


@pytest.fixture(scope="module")
def read(lesion: Pixels, save: Callable[..., bytes], save_deep: Any, dicom: Any, encode_frame: Any) -> Makers:
    """Files from which an image is made, by name."""
    deep, size = lesion.astype(np.uint16) * 257, {"Rows": HEIGHT, "Columns": WIDTH}
    picture, frame = Image.fromarray(lesion), exif_free_jpeg(lesion, subsampling=0)
    ybr = convert_color_space(lesion, "RGB", "YBR_FULL")
    jpeg = save(lesion, "JPEG", quality=95)
    files = {
        "baseline.jpg": jpeg,
        "progressive.jpeg": save(lesion, "JPEG", progressive=True),
        "cmyk.jpg": save(picture.convert("CMYK"), "JPEG"),
        "without its last rows.jpg": cut_but_ended(frame, 0.96),
        "named.jfif": jpeg,
        "named.jpe": jpeg,
        "pair.mpo": save(picture, "MPO", save_all=True, append_images=[picture]),
        "no ending": jpeg,
        "unknown.image": jpeg,
        "8.png": save(lesion, "PNG"),
        "16.png": save_deep(deep, ".png"),
        "transparent.png": save(picture.quantize(32), "PNG", transparency=3),
        "bitmap.bmp": save(lesion, "BMP"),
        "still.webp": save(lesion, "WEBP"),
        "adobe rgb.jpg": save(lesion, "JPEG", exif=exif()),
        "telephone.heic": heic(lesion),
        "still.avif": avif(lesion),
        "8.jxl": jxl(lesion),
        "16.jxl": in_srgb(jxl(deep)),
        "linear.jxl": jxl(deep),
        "wavelet.jp2": save(lesion, "JPEG2000"),
        "rgb.tif": written(lesion),
        "big.tif": written(lesion, bigtiff=True),
        "tiles.tif": written(lesion, tile=(64, 64)),
        "planes 16.tif": written(by_plane(deep), planarconfig="separate"),
        "cmyk.tif": save(picture.convert("CMYK"), "TIFF"),
        "palette.tif": save(picture.quantize(64), "TIFF"),
        "reduced copy first.tif": with_thumbnail(lesion, below=True),
        "two pages.tif": pages(lesion, lesion),
        "uncompressed.dcm": dicom(lesion.tobytes(), **size),
        "deflated.dcm": dicom(lesion.tobytes(), uid.DeflatedExplicitVRLittleEndian, **size),
        "two frames.dcm": dicom(lesion.tobytes() * 2, NumberOfFrames=2, **size),
        "stale label.dcm": dicom(lesion.tobytes(), PhotometricInterpretation="YBR_FULL_422", **size),
        "ybr called rgb.dcm": dicom(ybr.tobytes(), **size),
        "adobe.dcm": dicom(lesion.tobytes(), ColorSpace="ADOBERGB", **size),
        "burned in.dcm": dicom(lesion.tobytes(), BurnedInAnnotation="YES", **size),
        "spaced.dcm": dicom(lesion.tobytes(), PixelSpacing=[0.02, 0.02], **size),
        "jpeg.dcm": dicom(encapsulate([frame]), uid.JPEGBaseline8Bit, PhotometricInterpretation="YBR_FULL", **size),
    }
    for name, syntax in (("rle", uid.RLELossless), ("jpeg-ls", uid.JPEGLSLossless), ("2000", uid.JPEG2000Lossless)):
        files[f"{name}.dcm"] = dicom(encapsulate([encode_frame(lesion, syntax)]), syntax, **size)
    files["no end mark.dcm"] = without_end(files["rle.dcm"])
    for compression in ("lzw", "zlib", "jpeg", "zstd", "lzma", "packbits", "webp", "lerc", "png", "jpegxl"):
        files[f"{compression}.tif"] = written(lesion, compression=compression)
    return files


@pytest.fixture(scope="module")
def rejected(lesion: Pixels, save: Callable[..., bytes], dicom: Any, encode_frame: Any) -> dict[str, tuple[bytes, str]]:
    """Files that are named like images and are none that can be used, with a part of their sentence."""
    picture, size = Image.fromarray(lesion), {"Rows": HEIGHT, "Columns": WIDTH}
    other = [Image.fromarray(np.roll(lesion, step, axis=1)) for step in (5, 9)]
    rle = dicom(encapsulate([encode_frame(lesion, uid.RLELossless)]), uid.RLELossless, **size)
    grey = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}
    return {
        "moving.png": (save(picture, "PNG", save_all=True, append_images=other), "is an animation of 3 frames"),
        "moving.webp": (save(picture, "WEBP", save_all=True, append_images=other), "is an animation of 3 frames"),
        "moving.avif": (save(picture, "AVIF", save_all=True, append_images=other[:1]), "is an animation of 2 frames"),
        "gif.jpg": (save(picture.quantize(64), "GIF"), "is a GIF, whose 256 colours are too few."),
        "jbig.tif": (with_tag(written(lesion), 259, 34661), "in a way that is not supported (JBIG)."),
        "float.tif": (written(lesion.astype(np.float32) / 255), "(32 bits, floating point)."),
        "broken off.jpg": (exif_free_jpeg(lesion)[:-300], "is incomplete or damaged. Copy it again from the camera,"),
        "own.png": (mark_heatmap(encode_png(lesion)), "was made by SkinLens (a heatmap or summary)"),
        "letter.jpg": (b"%PDF-1.7 a letter", "is a PDF, not an image that can be opened."),
        "text.png": (b"a text " * 90, "is not an image that can be opened."),
        "moving.jxl": (jxl(np.stack([lesion, 255 - lesion]), photometric="rgb"), "is an animation of 2 frames"),
        "float.jxl": (jxl(lesion.astype(np.float32) / 255), "not supported (32 bits, floating point)."),
        "wide.jxl": (
            in_wide_gamut(jxl(lesion.astype(np.uint16) * 257)),
            "not supported (JPEG XL, colours other than sRGB).",
        ),
        "cut.jxl": (jxl(lesion)[:-200], "is incomplete or damaged."),
        "cut.dcm": (without_end(rle)[:-40], "is incomplete or damaged."),
        "grey.dcm": (dicom(lesion[..., 0].tobytes(), **grey, **size), "is a DICOM image without colour"),
        "film.dcm": (dicom(encapsulate([b"film"]), uid.MPEG2MPML, **size), "not supported (MPEG2"),
    }


@pytest.fixture(scope="module")
def passed_over(dicom: Any, lesion: Pixels, save: Callable[..., bytes]) -> dict[str, tuple[bytes, str]]:
    """Files in the folder that get no row, with a part of the reason."""
    whole, archive = dicom(lesion.tobytes(), Rows=HEIGHT, Columns=WIDTH), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as inner:
        inner.writestr("lesion.png", encode_png(lesion))
    return {
        "animation.gif": (save(Image.fromarray(lesion).quantize(64), "GIF"), "GIF"),
        "letter.pdf": (b"%PDF-1.7 a letter", "PDF"),
        "notes.txt": (b"a note", "No image by its name or its content."),
        "empty": (b"", "empty"),
        "._baseline.jpg": (b"\0\5\x16\7\0\2\0\0Mac OS X", "Data of the Mac Finder, no image."),
        "inner.zip": (archive.getvalue(), "A zip archive. Choose it by itself, or unpack it."),
        "images.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(50), "This is a 7-Zip archive. Unpack it, or pack the images"),
        "images.rar": (b"Rar!\x1a\x07\x01\0" + bytes(50), "This is a RAR archive."),
        "DICOMDIR": (no_photograph(whole, uid.MediaStorageDirectoryStorage), "DICOMDIR"),
        "state.dcm": (
            no_photograph(whole, uid.GrayscaleSoftcopyPresentationStateStorage),
            "A DICOM file without an image: a presentation state.",
        ),
    }


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory, lesion: Pixels) -> dict[Path, str]:
    """Archives that are named by themselves; with a part of the sentence of their only image, "" where it is read."""
    folder, png = tmp_path_factory.mktemp("archives"), encode_png(lesion)
    made = {packed(folder / f"{kind}.zip", {"a.png": png}, kind): "" for kind in (0, 8, 12, 14)}
    made[repacked(folder / "deflate64.zip", {"a.png": png}, 9, deflate_64)] = ""
    made[repacked(folder / "ppmd.zip", {"a.png": png}, 98, bytes)] = (
        "is packed in a way that is not read (PPMd). Unpack it, or pack it as Deflate."
    )
    locked, damaged = packed(folder / "locked.zip", {"a.png": png}), packed(folder / "damaged.zip", {"a.png": png})
    data = bytearray(locked.read_bytes())
    data[6] |= 1
    data[data.rindex(b"PK\1\2") + 8] |= 1
    locked.write_bytes(data)
    made[locked] = "has a password. Unpack the archive with the password, or pack it without one."
    data = bytearray(damaged.read_bytes())
    data[200] ^= 0xFF
    damaged.write_bytes(data)
    made[damaged] = "cannot be unpacked because it is damaged. Pack it again."
    return made


@pytest.fixture(scope="module")
def rows(
    read: Makers,
    rejected: dict[str, tuple[bytes, str]],
    passed_over: dict[str, tuple[bytes, str]],
    archives: dict[Path, str],
    predictor: Predictor,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """What `predict` writes: its rows, and the reasons of what it passed over by name."""
    folder, out = tmp_path_factory.mktemp("everything"), tmp_path_factory.mktemp("out")
    for name, content in (read | {name: one[0] for name, one in (rejected | passed_over).items()}).items():
        (folder / name).write_bytes(content)
    outputs = Outputs(
        out / "rows.json", as_json=True, heatmaps=None, pdfs=None, orientations=False, passed_over=out / "passed.csv"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(out))
        patch.setattr("skinlens.cli.predict.quickest_predictor", lambda *_, **__: predictor)
        predict([folder, *archives], outputs, model=None, point=None, threshold=None)
    with (out / "passed.csv").open(encoding="utf-8-sig", newline="") as stream:
        listed = {Path(row["path"]).name: row["reason"] for row in csv.DictReader(stream)}
    return json.loads((out / "rows.json").read_text("utf-8")), listed


def of(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    # The second image of a file is named FILE!/2.
    return [row for row in rows if Path(row["path"].removesuffix("!/2")).name == name]


Written = tuple[list[dict[str, Any]], dict[str, str]]


def test_what_is_read_has_a_row_for_each_image(rows: Written, read: Makers) -> None:
    images = {"two pages.tif": 2, "two frames.dcm": 2}
    for name in read:
        found = of(rows[0], name)
        assert len(found) == images.get(name, 1), name
        assert {(row["width"], row["height"]) for row in found} == {(WIDTH, HEIGHT)}, (name, found[0]["reasons"])
        assert all(row["probability"] is not None for row in found), name


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("without its last rows.jpg", "of the image are missing"),
        ("transparent.png", "white"),
        ("adobe rgb.jpg", "Adobe RGB"),
        ("reduced copy first.tif", "The first page of this file is a reduced copy"),
        ("stale label.dcm", "but its pixels are RGB"),
        ("ybr called rgb.dcm", "but its pixels are YBR_FULL"),
        ("adobe.dcm", "Adobe RGB"),
        ("burned in.dcm", "text is burned into the image"),
        ("linear.jxl", "linear light by its label"),
        ("no end mark.dcm", "lacks the mark at its end"),
    ],
)
def test_what_had_to_be_done_is_said(rows: Written, name: str, note: str) -> None:
    (row,) = of(rows[0], name)
    assert note in row["reasons"]


def test_a_diameter_needs_a_file_that_states_its_scale(rows: Written, read: Makers) -> None:
    for name in read.keys() - {"spaced.dcm"}:
        assert {(row["diameter_mm"], row["diameter_by"]) for row in of(rows[0], name)} == {(None, None)}, name
    (row,) = of(rows[0], "spaced.dcm")
    # The drawn image is 3.2 mm wide.
    assert row["decision"] == "rejected" or 0.5 < row["diameter_mm"] < 3.2


def test_what_cannot_be_used_has_a_row_with_its_sentence(rows: Written, rejected: dict[str, tuple[bytes, str]]) -> None:
    for name, (_, sentence) in rejected.items():
        (row,) = of(rows[0], name)
        assert (row["decision"], row["probability"]) == ("rejected", None), name
        assert sentence in row["reasons"], (name, row["reasons"])


def test_what_is_no_image_is_passed_over_with_its_reason(
    rows: Written, passed_over: dict[str, tuple[bytes, str]]
) -> None:
    for name, (_, reason) in passed_over.items():
        assert of(rows[0], name) == [], name
        assert reason in rows[1][name], (name, rows[1][name])


def test_archives_are_unpacked_or_say_why_not(rows: Written, archives: dict[Path, str]) -> None:
    for path, sentence in archives.items():
        (row,) = [row for row in rows[0] if row["path"].startswith(str(path))]
        assert sentence in row["reasons"], (path.name, row["reasons"])
        assert (row["width"] == WIDTH) is (sentence == ""), path.name


def test_nothing_else_is_in_the_folder(rows: Written, read: Makers, rejected: Any, archives: Any) -> None:
    assert len(rows[0]) == len(read) + 2 + len(rejected) + len(archives)


def test_every_sentence_of_the_document_is_said(rows: Written, lesion: Pixels) -> None:
    said = [*(row["reasons"] for row in rows[0]), *rows[1].values(), raw_without_its_library(lesion)]
    quoted = re.findall(r'\("([^"]+)"', FORMATS.read_text("utf-8"))
    assert len(quoted) >= 20
    for sentence in quoted:
        parts = [re.escape(part.strip()) for part in sentence.split("...")]
        assert any(re.search(".*".join(parts), text) for text in said), sentence


def raw_without_its_library(lesion: Pixels) -> str:
    """What is said of a camera raw file where the extra that develops it is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "rawpy", None)
        with pytest.raises(ImageRejectedError) as caught:
            decode_trusted(camera_raw(lesion))
    return str(caught.value)

"""`skinlens predict`: one row an image whatever it is, and what the exit status says."""

import csv
import dataclasses
import hashlib
import io
import json
import os
import shutil
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid
from pypdf import PdfReader

from skinlens.cli import predict as predict_module
from skinlens.cli.predict import Outputs, predict
from skinlens.errors import OutputError
from skinlens.explain.heatmap import heatmap_of, record_overlay
from skinlens.imaging.decode import decode
from skinlens.imaging.image import LesionImage, Pixels
from skinlens.imaging.sources import Source, safe_name
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.imaging.workers import worker_count
from skinlens.runtime.choice import quickest_predictor
from skinlens.runtime.predictor import Predictor
from skinlens.triage import pipeline
from skinlens.triage.pipeline import BATCH
from skinlens.triage.risk import risk_of, risk_words
from tests.cli.conftest import Caller
from tests.drawn import familiar_pixels

COLUMNS = [
    "path",
    "sha256",
    "probability",
    "decision",
    "threshold",
    "point",
    "reasons",
    "quality_failed",
    "stability",
    "width",
    "height",
    "model",
    "error",
    "prevalence",
    "risk",
    "risk_low",
    "risk_high",
    "diameter_mm",
    "diameter_by",
]
Row = dict[str, str]

# Upright width and height of every usable image; the others with the code of their refusal.
USABLE = {
    "IM0001": (240, 180),
    "a good.png": (300, 200),
    "cmyk.jpg": (260, 192),
    "deep.png": (220, 200),
    "grey.bmp": (200, 200),
    "scan.DCM": (240, 180),
    "sub/good.JPG": (280, 200),
    "turned.jpg": (200, 300),
}
REFUSED = {
    "corrupt.jpg": "truncated",
    "empty.jpg": "empty",
    "huge.png": "too_large",
    "sub/text.jpg": "not_an_image",
    "tiny.png": "too_small",
}


def jpeg(pixels: Pixels, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=90, **options)
    return stream.getvalue()


def turned_jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(familiar_pixels(1, height=200, width=300), exif=exif)


def cmyk_jpeg() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(familiar_pixels(4, height=192, width=260)).convert("CMYK").save(stream, "JPEG")
    return stream.getvalue()


def deep_png() -> bytes:
    deep = familiar_pixels(0, height=200, width=220).astype(np.uint16) * 257
    return cv2.imencode(".png", np.ascontiguousarray(deep[:, :, ::-1]))[1].tobytes()


def grey_bmp() -> bytes:
    return cv2.imencode(".bmp", familiar_pixels(6, height=200, width=200)[:, :, 0])[1].tobytes()


def huge_png() -> bytes:
    """A whole PNG file by its header, of 16,000 by 9,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 16_000, 9_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


def dicom(seed: int, **elements: str) -> bytes:
    pixels = familiar_pixels(seed, height=180, width=240)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(seed)])
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 180, 240, 3
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = pixels.tobytes()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of everything, and a text file that is no image by name either."""
    whole = jpeg(familiar_pixels(2, height=200, width=280))
    contents = {
        "IM0001": dicom(5),
        "a good.png": encode_png(familiar_pixels(1, height=200, width=300)),
        "cmyk.jpg": cmyk_jpeg(),
        "corrupt.jpg": whole[: len(whole) // 2],
        "deep.png": deep_png(),
        "empty.jpg": b"",
        "grey.bmp": grey_bmp(),
        "huge.png": huge_png(),
        "notes.txt": b"no image",
        "scan.DCM": dicom(7),
        "sub/good.JPG": whole,
        "sub/text.jpg": b"this is text, not an image" * 20,
        "tiny.png": cv2.imencode(".png", np.zeros((10, 10, 3), np.uint8))[1].tobytes(),
        "turned.jpg": turned_jpeg(),
    }
    place = tmp_path_factory.mktemp("images")
    for name, content in contents.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(content)
    return place


@pytest.fixture(scope="module")
def results(folder: Path, predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run over the folder left behind: `rows.csv`, `heatmaps/` and `pdfs/`."""
    place = tmp_path_factory.mktemp("results")
    outputs = Outputs(place / "rows.csv", as_json=False, heatmaps=place / "heatmaps", pdfs=place / "pdfs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict_module, "quickest_predictor", lambda _name, **_: predictor)
        predict([folder], outputs, model=None, point=None, threshold=None)
    return place


@pytest.fixture
def rows(results: Path, folder: Path) -> dict[str, Row]:
    """The rows by the file's path in the folder."""
    read = parsed((results / "rows.csv").read_text("utf-8"))
    return {Path(row["path"]).relative_to(folder).as_posix(): row for row in read}


def parsed(table: str) -> list[Row]:
    return list(csv.DictReader(io.StringIO(table, newline="")))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A folder with two good images and a bad one."""
    place = tmp_path / "two"
    place.mkdir()
    for seed in (0, 1):
        (place / f"{seed}.png").write_bytes(encode_png(familiar_pixels(seed)))
    (place / "2.png").write_bytes(b"bad")
    return place


class TestOneRowEach:
    def test_columns_are_the_contracts(self, results: Path) -> None:
        header = (results / "rows.csv").read_text("utf-8").splitlines()[0]
        assert header.split(",") == COLUMNS

    def test_every_image_has_a_row_in_the_order_of_its_path(self, rows: dict[str, Row]) -> None:
        assert list(rows) == sorted({**USABLE, **REFUSED})

    @pytest.mark.parametrize("name", USABLE)
    def test_a_usable_image(self, rows: dict[str, Row], folder: Path, predictor: Predictor, name: str) -> None:
        row, point = rows[name], predictor.card.point()
        assert (int(row["width"]), int(row["height"])) == USABLE[name]
        assert row["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
        assert row["model"] == predictor.card.name
        assert row["point"] == point.name
        assert float(row["threshold"]) == point.threshold
        verdict = "refer" if float(row["probability"]) >= point.threshold else "low"
        assert row["stability"] in {f"{views}/8" for views in range(1, 9)}
        colourless = name == "grey.bmp"
        judged = verdict if row["stability"] == "8/8" else "uncertain"
        assert row["decision"] == ("rejected" if colourless else judged)
        assert ("no_colour" in row["quality_failed"].split(";")) == colourless
        assert row["error"] == ""

    def test_probabilities_are_the_predictors_and_unrounded(
        self, rows: dict[str, Row], folder: Path, predictor: Predictor
    ) -> None:
        expected = predictor.predict([decode(folder / name) for name in USABLE])
        for name, prediction in zip(USABLE, expected, strict=True):
            shown = rows[name]["probability"]
            assert float(shown) == pytest.approx(prediction.score, abs=1e-6)
            assert shown == repr(float(shown))
        assert max(len(rows[name]["probability"]) for name in USABLE) > 8

    @pytest.mark.parametrize("name", REFUSED)
    def test_an_image_that_cannot_be_used(self, rows: dict[str, Row], folder: Path, name: str) -> None:
        row = rows[name]
        assert row["decision"] == "rejected"
        assert row["error"] == REFUSED[name]
        assert row["probability"] == row["width"] == row["height"] == ""
        assert row["reasons"].startswith(f"{Path(name).name} ")
        assert row["reasons"].endswith(".")
        assert row["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()

    def test_a_refused_but_readable_image_keeps_its_number(self, rows: dict[str, Row]) -> None:
        row = rows["grey.bmp"]
        assert row["decision"] == "rejected"
        assert 0 < float(row["probability"]) < 1
        assert "hardly any colour" in row["reasons"]

    def test_a_low_score_is_never_alone(self, rows: dict[str, Row]) -> None:
        for row in rows.values():
            assert row["reasons"].count("does not exclude melanoma") == (row["decision"] in {"low", "uncertain"})

    def test_the_images_own_notes_reach_the_reasons(self, rows: dict[str, Row]) -> None:
        assert "has no colour" in rows["grey.bmp"]["reasons"]


class TestExtras:
    def test_files_are_named_by_path_and_digest(self, results: Path, folder: Path) -> None:
        names = {safe_name(name, hashlib.sha256((folder / name).read_bytes()).hexdigest()) for name in USABLE}
        assert {path.name for path in (results / "heatmaps").iterdir()} == {f"{name}.png" for name in names}
        assert {path.name for path in (results / "pdfs").iterdir()} == {f"{name}.pdf" for name in names}
        digest = hashlib.sha256((folder / "sub/good.JPG").read_bytes()).hexdigest()
        assert (results / "heatmaps" / f"sub_good.JPG-{digest[:8]}.png").is_file()

    @pytest.mark.parametrize("name", USABLE)
    def test_heatmaps_have_the_images_size(self, results: Path, rows: dict[str, Row], name: str) -> None:
        path = results / "heatmaps" / f"{safe_name(name, rows[name]['sha256'])}.png"
        with Image.open(path) as drawn:
            drawn.load()
            assert (drawn.format, drawn.mode, drawn.size) == ("PNG", "RGB", USABLE[name])

    @pytest.mark.slow
    def test_heatmaps_lie_over_their_image(self, two: Path, loaded: Predictor, tmp_path: Path, call: Caller) -> None:
        assert call("predict", two, "--heatmaps", tmp_path / "maps").status == 0
        for seed in (0, 1):
            image = decode(two / f"{seed}.png")
            expected = record_overlay(image.pixels, heatmap_of(loaded.predict([image])[0], loaded.card))
            drawn = Image.open(tmp_path / "maps" / f"{safe_name(f'{seed}.png', image.sha256)}.png")
            assert np.abs(np.asarray(drawn, int) - expected).max() <= 1

    def test_summaries_are_pdfs(self, results: Path) -> None:
        for path in (results / "pdfs").iterdir():
            content = path.read_bytes()
            assert content.startswith(b"%PDF")
            assert content.rstrip().endswith(b"%%EOF")

    def test_nothing_else_is_left_behind(self, results: Path) -> None:
        assert {path.name for path in results.iterdir()} == {"rows.csv", "heatmaps", "pdfs"}


@pytest.mark.usefixtures("loaded")
class TestOutput:
    def test_a_challenges_table_has_the_images_with_a_probability(
        self, call: Caller, two: Path, tmp_path: Path
    ) -> None:
        done = call("predict", two, "--no-views", "--isic", tmp_path / "isic.csv")
        assert done.status == 0
        assert "isic.csv has 2 images for isic-challenge-scoring; 1 without a probability" in done.err
        rows = {Path(row["path"]).stem: row["probability"] for row in parsed(done.out)}
        written = parsed((tmp_path / "isic.csv").read_text("utf-8"))
        assert [list(row) for row in written] == [["image", "benign", "malignant"]] * 2
        assert {row["image"]: row["malignant"] for row in written} == {"0": rows["0"], "1": rows["1"]}

    def test_standard_output_carries_the_table_alone(self, call: Caller, two: Path) -> None:
        done = call("predict", two)
        assert done.status == 0
        read = parsed(done.out)
        assert [Path(row["path"]).name for row in read] == ["0.png", "1.png", "2.png"]
        assert list(read[0]) == COLUMNS
        assert None not in read[0]
        assert done.err.startswith("skinlens: ")
        assert "1 rejected" in done.err

    def test_json_is_one_array_with_the_same_content(self, call: Caller, two: Path) -> None:
        table = parsed(call("predict", two).out)
        listed = json.loads(call("predict", two, "--json").out)
        assert [list(entry) for entry in listed] == [COLUMNS] * 3
        for entry, row in zip(listed, table, strict=True):
            number = entry.pop("probability")
            assert number == (pytest.approx(float(row.pop("probability")), abs=1e-6) if number is not None else None)
            assert {key: "" if value is None else str(value) for key, value in entry.items()} == {
                key: value for key, value in row.items() if key != "probability"
            }
        assert isinstance(listed[0]["width"], int)
        assert isinstance(listed[0]["threshold"], float)
        assert listed[2]["width"] is None

    def test_risks_are_those_at_the_prevalence_and_the_pdf_has_them(
        self, call: Caller, two: Path, loaded: Predictor, tmp_path: Path
    ) -> None:
        for options, prevalence in (((), 0.02), (("--prevalence", "0.1"), 0.1)):
            done = call("predict", two, *options, "--json", "--pdf", tmp_path / "pdfs")
            usable, _, unreadable = json.loads(done.out)
            risk = risk_of(usable["probability"], loaded.card, prevalence)
            assert risk is not None
            assert usable["prevalence"] == prevalence
            assert (usable["risk"], usable["risk_low"], usable["risk_high"]) == (risk.value, risk.low, risk.high)
            assert [unreadable[name] for name in ("prevalence", "risk", "risk_low", "risk_high")] == [None] * 4
            summary = next((tmp_path / "pdfs").glob("0*.pdf"))
            text = " ".join("\n".join(page.extract_text() for page in PdfReader(summary).pages).split())
            assert risk_words(risk) in text

    @pytest.mark.parametrize("prevalence", ["0", "1", "2", "much"])
    def test_an_impossible_prevalence_is_bad_usage(self, call: Caller, two: Path, prevalence: str) -> None:
        assert call("predict", two, "--prevalence", prevalence).status == 2

    def test_json_without_a_usable_image_still_parses(self, call: Caller, tmp_path: Path) -> None:
        (only,) = json.loads(call("predict", tmp_path / "absent.png", "--json").out)
        assert only["decision"] == "rejected"

    def test_out_takes_the_table_and_makes_its_folder(self, call: Caller, two: Path, tmp_path: Path) -> None:
        out = tmp_path / "new" / "deep" / "rows.csv"
        done = call("predict", two, "--out", out)
        assert (done.status, done.out) == (0, "")
        assert len(parsed(out.read_text("utf-8"))) == 3
        call("predict", two / "0.png", "--out", out, "--json")
        assert len(json.loads(out.read_text("utf-8"))) == 1

    def test_paths_open_from_the_current_directory(
        self, call: Caller, two: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(two.parent)
        read = parsed(call("predict", "two", "two/1.png").out)
        assert [row["path"] for row in read] == ["two/0.png", "two/1.png", "two/2.png", "two/1.png"]
        assert all(Path(row["path"]).is_file() for row in read)

    def test_members_of_an_archive_are_read(self, call: Caller, two: Path, tmp_path: Path) -> None:
        archive = shutil.make_archive(str(tmp_path / "packed"), "zip", two)
        read, unpacked = parsed(call("predict", archive).out), parsed(call("predict", two).out)
        assert [row["path"] for row in read] == [f"{archive}!/{seed}.png" for seed in (0, 1, 2)]
        for row, other in zip(read, unpacked, strict=True):
            assert row | {"path": ""} == other | {"path": ""}

    def test_other_files_are_counted_on_standard_error(self, call: Caller, two: Path, tmp_path: Path) -> None:
        (two / "notes.txt").touch()
        (two / "more.zip").write_bytes(b"PK\3\4")
        done = call("predict", two, "--no-views")
        assert "2 other files passed over" in done.err
        assert done.err.count("passed over /") == 2
        listed = tmp_path / "others.csv"
        quiet = call("predict", two, "--no-views", "--passed-over", listed)
        assert "passed over /" not in quiet.err
        assert {row["reason"] for row in parsed(listed.read_text("utf-8"))} == {
            "An empty file.",
            "A zip archive. Choose it by itself, or unpack it.",
        }

    @pytest.mark.parametrize(
        "name",
        ["comma, and.png", 'quo"te.png', "line\nbreak.png", "ünï 痣 🩺.png", "=1+1.png", "semi;colon.png", "a\r.png"],
    )
    def test_odd_names_survive(self, call: Caller, two: Path, name: str) -> None:
        shutil.copy(two / "0.png", two / name)
        (row,) = parsed(call("predict", two / name).out)
        assert row["path"] == str(two / name)
        (entry,) = json.loads(call("predict", two / name, "--json").out)
        assert entry["path"] == str(two / name)

    def test_a_name_that_is_no_text_stops_nothing(self, call: Caller, two: Path, tmp_path: Path) -> None:
        """A file name of bytes that are not UTF-8, as old cameras and archives leave them."""
        name = "bad\udcff.png"
        shutil.copy(two / "0.png", two / name)
        done = call("predict", two / name, two / "1.png", "--json", "--pdf", tmp_path, "--heatmaps", tmp_path)
        assert done.status == 0
        entries = json.loads(done.out)
        assert [entry["path"] for entry in entries] == [str(two / name), str(two / "1.png")]
        assert Path(entries[0]["path"]).is_file()
        assert len(list(tmp_path.glob("bad_.png-*.pdf"))) == len(list(tmp_path.glob("bad_.png-*.png"))) == 1
        out = tmp_path / "rows.csv"
        assert call("predict", two / name, "--out", out).status == 0
        assert parsed(out.read_text("utf-8"))[0]["path"] == str(two / "bad\\udcff.png")

    def test_equal_names_in_two_folders_do_not_overwrite_each_other(
        self, call: Caller, two: Path, tmp_path: Path
    ) -> None:
        for seed in (0, 1):
            (two / str(seed)).mkdir()
            (two / f"{seed}.png").rename(two / str(seed) / "same.png")
        call("predict", two, two / "0", two / "1", "--heatmaps", tmp_path / "maps")
        names = sorted(path.name[:-13] for path in (tmp_path / "maps").iterdir())
        assert names == ["0_same.png", "1_same.png", "same.png", "same.png"]

    def test_a_very_wide_image(self, call: Caller, tmp_path: Path) -> None:
        wide = np.ascontiguousarray(np.tile(draw_pixels(1, height=64, width=64), (1, 90, 1)))
        (tmp_path / "wide.png").write_bytes(encode_png(wide))
        done = call("predict", tmp_path / "wide.png", "--heatmaps", tmp_path / "maps", "--pdf", tmp_path / "pdfs")
        assert done.status == 0
        (drawn,) = (tmp_path / "maps").iterdir()
        with Image.open(drawn) as image:
            assert image.size == (2048, 23)


# Each longer than a few letters, so that none can stand in a table or a PDF by chance.
IDENTIFIERS = {
    "PatientID": "PID-4711",
    "PatientBirthDate": "19640812",
    "StudyID": "STUDY-17",
    "StudyDate": "20190203",
    "StudyTime": "081530",
    "AccessionNumber": "ACC-0815",
    "ReferringPhysicianName": "Hausarzt^Anna",
    "StudyInstanceUID": "1.2.826.4711",
}


@pytest.mark.usefixtures("loaded")
class TestDicom:
    @pytest.fixture
    def patients(self) -> dict[str, bytes]:
        """Two images of patients whose names are in different character sets, and a PNG; by file name."""
        latin = {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg"} | IDENTIFIERS
        wide = {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "山田^太郎"} | IDENTIFIERS
        return {
            "latin.dcm": dicom(4, **latin),
            "lesion.png": encode_png(familiar_pixels(2)),
            "wide.dcm": dicom(3, **wide),
        }

    @pytest.fixture
    def folder(self, patients: dict[str, bytes], tmp_path: Path) -> Path:
        place = tmp_path / "folder"
        place.mkdir()
        for name, content in patients.items():
            (place / name).write_bytes(content)
        return place

    @pytest.mark.slow
    def test_pdf_and_overlay_are_those_of_the_other_options(self, call: Caller, folder: Path, tmp_path: Path) -> None:
        wanted = ("--dicom", tmp_path / "dcm", "--pdf", tmp_path / "pdfs", "--heatmaps", tmp_path / "maps")
        assert call("predict", folder, "--no-views", *wanted).status == 0
        names = [safe_name(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in folder.iterdir()]
        expected = {f"{name}.{kind}.dcm" for name in names for kind in ("pdf", "overlay")}
        assert {path.name for path in (tmp_path / "dcm").iterdir()} == expected
        for name in names:
            summary = pydicom.dcmread(tmp_path / "dcm" / f"{name}.pdf.dcm")
            content = summary.EncapsulatedDocument[: summary.EncapsulatedDocumentLength]
            assert content == (tmp_path / "pdfs" / f"{name}.pdf").read_bytes()
            overlay = pydicom.dcmread(tmp_path / "dcm" / f"{name}.overlay.dcm")
            with Image.open(tmp_path / "maps" / f"{name}.png") as drawn:
                np.testing.assert_array_equal(overlay.pixel_array, np.asarray(drawn))

    @pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
    def test_patient_and_study_are_the_sources(
        self, call: Caller, folder: Path, patients: dict[str, bytes], tmp_path: Path, *, packed: bool
    ) -> None:
        given = shutil.make_archive(str(tmp_path / "packed"), "zip", folder) if packed else folder
        assert call("predict", given, "--no-views", "--dicom", tmp_path / "dcm").status == 0
        for name in ("latin.dcm", "wide.dcm"):
            source = pydicom.dcmread(io.BytesIO(patients[name]))
            found = [pydicom.dcmread(path) for path in (tmp_path / "dcm").glob(f"{name}-*")]
            assert len(found) == 2
            for each in found:
                for keyword in ("PatientName", "SpecificCharacterSet", *IDENTIFIERS):
                    assert each[keyword].value == source[keyword].value
        alone = [pydicom.dcmread(path) for path in (tmp_path / "dcm").glob("lesion.png-*")]
        assert len(alone) == 2
        assert len({each.StudyInstanceUID for each in alone}) == 1
        assert all(each["PatientID"].is_empty and each["PatientName"].is_empty for each in alone)

    def test_identifiers_go_nowhere_else(self, call: Caller, folder: Path, tmp_path: Path) -> None:
        done = call("predict", folder, "--no-views", "--dicom", tmp_path / "dcm", "--heatmaps", tmp_path / "maps")
        pdfs = []
        for path in (tmp_path / "dcm").glob("*.pdf.dcm"):
            pdf = pydicom.dcmread(path).EncapsulatedDocument
            pages = PdfReader(io.BytesIO(pdf)).pages
            pdfs.append("".join(page.extract_text() for page in pages) + pdf.decode("latin-1"))
        assert all("SkinLens case summary" in text for text in pdfs)
        maps = [path.read_bytes().decode("latin-1") for path in (tmp_path / "maps").iterdir()]
        assert len(pdfs) == len(maps) == 3
        secret = [*IDENTIFIERS.values(), "Müller", "山田", "Hausarzt"]
        spread = "".join([done.out, done.err, *pdfs, *maps])
        assert not [text for text in secret if text in spread]

    def test_a_refused_image_has_a_summary_and_an_unreadable_one_a_row_alone(
        self, call: Caller, tmp_path: Path
    ) -> None:
        (tmp_path / "grey.bmp").write_bytes(grey_bmp())
        (tmp_path / "bad.png").write_bytes(b"bad")
        given = (tmp_path / "grey.bmp", tmp_path / "bad.png")
        done = call("predict", *given, "--no-views", "--dicom", tmp_path / "dcm")
        assert done.status == 0
        assert [row["decision"] for row in parsed(done.out)] == ["rejected", "rejected"]
        (only,) = (tmp_path / "dcm").iterdir()
        assert only.name.startswith("grey.bmp-")
        assert only.name.endswith(".pdf.dcm")

    def test_a_study_that_cannot_be_found_is_told(self, call: Caller, tmp_path: Path) -> None:
        (tmp_path / "lost.dcm").write_bytes(dicom(4, PatientID="PID-4711"))
        done = call("predict", tmp_path / "lost.dcm", "--no-views", "--dicom", tmp_path / "dcm")
        assert done.status == 0
        said = without_traceback(done.err)
        assert said[0] == (
            f"skinlens: {tmp_path / 'lost.dcm'}: "
            "Its header names no study that can be read; the DICOM results are in a new one."
        )
        assert "PID-4711" not in done.err + done.out

    def test_a_file_that_changes_meanwhile_gets_nobodys_identifiers(
        self,
        call: Caller,
        folder: Path,
        patients: dict[str, bytes],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def decoding(content: bytes, *, name: str, frame: int, side: int | None) -> LesionImage:
            (folder / "latin.dcm").write_bytes(patients["wide.dcm"])
            return decode(content, name=name, frame=frame, side=side)

        monkeypatch.setattr(pipeline, "decode", decoding)
        done = call("predict", folder / "latin.dcm", "--no-views", "--dicom", tmp_path / "dcm")
        assert done.status == 1
        assert "changed while it was being assessed" in without_traceback(done.err)[-1]
        assert list((tmp_path / "dcm").iterdir()) == []


@pytest.mark.usefixtures("loaded")
class TestThresholds:
    def test_a_threshold_decides_and_is_shown(self, call: Caller, two: Path) -> None:
        scores = sorted(float(row["probability"]) for row in parsed(call("predict", two).out)[:2])
        between = sum(scores) / 2
        for threshold, decisions in ((0.0, ["refer"] * 2), (between, ["low", "refer"]), (1.0, ["low"] * 2)):
            read = parsed(call("predict", two, "--threshold", threshold, "--no-views").out)
            assert {row["stability"] for row in read} == {""}
            assert sorted(row["decision"] for row in read[:2]) == decisions
            assert {row["point"] for row in read} == {"custom"}
            assert {float(row["threshold"]) for row in read} == {threshold}

    def test_a_score_at_the_threshold_is_referred(self, call: Caller, two: Path) -> None:
        (row,) = parsed(call("predict", two / "0.png", "--no-views").out)
        (again,) = parsed(call("predict", two / "0.png", "--no-views", "--threshold", row["probability"]).out)
        assert again["probability"] == row["probability"]
        assert again["decision"] == "refer"

    def test_a_point_of_the_card_by_name(self, call: Caller, two: Path, loaded: Predictor) -> None:
        for point in loaded.card.operating_points:
            read = parsed(call("predict", two, "--point", point.name).out)
            assert {(row["point"], float(row["threshold"])) for row in read} == {(point.name, point.threshold)}


@pytest.mark.usefixtures("loaded")
class TestBadUsage:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--point", "strict"], "no operating point 'strict'; it has: "),
            (["--threshold", "1.01"], "between 0 and 1, not 1.01"),
            (["--threshold", "nan"], "between 0 and 1, not nan"),
            (["--threshold", "0.5", "--point", "any"], "not both"),
            (["--threshold", "high"], ""),
            (["--format", "xml"], ""),
        ],
        ids=" ".join,
    )
    def test_status_2_and_nothing_written(
        self, call: Caller, two: Path, tmp_path: Path, words: list[str], said: str
    ) -> None:
        out = tmp_path / "rows.csv"
        out.write_text("kept")
        done = call("predict", two, "--out", out, *words)
        assert done.status == 2
        assert said in done.err
        assert done.err
        assert "Traceback" not in done.err
        assert done.out == ""
        assert out.read_text() == "kept"

    def test_no_path_is_bad_usage(self, call: Caller) -> None:
        assert call("predict").status == 2

    def test_an_unknown_command_is_bad_usage(self, call: Caller) -> None:
        assert call("diagnose").status == 2


def without_traceback(err: str) -> list[str]:
    """The lines on standard error, all of which have to be the tool's own sentences."""
    lines = err.splitlines()
    assert all(line.startswith("skinlens: ") for line in lines), err
    return lines


@pytest.mark.usefixtures("loaded")
class TestUnwritable:
    @pytest.fixture
    def blocked(self, tmp_path: Path) -> Path:
        """A path that can never be a folder, whoever runs this."""
        (tmp_path / "file").touch()
        return tmp_path / "file"

    @pytest.mark.parametrize("option", ["--out", "--heatmaps", "--pdf", "--dicom"])
    def test_a_file_where_a_folder_should_be(self, call: Caller, two: Path, blocked: Path, option: str) -> None:
        done = call("predict", two, option, blocked / "below")
        assert done.status == 1
        assert "cannot be written" in without_traceback(done.err)[-1]

    def test_a_folder_where_the_table_should_be(self, call: Caller, two: Path, tmp_path: Path) -> None:
        done = call("predict", two, "--out", tmp_path)
        assert done.status == 1
        assert "cannot be written" in without_traceback(done.err)[-1]

    @pytest.mark.parametrize("option", ["--heatmaps", "--pdf", "--dicom"])
    def test_a_folder_where_a_result_should_be(self, call: Caller, two: Path, tmp_path: Path, option: str) -> None:
        digest = hashlib.sha256((two / "0.png").read_bytes()).hexdigest()
        suffix = {"--heatmaps": "png", "--pdf": "pdf", "--dicom": "pdf.dcm"}[option]
        (tmp_path / f"{safe_name('0.png', digest)}.{suffix}").mkdir()
        done = call("predict", two, option, tmp_path)
        assert done.status == 1
        assert "cannot be written" in without_traceback(done.err)[-1]

    def test_an_error_of_ours_is_raised_as_it_is(self, two: Path, blocked: Path) -> None:
        with pytest.raises(OutputError):
            predict(
                [two],
                Outputs(blocked / "x", as_json=False, heatmaps=None, pdfs=None),
                model=None,
                point=None,
                threshold=None,
            )


class TestModel:
    def test_an_unknown_model(self, call: Caller, two: Path) -> None:
        done = call("predict", two, "--model", "nothing")
        assert (done.status, done.out) == (1, "")
        assert "There is no model 'nothing'" in without_traceback(done.err)[0]

    @pytest.mark.parametrize("harm", ["tampered weights", "tampered graph", "missing weights", "garbled card"])
    def test_a_harmed_model(
        self,
        call: Caller,
        two: Path,
        predictor: Predictor,
        released_folder: Path,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        harm: str,
    ) -> None:
        card, place = predictor.card, tmp_path / "weights"
        place.mkdir()
        files = {role: place / file.file for role, file in card.files.items()}
        for path in (*files.values(), place / f"{card.name}.json"):
            shutil.copyfile(released_folder / path.name, path)
        if harm == "missing weights":
            files["weights"].unlink()
        elif harm == "garbled card":
            (place / f"{card.name}.json").write_text("{")
        else:
            with files[harm.split()[1]].open("ab") as stream:
                stream.write(b"\0")
        monkeypatch.setattr(
            predict_module, "quickest_predictor", lambda name, **given: quickest_predictor(name, place, **given)
        )
        out = tmp_path / "rows.csv"
        done = call("predict", two, "--out", out)
        assert (done.status, done.out) == (1, "")
        without_traceback(done.err)
        assert not out.exists()

    def test_a_defect_is_not_dressed_up_as_a_sentence(
        self, call: Caller, two: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(_name: str, **_: object) -> Predictor:
            raise KeyError("a mistake of ours")

        monkeypatch.setattr(predict_module, "quickest_predictor", broken)
        with pytest.raises(KeyError, match="a mistake of ours"):
            call("predict", two)


class TestFlatMemory:
    """No more than a batch is read ahead of the rows on disk."""

    @pytest.fixture
    def quick(self, predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> Predictor:
        """A predictor that answers at once."""
        content = encode_png(draw_pixels(1, height=64, width=64))
        (template,) = predictor.predict([decode(content)])
        monkeypatch.setattr(predictor, "predict", lambda images: [dataclasses.replace(template) for _ in images])
        monkeypatch.setattr(predict_module, "quickest_predictor", lambda _name, **_: predictor)
        return predictor

    @pytest.mark.usefixtures("quick")
    def test_large_images_are_scored_before_more_are_decoded(
        self, quick: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sizes: list[int] = []
        answer = quick.predict
        monkeypatch.setattr(quick, "predict", lambda images: [sizes.append(len(images)), *answer(images)][1:])
        monkeypatch.setattr(pipeline, "MOST_BYTES", 2 * 64 * 64 * 3)
        for index in range(5):
            (tmp_path / f"{index}.png").write_bytes(encode_png(draw_pixels(index, height=64, width=64)))
        outputs = Outputs(tmp_path / "rows.csv", as_json=False, heatmaps=None, pdfs=None, orientations=False)
        predict([tmp_path], outputs, model=None, point=None, threshold=None)
        assert sizes == [2, 2, 1]

    @pytest.mark.slow
    @pytest.mark.usefixtures("quick")
    def test_four_times_as_many_images_take_no_more_memory(self, tmp_path: Path) -> None:
        content = encode_png(draw_pixels(1, height=128, width=128))

        def peak(number: int) -> int:
            folder = tmp_path / str(number)
            folder.mkdir()
            for index in range(number):
                (folder / f"{index}.png").write_bytes(content)
            outputs = Outputs(tmp_path / "rows.csv", as_json=False, heatmaps=None, pdfs=None, orientations=False)
            tracemalloc.start()
            try:
                predict([folder], outputs, model=None, point=None, threshold=None)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        # Tables and caches that are made once.
        peak(40)
        few, many = peak(80), peak(320)
        # Two batches in hand are 2 MB, now more full and now less; 240 more images would take 12 MB.
        assert many - few < 3_000_000

    @pytest.mark.parametrize("as_json", [False, True])
    @pytest.mark.usefixtures("quick")
    def test_rows_are_written_as_they_come(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, as_json: bool
    ) -> None:
        out, content = tmp_path / "rows", encode_png(draw_pixels(1, height=64, width=64))
        number = 5 * BATCH + 3
        ahead: list[int] = []

        def reading(index: int) -> Callable[[], bytes]:
            def read() -> bytes:
                written = out.read_text("utf-8").count("image-")
                ahead.append(index - written)
                return content

            return read

        class Many:
            passed_over = ()

            def __init__(self, _paths: object) -> None: ...

            def __iter__(self) -> Iterator[Source]:
                for index in range(number):
                    yield Source(f"image-{index}", f"{index}.png", reading(index))

        monkeypatch.setattr(predict_module, "Sources", Many)
        predict([], Outputs(out, as_json=as_json, heatmaps=None, pdfs=None), model=None, point=None, threshold=None)
        assert len(ahead) == number
        # One batch in the model, one decoded ahead, and what the readers have in hand.
        assert max(ahead) < 2 * BATCH + worker_count()
        text = out.read_text("utf-8")
        paths = [entry["path"] for entry in (json.loads(text) if as_json else parsed(text))]
        assert paths == [f"image-{index}" for index in range(number)]


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("loaded")
def test_what_is_no_usable_file_has_its_row_and_costs_no_other(call: Caller, two: Path, tmp_path: Path) -> None:
    os.mkfifo(two / "pipe.jpg")
    for name in ("zero", "random"):
        (two / f"{name}.jpg").symlink_to(f"/dev/{name}")
    (two / "loop.jpg").symlink_to("loop.jpg")
    (two / "folder.jpg").mkdir()
    for name, size in (("huge", 20 * 2**30), ("sparse", 8 * 2**40)):
        with (two / f"{name}.jpg").open("wb") as stream:
            stream.truncate(size)
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(zipfile.ZipInfo(""), (two / "0.png").read_bytes())
        packed.writestr("a.png", (two / "1.png").read_bytes())
    os.mkfifo(tmp_path / "pipe.zip")
    done = call("predict", two, archive, tmp_path / "pipe.zip", tmp_path / "gone.png", "--no-views")
    assert done.status == 0
    errors = {Path(row["path"]).name: row["error"] for row in parsed(done.out)}
    assert errors == {
        "0.png": "", "1.png": "", "2.png": "not_an_image", "huge.jpg": "too_large", "loop.jpg": "unreadable",
        "pipe.jpg": "unreadable", "random.jpg": "unreadable", "sparse.jpg": "too_large", "zero.jpg": "unreadable",
        "a.png": "", "unnamed-0": "", "pipe.zip": "unreadable", "gone.png": "unreadable",
    }  # fmt: skip
    assert all(row["reasons"].endswith(".") for row in parsed(done.out))

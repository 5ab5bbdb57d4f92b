"""Summary and overlay as DICOM: what goes in comes out, filed under the source's patient and study, and only there."""

import dataclasses
import io
import logging
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import uid
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_file_meta_info
from pydicom.tag import Tag

from skinlens import __version__
from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError, Pixels
from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.report.dicom import AnotherImageError, CaseDicom, case_dicom
from skinlens.report.pdf import SYNTHETIC, case_pdf
from skinlens.runtime.card import ModelCard
from skinlens.runtime.predictor import Predictor
from skinlens.triage.case import CaseFacts, CaseRecord
from skinlens.triage.decision import decision_with_reasons
from skinlens.triage.wording import DISCLAIMER, UNVERIFIED

# An odd number of bytes, so that padding is needed.
HEIGHT, WIDTH = 71, 91
PDF = b"%PDF-1.7 of nothing\n%%EOF\n"
IDENTIFIERS = {
    "PatientName": "Muster^Erika",
    "PatientID": "PID-4711",
    "IssuerOfPatientID": "CLINIC",
    "PatientBirthDate": "19640812",
    "PatientSex": "F",
    "StudyDate": "20250607",
    "StudyTime": "081530",
    "StudyID": "S-17",
    "StudyDescription": "Dermoscopy",
    "AccessionNumber": "ACC-0815",
    "ReferringPhysicianName": "Hausarzt^Anna",
}
# Types 1 and 2 of the modules that are mandatory (PS3.3, A.45.1 and A.8.1); those that must not be empty.
EVERY = {"PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID"} | {
    *("AccessionNumber", "ReferringPhysicianName", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
    *("SOPClassUID", "Modality", "SeriesNumber", "InstanceNumber", "ConversionType", "Manufacturer"),
}
OF_SUMMARY = EVERY | {
    *("ContentDate", "ContentTime", "AcquisitionDateTime", "BurnedInAnnotation", "DocumentTitle"),
    *("ConceptNameCodeSequence", "MIMETypeOfEncapsulatedDocument", "EncapsulatedDocument"),
}
OF_OVERLAY = EVERY | {
    *("ImageType", "PatientOrientation", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration"),
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData"),
}


def pixels() -> Pixels:
    return draw_pixels(3, height=HEIGHT, width=WIDTH)


def png() -> bytes:
    return encode_png(pixels())


def source(syntax: uid.UID = uid.ExplicitVRLittleEndian, **elements: Any) -> bytes:
    """A DICOM file of a drawn lesion with made-up identifiers; keywords replace, add or, if None, leave out elements.

    Bytes are stored as they are, whatever pydicom thinks of them.
    """
    image = {
        "SOPClassUID": uid.VLPhotographicImageStorage,
        "SOPInstanceUID": "1.2.3.4.5",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.4",
        "Rows": HEIGHT,
        "Columns": WIDTH,
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "PlanarConfiguration": 0,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "PixelData": pixels().tobytes() * int(elements.get("NumberOfFrames", 1)) + b"\0",
    }
    body = DicomBytesIO()
    body.is_implicit_VR, body.is_little_endian = syntax.is_implicit_VR, syntax.is_little_endian
    given = {Tag(keyword): value for keyword, value in (image | IDENTIFIERS | elements).items() if value is not None}
    for tag, value in sorted(given.items()):
        vr = "OB" if tag == 0x7FE00010 else dictionary_VR(tag)
        if isinstance(value, bytes):
            padded = value + b" " * (len(value) % 2)
            element = RawDataElement(tag, vr, len(padded), padded, 0, body.is_implicit_VR, body.is_little_endian)
            write_data_element(body, element)
        else:
            label = elements.get("SpecificCharacterSet")
            write_data_element(body, DataElement(tag, vr, value), label if isinstance(label, str | list) else None)
    content = body.getvalue()
    if syntax == uid.DeflatedExplicitVRLittleEndian:
        content = zlib.compress(content, wbits=-zlib.MAX_WBITS)
    return b"\0" * 128 + b"DICM" + meta_group(syntax) + content


def meta_group(syntax: uid.UID) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = uid.VLPhotographicImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"  # type: ignore[assignment]
    stream = DicomBytesIO()
    write_file_meta_info(stream, meta)
    return stream.getvalue()


def read(content: bytes | None) -> Dataset:
    assert content is not None
    return pydicom.dcmread(io.BytesIO(content))


def stored(content: bytes | None, keyword: str) -> bytes:
    """The bytes of a value, without padding."""
    element = read(content).get_item(Tag(keyword))
    return (element.value or b"").rstrip(b" \0")


@pytest.fixture
def record_of(build_record: Callable[..., Any]) -> Callable[..., CaseRecord]:
    """The record of an image that is decoded from a file, without anything typed by a user."""

    def record_of(content: bytes, **changes: Any) -> CaseRecord:
        return build_record(**{"image": decode(content, name="lesion.dcm"), "facts": CaseFacts()} | changes)

    return record_of


@pytest.fixture
def made_from(record_of: Callable[..., Any]) -> Callable[..., CaseDicom]:
    """The objects of a case whose image came from a file."""
    return lambda content, **changes: case_dicom(record_of(content, **changes), PDF, content)


def both(made: CaseDicom) -> tuple[Dataset, Dataset]:
    return read(made.summary), read(made.overlay)


class TestContent:
    @pytest.mark.parametrize("padding", [b"", b"\n"], ids=["even", "odd"])
    def test_the_pdf_comes_out_byte_for_byte(self, record_of: Callable[..., Any], padding: bytes) -> None:
        content, pdf = source(), PDF + padding
        found = read(case_dicom(record_of(content), pdf, content).summary)
        assert found.SOPClassUID == found.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.104.1"
        assert found.MIMETypeOfEncapsulatedDocument == "application/pdf"
        assert found.EncapsulatedDocument[: found.EncapsulatedDocumentLength] == pdf
        assert len(found.EncapsulatedDocument) == len(pdf) + len(pdf) % 2

    def test_a_summary_as_it_is_drawn(self, record_of: Callable[..., Any], card: ModelCard) -> None:
        content = source()
        record = record_of(content)
        summary = case_pdf(record, card).content
        found = read(case_dicom(record, summary, content).summary)
        assert found.EncapsulatedDocument[: found.EncapsulatedDocumentLength] == summary

    def test_the_overlay_comes_out_pixel_for_pixel(self, record_of: Callable[..., Any]) -> None:
        content = source()
        record = record_of(content)
        found = read(case_dicom(record, PDF, content).overlay)
        assert found.SOPClassUID == found.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
        assert found.PhotometricInterpretation == "RGB"
        assert len(found.PixelData) == HEIGHT * WIDTH * 3 + 1
        np.testing.assert_array_equal(found.pixel_array, record.overlay)

    def test_the_overlay_is_an_image_that_can_be_opened(self, record_of: Callable[..., Any]) -> None:
        content = source()
        record = record_of(content)
        made = case_dicom(record, PDF, content)
        np.testing.assert_array_equal(read(made.overlay).pixel_array, record.overlay)
        # By any viewer, but not as a patient's image.
        for own in (made.overlay, made.summary):
            assert own is not None
            with pytest.raises(ImageRejectedError) as caught:
                decode(own, name="own.dcm")
            assert caught.value.reason == "own_output"

    def test_a_smaller_overlay_says_so(self, record_of: Callable[..., Any]) -> None:
        record = dataclasses.replace(record_of(png()), overlay=np.ascontiguousarray(pixels()[::2, ::2]))
        assert "scaled to 46 by 36 pixels" in read(case_dicom(record, PDF, png()).overlay).DerivationDescription
        assert "scaled" not in read(case_dicom(record_of(png()), PDF, png()).overlay).DerivationDescription

    def test_an_image_that_was_not_assessed_has_a_summary_alone(self, record_of: Callable[..., Any]) -> None:
        record = record_of(source())
        refused = dataclasses.replace(record, assessment=dataclasses.replace(record.assessment, decision="rejected"))
        made = case_dicom(refused, PDF, source())
        assert made.overlay is None
        assert read(made.summary).PatientID == IDENTIFIERS["PatientID"]

    @pytest.mark.parametrize("origin", ["DICOM", "DICOM without identifiers", "PNG"])
    def test_what_the_standard_asks_for_is_there(self, made_from: Callable[..., Any], origin: str) -> None:
        contents = {"DICOM": source(), "DICOM without identifiers": source(**dict.fromkeys(IDENTIFIERS)), "PNG": png()}  # type: ignore[arg-type]
        content = contents[origin]
        may_be_empty = {*IDENTIFIERS, "AcquisitionDateTime", "ConceptNameCodeSequence", "PatientOrientation"}
        for found, expected in zip(both(made_from(content)), (OF_SUMMARY, OF_OVERLAY), strict=True):
            assert found.file_meta.TransferSyntaxUID == uid.ExplicitVRLittleEndian
            assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
            assert {keyword for keyword in expected if keyword not in found} == set()
            assert {keyword for keyword in expected if found[keyword].is_empty} <= may_be_empty

    def test_every_value_has_an_even_length(self, made_from: Callable[..., Any]) -> None:
        """As PS3.5, 7.1.1 demands; pydicom reads, and copies, odd ones without a word."""
        for found in both(made_from(source(StudyInstanceUID="1.2"))):
            lengths = {element.tag: element.length for element in found.elements() if element.is_raw}
            assert len(lengths) > 20
            assert [tag for tag, length in lengths.items() if length % 2] == []

    def test_they_say_what_made_them_and_that_it_is_no_medical_device(self, made_from: Callable[..., Any]) -> None:
        summary, overlay = both(made_from(source()))
        for found in (summary, overlay):
            assert "not a medical device" in found.SeriesDescription
            assert found.Manufacturer == "SkinLens"
            assert list(found.SoftwareVersions) == [f"SkinLens {__version__}", "asff_resnet50 1.2.3"]
            assert found.ConversionType == "WSD"
            assert (found.ContentDate, found.ContentTime) == ("20260304", "150607")
            assert max(len(found[keyword].value) for keyword in ("SeriesDescription", "Manufacturer")) <= 64
        assert DISCLAIMER in summary.DocumentTitle
        assert summary.VerificationFlag == "UNVERIFIED"
        assert DISCLAIMER in overlay.DerivationDescription
        assert overlay.ImageComments == DISCLAIMER
        assert list(overlay.ImageType) == ["DERIVED", "SECONDARY"]

    def test_a_drawn_image_is_called_one(self, record_of: Callable[..., Any]) -> None:
        record = record_of(png())
        drawn = dataclasses.replace(record, image=dataclasses.replace(record.image, synthetic=True))
        summary, overlay = both(case_dicom(drawn, PDF, png()))
        assert SYNTHETIC in summary.DocumentTitle
        assert SYNTHETIC in overlay.ImageComments

    def test_a_model_that_was_not_released_is_called_one(
        self, record_of: Callable[..., Any], predictor: Predictor
    ) -> None:
        record = record_of(png())
        own = predictor.card.model_copy(update={"unverified": True})
        _, reasons = decision_with_reasons(0.9, own, own.point())
        assessment = dataclasses.replace(record.assessment, reasons=reasons)
        summary, overlay = both(case_dicom(dataclasses.replace(record, assessment=assessment), PDF, png()))
        assert UNVERIFIED in summary.DocumentTitle
        assert overlay.ImageComments == f"{UNVERIFIED} {DISCLAIMER}"
        assert UNVERIFIED in overlay.DerivationDescription


class TestPatientAndStudy:
    @pytest.mark.parametrize(
        "syntax",
        [
            uid.ExplicitVRLittleEndian,
            uid.ImplicitVRLittleEndian,
            uid.DeflatedExplicitVRLittleEndian,
            uid.ExplicitVRBigEndian,
        ],
        ids=lambda syntax: syntax.name,
    )
    def test_they_are_the_sources(self, made_from: Callable[..., Any], syntax: uid.UID) -> None:
        made = made_from(source(syntax))
        for found in both(made):
            assert {keyword: found[keyword].value for keyword in IDENTIFIERS} == IDENTIFIERS
            assert found.StudyInstanceUID == "1.2.3"
        assert made.notes == ()

    @pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian], ids=lambda s: s.name)
    @pytest.mark.parametrize("start", ["meta", "dataset"])
    def test_also_without_preamble_and_mark(self, made_from: Callable[..., Any], syntax: uid.UID, start: str) -> None:
        content = source(syntax)
        unmarked = content[132:] if start == "meta" else content[132 + len(meta_group(syntax)) :]
        for found in both(made_from(unmarked)):
            assert {keyword: found[keyword].value for keyword in IDENTIFIERS} == IDENTIFIERS
            assert found.StudyInstanceUID == "1.2.3"

    def test_series_and_objects_are_new(self, made_from: Callable[..., Any]) -> None:
        summary, overlay = both(made_from(source()))
        given = {"1.2.3", "1.2.3.4", "1.2.3.4.5"}
        new = [each for found in (summary, overlay) for each in (found.SeriesInstanceUID, found.SOPInstanceUID)]
        assert len({*new, *given}) == len(new) + len(given)
        assert all(each.is_valid for each in new)
        assert summary.SeriesNumber != overlay.SeriesNumber

    def test_both_refer_to_the_source(self, made_from: Callable[..., Any]) -> None:
        summary, overlay = both(made_from(source()))
        for (item,) in (summary.SourceInstanceSequence, overlay.SourceImageSequence):
            assert item.ReferencedSOPClassUID == uid.VLPhotographicImageStorage
            assert item.ReferencedSOPInstanceUID == "1.2.3.4.5"
            assert "ReferencedFrameNumber" not in item
        (purpose,) = overlay.SourceImageSequence[0].PurposeOfReferenceCodeSequence
        assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("121322", "DCM")

    def test_the_overlay_names_the_frame_that_was_assessed(self, made_from: Callable[..., Any]) -> None:
        _, overlay = both(made_from(source(NumberOfFrames=2)))
        assert overlay.SourceImageSequence[0].ReferencedFrameNumber == 1

    def test_the_meta_group_says_which_object_it_is_where_the_dataset_does_not(
        self, made_from: Callable[..., Any]
    ) -> None:
        content = source(SOPClassUID=None, SOPInstanceUID=None)
        _, overlay = both(made_from(content))
        assert overlay.SourceImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.4.5"

    def test_without_either_there_is_no_reference(self, made_from: Callable[..., Any]) -> None:
        content = source(SOPClassUID=None, SOPInstanceUID=None)
        summary, overlay = both(made_from(content[132 + len(meta_group(uid.ExplicitVRLittleEndian)) :]))
        assert "SourceInstanceSequence" not in summary
        assert "SourceImageSequence" not in overlay
        assert summary.PatientID == IDENTIFIERS["PatientID"]

    def test_the_file_of_another_image_is_refused(self, record_of: Callable[..., Any]) -> None:
        record = record_of(source())
        with pytest.raises(AnotherImageError, match="is not the file"):
            case_dicom(record, PDF, source(PatientID="PID-4712"))

    def test_nothing_of_them_is_in_the_record(self, record_of: Callable[..., Any]) -> None:
        held = repr(dataclasses.asdict(record_of(source())))
        assert not [value for value in IDENTIFIERS.values() if len(value) > 1 and value in held]


class TestNoDicom:
    def test_both_objects_are_in_one_new_study_of_nobody(self, made_from: Callable[..., Any]) -> None:
        made = made_from(png())
        summary, overlay = both(made)
        assert summary.StudyInstanceUID == overlay.StudyInstanceUID
        assert summary.StudyInstanceUID.is_valid
        for found in (summary, overlay):
            unknown = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "AccessionNumber")
            assert all(found[keyword].is_empty for keyword in unknown)
            assert (found.StudyDate, found.StudyTime) == ("20260304", "150607")
            assert "SpecificCharacterSet" not in found
        assert "SourceInstanceSequence" not in summary
        assert "SourceImageSequence" not in overlay
        assert made.notes == ()

    def test_each_image_has_a_study_of_its_own(self, made_from: Callable[..., Any]) -> None:
        other = encode_png(draw_pixels(4, height=HEIGHT, width=WIDTH))
        studies = {read(made_from(content).summary).StudyInstanceUID for content in (png(), other)}
        assert len(studies) == 2


class TestUids:
    def test_the_same_record_gives_the_same_bytes(self, made_from: Callable[..., Any]) -> None:
        for content in (source(), png()):
            first = made_from(content)
            assert made_from(content) == first

    def test_another_time_gives_other_objects(
        self, made_from: Callable[..., Any], record_of: Callable[..., Any]
    ) -> None:
        created = record_of(png()).created
        keywords = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        earlier, later = (
            {found[keyword].value for found in both(made_from(png(), created=moment)) for keyword in keywords}
            for moment in (created, created + timedelta(microseconds=1))
        )
        assert len(earlier) == len(later) == 5
        assert not earlier & later

    def test_another_summary_is_another_object(self, record_of: Callable[..., Any]) -> None:
        made = [case_dicom(record_of(png()), pdf, png()) for pdf in (PDF, PDF + b"\n")]
        first, second = (read(each.summary).SOPInstanceUID for each in made)
        assert first != second
        assert made[0].overlay == made[1].overlay


class TestEncoding:
    @pytest.mark.parametrize(
        ("terms", "name"),
        [
            ("ISO_IR 100", "Müller^Jörg"),
            ("ISO_IR 192", "Müller^Jörg=山田^太郎"),
            ("ISO_IR 144", "Иванов^Пётр"),
            ("GB18030", "Wang^XiaoDong=王^小东"),
            (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
            (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
            (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
        ],
        ids=str,
    )
    def test_names_are_copied_with_their_character_set(
        self, made_from: Callable[..., Any], terms: str | list[str], name: str
    ) -> None:
        content = source(SpecificCharacterSet=terms, PatientName=name)
        made = made_from(content)
        for each in (made.summary, made.overlay):
            assert read(each).SpecificCharacterSet == terms
            assert read(each).PatientName == name
            assert stored(each, "PatientName") == stored(content, "PatientName")

    @pytest.mark.parametrize(
        ("label", "name", "expected"),
        [
            (None, "Müller".encode(), "ISO_IR 192"),
            (None, "Müller".encode("latin-1"), "ISO_IR 100"),
            (b"ISO_IR 192", "Müller".encode("latin-1"), "ISO_IR 100"),
            (b"ISO_IR 6", "Müller".encode("latin-1"), "ISO_IR 100"),
            (b"ISO IR 101", "Dvořák".encode("iso8859-2"), "ISO_IR 101"),
            (b"iso-ir-144", "Иванов".encode("iso8859-5"), "ISO_IR 144"),
            (b"UTF-8", "山田".encode(), "ISO_IR 192"),
            (b"nonsense\\ISO_IR 192", "山田".encode(), "ISO_IR 192"),
            (b"ISO_IR 100\\ISO_IR 144", "Müller".encode("latin-1"), ["ISO 2022 IR 100", "ISO 2022 IR 144"]),
        ],
        ids=str,
    )
    def test_a_wrong_label_is_put_right_and_the_bytes_stay(
        self, made_from: Callable[..., Any], label: bytes | None, name: bytes, expected: str | list[str]
    ) -> None:
        encodings = {"ISO_IR 192": "utf-8", "ISO_IR 101": "iso8859-2", "ISO_IR 144": "iso8859-5"}
        made = made_from(source(SpecificCharacterSet=label, PatientName=name))
        for each in (made.summary, made.overlay):
            assert read(each).SpecificCharacterSet == expected
            assert read(each).PatientName == name.decode(encodings.get(str(expected), "latin-1"))
            assert stored(each, "PatientName") == name

    @pytest.mark.parametrize("label", [None, b"nonsense", b"ISO_IR 6"])
    def test_plain_letters_need_no_character_set(self, made_from: Callable[..., Any], label: bytes | None) -> None:
        found = read(made_from(source(SpecificCharacterSet=label)).summary)
        assert found.get("SpecificCharacterSet", "ISO_IR 192") == "ISO_IR 192"
        assert found.PatientName == IDENTIFIERS["PatientName"]


class TestBrokenHeaders:
    def test_what_is_missing_is_empty(self, made_from: Any) -> None:
        made = made_from(source(**dict.fromkeys(IDENTIFIERS)))  # type: ignore[arg-type]
        for found in both(made):
            assert all(found[keyword].is_empty for keyword in OF_SUMMARY & IDENTIFIERS.keys())
            assert "IssuerOfPatientID" not in found
            assert found.StudyInstanceUID == "1.2.3"

    @pytest.mark.parametrize("study", [None, b"none", b"1.2.x", b"1..2", b"1" * 66], ids=str)
    def test_without_a_valid_study_a_new_one_is_made_and_that_is_said(
        self, made_from: Callable[..., Any], study: bytes | None
    ) -> None:
        made = made_from(source(StudyInstanceUID=study))
        summary, overlay = both(made)
        assert summary.StudyInstanceUID == overlay.StudyInstanceUID
        assert summary.StudyInstanceUID.startswith("2.25.")
        assert summary.PatientID == IDENTIFIERS["PatientID"]
        assert summary.StudyDate == IDENTIFIERS["StudyDate"]
        (note,) = made.notes
        assert "new one" in note

    def test_a_study_keeps_the_uid_it_is_known_by(self, made_from: Callable[..., Any]) -> None:
        made = made_from(source(StudyInstanceUID=b"1.02.30"))
        assert stored(made.summary, "StudyInstanceUID") == stored(made.overlay, "StudyInstanceUID") == b"1.02.30"

    @pytest.mark.parametrize(
        ("keyword", "value"),
        [
            ("PatientBirthDate", b"12.08.64"),
            ("PatientBirthDate", b"19641399"),
            ("StudyDate", b"20\xff50607"),
            ("StudyTime", b"at noon "),
            ("PatientSex", b"f?"),
        ],
        ids=str,
    )
    def test_a_malformed_date_time_or_code_is_left_empty(self, made_from: Any, keyword: Any, value: Any) -> None:
        for found in both(made_from(source(**{keyword: value}))):
            assert found[keyword].is_empty
            others = IDENTIFIERS.keys() - {keyword}
            assert {other: found[other].value for other in others} == {other: IDENTIFIERS[other] for other in others}

    def test_an_identifier_that_is_too_long_is_not_shortened(self, made_from: Callable[..., Any]) -> None:
        long = b"1" * 99 + b"A"
        made = made_from(source(PatientID=long))
        assert stored(made.summary, "PatientID") == stored(made.overlay, "PatientID") == long

    def test_a_text_that_can_only_be_damage_is_left_empty(self, made_from: Callable[..., Any]) -> None:
        content = source(uid.ImplicitVRLittleEndian, PatientID=b"P" * 2000)
        assert stored(made_from(content).summary, "PatientID") == b""

    def test_a_header_that_cannot_be_read_leaves_the_patient_empty_and_says_so(
        self, made_from: Callable[..., Any]
    ) -> None:
        made = made_from(source(SpecificCharacterSet=b"no\0code"))
        for found in both(made):
            assert found["PatientID"].is_empty
            assert found.StudyInstanceUID.startswith("2.25.")
        assert len(made.notes) == 1

    def test_nothing_is_said_that_could_quote_it(
        self, made_from: Callable[..., Any], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            made = made_from(
                source(
                    SpecificCharacterSet=b"ISO_IR 192",
                    PatientName=b"M\xfcller",
                    PatientID=b"1" * 100,
                    PatientBirthDate=b"12.08.64",
                    StudyInstanceUID=b"secret",
                )
            )
        said = capfd.readouterr()
        assert (said.out, said.err) == ("", "")
        everything = caplog.text + " ".join(made.notes)
        assert not [quoted for quoted in ("ller", "1111", "12.08", "secret") if quoted in everything]


class TestAnnotations:
    @pytest.mark.parametrize(
        ("said", "of_summary", "of_overlay"), [("YES", "YES", "YES"), ("NO", "NO", "NO"), (None, "NO", None)]
    )
    def test_burned_in_text_is_what_the_source_says_of_it(
        self, made_from: Callable[..., Any], said: str | None, of_summary: str, of_overlay: str | None
    ) -> None:
        summary, overlay = both(made_from(source(BurnedInAnnotation=said)))
        assert summary.BurnedInAnnotation == of_summary
        assert overlay.get("BurnedInAnnotation") == of_overlay

    def test_what_a_user_typed_may_name_the_patient(self, made_from: Callable[..., Any]) -> None:
        summary, _ = both(made_from(png(), facts=CaseFacts(note="seen with her mother")))
        assert summary.BurnedInAnnotation == "YES"

    def test_loss_stays_on_record(self, made_from: Callable[..., Any]) -> None:
        stream = io.BytesIO()
        Image.fromarray(pixels()).save(stream, "JPEG")
        assert read(made_from(stream.getvalue()).overlay).LossyImageCompression == "01"
        assert read(made_from(source(LossyImageCompression="01")).overlay).LossyImageCompression == "01"
        for content in (source(), source(LossyImageCompression="00"), png()):
            assert "LossyImageCompression" not in read(made_from(content).overlay)

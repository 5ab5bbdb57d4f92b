"""A case's summary and overlay as DICOM objects, in the study that the image came from."""

import hashlib
import io
import re
import uuid
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydicom import config, dcmread, dcmwrite
from pydicom.charset import convert_encodings, decode_bytes, default_encoding, python_encoding
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    SecondaryCaptureImageStorage,
)
from pydicom.valuerep import validate_value

from skinlens import __version__
from skinlens.errors import SkinLensError
from skinlens.imaging.own import DICOM_MAKER
from skinlens.report.pdf import SYNTHETIC, TITLE
from skinlens.triage.case import CaseFacts, CaseRecord
from skinlens.triage.wording import DISCLAIMER, UNVERIFIED

_MAKER = DICOM_MAKER
_NEW_STUDY = "Its header names no study that can be read; the DICOM results are in a new one."
_NAMESPACE = uuid.UUID("f0c5b7d2-6f0e-4c39-9b0a-3a6d1c1f7a54")
# Patient and study. Those of type 2 stand in every object, empty if they are not known.
_TYPE_2 = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
)
_TYPE_3 = ("IssuerOfPatientID", "StudyDescription")
_READ = (
    *(*_TYPE_2, *_TYPE_3, "StudyInstanceUID", "SOPClassUID", "SOPInstanceUID"),
    *("NumberOfFrames", "BurnedInAnnotation", "LossyImageCompression"),
)
_TEXTS = ("LO", "PN", "SH")
# Three groups of 64 characters in a name, with room for what encodings and escapes add to them.
_LONGEST = 1024
_PN_DELIMITERS = {ord("^"), ord("=")}
_UID_FORM = re.compile(r"\d+(\.\d+)*", re.ASCII)
_LOSSY = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless)


class AnotherImageError(SkinLensError, ValueError):
    """The file is not the one that the image was decoded from, so its patient may be another."""


@dataclass(frozen=True)
class CaseDicom:
    """A case as DICOM files.

    Attributes:
        summary: The case summary, an Encapsulated PDF.
        overlay: The heatmap over the image, a Secondary Capture; None for an image that was not assessed.
        notes: Sentences about what the source's header lacks; they quote nothing from it.
    """

    summary: bytes
    overlay: bytes | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Origin:
    """What the file that an image came from says of it.

    Attributes:
        header: Values as they are stored, without padding, by keyword; empty for a file that is not DICOM.
        character_set: Under which the texts in it read; empty is ASCII.
        is_dicom: Whether it is a DICOM file.
        is_lossy: Whether it is known to have been compressed with loss.
    """

    header: Mapping[str, bytes]
    character_set: tuple[str, ...]
    is_dicom: bool
    is_lossy: bool

    def uid(self, keyword: str) -> str:
        """A UID; "" if there is none, or it could not be written."""
        text = self.word(keyword)
        return text if len(text) <= 64 and _UID_FORM.fullmatch(text) else ""

    def word(self, keyword: str) -> str:
        """A value that has no characters beyond ASCII."""
        return self.header.get(keyword, b"").decode("ascii", "replace").strip()


def case_dicom(record: CaseRecord, summary: bytes, source: bytes) -> CaseDicom:
    """Write a case's summary and overlay as DICOM files in Explicit VR Little Endian.

    The decoded image carries no metadata, so patient and study are read here, afresh, from the file it came from, and
    go into these two objects alone. Texts are copied byte by byte, with the character set under which they read: the
    source's own, unless it is misspelt or wrong. Dates, times and codes that are malformed are left empty; a malformed
    text is kept, since a shortened identifier would be another's. A source that is not DICOM, or names no valid study,
    gets a new study, which both objects share.

    The summary is an Encapsulated PDF that holds the bytes of `summary`. The overlay is a plain Secondary Capture of
    `record.overlay`, as its multi-frame True Color sibling is refused by more archives and gains one frame nothing. An
    image that was not assessed gets none: `predict --heatmaps` draws its heatmap all the same, for whoever looks into
    the model, but in a patient's study it would be taken for a result, and the summary does not show it either.

    UIDs follow from the content, as UUIDs of version 5 below 2.25 (PS3.5, B.2): the same record gives the same bytes,
    so that an object sent twice stays one object, and another content never gets a UID that is taken.

    Args:
        record: The case; `created` has a time zone.
        summary: Its PDF, from `case_pdf`.
        source: The whole file that `record.image` was decoded from.

    Raises:
        AnotherImageError: If `source` is not the file that the image was decoded from.
    """
    if hashlib.sha256(source).hexdigest() != record.image.sha256:
        raise AnotherImageError(f"{record.image.name} is not the file that its image was decoded from")
    origin = _read_origin(source)
    assessed = record.assessment.decision != "rejected"
    names_study = not origin.is_dicom or bool(origin.uid("StudyInstanceUID"))
    return CaseDicom(
        summary=_written(_encapsulated_pdf(record, summary, origin), origin),
        overlay=_written(_secondary_capture(record, origin), origin) if assessed else None,
        notes=() if names_study else (_NEW_STUDY,),
    )


def _encapsulated_pdf(record: CaseRecord, summary: bytes, origin: _Origin) -> Dataset:
    """The Encapsulated PDF IOD (PS3.3, A.45.1)."""
    dataset = _new_object(EncapsulatedPDFStorage, record, origin, summary)
    dataset.Modality = "DOC"
    dataset.SeriesNumber = 9001
    dataset.SeriesDescription = "SkinLens case summary (research, not a medical device)"
    dataset.AcquisitionDateTime = None
    dataset.DocumentTitle = f"{TITLE}. {_statement(record)}"
    dataset.ConceptNameCodeSequence = []
    # Nobody has attested the document in DICOM's sense, whatever a reader has noted on it.
    dataset.VerificationFlag = "UNVERIFIED"
    # What a user typed may name the patient; what SkinLens writes does not.
    identifies = origin.word("BurnedInAnnotation") == "YES" or record.facts != CaseFacts()
    dataset.BurnedInAnnotation = "YES" if identifies else "NO"
    reference = _reference(origin)
    if reference is not None:
        dataset.SourceInstanceSequence = [reference]
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocument = _even(summary, b"\0")
    dataset.EncapsulatedDocumentLength = len(summary)
    return dataset


def _secondary_capture(record: CaseRecord, origin: _Origin) -> Dataset:
    """The Secondary Capture Image IOD (PS3.3, A.8.1)."""
    model, pixels = record.assessment.prediction.model, record.overlay
    rows, columns = pixels.shape[:2]
    scaled = "" if pixels.shape == record.image.pixels.shape else f", scaled to {columns} by {rows} pixels"
    dataset = _new_object(SecondaryCaptureImageStorage, record, origin, pixels.tobytes())
    dataset.Modality = "OT"
    dataset.SeriesNumber = 9002
    dataset.SeriesDescription = "SkinLens heatmap overlay (research, not a medical device)"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.PatientOrientation = dataset.Laterality = None
    dataset.DateOfSecondaryCapture, dataset.TimeOfSecondaryCapture = dataset.ContentDate, dataset.ContentTime
    dataset.DerivationDescription = (
        f"Heatmap of the evidence for malignant against benign (Grad-CAM of {model.name} {model.version}), drawn over "
        f"the image{scaled}. {_statement(record)}"
    )
    dataset.ImageComments = _statement(record)
    if origin.word("BurnedInAnnotation") in ("YES", "NO"):
        dataset.BurnedInAnnotation = origin.word("BurnedInAnnotation")
    if origin.is_lossy:
        dataset.LossyImageCompression = "01"
    reference = _reference(origin)
    if reference is not None:
        if origin.word("NumberOfFrames").isdigit() and int(origin.word("NumberOfFrames")) > 1:
            reference.ReferencedFrameNumber = record.image.frame + 1
        purpose = Dataset()
        purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
        purpose.CodeMeaning = "Source image for image processing operation"
        reference.PurposeOfReferenceCodeSequence = [purpose]
        dataset.SourceImageSequence = [reference]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    # Bytes of 8 bits: of even length, as every value in DICOM.
    dataset.add_new("PixelData", "OB", _even(pixels.tobytes(), b"\0"))
    return dataset


def _new_object(sop_class: UID, record: CaseRecord, origin: _Origin, content: bytes) -> Dataset:
    """What both objects have: patient, study, equipment, and a series of their own."""
    made, model = record.created.isoformat(), record.assessment.prediction.model
    dataset = Dataset()
    if origin.character_set:
        dataset.SpecificCharacterSet = list(origin.character_set)
    for keyword in (*_TYPE_2, *_TYPE_3):
        value = origin.header.get(keyword, b"")
        if value or keyword in _TYPE_2:
            # Raw, so that pydicom neither reads nor rewrites a patient's name.
            vr, tag, padded = dictionary_VR(keyword), Tag(keyword), _even(value, b" ")
            dataset[tag] = RawDataElement(tag, vr, len(padded), padded, 0, is_implicit_VR=False, is_little_endian=True)
    study = origin.uid("StudyInstanceUID")
    _add_uid(dataset, "StudyInstanceUID", study or _new_uid("study", record.image.sha256, made))
    dataset.SeriesInstanceUID = _new_uid("series", sop_class, record.image.sha256, made)
    dataset.SOPClassUID = sop_class
    digest = hashlib.sha256(content).hexdigest()
    dataset.SOPInstanceUID = _new_uid("instance", sop_class, record.image.sha256, made, __version__, digest)
    dataset.InstanceNumber = 1
    date, time = f"{record.created:%Y%m%d}", f"{record.created:%H%M%S}"
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = date, time
    dataset.ContentDate, dataset.ContentTime = date, time
    if not study and not origin.header.get("StudyDate"):
        dataset.StudyDate, dataset.StudyTime = date, time
    dataset.ConversionType = "WSD"
    dataset.Manufacturer = dataset.ManufacturerModelName = _MAKER
    dataset.SoftwareVersions = [f"{_MAKER} {__version__}", f"{model.name} {model.version}"]
    return dataset


def _statement(record: CaseRecord) -> str:
    marks = [f"{SYNTHETIC}."] if record.image.synthetic else []
    # A reason of every result of such a model, whatever its decision.
    marks += [UNVERIFIED] if UNVERIFIED in record.assessment.reasons else []
    return " ".join([*marks, DISCLAIMER])


def _reference(origin: _Origin) -> Dataset | None:
    """An item that refers to the source; None if it is no DICOM object or does not say which."""
    sop_class, instance = origin.uid("SOPClassUID"), origin.uid("SOPInstanceUID")
    if not sop_class or not instance:
        return None
    item = Dataset()
    _add_uid(item, "ReferencedSOPClassUID", sop_class)
    _add_uid(item, "ReferencedSOPInstanceUID", instance)
    return item


def _add_uid(dataset: Dataset, keyword: str, value: str) -> None:
    """Add a UID that may have zeros where they should not be, but that is what the source is known by."""
    dataset[keyword] = DataElement(keyword, "UI", value, validation_mode=config.IGNORE)


def _even(value: bytes, padding: bytes) -> bytes:
    return value + padding * (len(value) % 2)


def _new_uid(*parts: str) -> UID:
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, ' '.join(parts)).int}")


def _written(dataset: Dataset, origin: _Origin) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    # Texts are in the encoding that they are written in: pydicom need not read them, and say what is wrong with them.
    encodings = convert_encodings(list(origin.character_set)) if origin.character_set else default_encoding
    dataset.set_original_encoding(is_implicit_vr=False, is_little_endian=True, character_encoding=encodings)
    stream = io.BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def _read_origin(source: bytes) -> _Origin:
    # Of the images that are accepted, DICOM alone has a zero in its second byte, where the mark is missing: its first
    # element's group is a small number.
    is_dicom = source[128:132] == b"DICM" or source[1:2] == b"\0"
    if not is_dicom:
        # JPEG, or the lossy kind of WebP.
        return _Origin({}, (), is_dicom=False, is_lossy=source.startswith(b"\xff\xd8\xff") or source[12:16] == b"VP8 ")
    header, terms, syntax = _read_header(source)
    texts = [value for keyword, value in header.items() if dictionary_VR(keyword) in _TEXTS]
    is_lossy = header.get("LossyImageCompression") == b"01" or syntax in _LOSSY
    return _Origin(header, _character_set(terms, texts), is_dicom=True, is_lossy=is_lossy)


def _read_header(source: bytes) -> tuple[dict[str, bytes], tuple[str, ...], str]:
    """The elements that are wanted and well-formed, the terms of the character set, and the transfer syntax."""
    with warnings.catch_warnings():
        # A warning would quote the value, and a patient's name is not for a log.
        warnings.simplefilter("ignore")
        try:
            dataset = dcmread(io.BytesIO(source), stop_before_pixels=True, force=True, specific_tags=list(_READ))
            terms = dataset.get("SpecificCharacterSet") or ()
            syntax = str(dataset.file_meta.get("TransferSyntaxUID", ""))
        except Exception:  # noqa: BLE001 - the image was read, so what is broken is the header, in whatever way
            return {}, (), ""
    header = {keyword: _stored(dataset, keyword) for keyword in _READ}
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        header[keyword] = header[keyword] or _stored(dataset.file_meta, f"MediaStorage{keyword}")
    well_formed = {keyword: value for keyword, value in header.items() if _is_well_formed(keyword, value)}
    return well_formed, (terms,) if isinstance(terms, str) else tuple(terms), syntax


def _stored(dataset: Dataset, keyword: str) -> bytes:
    element = dataset.get_item(keyword)
    return (element.value or b"").rstrip(b"\0 ") if isinstance(element, RawDataElement) else b""


def _is_well_formed(keyword: str, value: bytes) -> bool:
    vr = dictionary_VR(keyword)
    if vr not in ("CS", "DA", "TM"):
        return 0 < len(value) <= _LONGEST
    try:
        validate_value(vr, value.decode("ascii"), config.RAISE)
    except ValueError:
        return False
    return bool(value)


def _character_set(terms: tuple[str, ...], texts: Sequence[bytes]) -> tuple[str, ...]:
    """The character set under which texts read: as the source names it, or meant to, or else UTF-8 or Latin-1."""
    named = () if terms == ("ISO_IR 6",) else terms
    # As in `ISO_IR 100` for `ISO-IR 100`, and `ISO 2022 IR 100` for the same in a list, where extensions stand.
    words = [" ".join(re.split(r"[ _-]+", term.upper())) for term in named]
    respelt = tuple(word.replace("ISO IR", "ISO_IR" if len(words) == 1 else "ISO 2022 IR") for word in words)
    for candidate in (named, respelt, ("ISO_IR 192",)):
        if _reads(texts, candidate):
            return candidate
    return ("ISO_IR 100",)


def _reads(texts: Sequence[bytes], terms: Sequence[str]) -> bool:
    """Whether the terms are a character set of DICOM's (PS3.3, C.12.1.1.2) and every text can be read under it."""
    extended = ["ISO 2022" in term for term in terms if term]
    if any(term not in python_encoding for term in terms) or (len(terms) > 1 and not all(extended)):
        return False
    if not any(terms):
        return all(text.isascii() and b"\x1b" not in text for text in texts)
    encodings = convert_encodings(list(terms))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for text in texts:
            decode_bytes(text, encodings, _PN_DELIMITERS)
    return not caught

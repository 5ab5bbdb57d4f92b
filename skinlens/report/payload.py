"""The machine-readable record inside a summary: JSON in one XMP property, which PDF/A-2 allows where it is declared.

An attachment would need PDF/A-3, which archives accept less often.
"""

import json
import math
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from xml.sax.saxutils import escape

from pypdf import PdfReader

from skinlens.errors import SkinLensError
from skinlens.translation import DEFAULT, LANGUAGES

NAMESPACE = "urn:skinlens:summary:1#"
_PROPERTY = "record"
_VERSION = 1
_DECISIONS = ("refer", "uncertain", "low", "rejected")


class PayloadError(SkinLensError, ValueError):
    """A document holds a record, but not one that this version of SkinLens can read."""

    exit_status = 2


@dataclass(frozen=True)
class CasePayload:
    """The result that a case summary records; nothing of it was typed by a person.

    Attributes:
        image_sha256: Of the bytes as received, in hexadecimal.
        weights_sha256: Of the model's weights, in hexadecimal.
        decision: `refer`, `uncertain`, `low` or `rejected`.
        score: Unrounded, in [0, 1]; None for a rejected image.
        threshold: Of the operating point, unrounded; None for a rejected image.
        created: When the summary was made, to the second, with a time zone.
        software: Version of SkinLens that made it.
        headline: As printed; "" in documents of earlier versions, which print the decision and the score instead.
        prevalence: Share of malignant lesions that the risk is for; None without a risk.
        risk: P(malignant) there with both ends of its interval, which may be None; None without a risk.
        risk_words: The risk as printed beside the headline; "" without one.
        second_weights_sha256: Of another model that was asked about the image; "" if none was.
        second_decision: Of that model; "" without one.
        language: Code of the language that the page is in.
        frame: Which image of the file it is, from 1.

    Examples:
        >>> from datetime import UTC
        >>> made = CasePayload("5c" * 32, "a1" * 32, "low", 0.12, 0.31, datetime(2026, 3, 4, tzinfo=UTC), "0.3.0")
        >>> read_case(json.loads(made.json())) == made
        True
    """

    image_sha256: str
    weights_sha256: str
    decision: str
    score: float | None
    threshold: float | None
    created: datetime
    software: str
    headline: str = ""
    prevalence: float | None = None
    risk: tuple[float | None, float | None, float | None] | None = None
    risk_words: str = ""
    second_weights_sha256: str = ""
    second_decision: str = ""
    language: str = DEFAULT
    frame: int = 1

    def json(self) -> str:
        """Return the record as JSON with sorted keys."""
        values = asdict(self) | {"created": self.created.isoformat(timespec="seconds")}
        if not self.second_decision:
            del values["second_weights_sha256"], values["second_decision"]
        if self.language == DEFAULT:
            del values["language"]
        if self.frame == 1:
            del values["frame"]
        return payload_json("case", values)


def payload_json(kind: Literal["case", "batch"], values: dict[str, Any]) -> str:
    """Return the record of a document as JSON with sorted keys.

    Args:
        kind: Of document.
        values: As JSON holds them.

    Raises:
        ValueError: If a number is not finite.
    """
    return json.dumps({"kind": kind, "version": _VERSION, **values}, sort_keys=True, allow_nan=False)


def xmp_description(payload: str) -> str:
    """Return the part of the XMP metadata that holds a record, with the declaration that PDF/A-2 asks for.

    Args:
        payload: From `payload_json`.
    """
    return f"""  <rdf:Description rdf:about=""
    xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
    xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
    xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
   <pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
    <pdfaSchema:schema>SkinLens summary</pdfaSchema:schema>
    <pdfaSchema:namespaceURI>{NAMESPACE}</pdfaSchema:namespaceURI>
    <pdfaSchema:prefix>skinlens</pdfaSchema:prefix>
    <pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
     <pdfaProperty:name>{_PROPERTY}</pdfaProperty:name>
     <pdfaProperty:valueType>Text</pdfaProperty:valueType>
     <pdfaProperty:category>internal</pdfaProperty:category>
     <pdfaProperty:description>The recorded result as JSON</pdfaProperty:description>
    </rdf:li></rdf:Seq></pdfaSchema:property>
   </rdf:li></rdf:Bag></pdfaExtension:schemas>
  </rdf:Description>
  <rdf:Description rdf:about="" xmlns:skinlens="{NAMESPACE}">
   <skinlens:{_PROPERTY}>{escape(payload)}</skinlens:{_PROPERTY}>
  </rdf:Description>"""


def read_payload(reader: PdfReader) -> dict[str, Any] | None:
    """Return the record of a document as JSON holds it; None for a document of a version that wrote none.

    Raises:
        PayloadError: If it is damaged, there are several, or a newer SkinLens wrote it.
    """
    metadata = reader.xmp_metadata
    nodes = [] if metadata is None else list(metadata.get_element("", NAMESPACE, _PROPERTY))
    if not nodes:
        return None
    try:
        (node,) = nodes
        text = "".join(child.data for child in node.childNodes if child.nodeType == child.TEXT_NODE)
        values: dict[str, Any] = json.loads(text)
        version = values["version"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PayloadError("The record inside the document is damaged.") from error
    if version != _VERSION:
        raise PayloadError("The document was made by a newer SkinLens. Update SkinLens.")
    return values


def read_case(values: dict[str, Any]) -> CasePayload:
    """Return the record of a case summary.

    Args:
        values: From `read_payload`; keys of later versions are ignored.

    Raises:
        PayloadError: If it is the record of another kind of document, or a value is missing or impossible.
    """
    if values.get("kind") != "case":
        raise PayloadError("The record inside the document is not that of a case.")
    try:
        made = CasePayload(
            image_sha256=str(values["image_sha256"]),
            weights_sha256=str(values["weights_sha256"]),
            decision=str(values["decision"]),
            score=_probability(values["score"]),
            threshold=_probability(values["threshold"]),
            created=datetime.fromisoformat(values["created"]),
            software=str(values["software"]),
            headline=str(values.get("headline", "")),
            prevalence=_probability(values.get("prevalence")),
            risk=_risk(values.get("risk")),
            risk_words=str(values.get("risk_words", "")),
            second_weights_sha256=str(values.get("second_weights_sha256", "")),
            second_decision=str(values.get("second_decision", "")),
            language=str(values.get("language", DEFAULT)),
            frame=int(values.get("frame", 1)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PayloadError("The record inside the document is damaged.") from error
    complete = made.decision == "rejected" or (made.score is not None and made.threshold is not None)
    decisions = {made.decision, made.second_decision or made.decision}
    if made.language not in LANGUAGES:
        raise PayloadError("The document was made by a newer SkinLens. Update SkinLens.")
    if not decisions <= set(_DECISIONS) or not complete or made.created.utcoffset() is None:
        raise PayloadError("The record inside the document is damaged.")
    return made


def _risk(value: object) -> tuple[float | None, float | None, float | None] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError(f"{value!r} is no risk with its interval")
    risk, low, high = (_probability(each) for each in value)
    return risk, low, high


def _probability(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no probability")
    return float(value)

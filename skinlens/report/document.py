"""What every document of SkinLens shares: its description, its title, its headings, the colours of decisions."""

from collections.abc import Sequence
from datetime import datetime
from xml.sax.saxutils import escape

from fpdf import FPDF_VERSION
from fpdf.prefs import ViewerPreferences

from skinlens import __version__
from skinlens.report.canvas import INK, MUTED, SMALL, Colour, PageCanvas, Style
from skinlens.report.payload import xmp_description
from skinlens.translation import current_language, ngettext, number
from skinlens.translation import gettext as _
from skinlens.triage.decision import Decision

BODY = Style(9)
HEADING = Style(9.5, bold=True)
_TITLE = Style(17, bold=True)
_AMBER: Colour = (253, 230, 138)
# Blue-grey rather than green for `low`: nothing on the page may look like an all-clear.
DECISION_COLOURS: dict[Decision, Colour] = {
    "refer": (153, 27, 27),
    "uncertain": (146, 64, 14),
    "low": (30, 64, 120),
    "rejected": MUTED,
}


def describe(canvas: PageCanvas, title: str, created: datetime, payload: str) -> None:
    """Write a document's metadata; they hold nothing that the user typed.

    Args:
        canvas: The document.
        title: Of the kind of document.
        created: With a time zone; fpdf2 would write the time of drawing, and no two files would be equal.
        payload: The machine-readable record, from `payload.payload_json`.
    """
    canvas.set_creation_date(created)
    canvas.set_lang(current_language())
    canvas.viewer_preferences = ViewerPreferences(display_doc_title=True)
    canvas.set_xmp_metadata(_xmp(title, created, payload))


def draw_title(canvas: PageCanvas, title: str, created: datetime) -> None:
    """Draw the title at `canvas.y` with the moment of making at the right, and move `y` below it."""
    canvas.block(title, canvas.l_margin, canvas.y, canvas.epw, _TITLE, tag="H1")
    made = _("Made {moment}").format(moment=in_words(created))
    canvas.block(made, canvas.l_margin, canvas.y + 2.6, canvas.epw, SMALL, align="right")
    canvas.y += _TITLE.leading + 0.5
    canvas.set_draw_color(*INK)
    canvas.set_line_width(0.5)
    canvas.line(canvas.l_margin, canvas.y, canvas.l_margin + canvas.epw, canvas.y)
    canvas.y += 2.5


def draw_banner(canvas: PageCanvas, text: str, *, size: float = 12) -> None:
    """Draw a sentence that nobody may miss across the page at `canvas.y`, its size in points, and move `y` below it."""
    style = Style(size, bold=True)
    height = len(canvas.lines(text, canvas.epw - 4, style)) * style.leading
    canvas.fill(canvas.l_margin, canvas.y, canvas.epw, height + 2, _AMBER)
    canvas.block(text, canvas.l_margin + 2, canvas.y + 1, canvas.epw - 4, style, align="centre")
    canvas.y += height + 4.5


def draw_heading(canvas: PageCanvas, text: str) -> None:
    """Draw a heading that stays with the first lines below it."""
    canvas.need(HEADING.leading + 2 * BODY.leading)
    canvas.block(text, canvas.l_margin, canvas.y, canvas.epw, HEADING, tag="H2")
    canvas.y += HEADING.leading + 0.3


def in_words(moment: datetime) -> str:
    """A moment as a reader writes it, with its distance from UTC."""
    offset = moment.strftime("%z")
    return f"{moment:%Y-%m-%d %H:%M} (UTC{offset[:3]}:{offset[3:5]})"


def not_shown(missing: Sequence[str], most: int = 24) -> str:
    """How many characters no font has, by which mark they were replaced, and which they are."""
    named = " ".join(f"U+{ord(character):04X}" for character in missing[:most])
    if len(missing) > most:
        named = f"{named} " + _("and {n} more").format(n=len(missing) - most)
    sentence = ngettext(
        "{n} character could not be shown, because no font on this computer has it. It is marked {mark}: {characters}",
        "{n} characters could not be shown, because no font on this computer has them. "
        "They are marked {mark}: {characters}",
        len(missing),
    )
    return sentence.format(n=number(len(missing)), mark="\N{REPLACEMENT CHARACTER}", characters=named)


def _xmp(title: str, created: datetime, payload: str) -> str:
    moment = created.isoformat(timespec="seconds")
    creator, producer = escape(f"SkinLens {__version__}"), escape(f"fpdf2 {FPDF_VERSION}")
    return f"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:pdf="http://ns.adobe.com/pdf/1.3/"
    xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(title)}</rdf:li></rdf:Alt></dc:title>
   <dc:language><rdf:Bag><rdf:li>{current_language()}</rdf:li></rdf:Bag></dc:language>
   <xmp:CreatorTool>{creator}</xmp:CreatorTool>
   <xmp:CreateDate>{moment}</xmp:CreateDate>
   <xmp:ModifyDate>{moment}</xmp:ModifyDate>
   <xmp:MetadataDate>{moment}</xmp:MetadataDate>
   <pdf:Producer>{producer}</pdf:Producer>
   <pdfaid:part>2</pdfaid:part>
   <pdfaid:conformance>U</pdfaid:conformance>
  </rdf:Description>
{xmp_description(payload)}
 </rdf:RDF>
</x:xmpmeta>"""

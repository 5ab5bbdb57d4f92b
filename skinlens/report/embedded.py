"""Fonts made for one document, in memory; fpdf2 itself reads files."""

import io

import uharfbuzz
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable
from fpdf import FPDF
from fpdf.fonts import HarfBuzzFont, TTFFont

# The most that an outline may be off, in thousandths of the font size.
_TOLERANCE = 0.5


class MemoryFont(TTFFont):
    """A font made for one document.

    Args:
        document: That embeds it.
        content: A TrueType or OpenType font.
        key: By which the document knows it.
        style: "B" if it is bold, else "".
    """

    def __init__(self, document: FPDF, content: bytes, key: str, style: str) -> None:
        # fpdf2 hands the file to fontTools alone, which reads from memory too.
        super().__init__(document, io.BytesIO(content), key, style)  # type: ignore[arg-type]
        self._content = content

    @property
    def hbfont(self) -> HarfBuzzFont:
        """The font as HarfBuzz shapes with it."""
        if not self._hbfont:
            self._hbfont = HarfBuzzFont(uharfbuzz.Face(uharfbuzz.Blob(self._content)))
        return self._hbfont


def with_quadratic_outlines(content: bytes) -> bytes:
    """Turn the outlines of an OpenType font from cubic (CFF) into quadratic ones (TrueType).

    In a PDF, fonts of large character sets with cubic outlines need an encoding of their own, which not every reader
    of PDFs knows: characters could not be copied from it.

    Args:
        content: A font of few glyphs; its layout tables stay.
    """
    with TTFont(io.BytesIO(content), recalcTimestamp=False) as font:
        order, drawn = font.getGlyphOrder(), font.getGlyphSet()
        outlines = {}
        for name in order:
            pen = TTGlyphPen(drawn)
            drawn[name].draw(Cu2QuPen(pen, _TOLERANCE * font["head"].unitsPerEm / 1000, reverse_direction=True))
            outlines[name] = pen.glyph()
        font["loca"], font["glyf"] = newTable("loca"), newTable("glyf")
        font["glyf"].glyphOrder, font["glyf"].glyphs = order, outlines
        for table in {"CFF ", "CFF2", "VORG"} & {*font.keys()}:
            del font[table]
        font["maxp"].tableVersion = 0x00010000
        font["maxp"].maxZones = 1
        for field in ("TwilightPoints", "Storage", "FunctionDefs", "InstructionDefs", "StackElements"):
            setattr(font["maxp"], f"max{field}", 0)
        font["maxp"].maxSizeOfInstructions = 0
        font["maxp"].maxComponentElements = 0
        font["post"].formatType = 3.0
        font.sfntVersion = "\x00\x01\x00\x00"
        written = io.BytesIO()
        font.save(written)
    return written.getvalue()

"""An A4 document that draws wrapped text of any script: fonts, page breaks, the head and the foot of each page."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal

from fpdf import FPDF
from fpdf.fonts import TTFFont

from skinlens.report.embedded import MemoryFont
from skinlens.report.fonts import BOLD, DEJAVU, REGULAR, characters_of, chosen, drawable, drawn_by, embeddable, in_faces
from skinlens.report.installed_fonts import Typeface, covered
from skinlens.report.shaping import ShapedGlyph, advance, shaped, show_operators
from skinlens.report.text_layout import Line, Run, wrapped
from skinlens.translation import gettext as _

Colour = tuple[int, int, int]
Align = Literal["start", "left", "centre", "right"]
Tag = Literal["P", "H1", "H2", "Artifact"]

INK: Colour = (17, 24, 39)
MUTED: Colour = (75, 85, 99)
RULE: Colour = (203, 213, 225)

_MARGIN = 16.0
_FOOT = 17.0
_MM_PER_POINT = 25.4 / 72


@dataclass(frozen=True)
class Style:
    """How a text looks; `size` in points."""

    size: float
    bold: bool = False
    colour: Colour = INK

    @property
    def leading(self) -> float:
        """The height of a line in millimetres."""
        return self.size * _MM_PER_POINT * 1.38


SMALL = Style(7.5, colour=MUTED)


class PageCanvas(FPDF):
    """A document under way; `y` is where the next thing goes, all lengths are in millimetres.

    Args:
        running_head: Names the case at the top of every page after the first.
        foot: The sentence at the bottom of every page.
        total: How many pages there will be.
        given: Everything that the document will show and that was typed or came with an image, for the choice of fonts;
            characters that neither it nor DejaVu has are replaced.
    """

    def __init__(self, *, running_head: str, foot: str, total: int, given: str = "") -> None:
        super().__init__(format="A4", enforce_compliance="PDF/A-2U")
        self._faces = chosen(given)
        self._given = characters_of(given)
        # Other fonts than DejaVu are cut down to what is given.
        self._glyphs = covered(DEJAVU.regular) | (drawn_by(self._faces) & self._given)
        self._running_head = running_head
        self._foot = foot
        # Now, since the last foot is drawn when the document is written, perhaps in another language.
        self._number = _("Page {n} of {total}")
        self._total = total
        self.add_font(DEJAVU.name, "", REGULAR)
        self.add_font(DEJAVU.name, "B", BOLD)
        self.set_margins(_MARGIN, 13)
        self.set_auto_page_break(auto=False)
        self.add_page()

    def header(self) -> None:
        """Draw the head of a page; called by fpdf2 for each new page."""
        if self.page_no() == 1:
            return
        head = self.shortened(self._running_head, self.epw, SMALL)
        self.block(head, self.l_margin, self.y, self.epw, SMALL, tag="Artifact")
        self.y += SMALL.leading + 1
        self.rule()
        self.y += 3

    def footer(self) -> None:
        """Draw the foot of a page; called by fpdf2 when a page is full and at the end."""
        self.y = self._bottom + 4
        self.rule()
        y = self.y + 1.5
        self.block(self._foot, self.l_margin, y, self.epw - 25, SMALL, tag="P" if self.page_no() == 1 else "Artifact")
        number = self._number.format(n=self.page_no(), total=self._total)
        self.block(number, self.l_margin, y, self.epw, SMALL, align="right", tag="Artifact")

    def measure(self, text: str, style: Style) -> float:
        """Return the width of a text on one line, in millimetres.

        Args:
            text: That the fonts can draw.
            style: How it looks.
        """
        parts = self._shaped([Run(text, rtl=False)], style)
        return sum(advance(glyphs) for _, glyphs in parts) * style.size * _MM_PER_POINT / 1000

    def lines(self, text: str, width: float, style: Style) -> list[Line]:
        """Break a text into lines; characters that the fonts lack are replaced.

        Args:
            text: Any text.
            width: Where lines break, in millimetres.
            style: How it looks.
        """
        return wrapped(drawable(text, self._glyphs), width, partial(self.measure, style=style))

    def put(
        self,
        line: Line,
        x: float,
        y: float,
        style: Style,
        *,
        width: float = 0,
        align: Align = "left",
    ) -> None:
        """Draw one line whose box has its upper left corner at `(x, y)`.

        Args:
            line: From `lines`.
            x: Left edge of the box.
            y: Upper edge of the box, `style.leading` high.
            style: How it looks.
            width: Of the box.
            align: In the box; `start` is where the paragraph's script begins to be read.
        """
        parts = self._shaped(line.runs, style)
        if not any(glyphs for _, glyphs in parts):
            return
        spare = width - sum(advance(glyphs) for _, glyphs in parts) * style.size * _MM_PER_POINT / 1000
        right = align == "right" or (align == "start" and line.rtl)
        left = x + (spare if right else spare / 2 if align == "centre" else 0)
        # Capitals of DejaVu are about 0.73 of the size high: half of that below the middle of the box.
        baseline = y + style.leading / 2 + style.size * _MM_PER_POINT * 0.36
        red, green, blue = (value / 255 for value in style.colour)
        place = f"{left * self.k:.2f} {(self.h - baseline) * self.k:.2f} Td"
        shown = [
            (self._set_font_for_page(font, style.size, False), show_operators(font, glyphs, style.size))  # noqa: FBT003
            for font, glyphs in parts
        ]
        (font, first), *others = shown
        text = " ".join([font, place, first, *(word for part in others for word in part)])
        self._out(f"q {red:.3f} {green:.3f} {blue:.3f} rg BT {text} ET Q")

    def block(
        self,
        text: str,
        x: float,
        y: float,
        width: float,
        style: Style,
        *,
        align: Align = "left",
        tag: Tag = "P",
    ) -> float:
        """Draw a text that stays on this page, from `(x, y)` downwards, and return its height.

        Args:
            text: Any text.
            x: Left edge.
            y: Upper edge.
            width: Where lines break.
            style: How it looks.
            align: See `put`.
            tag: What it is for a reader that reads aloud.
        """
        lines = self.lines(text, width, style)
        with self._tagged(tag):
            for index, line in enumerate(lines):
                self.put(line, x, y + index * style.leading, style, width=width, align=align)
        return len(lines) * style.leading

    def flow(self, text: str, style: Style, *, indent: float = 0, mark: str = "", mark_style: Style = SMALL) -> None:
        """Draw a text at `y`, over as many pages as it needs, and move `y` below it.

        Args:
            text: Any text.
            style: How it looks.
            indent: From the left margin.
            mark: What stands in the indent beside the first line: a bullet or a label.
            mark_style: How the mark looks.
        """
        width = self.epw - indent
        lines = self.lines(text, width, style)
        self.need(style.leading)
        if mark:
            drop = (style.leading - mark_style.leading) / 2
            self.block(mark, self.l_margin, self.y + drop, indent, mark_style)
        while lines:
            self.need(style.leading)
            fitting = max(1, int((self._bottom - self.y) / style.leading))
            with self._tagged("P"):
                for line in lines[:fitting]:
                    self.put(line, self.l_margin + indent, self.y, style, width=width, align="start")
                    self.y += style.leading
            lines = lines[fitting:]

    def need(self, height: float) -> None:
        """Begin a new page unless there is room left on this one.

        Args:
            height: Of what comes next, in millimetres.
        """
        if self.y + height > self._bottom:
            self.add_page()

    def rule(self) -> None:
        """Draw a thin line across the page at `y`."""
        self.set_draw_color(*RULE)
        self.set_line_width(0.25)
        self.line(self.l_margin, self.y, self.l_margin + self.epw, self.y)

    def fill(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """Fill a rectangle; all lengths in millimetres.

        Args:
            x: Left edge.
            y: Upper edge.
            width: Of the rectangle.
            height: Of the rectangle.
            colour: Red, green and blue, 0 to 255.
        """
        self.set_fill_color(*colour)
        self.rect(x, y, width, height, style="F")

    def release(self) -> None:
        """Close the font files of a document that is not going to be output; output closes them itself."""
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.subset.pick.cache_clear()
                font.subset.get_glyph.cache_clear()
                font.close()

    def shortened(self, text: str, width: float, style: Style, *, front: bool = False) -> str:
        """Return a text, or as much of its beginning as fits on one line with an ellipsis.

        Args:
            text: Any text.
            width: Of the line, in millimetres.
            style: How it looks.
            front: Leave out the beginning instead, as of a path, whose end tells files apart.
        """
        shown = drawable(text, self._glyphs)
        if self.measure(shown, style) <= width:
            return shown
        if front:
            ends = range(1, len(shown))
            fitting = bisect_right(ends, width, key=lambda end: self.measure(f"…{shown[-end:]}", style))
            return f"…{shown[-fitting:]}" if fitting else "…"
        fitting = bisect_right(range(1, len(shown)), width, key=lambda end: self.measure(f"{shown[:end]}…", style))
        return f"{shown[:fitting]}…"

    @property
    def _bottom(self) -> float:
        return self.h - _FOOT

    @contextmanager
    def _tagged(self, tag: Tag) -> Iterator[None]:
        """Put what is drawn into the document's structure, in the order of drawing; artifacts are no part of it."""
        if tag == "Artifact":
            self._out("/Artifact BMC")
        else:
            number = self.struct_builder.next_mcid_for_page(self.page)
            self._add_marked_content(struct_type=f"/{tag}", mcid=number)
            self._out(f"/{tag} <</MCID {number}>> BDC")
        yield
        self._out("EMC")

    def _shaped(self, runs: Sequence[Run], style: Style) -> list[tuple[TTFFont, list[ShapedGlyph]]]:
        """The glyphs of runs from left to right, and the font that each stretch of them is drawn with."""
        shown: list[tuple[TTFFont, list[ShapedGlyph]]] = []
        for run in runs:
            parts = list(in_faces(run.text, self._faces))
            for face, text in parts[::-1] if run.rtl else parts:
                font = self._font(face, style)
                glyphs = shaped(font, Run(text, rtl=run.rtl))
                if shown and shown[-1][0] is font:
                    shown[-1][1].extend(glyphs)
                else:
                    shown.append((font, glyphs))
        return shown

    def _font(self, face: Typeface, style: Style) -> TTFFont:
        key = face.name.lower() + ("B" if style.bold else "")
        if key not in self.fonts:
            file = face.bold if style.bold else face.regular
            self.fonts[key] = MemoryFont(self, embeddable(file, self._given), key, "B" if style.bold else "")
        font = self.fonts[key]
        if not isinstance(font, TTFFont):
            raise TypeError(f"{font} is not an embedded font")
        return font

"""Runs of text to positioned glyphs, by HarfBuzz, and those to PDF text operators."""

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import uharfbuzz
from fpdf.fonts import TTFFont

from skinlens.report.text_layout import Run

_ZERO_WIDTH_SPACE = 0x200B
# Scripts of India and South-East Asia, where marks are drawn in another order than they are typed and read in.
_REORDERED = re.compile("[\u0900-\u109f\u1700-\u17ff\u1900-\u1cff\ua800-\uabff\U00011000-\U000116ff]")
# Thousandths of the font size: far below what a printer resolves.
_NEGLIGIBLE = 0.5


@dataclass(frozen=True)
class ShapedGlyph:
    """A glyph where it stands.

    Attributes:
        index: In the font file.
        characters: The code points it stands for; never empty, so that every glyph can be read back as text.
        advance: To the next glyph, in thousandths of the font size, as are the offsets.
        x_offset: To the right of where the run stands.
        y_offset: Above the baseline.
        word: Place and text of its word, in scripts where a reader could not put the word together again from glyphs:
            their marks stand aside, and there may be more glyphs than characters.
    """

    index: int
    characters: tuple[int, ...]
    advance: float
    x_offset: float
    y_offset: float
    word: tuple[int, str] | None = None


def shaped(font: TTFFont, run: Run) -> list[ShapedGlyph]:
    """The glyphs of a run from left to right: letters joined, ligatures formed, marks placed, pairs kerned."""
    reordered = not run.rtl and _REORDERED.search(run.text) is not None
    buffer = uharfbuzz.Buffer()
    # At the level of characters marks keep their own letter, even where HarfBuzz reorders them, so the text can be read
    # back. Where a vowel is drawn before its consonant, only the syllable as a whole can be.
    level = uharfbuzz.BufferClusterLevel
    buffer.cluster_level = level.MONOTONE_GRAPHEMES if reordered else level.CHARACTERS
    buffer.add_str(run.text)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if run.rtl else "ltr"
    uharfbuzz.shape(font.hbfont, buffer, {})
    clusters = [info.cluster for info in buffer.glyph_infos]
    words: Sequence[tuple[int, str] | None] = [None] * len(clusters)
    if reordered:
        sources, words = _syllables(run.text, clusters), _words(run.text, clusters)
    else:
        sources = _sources(font, run, clusters, [info.codepoint for info in buffer.glyph_infos])
    return [
        ShapedGlyph(
            index=info.codepoint,
            characters=characters,
            advance=position.x_advance * font.scale,
            x_offset=position.x_offset * font.scale,
            y_offset=position.y_offset * font.scale,
            word=word,
        )
        for info, position, characters, word in zip(
            buffer.glyph_infos, buffer.glyph_positions, sources, words, strict=True
        )
    ]


def advance(glyphs: Sequence[ShapedGlyph]) -> float:
    """The width of glyphs in thousandths of the font size."""
    return sum(glyph.advance for glyph in glyphs)


def show_operators(font: TTFFont, glyphs: Sequence[ShapedGlyph], size: float) -> str:
    """The operators that show glyphs inside a text object, and take them into the font's subset.

    Args:
        font: As added to the document.
        glyphs: From `shaped`.
        size: Font size in points.
    """
    operators = []
    for word, together in groupby(glyphs, key=lambda glyph: glyph.word):
        shown = []
        for y_offset, group in groupby(together, key=lambda glyph: glyph.y_offset):
            entries = " ".join(_entry(font, glyph) for glyph in group)
            shown.append(f"{y_offset * size / 1000:.3f} Ts [{entries}] TJ")
        if word is not None:
            actual = word[1].encode("utf-16-be").hex().upper()
            shown = [f"/Span <</ActualText <FEFF{actual}>>> BDC", *shown, "EMC"]
        operators += shown
    return " ".join(operators)


def _entry(font: TTFFont, glyph: ShapedGlyph) -> str:
    """A glyph in a TJ array, where a number moves what follows to the left."""
    name = font.ttfont.getGlyphName(glyph.index)
    width = round(font.scale * font.ttfont["hmtx"].metrics[name][0])
    entry = font.subset.get_glyph(glyph=glyph.index, unicode=glyph.characters, glyph_name=name, glyph_width=width)
    code = font.subset.pick_glyph(entry)
    if code is None:
        raise ValueError(f"the font has no glyph for {glyph.characters}; pass text through fonts.drawable first")
    before = f"{-glyph.x_offset:.2f} " if glyph.x_offset else ""
    rest = width + glyph.x_offset - glyph.advance
    return f"{before}<{code:04X}>" + (f" {rest:.2f}" if abs(rest) >= _NEGLIGIBLE else "")


def _sources(font: TTFFont, run: Run, clusters: list[int], indices: list[int]) -> list[tuple[int, ...]]:
    """The code points behind each glyph: its cluster's, or its own where it shares a cluster or joins two letters."""
    starts = sorted(set(clusters))
    ends = dict(zip(starts, [*starts[1:], len(run.text)], strict=True))
    glyphs_of = Counter(clusters)
    sources: list[tuple[int, ...]] = []
    for cluster, index in zip(clusters, indices, strict=True):
        characters = run.text[cluster : ends[cluster]]
        if glyphs_of[cluster] > 1 or (run.rtl and _is_ligature(font, index, characters)):
            sources.append((_own_character(font, index),))
        else:
            sources.append(tuple(map(ord, characters)))
    return sources


def _syllables(text: str, clusters: list[int]) -> list[tuple[int, ...]]:
    """The code points behind each glyph where glyphs stand in another order than characters.

    A glyph is named by the characters that come next in its syllable, whatever it draws of it: in the order of the
    glyphs they are the text as it was typed.
    """
    starts = sorted(set(clusters))
    ends = dict(zip(starts, [*starts[1:], len(text)], strict=True))
    sources: list[tuple[int, ...]] = []
    for start, glyphs in Counter(clusters).items():
        characters = tuple(map(ord, text[start : ends[start]]))
        last = min(glyphs, len(characters)) - 1
        sources += [*((each,) for each in characters[:last]), characters[last:]]
        sources += [(_ZERO_WIDTH_SPACE,)] * (glyphs - last - 1)
    return sources


def _words(text: str, clusters: list[int]) -> list[tuple[int, str]]:
    """Where the word of each glyph begins in the text, and what it is."""
    words = [(word.start(), word[0]) for word in re.finditer(r"\s+|\S+", text)]
    starts = [start for start, _ in words]
    return [words[bisect_right(starts, cluster) - 1] for cluster in clusters]


def _is_ligature(font: TTFFont, index: int, characters: str) -> bool:
    """Whether the glyph has a code point of its own for these characters, as the Arabic lam-alef ligatures do.

    Readers turn the characters of such a line round, and with them the two of a ligature named by both.
    """
    return len(characters) > 1 and unicodedata.normalize("NFKC", chr(_own_character(font, index))) == characters


def _own_character(font: TTFFont, index: int) -> int:
    """The code point that the font maps to a glyph."""
    return next((code for code, glyph in font.glyph_ids.items() if glyph == index), _ZERO_WIDTH_SPACE)

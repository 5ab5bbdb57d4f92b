# ruff: noqa: RUF001  (the texts are in the scripts that patients are called in)
import re
import unicodedata
from collections.abc import Iterator

import pytest
from fpdf.fonts import TTFFont

from skinlens.report.canvas import PageCanvas, Style
from skinlens.report.shaping import ShapedGlyph, advance, shaped, show_operators
from skinlens.report.text_layout import Run


@pytest.fixture
def font() -> Iterator[TTFFont]:
    canvas = PageCanvas(running_head="", foot="foot", total=1)
    yield canvas.fonts["dejavu"]
    canvas.release()


def letters(glyphs: list[ShapedGlyph]) -> list[int]:
    return [glyph.index for glyph in glyphs if glyph.advance]


def characters(glyphs: list[ShapedGlyph]) -> str:
    return "".join(chr(code) for glyph in glyphs for code in glyph.characters)


def test_arabic_letters_join(font: TTFFont) -> None:
    joined = letters(shaped(font, Run("محمد", rtl=True)))
    alone = [letters(shaped(font, Run(letter, rtl=True)))[0] for letter in reversed("محمد")]

    assert len(joined) == 4
    assert all(a != b for a, b in zip(joined, alone, strict=True))


def test_vowel_marks_do_not_break_the_joining(font: TTFFont) -> None:
    assert letters(shaped(font, Run("مُحَمَّد", rtl=True))) == letters(shaped(font, Run("محمد", rtl=True)))


@pytest.mark.parametrize(
    ("text", "rtl"),
    [
        ("مُحَمَّد", True),
        ("שָׁלוֹם", True),
        ("می\u200cخواهم", True),
        ("لَا الأيسر", True),
        ("office ﬁ", False),
        ("x\u0323\u0301 Ελλάδα Йод", False),
    ],
)
def test_every_character_can_be_read_back(font: TTFFont, text: str, rtl: bool) -> None:
    glyphs = shaped(font, Run(text, rtl=rtl))

    assert all(glyph.characters for glyph in glyphs)
    assert sorted(unicodedata.normalize("NFKC", characters(glyphs))) == sorted(unicodedata.normalize("NFKC", text))


def test_the_lam_alef_ligature_is_named_by_its_own_code_point(font: TTFFont) -> None:
    (glyph,) = shaped(font, Run("لا", rtl=True))

    assert chr(glyph.characters[0]) == "\N{ARABIC LIGATURE LAM WITH ALEF ISOLATED FORM}"


def test_a_letter_taken_apart_is_named_by_its_parts(font: TTFFont) -> None:
    # The font has no n with both marks: HarfBuzz draws n with the dot below, and the acute over it.
    glyphs = shaped(font, Run("ń\u0323", rtl=False))

    assert len(glyphs) > 1
    assert unicodedata.normalize("NFD", characters(glyphs)) == "n\u0323\u0301"


def test_pairs_are_kerned(font: TTFFont) -> None:
    pair = advance(shaped(font, Run("AV", rtl=False)))
    alone = advance(shaped(font, Run("A", rtl=False))) + advance(shaped(font, Run("V", rtl=False)))

    assert pair < alone - 30


def test_a_glyph_that_the_font_lacks_is_refused_rather_than_dropped(font: TTFFont) -> None:
    with pytest.raises(ValueError, match=r"fonts\.drawable"):
        show_operators(font, shaped(font, Run("痣", rtl=False)), 10)


@pytest.fixture
def indic() -> Iterator[dict[str, TTFFont]]:
    canvas = PageCanvas(running_head="", foot="foot", total=1, given="ไทย हिन्दी")
    canvas.measure("ไทย हिन्दी", Style(9))
    yield {key: font for key, font in canvas.fonts.items() if isinstance(font, TTFFont)}
    canvas.release()


@pytest.mark.parametrize(
    "text", ["हिन्दी", "क्षेत्र की जाँच", "निर्देश", "कोई तस्वीर", "น้ำเหลือง", "ครั้ง ผู้ป่วย", "ทำ", "क\u200dष", "ि"]
)
def test_reordered_scripts_are_read_back_in_the_order_of_typing(indic: dict[str, TTFFont], text: str) -> None:
    font = indic["notosansthai" if text[0] > "\u0e00" else "notosansdevanagari"]
    glyphs = shaped(font, Run(text, rtl=False))

    assert all(glyph.characters and glyph.index for glyph in glyphs)
    assert characters(glyphs).replace("\u200b", "") == text
    # Words as a whole are given to readers that understand them.
    assert [word for _, word in dict.fromkeys(glyph.word for glyph in glyphs)] == re.findall(r"\s+|\S+", text)


def test_hindi_and_thai_are_shaped_and_not_only_lined_up(indic: dict[str, TTFFont]) -> None:
    hindi, thai = indic["notosansdevanagari"], indic["notosansthai"]
    alone = {letter: shaped(hindi, Run(letter, rtl=False))[0].index for letter in "कष"}

    # A conjunct is one glyph that neither of its letters has, and a short i stands before its consonant.
    (conjunct,) = shaped(hindi, Run("क्ष", rtl=False))
    assert conjunct.index not in alone.values()
    assert shaped(hindi, Run("कि", rtl=False))[1].index == alone["क"]
    # A tone above a vowel is raised over it.
    low, high = (shaped(thai, Run(text, rtl=False))[-1] for text in ("ก่", "กิ่"))
    assert high.y_offset > low.y_offset or high.index != low.index


def test_measure_is_in_millimetres() -> None:
    canvas = PageCanvas(running_head="", foot="foot", total=1)
    # An em of the digit width 0.636 em, at 72 points an inch: ten digits are 10 * 0.636 * 25.4 mm.
    assert canvas.measure("0" * 10, Style(72)) == pytest.approx(10 * 0.636 * 25.4, rel=1e-3)
    canvas.release()

# ruff: noqa: RUF001  (the texts are in the scripts that patients are called in)
import io
import math
import unicodedata
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.areaPen import AreaPen
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

from skinlens.report.fonts import (
    BOLD,
    DEJAVU,
    REGULAR,
    REPLACEMENT,
    SHIPPED,
    characters_of,
    chosen,
    drawable,
    drawn_by,
    embeddable,
    in_faces,
    missing_characters,
)
from skinlens.report.installed_fonts import FOLDER_VARIABLE, FontFile, Typeface, covered


@pytest.mark.parametrize("font", [REGULAR, BOLD])
def test_coverage_is_the_fonts_character_map(font: Path) -> None:
    with TTFont(font, lazy=True) as opened:
        assert covered(FontFile(font)) == set(opened.getBestCmap())


@pytest.mark.parametrize(
    "text",
    [
        "Größe, naïve, Łódź",
        "Ασθενής, κνησμός",
        "Пациентка, Ђорђе",
        "الكتف الأيسر مُحَمَّد ٥٧",
        "שָׁלוֹם נקבה",
        "≥ 4 mm, ±1 °C",
        "ผู้ป่วย น้ำเหลือง ๕๗",
        "हिन्दी त्रैमासिक ५७ ।",
        "痒み、再診ー 「がん」 无既往照片 沒有先前 가렵다",
    ],
)
def test_the_scripts_of_patients_are_drawn_as_typed(text: str) -> None:
    assert missing_characters(text) == ()
    assert drawable(text) == text


def test_missing_characters_are_reported_once_in_order_and_replaced_each_time() -> None:
    text = "b \U00012031 🧑 \U00012031 a"

    assert missing_characters(text) == ("\U00012031", "🧑")
    assert drawable(text) == f"b {REPLACEMENT} {REPLACEMENT} {REPLACEMENT} a"


def test_whatever_is_drawn_is_covered() -> None:
    every_kind = "".join(map(chr, range(0x3200))) + "\ud800\udfff\U0001f9d1\U0010ffff"

    drawn = drawable(every_kind)

    assert missing_characters(drawn) == ()
    assert {ord(c) for c in drawn} <= drawn_by(chosen(every_kind)) | {ord("\n")}


def test_line_ends_become_newlines_and_tabs_become_spaces() -> None:
    assert drawable("a\r\nb\rc\u2028d\x0be\tf") == "a\nb\nc\nd\ne    f"
    assert missing_characters("a\r\nb\rc\u2028d\x0be\tf") == ()


def test_other_control_characters_are_reported() -> None:
    assert missing_characters("a\x00b\x1bc\x9f") == ("\x00", "\x1b", "\x9f")
    assert drawable("a\x00b") == f"a{REPLACEMENT}b"


def test_half_a_surrogate_pair_is_reported_as_something_that_can_be_written() -> None:
    (reported,) = missing_characters("a\ud800b")

    assert reported == REPLACEMENT
    assert drawable("a\ud800b") == f"a{REPLACEMENT}b"


def test_overrides_cannot_turn_a_fact_round_and_joiners_stay() -> None:
    assert drawable("a\u202egnp.exe\u202c\ufeff") == "agnp.exe"
    assert drawable("می\u200cخواهم") == "می\u200cخواهم"


@pytest.mark.parametrize("face", SHIPPED, ids=lambda face: face.name)
def test_the_licence_in_the_fonts_travels_with_them(face: Typeface) -> None:
    text = "".join((REGULAR.parent / f"LICENSE-{face.name}.txt").read_text("utf-8").split())
    for file in (face.regular, face.bold):
        with TTFont(file.path, lazy=True) as opened:
            copyright_line, inside = (opened["name"].getDebugName(number) for number in (0, 13))
        if face is DEJAVU:
            assert "".join(inside.split()) in unicodedata.normalize("NFKC", text)
        else:
            assert "".join(copyright_line.split()) in text
            assert "SILOpenFontLicense,Version1.1" in "".join(inside.split())
            assert "SILOPENFONTLICENSEVersion1.1" in text


@pytest.mark.parametrize("face", SHIPPED, ids=lambda face: face.name)
def test_both_weights_have_the_same_letters(face: Typeface) -> None:
    letters = {code for code in covered(face.regular) if chr(code).isalpha() and (face is not DEJAVU or code < 0x500)}
    assert letters <= covered(face.bold)


def test_fonts_are_chosen_by_what_a_text_needs() -> None:
    def names(text: str) -> list[str]:
        return [face.name for face in chosen(text)]

    assert names("Größe \x00 \ue000") == ["DejaVu"]
    assert names("ไทย") == ["DejaVu", "NotoSansThai"]
    assert names("हिन्दी ไทย") == ["DejaVu", "NotoSansThai", "NotoSansDevanagari"]
    # Han characters look a little different in each country: the other letters say which it is.
    assert [chosen(text)[-1].region for text in ("骨のほくろ", "骨 뼈", "骨 ㄍㄨˇ")] == ["jp", "kr", "tc"]


@pytest.mark.parametrize(("here", "region"), [("ja_JP", "jp"), ("Japanese_Japan", "jp"), ("zh_TW", "tc"), (None, "sc")])
def test_han_characters_alone_are_drawn_as_where_the_computer_stands(
    monkeypatch: pytest.MonkeyPatch, here: str | None, region: str
) -> None:
    monkeypatch.setattr("locale.getlocale", lambda: (here, "UTF-8"))
    assert chosen("骨")[-1].region == region


def test_one_font_draws_a_text_rather_than_two() -> None:
    """A font of Japan lacks the simplified form, one of China has the kana too."""
    assert len(chosen("这是 の")) == 2


def test_a_letter_keeps_its_marks_where_one_font_has_both() -> None:
    text = "a\u0301 की ก่"
    parts = [(face.name, part) for face, part in in_faces(text, chosen(text))]

    assert parts == [
        ("DejaVu", "a\u0301 "),
        ("NotoSansDevanagari", "की"),
        ("DejaVu", " "),
        ("NotoSansThai", "ก่"),
    ]


def test_an_embeddable_font_has_one_weight_and_no_more_than_is_asked() -> None:
    japanese = chosen("がん")[-1]
    typed = characters_of("か\u3099ん")
    light, bold = (TTFont(io.BytesIO(embeddable(file, typed))) for file in (japanese.regular, japanese.bold))

    assert "fvar" not in light
    # With the letter that HarfBuzz puts together of the first two.
    assert {*map(ord, "かがん")} <= set(light.getBestCmap()) <= {*typed, 0x20, 0x25CC}
    assert (light["OS/2"].usWeightClass, bold["OS/2"].usWeightClass) == (400, 700)


def made(path: Path, character: str, *, rights: int = 0, cubic: bool = False, size: int = 600) -> Path:
    """Write a font in which a character is a circle as high as `size` thousandths."""
    builder = FontBuilder(1000, isTTF=not cubic)
    builder.setupGlyphOrder([".notdef", "mark", "space"])
    builder.setupCharacterMap({ord(character): "mark", 0x20: "space"})
    blank, circle = (
        (T2CharStringPen(700, {}), T2CharStringPen(700, {})) if cubic else (TTGlyphPen(None), TTGlyphPen(None))
    )
    half, bow = size / 2, size * 0.2761
    circle.moveTo((0, half))
    for sign in (1, -1):
        if cubic:
            middle, end = half * (1 + sign), half * (1 + sign)
            circle.curveTo((half - sign * half, half + sign * bow), (half - sign * bow, middle), (half, middle))
            circle.curveTo(
                (half + sign * bow, end), (half + sign * half, half + sign * bow), (half + sign * half, half)
            )
        else:
            circle.lineTo((half, half * (1 + sign)))
            circle.lineTo((half + sign * half, half))
    circle.closePath()
    if cubic:
        strings = {".notdef": blank.getCharString(), "space": blank.getCharString(), "mark": circle.getCharString()}
        builder.setupCFF("Made", {}, strings, {})
    else:
        empty = blank.glyph()
        builder.setupGlyf({".notdef": empty, "space": empty, "mark": circle.glyph()})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "space", "mark"), (700, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Made", "styleName": "Regular"})
    builder.setupOS2(fsType=rights)
    builder.setupPost()
    path.parent.mkdir(parents=True, exist_ok=True)
    builder.save(path)
    return path


def test_fonts_in_a_folder_of_the_user_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    regular = made(tmp_path / "below" / "Old-Regular.ttf", "\U00012031")
    bold = made(tmp_path / "below" / "Old-Bold.ttf", "\U00012031")
    made(tmp_path / "Forbidden.ttf", "\U00012032", rights=0x0002)
    made(tmp_path / "Whole.ttf", "\U00012033", rights=0x0100)
    made(tmp_path / "Editable.ttf", "\U00012034", rights=0x0008)
    (tmp_path / "Broken.otf").write_bytes(b"OTTO no font")
    (tmp_path / "Empty.ttf").touch()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))

    assert missing_characters("\U00012031\U00012032\U00012033\U00012034") == ("\U00012032", "\U00012033")
    (found,) = chosen("\U00012031")[1:]
    assert (found.name, found.regular.path, found.bold.path) == ("Made", regular, bold)

    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "not there"))
    assert missing_characters("\U00012031") == ("\U00012031",)


def test_cubic_outlines_become_quadratic_of_the_same_shape(tmp_path: Path) -> None:
    file = FontFile(made(tmp_path / "Made.otf", "\U00012031", cubic=True))
    with TTFont(io.BytesIO(embeddable(file, frozenset({0x12031})))) as font:
        assert "CFF " not in font
        drawn, pen = font.getGlyphSet(), AreaPen()
        drawn[font.getBestCmap()[0x12031]].draw(pen)
        # A circle 600 units wide, clockwise as TrueType draws it.
        assert abs(pen.value) == pytest.approx(math.pi * 300**2, rel=0.01)
        assert font["hmtx"][font.getBestCmap()[0x12031]][0] == 700

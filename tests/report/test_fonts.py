# ruff: noqa: RUF001  (the texts are in the scripts that patients are called in)
import unicodedata
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from skinlens.report.fonts import BOLD, REGULAR, REPLACEMENT, covered, drawable, missing_characters


@pytest.mark.parametrize("font", [REGULAR, BOLD])
def test_coverage_is_the_fonts_character_map(font: Path) -> None:
    with TTFont(font, lazy=True) as opened:
        assert covered(font) == set(opened.getBestCmap())


@pytest.mark.parametrize(
    "text",
    [
        "Größe, naïve, Łódź",
        "Ασθενής, κνησμός",
        "Пациентка, Ђорђе",
        "الكتف الأيسر مُحَمَّد ٥٧",
        "שָׁלוֹם נקבה",
        "≥ 4 mm, ±1 °C",
    ],
)
def test_the_scripts_of_patients_are_drawn_as_typed(text: str) -> None:
    assert missing_characters(text) == ()
    assert drawable(text) == text


def test_missing_characters_are_reported_once_in_order_and_replaced_each_time() -> None:
    text = "b 痣 🧑 痣 a"

    assert missing_characters(text) == ("痣", "🧑")
    assert drawable(text) == f"b {REPLACEMENT} {REPLACEMENT} {REPLACEMENT} a"


def test_whatever_is_drawn_is_covered() -> None:
    every_kind = "".join(map(chr, range(0x3200))) + "\ud800\udfff\U0001f9d1\U0010ffff"

    drawn = drawable(every_kind)

    assert missing_characters(drawn) == ()
    assert {ord(c) for c in drawn} <= covered() | {ord("\n")}


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


def test_the_licence_in_the_fonts_travels_with_them() -> None:
    text = (REGULAR.parent / "LICENSE-DejaVu.txt").read_text("utf-8")
    with TTFont(REGULAR, lazy=True) as opened:
        inside = opened["name"].getDebugName(13)

    assert "".join(inside.split()) in "".join(unicodedata.normalize("NFKC", text).split())

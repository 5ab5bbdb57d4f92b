# ruff: noqa: RUF001  (the texts are in the scripts that patients are called in)
import unicodedata

import numpy as np
import pytest
from fpdf.bidi import BidiParagraph
from fpdf.enums import TextDirection

from skinlens.report.text_layout import Line, embedding_levels, wrapped


def in_characters(text: str) -> float:
    return float(len(text))


def on_page(line: Line) -> str:
    """The characters of a line from left to right."""
    return "".join(run.text[::-1] if run.rtl else run.text for run in line.runs)


def one_line(text: str) -> Line:
    (line,) = wrapped(text, 10_000, in_characters)
    return line


def test_lines_break_at_spaces_and_hold_every_word_in_order() -> None:
    text = "The lesion grew over six months and itches at night"

    lines = [on_page(line) for line in wrapped(text, 12, in_characters)]

    assert lines == ["The lesion", "grew over", "six months", "and itches", "at night"]


def test_a_line_may_be_exactly_as_wide_as_allowed() -> None:
    assert [on_page(line) for line in wrapped("abc def", 7, in_characters)] == ["abc def"]
    assert [on_page(line) for line in wrapped("abc def", 6.9, in_characters)] == ["abc", "def"]


def test_an_unbroken_word_is_cut_and_nothing_of_it_is_lost() -> None:
    word = "".join(chr(0x100 + i) for i in range(500))

    lines = [on_page(line) for line in wrapped(f"a {word} b", 70, in_characters)]

    assert "".join(lines[1:]) == f"{word} b"
    assert all(len(line) <= 70 for line in lines)


def test_a_character_wider_than_the_line_still_ends() -> None:
    assert [on_page(line) for line in wrapped("abc", 0.5, in_characters)] == ["a", "b", "c"]


def test_a_cut_does_not_part_a_letter_from_its_accent() -> None:
    lines = [on_page(line) for line in wrapped("xxxe\u0301yy", 4, in_characters)]

    assert lines == ["xxx", "e\u0301yy"]


def test_no_break_space_does_not_break() -> None:
    assert [on_page(line) for line in wrapped("a 4\u00a0mm", 4, in_characters)] == ["a", "4\u00a0mm"]


def test_newlines_end_lines_and_empty_paragraphs_keep_their_line() -> None:
    assert [on_page(line) for line in wrapped("a\n\nb", 10, in_characters)] == ["a", "", "b"]
    assert [on_page(line) for line in wrapped("", 10, in_characters)] == [""]


def test_random_texts_lose_nothing_and_stay_within_the_width() -> None:
    chance = np.random.default_rng(5)
    for _ in range(200):
        text = "".join(chance.choice(list("abc אבג עلم 12 ,."), size=chance.integers(120)))
        lines = wrapped(text, 15, in_characters)
        assert all(len(on_page(line)) <= 15 for line in lines)
        assert sorted("".join(map(on_page, lines)).replace(" ", "")) == sorted(text.replace(" ", ""))


def test_a_number_inside_arabic_stands_between_the_words_it_was_typed_between() -> None:
    # Read from the right, as the Arabic is: "عمري", then 42, then "سنة".
    runs = [run.text.strip() for run in one_line("Said: عمري 42 سنة today").runs if run.text.strip()]

    assert runs == ["Said:", "سنة", "42", "عمري", "today"]


def test_paragraphs_start_at_the_edge_their_first_letter_says() -> None:
    lines = wrapped("1. نص with Latin\nLatin with نص", 100, in_characters)

    assert [line.rtl for line in lines] == [True, False]


def test_the_order_is_that_of_the_unicode_algorithm() -> None:
    chance = np.random.default_rng(7)
    for _ in range(500):
        text = "".join(chance.choice(list("ab אב عل 12٣ ,.()-%"), size=chance.integers(1, 30))).strip()
        line = one_line(text)
        base = TextDirection.RTL if line.rtl else TextDirection.LTR
        assert on_page(line) == BidiParagraph(text, base_direction=base).get_reordered_string()


def test_levels_of_a_long_paragraph_are_those_of_the_whole() -> None:
    chance = np.random.default_rng(11)
    text = "".join(chance.choice(["ab ", "אב ", "عل ", "12 ", "3.5, ", "(x) "], size=600))
    for rtl, base in ((False, TextDirection.LTR), (True, TextDirection.RTL)):
        whole = BidiParagraph(text, base_direction=base).get_characters()
        assert embedding_levels(text, rtl=rtl) == [character.embedding_level for character in whole]


@pytest.mark.parametrize(
    "text", ["-" * 5000, "#" * 5000, "€ " * 3000, "(" * 5000, "א" + "." * 5000 + "א", "\u0301" * 3000]
)
def test_long_rows_of_punctuation_do_not_exhaust_the_stack(text: str) -> None:
    lines = wrapped(text, 80, in_characters)

    assert sorted("".join(map(on_page, lines)).replace(" ", "")) == sorted(text.replace(" ", ""))


def test_a_joiner_does_not_split_a_persian_word_in_a_latin_sentence() -> None:
    assert "می\u200cخواهم" in [run.text for run in one_line("says می\u200cخواهم now").runs]


def test_scripts_of_one_direction_are_shaped_apart() -> None:
    assert [run.text for run in one_line("Müller, 4 Иван Ασθ").runs] == ["Müller, 4 ", "Иван ", "Ασθ"]


@pytest.mark.parametrize(
    "text",
    [
        "皮膚科で経過観察、六か月後に再診。ダーモスコピーは非定型色素ネットワークを示す。",
        "近六个月增大，偶有瘙痒；无既往照片。父亲患黑色素瘤，建议三个月后复查。",
        "ผู้ป่วยทำงานกลางแจ้งและไม่ได้ใช้ครีมกันแดดเป็นประจำ",
    ],
)
def test_text_without_spaces_breaks_between_phrases(text: str) -> None:
    lines = [on_page(line) for line in wrapped(f"Note: {text}", 16, in_characters)]

    assert "".join(lines).replace("Note: ", "") == text
    assert all(len(line) <= 16 for line in lines)
    # The first line is filled up, and none begins with what ends a phrase or stands over a letter.
    assert len(lines[0]) > len("Note:")
    assert not any(line[0] in "、。，；" or unicodedata.combining(line[0]) for line in lines)


def test_latin_words_and_numbers_in_such_text_stay_whole() -> None:
    lines = [on_page(line) for line in wrapped("左肩のSpitz母斑を2026-03-04に切除した", 12, in_characters)]

    assert any("Spitz" in line for line in lines)
    assert any("2026-03-04" in line for line in lines)

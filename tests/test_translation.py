"""The language in use: who chooses it, and what happens to sentences without a translation."""

import copy
import json
import time

import pytest

from skinlens import translation
from skinlens.translation import (
    LANGUAGES,
    current_language,
    gettext,
    in_language,
    language,
    ngettext,
    number,
    numbers_in,
    sentence,
)


def test_english_is_the_language_where_nobody_chose() -> None:
    assert current_language() == "en"
    assert gettext("Not a sentence of the pages") == "Not a sentence of the pages"


def test_a_block_has_its_own_language_and_gives_it_back() -> None:
    with language("de"):
        assert current_language() == "de"
        with language("en"):
            assert current_language() == "en"
        assert current_language() == "de"
    assert current_language() == "en"


def test_the_visitor_of_the_app_is_asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = ["de"]
    monkeypatch.setattr(translation, "_asked", lambda: chosen[-1])
    assert current_language() == "de"
    chosen.append("en")
    assert current_language() == "en"


def test_a_language_without_a_catalogue_is_an_error() -> None:
    with pytest.raises(ValueError, match="no language 'xx'"), language("xx"):
        pass


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_sentence_without_translation_stays_english(code: str) -> None:
    with language(code):
        assert ngettext("{n} unknown thing", "{n} unknown things", 1).format(n=1) == "1 unknown thing"


def in_german(monkeypatch: pytest.MonkeyPatch, catalogue: dict[str, str]) -> None:
    monkeypatch.setattr(translation, "gettext", lambda text: catalogue.get(text, text))


def test_a_sentence_is_english_in_records_and_translated_where_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = sentence("{n} of {total} orientations agree.", n=7, total=8)
    in_german(monkeypatch, {"{n} of {total} orientations agree.": "{n} von {total} Ansichten stimmen überein."})
    assert kept == "7 of 8 orientations agree."
    assert json.dumps([kept]) == '["7 of 8 orientations agree."]'
    assert in_language(kept) == "7 von 8 Ansichten stimmen überein."


def test_a_sentence_within_a_sentence_is_translated_too(monkeypatch: pytest.MonkeyPatch) -> None:
    in_german(monkeypatch, {"Not shown: {why}": "Nicht gezeigt: {why}", "too dark": "zu dunkel"})
    assert in_language(sentence("Not shown: {why}", why=sentence("too dark"))) == "Nicht gezeigt: zu dunkel"


def test_braces_in_a_value_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    in_german(monkeypatch, {})
    assert (
        in_language(sentence("Assessed anyway, because: {reason}", reason="{0} {x}"))
        == "Assessed anyway, because: {0} {x}"
    )


def test_a_copy_of_a_sentence_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    again = copy.deepcopy(sentence("{n} images", n=3))
    in_german(monkeypatch, {"{n} images": "{n} Bilder"})
    assert (again, in_language(again)) == ("3 images", "3 Bilder")


def test_a_text_of_a_user_stays_as_it_is() -> None:
    with language("de"):
        assert in_language("{not} a template") == "{not} a template"
        assert in_language("") == ""


def test_a_sentence_from_a_record_is_translated_by_its_template() -> None:
    with language("de"):
        assert (
            in_language("A low score does not exclude melanoma.")
            == "Ein niedriger Score schließt ein Melanom nicht aus."
        )
        assert in_language("The score 0.41 is below the threshold 0.50.").startswith("Der Score 0,41 ")
    assert in_language("The score 0.41 is below the threshold 0.50.") == "The score 0.41 is below the threshold 0.50."


def test_sentences_and_values_within_a_text_of_a_record_are_translated() -> None:
    risk = "Risk where 2 % of lesions are malignant: about 1 in 7 (15 %, 95 % interval 8.8 to 22 %)."
    with language("de"):
        shown = in_language(risk)
        assert "etwa 1 von 7 (15 %, 95-%-Intervall 8,8 bis 22 %)" in shown
        two = in_language(f"A low score does not exclude melanoma. {risk}")
    assert two.endswith(shown)


def test_a_live_sentence_reads_as_the_one_from_a_record() -> None:
    live = sentence("The score {score} is below the threshold {threshold}.", score="0.41", threshold="0.50")
    with language("de"):
        assert in_language(live) == in_language(str(live.format()))


@pytest.mark.parametrize("typed", ["seen by a nurse, again in May", "{score} (?)", "A. B. C: D", "x" * 5000])
def test_what_somebody_typed_stays_as_it_is(typed: str) -> None:
    with language("de"):
        assert in_language(typed) == typed


@pytest.mark.parametrize(
    ("value", "form", "english", "german"),
    [
        (0.967, ".3f", "0.967", "0,967"),
        (-3.634, ".2f", "-3.63", "-3,63"),
        (0.1234, "+.3f", "+0.123", "+0,123"),
        (1234567, ",", "1,234,567", "1.234.567"),
        (1234.5, ",.1f", "1,234.5", "1.234,5"),
        (0.125, ".1%", "12.5%", "12,5 %"),
        (42, "d", "42", "42"),
    ],
)
def test_a_number_is_written_as_the_language_writes_it(value: float, form: str, english: str, german: str) -> None:
    assert number(value, form) == english
    with language("de"):
        assert number(value, form) == german


@pytest.mark.parametrize(
    "text", ["version 0.3.0", "2026-11-29", "10:15:30", "img.1.jpeg", "a0.5b", "SHA-256 1e5.7f", "arXiv 2510.03876"]
)
def test_versions_dates_and_names_are_no_numbers(text: str) -> None:
    with language("de"):
        assert in_language(text) == text


def test_every_number_of_a_text_of_ours_is_written_in_the_language() -> None:
    with language("de"):
        assert numbers_in("0.967 (0.951), n = 1,242; 96.7%; -0.5") == "0,967 (0,951), n = 1.242; 96,7 %; -0,5"
        assert in_language("0.967 (0.951 to 0.980), n = 1,242") == "0,967 (0,951 bis 0,980), n = 1.242"


@pytest.mark.parametrize("typed", ["some of us", "want to see", "Grandpa (aunt)", "a, b", "mole = naevus"])
def test_a_remark_in_a_sentence_of_ours_stays_as_it_is(typed: str) -> None:
    kept = sentence("Assessed against advice, because: {reason}", reason=typed)
    with language("de"):
        assert in_language(kept).endswith(typed)
        assert in_language(str(kept.format())).endswith(typed)


def test_a_long_list_is_looked_through_quickly() -> None:
    names = ", ".join(f"ISIC_{number:07d} (to {number})" for number in range(3000))
    started = time.process_time()
    with language("de"):
        assert in_language(names) == names
    assert time.process_time() - started < 2

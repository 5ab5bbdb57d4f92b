"""The language in use: who chooses it, and what happens to sentences without a translation."""

import pytest

from skinlens import translation
from skinlens.translation import LANGUAGES, current_language, gettext, language, ngettext


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

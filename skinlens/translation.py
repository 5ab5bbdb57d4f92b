"""What a person reads, in the language that they chose. English sentences are the keys of the catalogues in `locale/`.

A sentence is marked where it is written, `_("Image {n} of {total}").format(n=3, total=60)`, and translated when it is
called, never when a module is imported. Records, tables and the command line stay in English. `number` and
`numbers_in` write numbers as the language does.
"""

import gettext as standard
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from string import Formatter
from typing import Final

LOCALES: Final = Path(__file__).parent / "locale"
# The code of each language, with its own name for itself. English needs no catalogue.
LANGUAGES: Final = {"en": "English", "de": "Deutsch"}
DEFAULT: Final = "en"

# How each language writes what English writes as `1,234.5 %`: the mark of decimals, and that between thousands.
NUMBER_MARKS: Final = {"en": (".", ","), "de": (",", ".")}

# A number as English writes it, with the signs that ours come with; nothing else counts as one.
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_NUMBER = re.compile(rf"[-+<>]?{_DIGITS}(?: ?%)?")
_NUMBER_IN_TEXT = re.compile(rf"(?<![\w.,:/-])-?{_DIGITS}%?(?![\w:/-]|[.,]\d)")
# Where one sentence ends and another begins.
_END_OF_SENTENCE = re.compile(r"(?<=[.:!?]) (?=[A-Z])")
# A template with fewer letters of its own would match what somebody typed.
_LEAST_LETTERS = 12
# A longer text is none of those templates with numbers in it.
_MOST_CHARACTERS = 160

_chosen: ContextVar[str | None] = ContextVar("language", default=None)
_asked: Callable[[], str | None] = lambda: None  # noqa: E731 - replaced by `ask`


def ask(who: Callable[[], str | None]) -> None:
    """Let the app say which language its visitor chose; None means that there is no visitor in this thread."""
    global _asked
    _asked = who


@contextmanager
def language(code: str) -> Iterator[None]:
    """Translate into one language inside a `with` block, whatever the visitor chose.

    Args:
        code: Of `LANGUAGES`.

    Raises:
        ValueError: If there is no such language.
    """
    token = _chosen.set(_known(code))
    try:
        yield
    finally:
        _chosen.reset(token)


def current_language() -> str:
    """Return the code of the language in use: of `language`, else of the app's visitor, else English."""
    return _chosen.get() or _known(_asked() or DEFAULT)


def gettext(sentence: str) -> str:
    """Return a sentence in the language in use; one without a translation stays English.

    >>> gettext("Triage")
    'Triage'
    """
    return _catalogue(current_language()).gettext(sentence)


def ngettext(one: str, many: str, number: int) -> str:
    """Return the form of a sentence that goes with a number.

    >>> ngettext("{n} image", "{n} images", 2).format(n=2)
    '2 images'
    """
    return _catalogue(current_language()).ngettext(one, many, number)


def number(value: float, form: str = ",") -> str:
    """Return a number as the language in use writes it.

    Args:
        value: Finite.
        form: How English would format it; see `format`.

    >>> number(1234.5, ",.1f")
    '1,234.5'
    >>> with language("de"):
    ...     number(1234.5, ",.1f"), number(0.967, ".1%")
    ('1.234,5', '96,7 %')
    """
    return numbers_in(format(value, form))


def numbers_in(text: str) -> str:
    """Return a text of numbers as the language in use writes them; not for texts that somebody typed.

    Versions, dates, times and names of files are no numbers.

    >>> with language("de"):
    ...     numbers_in("0.967 (0.951 to 0.980), n = 1,242; version 0.4.1")
    '0,967 (0,951 to 0,980), n = 1.242; version 0.4.1'
    """
    code = current_language()
    return text if code == DEFAULT else _NUMBER_IN_TEXT.sub(lambda match: _rewritten(code, match.group()), text)


class Sentence(str):
    """An English sentence that can still be shown in another language.

    Records, tables and files take it as the English text that it is; `in_language` fills its template in the language
    in use.

    Attributes:
        template: The sentence with its placeholders, the key of the catalogues.
        values: What the placeholders stand for; a value may be a sentence itself.
    """

    __slots__ = ("template", "values")
    template: str
    values: dict[str, object]

    def __new__(cls, template: str, values: dict[str, object]) -> "Sentence":
        """Return the English sentence; see `sentence`."""
        made = super().__new__(cls, template.format(**values) if values else template)
        made.template, made.values = template, values
        return made

    def __reduce__(self) -> tuple[type["Sentence"], tuple[str, dict[str, object]]]:
        """Keep template and values in a copy, also between processes."""
        return Sentence, (self.template, self.values)


def sentence(template: str, **values: object) -> Sentence:
    """Return a sentence that is English wherever it is kept and translated where it is shown.

    Args:
        template: With placeholders as for `str.format`.
        values: By placeholder.

    >>> sentence("{n} of {total} agree.", n=7, total=8)
    '7 of 8 agree.'
    """
    return Sentence(template, values)


def together(*parts: str, by: str = " ") -> Sentence:
    """Return texts one after another, each of them translated where the whole is shown.

    >>> together("One.", sentence("{n} more.", n=2))
    'One. 2 more.'
    """
    return Sentence(
        by.join(f"{{_{at}}}" for at in range(len(parts))), {f"_{at}": part for at, part in enumerate(parts)}
    )


def in_language(text: str) -> str:
    """Return a text as the reader should see it: in the language in use if it is ours, else as it is.

    A `Sentence` knows its template. A text that comes back from a record is compared with every template; several
    sentences in one text are compared one by one. A text that is a number is written as the language writes it.
    """
    if isinstance(text, Sentence):
        filled = {name: in_language(value) if isinstance(value, str) else value for name, value in text.values.items()}
        translated = gettext(text.template)
        return translated.format(**filled) if filled else translated
    code = current_language()
    if not text or code == DEFAULT:
        return text
    return _rewritten(code, text) if _NUMBER.fullmatch(text) else _of_records(code, text)


def error_in_language(error: Exception) -> str:
    """Return an error's sentence as the reader should see it; what is no sentence of ours stays as it is.

    >>> with language("de"):
    ...     error_in_language(ValueError(sentence("{name} is empty", name="rows.csv")))
    'rows.csv ist leer'
    """
    first = error.args[0] if error.args else None
    # An exception's own text is a plain one, which has forgotten its template.
    return in_language(first if isinstance(first, Sentence) else str(error))


def _rewritten(code: str, english: str) -> str:
    """Return an English number in another language, which has a space before the sign of per cent."""
    decimal, thousands = NUMBER_MARKS[code]
    text = english.translate({ord("."): decimal, ord(","): thousands})
    return f"{text[:-1].rstrip()} %" if text.endswith("%") else text


def marked(sentence: str) -> str:
    """Return a sentence as it is; this marks constants, which `gettext` translates where they are shown."""
    return sentence


def _known(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError(f"no language {code!r}; there are {', '.join(LANGUAGES)}")
    return code


@lru_cache(maxsize=4096)
def _of_records(code: str, text: str) -> str:
    whole = _matched(code, text)
    if whole is not None:
        return whole
    parts = [_matched(code, part) for part in _END_OF_SENTENCE.split(text)]
    return text if None in parts else " ".join(part for part in parts if part is not None)


def _matched(code: str, text: str) -> str | None:
    """Return the translation of one sentence of ours; None if it is none.

    A template with few letters counts only where it holds nothing but numbers and texts of ours: a remark such as
    "some of us" is not the count that "3 of 8" is.
    """
    # Some of ours read the same in both languages.
    if text in getattr(_catalogue(code), "_catalog", {}):
        return _catalogue(code).gettext(text)
    for words, pattern, fragments, template in _templates(code):
        if words < _LEAST_LETTERS and len(text) > _MOST_CHARACTERS:
            break
        match = pattern.fullmatch(text) if _in_order(fragments, text) else None
        if match is None:
            continue
        known = {name: _value_of_record(code, value) for name, value in match.groupdict().items()}
        if words >= _LEAST_LETTERS or None not in known.values():
            values = {name: match[name] if value is None else value for name, value in known.items()}
            return _catalogue(code).gettext(template).format(**values)
    return None


def _value_of_record(code: str, value: str) -> str | None:
    """Return a number or a text of ours in a language; None for anything else, such as what somebody typed."""
    if _NUMBER.fullmatch(value):
        return _rewritten(code, value)
    parts = [_matched(code, part) for part in (value, *_END_OF_SENTENCE.split(value))]
    whole, *sentences = parts
    if whole is not None or None in sentences:
        return whole
    return " ".join(part for part in sentences if part is not None)


def _in_order(fragments: tuple[str, ...], text: str) -> bool:
    """Whether a text has all fragments one after another, which is much quicker to see than that a pattern fits."""
    place = 0
    for fragment in fragments:
        place = text.find(fragment, place)
        if place < 0:
            return False
        place += len(fragment)
    return True


@cache
def _templates(code: str) -> tuple[tuple[int, re.Pattern[str], tuple[str, ...], str], ...]:
    """Return the catalogue's templates as patterns, with their letters and the texts between their placeholders.

    Those with the most letters come first.
    """
    templates = []
    for message in getattr(_catalogue(code), "_catalog", {}):
        if not isinstance(message, str) or "{" not in message:
            continue
        fields = list(Formatter().parse(message))
        names = [name for _text, name, _spec, _conversion in fields if name is not None]
        plain = all(not spec for _text, _name, spec, _conversion in fields) and len(set(names)) == len(names)
        words = sum(character.isalpha() for text, *_rest in fields for character in text)
        # A template of one placeholder alone would match everything, again and again.
        if plain and message != f"{{{names[0]}}}":
            pattern = "".join(re.escape(text) + (f"(?P<{name}>.+?)" if name else "") for text, name, *_rest in fields)
            fragments = tuple(text for text, *_rest in fields if text)
            templates.append((words, re.compile(pattern, re.DOTALL), fragments, message))
    return tuple(sorted(templates, key=lambda each: -each[0]))


@cache
def _catalogue(code: str) -> standard.NullTranslations:
    return standard.translation("skinlens", LOCALES, [code], fallback=True)

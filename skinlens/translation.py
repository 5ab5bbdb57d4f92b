"""What a person reads, in the language that they chose. English sentences are the keys of the catalogues in `locale/`.

A sentence is marked where it is written, `_("Image {n} of {total}").format(n=3, total=60)`, and translated when it is
called, never when a module is imported. Records, tables and the command line stay in English.
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

# Where one sentence ends and another begins.
_END_OF_SENTENCE = re.compile(r"(?<=[.:!?]) (?=[A-Z])")
# A template with fewer letters of its own would match what somebody typed; within a sentence of ours it may.
_LEAST_LETTERS = 12

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
    sentences in one text are compared one by one.
    """
    if isinstance(text, Sentence):
        filled = {name: in_language(value) if isinstance(value, str) else value for name, value in text.values.items()}
        translated = gettext(text.template)
        return translated.format(**filled) if filled else translated
    return _of_records(current_language(), text) if text else text


def marked(sentence: str) -> str:
    """Return a sentence as it is; this marks constants, which `gettext` translates where they are shown."""
    return sentence


def _known(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError(f"no language {code!r}; there are {', '.join(LANGUAGES)}")
    return code


@lru_cache(maxsize=4096)
def _of_records(code: str, text: str, *, least: int = _LEAST_LETTERS) -> str:
    whole = _matched(code, text, least)
    if whole is not None:
        return whole
    parts = [_matched(code, part, least) for part in _END_OF_SENTENCE.split(text)]
    return text if None in parts else " ".join(part for part in parts if part is not None)


def _matched(code: str, text: str, least: int) -> str | None:
    """Return the translation of one sentence of ours; None if it is none."""
    exact = _catalogue(code).gettext(text)
    if exact != text:
        return exact
    for words, pattern, template in _templates(code):
        match = pattern.fullmatch(text) if words >= least else None
        if match is not None:
            values = {name: _of_records(code, value, least=0) for name, value in match.groupdict().items()}
            return _catalogue(code).gettext(template).format(**values)
    return None


@cache
def _templates(code: str) -> tuple[tuple[int, re.Pattern[str], str], ...]:
    """Return the catalogue's templates as patterns, with their letters; those with the most come first."""
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
            templates.append((words, re.compile(pattern, re.DOTALL), message))
    return tuple(sorted(templates, key=lambda each: -each[0]))


@cache
def _catalogue(code: str) -> standard.NullTranslations:
    return standard.translation("skinlens", LOCALES, [code], fallback=True)

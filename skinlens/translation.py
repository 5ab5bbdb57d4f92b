"""What a person reads, in the language that they chose. English sentences are the keys of the catalogues in `locale/`.

A sentence is marked where it is written, `_("Image {n} of {total}").format(n=3, total=60)`, and translated when it is
called, never when a module is imported. Records, tables and the command line stay in English.
"""

import gettext as standard
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Final

LOCALES: Final = Path(__file__).parent / "locale"
# The code of each language, with its own name for itself. English needs no catalogue.
LANGUAGES: Final = {"en": "English", "de": "Deutsch"}
DEFAULT: Final = "en"

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


def marked(sentence: str) -> str:
    """Return a sentence as it is; this marks constants, which `gettext` translates where they are shown."""
    return sentence


def _known(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError(f"no language {code!r}; there are {', '.join(LANGUAGES)}")
    return code


@cache
def _catalogue(code: str) -> standard.NullTranslations:
    return standard.translation("skinlens", LOCALES, [code], fallback=True)

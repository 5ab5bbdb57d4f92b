"""The fonts that a case summary embeds, and which characters they can draw."""

import functools
import re
from pathlib import Path

import uharfbuzz

REGULAR = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
BOLD = Path(__file__).parent / "fonts" / "DejaVuSans-Bold.ttf"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_LINE_END = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# Directional embeddings, overrides and isolates, the byte order mark, and formatting that only other fonts act on:
# nothing is drawn for them. An override would show a fact in another order than it was typed in, so they are left out;
# the joiners and the plain direction marks, which real text needs, stay.
_UNDRAWN = re.compile("[\u061c\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e01ef]")
_SURROGATES = range(0xD800, 0xE000)


@functools.cache
def covered(font: Path = REGULAR) -> frozenset[int]:
    """The code points that a font has a glyph for, from its character map."""
    return frozenset(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(font)).unicodes)


def missing_characters(text: str, font: Path = REGULAR) -> tuple[str, ...]:
    """The characters of a text that a font cannot draw, each once, in order of appearance.

    Line ends, tabs and invisible direction controls need no glyph and are not reported; other control characters are.
    Half of a surrogate pair is no character and cannot be written anywhere, so it is reported as U+FFFD.
    """
    glyphs = covered(font)
    lacking = (c for c in _plain(text) if c != "\n" and ord(c) not in glyphs)
    return tuple(dict.fromkeys(REPLACEMENT if ord(c) in _SURROGATES else c for c in lacking))


def drawable(text: str, font: Path = REGULAR) -> str:
    r"""The text as a font can draw it: every character it lacks becomes U+FFFD, every line end `\n`, a tab four spaces.

    Example:
        >>> drawable("naïve 痣\tend")
        'naïve �    end'
    """
    glyphs = covered(font)
    return "".join(c if c == "\n" or ord(c) in glyphs else REPLACEMENT for c in _plain(text))


def _plain(text: str) -> str:
    return _UNDRAWN.sub("", _LINE_END.sub("\n", text).replace("\t", "    "))

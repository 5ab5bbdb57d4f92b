"""The fonts that a PDF embeds: which characters they draw, and which of them a text needs.

DejaVu Sans, Noto Sans Thai and Noto Sans Devanagari come with SkinLens. Chinese, Japanese and Korean need megabytes:
`installed_fonts` finds them where they are.
"""

import functools
import locale
import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import uharfbuzz

from skinlens.report.embedded import with_quadratic_outlines
from skinlens.report.installed_fonts import FontFile, Typeface, covered, installed

_FOLDER = Path(__file__).parent / "fonts"
REGULAR = _FOLDER / "DejaVuSans.ttf"
BOLD = _FOLDER / "DejaVuSans-Bold.ttf"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
DEJAVU = Typeface("DejaVu", FontFile(REGULAR), FontFile(BOLD))
SHIPPED = (
    DEJAVU,
    *(
        Typeface(name, FontFile(_FOLDER / f"{name}-Regular.ttf"), FontFile(_FOLDER / f"{name}-Bold.ttf"))
        for name in ("NotoSansThai", "NotoSansDevanagari")
    ),
)

_LINE_END = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# Directional embeddings, overrides and isolates, the byte order mark, and formatting that only other fonts act on:
# nothing is drawn for them. An override would show a fact in another order than it was typed in, so they are left out;
# the joiners and the plain direction marks, which real text needs, stay.
_UNDRAWN = re.compile("[\u061c\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e01ef]")
_SURROGATES = range(0xD800, 0xE000)
# No font draws controls, halves of surrogate pairs, private and unassigned characters: none is looked for.
_IN_NO_FONT = frozenset({"Cc", "Cs", "Co", "Cn"})
_KANA = re.compile("[\u3040-\u30ff]")
_HANGUL = re.compile("[\u1100-\u11ff\uac00-\ud7a3]")
_BOPOMOFO = re.compile("[\u3105-\u312f]")
# As Linux and macOS, and as Windows name languages.
_LOCALES = {
    "jp": ("ja", "japanese"),
    "kr": ("ko", "korean"),
    "tc": ("zh_tw", "zh_hk", "chinese (traditional)", "chinese_taiwan"),
}
# Characters that HarfBuzz may draw although they were not typed: a circle that carries a stray mark, parts of Thai and
# Lao vowels.
_BY_SHAPING = frozenset({0x20, 0x25CC, 0x0E32, 0x0E4D, 0x0EB2, 0x0ECD})
# A font of fewer characters is embedded by its glyphs alone; cutting it to characters first would gain nothing.
_SMALL = 3000


def chosen(text: str) -> tuple[Typeface, ...]:
    """The typefaces that a text needs, the first of which is always DejaVu.

    A character is drawn by the first of them that has it. Fonts that do not come with SkinLens are only looked for
    if those that do lack a character; of these the one that lacks the fewest is taken first, so that a sentence is
    not put together from several.

    Args:
        text: Everything that a document shows.
    """
    lacking = {ord(c) for c in _plain(text) if unicodedata.category(c) not in _IN_NO_FONT}
    faces = []
    for face in SHIPPED:
        if face is DEJAVU or not lacking.isdisjoint(covered(face.regular)):
            faces.append(face)
            lacking -= covered(face.regular)
    if lacking:
        others = sorted(installed(), key=lambda face: face.region != _region(text))
        while best := min(others, key=lambda face: len(lacking - covered(face.regular)), default=None):
            if lacking.isdisjoint(covered(best.regular)):
                break
            faces.append(best)
            lacking -= covered(best.regular)
    return tuple(faces)


def missing_characters(text: str) -> tuple[str, ...]:
    """The characters of a text that no font here can draw, each once, in order of appearance.

    Line ends, tabs and invisible direction controls need no glyph and are not reported; other control characters are.
    Half of a surrogate pair is no character and cannot be written anywhere, so it is reported as U+FFFD.
    """
    glyphs = drawn_by(chosen(text))
    lacking = (c for c in _plain(text) if c != "\n" and ord(c) not in glyphs)
    return tuple(dict.fromkeys(REPLACEMENT if ord(c) in _SURROGATES else c for c in lacking))


def drawable(text: str, glyphs: frozenset[int] | None = None) -> str:
    r"""The text as fonts can draw it: every character they lack becomes U+FFFD, every line end `\n`, a tab four spaces.

    Args:
        text: Any text.
        glyphs: The code points that can be drawn; those of the fonts that the text needs if None.

    Example:
        >>> drawable("naïve \ue000\tend")
        'naïve �    end'
    """
    if glyphs is None:
        glyphs = drawn_by(chosen(text))
    return "".join(c if c == "\n" or ord(c) in glyphs else REPLACEMENT for c in _plain(text))


@functools.lru_cache(maxsize=8)
def drawn_by(faces: tuple[Typeface, ...]) -> frozenset[int]:
    """The code points that some typefaces have together."""
    return frozenset[int]().union(*(covered(face.regular) for face in faces))


def in_faces(text: str, faces: Sequence[Typeface]) -> Iterator[tuple[Typeface, str]]:
    """Split a text where the typeface changes; a letter keeps its marks and joiners if one typeface has them all.

    Args:
        text: From `drawable`.
        faces: In order of preference.

    Yields:
        A typeface and the stretch of text that it draws.
    """
    for face, group in groupby(_letters(text, faces), key=lambda each: each[0]):
        yield face, "".join(letter for _, letter in group)


def characters_of(text: str) -> frozenset[int]:
    """The code points of a text, and those that HarfBuzz may put together of them or take them apart into."""
    composed, taken_apart = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    return frozenset(map(ord, text + composed + taken_apart))


@functools.lru_cache(maxsize=16)
def embeddable(file: FontFile, characters: frozenset[int]) -> bytes:
    """A font in one weight that holds no more than some characters, and what shaping them needs.

    Args:
        file: Any font, also of a collection, or a variable one.
        characters: From `characters_of`.

    Raises:
        uharfbuzz.HarfBuzzError: If the font cannot be cut.
    """
    face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(file.path), file.number)
    wanted = uharfbuzz.SubsetInput()
    known = covered(file)
    if len(known) > _SMALL:
        known &= characters | _BY_SHAPING
    wanted.unicode_set.update(known)
    for axis in face.axis_infos:
        at = axis.default_value if axis.tag != "wght" else min(max(file.weight, axis.min_value), axis.max_value)
        wanted.pin_axis_location(face, axis.tag, at)
    cut = bytes(uharfbuzz.subset(face, wanted).blob.data)
    return with_quadratic_outlines(cut) if "CFF " in face.table_tags or "CFF2" in face.table_tags else cut


def _letters(text: str, faces: Sequence[Typeface]) -> Iterator[tuple[Typeface, str]]:
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and unicodedata.category(text[end]) in {"Mn", "Mc", "Me", "Cf"}:
            end += 1
        letter = text[start:end]
        face = next((each for each in faces if covered(each.regular).issuperset(map(ord, letter))), None)
        if face is not None:
            yield face, letter
        else:
            for character in letter:
                yield next(each for each in faces if ord(character) in covered(each.regular)), character
        start = end


def _region(text: str) -> str:
    """Where a text is likely from: Han characters are drawn a little differently in Japan, Korea and China."""
    if _KANA.search(text):
        return "jp"
    if _HANGUL.search(text):
        return "kr"
    if _BOPOMOFO.search(text):
        return "tc"
    # Han characters alone: as people write them where the computer stands.
    here = (locale.getlocale()[0] or "").lower()
    return next((region for region, names in _LOCALES.items() if here.startswith(names)), "sc")


def _plain(text: str) -> str:
    return _UNDRAWN.sub("", _LINE_END.sub("\n", text).replace("\t", "    "))

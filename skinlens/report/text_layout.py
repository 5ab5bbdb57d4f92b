"""Text to lines: where a line breaks, and in which order its parts stand where scripts of both directions meet.

fpdf2's own line breaker is not used: it puts a number inside Arabic or Hebrew on the wrong side when the paragraph runs
left to right, tears vowel marks from their letters, and exceeds Python's recursion limit on a long row of dashes.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby

import budoux
from fpdf.bidi import BidiParagraph, auto_detect_base_direction
from fpdf.enums import TextDirection
from fpdf.unicode_script import UnicodeScript, get_unicode_script

Measure = Callable[[str], float]

_SPACES = " \u1680\u2000-\u2006\u2008-\u200b\u205f\u3000"
_GAP_AND_WORD = re.compile(f"[{_SPACES}]*([^{_SPACES}]+)")
# Written without spaces between words. Lines break between phrases, which BudouX finds with a small trained model.
_KANA = "\u3041-\u30ff"
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_WITHOUT_SPACES = (
    (re.compile("[\u0e01-\u0e5b]"), budoux.load_default_thai_parser),
    (re.compile(f"[{_KANA}]"), budoux.load_default_japanese_parser),
    (re.compile(f"[{_HAN}]"), budoux.load_default_simplified_chinese_parser),
)
_BETWEEN_PHRASES = re.compile(f"[\u0e01-\u0e5b{_KANA}{_HAN}\u3000-\u303f\uff00-\uffef]")
_STRONG = ("L", "R", "AL")
# BidiParagraph calls itself once for each neutral character in a row; short pieces keep it off the recursion limit.
_PIECE = 400


@dataclass(frozen=True)
class Run:
    """A stretch of one direction and one script, in reading order."""

    text: str
    rtl: bool


@dataclass(frozen=True)
class Line:
    """One line of a paragraph.

    Attributes:
        runs: From left to right as they stand on the page.
        rtl: Whether the paragraph reads from right to left, so that its lines start at the right edge.
    """

    runs: tuple[Run, ...]
    rtl: bool


def wrapped(text: str, width: float, measure: Measure) -> list[Line]:
    r"""Break a text into lines no wider than `width`.

    Args:
        text: Without directional embeddings; `\n` ends a paragraph.
        width: In the unit of `measure`.
        measure: The width of a piece of text on one line.

    Returns:
        At least one line; a line breaks at spaces, in Thai, Chinese and Japanese between phrases, and elsewhere in a
        word only where the word is wider than the line.
    """
    lines = []
    for paragraph in text.split("\n"):
        rtl = auto_detect_base_direction(paragraph) is TextDirection.RTL
        levels = embedding_levels(paragraph, rtl=rtl)
        lines += [
            Line(runs=_runs(paragraph[start:end], levels[start:end]), rtl=rtl)
            for start, end in _spans(paragraph, width, measure)
        ]
    return lines


def embedding_levels(paragraph: str, *, rtl: bool) -> list[int]:
    """The embedding level of each character (Unicode Standard Annex 9): even reads to the right, odd to the left."""
    base = TextDirection.RTL if rtl else TextDirection.LTR
    levels: list[int] = []
    context = ""
    for start in range(0, len(paragraph), _PIECE):
        piece = context + paragraph[start : start + _PIECE]
        resolved = BidiParagraph(piece, base_direction=base, preserve_bn_chars=True).get_characters()
        levels += [character.embedding_level for character in resolved[len(context) :]]
        context = next((c for c in reversed(piece) if unicodedata.bidirectional(c) in _STRONG), "")
    for index in range(1, len(levels)):
        # A joiner inside a Persian word belongs to the word, not to the sentence around it (annex 9, section 5.2).
        if unicodedata.bidirectional(paragraph[index]) == "BN":
            levels[index] = levels[index - 1]
    return levels


def _spans(paragraph: str, width: float, measure: Measure) -> Iterator[tuple[int, int]]:
    start = end = 0
    used = 0.0
    for gap, word, word_end in _words(paragraph):
        extent = measure(paragraph[gap:word_end])
        if used + extent <= width:
            end, used = word_end, used + extent
            continue
        if end > start:
            yield start, end
        start, end = word, word_end
        while (used := measure(paragraph[start:end])) > width and end - start > 1:
            cut = start + _longest_prefix(paragraph[start:end], width, measure)
            yield start, cut
            start = cut
    yield start, end


def _words(paragraph: str) -> Iterator[tuple[int, int, int]]:
    """Where the gap before a word or phrase begins, where it begins itself, and where it ends."""
    for token in _GAP_AND_WORD.finditer(paragraph):
        gap, start = token.start(), token.start(1)
        for phrase in _phrases(token[1]):
            end = start + len(phrase)
            yield gap, start, end
            gap = start = end


@lru_cache(maxsize=256)
def _phrases(word: str) -> tuple[str, ...]:
    load = next((parser for letters, parser in _WITHOUT_SPACES if letters.search(word)), None)
    if load is None:
        return (word,)
    phrases: list[str] = []
    for phrase in _parser(load).parse(word):
        # Latin words and numbers between them stay whole, and letters keep their marks.
        together = phrases and not _BETWEEN_PHRASES.search(phrases[-1][-1] + phrase[0])
        if together or (phrases and unicodedata.combining(phrase[0])):
            phrases[-1] += phrase
        else:
            phrases.append(phrase)
    return tuple(phrases)


@cache
def _parser(load: Callable[[], budoux.Parser]) -> budoux.Parser:
    return load()


def _longest_prefix(word: str, width: float, measure: Measure) -> int:
    fitting = bisect_right(range(1, len(word)), width, key=lambda length: measure(word[:length]))
    length = max(1, fitting)
    while length > 1 and unicodedata.combining(word[length]):
        length -= 1
    return length if length > 1 else max(1, fitting)


def _runs(text: str, levels: Sequence[int]) -> tuple[Run, ...]:
    keys = zip(levels, _scripts(text), text, strict=True)
    runs = [
        (level, Run("".join(c for *_, c in group), rtl=level % 2 == 1))
        for (level, _), group in groupby(keys, key=lambda key: key[:2])
    ]
    for level in range(max(levels, default=0), 0, -1):
        runs = _reversed_from(level, runs)
    return tuple(run for _, run in runs)


def _reversed_from(level: int, runs: list[tuple[int, Run]]) -> list[tuple[int, Run]]:
    """Rule L2: reverse every unbroken sequence of runs at `level` or higher."""
    turned: list[tuple[int, Run]] = []
    for high, group in groupby(runs, key=lambda run: run[0] >= level):
        members = list(group)
        turned += members[::-1] if high else members
    return turned


def _scripts(text: str) -> list[UnicodeScript]:
    """The script of each character; marks, digits and punctuation take that of the letter before them."""
    shared = (UnicodeScript.COMMON, UnicodeScript.INHERITED, UnicodeScript.UNKNOWN)
    scripts = [get_unicode_script(c) for c in text]
    current = next((script for script in scripts if script not in shared), UnicodeScript.COMMON)
    return [current := current if script in shared else script for script in scripts]

"""Blocks of a document that are written by a command, found by their marks.

A block stands between two comments, which Markdown does not show. The first names its kind and what it is made from:

    <!-- views: weights/asff_resnet50.json -->
    (the block)
    <!-- end of views -->
"""

import re
from collections.abc import Callable, Mapping

from skinlens.errors import SkinLensError

# From what a mark names to the text of the block.
Generator = Callable[[str], str]

_BEGIN = re.compile(r"^<!-- (?P<kind>[a-z-]+): (?P<source>\S+) -->$", re.MULTILINE)
_END = re.compile(r"^<!-- end of (?P<kind>[a-z-]+) -->$", re.MULTILINE)
_BLOCK = re.compile(
    r"^(?P<begin><!-- (?P<kind>[a-z-]+): (?P<source>\S+) -->)\n(?:(?!<!-- ).*\n)*?(?P<end><!-- end of (?P=kind) -->)$",
    re.MULTILINE,
)


class MarkError(SkinLensError, ValueError):
    """The marks of a document do not fit together, or name a kind of block that nothing writes."""

    exit_status = 2


def rewritten(text: str, generators: Mapping[str, Generator]) -> str:
    r"""Write every marked block of a text again and leave everything else as it is.

    Args:
        text: Markdown.
        generators: By kind; each is given what the mark names and returns the block, of one or more lines.

    Raises:
        MarkError: If a block has no end, an end has no block, or a kind has no generator.

    Example:
        >>> print(rewritten("<!-- sum: 1+2 -->\nold\n<!-- end of sum -->", {"sum": lambda what: f"{what} = 3"}))
        <!-- sum: 1+2 -->
        1+2 = 3
        <!-- end of sum -->
    """
    blocks = list(_BLOCK.finditer(text))
    if not len(blocks) == len(_BEGIN.findall(text)) == len(_END.findall(text)):
        raise MarkError("every block needs a mark at its beginning and `<!-- end of KIND -->` at its end")
    unknown = {block["kind"] for block in blocks} - set(generators)
    if unknown:
        raise MarkError(f"nothing writes blocks of the kind {', '.join(sorted(unknown))}")

    def write(block: re.Match[str]) -> str:
        return f"{block['begin']}\n{generators[block['kind']](block['source']).rstrip()}\n{block['end']}"

    return _BLOCK.sub(write, text)

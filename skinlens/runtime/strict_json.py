"""JSON that decisions rest on: read without anything that another reader could take for something else."""

import json
import math
from collections.abc import Iterator
from typing import Any

from skinlens.errors import SkinLensError

MOST_BYTES = 4_000_000
DEEPEST = 40
# Whole numbers of 64 bits have 19 digits at most.
_MOST_DIGITS = 19


class StrictJsonError(SkinLensError, ValueError):
    """A document cannot be used; the message is the end of a sentence and names the entry at fault."""


def parse(content: bytes) -> Any:
    """Read a JSON document.

    Args:
        content: UTF-8.

    Raises:
        StrictJsonError: If it is no JSON, an object has a key twice, a number is not finite or a whole number needs
            more than 64 bits, or it is larger than `MOST_BYTES` or nested deeper than `DEEPEST`.
    """
    if len(content) > MOST_BYTES:
        raise StrictJsonError(f"it has more than {MOST_BYTES:,} bytes")
    try:
        document = json.loads(content.decode("utf-8"), object_pairs_hook=_object, parse_int=_whole_number)
    except RecursionError as error:
        raise StrictJsonError("it is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise StrictJsonError("it is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise StrictJsonError(f"it is no JSON ({error.msg} in line {error.lineno})") from error
    for entry, depth, value in _entries(document):
        if depth > DEEPEST:
            raise StrictJsonError(f"{entry[:80]} is nested too deeply")
        if isinstance(value, float) and not math.isfinite(value):
            raise StrictJsonError(f"{entry} is not a finite number, or too long a one")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise StrictJsonError(f"{twice} is there twice")
    return table


def _whole_number(text: str) -> float:
    """A whole number; infinity for one that is too long, so that its entry can be named."""
    digits = len(text.lstrip("-"))
    number = int(text) if digits <= _MOST_DIGITS else None
    return math.inf if number is None or not -(2**63) <= number < 2**63 else number


def _entries(document: Any) -> Iterator[tuple[str, int, Any]]:
    """Every value with its place, as in `calibration.offset`, and its depth; without recursion."""
    waiting = [("the document", 0, document)]
    while waiting:
        entry, depth, value = waiting.pop()
        yield entry, depth, value
        inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        waiting += [(f"{entry}.{key}" if depth else str(key), depth + 1, each) for key, each in inside]

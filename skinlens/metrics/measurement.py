"""The one type of a measured number, with its interval and number of images, and the one way to write it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, PlainSerializer

from skinlens.translation import marked, sentence

# Strict: `true` and "0.5" are no numbers, nor are NaN and infinity. No measurement of ours comes near these bounds.
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e6, le=1e6)]
_Count = Annotated[int, Field(strict=True, ge=0, le=10**12)]

NOT_MEASURED = marked("not measured")
UNDEFINED = marked("undefined")
NO_IMAGE = marked("there is no image")


def as_decimal(number: float) -> str:
    """Write a number with three decimals, as in `0.967`."""
    return f"{number:.3f}"


def as_percent(number: float) -> str:
    """Write a share in per cent with one decimal, as in `96.7%`."""
    return f"{number:.1%}"


@dataclass(frozen=True)
class Measurement:
    """A measured number.

    In a pydantic document the fields are checked as annotated; a document that forbids unknown keys forbids them here.

    Attributes:
        value: Point estimate; None where it is undefined.
        low: Lower end of the 95 % interval; None where there is none.
        high: Upper end of it.
        n: Images it rests on: the malignant ones for a sensitivity, the benign ones for a specificity; None where that
            was not recorded.
        reason: Why there is no value; None if there is one or the reason was not recorded.

    Raises:
        ValueError: If the lower end lies above the upper one.

    Example:
        >>> auc = Measurement(0.9671, 0.9512, 0.9803, n=660)
        >>> auc.text()
        '0.967 (0.951 to 0.980)'
        >>> auc.text(as_percent, n=True)
        '96.7% (95.1% to 98.0%), n = 660'
        >>> undefined("every image is benign", 12).text(why=True)
        'undefined (every image is benign)'
    """

    value: _Number | None
    low: _Number | None = None
    high: _Number | None = None
    n: _Count | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        """Check the order of the ends."""
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("the lower end of the interval lies above the upper one")

    def text(
        self, number: Callable[[float], str] = as_decimal, *, interval: bool = True, n: bool = False, why: bool = False
    ) -> str:
        """Write the measurement for a page, a PDF, a terminal or Markdown.

        Args:
            number: How to write one number: `as_decimal`, `as_percent`, or a function of the caller's.
            interval: Add the interval in brackets, if there is one.
            n: Add the number of images, if it is known.
            why: Add the reason in brackets to an undefined one.

        Returns:
            The text; `undefined`, or `not measured` for `NOT_MEASURED`, where there is no value. It is a sentence that
            `in_language` translates, with its numbers.
        """
        if self.value is None:
            shown: str = sentence(NOT_MEASURED if self.reason == NOT_MEASURED else UNDEFINED)
            if why and self.reason and self.reason != shown:
                shown = sentence("{undefined} ({reason})", undefined=shown, reason=self.reason)
        else:
            ends = self.interval(number) if interval else ""
            shown = number(self.value)
            if ends:
                shown = sentence("{number} ({interval})", number=shown, interval=ends)
        return sentence("{measured}, n = {n}", measured=shown, n=f"{self.n:,}") if n and self.n is not None else shown

    def interval(self, number: Callable[[float], str] = as_decimal) -> str:
        """Write the interval alone.

        Args:
            number: How to write one number.

        Returns:
            As in `0.951 to 0.980`; "" where there is none.
        """
        if self.low is None or self.high is None:
            return ""
        return sentence("{low} to {high}", low=number(self.low), high=number(self.high))

    def numbers(self) -> dict[str, float | int | None]:
        """Return `value`, `low`, `high` and `n`, as cards and test views store them."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


# In a document: a measurement stored as its four numbers, without the reason.
StoredNumbers = Annotated[Measurement, PlainSerializer(Measurement.numbers)]


def undefined(reason: str, n: int | None = None) -> Measurement:
    """Return a measurement without a value.

    Args:
        reason: Why there is none, as in "every image is benign".
        n: Images that were looked at; None where that is not known.
    """
    return Measurement(None, None, None, n, reason)


def with_ends(value: float, ends: tuple[float, float] | None, n: int) -> Measurement:
    """Return a measurement with both ends of its interval, or with none.

    Args:
        value: Point estimate.
        ends: Lower and upper end; None where the interval is undefined.
        n: Images it rests on.
    """
    low, high = ends or (None, None)
    return Measurement(value, low, high, n)


def from_table(value: float | None, low: float | None = None, high: float | None = None) -> Measurement:
    """Return the measurement that a row of a table holds, in which NaN stands for a missing number.

    Args:
        value: Point estimate; None or NaN where it is undefined.
        low: Lower end of the interval, likewise.
        high: Upper end of it, likewise.
    """
    value, low, high = (None if end is None or math.isnan(end) else float(end) for end in (value, low, high))
    return Measurement(value, low, high)

"""Entries of recipes: how a table is checked, and how entries are added without changing old records."""

import operator
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Entries(BaseModel):
    """A table of a recipe: unknown entries are errors, and it cannot be changed once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def later(default: object) -> Any:
    """Return a field added after runs were recorded: at its default it stays out of a record, so old records agree.

    Example:
        >>> class Table(Entries):
        ...     flip: bool = False
        ...     noise: float = later(0.0)
        >>> Table(flip=True).model_dump(), Table(noise=2.0).model_dump()
        ({'flip': True}, {'flip': False, 'noise': 2.0})
    """
    return Field(default=default, exclude_if=partial(operator.eq, default))

"""Column types that read alike in every database."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Dialect, String, Text
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.types import TypeDecorator

# The types below do not depend on the dialect that they are given.
_ANY = DefaultDialect()


class Moment(TypeDecorator[datetime]):
    """A moment with a time zone, kept as ISO 8601 text in UTC: it sorts by time and reads alike in every database."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To the database; raises ValueError for a moment without a time zone."""
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"a moment needs a time zone: {value}")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else datetime.fromisoformat(value)


class Document(TypeDecorator[Any]):
    """Anything that JSON holds, kept as text with sorted keys, so that a digest of it means the same everywhere."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str:  # noqa: ARG002
        """To the database; raises ValueError for a number that is not finite."""
        return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """From the database."""
        return None if value is None else json.loads(value)


def plain(column: ColumnElement[Any], value: object) -> Any:
    """Return a value of a column as every database holds it.

    Args:
        column: Of a table.
        value: As Python has it.

    Returns:
        A number, text, bytes or None.
    """
    kind = column.type
    return kind.process_bind_param(value, _ANY) if isinstance(kind, TypeDecorator) else value


def typed(column: ColumnElement[Any], value: object) -> Any:
    """Return the inverse of `plain`.

    Args:
        column: Of a table.
        value: As the database holds it.
    """
    kind = column.type
    return kind.process_result_value(value, _ANY) if isinstance(kind, TypeDecorator) else value

"""Alembic, imported in one place.

Its modules import one another in a circle. Two threads that enter it at different ends, such as two visitors on two
pages just after the start, can each find the other's module half made; with one way in, the second waits for the first.
"""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.util.exc import CommandError

__all__ = ["CommandError", "Config", "MigrationContext", "Operations", "command"]

"""Studies are also called as commands."""

from tests.cli.conftest import call as call
from tests.cli.conftest import loaded as loaded

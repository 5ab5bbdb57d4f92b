"""Choice and release are also called as commands."""

from tests.cli.conftest import call as call

"""`skinlens app` serves under the shipped settings, whatever the folder, the home and the environment say."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from skinlens.cli import app as command
from skinlens.cli.app import SETTINGS, flags

ROOT = Path(__file__).parents[2]
OPEN = """
[server]
address = "0.0.0.0"
allowedHosts = ["*"]
enableCORS = false
enableXsrfProtection = false
xsrfCookieSameSite = "none"
corsAllowedOrigins = ["http://elsewhere.invalid"]
enableStaticServing = true
enableAgentApi = true
maxUploadSize = 5000
[browser]
gatherUsageStats = true
[client]
toolbarMode = "developer"
showErrorDetails = "full"
[theme]
baseFontSize = 8
"""
# Prints every setting that the server would run under, instead of serving.
SHOW = """
import json, sys
from streamlit import config
from streamlit.web import bootstrap
from skinlens.cli.app import serve

def show(path, *_):
    found = {key: option.value for key, option in config.get_config_options().items()}
    print(json.dumps({"path": path, "settings": found}, default=str))

bootstrap.run_asgi_app = show
try:
    serve(8765)
except SystemExit as end:
    sys.exit(end.code)
"""


def settings_in(folder: Path, home: Path, **variables: str) -> dict[str, Any]:
    """What the server started in a folder would run under."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(home)} | variables
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["path"] == str(ROOT / "app.py")
    return found["settings"]


def flat(settings: dict[str, Any], section: str = "") -> dict[str, Any]:
    found = {}
    for name, value in settings.items():
        key = f"{section}.{name}" if section else name
        found |= flat(value, key) if isinstance(value, dict) else {key: value}
    return found


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder whose settings open the server and whose secrets are another program's."""
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text(OPEN, "utf-8")
    (tmp_path / ".streamlit" / "secrets.toml").write_text('SKINLENS_UNVERIFIED = "1"\n', "utf-8")
    return tmp_path


def as_variable(key: str) -> str:
    """The environment variable by which Streamlit takes a setting."""
    return "STREAMLIT_" + re.sub(r"(?<=[a-z])(?=[A-Z])|\.", "_", key).upper()


def alike(value: object) -> list[str]:
    """A setting as text; one that came as a flag may be a tuple, or a word for true or false."""
    return [str(each).lower() for each in (value if isinstance(value, list) else [value])]


@pytest.mark.parametrize("where", ["working-directory", "home", "environment"])
def test_every_shipped_setting_holds(where: str, hostile: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    shipped, opened = flat(tomllib.loads(SETTINGS.read_text("utf-8"))), flat(tomllib.loads(OPEN))
    assert opened.keys() <= shipped.keys()
    nothing = tmp_path_factory.mktemp("nothing")
    variables = {as_variable(key): str(value) for key, value in opened.items()}
    assert {"STREAMLIT_SERVER_ADDRESS", "STREAMLIT_SERVER_CORS_ALLOWED_ORIGINS"} <= variables.keys()
    found = settings_in(
        hostile if where == "working-directory" else nothing,
        hostile if where == "home" else nothing,
        **(variables if where == "environment" else {}),
    )
    for key, value in shipped.items():
        assert alike(found[key]) == alike(value), key
    assert found["server.port"] == 8765
    assert found["secrets.files"] == [str(SETTINGS.with_name("secrets.toml"))]


def test_a_hostile_folder_would_open_streamlit_itself(hostile: Path) -> None:
    """The test above has to have something to notice."""
    code = "from streamlit import config; print(config.get_option('server.address'))"
    done = subprocess.run([sys.executable, "-c", code], cwd=hostile, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "0.0.0.0"  # noqa: S104


def test_settings_become_flags() -> None:
    settings = {
        "server": {"headless": True, "allowedHosts": ["localhost", "::1"], "none": []},
        "theme": {"a": {"b": 1}},
    }
    words = "--server.headless true --server.allowedHosts localhost --server.allowedHosts ::1 --theme.a.b 1"
    assert list(flags(settings)) == words.split()


def test_what_cannot_be_a_flag_is_an_empty_list() -> None:
    """Which Streamlit then reads from the file beside app.py, the last of its files."""
    shipped = flat(tomllib.loads(SETTINGS.read_text("utf-8")))
    as_flags = {word.removeprefix("--") for word in flags(tomllib.loads(SETTINGS.read_text("utf-8")))}
    assert {key for key in shipped if key not in as_flags} == {key for key, value in shipped.items() if value == []}


def test_the_source_tree_has_app_and_settings_beside_the_package() -> None:
    """.ci/wheel.py tries the other place."""
    assert command.APP == ROOT / "app.py"
    assert command.SETTINGS == ROOT / ".streamlit" / "config.toml"

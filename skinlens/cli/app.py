"""`skinlens app`: the pages, in a browser on this computer, from whatever folder it is called."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from skinlens.runtime.engine_names import VARIABLE, engine_named
from skinlens.telemetry import SWITCHES

_PACKAGE = Path(__file__).parents[1]
# A wheel holds inside the package what stands beside it in the source tree; see pyproject.toml.
_BUNDLE = _PACKAGE / "_bundle"
APP = (_BUNDLE if _BUNDLE.is_dir() else _PACKAGE.parent) / "app.py"
SETTINGS = APP.parent / ".streamlit" / "config.toml"


def serve(port: int | None, *, engine: str | None = None) -> None:
    """Serve the pages until interrupted, as `streamlit run app.py` does in the source tree.

    Streamlit also reads settings from the working directory, the home folder and variables that begin with
    `STREAMLIT_`. None of them may open a server that shows patients' images, so every shipped setting is passed as a
    flag, which overrules files, and these variables are removed.

    Args:
        port: To listen on; None for Streamlit's own choice, 8501 or the next one that is free.
        engine: Name of the engine that runs the model; None takes the quickest one.

    Raises:
        UsageError: If there is no engine of that name.
        ModelFileError: If this machine does not have it.
    """
    if engine is not None:
        from skinlens.runtime.card import ModelFileError
        from skinlens.runtime.engines import why_absent

        absent = why_absent(engine_named(engine))
        if absent is not None:
            raise ModelFileError(absent)
        # The pages run in this process.
        os.environ[VARIABLE] = engine
    for name in [each for each in os.environ if each.startswith("STREAMLIT_") and each not in SWITCHES]:
        del os.environ[name]
    from streamlit.web.cli import main

    options = list(flags(tomllib.loads(SETTINGS.read_text("utf-8"))))
    # Secrets in the working directory are another program's; Streamlit would put them into the environment.
    options += ["--secrets.files", str(SETTINGS.with_name("secrets.toml"))]
    if port is not None:
        options += ["--server.port", str(port)]
    main(["run", str(APP), *options], prog_name="streamlit")


def flags(settings: Mapping[str, Any], section: str = "") -> Iterator[str]:
    """Yield Streamlit's settings as words of its command line, a list as one flag an entry.

    A list without entries cannot be a flag; Streamlit reads it from the file beside `app.py`, after all other files.

    Args:
        settings: Of `config.toml`, or of a section of it.
        section: Its name.

    >>> list(flags({"server": {"headless": True, "allowedHosts": ["localhost", "::1"]}}))
    ['--server.headless', 'true', '--server.allowedHosts', 'localhost', '--server.allowedHosts', '::1']
    """
    for name, value in settings.items():
        key = f"{section}.{name}" if section else name
        if isinstance(value, Mapping):
            yield from flags(value, key)
            continue
        for each in value if isinstance(value, list) else [value]:
            yield from (f"--{key}", str(each).lower() if isinstance(each, bool) else str(each))

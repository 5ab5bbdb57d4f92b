"""What a study leaves behind: its record as JSON, and the same as Markdown beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skinlens.cli.say import say
from skinlens.errors import OutputError


def write_results(out: Path, name: str, record: Mapping[str, Any], summary: str) -> None:
    """Write `<name>.json` and `<name>.md` into a folder, which is made if need be, and say so.

    Raises:
        OutputError: If they cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        (out / f"{name}.md").write_text(summary, "utf-8")
    except OSError as error:
        raise OutputError(f"the results cannot be written to {out}: {error}") from error
    say(f"wrote {out / name}.json and {name}.md")

"""What a study leaves behind: its record as JSON, its summary as Markdown and its tables as CSV, side by side."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from skinlens.errors import OutputError
from skinlens.storage.spreadsheet import guarded_table

_LOG = logging.getLogger(__name__)


def write_results(
    out: Path,
    name: str,
    record: BaseModel | Mapping[str, Any] | None = None,
    summary: str | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
) -> None:
    """Write `<name>.json`, `<name>.md` and tables into a folder, which is made if need be, and log their names.

    Args:
        out: The folder.
        name: Of record and summary.
        record: None writes no JSON.
        summary: Markdown; None writes none.
        tables: By file name; cells that a spreadsheet would take for formulas are guarded.

    Raises:
        OutputError: If they cannot be written.
    """
    written = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        if record is not None:
            text = record.model_dump_json(indent=1) if isinstance(record, BaseModel) else json.dumps(record, indent=1)
            (out / f"{name}.json").write_text(text + "\n", "utf-8")
            written.append(f"{name}.json")
        if summary is not None:
            (out / f"{name}.md").write_text(summary, "utf-8")
            written.append(f"{name}.md")
        for file, table in (tables or {}).items():
            guarded_table(table).to_csv(out / file, index=False)
            written.append(file)
    except OSError as error:
        raise OutputError(f"the results cannot be written to {out}: {error}") from error
    first, *rest = written
    *middle, last = [str(out / first), *rest]
    _LOG.info("wrote %s", f"{', '.join(middle)} and {last}" if middle else last)

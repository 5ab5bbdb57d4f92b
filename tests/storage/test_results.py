"""A study's record, summary and tables are written side by side, or a sentence says why not."""

import json
import logging
from pathlib import Path

import pandas as pd
import pytest
from pydantic import BaseModel

from skinlens.errors import OutputError
from skinlens.storage.results import write_results


class Figures(BaseModel):
    n: int


def test_all_three_are_written_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = pd.DataFrame({"path": ["=a.png"], "n": [1]})
    with caplog.at_level(logging.INFO, "skinlens"):
        write_results(tmp_path / "new" / "out", "audit", {"n": 1}, "# Audit\n", {"pairs.csv": table})
    out = tmp_path / "new" / "out"
    assert json.loads((out / "audit.json").read_text("utf-8")) == {"n": 1}
    assert (out / "audit.md").read_text("utf-8") == "# Audit\n"
    assert not (out / "pairs.csv").read_text("utf-8").splitlines()[1].startswith("=")
    assert caplog.messages == [f"wrote {out / 'audit.json'}, audit.md and pairs.csv"]


def test_a_typed_record_and_a_table_alone(tmp_path: Path) -> None:
    write_results(tmp_path, "typed", Figures(n=2))
    write_results(tmp_path, "tables", tables={"t.csv": pd.DataFrame({"n": [2]})})
    assert (tmp_path / "typed.json").read_text("utf-8") == '{\n "n": 2\n}\n'
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv", "typed.json"]


def test_a_file_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("", "utf-8")
    with pytest.raises(OutputError, match="cannot be written to"):
        write_results(tmp_path / "out", "audit", {})

"""The table of the benchmark, and files that are none."""

from pathlib import Path

import pytest

from skinlens.leaderboard.documents import ResultError
from skinlens.leaderboard.performance import Machine, Performance, Row, markdown_performance, read_performance

MEASURED = Performance(
    model="tiny",
    version="1.0",
    weights_sha256="0" * 64,
    engine="openvino-fp32",
    date="2026-01-02",
    repeats=20,
    machine=Machine(processor="A processor", cores=2, memory=16.2, system="Linux x86_64", versions={"torch": "2.0"}),
    rows=(
        Row(work="image_heatmap", engine="torch+grad-cam", precision="fp32", milliseconds=1234.56, ratio=1.0),
        Row(
            work="image_heatmap",
            engine="openvino",
            precision="int8",
            milliseconds=100.0,
            ratio=12.3456,
            decisions_kept=0.9962,
            auc_change=-0.00051,
        ),
        Row(work="folder", engine="openvino", precision="int8", milliseconds=100.0, images=32),
        Row(work="peak_memory", engine="openvino", precision="int8", megabytes=1024.4),
    ),
)


def test_the_table_has_a_line_a_row_and_says_what_ratios_are_against() -> None:
    table = markdown_performance(MEASURED)
    assert "`tiny` 1.0 on A processor with 2 cores, 16 GB of memory, Linux x86_64; torch 2.0." in table
    assert "| one image with its heatmap | torch+grad-cam | fp32 | 1,234.6 | 1.00 |  |  |" in table
    assert "| one image with its heatmap | openvino | int8 | 100.0 | 12.35 | 99.6 % | -0.0005 |" in table
    assert "eight orientations (32 images) | openvino | int8 | 100.0 |  |  |  |" in table
    assert "| most memory of that process | openvino | int8 | 1,024 MB |  |  |  |" in table
    assert "- torch and the grad-cam library on one image: one image with its heatmap" in table


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "performance.json"
    path.write_text(MEASURED.model_dump_json(), "utf-8")
    assert read_performance(path) == MEASURED


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_a_file_that_is_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "performance.json"
    if content is not None:
        path.write_text(content, "utf-8")
    with pytest.raises(ResultError, match=r"performance\.json (cannot be read|is not what `bench --out` writes)"):
        read_performance(path)

"""The benchmark runs both ways on the same picture and says how they compare."""

import json

import pytest
from typer.testing import CliRunner

from skinlens.cli import bench
from skinlens.cli.main import app


def test_reports_medians_and_their_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "WARM_UPS", 1)
    monkeypatch.setattr(bench, "REPEATS", 1)
    result = CliRunner().invoke(app, ["bench", "--json"])
    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    assert figures["predict_with_heatmap_ms"] > 0
    expected = figures["torch_with_grad_cam_ms"] / figures["predict_with_heatmap_ms"]
    assert figures["ratio"] == pytest.approx(expected, rel=0.05)


def test_takes_turns_and_leaves_the_warm_up_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "WARM_UPS", 2)
    monkeypatch.setattr(bench, "REPEATS", 3)
    clock = iter(range(1000))
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(clock))
    calls: list[str] = []
    medians = bench._timed_in_turn(lambda: calls.append("a"), lambda: calls.append("b"))
    assert calls == ["a", "b"] * 5
    assert medians == (1000, 1000)

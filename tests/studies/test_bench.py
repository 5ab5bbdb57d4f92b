"""The benchmark runs both ways on the same image and says how they compare."""

import json

import pytest
from typer.testing import CliRunner

from skinlens.cli.main import app
from skinlens.studies import bench


def test_reports_medians_and_their_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "WARM_UPS", 1)
    monkeypatch.setattr(bench, "REPEATS", 1)
    result = CliRunner().invoke(app, ["bench", "--json"])
    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    assert figures["predict_with_heatmap_ms"] > 0
    expected = figures["torch_with_grad_cam_ms"] / figures["predict_with_heatmap_ms"]
    assert figures["ratio"] == pytest.approx(expected, rel=0.05)

"""What the comparison page reads of held-out datasets."""

import json
from pathlib import Path

import pytest

from skinlens.leaderboard.held_out import held_out_table, measure_datasets
from skinlens.runtime.predictor import DEFAULT_MODEL
from skinlens.ui.compare import charts
from skinlens.ui.compare.held_out import read_held_out
from tests.made_up_probes import held_out_scores, write_probe

RATES = {"population": "out of origin"} | {name: {"value": None, "n": 0} for name in ("sensitivity", "specificity")}


def choose(evaluation: Path, name: str, origins: tuple[str, ...], skill: float) -> None:
    """A choice as `select` writes it, with its predictions."""
    scores = held_out_scores(origins, skill=skill)
    (evaluation / "folds").mkdir(parents=True, exist_ok=True)
    scores.to_csv(evaluation / "folds" / f"{name}.csv", index=False)
    path = evaluation / "selected.json"
    entries = json.loads(path.read_text("utf-8")) if path.exists() else {}
    entries[name] = {
        "chosen_on": "2026-01-01", "recipe": {}, "start": "s", "start_sha256": None, "seed": 0, "folds": [],
        "out_of_fold": [f"folds/{name}.csv"], "roc_auc": 0.8, "threshold": 0.5, "threshold_rule": "", "rates": RATES,
        "heatmap_scale": None, "heatmap_rule": "", "considered": [], "origins": list(origins),
    }  # fmt: skip
    path.write_text(json.dumps(entries), "utf-8")


def test_choices_that_held_out_datasets_and_probes_are_found(tmp_path: Path) -> None:
    choose(tmp_path, DEFAULT_MODEL, ("ham", "bcn"), 1.5)
    choose(tmp_path, "other", ("ham",), 1.0)
    write_probe(tmp_path, held_out_scores(("ham", "bcn", "ids"), skill=0.5), title="Linear probe of weights")
    models, problems = read_held_out(tmp_path, {DEFAULT_MODEL: "For users"})
    assert problems == []
    assert [(model.title, model.kind, model.default) for model in models] == [
        ("For users", "model", True),
        ("other", "model", False),
        ("Linear probe of weights", "probe", False),
    ]
    assert models[0].datasets == measure_datasets(held_out_scores(("ham", "bcn"), skill=1.5))
    assert list(models[2].datasets) == ["ham", "bcn", "ids"]


def test_choices_that_held_out_folds_are_left_out(tmp_path: Path) -> None:
    choose(tmp_path, "paper", ("ham",), 1.0)
    path = tmp_path / "selected.json"
    path.write_text(path.read_text("utf-8").replace('"folds": []', '"folds": [0]').replace('["ham"]', "[]"), "utf-8")
    assert read_held_out(tmp_path, {}) == ([], [])


def test_equal_titles_are_told_apart(tmp_path: Path) -> None:
    for name in ("net_a.start", "net_b.start"):
        write_probe(tmp_path, held_out_scores(("ham",), skill=0.5), name=name)
    assert [model.title for model in read_held_out(tmp_path, {})[0]] == [
        "Linear probe of start [net_a.start]",
        "Linear probe of start [net_b.start]",
    ]


def test_damaged_files_are_told_and_stop_nothing_else(tmp_path: Path) -> None:
    choose(tmp_path, "asff_resnet50", ("ham",), 1.5)
    choose(tmp_path, "other", ("ham",), 1.0)
    (tmp_path / "folds" / "other.csv").unlink()
    probe = write_probe(tmp_path, held_out_scores(("ham",), skill=0.5))
    probe.write_text("{", "utf-8")
    models, problems = read_held_out(tmp_path, {})
    assert [model.title for model in models] == ["asff_resnet50"]
    assert len(problems) == 2
    assert "the choice of other" in problems[0]
    assert "net.start.json" in problems[1]
    (tmp_path / "selected.json").write_text("{", "utf-8")
    assert len(read_held_out(tmp_path, {})[1]) == 2


def test_an_empty_folder_has_nothing(tmp_path: Path) -> None:
    assert read_held_out(tmp_path, {}) == ([], [])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_chart_draws_every_figure_once(tmp_path: Path, theme: str) -> None:
    choose(tmp_path, "a", ("ham", "bcn"), 1.5)
    write_probe(tmp_path, held_out_scores(("ham", "bcn", "ids"), skill=0.5), title="<b>Probe</b>")
    models, _ = read_held_out(tmp_path, {})
    table = held_out_table(models)
    styles = charts.looks(list(dict.fromkeys(table["model"])), theme=theme)
    figure = charts.held_out_chart(table, styles, theme=theme)
    assert [len(trace.x) for trace in figure.data] == [2, 3]
    assert list(figure.data[1].x) == table[table["model"] == "<b>Probe</b>"]["roc_auc"].tolist()
    assert figure.data[1].name == "&lt;b&gt;Probe&lt;/b&gt;"
    places = [place for trace in figure.data for place in trace.y]
    assert len(set(places)) == 5
    assert len(figure.layout.yaxis.ticktext) == 3

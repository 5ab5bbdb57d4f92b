"""Probes on record that nobody fitted, for commands and pages that read them."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from skinlens.leaderboard.held_out import INTERVAL, measure_held_out
from skinlens.leaderboard.probes import FOLDER, PREDICTION_COLUMNS, VERSION, DatasetProbe, ProbeRecord, StageSet


def held_out_scores(origins: tuple[str, ...], *, skill: float, seed: int = 0, n: int = 90) -> pd.DataFrame:
    """Overlapping scores of `n` images of each dataset, with the columns of `fold.csv`."""
    parts = []
    for number, origin in enumerate(origins):
        malignant = np.arange(n) % 3 == 0
        noise = np.random.default_rng([seed, number]).normal(size=n)
        parts.append(
            pd.DataFrame(
                {
                    "path": [f"{origin}/{row}.jpg" for row in range(n)],
                    "label": np.where(malignant, "malignant", "benign"),
                    "group_id": [f"{origin}-{row // 2}" for row in range(n)],
                    "fold": -1,
                    "origin": origin,
                    "probability": 1 / (1 + np.exp(-(noise + skill * malignant - 1))),
                    "heatmap_max": np.abs(noise),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def write_probe(
    evaluation: Path,
    scores: pd.DataFrame,
    *,
    name: str = "net.start",
    start: str = "start.safetensors",
    sha256: str | None = "a" * 64,
    title: str = "Linear probe of start",
) -> Path:
    """Put a probe with these predictions on record; returns its JSON."""
    folder = evaluation / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    content = scores[list(PREDICTION_COLUMNS)].to_csv(index=False).encode()
    (folder / f"{name}.csv").write_bytes(content)
    datasets = tuple(
        DatasetProbe(origin=str(origin), strength=1e-3, fitted_to=100, **dict(measure_held_out(part, resamples=20)))
        for origin, part in scores.groupby("origin", sort=False)
    )
    areas = {found.origin: found.roc_auc.value or 0.0 for found in datasets}
    mean = float(np.mean(list(areas.values())))
    record = ProbeRecord(
        version=VERSION, name=name, title=title, network={"name": "net", "options": {}}, preprocessing={}, start=start,
        start_sha256=sha256, stages=("layer3", "layer4"), leave_out=(), data=("drawn.csv",), images={"benign": 1},
        strengths=(1e-3,), interval=INTERVAL, datasets=datasets, mean=mean, folds=(),
        stage_sets=(StageSet(stages=("layer4",), roc_auc=areas, mean=mean, strengths=dict.fromkeys(areas, 1e-3)),),
        predictions=f"{name}.csv", predictions_sha256=hashlib.sha256(content).hexdigest(), seconds={}, software={},
    )  # fmt: skip
    path = folder / f"{name}.json"
    path.write_text(record.model_dump_json(indent=1) + "\n", "utf-8")
    return path

"""Drawn lesions, and runs on them with random weights, for commands that look at what runs held out."""

import json
from pathlib import Path

import pandas as pd
import torch

from skinlens.imaging.synthetic import draw_pixels, encode_png
from skinlens.models.checkpoint import save_tensors
from skinlens.models.registry import build

SIDE = 64
IMAGES = 28


def draw_folder(folder: Path) -> Path:
    """Drawn lesions in two folds, malignant ones of two origins, with `drawn.csv`."""
    rows = []
    for seed in range(IMAGES):
        malignant = seed % 4 == 1
        pixels = draw_pixels(seed, height=80, width=72, malignant_look=malignant)
        (folder / f"{seed}.png").write_bytes(encode_png(pixels))
        label, origin = ("malignant", "abroad" if seed % 8 == 1 else "here") if malignant else ("benign", "here")
        rows.append((f"{seed}.png", label, seed // 14, f"g{seed}", origin, "mel" if malignant else "nv", f"ID_{seed}"))
    columns = ["path", "label", "fold", "group_id", "origin", "dx", "isic_id"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "drawn.csv", index=False)
    return folder


def fold_run(folder: Path, name: str, out: Path, *, fold: int, seed: int = 0) -> Path:
    """A run that held out a fold, with random weights of a network, as `train` leaves it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 10 * fold)
        network = build(name, {}).eval()
    recipe = {
        "name": f"drawn_{name}",
        "about": "for a test",
        "network": {"name": name, "options": {}},
        "preprocessing": {"size": SIDE},
        "optimiser": {"rate_pretrained": 1e-3, "rate_new": 1e-3},
        "schedule": {"epochs": 1},
    }
    out.mkdir()
    record = {"recipe": recipe, "fold": fold, "seed": seed}
    (out / "run.json").write_text(json.dumps(record), "utf-8")
    listed = pd.read_csv(folder / "drawn.csv").query(f"fold == {fold}")
    listed[["path", "label", "group_id", "fold"]].assign(probability=0.5).to_csv(out / "fold.csv", index=False)
    save_tensors(out / "model.safetensors", network.state_dict(), record)
    return out

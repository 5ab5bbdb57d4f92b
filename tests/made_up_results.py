"""An evaluation folder of models that do not exist, with predictions drawn at random, for tests and for looking at."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skinlens.metrics.report import evaluate_views, to_json
from skinlens.studies.subgroups import subgroup_record

PUBLISHED = Path(__file__).parents[1] / "weights" / "evaluation" / "published.csv"
CORRUPTIONS = ("blur", "jpeg", "brightness", "colour cast", "hair", "vignette", "rotation")


@dataclass(frozen=True)
class MadeUp:
    """What is invented for one model; `bare` leaves out every key that a JSON may lack, and the training log.

    `held_out` adds what its runs are right about on hospitals that they did not see.
    """

    name: str
    model: str
    title: str = ""
    architecture: str = ""
    skill: float = 2.2
    seed: int = 0
    imagenet_start: bool = True
    robust: bool = True
    bare: bool = False
    held_out: bool = False


MODELS = (
    MadeUp(
        "asff_resnet50_paper",
        "asff_resnet50_paper",
        "ASFF ResNet-50, sigmoid gate",
        "asff_resnet50",
        2.6,
        held_out=True,
    ),
    MadeUp("asff_resnet50_paper.tta", "asff_resnet50_paper", "ASFF ResNet-50, sigmoid gate", "asff_resnet50", 2.7),
    *(
        MadeUp(
            f"asff_resnet50_softmax{end}",
            "asff_resnet50_softmax",
            "ASFF ResNet-50, softmax gate",
            "asff_resnet50",
            2.4,
            seed,
        )
        for seed, end in enumerate(("", ".seed1", ".seed2"))
    ),
    *(
        MadeUp(f"resnet50{end}", "resnet50", "ResNet-50", "resnet50", 2.3, seed)
        for seed, end in enumerate(("", ".seed1", ".seed2"))
    ),
    MadeUp("mobilenet_v2", "mobilenet_v2", "MobileNetV2", "mobilenet_v2", 1.6, imagenet_start=False, robust=False),
    MadeUp("lenet5", "lenet5", skill=1.3, bare=True),
)


def write_folder(folder: Path, models: tuple[MadeUp, ...] = MODELS, *, images: int = 120, resamples: int = 40) -> Path:
    """Fill a folder as `evaluate` would, with the paper's real table; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = _images(images)
    shutil.copy(PUBLISHED, folder / "published.csv")
    for number, made_up in enumerate(models):
        generator = np.random.default_rng(number + 1)
        evidence = _evidence(rows, made_up.skill, generator)
        _write_model(folder, made_up, rows.assign(probability=_sigmoid(evidence)), resamples)
    return folder


def submitted_csv(folder: Path, *, shift: float = 0.3) -> bytes:
    """The first model's predictions, moved a little, as a person's CSV would hold them."""
    rows = pd.read_csv(next(iter(sorted(folder.glob("*.test.csv")))))
    evidence = np.log(rows["probability"] / (1 - rows["probability"]))
    noise = np.random.default_rng(99).normal(shift, 1.0, len(rows))
    rows = rows.assign(probability=_sigmoid(evidence.to_numpy() + noise))
    return rows[["path", "label", "probability"]].to_csv(index=False).encode()


def _images(n: int) -> pd.DataFrame:
    """Six benign to five malignant, two images a lesion here and there, and flags as in the real set."""
    generator = np.random.default_rng(0)
    malignant = np.arange(n) >= round(n * 6 / 11)
    return pd.DataFrame(
        {
            "path": [f"made_up/{'malignant' if bad else 'benign'}/{row}.jpg" for row, bad in enumerate(malignant)],
            "label": np.where(malignant, "malignant", "benign"),
            "group_id": [f"G{row // 2 if row % 10 == 1 else row:05d}" for row in range(n)],
            "leaky": (generator.random(n) < np.where(malignant, 0.35, 0.07)).astype(int),
            "foreign_jpeg": (malignant & (generator.random(n) < 0.5)).astype(int),
            "dx": np.where(malignant, "mel", "nv"),
        }
    )


def _evidence(rows: pd.DataFrame, skill: float, generator: np.random.Generator) -> np.ndarray:
    """Log-odds; what is hard about an image is shared by all models."""
    truth = (rows["label"] == "malignant").to_numpy()
    shared = np.random.default_rng(5).normal(0, 0.8, len(rows))
    return (2 * truth - 1) * skill * 0.75 + shared + generator.normal(0, 1.0, len(rows))


def _sigmoid(evidence: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-evidence))


def _write_model(folder: Path, made_up: MadeUp, rows: pd.DataFrame, resamples: int) -> None:
    threshold = 0.46
    views = to_json(evaluate_views(rows, rows["probability"], threshold, resamples=resamples))
    record: dict[str, Any] = {
        "model": made_up.model,
        "split": "test",
        "threshold": threshold,
        "interval": f"95 %, bootstrap over group_id, percentile, {resamples} resamples",
        "views": views,
    }
    if not made_up.bare:
        record |= _optional(made_up, views, rows, threshold)
        _log(made_up).to_csv(folder / f"{made_up.name}.log.csv", index=False)
    (folder / f"{made_up.name}.test.json").write_text(json.dumps(record, indent=1), "utf-8")
    if made_up.held_out:
        (folder / f"{made_up.name}.held_out.json").write_text(json.dumps(_held_out(rows, threshold)), "utf-8")
    columns = ["path", "label", "probability", "group_id", "leaky", "foreign_jpeg", "dx"]
    rows[columns].to_csv(folder / f"{made_up.name}.test.csv", index=False)


def _held_out(rows: pd.DataFrame, threshold: float) -> dict[str, Any]:
    """Half of the malignant images are called basal cell carcinomas of another hospital."""
    odd = np.arange(len(rows)) % 2 == 1
    dx = np.where(odd & (rows["label"] == "malignant"), "bcc", rows["dx"])
    told = rows.assign(dx=dx, origin="abroad", age=_ages(len(rows)))
    parts = subgroup_record(told, rows["probability"], threshold).model_dump(mode="json")
    return {"held_out": "origin abroad", "n": len(rows), "threshold": threshold, "subgroups": parts}


def _ages(n: int) -> list[int]:
    """A few are old, too few to tell a rate of."""
    return [80] * 9 + [30] * (n - 9)


def _optional(made_up: MadeUp, views: dict[str, Any], rows: pd.DataFrame, threshold: float) -> dict[str, Any]:
    size = 62.9 if "asff" in made_up.model else 47.2 if made_up.model == "resnet50" else 5.2
    record: dict[str, Any] = {
        "title": made_up.title,
        "architecture": made_up.architecture,
        "seed": made_up.seed,
        "tta": made_up.name.endswith(".tta"),
        "training": {
            "start": "ImageNet" if made_up.imagenet_start else "from scratch",
            "imagenet_start": made_up.imagenet_start,
            "epochs": 10,
            "seconds": 1768.0,
            "images": {"benign": 1440, "malignant": 1197},
        },
        "parameters": round(size * 500_000),
        "bytes": round(size * 1e6),
        "time": _time(size * (8.8 if made_up.name.endswith(".tta") else 1.1)),
    }
    if made_up.robust:
        record |= {
            "shortcuts": _shortcuts(views),
            "robustness": _robustness(made_up, views),
            "subgroups": subgroup_record(rows.assign(age=_ages(len(rows))), rows["probability"], threshold).model_dump(
                mode="json"
            ),
        }
    return record


def _shortcuts(views: dict[str, Any]) -> dict[str, Any]:
    covered = {
        name: {"value": auc - 0.06, "low": auc - 0.1, "high": auc - 0.03, "n": view["n"]}
        for name, view in views.items()
        for auc in [view["metrics"]["roc_auc"]["value"]]
    }
    plain = {name: view["metrics"]["roc_auc"] for name, view in views.items()}
    figure = {"value": 0.81, "low": 0.76, "high": 0.86, "n": 504}
    return {
        "centre_disc": {"radius_share": 0.379, "views": covered, "plain_views": plain},
        "outline": {
            "n": 504,
            "plain_auc": figure | {"value": 0.93, "low": 0.9, "high": 0.95},
            "painted_over_auc": figure,
            "shape_alone_auc": figure | {"value": 0.71, "low": 0.66, "high": 0.75},
            "reason": None,
        },
        "backgrounds": {
            "n": 504,
            "swapped_auc": figure | {"value": 0.78, "low": 0.73, "high": 0.83},
            "flipped_by_background": figure | {"value": 0.22, "low": 0.15, "high": 0.3, "n": 431},
            "reason": None,
        },
    }


def _time(milliseconds: float) -> dict[str, Any]:
    reference = 69.0
    return {
        "milliseconds": milliseconds,
        "reference": "asff_resnet50_paper",
        "reference_milliseconds": reference,
        "relative": milliseconds / reference,
        "repeats": 20,
    }


def _robustness(made_up: MadeUp, views: dict[str, Any]) -> dict[str, Any]:
    clean = {name: views["all"]["metrics"][name] for name in ("accuracy", "roc_auc")}
    generator = np.random.default_rng(made_up.seed)
    corruptions = []
    for name in CORRUPTIONS:
        slope = generator.uniform(0.005, 0.05)
        for strength in range(1, 6):
            spoilt = {
                metric: {end: max(0.3, figure[end] - slope * strength) for end in ("value", "low", "high")}
                | {"n": figure["n"]}
                for metric, figure in clean.items()
            }
            corruptions.append({"name": name, "strength": strength, "n": views["all"]["n"], **spoilt})
    return {"metric": ["accuracy", "roc_auc"], "clean": clean, "corruptions": corruptions}


def _log(made_up: MadeUp) -> pd.DataFrame:
    epochs = np.arange(1, 11)
    loss = 0.2 + 0.4 * np.exp(-epochs / (2.0 + made_up.skill)) + 0.01 * made_up.seed
    return pd.DataFrame({"epoch": epochs, "train_loss": loss, "seconds": 170.0 + epochs, "images_per_second": 15.0})


def only(name: str, /, **changes: Any) -> MadeUp:
    """One of `MODELS`, changed."""
    (found,) = (model for model in MODELS if model.name == name)
    return replace(found, **changes)

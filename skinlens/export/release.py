"""Releasing a model: graph, weights and card, written only if the graph passes the parity checks."""

import shutil
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from skinlens.export.graph import ReleasedGraph, write_graph
from skinlens.export.parity import Parity, measure_parity
from skinlens.export.selection import Selection, SelectionError, require_chosen
from skinlens.imaging.preprocess import Preprocessing
from skinlens.models.checkpoint import load_released, read_tensors, released_precision
from skinlens.models.explainable import Explainable
from skinlens.models.normalise import Normalise
from skinlens.models.registry import build, parameter_count
from skinlens.runtime.card import (
    Architecture,
    HeatmapScale,
    ModelCard,
    ModelFile,
    OperatingPoint,
    TrainingRecord,
    sha256_of,
)
from skinlens.runtime.released import store_card


class About(BaseModel):
    """The parts of a card that people write, from a TOML file beside the recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    version: str
    data: str
    start: str
    point: str
    intended_use: str
    limits: tuple[str, ...]
    licence: str
    command: str


@dataclass(frozen=True)
class Release:
    """What `release` did."""

    card: ModelCard
    parity: Parity


def read_about(path: Path) -> About:
    """Read the written parts of a card.

    Args:
        path: A TOML file with every field of `About`.

    Raises:
        SelectionError: If the file cannot be read or an entry is missing or unknown.
    """
    # Opening a named pipe would wait for its other end.
    if path.exists() and not path.is_file():
        raise SelectionError(f"cannot read {path}: it is no regular file")
    try:
        return About.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise SelectionError(f"cannot read {path}: {error}") from error


def release(
    checkpoint: Path,
    name: str,
    selection: Selection,
    about: About,
    images: npt.NDArray[np.uint8],
    folder: Path,
    *,
    new_release: bool = False,
) -> Release:
    """Export a training run as a model.

    Args:
        checkpoint: The run's `model.safetensors`.
        name: Of the model; the files are named after it.
        selection: What the folds chose; the checkpoint must come from it.
        about: The written parts of the card.
        images: RGB uint8 `(N, size, size, 3)` for the parity checks.
        folder: Where the three files go; nothing is written there unless every check passes.
        new_release: Put the model on the list of released ones; one that is on it stays there.

    Returns:
        The card as it was stored, and how far the graph is from its references.

    Raises:
        CheckpointError: If the checkpoint cannot be read or its weights do not fit.
        SelectionError: If the checkpoint was trained with another recipe, start or seed than was chosen.
        ParityError: If the graph differs from torch or from the grad-cam library.
    """
    tensors, record = read_tensors(checkpoint)
    require_chosen(record, selection, checkpoint)
    network = _network(record)
    load_released(network, released_precision(tensors))
    preprocessing = Preprocessing.model_validate(record["recipe"]["preprocessing"])
    normalise = Normalise(preprocessing.mean, preprocessing.std)
    with tempfile.TemporaryDirectory() as scratch:
        graph, weights = Path(scratch) / f"{name}.onnx", Path(scratch) / f"{name}.safetensors"
        write_graph(ReleasedGraph(network, normalise).eval(), size=preprocessing.size, graph=graph, weights=weights)
        # A fresh network: one whose weights are not read from the released file would show as a difference.
        parity = measure_parity(graph, weights, _network(record), normalise, images)
        parity.check()
        card = _card(name, record, selection, about, {"graph": graph, "weights": weights}, parameter_count(network))
        folder.mkdir(parents=True, exist_ok=True)
        # The graph last, so that no graph lies there without its weights.
        for path in (weights, graph):
            shutil.copyfile(path, folder / path.name)
        store_card(card, folder, new_release=new_release)
    return Release(card, parity)


def _network(record: dict[str, Any]) -> Explainable:
    chosen = record["recipe"]["network"]
    network = build(chosen["name"], chosen["options"])
    if not isinstance(network, Explainable):
        raise SelectionError(f"{chosen['name']} cannot be released: its evidence map has no closed form")
    return network


def _card(
    name: str,
    record: dict[str, Any],
    selection: Selection,
    about: About,
    files: dict[str, Path],
    parameters: int,
) -> ModelCard:
    chosen = record["recipe"]["network"]
    if selection.heatmap_scale is None:
        raise SelectionError("no heatmap scale was chosen; choose with runs whose fold.csv holds heatmap_max")
    rates, rule = (selection.rates,), selection.threshold_rule
    only = OperatingPoint(name=about.point, threshold=selection.threshold, chosen_on=rule, measured=rates)
    points = selection.points or (only,)
    return ModelCard(
        name=name,
        title=about.title,
        version=about.version,
        architecture=Architecture(name=chosen["name"], options=chosen["options"], parameters=parameters),
        preprocessing=Preprocessing.model_validate(record["recipe"]["preprocessing"]),
        files={
            "graph": _described(files["graph"]),
            "weights": _described(files["weights"]),
        },
        heatmap=HeatmapScale(scale=selection.heatmap_scale, chosen_on=selection.heatmap_rule),
        calibrated=selection.calibration is not None,
        calibration=selection.calibration,
        risk_curve=selection.risk_curve,
        operating_points=points,
        default_point=about.point,
        training=TrainingRecord(
            data=about.data,
            images=record["images"],
            recipe=record["recipe"],
            command=about.command,
            start=f"{about.start} ({record['start']})",
            start_sha256=record["start_sha256"],
            seed=record["seed"],
            epochs=record["epochs"],
            seconds=record["seconds"],
            software=record["software"],
        ),
        folds=selection.model_dump(mode="json", include={"folds", "origins", "roc_auc", "out_of_fold", "considered"}),
        intended_use=about.intended_use,
        limits=about.limits,
        licence=about.licence,
    )


def _described(path: Path) -> ModelFile:
    return ModelFile(file=path.name, sha256=sha256_of(path), bytes=path.stat().st_size)

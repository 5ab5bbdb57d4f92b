"""The model that is evaluated: a released one, or the checkpoint of a run whose choice is committed."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from skinlens.imaging.preprocess import Preprocessing
from skinlens.runtime.orientations import EightOrientations, Scorer
from skinlens.runtime.predictor import Predictor, load_predictor
from skinlens.runtime.released import trusted_card

_RELEASED_SUFFIXES = {".json", ".onnx", ".safetensors"}
# As `models.start` calls it, which imports torch.
_RANDOM = "random weights"


@dataclass(frozen=True, eq=False)
class ModelUnderTest:
    """A model under test, and its description for the results.

    Attributes:
        scorer: Scores images.
        name: Of the released model or the recipe.
        seed: Of the run; None where the run is the chosen one, which has no seed in its name.
        threshold: Chosen on the folds.
        point: What that threshold is called.
        preprocessing: What the model takes.
        described: Entries of the results that describe the model.
        log: A line per epoch of its training; None for a released model, whose log is beside its results already.
        tta: Whether eight orientations are averaged.
    """

    scorer: Scorer
    name: str
    seed: int | None
    threshold: float
    point: str
    preprocessing: Preprocessing
    described: dict[str, Any]
    log: pd.DataFrame | None = None
    tta: bool = False

    @property
    def stem(self) -> str:
        """`<model>[.seedN][.tta]`, with which the names of its results begin."""
        return self.name + ("" if self.seed is None else f".seed{self.seed}") + (".tta" if self.tta else "")


def load_model_under_test(model: str, selected: Path, *, tta: bool, unverified: bool = False) -> ModelUnderTest:
    """Load the model to be scored.

    Args:
        model: Name of a released model, path of its card or graph, or path of a run's `model.safetensors`.
        selected: selected.json, with the committed choice for every run that may be scored.
        tta: Average over eight orientations.
        unverified: Accept a card that was not released; the results then say so.

    Raises:
        ModelFileError: If a released model is missing or altered.
        CheckpointError: If a checkpoint cannot be used.
        SelectionError: If a checkpoint is not what the folds chose.
    """
    path = Path(model)
    # A checkpoint without a card beside it is that of a run.
    is_run = path.suffix == ".safetensors" and not path.with_suffix(".json").exists()
    tested = _run(path, selected) if is_run else _released(model, unverified=unverified)
    return replace(tested, scorer=EightOrientations(tested.scorer), tta=True) if tta else tested


def _released(model: str, *, unverified: bool) -> ModelUnderTest:
    path = Path(model)
    if path.suffix in _RELEASED_SUFFIXES:
        predictor = Predictor(trusted_card(path.with_suffix(".json"), unverified=unverified), path.parent)
    else:
        predictor = load_predictor(model, unverified=unverified)
    card = predictor.card
    training = card.training
    return ModelUnderTest(
        scorer=predictor,
        name=card.name,
        seed=None,
        threshold=card.point().threshold,
        point=card.point().name,
        preprocessing=card.preprocessing,
        described={
            "title": card.title,
            "version": card.version,
            "weights_sha256": card.files["weights"].sha256,
            "architecture": card.architecture.name,
            "options": dict(card.architecture.options),
            "parameters": card.architecture.parameters,
            "bytes": card.files["weights"].bytes,
            **({"unverified": True} if card.unverified else {}),
            "seed": training.seed,
            "training": {
                "start": training.start,
                "imagenet_start": f"({_RANDOM})" not in training.start,
                "epochs": training.epochs,
                "seconds": training.seconds,
                "images": dict(training.images),
            },
            "provider": predictor.provider,
        },
    )


def _run(checkpoint: Path, selected: Path) -> ModelUnderTest:
    # Checkpoints need torch; released models do not.
    from skinlens.export.candidate import Candidate
    from skinlens.export.selection import read_selection, require_chosen
    from skinlens.models.checkpoint import read_tensors
    from skinlens.models.registry import title

    tensors, record = read_tensors(checkpoint)
    name = record["recipe"]["name"]
    selection = read_selection(selected, name)
    require_chosen(record, selection, checkpoint, seed=False)
    model = Candidate(tensors, record, scaling=selection.scaling)
    network = record["recipe"]["network"]
    return ModelUnderTest(
        scorer=model,
        name=name,
        seed=None if record["seed"] == selection.seed else record["seed"],
        threshold=selection.threshold,
        point="chosen on the folds",
        preprocessing=model.preprocessing,
        described={
            "title": title(network["name"], network["options"]),
            "version": "not released",
            "weights_sha256": model.sha256,
            "architecture": network["name"],
            "options": network["options"],
            "parameters": model.parameters,
            "bytes": model.bytes,
            "seed": record["seed"],
            "training": {
                "start": record["start"],
                "imagenet_start": record["start"] != _RANDOM,
                "epochs": record["epochs"],
                "seconds": record["seconds"],
                "images": record["images"],
            },
            "provider": model.provider,
        },
        log=pd.DataFrame(record["log"]),
    )

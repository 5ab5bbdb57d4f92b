"""What was chosen by the folds, committed before the test images are scored: weights/evaluation/selected.json."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from skinlens.errors import SkinLensError
from skinlens.metrics.scaling import Scaling
from skinlens.runtime.card import (
    Calibration,
    MeasuredRates,
    OperatingPoint,
    Probability,
    RiskPoint,
    ScoreBin,
    scaling_of,
)

NO_FLOOR: Literal["none"] = "none"


class SelectionError(SkinLensError, ValueError):
    """A model cannot be released, since it is not the one that the folds chose."""

    exit_status = 2


def _absent(value: object) -> bool:
    """Whether an entry that older choices do not have is not there, so that it is not written."""
    return value is None or value == ()


class Considered(BaseModel):
    """One run that was compared: a recipe from a start on what it held out, with a share of the other lesions.

    Attributes:
        fold: The fold held out; None where it was an origin.
        origin: The origin held out; None where it was a fold, and then not written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    start: str
    seed: int
    fold: int | None
    epochs: int
    n: int
    roc_auc: float
    log_loss: float
    accuracy_at_half: float
    seconds: float
    share: float = Field(default=1.0, exclude_if=lambda share: share == 1)
    origin: str | None = Field(default=None, exclude_if=_absent)


class Floor(BaseModel):
    """The linear probe that the candidate had to be at least as good as on datasets that neither had seen.

    Attributes:
        probe: Its file from the evaluation folder.
        sha256: Of that file.
        datasets: Held-out datasets that both have scored.
        n: Images of them that both have scored.
        mean: The probe's mean of the datasets' ROC AUC.
        candidate: The candidate's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    probe: str
    sha256: str
    datasets: tuple[str, ...]
    n: int
    mean: float
    candidate: float


class Selection(BaseModel):
    """The choice for one released model.

    Attributes:
        recipe: The whole recipe.
        folds: Held out by the runs; empty where they held out origins.
        origins: Held out by the runs; empty where they held out folds, and then not written.
        out_of_fold: Files with the predictions that threshold and scale were chosen on.
        heatmap_scale: None for a network whose evidence map has no closed form.
        considered: Every run that was compared, the chosen ones among them.
        calibration: How logits become an estimate; None for a model whose score is not calibrated.
        points: Named operating points with their bands; empty where `threshold` is the only one.
        score_bins: What came true by bins of the score, in choices of earlier versions; then not written.
        risk_curve: The malignancy rate by score; empty without calibration, and then not written.
        floor: The probe that the runs were compared with; "none" where none was on record, None where nothing was
            compared, as with runs that held out folds, and then not written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    chosen_on: str
    recipe: dict[str, object]
    start: str
    start_sha256: str | None
    seed: int
    folds: tuple[int, ...]
    out_of_fold: tuple[str, ...]
    roc_auc: float
    threshold: Probability
    threshold_rule: str
    rates: MeasuredRates
    heatmap_scale: float | None
    heatmap_rule: str
    considered: tuple[Considered, ...]
    origins: tuple[str, ...] = Field(default=(), exclude_if=_absent)
    calibration: Calibration | None = Field(default=None, exclude_if=_absent)
    points: tuple[OperatingPoint, ...] = Field(default=(), exclude_if=_absent)
    score_bins: tuple[ScoreBin, ...] = Field(default=(), exclude_if=_absent)
    risk_curve: tuple[RiskPoint, ...] = Field(default=(), exclude_if=_absent)
    floor: Floor | Literal["none"] | None = Field(default=None, exclude_if=_absent)

    @property
    def scaling(self) -> Scaling:
        """Temperature and offset of the difference of the logits; 1 and 0 without calibration."""
        return scaling_of(self.calibration)


def held_out_words(folds: Sequence[int], origins: Sequence[str]) -> str:
    """Say what the runs of a choice held out; one of the two is empty.

    Args:
        folds: Their numbers.
        origins: Names of source datasets.

    Returns:
        As in `fold 0, 1` or `origin ham, bcn`.
    """
    kind, parts = ("fold", folds) if folds else ("origin", origins)
    return f"{kind} {', '.join(str(part) for part in parts)}"


def read_selection(path: Path, name: str) -> Selection:
    """Read the choice for a model.

    Args:
        path: `selected.json`.
        name: Of the model.

    Raises:
        SelectionError: If the file or the model's entry is missing or unreadable.
    """
    entries = read_selections(path)
    if name not in entries:
        raise SelectionError(f"{path} holds no choice for {name}; make one with `python -m skinlens select`")
    return entries[name]


def read_selections(path: Path) -> dict[str, Selection]:
    """Read every choice in a file.

    Args:
        path: `selected.json`; it may be missing.

    Returns:
        By the model's name.

    Raises:
        SelectionError: If the file cannot be read.
    """
    if not path.exists():
        return {}
    try:
        entries = json.loads(path.read_text("utf-8"))
        return {name: Selection.model_validate(entry) for name, entry in entries.items()}
    except (OSError, ValueError, RecursionError) as error:
        raise SelectionError(f"cannot read {path}: {error}") from error


def predictions_by_dataset(selections: Mapping[str, Selection]) -> dict[str, tuple[str, ...]]:
    """Return the files of predictions of the choices that held out datasets.

    Args:
        selections: From `read_selections`.

    Returns:
        By name of the model, paths from the evaluation folder.
    """
    return {name: tuple(choice.out_of_fold) for name, choice in selections.items() if choice.origins}


def require_chosen(record: Mapping[str, object], selection: Selection, checkpoint: Path, *, seed: bool = True) -> None:
    """Insist that a training run is the one that the folds chose, trained on every training row.

    Args:
        record: What the run's checkpoint says of it.
        selection: The choice.
        checkpoint: For the message.
        seed: Whether the seed must be the chosen one too.

    Raises:
        SelectionError: If its recipe, start or seed is another, it held out a fold or an origin, or it saw a share of
            the lesions.
    """
    chosen = selection.model_dump(mode="json", include={"recipe", "start", "start_sha256", "seed"})
    for key, value in chosen.items():
        if record.get(key) != value and (seed or key != "seed"):
            raise SelectionError(f"{checkpoint} is not what the folds chose: its {key} differs")
    if "share" in record:
        raise SelectionError(f"{checkpoint} was trained on a share of the lesions; take a run on every row")
    if record.get("fold") is not None:
        raise SelectionError(f"{checkpoint} was trained without fold {record['fold']}; take a run on every row")
    if record.get("origin") is not None:
        raise SelectionError(f"{checkpoint} was trained without origin {record['origin']}; take a run on every row")


def write_selection(path: Path, name: str, selection: Selection) -> None:
    """Add or replace a model's choice; the choices for other models stay.

    Args:
        path: `selected.json`, which is made if need be.
        name: Of the model.
        selection: What was chosen.

    Raises:
        SelectionError: If the file that is there cannot be read.
    """
    entries = {**read_selections(path), name: selection}
    # Sorted, so that a new choice shows as its own lines in a diff.
    content = {key: entry.model_dump(mode="json") for key, entry in sorted(entries.items())}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")

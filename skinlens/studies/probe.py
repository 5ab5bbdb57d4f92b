"""Linear probe: a logistic regression on frozen pretrained weights, measured on datasets that it has not seen."""

import hashlib
import logging
import platform
import re
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from skinlens.errors import OutputError, UsageError
from skinlens.imaging.preprocess import Preprocessing
from skinlens.leaderboard.datasets import dataset_title, in_order
from skinlens.leaderboard.held_out import INTERVAL, measure_held_out
from skinlens.leaderboard.probes import (
    FOLDER,
    PREDICTION_COLUMNS,
    VERSION,
    DatasetProbe,
    FoldProbe,
    ProbeRecord,
    StageSet,
)
from skinlens.models.pretrained import PretrainedWeights, PretrainedWeightsError, load_pretrained
from skinlens.models.registry import Options, backbone_title, build, normalisation, probed_stages
from skinlens.storage.spreadsheet import guarded_table
from skinlens.training.features import Features, FrozenBackbone, complete_stages, pooled_features, stage_widths
from skinlens.training.held_out_probes import HeldOutPart, held_out_origins, probe_folds, probe_origin, probed_rows
from skinlens.training.manifest import read_manifests
from skinlens.training.probe import STRENGTHS

_LOG = logging.getLogger(__name__)

_PACKAGES = ("torch", "torchvision", "scikit-learn", "numpy")
_NAME = re.compile(r"[\w.+-]+")
_NUMBER = re.compile(r"-?\d+")


def probe(
    data: Sequence[Path],
    *,
    network: str,
    options: Sequence[str],
    init: str,
    cache: Path | None,
    name: str | None,
    out: Path,
    intercepts: bool = False,
) -> str:
    """Write `probe/<name>.json` and `.csv`: figures and predictions with each dataset and each fold held out in turn.

    Args:
        data: Manifests with a column `origin`.
        network: Name in the registry.
        options: Of the network, as `key=value`.
        init: `imagenet` or a safetensors file.
        cache: Folder that keeps features between calls.
        name: Of the probe; None takes network and weights.
        out: The evaluation folder.
        intercepts: Whether the probe has an intercept for each dataset that it is fitted to.

    Returns:
        The summary, a line for each held-out part.

    Raises:
        UsageError: If the network, an option or the name cannot be used.
        PretrainedWeightsError: If the pretrained weights do not fit, or every stage lacks some of its weights.
        ManifestError: If a manifest cannot be used, or holds nothing to hold out.
        ImageRejectedError: If an image of the manifests cannot be used.
        OutputError: If the results cannot be written.
    """
    backbone, start, stages = _backbone(network, parsed_options(options), init)
    name = name or f"{network}.{_short(start)}{'.intercepts' if intercepts else ''}".replace(" ", "_")
    if not _NAME.fullmatch(name):
        raise UsageError(f"--name must consist of letters, digits and . _ + -, not {name!r}")
    try:
        # Before minutes of work are spent on what then could not be written.
        (out / FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the results cannot be written to {out / FOLDER}: {error}") from error
    rows, leave_out = probed_rows(read_manifests(data))
    # Before images are read, since there may be nothing to hold out.
    origins = in_order(set(held_out_origins(rows)))
    began = time.perf_counter()
    _LOG.info("reading %s of %d images", ", ".join(stages), len(rows))
    features, sets = _stage_sets_of(backbone, stages, pooled_features(backbone, rows, cache))
    read = time.perf_counter()
    parts, folds, stage_sets = _fitted(rows, features, origins, sets, intercepts=intercepts)
    every = pd.concat([part.rows[list(PREDICTION_COLUMNS)] for part in parts.values()], ignore_index=True)
    predictions = guarded_table(every).to_csv(index=False, lineterminator="\n").encode("utf-8")
    datasets = tuple(
        DatasetProbe(
            origin=origin, strength=part.strength, fitted_to=part.fitted_to, **dict(measure_held_out(part.rows))
        )
        for origin, part in parts.items()
    )
    record = ProbeRecord(
        version=VERSION,
        name=name,
        title=f"Linear probe, {backbone_title(network)}{', dataset intercepts' if intercepts else ''}",
        network={"name": network, "options": dict(backbone.options)},
        preprocessing=backbone.preprocessing.model_dump(mode="json"),
        start=start.description,
        start_sha256=start.sha256,
        stages=stages,
        intercepts=intercepts,
        leave_out=leave_out,
        data=tuple(path.name for path in data),
        images={label: int((rows["label"] == label).sum()) for label in ("benign", "malignant")},
        strengths=STRENGTHS,
        interval=INTERVAL,
        datasets=datasets,
        mean=stage_sets[-1].mean,
        folds=folds,
        stage_sets=stage_sets,
        predictions=f"{name}.csv",
        predictions_sha256=hashlib.sha256(predictions).hexdigest(),
        seconds={"features": round(read - began, 1), "fitting": round(time.perf_counter() - read, 1)},
        software={"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
    )
    _write(out / FOLDER, record, predictions)
    return _summary(record)


def parsed_options(words: Sequence[str]) -> Options:
    """Read `key=value` as options of a network: true and false, whole numbers, else text.

    Args:
        words: As given on the command line.

    Raises:
        UsageError: If a word is no such pair.

    Example:
        >>> parsed_options(["gate=sigmoid", "levels=3", "stride_in_1x1=false"])
        {'gate': 'sigmoid', 'levels': 3, 'stride_in_1x1': False}
    """
    options: dict[str, str | bool | int] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not (key and equals and value):
            raise UsageError(f"--option takes key=value, not {word!r}")
        if value in {"true", "false"}:
            options[key] = value == "true"
        else:
            options[key] = int(value) if _NUMBER.fullmatch(value) else value
    return options


def _backbone(network: str, options: Options, init: str) -> tuple[FrozenBackbone, PretrainedWeights, tuple[str, ...]]:
    """The network with its pretrained weights, and the stages that these leave nothing random in."""
    try:
        probed = probed_stages(network)
        built = build(network, options)
    except ValueError as error:
        raise UsageError(str(error)) from error
    start = load_pretrained(built, init)
    stages = complete_stages(built, network, start.loaded)
    if not stages:
        raise PretrainedWeightsError(f"{start.description} lacks weights that every stage of {network} needs")
    absent = [stage for stage in probed if stage not in stages]
    if absent:
        _LOG.info(
            "%s lacks weights of %s; the probe reads %s alone", start.description, ", ".join(absent), ", ".join(stages)
        )
    mean, std = normalisation(network)
    preprocessing = Preprocessing(mean=mean, std=std)
    return FrozenBackbone(built, network, start.sha256 or start.description, preprocessing, options), start, stages


def _stage_sets_of(
    backbone: FrozenBackbone, stages: Sequence[str], features: Features
) -> tuple[Features, list[tuple[tuple[str, ...], int]]]:
    """The features of some stages; and the last stage, the last two and so on, each with its number of features."""
    probed = probed_stages(backbone.architecture)
    widths = dict(zip(probed, stage_widths(backbone.network, backbone.architecture), strict=True))
    kept = np.concatenate([np.full(width, stage in stages) for stage, width in widths.items()])
    lasts = [tuple(stages[first:]) for first in reversed(range(len(stages)))]
    sets = [(last, sum(widths[stage] for stage in last)) for last in lasts]
    return features if kept.all() else features[:, kept], sets


def _fitted(
    rows: pd.DataFrame,
    features: Features,
    origins: Sequence[str],
    sets: Sequence[tuple[tuple[str, ...], int]],
    *,
    intercepts: bool,
) -> tuple[dict[str, HeldOutPart], tuple[FoldProbe, ...], tuple[StageSet, ...]]:
    """Probes with each dataset and each fold held out; then the datasets again, with fewer stages read."""
    parts = {}
    for origin in origins:
        parts[origin] = probe_origin(rows, features, origin, intercepts=intercepts)
        _log_held_out(dataset_title(origin), len(parts[origin].rows), parts[origin])
    folds = []
    for fold, part in probe_folds(rows, features, intercepts=intercepts):
        figures = measure_held_out(part.rows)
        folds.append(FoldProbe(fold=fold, strength=part.strength, fitted_to=part.fitted_to, **dict(figures)))
        _log_held_out(f"fold {fold}", figures.n, part)
    stage_sets = []
    # The last of the sets is of all stages, and fitted already; features stand in the order of the stages.
    for stages, width in sets[:-1]:
        _LOG.info("the same with %s alone", ", ".join(stages))
        alone = {origin: probe_origin(rows, features[:, -width:], origin, intercepts=intercepts) for origin in parts}
        stage_sets.append(_stage_set(stages, alone))
    return parts, tuple(folds), (*stage_sets, _stage_set(sets[-1][0], parts))


def _log_held_out(name: str, images: int, part: HeldOutPart) -> None:
    _LOG.info("held out %s: %d images, fitted to %s, C %g", name, images, part.fitted_to, part.strength)


def _stage_set(stages: tuple[str, ...], parts: dict[str, HeldOutPart]) -> StageSet:
    areas = {}
    for origin, part in parts.items():
        # Both labels are there, or the dataset would not be held out.
        areas[origin] = float(measure_held_out(part.rows, resamples=1).roc_auc.value or 0.0)
    return StageSet(
        stages=stages,
        roc_auc=areas,
        mean=round(float(np.mean(list(areas.values()))), 5),
        strengths={origin: part.strength for origin, part in parts.items()},
    )


def _write(folder: Path, record: ProbeRecord, predictions: bytes) -> None:
    try:
        (folder / record.predictions).write_bytes(predictions)
        (folder / f"{record.name}.json").write_text(record.model_dump_json(indent=1) + "\n", "utf-8")
    except OSError as error:
        raise OutputError(f"the results cannot be written to {folder}: {error}") from error
    _LOG.info("wrote %s and %s", folder / f"{record.name}.json", record.predictions)


def _summary(record: ProbeRecord) -> str:
    """Return a line for each held-out part."""
    lines = [f"{record.title}: mean ROC AUC over held-out datasets {record.mean:.3f}"]
    named = [(dataset_title(part.origin), part) for part in record.datasets]
    for title, part in [*named, *((f"fold {part.fold}", part) for part in record.folds)]:
        area, specificity = part.roc_auc, part.specificity
        lines.append(
            f"{title}: {area.text()}, n = {part.n} ({part.malignant} malignant), "
            f"specificity at 95 % sensitivity {specificity.text()}"
        )
    lines += [f"{' + '.join(each.stages)}: mean {each.mean:.3f}" for each in record.stage_sets]
    return "\n".join(lines) + "\n"


def _short(start: PretrainedWeights) -> str:
    """The weights' own name, without the library or package that they come from."""
    name = start.description.rpartition(" ")[2]
    return name.removesuffix(".safetensors").removesuffix(".pth")

"""The training run: Lightning Fabric, so that the same command serves a CPU, one GPU or several under torchrun."""

import csv
import dataclasses
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sklearn.metrics import log_loss, roc_auc_score
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from skinlens.models.asff import AdaptiveFusion
from skinlens.models.checkpoint import CheckpointError, read_tensors, save_tensors
from skinlens.models.explainable import Explainable, evidence_map
from skinlens.models.normalise import Normalise
from skinlens.models.pretrained import Start, load_start
from skinlens.models.registry import build, probed_stages
from skinlens.storage.spreadsheet import guarded_table
from skinlens.training.augment import build_augmentation
from skinlens.training.checkpoint import optimiser_tensors, read_state, restore_optimiser, save_state
from skinlens.training.dataset import DecodedRows, ScoringImages, TrainingImages
from skinlens.training.features import FrozenBackbone, complete_stages, pooled_features, stage_widths
from skinlens.training.interpolation import interpolated
from skinlens.training.manifest import (
    ManifestError,
    origin_rows,
    paired_origin_rows,
    share_of,
    training_rows,
    without_marked,
)
from skinlens.training.probe import fit_probe
from skinlens.training.recipe import Recipe, RecipeError
from skinlens.training.sampling import BalancedSampler, EpochSampler, Weights, row_weights
from skinlens.training.scenes import TrainingScenes
from skinlens.training.segmentation import WithOutlines, outline_loss

CHECKPOINT = "checkpoint.safetensors"
MODEL = "model.safetensors"
START = "start.safetensors"
LOG = "log.csv"
FOLD_SCORES = "fold.csv"
RUN = "run.json"

_Tensors = tuple[Tensor, ...] | list[Tensor]


@dataclass(frozen=True)
class Settings:
    """What a run is told besides its recipe and rows.

    Attributes:
        out: Folder of the run; everything it leaves behind is there.
        data: Manifests as named by the user, for the record.
        init: `imagenet`, a safetensors file, or None for random weights.
        fold: Held-out fold; None trains on every row, unless an origin is held out.
        origins: Held-out origins, instead of a fold.
        features: Folder that keeps the features of pretrained weights, for a head that starts as a probe.
        share: Share of the training lesions to use; an epoch shows them as often as fills it.
        seed: Decides weights, order and augmentation.
        resume: Go on from the folder's checkpoint if there is one.
        workers: Processes that augment.
        checkpoint_every: Epochs from one checkpoint to the next; one is always written after the last epoch.
    """

    out: Path
    data: tuple[str, ...]
    init: str | None
    fold: int | None
    seed: int
    resume: bool
    workers: int = 1
    share: float = 1.0
    origins: tuple[str, ...] = ()
    features: Path | None = None
    checkpoint_every: int = 1

    @property
    def origin(self) -> str | None:
        """The held-out origins as they are recorded, such as `bcn+msk`; None if there are none."""
        return "+".join(self.origins) or None


@dataclass
class _State:
    """What changes while a run goes on."""

    network: nn.Module
    average: AveragedModel | None
    optimiser: torch.optim.Optimizer
    start: Start
    outliner: WithOutlines | None = None
    epoch: int = 0
    seconds: float = 0.0
    log: list[dict[str, float]] = dataclasses.field(default_factory=list)

    @property
    def finished(self) -> nn.Module:
        """The network that is scored and kept: the moving average where there is one."""
        return self.average.module if self.average is not None else self.network

    @property
    def trained(self) -> nn.Module:
        """The network with all that is trained beside it."""
        return self.network if self.outliner is None else self.outliner


@dataclass(frozen=True)
class _Tools:
    """What a run works with and never changes; network and optimiser as Fabric wraps them."""

    fabric: Fabric
    network: nn.Module
    optimiser: torch.optim.Optimizer
    normalise: Normalise
    recipe: Recipe
    settings: Settings


def run(recipe: Recipe, rows: pd.DataFrame, settings: Settings) -> Path:
    """Train a network and leave its model, log, record and fold scores in `settings.out`.

    Args:
        recipe: What to train, and how.
        rows: From `read_manifests`.
        settings: Where, from what, and with which fold or origin held out.

    Returns:
        The finished model's safetensors file (fp32, the moving average where the recipe asks for one).

    Raises:
        ManifestError: If the rows hold nothing to train on or do not fill a batch, the fold or origin is empty, or the
            recipe needs a column that no manifest has.
        RecipeError: If the registry does not know the network or its options, or it cannot be trained on outlines.
        StartError: If the starting weights do not fit.
        CheckpointError: If the checkpoint to resume from belongs to another run.
        ImageRejectedError: If an image of the manifest cannot be used.
    """
    fabric = _launch(recipe)
    usable = without_marked(rows, recipe.leave_out)
    every, held_out = _parts(paired_origin_rows(usable) if recipe.paired_origins else usable, settings)
    train = share_of(every, settings.share)
    weights = row_weights(train, recipe.balance, even_labels=recipe.even_labels)
    settings.out.mkdir(parents=True, exist_ok=True)
    tools, state = _set_up(fabric, recipe, settings, train, weights)
    # On a CPU the network takes so long that a skin may be made anew each time, and its memory saved.
    keep_skins = recipe.looks_at_skins and fabric.device.type != "cpu"
    images = DecodedRows(train, side=recipe.keep_side, outlines=recipe.looks_at_outlines, skins=keep_skins)
    scored = DecodedRows(held_out)
    sampler = _sampler(fabric, weights, recipe, settings)
    images.warm()
    scored.warm()
    for epoch in range(state.epoch, recipe.schedule.epochs):
        entry = _train_epoch(tools, state, images, sampler, weights, epoch)
        if fabric.is_global_zero:
            if len(scored) and recipe.schedule.scores_after(epoch):
                # Watching a run needs no more than its own precision; the scores that are kept are made in fp32.
                with fabric.autocast():
                    entry |= _fold_figures(held_out, score_rows(state.finished, tools.normalise, scored, recipe))
            state.log.append(entry)
            _write_log(state.log, settings.out / LOG)
            if state.epoch % settings.checkpoint_every == 0 or state.epoch == recipe.schedule.epochs:
                _write_checkpoint(state, recipe, settings)
            print(json.dumps(entry), file=sys.stderr, flush=True)  # noqa: T201 - one line an epoch for a log file
        fabric.barrier()
    if fabric.is_global_zero:
        if recipe.interpolation < 1:
            start, _ = read_tensors(settings.out / START)
            state.finished.load_state_dict(interpolated(start, state.finished.state_dict(), recipe.interpolation))
        with _full_precision():
            scores = score_rows(state.finished, tools.normalise, scored, recipe)
        _write_results(state, recipe, settings, train, held_out, scores)
    fabric.barrier()
    return settings.out / MODEL


def _parts(rows: pd.DataFrame, settings: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to train on and rows held out."""
    if not settings.origins:
        return training_rows(rows, settings.fold)
    if settings.fold is not None:
        raise ManifestError("a run holds out a fold or an origin, not both")
    return origin_rows(rows, settings.origins)


@dataclass(frozen=True)
class RowScores:
    """What a network says about rows, in their order.

    Attributes:
        probability: P(malignant), `(N,)`.
        heatmap_max: Largest value of the signed evidence map after ReLU, `(N,)`; NaN for a network without one.
        pooled: Feature maps averaged over the image, `(N, C)`; C is 0 for a network without an evidence map.
    """

    probability: npt.NDArray[np.float64]
    heatmap_max: npt.NDArray[np.float64]
    pooled: npt.NDArray[np.float32]


@torch.inference_mode()
def score_rows(network: nn.Module, normalise: Normalise, rows: DecodedRows, recipe: Recipe) -> RowScores:
    """Score images exactly as the run time prepares them; the network's mode is restored."""
    was_training = network.training
    network.eval()
    device = normalise.scale.device
    probability: list[float] = []
    heatmap_max: list[float] = []
    pooled = [np.empty((0, 0), np.float32)] if len(rows) == 0 else []
    try:
        for batch in DataLoader(ScoringImages(rows, recipe.preprocessing), batch_size=32):
            images = normalise(batch.to(device))
            if isinstance(network, Explainable):
                output = network.analyse(images)
                logits = output.logits
                heatmap_max += evidence_map(output, network).float().relu().amax(dim=(1, 2)).tolist()
                pooled.append(output.pooled.float().cpu().numpy())
            else:
                logits = network(images)
                pooled.append(np.empty((len(batch), 0), np.float32))
                heatmap_max += [math.nan] * len(batch)
            probability += logits.float().softmax(dim=1)[:, 1].tolist()
    finally:
        network.train(was_training)
    return RowScores(np.array(probability), np.array(heatmap_max), np.concatenate(pooled))


@contextmanager
def _full_precision() -> Iterator[None]:
    """fp32 without the shorter numbers that a GPU may use in its place."""
    before, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
        torch.backends.cudnn.allow_tf32 = convolutions


def _launch(recipe: Recipe) -> Fabric:
    torch.set_float32_matmul_precision("high")
    # Convolutions of a few sizes, each run thousands of times: it pays to try which algorithm is quickest.
    torch.backends.cudnn.benchmark = True
    world = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    fabric = Fabric(
        accelerator="auto",
        strategy="ddp" if world > 1 else "auto",
        devices=local,
        num_nodes=world // local,
        precision=recipe.precision,
    )
    fabric.launch()
    return fabric


def _set_up(
    fabric: Fabric, recipe: Recipe, settings: Settings, train: pd.DataFrame, weights: Weights
) -> tuple[_Tools, _State]:
    """Everything on its device, at the epoch to go on from."""
    fabric.seed_everything(settings.seed, workers=False, verbose=False)
    state = _fresh_state(recipe, settings)
    resumes = settings.resume and (settings.out / CHECKPOINT).exists()
    if recipe.head == "probe" and not resumes:
        _start_from_probe(state, recipe, settings, train, weights)
        if fabric.is_global_zero:
            save_tensors(settings.out / START, state.network.state_dict(), _identity(recipe, settings))
    network, optimiser = fabric.setup(state.trained, state.optimiser)
    if state.average is not None:
        state.average.to(fabric.device)
    if settings.resume:
        _resume(state, recipe, settings)
    normalise = Normalise(recipe.preprocessing.mean, recipe.preprocessing.std).to(fabric.device)
    return _Tools(fabric, network, optimiser, normalise, recipe, settings), state


def _sampler(fabric: Fabric, weights: Weights, recipe: Recipe, settings: Settings) -> EpochSampler:
    dealt: dict[str, int] = {
        "seed": settings.seed,
        "batch_size": recipe.batch_size,
        "rank": fabric.global_rank,
        "world": fabric.world_size,
    }
    sampler = (
        BalancedSampler(weights, **dealt, images=recipe.schedule.images)
        if recipe.draws_unevenly
        else EpochSampler(len(weights), **dealt)
    )
    if not sampler.batches:
        raise ManifestError(f"{len(weights)} training rows do not fill one batch of {recipe.batch_size}")
    return sampler


def _fresh_state(recipe: Recipe, settings: Settings) -> _State:
    try:
        network = build(recipe.network.name, recipe.network.options)
    except ValueError as error:
        raise RecipeError(f"recipe {recipe.name}: network: {error}") from error
    start = load_start(network, settings.init)
    _freeze(network, start, recipe)
    network = network.to(memory_format=torch.channels_last)
    average = None
    if recipe.ema is not None:
        average = AveragedModel(network, multi_avg_fn=_warmed_average(recipe.ema), use_buffers=True)
    outliner = _outliner(network, recipe)
    return _State(network, average, _optimiser(outliner or network, start, recipe), start, outliner)


def _start_from_probe(state: _State, recipe: Recipe, settings: Settings, train: pd.DataFrame, weights: Weights) -> None:
    """Fit a probe of the pretrained weights to the training rows, as often as they are drawn, and begin as it."""
    network = state.network
    if not isinstance(network, AdaptiveFusion):
        raise RecipeError(f"recipe {recipe.name}: head: {recipe.network.name} cannot start from a probe")
    complete = complete_stages(network, recipe.network.name, state.start.loaded)
    missing = [stage for stage in network.fused_stages if stage not in complete]
    if missing:
        raise RecipeError(
            f"recipe {recipe.name}: head: a probe of {missing[0]} needs pretrained weights for all that leads to it, "
            f"and {state.start.description} lacks some"
        )
    weights_id = state.start.sha256 or state.start.description
    backbone = FrozenBackbone(network, recipe.network.name, weights_id, recipe.preprocessing, recipe.network.options)
    features = pooled_features(backbone, train, settings.features)
    stages = dict(zip(probed_stages(recipe.network.name), stage_widths(network, recipe.network.name), strict=True))
    # The last of the probed stages are those that the network fuses.
    features = features[:, -sum(stages[stage] for stage in network.fused_stages) :]
    probe = fit_probe(features, train["malignant"], weights * len(train), recipe.probe_strength)
    network.start_from_probe(torch.from_numpy(probe.coefficients).float(), probe.intercept)
    if state.average is not None:
        state.average.module.load_state_dict(network.state_dict())


def _freeze(network: nn.Module, start: Start, recipe: Recipe) -> None:
    """Take the parts that are to stay as they are out of the training; their mode is set anew for each epoch."""
    for name in recipe.frozen:
        try:
            part = network.get_submodule(name)
        except AttributeError as error:
            raise RecipeError(f"recipe {recipe.name}: frozen: {recipe.network.name} has no part {name}") from error
        fresh = [inner for inner, _ in part.named_parameters() if f"{name}.{inner}" not in start.loaded]
        if fresh:
            raise RecipeError(
                f"recipe {recipe.name}: frozen: {name} would stay random, {start.description} lacks {name}.{fresh[0]}"
            )
        part.requires_grad_(requires_grad=False)


def _outliner(network: nn.Module, recipe: Recipe) -> WithOutlines | None:
    if not recipe.segmentation:
        return None
    if not isinstance(network, Explainable):
        raise RecipeError(f"recipe {recipe.name}: segmentation: {recipe.network.name} has no feature maps to draw on")
    return WithOutlines(network)


def _warmed_average(decay: float) -> Callable[[_Tensors, _Tensors, Tensor | int], None]:
    """A moving average that forgets quickly while it is young, so that the starting weights do not linger."""

    def update(old: _Tensors, new: _Tensors, count: Tensor | int) -> None:
        if old[0].is_floating_point():
            young = (1 + float(count)) / (10 + float(count))
            get_ema_multi_avg_fn(min(decay, young))(old, new, count)
            return
        for counted, latest in zip(old, new, strict=True):
            counted.copy_(latest)

    return update


def _optimiser(network: nn.Module, start: Start, recipe: Recipe) -> torch.optim.Optimizer:
    """Four groups: pre-trained or new, decayed or not (norms and biases are not)."""
    settings = recipe.optimiser
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        pretrained = name.removeprefix(WithOutlines.PREFIX) in start.loaded
        groups.setdefault((pretrained, parameter.ndim > 1), []).append(parameter)
    family = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    return family(
        [
            {
                "params": members,
                "lr": settings.rate_pretrained if pretrained else settings.rate_new,
                "weight_decay": settings.weight_decay if decayed else 0.0,
                "base_lr": settings.rate_pretrained if pretrained else settings.rate_new,
            }
            for (pretrained, decayed), members in sorted(groups.items())
        ]
    )


def rate_factor(step: int, total: int, recipe: Recipe) -> float:
    """Share of the base learning rate at a step: linear warm-up, then cosine to 0 or constant."""
    warm = round(recipe.schedule.warm_up * total)
    if step < warm:
        return (step + 1) / warm
    if recipe.schedule.shape == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


def _epoch_seed(seed: int, epoch: int, rank: int) -> int:
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1)[0])


def _training_loader(
    images: DecodedRows, sampler: EpochSampler, weights: Weights, recipe: Recipe, settings: Settings, epoch: int
) -> DataLoader[tuple[Tensor, ...]]:
    size = recipe.schedule.size(epoch, recipe.preprocessing.size)
    if settings.workers:
        # Before workers fork: a worker waits for ever on the threads of a pool that its parent had.
        cv2.setNumThreads(1)
    return DataLoader(
        _augmented(images, weights, recipe, size, settings.seed),
        batch_size=recipe.batch_size,
        sampler=sampler,
        num_workers=settings.workers,
        worker_init_fn=_one_thread,
        pin_memory=torch.cuda.is_available(),
    )


def _augmented(images: DecodedRows, weights: Weights, recipe: Recipe, size: int, seed: int) -> Dataset[Any]:
    if recipe.augmentation.engine == "torchvision":
        return TrainingImages(images, build_augmentation(recipe.augmentation, size), seed)
    outlines = recipe.segmentation > 0
    return TrainingScenes(images, weights, recipe.augmentation, size=size, seed=seed, outlines=outlines)


def _one_thread(_worker: int) -> None:
    torch.set_num_threads(1)


def _train_epoch(
    tools: _Tools, state: _State, images: DecodedRows, sampler: EpochSampler, weights: Weights, epoch: int
) -> dict[str, float]:
    """One pass over the rows; returns its line of the log (the loss is this process's mean)."""
    began = time.perf_counter()
    fabric, recipe = tools.fabric, tools.recipe
    sampler.epoch = epoch
    fabric.seed_everything(_epoch_seed(tools.settings.seed, epoch, fabric.global_rank), workers=False, verbose=False)
    tools.network.train()
    for name in recipe.frozen:
        # Its batch-norms keep their statistics too.
        state.network.get_submodule(name).eval()
    if recipe.batch_norm == "frozen":
        _hold_statistics(state)
    loader = _training_loader(images, sampler, weights, recipe, tools.settings, epoch)
    losses: list[float] = []
    for number, batch in enumerate(_with_progress(loader, epoch, sampler.batches, fabric.is_global_zero)):
        factor = rate_factor(epoch * sampler.batches + number, recipe.schedule.epochs * sampler.batches, recipe)
        losses.append(_step(tools, state, batch, factor))
    seconds = time.perf_counter() - began
    state.epoch = epoch + 1
    state.seconds += seconds
    return {
        "epoch": epoch + 1.0,
        "train_loss": float(np.mean(losses)),
        "seconds": round(seconds, 1),
        "images_per_second": round(sampler.per_process * fabric.world_size / seconds, 1),
    }


def _hold_statistics(state: _State) -> None:
    """Let the batch-norms that came with the pretrained weights use the statistics that they came with."""
    for name, module in state.network.named_modules():
        if isinstance(module, nn.BatchNorm2d) and f"{name}.running_mean" in state.start.loaded:
            module.eval()


def _step(tools: _Tools, state: _State, batch: tuple[Tensor, ...], rate: float) -> float:
    """One batch: forward, backward, step, moving average; returns the loss."""
    fabric, recipe, optimiser = tools.fabric, tools.recipe, tools.optimiser
    for group in optimiser.param_groups:
        group["lr"] = group["base_lr"] * rate
    pixels, labels, *outlines = (part.to(fabric.device, non_blocking=True) for part in batch)
    output = tools.network(tools.normalise(pixels))
    logits, drawn = output if outlines else (output, None)
    loss = _class_loss(logits.float(), labels, recipe.label_smoothing)
    if drawn is not None:
        loss = loss + recipe.segmentation * outline_loss(drawn, outlines[0])
    optimiser.zero_grad()
    fabric.backward(loss)
    if recipe.optimiser.clip_norm is not None:
        fabric.clip_gradients(tools.network, optimiser, max_norm=recipe.optimiser.clip_norm, error_if_nonfinite=False)
    optimiser.step()
    if state.average is not None:
        state.average.update_parameters(state.network)
    return loss.item()


def _class_loss(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy; labels `(N,)` are classes, or as floats the chances of the second class."""
    target = torch.stack([1 - labels, labels], dim=1) if labels.is_floating_point() else labels
    return F.cross_entropy(logits, target, label_smoothing=smoothing)


def _with_progress(
    loader: DataLoader[tuple[Tensor, ...]],
    epoch: int,
    batches: int,
    shown: bool,  # noqa: FBT001
) -> Iterator[tuple[Tensor, ...]]:
    columns = (TextColumn("epoch {task.fields[epoch]}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as progress:
        task = progress.add_task("", total=batches, epoch=epoch + 1)
        for batch in loader:
            yield batch
            progress.advance(task)


def _fold_figures(held_out: pd.DataFrame, scores: RowScores) -> dict[str, float]:
    truth = held_out["malignant"].to_numpy()
    called = scores.probability >= 0.5
    figures = {"fold_accuracy": float((called == truth).mean())}
    if 0 < truth.sum() < len(truth):
        figures["fold_auc"] = float(roc_auc_score(truth, scores.probability))
        figures["fold_loss"] = float(log_loss(truth, scores.probability))
    return {name: round(value, 5) for name, value in figures.items()}


def _identity(recipe: Recipe, settings: Settings) -> dict[str, object]:
    """What must agree between a checkpoint and the run that wants to go on from it."""
    identity: dict[str, object] = {
        "recipe": recipe.model_dump(mode="json"),
        "data": [Path(name).name for name in settings.data],
        "fold": settings.fold,
        "seed": settings.seed,
    }
    # Only where they are given, so that the records of runs before them stay as they are.
    if settings.share != 1:
        identity["share"] = settings.share
    if settings.origin is not None:
        identity["origin"] = settings.origin
    return identity


def _start_identity(start: Start) -> dict[str, str | None]:
    return {"description": start.description, "sha256": start.sha256}


def _write_checkpoint(state: _State, recipe: Recipe, settings: Settings) -> None:
    parts = {
        "network": state.network.state_dict(),
        "optimiser": optimiser_tensors(state.optimiser, state.trained),
    }
    if state.outliner is not None:
        parts["outliner"] = state.outliner.outline.state_dict()
    if state.average is not None:
        parts["average"] = state.average.state_dict()
    record = _identity(recipe, settings) | {
        "epoch": state.epoch,
        "seconds": state.seconds,
        "log": state.log,
        "start": _start_identity(state.start),
    }
    save_state(settings.out / CHECKPOINT, parts, record)


def _resume(state: _State, recipe: Recipe, settings: Settings) -> None:
    path = settings.out / CHECKPOINT
    if not path.exists():
        return
    parts, record = read_state(path)
    # The start decides which parameters count as pre-trained, and so their learning rates.
    absent = {"share": None, "origin": None}
    expected = absent | _identity(recipe, settings) | {"start": _start_identity(state.start)}
    for key, value in expected.items():
        if record.get(key) != value:
            raise CheckpointError(f"{path} belongs to another run: its {key} differs; choose another --out")
    state.network.load_state_dict(parts["network"])
    if state.average is not None:
        state.average.load_state_dict(parts["average"])
    if state.outliner is not None:
        state.outliner.outline.load_state_dict(parts["outliner"])
    restore_optimiser(state.optimiser, state.trained, parts["optimiser"])
    state.epoch, state.seconds = int(record["epoch"]), float(record["seconds"])
    state.log = list(record["log"])


def _write_log(log: list[dict[str, float]], path: Path) -> None:
    names = list(dict.fromkeys(name for entry in log for name in entry))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(log)


def _write_results(
    state: _State, recipe: Recipe, settings: Settings, train: pd.DataFrame, held_out: pd.DataFrame, scores: RowScores
) -> None:
    unique = train.drop_duplicates("file")
    record = _identity(recipe, settings) | {
        "start": state.start.description,
        "start_sha256": state.start.sha256,
        "images": {label: int((unique["label"] == label).sum()) for label in ("benign", "malignant")},
        "epochs": state.epoch,
        "seconds": round(state.seconds, 1),
        "software": _software(),
        "log": state.log,
    }
    if len(held_out):
        record["fold_figures"] = _fold_figures(held_out, scores)
        told = ["path", "label", "group_id", "fold"] + ([] if settings.origin is None else ["origin"])
        scored = held_out[told].assign(probability=scores.probability, heatmap_max=scores.heatmap_max)
        guarded_table(scored).to_csv(settings.out / FOLD_SCORES, index=False)
    (settings.out / RUN).write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    save_tensors(settings.out / MODEL, state.finished.state_dict(), record)


def _software() -> dict[str, str]:
    packages = ("torch", "torchvision", "lightning-fabric", "numpy")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}

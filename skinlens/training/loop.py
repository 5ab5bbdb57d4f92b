"""The training run: Lightning Fabric, so that the same command serves a CPU, one GPU or several under torchrun."""

import copy
import csv
import dataclasses
import json
import os
import platform
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from skinlens.models.asff import AdaptiveFusion
from skinlens.models.checkpoint import CheckpointError, read_tensors, save_tensors
from skinlens.models.explainable import Explainable
from skinlens.models.normalise import Normalise
from skinlens.models.pretrained import PretrainedWeights, load_pretrained
from skinlens.models.registry import build, probed_stages
from skinlens.progress import tracked
from skinlens.training.checkpoint import optimiser_tensors, read_state, restore_optimiser, save_state
from skinlens.training.dataset import DecodedRows, TrainingImages
from skinlens.training.features import FrozenBackbone, complete_stages, pooled_features, stage_widths
from skinlens.training.intercepts import WithIntercepts
from skinlens.training.interpolation import interpolated
from skinlens.training.manifest import (
    ManifestError,
    dataset_numbers,
    origin_rows,
    share_of,
    training_rows,
    usable_rows,
)
from skinlens.training.optimisation import build_optimiser, class_loss, rate_factor, retention_loss, warmed_average
from skinlens.training.probe import fit_probe, fit_with_intercepts
from skinlens.training.recipe import Recipe, RecipeError
from skinlens.training.runs import LOG, MODEL, START, write_run
from skinlens.training.sampling import BalancedSampler, EpochSampler, Weights, row_weights
from skinlens.training.scoring import RowScores, full_precision, held_out_metrics, score_rows
from skinlens.training.segmentation import WithOutlines, outline_loss

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Settings:
    """The settings of a run besides its recipe and rows.

    Attributes:
        out: Folder of the run; it writes nowhere else.
        data: Manifests as named by the user, for the record.
        init: `imagenet`, a safetensors file, or None for random weights.
        fold: Held-out fold; None trains on every row, unless an origin is held out.
        origins: Held-out origins, instead of a fold.
        features: Folder that keeps the features of pretrained weights, for a head initialised as a probe.
        share: Share of the training lesions to use; an epoch shows them as often as fills it.
        seed: Decides weights, order and augmentation.
        resume: Continue from the folder's checkpoint if there is one.
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
    """The parts of a run that change with training."""

    network: nn.Module
    average: AveragedModel | None
    optimiser: torch.optim.Optimizer
    pretrained: PretrainedWeights
    outliner: WithOutlines | None = None
    with_intercepts: WithIntercepts | None = None
    epoch: int = 0
    seconds: float = 0.0
    log: list[dict[str, float]] = dataclasses.field(default_factory=list)

    @property
    def trained_network(self) -> nn.Module:
        """The network that is scored and kept: the moving average where there is one."""
        return self.average.module if self.average is not None else self.network

    @property
    def trained_modules(self) -> nn.Module:
        """The network with what goes with it only while it trains, if there is anything."""
        return self.outliner or self.with_intercepts or self.network


@dataclass(frozen=True)
class _Draws:
    """The training rows: their images, how they are drawn and, where that matters, the numbers of their datasets."""

    images: DecodedRows
    sampler: EpochSampler
    weights: Weights
    datasets: npt.NDArray[np.int64] | None


@dataclass(frozen=True)
class _Tools:
    """The parts of a run that stay; network and optimiser as Fabric wraps them.

    Attributes:
        start: The network, with its intercepts, as the probe that it began as; None if nothing of that is retained.
    """

    fabric: Fabric
    network: nn.Module
    optimiser: torch.optim.Optimizer
    normalise: Normalise
    recipe: Recipe
    settings: Settings
    start: nn.Module | None = None


def run(recipe: Recipe, rows: pd.DataFrame, settings: Settings) -> Path:
    """Train a network and write its weights, log, record and held-out scores to `settings.out`.

    Args:
        recipe: What to train, and how.
        rows: From `read_manifests`.
        settings: Where, from what, and with which fold or origin held out.

    Returns:
        The trained network's safetensors file (fp32, the moving average where the recipe asks for one).

    Raises:
        ManifestError: If the rows hold nothing to train on or do not fill a batch, the fold or origin is empty, or the
            recipe needs a column that no manifest has.
        RecipeError: If the registry does not know the network or its options, or it cannot be trained on outlines.
        PretrainedWeightsError: If the pretrained weights do not fit.
        CheckpointError: If the checkpoint to resume from belongs to another run.
        ImageRejectedError: If an image of the manifest cannot be used.
    """
    fabric = _launch(recipe)
    every, held_out = _parts(recipe, rows, settings)
    train = share_of(every, settings.share)
    weights = row_weights(train, recipe.balance, even_labels=recipe.even_labels)
    settings.out.mkdir(parents=True, exist_ok=True)
    tools, state = _set_up(fabric, recipe, settings, train, weights)
    # On a CPU the network takes so long that a skin may be made anew each time, and its memory saved.
    keep_skins = recipe.needs_skins and fabric.device.type != "cpu"
    images = DecodedRows(train, side=recipe.keep_side, outlines=recipe.needs_outlines, skins=keep_skins)
    # Scored a few times in a run: that they stay decoded is worth less than the memory of a second run beside it.
    scored = DecodedRows(held_out, budget_bytes=2**30)
    sampler = _sampler(fabric, weights, recipe, settings)
    images.warm()
    scored.warm()
    draws = _Draws(images, sampler, weights, dataset_numbers(train) if recipe.intercepts == "dataset" else None)
    scores: RowScores | None = None
    for epoch in range(state.epoch, recipe.schedule.epochs):
        entry = _train_epoch(tools, state, draws, epoch)
        if fabric.is_global_zero:
            if len(scored) and recipe.schedule.scores_after(epoch):
                # Watching a run needs no more than its own precision; the scores that are kept are made in fp32.
                with full_precision() if state.epoch == recipe.schedule.epochs else fabric.autocast():
                    scores = score_rows(state.trained_network, tools.normalise, scored, recipe)
                entry |= held_out_metrics(held_out["malignant"].to_numpy(), scores)
            state.log.append(entry)
            _write_log(state.log, settings.out / LOG)
            if state.epoch % settings.checkpoint_every == 0 or state.epoch == recipe.schedule.epochs:
                _write_checkpoint(state, recipe, settings)
            print(json.dumps(entry), file=sys.stderr, flush=True)  # noqa: T201 - one line an epoch for a log file
        fabric.barrier()
    if fabric.is_global_zero:
        if recipe.interpolation < 1:
            initial, _ = read_tensors(settings.out / START)
            trained = state.trained_network.state_dict()
            state.trained_network.load_state_dict(interpolated(initial, trained, recipe.interpolation))
            scores = None
        if scores is None:
            with full_precision():
                scores = score_rows(state.trained_network, tools.normalise, scored, recipe)
        _write_results(state, recipe, settings, train, held_out, scores)
    fabric.barrier()
    return settings.out / MODEL


def _parts(recipe: Recipe, rows: pd.DataFrame, settings: Settings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to train on and rows held out, without those that the recipe leaves out of both."""
    if settings.origins and settings.fold is not None:
        raise ManifestError("a run holds out a fold or an origin, not both")
    usable = usable_rows(rows, recipe.leave_out, paired_origins=recipe.paired_origins)
    return origin_rows(usable, settings.origins) if settings.origins else training_rows(usable, settings.fold)


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
    """Put everything on its device, at the epoch to continue from."""
    fabric.seed_everything(settings.seed, workers=False, verbose=False)
    state = _fresh_state(recipe, settings, train)
    resumes = settings.resume and (settings.out / CHECKPOINT).exists()
    start = None
    if recipe.head == "probe" and (recipe.retain or not resumes):
        _start_from_probe(state, recipe, settings, train, weights)
        if fabric.is_global_zero and not resumes:
            save_tensors(settings.out / START, state.network.state_dict(), _identity(recipe, settings))
        if recipe.retain:
            start = copy.deepcopy(state.trained_modules).requires_grad_(requires_grad=False).eval().to(fabric.device)
    network, optimiser = fabric.setup(state.trained_modules, state.optimiser)
    if state.average is not None:
        state.average.to(fabric.device)
    if settings.resume:
        _resume(state, recipe, settings)
    normalise = Normalise(recipe.preprocessing.mean, recipe.preprocessing.std).to(fabric.device)
    return _Tools(fabric, network, optimiser, normalise, recipe, settings, start), state


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


def _fresh_state(recipe: Recipe, settings: Settings, train: pd.DataFrame) -> _State:
    try:
        network = build(recipe.network.name, recipe.network.options)
    except ValueError as error:
        raise RecipeError(f"recipe {recipe.name}: network: {error}") from error
    pretrained = load_pretrained(network, settings.init)
    # Frozen parts learn nothing; their mode is set again in each epoch.
    for name in recipe.frozen:
        try:
            part = network.get_submodule(name)
        except AttributeError as error:
            raise RecipeError(f"recipe {recipe.name}: frozen: {recipe.network.name} has no part {name}") from error
        fresh = [inner for inner, _ in part.named_parameters() if f"{name}.{inner}" not in pretrained.loaded]
        if fresh:
            raise RecipeError(
                f"recipe {recipe.name}: frozen: {name} would stay random, "
                f"{pretrained.description} lacks {name}.{fresh[0]}"
            )
        part.requires_grad_(requires_grad=False)
    # Convolutions in bf16 are quicker when the channels lie side by side.
    network = network.to(memory_format=torch.channels_last)
    average = None
    if recipe.ema is not None:
        average = AveragedModel(network, multi_avg_fn=warmed_average(recipe.ema), use_buffers=True)
    outliner = _outliner(network, recipe)
    intercepts = None
    if recipe.intercepts == "dataset":
        intercepts = WithIntercepts(network, torch.zeros(int(dataset_numbers(train).max()) + 1))
    optimiser = build_optimiser(outliner or intercepts or network, pretrained, recipe)
    return _State(network, average, optimiser, pretrained, outliner, intercepts)


def _start_from_probe(state: _State, recipe: Recipe, settings: Settings, train: pd.DataFrame, weights: Weights) -> None:
    """Fit a probe of the pretrained weights to the training rows, weighted as drawn, and copy it into the head."""
    network = state.network
    if not isinstance(network, AdaptiveFusion):
        raise RecipeError(f"recipe {recipe.name}: head: {recipe.network.name} cannot start from a probe")
    complete = complete_stages(network, recipe.network.name, state.pretrained.loaded)
    missing = [stage for stage in network.fused_stages if stage not in complete]
    if missing:
        raise RecipeError(
            f"recipe {recipe.name}: head: a probe of {missing[0]} needs pretrained weights for all that leads to it, "
            f"and {state.pretrained.description} lacks some"
        )
    weights_id = state.pretrained.sha256 or state.pretrained.description
    backbone = FrozenBackbone(network, recipe.network.name, weights_id, recipe.preprocessing, recipe.network.options)
    features = pooled_features(backbone, train, settings.features)
    stages = dict(zip(probed_stages(recipe.network.name), stage_widths(network, recipe.network.name), strict=True))
    # The last of the probed stages are those that the network fuses.
    features = features[:, -sum(stages[stage] for stage in network.fused_stages) :]
    labels, shares = train["malignant"].to_numpy(), weights * len(train)
    if state.with_intercepts is None:
        probe = fit_probe(features, labels, shares, recipe.probe_strength)
    else:
        probe, added = fit_with_intercepts(features, labels, dataset_numbers(train), shares, recipe.probe_strength)
        state.with_intercepts.intercepts.data.copy_(torch.from_numpy(added))
    network.start_from_probe(torch.from_numpy(probe.coefficients).float(), probe.intercept)
    if state.average is not None:
        state.average.module.load_state_dict(network.state_dict())


def _outliner(network: nn.Module, recipe: Recipe) -> WithOutlines | None:
    if not recipe.segmentation:
        return None
    if not isinstance(network, Explainable):
        raise RecipeError(f"recipe {recipe.name}: segmentation: {recipe.network.name} has no feature maps to draw on")
    return WithOutlines(network)


def _training_loader(draws: _Draws, recipe: Recipe, settings: Settings, epoch: int) -> DataLoader[tuple[Tensor, ...]]:
    size = recipe.schedule.size(epoch, recipe.preprocessing.size)
    if settings.workers:
        # Before workers fork: a worker waits for ever on the threads of a pool that its parent had.
        cv2.setNumThreads(1)
    images = TrainingImages(
        draws.images,
        draws.weights,
        recipe.compose(size),
        seed=settings.seed,
        outlines=recipe.segmentation > 0,
        datasets=draws.datasets,
    )
    return DataLoader(
        images,
        batch_size=recipe.batch_size,
        sampler=draws.sampler,
        num_workers=settings.workers,
        worker_init_fn=_one_thread,
        pin_memory=torch.cuda.is_available(),
    )


def _one_thread(_worker: int) -> None:
    torch.set_num_threads(1)


def _train_epoch(tools: _Tools, state: _State, draws: _Draws, epoch: int) -> dict[str, float]:
    """Train on the rows of an epoch once and return its line of the log (the loss is this process's mean)."""
    began = time.perf_counter()
    fabric, recipe, sampler = tools.fabric, tools.recipe, draws.sampler
    sampler.epoch = epoch
    # By epoch and process, so that a resumed run goes on as it would have.
    epoch_seed = np.random.SeedSequence([tools.settings.seed, epoch, fabric.global_rank]).generate_state(1)[0]
    fabric.seed_everything(int(epoch_seed), workers=False, verbose=False)
    tools.network.train()
    for name in recipe.frozen:
        # Its batch-norms keep their statistics too.
        state.network.get_submodule(name).eval()
    if recipe.batch_norm == "frozen":
        # Layers that came with the pretrained weights keep their statistics; their scales and shifts are trained.
        for layer, module in state.network.named_modules():
            if isinstance(module, nn.BatchNorm2d) and f"{layer}.running_mean" in state.pretrained.loaded:
                module.eval()
    loader = _training_loader(draws, recipe, tools.settings, epoch)
    losses: list[float] = []
    batches = tracked(loader, f"epoch {epoch + 1}", total=sampler.batches, shown=fabric.is_global_zero)
    cycle = recipe.schedule.cycle(epoch)
    for number, batch in enumerate(batches, start=(epoch - cycle.start) * sampler.batches):
        factor = rate_factor(number, len(cycle) * sampler.batches, recipe)
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


def _step(tools: _Tools, state: _State, batch: tuple[Tensor, ...], rate: float) -> float:
    """Train on one batch (forward, backward, step, moving average) and return its loss."""
    fabric, recipe, optimiser = tools.fabric, tools.recipe, tools.optimiser
    for group in optimiser.param_groups:
        group["lr"] = group["base_lr"] * rate
    pixels, labels, *others = (part.to(fabric.device, non_blocking=True) for part in batch)
    images = tools.normalise(pixels)
    given = (images, *others) if recipe.intercepts == "dataset" else (images,)
    output = tools.network(*given)
    logits, drawn = output if recipe.segmentation else (output, None)
    loss = class_loss(logits.float(), labels, recipe.label_smoothing)
    if tools.start is not None and (weight := recipe.retained_in(state.epoch)):
        with torch.no_grad(), fabric.autocast():
            before = tools.start(*given)
        loss = loss + weight * retention_loss(logits.float(), before.float())
    if drawn is not None:
        loss = loss + recipe.segmentation * outline_loss(drawn, others[0])
    optimiser.zero_grad()
    fabric.backward(loss)
    # Half precision skips a step whose gradients overflow, so that they need not be finite here.
    if recipe.optimiser.clip_norm is not None:
        fabric.clip_gradients(tools.network, optimiser, max_norm=recipe.optimiser.clip_norm, error_if_nonfinite=False)
    optimiser.step()
    if state.average is not None:
        state.average.update_parameters(state.network)
    return loss.item()


def _identity(recipe: Recipe, settings: Settings) -> dict[str, object]:
    """Return what a checkpoint and the run that continues from it must have in common."""
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


def _pretrained_identity(pretrained: PretrainedWeights) -> dict[str, str | None]:
    return {"description": pretrained.description, "sha256": pretrained.sha256}


def _write_checkpoint(state: _State, recipe: Recipe, settings: Settings) -> None:
    parts = {
        "network": state.network.state_dict(),
        "optimiser": optimiser_tensors(state.optimiser, state.trained_modules),
    }
    if state.outliner is not None:
        parts["outliner"] = state.outliner.outline.state_dict()
    if state.with_intercepts is not None:
        parts["intercepts"] = {"datasets": state.with_intercepts.intercepts.data}
    if state.average is not None:
        parts["average"] = state.average.state_dict()
    record = _identity(recipe, settings) | {
        "epoch": state.epoch,
        "seconds": state.seconds,
        "log": state.log,
        "start": _pretrained_identity(state.pretrained),
    }
    save_state(settings.out / CHECKPOINT, parts, record)


def _resume(state: _State, recipe: Recipe, settings: Settings) -> None:
    """Take up the folder's checkpoint, if there is one.

    Raises:
        CheckpointError: If it belongs to another run.
    """
    path = settings.out / CHECKPOINT
    if not path.exists():
        return
    parts, record = read_state(path)
    # The pretrained weights decide which parameters count as pretrained, and so their learning rates.
    absent = {"share": None, "origin": None}
    expected = absent | _identity(recipe, settings) | {"start": _pretrained_identity(state.pretrained)}
    epoch = int(record["epoch"])
    # A recipe may go on where the run of another ended.
    if Recipe.model_validate(record["recipe"]).followed(epoch) == recipe.followed(epoch):
        del expected["recipe"]
    for key, value in expected.items():
        if record.get(key) != value:
            raise CheckpointError(f"{path} belongs to another run: its {key} differs; choose another --out")
    state.network.load_state_dict(parts["network"])
    if state.average is not None:
        state.average.load_state_dict(parts["average"])
    if state.outliner is not None:
        state.outliner.outline.load_state_dict(parts["outliner"])
    if state.with_intercepts is not None:
        state.with_intercepts.intercepts.data.copy_(parts["intercepts"]["datasets"])
    restore_optimiser(state.optimiser, state.trained_modules, parts["optimiser"])
    state.epoch, state.seconds = epoch, float(record["seconds"])
    state.log = list(record["log"])


def _write_log(log: list[dict[str, float]], path: Path) -> None:
    # Epochs after which the held-out rows were not looked at have fewer entries.
    names = list(dict.fromkeys(name for entry in log for name in entry))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(log)


def _write_results(
    state: _State, recipe: Recipe, settings: Settings, train: pd.DataFrame, held_out: pd.DataFrame, scores: RowScores
) -> None:
    unique = train.drop_duplicates("file")
    packages = ("torch", "torchvision", "lightning-fabric", "numpy")
    record = _identity(recipe, settings) | {
        "start": state.pretrained.description,
        "start_sha256": state.pretrained.sha256,
        "images": {label: int((unique["label"] == label).sum()) for label in ("benign", "malignant")},
        "epochs": state.epoch,
        "seconds": round(state.seconds, 1),
        "software": {"python": platform.python_version()} | {name: version(name) for name in packages},
        "log": state.log,
    }
    predictions = None
    if len(held_out):
        record["fold_figures"] = held_out_metrics(held_out["malignant"].to_numpy(), scores)
        columns = ["path", "label", "group_id", "fold"] + ([] if settings.origin is None else ["origin"])
        predictions = held_out[columns].assign(probability=scores.probability, heatmap_max=scores.heatmap_max)
    write_run(settings.out, record, state.trained_network.state_dict(), predictions)

"""Commands that make a model: `train`, `probe`, `select`, `interpolate`, `export` and `card`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from skinlens.cli.options import (
    EVALUATION,
    WEIGHTS,
    Manifests,
    ModelName,
    Out,
    Recipe,
    Runs,
    Seed,
    Unverified,
    Weights,
)
from skinlens.cli.say import print_text, say
from skinlens.errors import OutputError, UsageError


def train(
    recipe: Recipe,
    data: Manifests,
    out: Out,
    init: Annotated[str | None, typer.Option(help="imagenet, or a safetensors file; else random weights.")] = None,
    fold: Annotated[int | None, typer.Option(help="Fold to hold out; else every training row is used.")] = None,
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the checkpoint in --out.")] = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes that augment images.")] = 1,
    share: Annotated[float, typer.Option(min=0, max=1, help="Share of the lesions to use; learning curves.")] = 1.0,
    hold_out_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="Source dataset to hold out whole, instead of a fold; several together. Needs a column origin."
        ),
    ] = None,
    features: Annotated[
        Path | None, typer.Option(help="Folder that keeps features of pretrained weights between calls.")
    ] = None,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Epochs from one checkpoint to the next.")] = 1,
) -> None:
    """Train a model by a recipe; under torchrun, on several GPUs."""
    from skinlens.training.loop import Settings, run
    from skinlens.training.manifest import read_manifests
    from skinlens.training.recipe import read_recipe

    if fold is not None and hold_out_origin:
        raise UsageError("--fold and --hold-out-origin exclude one another")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; --out names the folder of the run")
    settings = Settings(
        out=out,
        data=tuple(str(path) for path in data),
        init=init,
        fold=fold,
        seed=seed,
        resume=resume,
        workers=workers,
        share=share,
        origins=tuple(hold_out_origin or ()),
        features=features,
        checkpoint_every=checkpoint_every,
    )
    model = run(read_recipe(recipe), read_manifests(data), settings)
    say(f"the trained model is {model}")


def probe(
    data: Manifests,
    init: Annotated[str, typer.Option(help="Pretrained weights: imagenet, or a safetensors file.")],
    network: Annotated[str, typer.Option(help="Network that the weights belong to.")] = "asff_resnet50",
    option: Annotated[
        list[str] | None, typer.Option(help="Option of the network as key=value; may be given several times.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps features between calls.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the result; else network and weights.")] = None,
    intercepts: Annotated[
        bool, typer.Option("--intercepts", help="Fit an intercept for each dataset beside the features.")
    ] = False,
    out: Out = EVALUATION,
) -> None:
    """Measure a logistic regression on frozen pretrained weights, with each source dataset held out in turn."""
    from skinlens.studies.probe import probe as measure

    print_text(
        measure(
            data,
            network=network,
            options=option or (),
            init=init,
            cache=cache,
            name=name,
            out=out,
            intercepts=intercepts,
        )
    )


def select(
    name: ModelName,
    runs: Runs,
    considered: Annotated[list[Path] | None, typer.Option(help="Further such runs that were compared.")] = None,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help="Scale the logits, and choose screening, balanced and specialist points."),
    ] = False,
    out: Out = EVALUATION,
) -> None:
    """Choose threshold and heatmap scale by the folds or datasets held out, and record what was compared."""
    from skinlens.export.choose import choose

    choose(name, runs, considered or [], out, calibrate=calibrate)


def interpolate(
    runs: Runs,
    data: Manifests,
    out: Out,
    images: Annotated[int | None, typer.Option(min=2, help="Images of each dataset; else all.")] = None,
    apply: Annotated[
        float | None, typer.Option(min=0, max=1, help="Keep each run at this share of the way instead of comparing.")
    ] = None,
) -> None:
    """Compare mixtures of a run's first and last weights on the datasets that it held out (WiSE-FT)."""
    from skinlens.studies.interpolate import interpolate as measure

    measure(runs, data, out, images=images, apply=apply)


def export(
    name: Annotated[str, typer.Option(help="Name of the released model.")],
    checkpoint: Annotated[Path | None, typer.Option(help="model.safetensors of a run on every training row.")] = None,
    about: Annotated[Path | None, typer.Option(help="Written parts of the card; recipes/<name>.about.toml.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of images to check on too.")] = None,
    weights: Weights = WEIGHTS,
    release: Annotated[
        bool, typer.Option("--release", help="Release a model that was not released before, with the code.")
    ] = False,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Instead build the model's int8 graph for this machine, into the data folder."),
    ] = False,
    fp16: Annotated[
        bool, typer.Option("--fp16", help="Instead build its fp16 graph for an NVIDIA GPU, into the data folder.")
    ] = False,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Manifest CSV for --int8 and --fp16; training images calibrate, test images are compared."),
    ] = None,
    calibration: Annotated[
        Literal["minmax", "entropy", "percentile"], typer.Option(help="How --int8 finds ranges.")
    ] = "percentile",
    unverified: Unverified = False,
) -> None:
    """Export a checkpoint as graph, weights and card, if the graph passes the parity checks."""
    if int8 or fp16:
        if checkpoint is not None or not data:
            raise UsageError("--int8 and --fp16 take a released model and --data, and no --checkpoint")
        from skinlens.studies.reduce import reduce_precision

        asked: list[Literal["int8", "fp16"]] = []
        if int8:
            asked.append("int8")
        if fp16:
            asked.append("fp16")
        for precision in asked:
            print_text(
                reduce_precision(name, precision, data, weights=weights, method=calibration, unverified=unverified)
            )
        return
    if checkpoint is None:
        raise UsageError("--checkpoint is missing; without one, --int8 or --fp16 builds a graph of a released model")
    from skinlens.export.publish import publish

    written = about or Path(f"recipes/{name}.about.toml")
    publish(checkpoint, name, about=written, images=images, weights=weights, new_release=release)


def card(
    name: ModelName,
    weights: Weights = WEIGHTS,
    curve: Annotated[
        bool, typer.Option("--curve", help="Measure the risk curve again too, from the kept held-out predictions.")
    ] = False,
    unverified: Unverified = False,
) -> None:
    """Write the measured test scores into a model's card, and the card as Markdown."""
    from skinlens.export.publish import record_test

    record_test(name, weights, curve=curve, unverified=unverified)

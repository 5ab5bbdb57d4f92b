"""Commands that measure models and data; each experiment is a module of `skinlens.studies`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from skinlens.cli.options import (
    EVALUATION,
    SELECTED,
    Manifests,
    Model,
    ModelName,
    Out,
    Recipe,
    Runs,
    Seed,
    Selected,
    Unverified,
)
from skinlens.cli.say import print_text


def evaluate(
    model: Annotated[str, typer.Option(help="A released model by name or card, or a run's model.safetensors.")],
    data: Manifests,
    split: Annotated[Literal["test", "train"], typer.Option(help="Which rows to score.")],
    out: Out,
    quick: Annotated[
        bool, typer.Option("--quick", help="200 bootstrap draws, shortcut tests on 160 images each, no corruptions.")
    ] = False,
    tta: Annotated[
        bool, typer.Option("--tta", help="Score the mean over eight orientations; test views alone, no further tests.")
    ] = False,
    selected: Selected = SELECTED,
    unverified: Unverified = False,
) -> None:
    """Measure a model on a manifest, in every test view, with intervals."""
    from skinlens.studies.evaluate import evaluate as measure

    print_text(measure(model, data, split, out, quick=quick, tta=tta, selected=selected, unverified=unverified))


def audit(
    manifests: Annotated[list[Path], typer.Argument(help="CSV files with path and label.")],
    out: Out,
    pairs: Annotated[
        Path | None, typer.Option(help="CSV of known pairs (path_a, path_b, kind) to measure recall and precision by.")
    ] = None,
) -> None:
    """Look for duplicates, contradictory labels and what gives the label away besides the lesion."""
    from skinlens.studies.audit import audit as measure

    print_text(measure(manifests, out, pairs))


def errors(runs: Runs, data: Manifests, out: Out = EVALUATION / "review") -> None:
    """Analyse the errors that fold runs make on the images they held out."""
    from skinlens.studies.fold_errors import analyse_errors

    analyse_errors(runs, data, out)


def ablate_preprocessing(
    name: ModelName,
    runs: Runs,
    data: Manifests,
    out: Out = EVALUATION / "retouching",
    images: Annotated[int | None, typer.Option(min=2, help="Images of each run; else all it held out.")] = None,
) -> None:
    """Compare scores of images with hair or a colour cast removed first with scores of unchanged images."""
    from skinlens.studies.ablate_preprocessing import ablate_preprocessing as measure

    measure(name, runs, data, out, images=images)


def subgroups(
    name: ModelName,
    data: Manifests,
    out: Out = EVALUATION,
    selected: Selected = SELECTED,
    cache: Annotated[Path | None, typer.Option(help="CSV file that keeps skin tones between calls.")] = None,
) -> None:
    """Measure sensitivity and specificity by subgroup, on the datasets or folds held out when a model was chosen."""
    from skinlens.studies.held_out_subgroups import held_out_subgroups

    print_text(held_out_subgroups(name, data, out, selected=selected, cache=cache))


def ood(
    data: Manifests,
    reject: Annotated[
        Path,
        typer.Option("--reject", "--refuse", help="CSV with path and kind of images that must be rejected."),
    ],
    model: Model = None,
    out: Out = EVALUATION / "refusal",
    images: Annotated[int | None, typer.Option(min=1, help="Dermoscopic images to use; else all.")] = None,
    cache: Annotated[Path | None, typer.Option(help="File that keeps features between calls.")] = None,
    release: Annotated[
        bool, typer.Option("--release", help="Write statistics and threshold into the model's card.")
    ] = False,
    unverified: Unverified = False,
) -> None:
    """Choose which images a model rejects as out-of-distribution (OOD), and measure it."""
    from skinlens.studies.ood_rejection import measure_rejection

    print_text(
        measure_rejection(model, data, reject, out, images=images, cache=cache, release=release, unverified=unverified)
    )


def audit_augmentation(
    recipe: Recipe,
    data: Manifests,
    out: Out = EVALUATION / "augmentation",
    images: Annotated[int, typer.Option(min=100, help="Images of each dataset.")] = 1200,
    seed: Seed = 0,
) -> None:
    """Measure how well compression alone gives the label away before and after a recipe's augmentation."""
    from skinlens.studies.audit_augmentation import audit_augmentation as measure

    measure(recipe, data, out, images=images, seed=seed)


def similar(
    data: Manifests,
    model: Model = None,
    out: Out = EVALUATION,
    cache: Annotated[Path | None, typer.Option(help="File that keeps features between calls.")] = None,
    release: Annotated[bool, typer.Option("--release", help="Write the index beside the model's card.")] = False,
    unverified: Unverified = False,
) -> None:
    """Make the index by which similar training images are found, and measure it."""
    from skinlens.studies.similar_images import measure_similar

    print_text(measure_similar(model, data, out, cache=cache, release=release, unverified=unverified))

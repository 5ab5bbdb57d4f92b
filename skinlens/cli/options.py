"""Arguments and options that commands share, each spelled once with its help."""

from pathlib import Path
from typing import Annotated

import typer

from skinlens.runtime.engine_names import ENGINES, VARIABLE
from skinlens.runtime.weights import weights_folder

WEIGHTS = weights_folder()
EVALUATION = WEIGHTS / "evaluation"
SELECTED = EVALUATION / "selected.json"

ModelName = Annotated[str, typer.Argument(help="Name of a model.")]
Recipe = Annotated[Path, typer.Argument(help="Recipe, a TOML file.")]
Runs = Annotated[list[Path], typer.Argument(help="Training runs, each with another fold or dataset held out.")]

Manifests = Annotated[list[Path], typer.Option("--data", help="Manifest CSV; may be given several times.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the results.")]
Model = Annotated[str | None, typer.Option("--model", help="Name of a released model.")]
Weights = Annotated[Path, typer.Option("--weights", help="Folder of released models.")]
Selected = Annotated[Path, typer.Option("--selected", help="File of the choices that `select` made.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of everything drawn at random.")]
Point = Annotated[str | None, typer.Option("--point", help="Operating point of the model's card.")]
Threshold = Annotated[
    float | None, typer.Option("--threshold", help="A threshold instead of an operating point, in [0, 1].")
]
Prevalence = Annotated[
    float,
    typer.Option("--prevalence", min=0.0001, max=0.9999, help="Share of malignant lesions that the risk is for."),
]
Orientations = Annotated[bool, typer.Option("--views/--no-views", help="Score each image turned and mirrored too.")]
Isic = Annotated[
    Path | None,
    typer.Option("--isic", help="CSV of image, benign and malignant, as isic-challenge-scoring takes it."),
]
OtherFiles = Annotated[
    Path | None,
    typer.Option("--passed-over", help="CSV of the files in folders and archives that got no row, and why."),
]
_ENGINES = f"Engine that runs the model: {', '.join(map(str, ENGINES))}."
EngineName = Annotated[
    str | None,
    typer.Option("--engine", envvar=VARIABLE, help=_ENGINES, show_default="the quickest that keeps the results"),
]
# `score --engine` has always been where it runs.
Runtime = Annotated[
    str | None,
    typer.Option("--runtime", envvar=VARIABLE, help=_ENGINES, show_default="the quickest that keeps the results"),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
Unverified = Annotated[
    bool,
    typer.Option(
        "--unverified",
        envvar="SKINLENS_UNVERIFIED",
        help="Accept a model that you trained, or that differs from its release.",
    ),
]

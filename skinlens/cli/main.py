"""The commands and how their errors reach a person; heavy packages are imported only by the command that needs them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="skinlens",
    help="Research demonstrator for dermoscopic images. Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Manifests = Annotated[list[Path], typer.Option("--data", help="Manifest CSV; may be given several times.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for what the command leaves behind.")]


@app.callback()
def _root() -> None:
    """Keeps the command's name in the call, however many commands there are."""


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe, a TOML file.")],
    data: Manifests,
    out: Out,
    init: Annotated[str | None, typer.Option(help="imagenet, or a safetensors file; else random weights.")] = None,
    fold: Annotated[int | None, typer.Option(help="Fold to hold out; else every training row is used.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in --out.")] = False,  # noqa: FBT002
    workers: Annotated[int, typer.Option(min=0, help="Processes that augment pictures.")] = 1,
) -> None:
    """Train a model by a recipe; under torchrun, on several GPUs."""
    from skinlens.cli.train import train as command

    command(recipe, data, out, init=init, fold=fold, seed=seed, resume=resume, workers=workers)


def run() -> None:
    """Run the command line; an error made for people ends in one sentence and status 1."""
    try:
        app()
    except Exception as error:
        from skinlens.cli.errors import exit_status

        status = exit_status(error)
        if status is None:
            raise
        print(f"skinlens: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(status)

"""All commands, and how their errors reach a person; only the command that needs a heavy package imports it."""

import functools
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from skinlens.cli import assessment, cases, development, studies
from skinlens.cli.extras import install_hint
from skinlens.cli.options import AsJson, EngineName
from skinlens.cli.say import LogToTerminal, say, show_traceback
from skinlens.errors import SkinLensError
from skinlens.storage.printable import printable

app = typer.Typer(
    name="skinlens",
    help="Research demonstrator for dermoscopic images. Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Keeps the command's name in the call, however many commands there are."""


for _command in (
    development.train,
    development.probe,
    assessment.predict,
    assessment.score,
    studies.evaluate,
    studies.audit,
    studies.errors,
    studies.ablate_preprocessing,
    studies.subgroups,
    studies.ood,
    studies.similar,
    development.select,
    studies.audit_augmentation,
    development.interpolate,
    development.export,
    assessment.bench,
    development.card,
    cases.verify,
):
    app.command()(_command)


@app.command("app")
def serve_app(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port on this computer; else 8501 or above.")
    ] = None,
    engine: EngineName = None,
) -> None:
    """Show the pages in a browser on this computer."""
    from skinlens.cli.app import serve

    serve(port, engine=engine)


@app.command()
def licences(json: AsJson = False) -> None:
    """List every installed package that SkinLens needs, with its licence."""
    from skinlens.cli.licences import licences as command

    command(as_json=json)


@app.command()
def documents(
    root: Annotated[Path, typer.Option(help="Folder of the project.")] = Path(),
) -> None:
    """Rewrite the tables of README and docs that follow from models, results and commands."""
    from skinlens.cli.documents import documents as command

    command(root)


app.add_typer(cases.app, name="cases")


def _keep_old_name(old: str, command: Callable[..., None]) -> None:
    """Keep a renamed command callable for one release; it is not listed, and each call says what to use instead."""

    @functools.wraps(command)
    def renamed(*given: object, **options: object) -> None:
        say(f"`{old}` is now `{command.__name__.replace('_', '-')}`; the old name will be removed in the next release")
        command(*given, **options)

    app.command(old, hidden=True)(renamed)


_keep_old_name("review", studies.errors)
_keep_old_name("retouching", studies.ablate_preprocessing)
_keep_old_name("refusal", studies.ood)


def run() -> None:
    """Run the command line; an error made for people ends in one sentence and its exit status."""
    with LogToTerminal(logging.getLogger("skinlens")):
        try:
            status = app(standalone_mode=False)
        except typer.Abort:
            sys.exit(1)
        except SkinLensError as error:
            say(str(error))
            sys.exit(error.exit_status)
        except Exception as error:
            status = _say_bad_usage(error)
            if status is None and (hint := install_hint(error)) is not None:
                say(hint)
                status = 1
            if status is None:
                sys.excepthook = show_traceback
                raise
        sys.exit(status or 0)


def _say_bad_usage(error: Exception) -> int | None:
    """Say what typer finds wrong with a call, and return its status; None for any other error."""
    status, message = getattr(error, "exit_code", None), getattr(error, "message", None)
    if status is None or message is None:
        return None
    from typer.rich_utils import rich_format_error

    # Typer keeps the type of these errors to itself. What it quotes was typed, or stood for by a `*`.
    error.message = printable(message)  # type: ignore[attr-defined]
    rich_format_error(error)  # type: ignore[arg-type]
    return int(status)

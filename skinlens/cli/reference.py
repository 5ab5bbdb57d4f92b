"""The commands with their arguments and options as Markdown, from the command line itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer

from skinlens.runtime.weights import weights_folder

_KINDS: dict[object, str] = {Path: "PATH", str: "TEXT", int: "INTEGER", float: "NUMBER"}


def command_reference() -> str:
    """Describe every command that is not hidden.

    Returns:
        Markdown: a heading a command, its sentence, and a row an argument or option.
    """
    from skinlens.cli.main import app

    root = typer.main.get_command(app)
    return "\n\n".join(_described(root, ""))


def _described(command: Any, path: str) -> Iterator[str]:
    """Typer keeps the type of its commands to itself; they have `name`, `help`, `params` and maybe `commands`."""
    for name, each in sorted(getattr(command, "commands", {}).items()):
        if each.hidden:
            continue
        full = f"{path} {name}".strip()
        if getattr(each, "commands", None):
            yield from _described(each, full)
            continue
        yield f"### {full}\n\n{' '.join((each.help or '').split())}"
        rows = [_row(parameter) for parameter in each.params if not getattr(parameter, "hidden", False)]
        if rows:
            yield "\n".join(["| argument or option | default | meaning |", "| --- | --- | --- |", *rows])


def _row(parameter: Any) -> str:
    is_argument = parameter.param_type_name == "argument"
    name = parameter.name.upper() if is_argument else ", ".join([*parameter.opts, *parameter.secondary_opts])
    many = " ..." if parameter.multiple or parameter.nargs == -1 else ""
    kind = "" if is_argument or parameter.is_flag else f" {_kind(parameter)}"
    meaning = " ".join((parameter.help or "").split()).replace("|", "\\|").replace("<", "\\<")
    return f"| `{name}{kind}{many}` | {_default(parameter)} | {meaning} |"


def _kind(parameter: Any) -> str:
    annotation = parameter.type_descriptor.annotation
    if get_origin(annotation) is Literal:
        return "/".join(get_args(annotation))
    repeated = get_args(annotation) if get_origin(annotation) is list else (annotation,)
    return _KINDS[repeated[0]]


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    given = parameter.default
    if given is None or given is False:
        return ""
    if isinstance(given, Path) and given.is_relative_to(weights_folder()):
        # The same on every machine that the reference is written on.
        given = Path("weights") / given.relative_to(weights_folder())
    return "on" if given is True else f"`{given.as_posix() if isinstance(given, Path) else given}`"

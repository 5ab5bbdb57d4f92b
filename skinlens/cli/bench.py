"""`skinlens bench`: the table of what each part of the work costs, on this machine."""

import sys
from collections.abc import Sequence
from pathlib import Path

from skinlens.cli.say import json_text, print_text
from skinlens.errors import OutputError, UsageError
from skinlens.leaderboard.performance import markdown_performance
from skinlens.runtime.engine_names import engine_named
from skinlens.studies.bench import WORKS, Bench, old_keys
from skinlens.studies.bench import bench as measure


def bench(
    *,
    model: str | None,
    works: Sequence[str],
    quick: bool,
    manifests: Sequence[Path],
    engine: str | None,
    out: Path | None,
    app: Path,
    as_json: bool,
    unverified: bool,
) -> None:
    """Measure, and print the table or the JSON.

    Args:
        model: Name of a released model; None for the default one.
        works: Kinds of rows; none stands for all.
        quick: Fewer turns.
        manifests: Whose test images decisions and AUC are compared on.
        engine: The only one that is compared with the reference; None compares all.
        out: File for the JSON too.
        app: The app's `app.py`.
        as_json: Print JSON instead of the table.
        unverified: Accept a card that was not released.

    Raises:
        ModelFileError: If the model is missing or altered, or this machine lacks the engine.
        OutputError: If the file cannot be written.
        UsageError: If a kind of row or an engine is unknown.
    """
    unknown = [each for each in works if each not in WORKS]
    if unknown:
        raise UsageError(f"nothing measures {', '.join(unknown)}; kinds of rows: {', '.join(WORKS)}")
    measured = measure(
        Bench(
            model=model,
            works=tuple(each for each in WORKS if not works or each in works),
            quick=quick,
            manifests=tuple(manifests),
            engine=None if engine is None else engine_named(engine),
            app=app,
            unverified=unverified,
        )
    )
    if out is not None:
        try:
            out.write_text(measured.model_dump_json(indent=1) + "\n", "utf-8")
        except OSError as error:
            raise OutputError(f"{out} cannot be written: {error.strerror}") from error
    if as_json:
        sys.stdout.write(json_text({**old_keys(measured), **measured.model_dump(mode="json")}) + "\n")
    else:
        print_text(markdown_performance(measured))

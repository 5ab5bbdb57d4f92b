"""`skinlens train`."""

from collections.abc import Sequence
from pathlib import Path

from skinlens.cli.errors import OutputError
from skinlens.cli.say import say
from skinlens.training.loop import Settings, run
from skinlens.training.manifest import read_manifests
from skinlens.training.recipe import read_recipe


def train(
    recipe: Path,
    data: Sequence[Path],
    out: Path,
    *,
    init: str | None,
    fold: int | None,
    seed: int,
    resume: bool,
    workers: int,
    share: float = 1.0,
) -> None:
    """Read recipe and manifests, train, and say where the model is.

    Raises:
        OutputError: If `out` is a file. See `skinlens.training.loop.run` for the rest.
    """
    settings = Settings(
        out=out,
        data=tuple(str(path) for path in data),
        init=init,
        fold=fold,
        seed=seed,
        resume=resume,
        workers=workers,
        share=share,
    )
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; --out names the folder of the run")
    finished = run(read_recipe(recipe), read_manifests(data), settings)
    say(f"the finished model is {finished}")

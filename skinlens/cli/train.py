"""`skinlens train`."""

from collections.abc import Sequence
from pathlib import Path

from skinlens.cli.say import say
from skinlens.errors import OutputError, UsageError
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
    origins: Sequence[str] = (),
    features: Path | None = None,
    checkpoint_every: int = 1,
) -> None:
    """Read recipe and manifests, train, and say where the model is.

    Raises:
        UsageError: If both a fold and an origin are to be held out.
        OutputError: If `out` is a file. See `skinlens.training.loop.run` for the rest.
    """
    if fold is not None and origins:
        raise UsageError("--fold and --hold-out-origin exclude one another")
    settings = Settings(
        out=out,
        data=tuple(str(path) for path in data),
        init=init,
        fold=fold,
        seed=seed,
        resume=resume,
        workers=workers,
        share=share,
        origins=tuple(origins),
        features=features,
        checkpoint_every=checkpoint_every,
    )
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; --out names the folder of the run")
    finished = run(read_recipe(recipe), read_manifests(data), settings)
    say(f"the finished model is {finished}")

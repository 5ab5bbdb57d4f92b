"""Models and probes with their figures on datasets that they had not seen, for the comparison page."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from skinlens.export.selection import SelectionError, read_selections
from skinlens.leaderboard.held_out import HeldOutModel
from skinlens.leaderboard.held_out_models import read_models
from skinlens.leaderboard.probes import FOLDER
from skinlens.runtime.card import sha256_of
from skinlens.runtime.predictor import DEFAULT_MODEL

SELECTED = "selected.json"


def held_out_models(folder: Path, titles: Mapping[str, str]) -> tuple[tuple[HeldOutModel, ...], tuple[str, ...]]:
    """Read what an evaluation folder knows of held-out datasets; worked out once for as long as no file changes.

    Args:
        folder: As `select` and `probe` fill it.
        titles: Of models, by name; a model without one goes by its name.

    Returns:
        Every model whose choice held out datasets and every probe, and a sentence for each file that cannot be used.
    """
    return _read(str(folder), _digest(folder), tuple(sorted(titles.items())))


def read_held_out(folder: Path, titles: Mapping[str, str]) -> tuple[list[HeldOutModel], list[str]]:
    """As `held_out_models`, worked out anew."""
    problems: list[str] = []
    try:
        selections = read_selections(folder / SELECTED)
    except SelectionError as error:
        selections, problems = {}, [str(error)]
    chosen = {name: selection.out_of_fold for name, selection in selections.items() if selection.origins}
    models, further = read_models(folder, chosen, titles, default=DEFAULT_MODEL)
    return models, [*problems, *further]


@st.cache_resource(max_entries=2, show_spinner="Reading the held-out datasets")
def _read(
    folder: str, digest: str, titles: tuple[tuple[str, str], ...]
) -> tuple[tuple[HeldOutModel, ...], tuple[str, ...]]:
    del digest
    models, problems = read_held_out(Path(folder), dict(titles))
    return tuple(models), tuple(problems)


def _digest(folder: Path) -> str:
    """Of choices and probes by content, of the predictions behind the choices by size and time."""
    digest = hashlib.sha256()
    for path in sorted([folder / SELECTED, *(folder / FOLDER).glob("*.json")]):
        if path.is_file():
            digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    for path in sorted((folder / "folds").glob("*.csv")):
        facts = path.stat()
        digest.update(f"{path.name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()

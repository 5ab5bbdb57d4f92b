"""Models and probes with their figures on datasets that they had not seen, for the comparison page."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

from skinlens.evaluation.held_out import HeldOutModel, dataset_figures
from skinlens.evaluation.probes import FOLDER, read_probes
from skinlens.evaluation.results import ResultError
from skinlens.evaluation.spreadsheet import unguarded_table
from skinlens.export.selection import Selection, SelectionError, read_selections
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
    models: list[tuple[str, HeldOutModel]] = []
    problems: list[str] = []
    try:
        selections = read_selections(folder / SELECTED)
    except SelectionError as error:
        selections, problems = {}, [str(error)]
    for name, selection in selections.items():
        if not selection.origins:
            continue
        try:
            rows = _predictions(folder, selection)
        except (OSError, ValueError, KeyError) as error:
            problems.append(f"the predictions behind the choice of {name} cannot be used: {error}")
            continue
        figures = dataset_figures(rows)
        title = titles.get(name, name)
        models.append((name, HeldOutModel(title, "model", default=name == DEFAULT_MODEL, datasets=figures)))
    try:
        probes = read_probes(folder)
    except ResultError as error:
        probes, problems = (), [*problems, str(error)]
    models += [
        (each.record.name, HeldOutModel(each.record.title, "probe", default=False, datasets=each.record.by_origin))
        for each in probes
    ]
    counts = Counter(model.title for _, model in models)
    told_apart = [
        replace(model, title=f"{model.title} [{name}]") if counts[model.title] > 1 else model for name, model in models
    ]
    return told_apart, problems


@st.cache_resource(max_entries=2, show_spinner="Reading the held-out datasets")
def _read(
    folder: str, digest: str, titles: tuple[tuple[str, str], ...]
) -> tuple[tuple[HeldOutModel, ...], tuple[str, ...]]:
    del digest
    models, problems = read_held_out(Path(folder), dict(titles))
    return tuple(models), tuple(problems)


def _predictions(folder: Path, selection: Selection) -> pd.DataFrame:
    columns = ["label", "group_id", "origin", "probability"]
    parts = [unguarded_table(pd.read_csv(folder / name, usecols=columns)) for name in selection.out_of_fold]
    return pd.concat(parts, ignore_index=True)


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

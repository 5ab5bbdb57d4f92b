"""Read models and linear probes of an evaluation folder, with their measurements on datasets that they had not seen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from skinlens.leaderboard.documents import ResultError
from skinlens.leaderboard.held_out import HeldOutMeasurements, HeldOutModel, measure_datasets
from skinlens.leaderboard.held_out_kept import kept_datasets
from skinlens.leaderboard.probes import read_probes
from skinlens.storage.spreadsheet import unguarded_table

_COLUMNS = ["label", "group_id", "origin", "probability"]


def read_models(
    folder: Path, chosen: Mapping[str, Sequence[str]], titles: Mapping[str, str], *, default: str
) -> tuple[list[HeldOutModel], list[str]]:
    """Read chosen models and every probe.

    Args:
        folder: As `select` and `probe` fill it.
        chosen: By name of the model, the files (from `folder`) with its predictions for datasets that were held out.
        titles: Of models, by name; a model without one goes by its name.
        default: Name of the app's default model.

    Returns:
        Models and probes, and a sentence for each file that cannot be used. Measurements on record are not made again.
    """
    models: list[HeldOutModel] = []
    problems: list[str] = []
    for name, files in chosen.items():
        try:
            datasets = kept_datasets(folder, name, files) or measure_files(folder, files)
        except (OSError, ValueError, KeyError) as error:
            problems.append(f"the predictions behind the choice of {name} cannot be used: {error}")
            continue
        models.append(HeldOutModel(name, "model", default=name == default, datasets=datasets, name=name))
    try:
        probes = read_probes(folder)
    except ResultError as error:
        probes, problems = (), [*problems, str(error)]
    models += [
        HeldOutModel(each.record.title, "probe", default=False, datasets=each.record.by_origin, name=each.record.name)
        for each in probes
    ]
    return with_titles(models, titles), problems


def measure_files(folder: Path, files: Sequence[str]) -> dict[str, HeldOutMeasurements]:
    """Measure a model on the datasets that its files of predictions hold.

    Args:
        folder: The evaluation folder.
        files: From it.

    Returns:
        By `origin`.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If a file lacks a column, or holds what cannot be measured.
    """
    parts = [unguarded_table(pd.read_csv(folder / file, usecols=_COLUMNS)) for file in files]
    return measure_datasets(pd.concat(parts, ignore_index=True))


def with_titles(models: Sequence[HeldOutModel], titles: Mapping[str, str]) -> list[HeldOutModel]:
    """Return models under their titles, told apart by their names where two have the same.

    Args:
        models: From `read_models`.
        titles: Of models, by name; others keep theirs.
    """
    titled = [
        replace(model, title=titles.get(model.name, model.title)) if model.kind == "model" else model
        for model in models
    ]
    counts = Counter(model.title for model in titled)
    return [
        replace(model, title=f"{model.title} [{model.name}]") if counts[model.title] > 1 else model for model in titled
    ]

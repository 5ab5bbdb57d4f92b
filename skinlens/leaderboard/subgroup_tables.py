"""Sensitivity and specificity by part of the images, and missed melanomas, as tables of several models."""

from collections.abc import Iterator, Sequence

import pandas as pd

from skinlens.leaderboard.documents import Subgroups
from skinlens.leaderboard.records import EvaluatedModel
from skinlens.metrics.measurement import from_table
from skinlens.translation import marked, sentence

PART_COLUMNS = {
    "dx": marked("Diagnosis"),
    "age": marked("Age"),
    "sex": marked("Sex"),
    "site": marked("Body site"),
    "origin": marked("Dataset"),
    "skin_tone": marked("Skin tone, estimated"),
    "recorded_skin_tone": marked("Skin tone, recorded"),
}
DIAGNOSES = {
    "mel": marked("melanoma"),
    "bcc": marked("basal cell carcinoma"),
    "scc": marked("squamous cell carcinoma"),
    "akiec": marked("actinic keratosis or Bowen's disease"),
    "nv": marked("naevus"),
    "bkl": marked("benign keratosis"),
    "df": marked("dermatofibroma"),
    "vasc": marked("vascular lesion"),
}
_FIGURES = {
    ("sensitivity", "malignant"): marked("Sensitivity (malignant images)"),
    ("specificity", "benign"): marked("Specificity (benign images)"),
}
# Stands for the rate of a part with too few images.
TOO_FEW = marked("too few images")
_COLUMNS = ["model", "column", "part", "label", "metric", "right", "n", "value", "low", "high"]


def subgroup_table(models: Sequence[EvaluatedModel], *, held_out: bool = False) -> pd.DataFrame:
    """Tabulate every measured part of each model that has any.

    Args:
        models: Whose parts.
        held_out: Take the images that the runs of a model's choice held out, instead of the test images.

    Returns:
        `model`, `column` (which divides them into parts), `part`, `label`, `metric` (sensitivity of malignant images,
        specificity of benign ones), `right` of `n` images, and `value` with Wilson's interval `low` and `high`. A part
        with too few images keeps its `n` alone.
    """
    rows = [
        {
            "model": model.label,
            "part": cell.value,
            **{name: getattr(cell, name) for name in ("column", "label", "metric", "right")},
            **cell.rate.numbers(),
            "n": cell.n,
        }
        for model, subgroups in _measured(models, held_out=held_out)
        for cell in subgroups.cells
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def readable_subgroups(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Tabulate the parts of a `subgroup_table` by one of `PART_COLUMNS`, for a reader.

    Args:
        table: From `subgroup_table`.
        column: What divides the images into parts.

    Returns:
        A row a part and label: the part under the column's title, `Figure`, `Images`, and a column a model with the
        rate and its interval: "too few images" where that holds, "" where it was not measured. Where models were
        measured on different images there is no `Images`, and each rate is followed by its n.
    """
    wanted = table[table["column"] == column]
    shared = bool(wanted.groupby(["part", "label"])["n"].nunique().le(1).all())
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for cell in wanted.to_dict("records"):
        row = rows.setdefault(
            (cell["part"], cell["label"]),
            {
                PART_COLUMNS[column]: DIAGNOSES.get(cell["part"], cell["part"]),
                marked("Figure"): sentence(_FIGURES[cell["metric"], cell["label"]]),
                marked("Images"): cell["n"],
            },
        )
        rate = from_table(cell["value"], cell["low"], cell["high"])
        shown = TOO_FEW if rate.value is None else rate.text()
        row[cell["model"]] = shown if shared else sentence("{measured}, n = {n}", measured=shown, n=f"{cell['n']:,}")
    columns = [PART_COLUMNS[column], "Figure", *(["Images"] if shared else []), *dict.fromkeys(wanted["model"])]
    return pd.DataFrame(rows.values(), columns=columns).fillna("")


def missed_melanomas(models: Sequence[EvaluatedModel], *, held_out: bool = False) -> pd.DataFrame:
    """Count the melanomas that each model calls benign.

    Args:
        models: Whose records.
        held_out: Take the images that the runs of a model's choice held out, instead of the test images.

    Returns:
        `model`, `n` known ones, `missed` of them, and their `ids`.
    """
    rows = [
        (model.label, missed.n, len(missed.ids), ", ".join(missed.ids))
        for model, subgroups in _measured(models, held_out=held_out)
        for missed in [subgroups.missed_melanomas]
    ]
    return pd.DataFrame(rows, columns=["model", "n", "missed", "ids"])


def _measured(models: Sequence[EvaluatedModel], *, held_out: bool) -> Iterator[tuple[EvaluatedModel, Subgroups]]:
    for model in models:
        source = model.held_out if held_out else model.record
        if source is not None and source.subgroups is not None:
            yield model, source.subgroups

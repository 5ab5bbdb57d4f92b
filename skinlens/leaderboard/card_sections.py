"""Results of `evaluate` and `subgroups` for a released model, as sections of its card and of the about page."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from skinlens.leaderboard.chart_tables import readable_shortcuts, shortcut_table
from skinlens.leaderboard.records import EvaluatedModel, read_model
from skinlens.leaderboard.subgroup_tables import (
    PART_COLUMNS,
    TOO_FEW,
    missed_melanomas,
    readable_subgroups,
    subgroup_table,
)
from skinlens.translation import marked, sentence, together

# A title, and paragraphs and tables in their order.
Section = tuple[str, tuple[str | pd.DataFrame, ...]]

# The view to show of shortcut tests that were measured in several.
_VIEW = "native"
_PART_TITLES = [marked("By"), marked("Part"), marked("Measure"), "Images", marked("Rate")]


def read_measured(folder: Path, name: str, *, weights_sha256: str, threshold: float) -> EvaluatedModel | None:
    """Read the results of a released model's weights from an evaluation folder; None if there are none.

    Args:
        folder: As `evaluate` and `subgroups` fill it.
        name: Of the model.
        weights_sha256: Of its weights.
        threshold: Of its default point; measurements of held-out images at another one are left out.

    Raises:
        ResultError: If a file is damaged.
    """
    path = folder / f"{name}.test.json"
    if not path.is_file():
        return None
    model = read_model(path)
    if model.record is None or model.record.weights_sha256 != weights_sha256:
        return None
    same_point = model.held_out is not None and model.held_out.threshold == threshold
    return model if same_point else replace(model, held_out=None)


def measured_sections(model: EvaluatedModel) -> tuple[Section, ...]:
    """Return train-test duplicates and shortcuts, rates by part of the images, and missed melanomas by id.

    Args:
        model: From `read_measured`.

    Returns:
        A title and its paragraphs and tables each; without a paragraph where nothing was measured.
    """
    return (
        (marked("Train-test duplicates and shortcuts"), tuple(_shortcuts(model))),
        (marked("Sensitivity and specificity by part"), tuple(_parts(model))),
        (marked("Missed melanomas"), tuple(_failures(model))),
    )


def held_out_sentence(model: EvaluatedModel) -> str:
    """Say which images the held-out measurements are of.

    Args:
        model: From `read_measured`.

    Returns:
        One sentence; "" without such measurements.
    """
    if model.held_out is None:
        return ""
    return sentence(
        "{n} images of {held_out}, each scored by a run of the same recipe that had not seen its dataset or fold.",
        n=f"{model.held_out.n:,}",
        held_out=model.held_out.held_out,
    )


def _shortcuts(model: EvaluatedModel) -> Iterator[str | pd.DataFrame]:
    views = model.record.views if model.record else {}
    if "no-twins" in views:
        yield sentence(
            "{n} of {total} test images show a lesion that is also among the training images of their manifest; the "
            "views no-twins and clean-native are without them.",
            n=views["all"].n - views["no-twins"].n,
            total=views["all"].n,
        )
    table = readable_shortcuts(shortcut_table([model]), _VIEW)
    if len(table):
        yield sentence(
            "On native test images. An AUC that stays high with the lesion painted over is not due to the lesion."
        )
        yield table.set_axis([marked("Test"), "Images", marked("Value")], axis=1)


def _parts(model: EvaluatedModel) -> Iterator[str | pd.DataFrame]:
    yield sentence(
        "Rates at the default point. Subgroups with few images are left out; among many, some stand out by chance."
    )
    if model.held_out is not None:
        yield held_out_sentence(model)
        yield _part_table(model, held_out=True)
    yield sentence("All test images:")
    yield _part_table(model, held_out=False)


def _part_table(model: EvaluatedModel, *, held_out: bool) -> pd.DataFrame:
    table = subgroup_table([model], held_out=held_out)
    parts = [
        readable_subgroups(table, column).set_axis(_PART_TITLES[1:], axis=1).assign(By=title)[_PART_TITLES]
        for column, title in PART_COLUMNS.items()
        if column in set(table["column"])
    ]
    every = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_PART_TITLES)
    return every[every["Rate"] != TOO_FEW].reset_index(drop=True)


def _failures(model: EvaluatedModel) -> Iterator[str]:
    of_held_out = marked("Melanomas of the held-out images that it calls benign: {counted}.")
    of_test = marked("Melanomas of the test images that it calls benign: {counted}.")
    for words, held_out in ((of_held_out, True), (of_test, False)):
        for row in missed_melanomas([model], held_out=held_out).to_dict("records"):
            counted = sentence("{n} of {total}", n=row["missed"], total=row["n"])
            yield sentence(words, counted=together(counted, row["ids"], by=": ") if row["ids"] else counted)

"""`skinlens retouching`: do models tell more with hair or a colour cast taken out first, on what runs held out?"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skinlens.cli.result_files import write_results
from skinlens.cli.say import say
from skinlens.errors import UsageError
from skinlens.export.candidate import UnreleasedModel
from skinlens.imaging.colour import shades_of_grey
from skinlens.imaging.decode import decode
from skinlens.imaging.hair import remove_hair
from skinlens.imaging.image import Pixels
from skinlens.metrics.classification import Floats
from skinlens.metrics.paired import Difference, paired_bootstrap
from skinlens.metrics.rows import evenly_spread, groups_of, labels_of
from skinlens.training.manifest import read_manifests
from skinlens.training.runs import FinishedRun, read_finished

RETOUCHES: dict[str, Callable[[Pixels], Pixels]] = {
    "hair removed": lambda pixels: remove_hair(pixels).pixels,
    "colour cast removed": shades_of_grey,
}
_PLAIN = "as it is"
_BATCH = 16
# The ROC AUC, which is all that is compared, has no threshold; any will do.
_ANY = (0.5, 0.5)


def retouching(name: str, runs: Sequence[Path], data: Sequence[Path], out: Path, *, images: int | None) -> None:
    """Compare scores of retouched images with those of the images as they are; writes `<name>.json` and `.md`.

    Args:
        name: Of the model that the runs stand for.
        runs: Folders of finished runs, each with a fold or origin of its own held out.
        data: The manifests that they were trained on.
        out: Folder of the results.
        images: How many images of each run, evenly spread; None for all that it held out.

    Raises:
        UsageError: If a folder holds no such run, two held out the same, or the manifests lack their images.
        ManifestError: If a manifest cannot be used.
        CheckpointError: If a run's weights cannot be used.
        ImageRejectedError: If an image of the manifests cannot be used.
        OutputError: If the results cannot be written.
    """
    listed = read_manifests(data)
    finished = [read_finished(run, listed) for run in runs]
    parts = [run.held_out for run in finished]
    if len(set(parts)) < len(parts):
        raise UsageError(f"two runs held out {max(parts, key=parts.count)}; name one of them")
    compared = []
    for run in finished:
        compared.append({"held_out": run.held_out, **_compared(run, images)})
        say(f"compared {compared[-1]['n']} images of {run.held_out}")
    record = {"model": name, "recipe": finished[0].recipe.name, "data": [path.name for path in data], "runs": compared}
    write_results(out, name, record, summarise(record))


def _compared(run: FinishedRun, images: int | None) -> dict[str, Any]:
    rows = run.rows if images is None else run.rows.iloc[evenly_spread(labels_of(run.rows), images)]
    scores = _scores(UnreleasedModel(run.tensors(), run.record, batch_size=_BATCH), rows)
    labels, groups = labels_of(rows), groups_of(rows)
    return {
        "n": len(rows),
        "malignant": int(labels.sum()),
        "differences": {
            how: asdict(paired_bootstrap(labels, scores[how], scores[_PLAIN], _ANY, groups, seed=0)["roc_auc"])
            for how in RETOUCHES
        },
    }


def _scores(model: UnreleasedModel, rows: pd.DataFrame) -> dict[str, Floats]:
    """P(malignant) of the images as they are and with each retouch, `(N,)` each."""
    scores: dict[str, list[float]] = {_PLAIN: [], **{how: [] for how in RETOUCHES}}
    for first in range(0, len(rows), _BATCH):
        images = [decode(Path(file)) for file in rows["file"].iloc[first : first + _BATCH]]
        scores[_PLAIN] += [one.score for one in model.predict(images)]
        for how, retouch in RETOUCHES.items():
            changed = [replace(image, pixels=retouch(image.pixels)) for image in images]
            scores[how] += [one.score for one in model.predict(changed)]
    return {how: np.array(values) for how, values in scores.items()}


def summarise(record: dict[str, Any]) -> str:
    """The comparison as Markdown."""
    lines = [
        f"# Does {record['model']} tell more from retouched images?",
        "",
        f"ROC AUC on what runs of the recipe {record['recipe']} held out: as the images are, and how much more or "
        "less with hair or a colour cast taken out before they are scored (95 % bootstrap intervals over lesions).",
        "",
        f"| held out | n (malignant) | {_PLAIN} | {' | '.join(RETOUCHES)} |",
        "| --- " * (3 + len(RETOUCHES)) + "|",
    ]
    for run in record["runs"]:
        found = {how: Difference(**run["differences"][how]) for how in RETOUCHES}
        plain = next(iter(found.values())).second
        changes = " | ".join(one.change.text() for one in found.values())
        shown = "undefined" if plain is None else f"{plain:.3f}"
        lines.append(f"| {run['held_out']} | {run['n']} ({run['malignant']}) | {shown} | {changes} |")
    return "\n".join([*lines, "", _verdict(record), ""])


def _verdict(record: dict[str, Any]) -> str:
    """What follows for the score: it is retouched first only if that helps on every part and is shown on one."""
    helps = []
    for how in RETOUCHES:
        found = [Difference(**run["differences"][how]) for run in record["runs"]]
        if all(one.value is not None and one.value > 0 for one in found) and any(one.shown for one in found):
            helps.append(how)
    if not helps:
        return "Neither helps wherever it was tried, so scores are made of the images as they are."
    return f"Helps wherever it was tried: {', '.join(helps)}."

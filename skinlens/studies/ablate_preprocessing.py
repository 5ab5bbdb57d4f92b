"""Preprocessing ablation: are scores better with hair or a colour cast removed first, on what runs held out?"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from skinlens.errors import UsageError
from skinlens.export.candidate import Candidate
from skinlens.imaging.colour import shades_of_grey
from skinlens.imaging.decode import decode
from skinlens.imaging.hair import remove_hair
from skinlens.imaging.image import Pixels
from skinlens.metrics.paired import Difference, paired_bootstrap
from skinlens.metrics.rows import evenly_spread, groups_of, labels_of
from skinlens.storage.results import write_results
from skinlens.training.manifest import read_manifests
from skinlens.training.runs import HeldOutRun, read_run

_LOG = logging.getLogger(__name__)

STEPS: dict[str, Callable[[Pixels], Pixels]] = {
    "hair removed": lambda pixels: remove_hair(pixels).pixels,
    "colour cast removed": shades_of_grey,
}
_PLAIN = "as it is"
_BATCH = 16
# The ROC AUC, which is all that is compared, has no threshold; any will do.
_ANY = (0.5, 0.5)


def ablate_preprocessing(
    name: str, runs: Sequence[Path], data: Sequence[Path], out: Path, *, images: int | None
) -> None:
    """Compare scores of preprocessed images with those of the images as they are; writes `<name>.json` and `.md`.

    Args:
        name: Of the model that the runs stand for.
        runs: Folders of runs, each with another fold or origin held out.
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
    held_out = [read_run(run, listed) for run in runs]
    parts = [run.held_out for run in held_out]
    if len(set(parts)) < len(parts):
        raise UsageError(f"two runs held out {max(parts, key=parts.count)}; name one of them")
    compared = []
    for run in held_out:
        compared.append({"held_out": run.held_out, **_compared(run, images)})
        _LOG.info("compared %d images of %s", compared[-1]["n"], run.held_out)
    record = {"model": name, "recipe": held_out[0].recipe.name, "data": [path.name for path in data], "runs": compared}
    write_results(out, name, record, summarise(record))


def _compared(run: HeldOutRun, most: int | None) -> dict[str, Any]:
    """Score what a run held out as it is and after each step, and compare the ROC AUC."""
    rows = run.rows if most is None else run.rows.iloc[evenly_spread(labels_of(run.rows), most)]
    model = Candidate(run.tensors(), run.record, batch_size=_BATCH)
    collected: dict[str, list[float]] = {_PLAIN: [], **{how: [] for how in STEPS}}
    for first in range(0, len(rows), _BATCH):
        images = [decode(Path(file)) for file in rows["file"].iloc[first : first + _BATCH]]
        collected[_PLAIN] += [one.score for one in model.predict(images)]
        for how, step in STEPS.items():
            changed = [replace(image, pixels=step(image.pixels)) for image in images]
            collected[how] += [one.score for one in model.predict(changed)]
    scores = {how: np.array(values) for how, values in collected.items()}
    labels, groups = labels_of(rows), groups_of(rows)
    return {
        "n": len(rows),
        "malignant": int(labels.sum()),
        "differences": {
            how: asdict(paired_bootstrap(labels, scores[how], scores[_PLAIN], _ANY, groups, seed=0)["roc_auc"])
            for how in STEPS
        },
    }


def summarise(record: dict[str, Any]) -> str:
    """Return the comparison as Markdown.

    Args:
        record: What the JSON holds.
    """
    lines = [
        f"# Preprocessing ablation of {record['model']}",
        "",
        f"ROC AUC on what runs of the recipe {record['recipe']} held out: as the images are, and how much more or "
        "less with hair or a colour cast removed before they are scored (95 % bootstrap intervals over lesions).",
        "",
        f"| held out | n (malignant) | {_PLAIN} | {' | '.join(STEPS)} |",
        "| --- " * (3 + len(STEPS)) + "|",
    ]
    for run in record["runs"]:
        differences = {how: Difference(**run["differences"][how]) for how in STEPS}
        plain = next(iter(differences.values())).second
        changes = " | ".join(one.change.text() for one in differences.values())
        shown = "undefined" if plain is None else f"{plain:.3f}"
        lines.append(f"| {run['held_out']} | {run['n']} ({run['malignant']}) | {shown} | {changes} |")
    return "\n".join([*lines, "", _conclusion(record), ""])


def _conclusion(record: dict[str, Any]) -> str:
    """Return what follows for the score: a step is used only if it helps on every part and the gain is shown on one."""
    helps = []
    for how in STEPS:
        differences = [Difference(**run["differences"][how]) for run in record["runs"]]
        if all(one.value is not None and one.value > 0 for one in differences) and any(
            one.shown for one in differences
        ):
            helps.append(how)
    if not helps:
        return "Neither helps wherever it was tried, so images are scored as they are."
    return f"Helps wherever it was tried: {', '.join(helps)}."

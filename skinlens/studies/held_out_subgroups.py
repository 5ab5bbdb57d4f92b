"""Subgroups of the images held out when a model was chosen: for whom is it right, and for whom not?"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from skinlens.errors import UsageError
from skinlens.export.selection import held_out_words, read_selection
from skinlens.leaderboard.documents import RECORD_VERSION, HeldOut
from skinlens.storage.results import write_results
from skinlens.storage.spreadsheet import unguarded_table
from skinlens.studies.subgroups import format_subgroups, subgroup_record, with_skin_tones
from skinlens.studies.tone_cache import skin_tones
from skinlens.training.manifest import read_manifests
from skinlens.training.runs import listed_rows


def held_out_subgroups(name: str, data: Sequence[Path], out: Path, *, selected: Path, cache: Path | None = None) -> str:
    """Write `<name>.held_out.json`: rates by diagnosis, age, sex, site, origin and skin tone, and missed melanomas.

    Test images may lack most diagnoses; the folds or origins held out often have them. No model is run: the predictions
    are those that the choice was made on, turned into estimates as the released model does, at its default point.

    Args:
        name: Of the model in `selected`.
        data: The manifests that its runs were trained on; their images are read for the skin tone.
        out: Folder of the results.
        selected: selected.json; the predictions lie beside it.
        cache: A file that keeps skin tones between calls, whatever the model; None keeps nothing.

    Returns:
        The rates in words.

    Raises:
        SelectionError: If there is no choice for the model.
        UsageError: If the predictions or the cache cannot be read, or the manifests lack their images.
        ManifestError: If a manifest cannot be used.
        ImageRejectedError: If an image of the manifests cannot be used.
        OutputError: If the results or the cache cannot be written.
    """
    choice = read_selection(selected, name)
    try:
        parts = [pd.read_csv(selected.parent / file) for file in choice.out_of_fold]
        scores = unguarded_table(pd.concat(parts, ignore_index=True))
    except (OSError, ValueError) as error:
        raise UsageError(f"the predictions of the choice cannot be read: {error}") from error
    rows = listed_rows(scores, read_manifests(data), selected)
    estimates = choice.scaling.of_probabilities(scores["probability"])
    rows = with_skin_tones(rows, skin_tones(rows["file"].tolist(), cache))
    record = HeldOut(
        record_version=RECORD_VERSION,
        model=name,
        held_out=held_out_words(choice.folds, choice.origins),
        n=len(rows),
        threshold=choice.threshold,
        data=tuple(path.name for path in data),
        subgroups=subgroup_record(rows, estimates, choice.threshold),
    )
    write_results(out, f"{name}.held_out", record.stored())
    return f"{record.held_out}, {len(rows)} images. {format_subgroups(record.subgroups)}"

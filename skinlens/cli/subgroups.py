"""`skinlens subgroups`: who is judged well and who is not, on what the runs of a model's choice held out."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import track

from skinlens.cli.say import print_text, say
from skinlens.errors import OutputError, UsageError
from skinlens.export.selection import Selection, held_out_words, read_selection
from skinlens.imaging.decode import decode
from skinlens.imaging.skin_tone import skin_tone
from skinlens.leaderboard.documents import RECORD_VERSION, HeldOut
from skinlens.storage.spreadsheet import unguarded_table
from skinlens.studies.subgroups import format_subgroups, subgroup_record, with_skin_tones
from skinlens.training.manifest import read_manifests
from skinlens.training.runs import listed_rows


def subgroups(name: str, data: Sequence[Path], out: Path, *, selected: Path) -> None:
    """Write `<name>.held_out.json`: rates by diagnosis, age, sex, site, origin and skin tone, and missed melanomas.

    Test images may lack most diagnoses; what folds or origins held out often has them. No model is run: the predictions
    are those that the choice was made on, turned into estimates as the released model does, at its default point.

    Args:
        name: Of the model in `selected`.
        data: The manifests that its runs were trained on; their images are read for the tone of the skin.
        out: Folder of the results.
        selected: selected.json; the predictions lie beside it.

    Raises:
        SelectionError: If there is no choice for the model.
        UsageError: If the predictions cannot be read, or the manifests lack their images.
        ManifestError: If a manifest cannot be used.
        ImageRejectedError: If an image of the manifests cannot be used.
        OutputError: If the results cannot be written.
    """
    choice = read_selection(selected, name)
    scores = _predictions(selected.parent, choice)
    rows = listed_rows(scores, read_manifests(data), selected)
    estimates = choice.scaling.of_probabilities(scores["probability"])
    console = Console(stderr=True)
    files = track(rows["file"], "looking", console=console, transient=True, disable=not console.is_terminal)
    rows = with_skin_tones(rows, [skin_tone(decode(Path(file)).pixels).name or "" for file in files])
    record = HeldOut(
        record_version=RECORD_VERSION,
        model=name,
        held_out=held_out_words(choice.folds, choice.origins),
        n=len(rows),
        threshold=choice.threshold,
        data=tuple(path.name for path in data),
        subgroups=subgroup_record(rows, estimates, choice.threshold),
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        record.write(out / f"{name}.held_out.json")
    except OSError as error:
        raise OutputError(f"the results cannot be written to {out}: {error}") from error
    say(f"wrote {out / name}.held_out.json")
    print_text(f"{record.held_out}, {len(rows)} images. {format_subgroups(record.subgroups)}")


def _predictions(folder: Path, choice: Selection) -> pd.DataFrame:
    try:
        return unguarded_table(
            pd.concat([pd.read_csv(folder / file) for file in choice.out_of_fold], ignore_index=True)
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"the predictions of the choice cannot be read: {error}") from error

"""Which images a model rejects as out-of-distribution (OOD): chosen on one half of them, measured on the other."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skinlens.errors import OutputError, UsageError
from skinlens.export.ood import fit_ood_statistics
from skinlens.imaging.files import LARGEST_TABLE_FILE, read_regular
from skinlens.imaging.quality import assess_quality
from skinlens.metrics.classification import Floats
from skinlens.metrics.measurement import as_percent, from_table
from skinlens.runtime.card import ModelCard, ModelFile, OodRecord, sha256_of
from skinlens.runtime.ood import OodStatistics, save_ood_statistics
from skinlens.runtime.predictor import DEFAULT_MODEL, Predictor, load_predictor
from skinlens.runtime.released import store_card
from skinlens.runtime.weights import weights_folder
from skinlens.storage.csv_file import CsvFileError, read_rows
from skinlens.storage.results import write_results
from skinlens.studies.feature_cache import features_of
from skinlens.studies.ood import (
    Flags,
    RejectedShare,
    choose_threshold,
    first_halves,
    rejected_shares,
    wrongly_rejected,
)
from skinlens.training.manifest import ManifestError, in_paired_origins, read_manifests, training_rows
from skinlens.triage.admission import admit

# Folds that make the statistics, choose the threshold, and are measured on; a lesion lies in one fold.
FOLDS: dict[str, tuple[int, ...]] = {"fit": (0, 1), "choose": (2,), "measure": (3, 4)}
# Of every origin, the share of dermoscopic images that the threshold may reject where it is chosen; a little less
# than is wanted where it is measured.
ALLOWED = 0.015
AT_MOST = 0.02
AT_LEAST = {"everyday": 0.97, "histology": 0.97, "xray": 0.97, "smartphone": 0.80, "closeup": 0.80}
# Close-ups of skin, by a telephone or by a clinic's camera, are nearer to dermoscopy than anything else that is
# rejected, and need a line each.
CLOSE_UPS = ("smartphone", "closeup")
# Kinds that a list need not have: lists were made before them.
_LATER_KINDS = {"closeup"}
_SPLIT = (
    "Images to be rejected: of each kind the first half of the list is fitted on, the second half measured. "
    "Dermoscopic images: fitted on folds {fit}, threshold from fold {choose}, measured on folds {measure}."
)
_MEASURED_ALONE = " Datasets that the model's recipe leaves out, since they have one label alone, are only measured."


@dataclass(frozen=True, eq=False)
class _Read:
    """Features of N images (`Prediction.appearance`, `(N, C)`), and whether the quality checks reject them, `(N,)`."""

    features: Floats
    unusable: Flags

    def divided(self, first: int) -> tuple["_Read", "_Read"]:
        """Return the first so many images, and the others."""
        return (
            _Read(self.features[:first], self.unusable[:first]),
            _Read(self.features[first:], self.unusable[first:]),
        )


def measure_rejection(
    model: str | None,
    data: Sequence[Path],
    reject: Path,
    out: Path,
    *,
    images: int | None,
    cache: Path | None,
    release: bool,
    unverified: bool = False,
) -> str:
    """Fit, choose and measure; writes `<model>.json` and `<model>.md`, and no pixel.

    Args:
        model: Name of a released model; None for the default one.
        data: Manifests of dermoscopic images; only their training rows are used.
        reject: CSV with `path` (relative to it) and `kind`; images of one patient one after another.
        out: Folder of the results.
        images: How many dermoscopic images, spread over manifests, origins and labels; None for all.
        cache: A file that keeps features between calls, by the images' digests; None keeps nothing.
        release: Write the statistics beside the model's card and into it; else the card stays as it is.
        unverified: Accept a card that was not released.

    Returns:
        The summary, as in `<model>.md`.

    Raises:
        ManifestError: If a manifest or an image cannot be used, or a fold is empty.
        ModelFileError: If the model is missing or altered.
        UsageError: If the CSV of images to reject cannot be used.
        OutputError: If the results cannot be written.
    """
    predictor = load_predictor(model or DEFAULT_MODEL, unverified=unverified)
    name = predictor.model.name
    rows = _spread(training_rows(read_manifests(data), None)[0], images)
    others = _other_images(reject)
    read = _read(predictor, [*rows["file"], *others["file"]], cache)
    known, other = read.divided(len(rows))
    trained = _trained_on(rows, predictor.card)
    folds = {
        part: rows["fold"].isin(numbers).to_numpy() & (trained | (part == "measure")) for part, numbers in FOLDS.items()
    }
    first = first_halves(others["kind"].tolist())
    kinds = others["kind"].to_numpy()
    sorts = [kinds == kind for kind in CLOSE_UPS if (kinds == kind).any()]
    sorts.append(~np.isin(kinds, CLOSE_UPS))
    try:
        statistics = fit_ood_statistics(
            known.features[folds["fit"]],
            [other.features[first & sort] for sort in sorts],
            known.features[folds["choose"]],
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
    scores = statistics.scores(known.features), statistics.scores(other.features)
    origins = rows["origin"][folds["choose"]].tolist()
    threshold = choose_threshold(scores[0][folds["choose"]], origins, allowed=ALLOWED)
    record = {
        "model": name,
        "weights_sha256": predictor.model.sha256,
        "data": {path.name: sha256_of(path) for path in [*data, reject]},
        "split": _SPLIT.format(**{part: ", ".join(map(str, numbers)) for part, numbers in FOLDS.items()})
        + ("" if trained.all() else _MEASURED_ALONE),
        "n": {part: int(members.sum()) for part, members in folds.items()},
        "threshold": threshold,
        "allowed": ALLOWED,
        **_measured(rows, others.assign(first=first), folds["measure"], known, other, scores, threshold),
    }
    summary = summarise(record)
    write_results(out, name, record, summary)
    if release:
        try:
            _release(predictor, statistics, threshold, record, weights_folder())
        except OSError as error:
            raise OutputError(f"the statistics cannot be written beside the card: {error}") from error
    return summary


def _spread(rows: pd.DataFrame, images: int | None) -> pd.DataFrame:
    """That many rows, as evenly as they go over manifests, origins and labels, always the same ones."""
    if "origin" not in rows:
        raise ManifestError("the manifests lack the column origin")
    shuffled = rows.assign(origin=rows["origin"].fillna("unknown")).sample(frac=1, random_state=0)
    # The first of every cell, then the second of every cell, and so on.
    turn = shuffled.groupby(["manifest", "origin", "label"]).cumcount()
    return shuffled.loc[turn.sort_values(kind="stable").index].head(images or len(rows)).reset_index(drop=True)


def _trained_on(rows: pd.DataFrame, card: ModelCard) -> Flags:
    """Whether the model's recipe takes a row's dataset: one that it leaves out does not say what is dermoscopy."""
    if not card.training.recipe.get("paired_origins"):
        return np.ones(len(rows), np.bool_)
    return in_paired_origins(rows["origin"], rows["label"]).to_numpy()


def _other_images(path: Path) -> pd.DataFrame:
    """Return the images to reject: `file`, and `kind` up to its first underscore."""
    try:
        content = read_regular(path, largest=LARGEST_TABLE_FILE)
        _columns, listed = read_rows(content, name=path.name, required=("path", "kind"))
    except (OSError, CsvFileError) as error:
        raise UsageError(f"cannot read {path}: {str(error).strip()}") from error
    rows = pd.DataFrame([row for _line, row in listed])[["path", "kind"]]
    if (rows == "").any(axis=None):
        raise UsageError(f"{path} must give a path and a kind in every row")
    kinds = rows["kind"].str.split("_").str[0]
    absent = set(AT_LEAST) - _LATER_KINDS - set(kinds)
    if absent:
        raise UsageError(f"{path} has no image of the kind {', '.join(sorted(absent))}")
    return pd.DataFrame({"file": [str(path.parent / name) for name in rows["path"]], "kind": kinds})


def _read(predictor: Predictor, files: Sequence[str], cache: Path | None) -> _Read:
    """Return features and quality of every image; the model runs only on those that the cache lacks."""
    features, unusable = [], []
    for image, appearance in features_of(predictor, files, attrgetter("appearance"), cache):
        features.append(appearance)
        unusable.append(admit(assess_quality(image.pixels)).rejected)
    return _Read(np.stack(features).astype(np.float64), np.array(unusable, np.bool_))


def _measured(
    rows: pd.DataFrame,
    others: pd.DataFrame,
    measured: Flags,
    known: _Read,
    other: _Read,
    scores: tuple[Floats, Floats],
    threshold: float,
) -> dict[str, Any]:
    """Return rejected shares on the halves that nothing was chosen on: by both rules, and by each alone."""
    first = others["first"].to_numpy()
    rest = rows[measured]
    by_origin = rest["origin"].tolist()
    by_both = [f"{origin}, {label}" for origin, label in zip(rest["origin"], rest["label"], strict=True)]
    # Keys of files that are on record; `familiarity` is the rule of the OOD score.
    rules = {
        "either": ((scores[0] < threshold) | known.unusable, (scores[1] < threshold) | other.unusable),
        "familiarity": (scores[0] < threshold, scores[1] < threshold),
        "pixels": (known.unusable, other.unusable),
    }
    kinds = others["kind"].to_numpy()
    wanted = {kind: share for kind, share in AT_LEAST.items() if kind in kinds}
    return {
        name: {
            "strangers": _dicts(rejected_shares(other_rejected[~first], kinds[~first].tolist(), at_least=wanted)),
            "strangers_first_half": _dicts(
                rejected_shares(other_rejected[first], kinds[first].tolist(), at_least=wanted)
            ),
            "dermoscopy": _dicts(
                wrongly_rejected(known_rejected[measured], by_origin, at_most=AT_MOST)
                | wrongly_rejected(known_rejected[measured], rest["label"].tolist(), at_most=AT_MOST)
                | wrongly_rejected(known_rejected[measured], by_both, at_most=AT_MOST)
            ),
        }
        for name, (known_rejected, other_rejected) in rules.items()
    }


def _dicts(shares: dict[str, RejectedShare]) -> dict[str, Any]:
    return {group: asdict(each) | {"share": each.share.numbers()} for group, each in shares.items()}


def _release(
    predictor: Predictor, statistics: OodStatistics, threshold: float, record: dict[str, Any], folder: Path
) -> None:
    """Write the statistics beside the card and name them in it."""
    card = predictor.card
    path = folder / f"{card.name}.familiarity.safetensors"
    save_ood_statistics(statistics, path)
    described = OodRecord(
        statistics=ModelFile(file=path.name, sha256=sha256_of(path), bytes=path.stat().st_size),
        threshold=threshold,
        chosen_on=f"{record['split']} It rejects at most {ALLOWED:.1%} of any origin where it is chosen.",
    )
    store_card(card.model_copy(update={"ood": described}), folder)


def summarise(record: dict[str, Any]) -> str:
    """Return the results as Markdown.

    Args:
        record: What the JSON holds.
    """
    # Keys of files that are on record.
    kinds = "strangers"
    n, first_half = record["n"], record["either"]["strangers_first_half"]
    lines = [
        f"# Which images {record['model']} rejects",
        "",
        f"{record['split']} Dermoscopic images: {n['fit']} for the statistics, {n['choose']} for the threshold, "
        f"{n['measure']} measured. In brackets: 95 % Wilson intervals.",
        "",
        "| should be rejected | rejected | share | wanted | OOD score alone | quality checks alone | first half |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(
            f"| {kind} | {_cells(record, kinds, kind, 'at least')} | {_count(first_half[kind])} |"
            for kind in record["either"][kinds]
        ),
        "",
        "| should be assessed | rejected | share | wanted | OOD score alone | quality checks alone |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {group} | {_cells(record, 'dermoscopy', group, 'at most')} |"
            for group in record["either"]["dermoscopy"]
        ),
    ]
    return "\n".join([*lines, ""])


def _cells(record: dict[str, Any], which: str, group: str, relation: str) -> str:
    both = record["either"][which][group]
    share = both["share"]
    shown = from_table(share["value"], share["low"], share["high"]).text(as_percent)
    outcome = {None: "no images", True: "met", False: "missed"}[both["met"]]
    wanted = f"{relation} {both['target']:.0%}: {outcome}"
    alone = [_count(record[rule][which][group]) for rule in ("familiarity", "pixels")]
    return " | ".join([_count(both), shown, wanted, *alone])


def _count(rejected: dict[str, Any]) -> str:
    return f"{rejected['refused']} of {rejected['share']['n']}"

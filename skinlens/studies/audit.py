"""Audit of manifests: duplicates, contradictory labels, and what gives the label away besides the lesion."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skinlens.errors import UsageError
from skinlens.imaging.decode import decode
from skinlens.imaging.files import LARGEST_TABLE_FILE, read_regular
from skinlens.imaging.image import ImageRejectedError
from skinlens.metrics.classification import Floats
from skinlens.metrics.measure import measure
from skinlens.metrics.measurement import from_table
from skinlens.metrics.rows import groups_of, labels_of
from skinlens.progress import tracked
from skinlens.runtime.card import sha256_of
from skinlens.storage.csv_file import CsvFileError, read_rows
from skinlens.storage.results import write_results
from skinlens.studies.border_probe import BORDER, border_features, border_probabilities
from skinlens.studies.duplicates import (
    LEAST_CORRELATION,
    Duplicate,
    Fingerprint,
    candidates,
    exact_duplicates,
    fingerprint,
    near_duplicates,
)
from skinlens.studies.file_traits import (
    FileTraits,
    file_traits,
    kind_association,
    missing_associations,
    number_association,
)
from skinlens.training.manifest import read_manifests

# Columns that only the reading of the manifests added.
_ADDED = ("file", "malignant")
_KNOWN_COLUMNS = ("path_a", "path_b", "kind")
_BORDER_FOLDS = "fold where the manifest has one, else five folds by group"


@dataclass(frozen=True, eq=False)
class _Reading:
    """All that the audit keeps of one image."""

    bytes_digest: str
    pixels_digest: str
    traits: FileTraits
    print: Fingerprint
    border: Floats


def audit(manifests: Sequence[Path], out: Path, known: Path | None) -> str:
    """Audit the images of manifests; writes `audit.json`, `audit.md` and `pairs.csv`, and no pixel.

    Args:
        manifests: CSV files; see `read_manifests`.
        out: Folder of the results.
        known: CSV with `path_a`, `path_b` (paths as in the manifests) and `kind`, to compare the found pairs with.

    Returns:
        The summary, as in `audit.md`.

    Raises:
        ManifestError: If a manifest cannot be used.
        UsageError: If the known pairs cannot be read, or fewer than two images can.
        OutputError: If the results cannot be written.
    """
    rows = read_manifests(manifests)
    expected = None if known is None else _known_pairs(known)
    readings, unreadable = _read(rows)
    if len(readings) < 2:
        raise UsageError(f"{len(readings)} of {len(rows)} images could be read; an audit needs two")
    kept = rows.iloc[sorted(readings)].reset_index(drop=True)
    read = [readings[row] for row in sorted(readings)]
    duplicates = _duplicates(read)
    pairs = _pair_table(kept, duplicates)
    by_group = kept.assign(_group=groups_of(kept)).groupby("_group")
    record = {
        "data": [path.name for path in manifests],
        "data_sha256": [sha256_of(path) for path in manifests],
        "images": len(rows),
        "unreadable": unreadable,
        "duplicates": {
            "pairs": len(pairs),
            "by_kind": {str(kind): int(count) for kind, count in pairs["kind"].value_counts().sort_index().items()},
            "across_splits": int((pairs["split_a"] != pairs["split_b"]).sum()),
            "contradictory_labels": int((pairs["label_a"] != pairs["label_b"]).sum()),
            "in_different_groups": int((pairs["same_group"] == 0).sum()),
            "least_correlation": LEAST_CORRELATION,
        },
        "known_pairs": None if expected is None else _compared_with_known(expected, pairs, kept),
        "groups": {
            "groups": by_group.ngroups,
            "in_several_splits": int((by_group["split"].nunique() > 1).sum()),
            "with_both_labels": int((by_group["label"].nunique() > 1).sum()),
        },
        "differences": {str(split): _differences(kept, read, split) for split in sorted(set(kept["split"]))},
        "border_probe": {str(split): _border(kept, read, split) for split in sorted(set(kept["split"]))},
    }
    summary = summarise(record)
    write_results(out, "audit", record, summary, {"pairs.csv": pairs})
    return summary


def _known_pairs(path: Path) -> pd.DataFrame:
    try:
        content = read_regular(path, largest=LARGEST_TABLE_FILE)
        _columns, rows = read_rows(content, name=path.name, required=_KNOWN_COLUMNS)
    except (OSError, CsvFileError) as error:
        raise UsageError(f"{path} cannot be read as a CSV of pairs: {error}") from error
    return pd.DataFrame([row for _line, row in rows])


def _read(rows: pd.DataFrame) -> tuple[dict[int, _Reading], dict[str, str]]:
    """Return a reading for each row, and the reasons of the images that cannot be read, by path."""
    readings, unreadable = {}, {}
    for row, (path, file) in enumerate(tracked(list(zip(rows["path"], rows["file"], strict=True)), "reading")):
        try:
            content = read_regular(Path(file))
            image = decode(content, name=Path(file).name)
            readings[row] = _Reading(
                image.sha256,
                # With the shape: images of one byte string and another aspect are not the same.
                sha256(repr(image.pixels.shape).encode() + image.pixels.tobytes()).hexdigest(),
                file_traits(content),
                fingerprint(image.pixels),
                border_features(image.pixels),
            )
        except (ImageRejectedError, OSError) as error:
            unreadable[str(path)] = str(error)
    return readings, unreadable


def _duplicates(read: Sequence[_Reading]) -> list[Duplicate]:
    """Each pair once, under the strictest kind that holds."""
    prints = [reading.print for reading in read]
    pairs_found = exact_duplicates([reading.bytes_digest for reading in read], "same_bytes")
    pairs_found += exact_duplicates([reading.pixels_digest for reading in read], "same_pixels")
    proposed = candidates(prints)
    pairs_found += [pair for pair in near_duplicates(prints, tracked(proposed, "aligning")) if pair is not None]
    once: dict[tuple[int, int], Duplicate] = {}
    for pair in pairs_found:
        # The strictest kind comes first.
        once.setdefault((pair.first, pair.second), pair)
    return [once[key] for key in sorted(once)]


def _pair_table(rows: pd.DataFrame, duplicates: Sequence[Duplicate]) -> pd.DataFrame:
    """One line a pair, with what the manifest says of both images."""
    groups = groups_of(rows)
    lines = [
        {
            "path_a": rows["path"].iloc[pair.first],
            "path_b": rows["path"].iloc[pair.second],
            "kind": pair.kind,
            "orientation": pair.orientation,
            "correlation": pair.correlation,
            "label_a": rows["label"].iloc[pair.first],
            "label_b": rows["label"].iloc[pair.second],
            "split_a": rows["split"].iloc[pair.first],
            "split_b": rows["split"].iloc[pair.second],
            "same_group": int(groups[pair.first] == groups[pair.second]),
        }
        for pair in duplicates
    ]
    columns = ("path_a", "path_b", "kind", "orientation", "correlation", "label_a", "label_b", "split_a", "split_b")
    return pd.DataFrame(lines, columns=[*columns, "same_group"])


def _compared_with_known(known: pd.DataFrame, pairs: pd.DataFrame, rows: pd.DataFrame) -> dict[str, Any]:
    """Recall by kind of the known pairs, and how many found pairs are known or of one group."""
    listed = set(rows["path"])
    pairs_found = {frozenset(pair) for pair in zip(pairs["path_a"], pairs["path_b"], strict=True)}
    kinds = {frozenset(pair): kind for *pair, kind in known[list(_KNOWN_COLUMNS)].itertuples(index=False)}
    askable = {pair: kind for pair, kind in kinds.items() if pair <= listed}
    totals, hits = Counter(askable.values()), Counter(kind for pair, kind in askable.items() if pair in pairs_found)
    same_group = {
        frozenset(pair)
        for *pair, same in pairs[["path_a", "path_b", "same_group"]].itertuples(index=False)
        if same == 1
    }
    right = sum(pair in kinds or pair in same_group for pair in pairs_found)
    return {
        "recall": {kind: {"found": hits[kind], "n": n, "share": hits[kind] / n} for kind, n in sorted(totals.items())},
        "precision": {
            "right": right,
            "n": len(pairs_found),
            "share": right / len(pairs_found) if pairs_found else None,
            "counts_as_right": "the pair is among the known ones of any kind, or both images have one group_id",
        },
    }


def _differences(rows: pd.DataFrame, read: Sequence[_Reading], split: str) -> list[dict[str, Any]]:
    """Return how well each trait of the files and each blank column predicts the label of one split, best first."""
    of_it = (rows["split"] == split).to_numpy()
    chosen, labels = rows[of_it], labels_of(rows)[of_it]
    traits = [reading.traits for reading, member in zip(read, of_it, strict=True) if member]
    pairs_found = [
        kind_association("format", [each.format for each in traits], labels),
        kind_association("size in pixels", [each.size for each in traits], labels),
        kind_association("compression signature", [each.signature for each in traits], labels),
        number_association("length of the file", [each.bytes for each in traits], labels),
        *missing_associations(chosen.drop(columns=[name for name in _ADDED if name in chosen]), labels),
    ]
    return [asdict(each) for each in sorted(pairs_found, key=lambda each: (each.measure, -(each.value or 0)))]


def _border(rows: pd.DataFrame, read: Sequence[_Reading], split: str) -> dict[str, Any]:
    """Out-of-fold figures of the border probe on one split."""
    of_it = (rows["split"] == split).to_numpy()
    chosen, labels = rows[of_it], labels_of(rows)[of_it]
    groups = groups_of(chosen)
    features = np.stack([reading.border for reading, member in zip(read, of_it, strict=True) if member])
    described: dict[str, Any] = {"border_share": BORDER, "n": len(chosen), "folds": _BORDER_FOLDS}
    if len(set(labels.tolist())) < 2:
        return described | {"reason": f"every image of this split is {chosen['label'].iloc[0]}"}
    try:
        probabilities = border_probabilities(features, labels, _folds(chosen, groups))
    except ValueError as error:
        return described | {"reason": str(error)}
    measured = measure(labels, probabilities, 0.5, groups, "roc_auc", "accuracy")
    return described | {metric: asdict(each) for metric, each in measured.items()}


def _folds(rows: pd.DataFrame, groups: Any) -> Any:
    """The manifest's folds where it deals these rows to several; else groups dealt out in turn."""
    if "fold" in rows and rows["fold"].nunique() > 1:
        return rows["fold"].to_numpy()
    # Whole groups in random order, so that folds do not follow the order of the manifest.
    order = np.random.default_rng(0).permutation(int(groups.max()) + 1)
    return order[groups] % 5


def summarise(record: dict[str, Any]) -> str:
    """Return the audit as Markdown.

    Args:
        record: What `audit.json` holds.
    """
    duplicates, groups = record["duplicates"], record["groups"]
    kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in duplicates["by_kind"].items()) or "none"
    lines = [
        f"# Audit of {', '.join(record['data'])}",
        "",
        f"{record['images']} images, {len(record['unreadable'])} of them unreadable.",
        "",
        f"- Duplicates: {duplicates['pairs']} pairs ({kinds}); {duplicates['across_splits']} across splits, "
        f"{duplicates['contradictory_labels']} with contradictory labels.",
        f"- Groups: {groups['groups']}; {groups['in_several_splits']} lie in several splits, "
        f"{groups['with_both_labels']} carry both labels.",
        *_known_lines(record["known_pairs"]),
    ]
    for split, differences in record["differences"].items():
        lines += ["", f"## Besides the lesion, in the {split} split", "", *_border_lines(record["border_probe"][split])]
        lines += [_difference_line(each) for each in differences]
    return "\n".join([*lines, ""])


def _known_lines(held: dict[str, Any] | None) -> list[str]:
    if held is None:
        return []
    recall = "; ".join(
        f"{kind.replace('_', ' ')} {each['found']} of {each['n']} ({each['share']:.1%})"
        for kind, each in held["recall"].items()
    )
    right = held["precision"]
    share = "" if right["share"] is None else f" ({right['share']:.1%})"
    return [
        f"- Of the known pairs it found: {recall}. Of the pairs it found, {right['right']} of {right['n']}{share} "
        f"are right, where a pair counts as right if {right['counts_as_right']}."
    ]


def _border_lines(probe: dict[str, Any]) -> list[str]:
    if "reason" in probe:
        return [f"- The border probe could not be run: {probe['reason']}."]
    auc, accuracy = (
        from_table(probe[name]["value"], probe[name]["low"], probe[name]["high"]) for name in ("roc_auc", "accuracy")
    )
    return [
        f"- Border probe ({probe['border_share']:.0%} on every side, out of fold, n {probe['n']}): ROC AUC "
        f"{auc.text()}, accuracy {accuracy.text()}."
    ]


def _difference_line(each: dict[str, Any]) -> str:
    if each["value"] is None and len(each["counts"]) == 1:
        return f"- {each['trait']}: the same in all images."
    if each["value"] is None:
        return f"- {each['trait']}: not compared, since this split has one label alone."
    if each["measure"] == "roc_auc":
        return f"- {each['trait']}: ROC AUC {each['value']:.3f}."
    counts = "; ".join(f"{value}: {benign} benign, {ill} malignant" for value, (benign, ill) in each["counts"].items())
    return f"- {each['trait']}: Cramér's V {each['value']:.3f} ({counts})."

"""Images of one patient beside one another: which differs most from the others, and one lesion at several dates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from skinlens.batch.table import Entry
from skinlens.translation import marked, sentence

# With fewer, nothing can differ from the others.
FEWEST = 3


@dataclass(frozen=True)
class UglyDuckling:
    """How far an image is from the patient's others.

    Attributes:
        number: Of the image.
        distance: Median cosine distance of its features to those of the patient's other lesions, in [0, 2].
        rank: 1 for the one that differs most.
        of: How many of the patient's images were compared.
    """

    number: int
    distance: float
    rank: int
    of: int

    def sentence(self) -> str:
        """The same in words."""
        words = (
            marked("Differs most from this patient's others ({n} images, distance {distance}).")
            if self.rank == 1
            else marked(
                "Number {rank} of those that differ from this patient's others ({n} images, distance {distance})."
            )
        )
        return sentence(words, rank=self.rank, n=self.of, distance=f"{self.distance:.2f}")


def patients(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Assessed images by the patient's pseudonym, those without one left out."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.facts.case_id and entry.line.score is not None and not entry.line.rejections:
            groups.setdefault(entry.facts.case_id, []).append(entry)
    return groups


def rank_ugly_ducklings(group: Sequence[Entry], features: Mapping[int, Sequence[float]]) -> list[UglyDuckling]:
    """Rank a patient's images by how far they are from the patient's others: the sign of the ugly duckling.

    Args:
        group: Images of one patient.
        features: Pooled fused features by number.

    Returns:
        The one that differs most first; empty for fewer than `FEWEST` images, or where all show one lesion.
    """
    if len(group) < FEWEST:
        return []
    matrix = np.array([features[entry.number] for entry in group], np.float64)
    unit = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    distances = 1 - unit @ unit.T
    entries = []
    for row, entry in enumerate(group):
        others = [
            distances[row, column]
            for column, other in enumerate(group)
            if column != row and not _same_lesion(entry, other)
        ]
        if others:
            entries.append((float(np.median(others)), entry.number))
    ranked = sorted(entries, reverse=True)
    return [UglyDuckling(number, distance, rank, len(ranked)) for rank, (distance, number) in enumerate(ranked, 1)]


def same_lesion(entry: Entry, group: Sequence[Entry]) -> list[Entry]:
    """Images of the same lesion, itself among them, by date; those without a date last, in the order of the run."""
    return sorted(
        (other for other in group if other.number == entry.number or _same_lesion(entry, other)),
        key=lambda other: (other.facts.date or "9999", other.number),
    )


def _same_lesion(one: Entry, other: Entry) -> bool:
    return bool(one.facts.lesion) and one.facts.lesion == other.facts.lesion

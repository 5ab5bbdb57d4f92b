"""Similar cases: the training images that the model's pooled features are nearest to.

An index beside the model's card holds, of every training image, its features in a few dimensions, its id, diagnosis,
dataset and label; no pixel. Neighbours show what the model has seen, not what a lesion is.
"""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from skinlens.runtime.card import ModelCard, ModelFileError, verified_file
from skinlens.runtime.prediction import Floats
from skinlens.translation import sentence

NEAREST = 10
# Projected features are kept as whole numbers, this much for the length of a vector.
_STEPS = 127.0
# Above it, two images are the same one, perhaps saved again.
_SAME = 0.995


@dataclass(frozen=True)
class SimilarImage:
    """A training image near to another image.

    Attributes:
        image_id: Its id in the archive that it comes from.
        path: Where it lies in the data folder.
        diagnosis: Code of its diagnosis, such as `nv`; "" where none is recorded.
        dataset: Code of its source dataset, such as `ham`.
        malignant: Its label.
        similarity: Cosine of the projected features, in [-1, 1].
    """

    image_id: str
    path: str
    diagnosis: str
    dataset: str
    malignant: bool
    similarity: float

    @property
    def same(self) -> bool:
        """Whether this is probably the very image that was asked about."""
        return self.similarity >= _SAME

    def file_in(self, folder: Path | None) -> Path | None:
        """Return the image's file below a data folder; None where there is none."""
        parts = PurePosixPath(self.path).parts
        if folder is None or not parts or ".." in parts or PurePosixPath(self.path).is_absolute():
            return None
        file = folder.joinpath(*parts)
        return file if file.is_file() else None


@dataclass(frozen=True, eq=False)
class SimilarIndex:
    """Training images by their features.

    Attributes:
        centre: Mean of the features, `(C,)`.
        directions: Principal directions, each divided by the spread along it where the index is whitened, `(D, C)`.
        codes: Projected features of unit length, times 127, int8 `(N, D)`.
        lesions: Number of the lesion that each image shows, int32 `(N,)`.
        malignant: Labels, bool `(N,)`.
        image_ids: Ids, N.
        paths: Relative to the data folder, N.
        diagnoses: Codes of the diagnoses, N.
        datasets: Codes of the source datasets, N.
    """

    centre: Floats
    directions: Floats
    codes: npt.NDArray[np.int8]
    lesions: npt.NDArray[np.int32]
    malignant: npt.NDArray[np.bool_]
    image_ids: tuple[str, ...]
    paths: tuple[str, ...]
    diagnoses: tuple[str, ...]
    datasets: tuple[str, ...]

    def __post_init__(self) -> None:
        n, dimensions = self.codes.shape
        lengths = {len(each) for each in (self.lesions, self.malignant, self.image_ids, self.paths, self.diagnoses)}
        if lengths | {len(self.datasets)} != {n} or self.directions.shape != (dimensions, len(self.centre)):
            raise ValueError("the parts of the index do not fit together")

    def nearest(self, features: Floats, count: int = NEAREST) -> tuple[SimilarImage, ...]:
        """Return the nearest training images, the nearest first, at most one of each lesion.

        Args:
            features: `Prediction.features` of an image, `(C,)`.
            count: How many.

        Raises:
            ValueError: If the features have another length.
        """
        if features.shape != self.centre.shape:
            raise ValueError(f"features of length {len(features)}; the index has {len(self.centre)}")
        similarities = self.codes.astype(np.float32) @ projected(features[None], self.centre, self.directions)[0]
        similarities /= _STEPS
        order = np.argsort(-similarities, kind="stable")
        # The first of each lesion, in order of similarity.
        _lesions, firsts = np.unique(self.lesions[order], return_index=True)
        return tuple(
            SimilarImage(
                image_id=self.image_ids[row],
                path=self.paths[row],
                diagnosis=self.diagnoses[row],
                dataset=self.datasets[row],
                malignant=bool(self.malignant[row]),
                similarity=float(similarities[row]),
            )
            for row in order[np.sort(firsts)[:count]]
        )


def projected(features: Floats, centre: Floats, directions: Floats) -> Floats:
    """Return features `(N, C)` along the index's directions, scaled to unit length, float32 `(N, D)`."""
    along = (features - centre) @ directions.T
    lengths = np.linalg.norm(along, axis=1, keepdims=True)
    return np.asarray(np.divide(along, lengths, out=np.zeros_like(along), where=lengths > 0), np.float32)


def encoded(along: Floats) -> npt.NDArray[np.int8]:
    """Return unit vectors `(N, D)` as whole numbers from -127 to 127."""
    return np.asarray(np.round(along * _STEPS), np.int8)


def similar_sentence(images: tuple[SimilarImage, ...]) -> str:
    """Return how many of the similar images were malignant."""
    count = sum(image.malignant for image in images)
    return sentence("Of the {n} most similar training images, {count} were malignant.", n=len(images), count=count)


def by_diagnosis(images: tuple[SimilarImage, ...]) -> list[tuple[str, int]]:
    """Return the diagnoses of similar images with their counts, the most frequent first."""
    return Counter(image.diagnosis for image in images).most_common()


def data_folder() -> Path | None:
    """Return the folder of the training images, SKINLENS_DATA; None where it is not there."""
    named = os.environ.get("SKINLENS_DATA")
    return Path(named) if named and Path(named).is_dir() else None


def save_similar_index(index: SimilarIndex, path: Path) -> None:
    """Write an index, replacing the file in one step; directions as float16."""
    unfinished = path.with_suffix(".unfinished")
    tensors: dict[str, npt.NDArray[np.generic]] = {
        "centre": np.asarray(index.centre, np.float32),
        "directions": np.ascontiguousarray(index.directions, np.float16),
        "codes": np.ascontiguousarray(index.codes),
        "lesions": np.asarray(index.lesions, np.int32),
        "malignant": np.asarray(index.malignant, np.uint8),
    }
    tensors |= {name: _packed(getattr(index, name)) for name in ("image_ids", "paths", "diagnoses", "datasets")}
    save_file(tensors, unfinished)
    unfinished.replace(path)


def load_similar_index(card: ModelCard, folder: Path) -> SimilarIndex | None:
    """Load the index that a card names; None for a card that names none.

    Raises:
        ModelFileError: If the file is missing, altered, or holds no such index.
    """
    if card.similar is None:
        return None
    path = verified_file(card, card.similar.index, folder)
    try:
        tensors = load_file(path)
        return SimilarIndex(
            centre=tensors["centre"],
            directions=tensors["directions"].astype(np.float32),
            codes=tensors["codes"],
            lesions=tensors["lesions"],
            malignant=tensors["malignant"].astype(bool),
            **{name: _unpacked(tensors[name]) for name in ("image_ids", "paths", "diagnoses", "datasets")},
        )
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ModelFileError(
            sentence("{file} holds no index of similar images; restore it from the release.", file=path.name)
        ) from error


def _packed(words: tuple[str, ...]) -> npt.NDArray[np.uint8]:
    return np.frombuffer("\n".join(words).encode(), np.uint8)


def _unpacked(packed: npt.NDArray[np.uint8]) -> tuple[str, ...]:
    return tuple(packed.tobytes().decode().split("\n"))

"""The out-of-distribution score: how far an image is from dermoscopy, by statistics kept beside the model's card.

The score counts standard deviations from the mean of dermoscopic images; the further below 0, the less like them.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from skinlens.runtime.card import ModelCard, ModelFileError, verified_file
from skinlens.storage.replaced import replaced
from skinlens.translation import sentence

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OodStatistics:
    """Lines that separate dermoscopic images from other images, one line for each kind of these.

    Attributes:
        directions: Of the lines in the space of `Prediction.appearance`, `(L, C)`; they grow towards dermoscopy.
        centres: Mean along each line of dermoscopic images not used for the above, `(L,)`.
        spreads: Standard deviation likewise, `(L,)`, above 0, as it would be if all were spread as their lowest are.
    """

    directions: Floats
    centres: Floats
    spreads: Floats

    def __post_init__(self) -> None:
        lines = len(self.directions)
        shapes = {"directions": (lines, self.directions.shape[-1]), "centres": (lines,), "spreads": (lines,)}
        for name, shape in shapes.items():
            values = getattr(self, name)
            if not lines or values.shape != shape or not np.isfinite(values).all():
                raise ValueError(f"{name} must be finite and of shape {shape}, not {values.shape}")
        if not (self.spreads > 0).all():
            raise ValueError("spreads must be above 0")

    def score(self, appearance: npt.NDArray[np.floating]) -> float:
        """Return the out-of-distribution score of one image.

        Args:
            appearance: As in `Prediction.appearance`, `(C,)`.

        Returns:
            How many standard deviations of dermoscopic images it lies above their mean, along the line where that is
            least; images that are not dermoscopy lie far below 0.
        """
        return float(self.scores(appearance[None])[0])

    def scores(self, appearances: npt.NDArray[np.floating]) -> Floats:
        """Return the out-of-distribution scores of images `(N, C)`, as `score`, `(N,)`."""
        return np.asarray(((self.along(appearances) - self.centres) / self.spreads).min(axis=1))

    def along(self, appearances: npt.NDArray[np.floating]) -> Floats:
        """Return the position of images `(N, C)` along each line, in the line's own unit, `(N, L)`."""
        return np.asarray(appearances, np.float64) @ self.directions.T


def save_ood_statistics(statistics: OodStatistics, path: Path) -> None:
    """Write statistics as float32, replacing the file in one step."""
    tensors = {
        field.name: np.ascontiguousarray(getattr(statistics, field.name).astype(np.float32))
        for field in fields(statistics)
    }
    with replaced(path) as unfinished:
        save_file(tensors, unfinished)


def load_ood_statistics(card: ModelCard, folder: Path) -> OodStatistics | None:
    """Load the statistics that a card names; None for a card that names none.

    Raises:
        ModelFileError: If the file is missing, altered, or holds no such statistics.
    """
    if card.ood is None:
        return None
    path = verified_file(card, card.ood.statistics, folder)
    try:
        tensors = load_file(path)
        return OodStatistics(**{field.name: tensors[field.name].astype(np.float64) for field in fields(OodStatistics)})
    except (OSError, SafetensorError, KeyError, ValueError, IndexError) as error:
        raise ModelFileError(
            sentence("{file} holds no out-of-distribution statistics; restore it from the release.", file=path.name)
        ) from error

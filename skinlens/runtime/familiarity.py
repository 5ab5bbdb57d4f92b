"""Is this dermoscopy? How familiar a picture's pooled features are, by statistics kept beside the model's card."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from skinlens.runtime.card import ModelCard, ModelFileError, verified_file

Floats = npt.NDArray[np.float64]
# A residual of nothing, as of the mean itself, has no logarithm.
_SMALLEST = 1e-12


@dataclass(frozen=True, eq=False)
class Familiarity:
    """What dermoscopic pictures look like in a model's features.

    Two views of a picture are combined. The first knows dermoscopic pictures alone: how much of a picture's features
    lies outside the space that their principal components span (the residual of Wang et al. 2022, arXiv 2203.10807),
    which shows what is altogether different. The second is a line that parts them from pictures to be refused,
    close-ups by a telephone above all, which lie inside that space.

    Attributes:
        mean: Of dermoscopic pictures, `(C,)`.
        components: Their leading principal components, `(K, C)`, rows of length 1.
        direction: Of the line, `(C,)`; it grows towards dermoscopy.
        centres: Means of both views over dermoscopic pictures not used for the above, `(2,)`.
        spreads: Standard deviations likewise, `(2,)`, above 0.
    """

    mean: Floats
    components: Floats
    direction: Floats
    centres: Floats
    spreads: Floats

    def __post_init__(self) -> None:
        for name, shape in _shapes(self).items():
            values = getattr(self, name)
            if values.shape != shape or not np.isfinite(values).all():
                raise ValueError(f"{name} must be finite and of shape {shape}, not {values.shape}")
        if not (self.spreads > 0).all():
            raise ValueError("spreads must be above 0")

    def score(self, features: npt.NDArray[np.floating]) -> float:
        """Familiarity of one picture.

        Args:
            features: Pooled features, `(C,)`, as in `Prediction.features`.

        Returns:
            How many standard deviations of dermoscopic pictures the less familiar view lies above their mean; strange
            pictures lie far below 0.
        """
        return float(self.scores(features[None])[0])

    def scores(self, features: npt.NDArray[np.floating]) -> Floats:
        """Familiarities of pictures `(N, C)`, as `score`, `(N,)`."""
        return np.asarray(((self.views(features) - self.centres) / self.spreads).min(axis=1))

    def views(self, features: npt.NDArray[np.floating]) -> Floats:
        """Both views of pictures `(N, C)` in their own units, `(N, 2)`; more is more familiar."""
        centred = np.asarray(features, np.float64) - self.mean
        within = centred @ self.components.T
        residual = (centred**2).sum(axis=1) - (within**2).sum(axis=1)
        return np.stack([-np.log(np.maximum(residual, _SMALLEST)), centred @ self.direction], axis=1)


def save_familiarity(familiarity: Familiarity, path: Path) -> None:
    """Write statistics as float32 (the components as float16), replacing the file in one step."""
    unfinished = path.with_suffix(".unfinished")
    tensors = {
        field.name: np.ascontiguousarray(
            getattr(familiarity, field.name).astype(np.float16 if field.name == "components" else np.float32)
        )
        for field in fields(familiarity)
    }
    save_file(tensors, unfinished)
    unfinished.replace(path)


def load_familiarity(card: ModelCard, folder: Path) -> Familiarity | None:
    """The statistics that a card names; None for a card that names none.

    Raises:
        ModelFileError: If the file is missing, altered, or holds no such statistics.
    """
    if card.familiarity is None:
        return None
    path = verified_file(card, card.familiarity.statistics, folder)
    try:
        tensors = load_file(path)
        return Familiarity(**{field.name: tensors[field.name].astype(np.float64) for field in fields(Familiarity)})
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ModelFileError(
            f"{path.name} holds no statistics of familiar pictures; restore it from the release."
        ) from error


def _shapes(familiarity: Familiarity) -> dict[str, tuple[int, ...]]:
    channels, components = familiarity.mean.size, familiarity.components.shape[0]
    return {
        "mean": (channels,),
        "components": (components, channels),
        "direction": (channels,),
        "centres": (2,),
        "spreads": (2,),
    }

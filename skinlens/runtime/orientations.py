"""The eight orientations of an image, and a model's mean answer over them (test-time augmentation)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from skinlens.imaging.image import LesionImage, Pixels
from skinlens.runtime.prediction import Prediction

ORIENTATIONS = 8


class Scored(Protocol):
    """The least that a model returns for one image."""

    @property
    def score(self) -> float:
        """P(malignant) in [0, 1]."""

    @property
    def milliseconds(self) -> float:
        """Wall time for this image."""


class Predicting(Protocol):
    """A released model, or what lets others use the machine between its passes."""

    def prepare(self, image: LesionImage) -> Pixels:
        """Return the image at the model's input size."""

    def predict(self, images: Sequence[LesionImage]) -> list[Prediction]:
        """Return predictions in the order of the images."""


class Scorer(Protocol):
    """Anything that scores images: a released model, a training run, either of them in eight orientations."""

    def predict(self, images: Sequence[LesionImage]) -> Sequence[Scored]:
        """Return an answer for each image, in their order."""


@dataclass(frozen=True)
class Score:
    """P(malignant) in [0, 1], and the milliseconds that it took."""

    score: float
    milliseconds: float


@dataclass(frozen=True)
class Stability:
    """A model's scores for the eight orientations of one image, the image as it is first.

    Attributes:
        scores: P(malignant), eight numbers in [0, 1].
    """

    scores: tuple[float, ...]

    @property
    def spread(self) -> float:
        """Largest score minus smallest."""
        return max(self.scores) - min(self.scores)

    def unchanged(self, threshold: float) -> int:
        """Return how many orientations, the first included, are on the same side of a threshold as the first."""
        reached = [score >= threshold for score in self.scores]
        return reached.count(reached[0])

    def holds(self, threshold: float) -> bool:
        """Return whether every orientation is on the same side of a threshold."""
        return self.unchanged(threshold) == len(self.scores)


def predict_orientations(predictor: Predicting, images: Sequence[LesionImage]) -> list[tuple[Prediction, Stability]]:
    """Predict each image, and its score in all eight orientations, in one call.

    The images are turned at the model's input size, so that the first orientation is exactly what `predict` gets.
    """
    sized = [replace(image, pixels=predictor.prepare(image)) for image in images]
    turned = [replace(image, pixels=pixels) for image in sized for pixels in orientations(image.pixels)]
    answers = predictor.predict(turned)
    of_each = [answers[first : first + ORIENTATIONS] for first in range(0, len(answers), ORIENTATIONS)]
    return [(turns[0], Stability(tuple(turn.score for turn in turns))) for turns in of_each]


class EightOrientations:
    """Test-time augmentation: a model's mean P(malignant) over the flips and quarter turns of an image.

    Args:
        model: The model to average.
    """

    def __init__(self, model: Scorer) -> None:
        self.model = model

    def predict(self, images: Sequence[LesionImage]) -> list[Score]:
        """Return mean scores in the order of the images; the milliseconds of the eight are added up."""
        return [self._mean(image) for image in images]

    def _mean(self, image: LesionImage) -> Score:
        answers = self.model.predict([replace(image, pixels=pixels) for pixels in orientations(image.pixels)])
        return Score(
            float(np.mean([answer.score for answer in answers])), sum(answer.milliseconds for answer in answers)
        )


def orientations(pixels: Pixels) -> list[Pixels]:
    """Return an image `(H, W, 3)` turned by 0, 90, 180 and 270 degrees, then its mirror image likewise."""
    turned = [np.rot90(side, turns) for side in (pixels, pixels[:, ::-1]) for turns in range(4)]
    return [np.ascontiguousarray(image) for image in turned]

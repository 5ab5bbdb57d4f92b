"""The eight orientations of an image, and a model's mean answer over them (test-time augmentation)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from skinlens.imaging.image import LesionImage, Pixels
from skinlens.runtime.prediction import Prediction
from skinlens.runtime.predictor import Predictor

ORIENTATIONS = 8


class Judgement(Protocol):
    """An answer for one image."""

    @property
    def score(self) -> float:
        """P(malignant) in [0, 1]."""

    @property
    def milliseconds(self) -> float:
        """Wall time for this image."""


class Judge(Protocol):
    """Anything that judges images: a released model, an unreleased one, either of them in eight orientations."""

    def predict(self, images: Sequence[LesionImage]) -> Sequence[Judgement]:
        """Answers in the order of the images."""


@dataclass(frozen=True)
class Score:
    """The least that a judgement holds: P(malignant) in [0, 1] and the milliseconds that it took."""

    score: float
    milliseconds: float


@dataclass(frozen=True)
class Stability:
    """What a model says of one image in each of its eight orientations, the image as it is first.

    Attributes:
        scores: P(malignant), eight numbers in [0, 1].
    """

    scores: tuple[float, ...]

    @property
    def spread(self) -> float:
        """Largest score minus smallest."""
        return max(self.scores) - min(self.scores)

    def unchanged(self, threshold: float) -> int:
        """In how many of the views, itself among them, the verdict at a threshold is that of the image as it is."""
        verdicts = [score >= threshold for score in self.scores]
        return verdicts.count(verdicts[0])

    def holds(self, threshold: float) -> bool:
        """Whether every view has the same verdict."""
        return self.unchanged(threshold) == len(self.scores)


def in_all_views(predictor: Predictor, images: Sequence[LesionImage]) -> list[tuple[Prediction, Stability]]:
    """What a model says of each image, and of its eight orientations, in one call.

    The images are turned at the model's input size, so that the first view is exactly what `predict` judges.
    """
    sized = [replace(image, pixels=predictor.prepare(image)) for image in images]
    turned = [replace(image, pixels=pixels) for image in sized for pixels in orientations(image.pixels)]
    answers = predictor.predict(turned)
    of_each = [answers[first : first + ORIENTATIONS] for first in range(0, len(answers), ORIENTATIONS)]
    return [(views[0], Stability(tuple(view.score for view in views))) for views in of_each]


class EightOrientations:
    """A model asked eight times: its mean P(malignant) over the flips and quarter turns of an image.

    Args:
        model: Who is asked.
    """

    def __init__(self, model: Judge) -> None:
        self.model = model

    def predict(self, images: Sequence[LesionImage]) -> list[Score]:
        """Mean scores in the order of the images; the milliseconds of the eight are added up."""
        return [self._mean(image) for image in images]

    def _mean(self, image: LesionImage) -> Score:
        answers = self.model.predict([replace(image, pixels=pixels) for pixels in orientations(image.pixels)])
        return Score(
            float(np.mean([answer.score for answer in answers])), sum(answer.milliseconds for answer in answers)
        )


def orientations(pixels: Pixels) -> list[Pixels]:
    """An image `(H, W, 3)` turned by 0, 90, 180 and 270 degrees, then the same of its mirror image."""
    turned = [np.rot90(side, turns) for side in (pixels, pixels[:, ::-1]) for turns in range(4)]
    return [np.ascontiguousarray(image) for image in turned]

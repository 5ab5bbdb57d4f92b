"""From bytes to what a model makes of an image and whether it may be judged, a few images at a time."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

from skinlens.imaging.decode import decode
from skinlens.imaging.image import ImageRejectedError, LesionImage
from skinlens.runtime.orientations import Stability, in_all_views
from skinlens.runtime.prediction import Prediction
from skinlens.runtime.predictor import Predictor
from skinlens.triage.admission import Admission, examine

Item = TypeVar("Item")

# Images of this many pixels together are judged before more are decoded: 300 MB, whatever their number.
MOST_PIXELS = 100_000_000


@dataclass(frozen=True)
class Received:
    """The digest of a file's bytes (empty if there were none to be had), and its image or why there is none."""

    sha256: str
    image: LesionImage | ImageRejectedError

    @property
    def pixels(self) -> int:
        """How many there are to hold in memory."""
        return self.image.width * self.image.height if isinstance(self.image, LesionImage) else 0


@dataclass(frozen=True, eq=False)
class Judged:
    """An image, what the model says of it and of its other views (None if not asked), and whether it may be judged."""

    image: LesionImage
    prediction: Prediction
    stability: Stability | None
    admission: Admission


def receive(read: Callable[[], bytes], *, name: str) -> Received:
    """Read and decode an image.

    Args:
        read: Gives the bytes, or raises ImageRejectedError.
        name: What to call the image in front of a person.
    """
    sha256 = ""
    try:
        content = read()
        sha256 = hashlib.sha256(content).hexdigest()
        return Received(sha256, decode(content, name=name))
    except ImageRejectedError as refusal:
        return Received(sha256, refusal)


def in_chunks(
    items: Iterable[tuple[Item, Received]], at_most: int, *, most_pixels: int | None = None
) -> Iterator[list[tuple[Item, Received]]]:
    """Images in order, few enough at a time that memory stays flat.

    Args:
        items: Read one at a time; a chunk is given before the next item is read.
        at_most: Items in a chunk.
        most_pixels: A chunk ends once it has so many; `MOST_PIXELS` without.
    """
    limit = MOST_PIXELS if most_pixels is None else most_pixels
    chunk: list[tuple[Item, Received]] = []
    pixels = 0
    for item, received in items:
        chunk.append((item, received))
        pixels += received.pixels
        if len(chunk) == at_most or pixels >= limit:
            yield chunk
            chunk, pixels = [], 0
    if chunk:
        yield chunk


def judge(
    received: Sequence[Received],
    predictor: Predictor,
    *,
    views: bool,
    lock: AbstractContextManager[object] | None = None,
) -> list[Judged | ImageRejectedError]:
    """What a model makes of images, in their order; one that could not be read stays what it is.

    Args:
        received: From `receive`.
        predictor: Of the model.
        views: Whether each image is judged in eight orientations.
        lock: Held while the model runs.
    """
    images = [each.image for each in received if isinstance(each.image, LesionImage)]
    with lock or nullcontext():
        answers = iter(_answers(predictor, images, views=views))
    return [
        each.image if isinstance(each.image, ImageRejectedError) else _judged(each.image, *next(answers), predictor)
        for each in received
    ]


def _answers(
    predictor: Predictor, images: Sequence[LesionImage], *, views: bool
) -> Sequence[tuple[Prediction, Stability | None]]:
    if views:
        return in_all_views(predictor, images)
    return [(prediction, None) for prediction in predictor.predict(images)]


def _judged(image: LesionImage, prediction: Prediction, stability: Stability | None, predictor: Predictor) -> Judged:
    return Judged(image, prediction, stability, examine(image, prediction, predictor))
